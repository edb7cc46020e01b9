//! `tidings serve` as a process: what it answers, what it takes up, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod daemon;
mod project;
mod witness;

use daemon::Daemon;
use project::Project;
use std::time::{Duration, Instant};
use tidings_store::State;
use witness::{Log, mail_server, tally};

/// The secret of links to unsubscribe.
const LINKS: &str = "a secret of links";
const RULE: &str = "rule hello\n  every day at 10:00\n  if email is known\n  then\n    send hello email\n  repeat every time\nend\n";

/// A shop of three customers whose mails go to a port on this machine.
fn shop(port: u16) -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        &format!(
            "name: serve\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: UTC\ncurrency: USD\nchannels:\n  \
             email:\n    kind: smtp\n    host: 127.0.0.1\n    port: {port}\n    tls: none\n    from: shop@example.com\n    \
             unsubscribe: {{url: \"https://shop.example/unsubscribe\", secret: \"file:links.key\"}}\n"
        ),
    );
    project.write("links.key", LINKS);
    project.write("rules/hello.tidings", RULE);
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.customers("1,one@example.com,yes\n2,two@example.com,yes\n3,three@example.com,yes\n");
    project
}

#[test]
fn a_broken_project_is_not_taken_up_and_a_mended_one_is() {
    let project = shop(1);
    let daemon = Daemon::start(&project, &[], &[]);
    daemon.until("/readyz", |status, _| status == 200);

    project.write("rules/hello.tidings", &RULE.replace("email is known", "emial is known"));
    let (_, why) = daemon.until("/readyz", |status, _| status == 503);
    assert!(why.contains("E201 rules/hello.tidings:3:"), "{why}");
    let shouts = daemon.log().into_iter().filter(|e| e["level"] == "ERROR").collect::<Vec<_>>();
    assert!(shouts.iter().any(|e| e["fields"]["finding"].as_str().unwrap().contains("E201")), "{shouts:#?}");
    let (status, metrics) = daemon.get("/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("\ntidings_project_sound 0\n"), "{metrics}");
    assert!(metrics.contains("\ntidings_reload_failures_total 1\n"), "{metrics}");

    project.write("rules/hello.tidings", &RULE.replace("10:00", "11:00"));
    daemon.until("/readyz", |status, _| status == 200);
    let (_, metrics) = daemon.get("/metrics");
    assert!(metrics.contains("\ntidings_reloads_total 1\n"), "{metrics}");

    // A template counts too, and what says the same as before does not.
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>{{ customer.nobody }}</p>\n");
    daemon.until("/readyz", |status, why| status == 503 && why.contains("templates/hello.email.liquid:3"));
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    daemon.until("/readyz", |status, _| status == 200);
}

/// Who unsubscribes does not have to wait until somebody has mended a rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_broken_from_the_start_sends_nothing_and_still_lets_people_go() {
    let (port, mails) = mail_server(Duration::ZERO).await;
    for (file, wrong) in [
        ("rules/hello.tidings", RULE.replace("email is known", "emial is known")),
        ("templates/hello.email.liquid", "no subject".to_owned()),
        ("schema.yaml", "customer: {}\n".to_owned()),
    ] {
        let before = mails.lock().unwrap().len();
        let project = shop(port);
        fill(&project);
        let sound = project.read(file);
        project.write(file, &wrong);
        let mut daemon = Daemon::start(&project, &[], &[]);
        daemon
            .until("/readyz", |status, why| status == 503 && why.contains(file) && !why.contains("not open"));
        let link =
            |id: &str| tidings_channels::unsubscribe::link("/unsubscribe", LINKS.as_bytes(), "email", id);
        assert_eq!(daemon.ask("POST", &link("1"), "", "").0, 200, "{file}");
        assert_eq!(daemon.get(&link("2")).0, 200, "{file}");
        daemon.until("/metrics", |_, m| {
            m.contains("tidings_project_sound 0") && m.contains("tidings_queue_depth")
        });
        assert_eq!(
            mails.lock().unwrap().len(),
            before,
            "{file}: nothing leaves without the project's policy"
        );

        project.write(file, &sound);
        daemon.until("/readyz", |status, _| status == 200);
        soon(|| project.states() == [("no_consent".to_owned(), 1), ("sent".to_owned(), 22)]).await;
        assert_eq!(mails.lock().unwrap().len() - before, 22, "{file}");
        daemon.signal("TERM");
        assert_eq!(daemon.wait(), Some(0));
    }
    let project = shop(port);
    project.write("tidings.yaml", "stroe: x\n");
    // Where its state is nobody knows.
    project.refused(&["serve", "--listen", "127.0.0.1:0"]);
}

#[test]
fn looking_at_the_link_changes_nothing_and_the_button_withdraws() {
    let project = shop(1);
    let daemon = Daemon::start(&project, &[], &[]);
    daemon.until("/readyz", |status, _| status == 200);
    let planned = || {
        let plan = project.json(&["plan", "--format", "json"]);
        plan["rules"][0]["planned"].as_u64().unwrap()
    };
    let link = |secret: &str, customer: &str| {
        let link = tidings_channels::unsubscribe::link("/unsubscribe", secret.as_bytes(), "email", customer);
        link.to_owned()
    };

    let (status, page) = daemon.get(&link(LINKS, "1"));
    assert!(status == 200 && page.contains("<button"), "{page}");
    assert_eq!(planned(), 3, "mail programs look at links by themselves");
    let of_another_channel =
        tidings_channels::unsubscribe::link("/unsubscribe", LINKS.as_bytes(), "sms", "2");
    for forged in [link("another secret", "2"), of_another_channel] {
        assert_eq!(daemon.get(&forged).0, 404);
        assert_eq!(daemon.ask("POST", &forged, "", "List-Unsubscribe=One-Click").0, 404);
    }
    assert_eq!(planned(), 3);

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, page) = daemon.ask("POST", &link(LINKS, "1"), form, "List-Unsubscribe=One-Click");
    assert!(status == 200 && page.contains("no more advertising"), "{page}");
    assert_eq!(planned(), 2, "the answer comes after the commit");
    assert_eq!(daemon.ask("POST", &link(LINKS, "2"), "", "").0, 200, "the button of the page");
    assert_eq!(planned(), 1);
    let (status, page) = daemon.ask("POST", &link(LINKS, ""), "", "");
    assert!(status == 200 && page.contains("Nothing has changed"), "the link of a test message: {page}");
    assert_eq!(planned(), 1);
    let said = format!("{:?}", daemon.log());
    assert!(!said.contains("example.com"), "no address in the log: {said}");
}

#[test]
fn others_than_this_machine_need_a_token_for_the_metrics() {
    let project = shop(1);
    assert!(project.refused(&["serve", "--listen", "0.0.0.0:0"]).contains("--token env:NAME"));

    let daemon = Daemon::start(&project, &["--token", "env:TOKEN"], &[("TOKEN", "let me in")]);
    assert_eq!(daemon.get("/metrics").0, 401);
    assert_eq!(daemon.ask("GET", "/metrics", "Authorization: Bearer let me in, too\r\n", "").0, 401);
    assert_eq!(daemon.ask("GET", "/metrics", "Authorization: Bearer let me in\r\n", "").0, 200);
    assert_eq!(daemon.get("/healthz").0, 200);
    daemon.until("/readyz", |status, _| status == 200);
    project.write("rules/hello.tidings", &RULE.replace("email is known", "emial is known"));
    let (_, why) = daemon.until("/readyz", |status, _| status == 503);
    assert!(!why.contains("hello"), "{why}");
    let (_, why) = daemon.ask("GET", "/readyz", "Authorization: Bearer let me in\r\n", "");
    assert!(why.contains("E201 rules/hello.tidings:3:"), "{why}");
}

/// A mailbox that cannot be read is said to be that, and nothing else.
#[test]
fn what_is_not_the_state_s_trouble_is_not_called_so() {
    let project = shop(1);
    let config = project.read("tidings.yaml");
    let bounces = "    bounces: {address: bounces@shop.example, secret: \"file:bounces.key\", mailbox: schema.yaml/none}\n";
    project.write("tidings.yaml", &(config + bounces));
    project.write("bounces.key", "a secret of bounces");
    let daemon = Daemon::start(&project, &[], &[]);
    let (_, metrics) =
        daemon.until("/metrics", |_, m| m.contains("tidings_duty_failures_total{duty=\"mailboxes\"} 1"));
    assert!(metrics.contains("\ntidings_state_reachable 1\n"), "{metrics}");
    assert!(!metrics.contains("tidings_state_errors_total{duty=\"mailboxes\"}"), "{metrics}");
    assert_eq!(daemon.get("/readyz").0, 200);
    let log = daemon.log();
    assert!(log.iter().any(|e| e["level"] == "ERROR" && e["fields"]["duty"] == "mailboxes"), "{log:#?}");
}

/// Gives a project twenty customers more, and writes the 23 sends down without sending any.
fn fill(project: &Project) {
    project.customers(&(0..20).map(|i| format!("{i:02},c{i}@example.com,yes\n")).collect::<String>());
    project.run(&["pause"]);
    project.output(&["run"]);
    project.run(&["resume"]);
}

async fn soon(mut comes: impl FnMut() -> bool) {
    let start = Instant::now();
    while !comes() {
        assert!(start.elapsed() < daemon::SOON);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_sent() {
    let (port, mails) = mail_server(Duration::ZERO).await;
    let project = shop(port);
    // Due half an hour ago, and not again before tomorrow; the rule was last dealt with two hours ago.
    let due = chrono::Utc::now() - chrono::TimeDelta::minutes(30);
    project.write("rules/hello.tidings", &RULE.replace("10:00", &due.format("%H:%M").to_string()));
    let state = State::open_file(&project.folder().join("state.db")).await.unwrap();
    state.advance(-2 * 3_600_000_000);
    state.schedule_seen(&["hello".to_owned()]).await.unwrap();
    state.close().await;
    let mut daemon = Daemon::start(&project, &[], &[]);
    soon(|| mails.lock().unwrap().len() == 3).await;
    daemon.until("/metrics", |_, metrics| metrics.contains("tidings_occurrences_total{what=\"run\"} 1"));
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));
    // Begun anew, it does not run again.
    let mut daemon = Daemon::start(&project, &[], &[]);
    daemon.until("/readyz", |status, _| status == 200);
    daemon.signal("INT");
    assert_eq!(daemon.wait(), Some(0));
    assert_eq!(project.states(), [("sent".to_owned(), 3)]);
    assert!(tally(&mails).values().all(|n| *n == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_sees_through_what_is_leaving_and_a_second_one_ends_at_once() {
    let (port, mails): (u16, Log) = mail_server(Duration::from_millis(300)).await;
    let project = shop(port);
    fill(&project);
    let mut daemon = Daemon::start(&project, &[], &[]);
    soon(|| !mails.lock().unwrap().is_empty()).await;
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));
    let sent = mails.lock().unwrap().len() as u64;
    assert!(sent < 23, "nothing more began: {sent}");
    assert_eq!(project.states(), [("pending".to_owned(), 23 - sent), ("sent".to_owned(), sent)]);

    let (port, late) = mail_server(Duration::from_secs(600)).await;
    let config = project.read("tidings.yaml");
    let line = config.lines().find(|l| l.contains("port:")).unwrap();
    project.write("tidings.yaml", &config.replace(line, &format!("    port: {port}")));
    let mut daemon = Daemon::start(&project, &[], &[]);
    soon(|| project.states().iter().any(|(state, _)| state == "dispatching")).await;
    daemon.signal("TERM");
    daemon.until("/readyz", |status, why| status == 503 && why.contains("stopping"));
    assert!(daemon.child.try_wait().unwrap().is_none(), "what is leaving is waited for");
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(130));
    assert_eq!(late.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_in_the_mailbox_suppresses_the_address() {
    let (port, mails) = mail_server(Duration::ZERO).await;
    let project = shop(port);
    let config = project.read("tidings.yaml");
    let bounces =
        "    bounces: {address: bounces@shop.example, secret: \"file:bounces.key\", mailbox: bounces}\n";
    project.write("tidings.yaml", &(config + bounces));
    project.write("bounces.key", "a secret of bounces");
    project.run(&["run"]);
    let key: [u8; 16] = {
        let key = mails.lock().unwrap()[0].clone();
        std::array::from_fn(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap())
    };
    let address = |secret: &str| {
        let place = tidings_channels::config::BouncesConfig {
            address: "bounces@shop.example".to_owned(),
            secret: tidings_channels::Secret::parse(secret),
            mailbox: None,
        };
        let path = tidings_channels::bounce::ReturnPath::new(&place, project.folder()).unwrap();
        path.address(tidings_plan::Key(key))
    };
    project.write("forger.key", "another secret");
    let report = |to: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: no\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nno\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; one@example.com\r\nAction: failed\r\n\
             Status: 5.1.1\r\n\r\n--b--\r\n"
        )
    };
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(project.folder().join("bounces").join(folder)).unwrap();
    }
    project.write("bounces/new/1", &report(&address("file:forger.key")));
    project.write("bounces/new/2", &report(&address("file:bounces.key")));
    let daemon = Daemon::start(&project, &[], &[]);
    daemon.until("/metrics", |_, metrics| metrics.contains("tidings_feedback_total{kind=\"hard\"} 1"));
    drop(daemon);
    let list = project.run(&["suppress", "list"]);
    assert!(list.contains("hard bounce") && list.contains("1 on the list"), "{list}");
    let again = project.run(&["feedback", "bounces"]);
    assert!(again.contains("0 mails read"), "each is dealt with once");
}

#[test]
fn feedback_over_http_is_signed_bounded_and_counted() {
    let project = shop(1);
    let config = project.read("tidings.yaml");
    project.write("tidings.yaml", &(config + "    feedback_secret: \"file:feedback.key\"\n"));
    project.write("feedback.key", "a secret of feedback");
    let daemon = Daemon::start(&project, &[], &[]);
    daemon.until("/readyz", |status, _| status == 200);
    let body = "{\"key\": \"00000000000000000000000000000000\", \"kind\": \"hard\"}";
    assert_eq!(daemon.ask("POST", "/feedback/email", "", body).0, 400);
    let forged = "webhook-id: 1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,AAAA\r\n";
    assert_eq!(daemon.ask("POST", "/feedback/email", forged, body).0, 400);
    assert_eq!(daemon.ask("POST", "/feedback/fax", "", body).0, 404);
    let long = |bytes: usize| daemon.ask("POST", "/feedback/email", "", &"x".repeat(bytes)).0;
    assert_eq!((long(256 * 1024), long(256 * 1024 + 1)), (400, 413));
    let from =
        |peer: &str| daemon.ask("POST", "/feedback/email", &format!("X-Forwarded-For: {peer}\r\n"), "").0;
    assert!((0..1_000).any(|_| from("192.0.2.1") == 429));
    assert_eq!(from("192.0.2.2"), 400, "each peer has its own count");
}

#[test]
fn a_database_that_is_away_ends_nothing_and_is_said_once() {
    let project = shop(1);
    let config = project.read("tidings.yaml");
    project.write("tidings.yaml", &config.replace("sqlite:state.db", "env:DATABASE_URL"));
    let url = ("DATABASE_URL", "postgres://shop:hunter2@127.0.0.1:1/shop");
    let mut daemon = Daemon::start(&project, &[], &[url]);
    daemon.until("/readyz", |status, why| status == 503 && why.contains("opening: "));
    assert_eq!(daemon.get("/healthz").0, 200);
    let link = tidings_channels::unsubscribe::link("/unsubscribe", LINKS.as_bytes(), "email", "1");
    assert_eq!(daemon.ask("POST", &link, "", "").0, 503, "never said to be done before it is");
    daemon.until("/metrics", |_, m| m.contains("tidings_state_errors_total{duty=\"opening\"} 2"));
    let said = daemon.log();
    assert_eq!(said.iter().filter(|e| e["level"] == "ERROR").count(), 1, "{said:#?}");
    let all = format!("{said:?}{}", daemon.get("/readyz").1);
    assert!(!all.contains("hunter2"), "no password: {all}");
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn a_state_that_no_waiting_mends_ends_it() {
    let project = shop(1);
    let config = project.read("tidings.yaml");
    project.write("tidings.yaml", &config.replace("sqlite:state.db", "env:DATABASE_URL"));
    let mut command = project.command(&["serve", "--listen", "127.0.0.1:0"]);
    let output = command.env("DATABASE_URL", "postgres://no host:hunter2").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not understood") && !said.contains("hunter2"), "{said}");
}
