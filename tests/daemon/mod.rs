//! A `tidings serve` of one's own, on a free port, with all that it says kept.

use crate::project::Project;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long something that has to come may take.
pub const SOON: Duration = Duration::from_secs(40);

/// The process.
pub struct Daemon {
    pub child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<serde_json::Value>>>,
}

#[allow(dead_code, reason = "each test file uses some of it")]
impl Daemon {
    /// Starts one on a project and waits until it listens.
    pub fn start(project: &Project, args: &[&str], env: &[(&str, &str)]) -> Daemon {
        let mut command =
            project.command(&[&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"], args].concat());
        command.envs(env.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry =
                    serde_json::from_str(&line).unwrap_or_else(|_| serde_json::json!({"plain": line}));
                kept.lock().unwrap().push(entry);
            }
        });
        let start = Instant::now();
        let address = loop {
            let said = log.lock().unwrap().iter().find_map(|e| e["fields"]["address"].as_str()?.parse().ok());
            if let Some(address) = said {
                break address;
            }
            assert!(start.elapsed() < SOON, "it does not listen: {:#?}", log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(10));
        };
        Daemon { child, address, log }
    }

    /// The status and body of a request.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: tidings\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
    }

    /// The status and body of a page.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "", "")
    }

    /// Asks again and again until an answer is as it should be.
    pub fn until(&self, path: &str, right: impl Fn(u16, &str) -> bool) -> (u16, String) {
        let start = Instant::now();
        loop {
            let (status, body) = self.get(path);
            if right(status, &body) {
                return (status, body);
            }
            assert!(start.elapsed() < SOON, "{path} still answers {status}: {body}\n{:#?}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it said so far.
    pub fn log(&self) -> Vec<serde_json::Value> {
        self.log.lock().unwrap().clone()
    }

    /// Sends it a signal, by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it ends by itself; its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < SOON {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end: {:#?}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
