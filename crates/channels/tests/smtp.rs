//! Mail against a server that goes wrong: each ending is reported as what it is, by the server's own log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "servers/smtp.rs"]
mod server;

use server::Fault::{self, Close, Nothing, Pieces, Reset, Says, Silence, StartTls, Tls, Twice};
use server::{Log, start};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_channels::config::SmtpConfig;
use tidings_channels::smtp::{Limits, Smtp};
use tidings_channels::{Templates, unsubscribe};
use tidings_plan::{Carrier, Grant, Key, Kind, OnUnknown, Outcome, Rate, Sending};

/// Short, so that silence is noticed soon; no test ends in time by them.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    command: Duration::from_millis(300),
    dot: Duration::from_millis(300),
    idle: Duration::from_secs(60),
};

struct Channel {
    smtp: Smtp,
    _folder: tempfile::TempDir,
}

fn channel(port: u16, more: &str) -> Channel {
    let folder = tempfile::tempdir().unwrap();
    let smtp = configured(port, more, folder.path(), LIMITS).unwrap();
    Channel { smtp, _folder: folder }
}

fn configured(port: u16, more: &str, folder: &Path, limits: Limits) -> Result<Smtp, String> {
    let mail = "subject: 你好 {{ customer.name }}\npreheader: {{ coupon.value }}\n---\n<p>Dear {{ customer.name }},</p>\n\
                <p>{{ coupon.code }} until {{ coupon.expires }}</p>\n.\n<a href=\"{{ unsubscribe_url }}\">stop</a>\n";
    fs::write(folder.join("hello.email.liquid"), mail).unwrap();
    fs::write(folder.join("password"), "secret\n").unwrap();
    let (templates, errors) = Templates::load(folder);
    assert_eq!(errors, []);
    let host = if more.contains("host:") { "" } else { "host: localhost" };
    let yaml = format!("from: Shop <hello@shop.example>\nconnections: 1\nport: {port}\n{host}\n{more}");
    let config: SmtpConfig = serde_yaml::from_str(&yaml).unwrap();
    Smtp::new(&config, Arc::new(templates), chrono_tz::Asia::Shanghai, folder, limits)
}

fn sending(number: u8, to: &str) -> Sending {
    Sending {
        key: Key([number; 16]),
        kind: Kind::Message,
        channel: "email".into(),
        subject: "hello".into(),
        address: Some(to.into()),
        customer: "c-1".into(),
        rule: "wake-up".into(),
        values: r#"{"customer": {"name": "O'Neil\r\nBcc: x@y.example <b>"}}"#.into(),
        at: 1_795_255_200_000_000,
    }
}

#[tokio::test]
async fn whatever_a_name_holds_the_mail_is_one_mail_to_one_reader() {
    let long = "很长".repeat(5_000 / 6);
    for name in [
        "O'Neil\r\nBcc: x@y.example\r\n\r\n<script>",
        "a\r\n.\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<all@shop.example>\r\n",
        "a\0b",
        "a\n.\n..\n",
        "\u{202e}evil\u{2066}\u{200f}",
        "{{7*7}}{% for i in (1..9) %}",
        "=?utf-8?b?QmNjOg==?=",
        &long,
        &"x".repeat(10_000),
    ] {
        let (port, log) = start(&[]).await;
        let begins: String = name.chars().take(20).collect();
        let mut sending = sending(1, "ann@shop.example");
        sending.values = serde_json::json!({"customer": {"name": name}}).to_string();
        let channel = channel(port, "tls: none");
        let payload = channel.smtp.prepare(&sending, None).unwrap();
        let outcome = channel.smtp.deliver(&sending, &payload).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{begins:?}: {outcome:?}");
        let [mail] = &log.accepted()[..] else { panic!("{begins:?}") };
        let message = &mail.message;
        assert!(!message.replace("\r\n", "").contains(['\r', '\n', '\0']), "{begins:?}");
        assert!(message.lines().all(|l| l.len() <= 998), "{begins:?}");
        let read = mail_parser::MessageParser::default().parse(message).unwrap();
        assert_eq!(read.parts.len(), 3, "{begins:?}");
        assert!(read.bcc().is_none() && read.to().unwrap().iter().count() == 1);
        let subject = read.subject().unwrap();
        assert!(
            subject.starts_with("你好")
                && !subject.contains(|c: char| "\u{202e}\u{2066}\u{200f}".contains(c) || c.is_control()),
            "{subject}"
        );
        let shown = name.chars().filter(|c| c.is_alphanumeric()).take(9).collect::<String>();
        let text: String = read.body_text(0).unwrap().chars().filter(|c| c.is_alphanumeric()).collect();
        assert!(text.contains(&shown), "{text}");
    }
}

async fn send(channel: &Channel, number: u8, to: &str) -> Outcome {
    let sending = sending(number, to);
    let payload = channel.smtp.prepare(&sending, None).unwrap();
    channel.smtp.deliver(&sending, &payload).await
}

/// One mail through a server whose first connection has that fault.
async fn one(fault: Fault) -> (Outcome, Log) {
    let (port, log) = start(&[fault]).await;
    let outcome = send(&channel(port, "tls: none"), 1, "ann@shop.example").await;
    (outcome, log)
}

fn is_again(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Again(..))
}

#[tokio::test]
async fn an_accepted_mail_is_sent_and_carries_the_servers_name_for_it() {
    for fault in [Nothing, Pieces] {
        let (outcome, log) = one(fault).await;
        let id = Some("2.0.0 queued as 1".to_owned());
        assert_eq!(outcome, Outcome::Sent { provider_id: id, code: None }, "{fault:?}");
        assert_eq!(log.recipients(), ["ann@shop.example"]);
    }
}

#[tokio::test]
async fn whatever_fails_before_the_text_leaves_is_a_definite_no() {
    for fault in [
        Silence("greeting"),
        Silence("EHLO"),
        Silence("MAIL"),
        Silence("RCPT"),
        Silence("DATA"),
        Close("greeting"),
        Close("EHLO"),
        Close("MAIL"),
        Close("RCPT"),
        Close("DATA"),
        Reset("greeting"),
        Reset("DATA"),
        Says("greeting", "421 busy"),
        Says("greeting", "554 no"),
        Says("MAIL", "421 closing"),
        Says("EHLO", "550 not you"),
        Says("MAIL", "451 later"),
        Says("MAIL", "550 go away"),
        Says("RCPT", "530 log in first"),
        Says("RCPT", "450 greylisted"),
        Says("DATA", "452 full"),
        Says("DATA", "250 ok"),
        Says("greeting", "not smtp"),
    ] {
        let (outcome, log) = one(fault).await;
        assert!(is_again(&outcome), "{fault:?}: {outcome:?}");
        assert_eq!(log.accepted(), [], "{fault:?}");
    }
    for fault in [Says("RCPT", "550 no such user"), Says("DATA", "554 no")] {
        let (outcome, log) = one(fault).await;
        assert!(matches!(outcome, Outcome::Rejected(_)), "{fault:?}: {outcome:?}");
        assert_eq!(log.accepted(), [], "{fault:?}");
    }
}

#[tokio::test]
async fn a_mail_without_an_answer_to_its_end_is_unknown() {
    for fault in [Silence("."), Close("."), Reset(".")] {
        let (outcome, log) = one(fault).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{fault:?}: {outcome:?}");
        assert_eq!(log.recipients(), ["ann@shop.example"], "the server has it, and we cannot know");
    }
    for says in ["354 go on", "220 hello", "251 ok"] {
        let (outcome, _) = one(Says(".", says)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "that is no answer to this: {outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_to_the_end_is_believed() {
    for (says, again) in [("451 later", true), ("421 closing", true), ("554 spam", false)] {
        let (outcome, log) = one(Says(".", says)).await;
        assert_eq!(is_again(&outcome), again, "{outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Rejected(_)), !again, "{outcome:?}");
        assert_eq!(log.accepted(), []);
    }
}

#[tokio::test]
async fn reasons_do_not_hold_the_address() {
    let (outcome, _) = one(Says("RCPT", "550 <ann@shop.example>: unknown")).await;
    let Outcome::Rejected(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("unknown") && !why.contains("ann@"), "{why}");
}

#[tokio::test]
async fn connections_are_held_open_and_replaced_when_the_server_closed_them() {
    let (port, log) = start(&[Nothing, Close("MAIL")]).await;
    let channel = channel(port, "tls: none");
    for number in 1..=3 {
        assert!(matches!(send(&channel, number, "ann@shop.example").await, Outcome::Sent { .. }));
    }
    assert_eq!((log.connections(), log.accepted().len()), (1, 3));
}

#[tokio::test]
async fn a_refused_address_costs_no_connection() {
    let (port, log) = start(&[]).await;
    let channel = channel(port, "tls: none");
    for (number, to) in [(1, "nobody@shop.example"), (2, "ann@shop.example"), (3, "nobody@shop.example")] {
        let outcome = send(&channel, number, to).await;
        assert_eq!(matches!(outcome, Outcome::Rejected(_)), number != 2, "{outcome:?}");
    }
    assert_eq!((log.connections(), log.recipients()), (1, vec!["ann@shop.example".to_owned()]));
}

#[tokio::test]
async fn many_mails_at_once_go_through_as_many_connections_and_no_more() {
    let (port, log) = start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let smtp = configured(port, "tls: none", folder.path(), Limits::default()).unwrap();
    let channel = Arc::new(Channel { smtp, _folder: folder });
    for _ in 0..10 {
        let mut under_way = tokio::task::JoinSet::new();
        for number in 0..50 {
            let channel = channel.clone();
            under_way.spawn(async move { send(&channel, number, &format!("c{number}@shop.example")).await });
        }
        while let Some(outcome) = under_way.join_next().await {
            assert!(matches!(outcome, Ok(Outcome::Sent { .. })), "{outcome:?}");
        }
    }
    assert_eq!(log.accepted().len(), 500);
    assert!(log.connections() <= 50, "{}", log.connections());
}

#[tokio::test]
async fn a_closed_connection_that_was_held_costs_no_mail() {
    // After its first mail the connection answers nothing but a farewell.
    let (port, log) = start(&[Says(".", "250 ok\r\n421 bye")]).await;
    let channel = channel(port, "tls: none");
    for number in 1..=2 {
        let outcome = send(&channel, number, "ann@shop.example").await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }
    assert_eq!(log.connections(), 2);
}

/// Where a connection goes on being used after a lost answer, the next mail gets the answer that belongs to
/// the one before it, and a refused mail is reported accepted.
#[tokio::test]
async fn no_answer_is_taken_for_that_of_another_mail() {
    for fault in [Nothing, Twice, Silence("RCPT"), Silence("."), Says(".", "250 ok\r\n250 ok\r\n250 ok")] {
        let (port, log) = start(&[fault]).await;
        let channel = channel(port, "tls: none");
        send(&channel, 1, "first@shop.example").await;
        let refused = send(&channel, 2, "nobody@shop.example").await;
        assert!(!matches!(refused, Outcome::Sent { .. }), "{fault:?}: {refused:?}");
        let accepted = send(&channel, 3, "third@shop.example").await;
        assert!(matches!(accepted, Outcome::Sent { .. }), "{fault:?}: {accepted:?}");
        assert_eq!(log.recipients().iter().filter(|to| *to == "third@shop.example").count(), 1, "{fault:?}");
        assert!(!log.recipients().contains(&"nobody@shop.example".to_owned()));
    }
}

#[tokio::test]
async fn a_connection_without_an_answer_is_not_used_again() {
    for step in ["MAIL", "RCPT", "DATA", "."] {
        let (port, log) = start(&[Silence(step)]).await;
        let channel = channel(port, "tls: none");
        send(&channel, 1, "ann@shop.example").await;
        assert!(matches!(send(&channel, 2, "bob@shop.example").await, Outcome::Sent { .. }));
        let begun = log.commands().iter().filter(|c| c.starts_with("MAIL")).count();
        assert_eq!((begun, log.connections()), (2, 2), "{step}");
    }
}

#[tokio::test]
async fn a_mail_that_was_given_up_leaves_no_connection_behind() {
    let (port, log) = start(&[Silence("DATA")]).await;
    let channel = channel(port, "tls: none");
    let given_up =
        tokio::time::timeout(Duration::from_millis(100), send(&channel, 1, "ann@shop.example")).await;
    assert!(given_up.is_err());
    assert!(matches!(send(&channel, 2, "bob@shop.example").await, Outcome::Sent { .. }));
    assert_eq!((log.recipients(), log.connections()), (vec!["bob@shop.example".to_owned()], 2));
}

#[tokio::test]
async fn nothing_leaves_unprotected_when_protection_is_wanted() {
    let (port, log) = start(&[]).await;
    let outcome =
        send(&channel(port, "tls: starttls\nuser: u\npassword: file:password"), 1, "ann@shop.example").await;
    let Outcome::Again(why, None) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("nothing is sent unprotected"), "{why}");
    assert!(
        log.commands().iter().all(|c| c.starts_with("EHLO") || c.starts_with("QUIT")),
        "{:?}",
        log.commands()
    );
}

/// Who stands between can put answers in front of the server's own, and then one to another command is taken for that to
/// the password.
#[tokio::test]
async fn a_login_that_is_answered_with_something_else_is_none() {
    for (says, in_order) in [("235 welcome", true), ("250 ok", false), ("220 go on", false)] {
        let (port, log) = start(&[Says("AUTH", says)]).await;
        let known = channel(port, "tls: none\nuser: u\npassword: file:password");
        let outcome = send(&known, 1, "ann@shop.example").await;
        assert_eq!(
            (is_again(&outcome), log.accepted().len()),
            (!in_order, usize::from(in_order)),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_address_that_the_server_does_not_understand_is_refused_before_it_is_said() {
    let (port, log) = start(&[]).await;
    let channel = channel(port, "tls: none");
    let outcome = send(&channel, 1, "李@shop.example").await;
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
    assert!(log.commands().iter().all(|c| !c.starts_with("MAIL")), "{:?}", log.commands());
}

#[tokio::test]
async fn certificates_are_checked() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/certificate.pem");
    for (fault, tls) in [(StartTls, "starttls"), (Tls, "tls")] {
        let (port, log) = start(&[fault]).await;
        let outcome = send(&channel(port, &format!("tls: {tls}")), 1, "ann@shop.example").await;
        assert!(is_again(&outcome), "{tls}: {outcome:?}");
        assert_eq!(log.accepted(), []);

        let (port, log) = start(&[fault]).await;
        let known = format!("tls: {tls}\nca_file: {ca}\nuser: u\npassword: file:password");
        let outcome = send(&channel(port, &known), 1, "ann@shop.example").await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{tls}: {outcome:?}");
        assert_eq!(log.recipients(), ["ann@shop.example"]);
    }
}

#[test]
fn settings_that_would_leak_or_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = [
        "tls: none\nhost: mail.shop.example\nuser: u\npassword: file:password",
        "user: u",
        "on_unknown: {ask: {url: 'https://mail.example/events'}}",
        "bounces: {address: nowhere}",
        "unsubscribe: {url: 'http://shop.example', secret: file:password}",
        "password: file:missing\nuser: u",
    ]
    .map(|more| configured(1, more, folder.path(), LIMITS).err().unwrap_or_else(|| panic!("{more}")));
    errors.sort_unstable();
    let parts = ["`user` and `password`", "bounces", "{{ key }}", "missing", "https://", "unprotected"];
    for part in parts {
        assert!(errors.iter().any(|e| e.contains(part)), "{part}: {errors:?}");
    }
}

#[tokio::test]
async fn the_mail_has_what_makes_it_arrive() {
    let (port, log) = start(&[]).await;
    let plain = channel(port, "tls: none\nrate: 50 per second\ndomains: {GMAIL.com: 10 per minute}");
    let per = |count, seconds| Rate { count, per: Duration::from_secs(seconds) };
    assert_eq!(plain.smtp.on_unknown(), OnUnknown::TwiceWithCoupon);
    assert_eq!(plain.smtp.rate(), Some(per(50, 1)));
    assert_eq!(plain.smtp.domain_rates(), [("gmail.com".to_owned(), per(10, 60))]);
    assert_eq!(channel(port, "tls: none\non_unknown: leave").smtp.on_unknown(), OnUnknown::Leave);
    let more = "tls: none\nreply_to: help@shop.example\nbounces: {address: bounces@shop.example}\n\
                unsubscribe: {url: 'https://shop.example/u', secret: file:password}\non_unknown: {retry: 1 hour}";
    let channel = channel(port, more);
    assert_eq!(channel.smtp.on_unknown(), OnUnknown::Retry(3600));
    let sending = sending(7, "li@xn--55qx5d.cn");
    let coupon = Grant {
        code: "A&B".into(),
        value: "20 CNY".into(),
        label: None,
        expires: Some(1_797_847_200_000_000),
    };
    let payload = channel.smtp.prepare(&sending, Some(&coupon)).unwrap();
    assert_eq!(
        payload,
        channel.smtp.prepare(&sending, Some(&coupon)).unwrap(),
        "the same row is the same bytes"
    );
    assert!(matches!(channel.smtp.deliver(&sending, &payload).await, Outcome::Sent { .. }));

    let message = &log.accepted()[0].message;
    let (headers, body) = message.split_once("\r\n\r\n").unwrap();
    let headers = headers.replace("\r\n ", " ");
    let header = |name: &str| {
        headers
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(header("From"), "Shop <hello@shop.example>");
    assert_eq!(header("To"), "li@xn--55qx5d.cn");
    assert_eq!(header("Reply-To"), "help@shop.example");
    assert_eq!(header("Date"), "Sat, 21 Nov 2026 10:00:00 +0000");
    assert_eq!(header("Message-ID"), format!("<{}@shop.example>", Key([7; 16])));
    assert_eq!(header("X-Tidings-Rule"), "wake-up");
    assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let link = header("List-Unsubscribe").trim_matches(['<', '>']);
    let token = link.strip_prefix("https://shop.example/u?t=").unwrap();
    assert_eq!(unsubscribe::read(token, b"secret"), Some(("email".into(), "c-1".into())));
    assert!(header("Content-Type").starts_with("multipart/alternative; boundary="));
    assert!(!headers.lines().any(|l| l.starts_with("Bcc")));
    assert!(message.is_ascii() && message.lines().all(|l| l.len() <= 998));

    let (text, html) = (body.find("text/plain").unwrap(), body.find("text/html").unwrap());
    assert!(text < html);
    let html = body[html..].replace("=\r\n", "").replace("=3D", "=");
    assert!(html.contains("A&amp;B until 2026-12-21") && html.contains("O&#39;Neil"), "{html}");
    assert!(body[text..].contains("A&B until 2026-12-21"));
    let commands = log.commands();
    assert!(commands.contains(&"MAIL FROM:<bounces@shop.example>".to_owned()), "{commands:?}");
}
