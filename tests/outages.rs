//! The state is in PostgreSQL, and the server is gone for a while in the middle of a run behind a transaction pooler
//! (pgbouncer), or under a daemon. Both wait, go on, and send each mail once, by the log of Debian's `smtp-sink`.
//!
//! The long version: `TIDINGS_LONG=1 cargo test --test outages` (away for a minute). Needs the packages postgresql,
//! pgbouncer and postfix; passed over where they are not installed, but not in CI.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod daemon;
mod project;
mod witness;

use daemon::Daemon;
use project::{Project, repository};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 1_500;

#[test]
fn a_database_that_goes_away_loses_and_doubles_nothing() {
    let Some(postgres) = Postgres::start() else { return };
    let sink = Sink::start();
    let project = project(sink.port, &postgres.pooled());
    let away = if std::env::var_os("TIDINGS_LONG").is_some() { 60 } else { 4 };
    let mut run = project.command(&["run", "--at", "2026-11-11T10:00", "--lease", "2"]);
    let run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..2 {
        let (start, before) = (Instant::now(), sink.keys().len());
        while sink.keys().len() < before + CUSTOMERS / 10 {
            assert!(start.elapsed() < Duration::from_secs(60), "it does not send");
            std::thread::sleep(Duration::from_millis(20));
        }
        postgres.script("down");
        std::thread::sleep(Duration::from_secs(away));
        postgres.script("up");
    }
    let output = run.wait_with_output().unwrap();
    // What was under way when the server went away may be known to the mail server only, and is said to be so.
    let settled = project.output(&["run", "--at", "2026-11-11T10:00", "--lease", "2"]);
    let words =
        format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&settled.stderr));
    assert!(each_left_once(&project, &sink), "not all have come to their end: {words}");
}

#[test]
fn a_daemon_lives_through_it_says_so_and_goes_on_where_it_was() {
    let Some(postgres) = Postgres::start() else { return };
    let sink = Sink::start();
    let project = project(sink.port, &postgres.url);
    project.run(&["pause"]);
    project.output(&["run"]);
    project.run(&["resume"]);
    let mut daemon = Daemon::start(&project, &[], &[]);
    for sent in [1, 2] {
        let start = Instant::now();
        while sink.keys().len() < sent * CUSTOMERS / 5 {
            assert!(start.elapsed() < daemon::SOON, "it does not send: {:#?}", daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        postgres.script("down");
        let (_, why) = daemon.until("/readyz", |status, _| status == 503);
        assert!(why.contains("cannot be reached"), "{why}");
        assert_eq!(daemon.get("/healthz").0, 200, "nobody has to restart it");
        postgres.script("up");
        daemon.until("/readyz", |status, _| status == 200);
    }
    let start = Instant::now();
    while !each_left_once(&project, &sink) {
        assert!(start.elapsed() < daemon::SOON * 2, "it does not go on: {:#?}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0), "it is the same process");
}

/// Holds the outbox against the mail server's log. Whether all mails have come to their end.
fn each_left_once(project: &Project, sink: &Sink) -> bool {
    let rows = project.states();
    let of = |state: &str| rows.iter().filter(|(s, _)| s == state).map(|(_, n)| *n as usize).sum::<usize>();
    let keys = sink.keys();
    assert_eq!(keys.values().filter(|n| **n > 1).count(), 0, "no mail came twice");
    assert!(keys.len() >= of("sent"), "{} arrived: {rows:?}", keys.len());
    assert!(of("unconfirmed") <= 40, "no more than were on the wire: {rows:?}");
    of("sent") + of("unconfirmed") == CUSTOMERS
}

/// A server of its own, with a pooler before it.
struct Postgres {
    _folder: tempfile::TempDir,
    data: String,
    /// Past the pooler.
    url: String,
    /// The pooler's.
    port: u16,
    pooler: Child,
}

impl Postgres {
    fn start() -> Option<Postgres> {
        let installed = |program: &str| Path::new(program).exists();
        if !installed("/usr/sbin/pgbouncer")
            || !installed("/usr/sbin/smtp-sink")
            || !installed("/usr/lib/postgresql")
        {
            assert!(std::env::var_os("CI").is_none(), "CI must have postgresql, pgbouncer and postfix");
            eprintln!("PASSED OVER: postgresql, pgbouncer or postfix is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let data = folder.path().join("postgres").display().to_string();
        let made = Command::new("sh").arg(script()).args(["start", &data]).output().unwrap();
        let url = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = url.split(':').nth(2).unwrap().split('/').next().unwrap().to_owned();
        let port = free_port();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={server} user=tidings\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n\
             server_login_retry = 1\nquery_wait_timeout = 120\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        // It refuses to be root.
        let mut pooler = match is_root() {
            true => {
                let mut by = Command::new("setpriv");
                by.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/sbin/pgbouncer"]);
                by
            }
            false => Command::new("/usr/sbin/pgbouncer"),
        };
        let pooler =
            pooler.arg("--quiet").arg(&file).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        listening(port);
        Some(Postgres { _folder: folder, data, url: url.trim().to_owned(), port, pooler })
    }

    /// The URL through the pooler.
    fn pooled(&self) -> String {
        format!("postgres://tidings@127.0.0.1:{}/postgres", self.port)
    }

    fn script(&self, what: &str) {
        let done = Command::new("sh").arg(script()).args([what, &self.data]).output().unwrap();
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pooler.kill().ok();
        self.pooler.wait().ok();
        Command::new("sh").arg(script()).args(["stop", &self.data]).status().ok();
    }
}

/// Debian's test server, which writes each mail that it takes into a file.
struct Sink {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl Sink {
    fn start() -> Sink {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        let port = free_port();
        let mut sink = Command::new("/usr/sbin/smtp-sink");
        if is_root() {
            sink.args(["-u", "nobody"]);
        }
        let sink = sink.current_dir(folder.path()).args(["-d", "mail.", &format!("127.0.0.1:{port}"), "100"]);
        let process = sink.stderr(Stdio::null()).spawn().unwrap();
        listening(port);
        Sink { folder, port, process }
    }

    /// The keys of the mails that arrived, and how often each did.
    fn keys(&self) -> HashMap<String, usize> {
        let mut keys = HashMap::new();
        for file in std::fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap) {
            let mail = std::fs::read_to_string(file.path()).unwrap_or_default();
            if let Some(id) = mail.lines().find_map(|l| l.strip_prefix("Message-ID: <")) {
                *keys.entry(id.split('@').next().unwrap().to_owned()).or_default() += 1;
            }
        }
        keys
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn script() -> std::path::PathBuf {
    repository().join("tests/witness/postgres.sh")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Servers do not run as root, and have to write here.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn listening(port: u16) {
    for _ in 0..500 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing listens on port {port}");
}

fn project(port: u16, state: &str) -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        &format!(
            "name: outages\nstore: sqlite:shop.db\nstate: {state}\ntime_zone: UTC\ncurrency: USD\nchannels:\n  \
             email: {{kind: smtp, host: 127.0.0.1, port: {port}, tls: none, from: shop@example.com, connections: 4, rate: 150 per second, on_unknown: leave}}\n"
        ),
    );
    project.write("rules/hello.tidings", "if email is known then send hello email\n");
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.mail_customers(CUSTOMERS);
    project
}
