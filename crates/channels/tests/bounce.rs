//! What comes back counts only for mails of which it holds the signed return path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tidings_channels::bounce::{Bounce, BounceKind, ReturnPath, Signed, feedback};
use tidings_channels::config::BouncesConfig;
use tidings_plan::Key;

const KEY: Key = Key([0xab; 16]);
const NOW: i64 = 1_795_255_200_000_000;

fn returns(folder: &Path) -> ReturnPath {
    fs::write(folder.join("secret"), "secret").unwrap();
    let config = "{address: bounces@shop.example, secret: 'file:secret', mailbox: mail}";
    let config: BouncesConfig = serde_yaml::from_str(config).unwrap();
    ReturnPath::new(&config, folder).unwrap()
}

/// As Postfix writes it.
fn report(to: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\nTo: {to}\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n boundary=\"B\"\n\n--B\nContent-Type: text/plain\n\n\
         I'm sorry to have to inform you about ann@shop.example\n\n--B\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@shop.example\nAction: failed\nStatus: {status}\n\
         Diagnostic-Code: smtp; 550 5.1.1 <ann@shop.example>: unknown\n\n--B\nContent-Type: text/rfc822-headers\n\n\
         Subject: Hello\n\n--B--\n"
    )
}

/// As mailbox providers write it, with their reader's address left out.
fn complaint(header: &str, kind: &str) -> String {
    format!(
        "From: fbl@mail.example\nTo: abuse@shop.example\nSubject: FW: Hello\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=B\n\n--B\nContent-Type: text/plain\n\nAbuse\n\n\
         --B\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Some/1\nVersion: 1\n\n\
         --B\nContent-Type: message/rfc822\n\n{header}\nSubject: Hello\n\nHi\n\n--B--\n"
    )
}

#[test]
fn reports_are_read_for_what_they_say_and_hold_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let returns = returns(folder.path());
    let path = returns.address(KEY);
    assert_eq!(path.split(['+', '-']).nth(1), Some(KEY.to_string().as_str()));
    assert!(path.starts_with("bounces+") && path.ends_with("@shop.example"));
    assert!(path.find('@').unwrap() <= 64);
    for (status, kind) in [
        ("5.1.1", Some(BounceKind::Hard)),
        ("5.0.0 (nothing more)", Some(BounceKind::Hard)),
        ("5.7.1", Some(BounceKind::Soft)),
        ("5.2.2", Some(BounceKind::Soft)),
        ("4.4.7", Some(BounceKind::Soft)),
        ("2.0.0", None),
        ("none", None),
    ] {
        let read = returns.read(report(&path, status).as_bytes());
        assert_eq!(read.first().map(|b| (b.key, b.kind)), kind.map(|kind| (KEY, kind)), "{status}");
        assert!(read.iter().all(|b| !b.detail.contains('@')), "{read:?}");
    }
    let header = format!("X-Tidings-Return: {path}");
    let complaints = |kind| returns.read(complaint(&header, kind).as_bytes());
    assert_eq!(complaints("abuse")[0].kind, BounceKind::Complaint);
    assert_eq!(complaints("ann@shop.example")[0].detail, "the reader's provider reported a complaint");
    assert_eq!(complaints("not-spam"), []);
    let lower = report(&path.to_uppercase(), "5.1.1");
    assert_eq!(returns.read(lower.as_bytes()).len(), 1, "some servers shout");
}

#[test]
fn a_forged_bounce_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = returns(folder.path()).address(KEY);
    let guess = |proof: &str| format!("bounces+{KEY}-{proof}@shop.example");
    let other = path.replace(&KEY.to_string(), &Key([0xcd; 16]).to_string());
    let message_id = format!("<{KEY}@shop.example>");
    let cut = path.replace("@shop", "").replace(".example", "");
    for to in [
        guess("0000000000000000"),
        guess(""),
        other,
        message_id,
        cut[..cut.len() - 1].to_owned(),
        "bounces@shop.example".into(),
    ] {
        assert_eq!(returns(folder.path()).read(report(&to, "5.1.1").as_bytes()), [], "{to}");
        assert_eq!(returns(folder.path()).read(complaint(&to, "abuse").as_bytes()), [], "{to}");
    }
    // Somebody answers by hand, or a machine does: no report.
    let answer = format!("From: ann@shop.example\nTo: {path}\nSubject: Re: Hello\n\nStatus: 5.1.1\n");
    assert_eq!(returns(folder.path()).read(answer.as_bytes()), []);
    fs::write(folder.path().join("secret"), "another").unwrap();
    let config = "{address: bounces@shop.example, secret: 'file:secret'}";
    let another = ReturnPath::new(&serde_yaml::from_str(config).unwrap(), folder.path()).unwrap();
    assert_eq!(another.read(report(&path, "5.1.1").as_bytes()), []);
}

#[test]
fn a_maildir_gives_each_mail_once_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let returns = returns(folder.path());
    let mail = folder.path().join("mail");
    let mailbox = returns.mailbox().unwrap();
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(mail.join(part)).unwrap();
    }
    for i in 0..120 {
        fs::write(mail.join(format!("new/{i:03}.host")), format!("Subject: {i}\n\n")).unwrap();
    }
    fs::write(mail.join("new/120.host"), "x".repeat(10 << 20)).unwrap();
    let first = mailbox.read(0, NOW).unwrap();
    assert_eq!((first.mails.len(), first.mails[3].as_slice()), (100, b"Subject: 3\n\n".as_slice()));
    let again = mailbox.read(0, NOW).unwrap();
    assert_eq!(again.mails, first.mails, "a process that died before it was done reads them again");
    again.finish().unwrap();
    first.finish().unwrap();
    let second = mailbox.read(0, NOW).unwrap();
    assert_eq!(second.mails.len(), 21);
    assert_eq!(second.mails[20].len(), 256 * 1024);
    second.finish().unwrap();
    assert!(mailbox.read(0, NOW).unwrap().mails.is_empty());
    assert_eq!(fs::read_dir(mail.join("cur")).unwrap().count(), 121);
}

#[test]
fn an_mbox_gives_each_mail_once_and_never_half_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let returns = returns(folder.path());
    let mbox = folder.path().join("mail");
    let mailbox = returns.mailbox().unwrap();
    assert!(mailbox.read(7, NOW).unwrap().mails.is_empty(), "it is not there yet");
    let written = |text: &str, seconds_ago: u64| {
        fs::write(&mbox, text).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(NOW as u64);
        File::options()
            .append(true)
            .open(&mbox)
            .unwrap()
            .set_modified(now - Duration::from_secs(seconds_ago))
            .unwrap();
    };
    let one = "From a@b Sat\nSubject: 1\n\nFrom here on\nbody\n\n";
    let two = "From a@b Sat\nSubject: 2\n\nbody\n\n";
    let read = |from| {
        let batch = mailbox.read(from, NOW).unwrap();
        let mails = batch.mails.iter().map(|m| String::from_utf8(m.clone()).unwrap()).collect::<Vec<_>>();
        (mails, batch.next)
    };
    let text = |mail: &str| mail.split_once('\n').unwrap().1.to_owned();
    let one = one.replace("\n\nFrom here", "\n\n>From here");
    written(&format!("{one}From a@b Sat\nSubj"), 5);
    assert_eq!(read(0), (vec![text(&one)], one.len() as u64), "the second is still being written");
    written(&format!("{one}{two}"), 5);
    assert_eq!(read(one.len() as u64), (vec![], one.len() as u64));
    written(&format!("{one}{two}"), 60);
    let end = (one.len() + two.len()) as u64;
    assert_eq!(read(one.len() as u64), (vec![text(two)], end));
    assert_eq!(read(end), (vec![], end));
    written(two, 60);
    assert_eq!(read(end), (vec![text(two)], two.len() as u64), "another file has taken its place");
    written(&format!("{two}{one}{one}"), 60);
    assert_eq!(read(one.len() as u64).0.len(), 3, "no mail begins there");
}

#[test]
fn a_service_tells_of_a_bounce_with_its_signature_and_lately() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into();
    let body = format!(
        "{{\"key\": \"{KEY}\", \"kind\": \"hard\", \"detail\": \"550 5.1.1 <ann@shop.example> +8613800138000 no such user\"}}"
    );
    // openssl dgst -sha256 -mac HMAC over `msg_1.1795255200.BODY`.
    let signature = "v1,iSUq8moE2rrYIvXRuTVYmyfI7SyC7tXzeC0TpD/qIVo=";
    let told = |signature: &str, timestamp: &str, body: &str, now: i64| {
        feedback(&secret, &Signed { id: "msg_1", timestamp, signature }, body.as_bytes(), now)
    };
    let at = "1795255200";
    let want = Bounce { key: KEY, kind: BounceKind::Hard, detail: "550 5.1.1 … … no such user".into() };
    assert_eq!(told(signature, at, &body, NOW).unwrap(), want);
    assert_eq!(told(&format!("v1,AAAA v2,x {signature}"), at, &body, NOW + 300_000_000).unwrap(), want);
    for (signature, at, body, now) in [
        (signature, at, body.replace("hard", "soft"), NOW),
        (signature, "1795255201", body.clone(), NOW),
        (signature, at, body.clone(), NOW + 301_000_000),
        (signature, at, body.clone(), NOW - 301_000_000),
        ("v1,", at, body.clone(), NOW),
        ("", at, body.clone(), NOW),
        (signature, "", body.clone(), NOW),
    ] {
        assert!(told(signature, at, &body, now).is_err(), "{signature} {at} {body}");
    }
}
