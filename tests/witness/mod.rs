//! Witnesses outside of what is tested: a mail server and a coupon server that keep their own logs.

#![allow(dead_code, reason = "each test file uses some of it")]

pub mod postgres;
pub mod provider;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a server carried out, in order: one entry an effect, each with its key.
pub type Log = Arc<Mutex<Vec<String>>>;

/// How often each key stands in a log.
pub fn tally(log: &Log) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for key in log.lock().unwrap().iter() {
        *counts.entry(key.clone()).or_default() += 1;
    }
    counts
}

/// A mail server on a free port. A message counts as delivered once it is in the log, which is before the
/// client is told; the key is the left part of its Message-ID.
pub async fn mail_server(pause: Duration) -> (u16, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, log) = (listener.local_addr().unwrap().port(), Log::default());
    let shared = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = shared.clone();
            // A client that was killed breaks the conversation off: that is no error here.
            tokio::spawn(async move { converse(stream, log, pause).await.ok() });
        }
    });
    (port, log)
}

/// The same with PyPI's aiosmtpd in a process of its own, by a Python that has it.
pub async fn aiosmtpd(python: &OsStr, pause: Duration) -> (u16, Log) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/witness/aiosmtpd_server.py");
    let mut server = tokio::process::Command::new(python);
    server.arg(script).arg(pause.as_secs_f64().to_string()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut server = server.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    let log = Log::default();
    let shared = log.clone();
    tokio::spawn(async move {
        while let Ok(Some(key)) = lines.next_line().await {
            shared.lock().unwrap().push(key);
        }
        drop(server);
    });
    (port, log)
}

async fn converse(mut stream: TcpStream, log: Log, pause: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read);
    write.write_all(b"220 witness ESMTP\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match line.get(..4).unwrap_or("").to_ascii_uppercase().as_str() {
            "EHLO" => "250-witness\r\n250 8BITMIME\r\n",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut key = None;
                loop {
                    line.clear();
                    if lines.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    if let Some(id) = line.strip_prefix("Message-ID: <") {
                        key = id.split('@').next().map(str::to_owned);
                    }
                    if line == ".\r\n" {
                        break;
                    }
                }
                tokio::time::sleep(pause).await;
                log.lock().unwrap().push(key.unwrap_or_default());
                "250 taken\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 fine\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
}

/// A coupon service on a free port. It honours `Idempotency-Key`: a key that it knows gets the code that it got
/// before. It also knows which mails arrived, as a provider's event log does: `GET /mails/KEY`.
pub async fn coupon_server(pause: Duration, mails: Log) -> (u16, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, log) = (listener.local_addr().unwrap().port(), Log::default());
    let app = Router::new()
        .route("/coupons", post(grant))
        .route("/mails/{key}", get(arrived))
        .with_state(Services { grants: log.clone(), mails, pause });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (port, log)
}

#[derive(Clone)]
struct Services {
    grants: Log,
    mails: Log,
    pause: Duration,
}

async fn grant(
    State(services): State<Services>,
    headers: HeaderMap,
) -> (StatusCode, Json<serde_json::Value>) {
    let key = headers.get("idempotency-key").and_then(|k| k.to_str().ok()).unwrap_or("none").to_owned();
    tokio::time::sleep(services.pause).await;
    let mut grants = services.grants.lock().unwrap();
    if !grants.contains(&key) {
        grants.push(key.clone());
    }
    (StatusCode::CREATED, Json(serde_json::json!({"code": format!("C-{key}")})))
}

async fn arrived(State(services): State<Services>, Path(key): Path<String>) -> StatusCode {
    let known = services.mails.lock().unwrap().contains(&key);
    if known { StatusCode::OK } else { StatusCode::NOT_FOUND }
}
