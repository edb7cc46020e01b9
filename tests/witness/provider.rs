//! A coupon service that goes wrong by chance: it loses answers, and fails after it has granted. It honours keys.

use super::Log;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How often what goes wrong, as shares of all answers.
#[derive(Clone, Copy)]
pub struct Faults {
    /// The connection breaks after the grant, without an answer.
    pub lost: f64,
    /// 500 after the grant.
    pub failed: f64,
    /// How long a grant takes, so that a crash finds some under way.
    pub pause: Duration,
}

/// What it granted: key and customer, one entry a grant that took effect.
pub type Grants = Arc<Mutex<Vec<(String, String)>>>;

/// One on a free port. The second value counts the requests.
pub async fn provider(faults: Faults, seed: u64) -> (u16, Grants, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (grants, requests) = (Grants::default(), Log::default());
    let draw = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
    let shared = (grants.clone(), requests.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ((grants, requests), draw) = (shared.clone(), draw.clone());
            // A client that was killed breaks the conversation off: that is no error here.
            tokio::spawn(async move { converse(stream, faults, &grants, &requests, &draw).await.ok() });
        }
    });
    (port, grants, requests)
}

/// A key that it knows it does not carry out again.
fn grant(grants: &Grants, key: &str, customer: &str) {
    let mut granted = grants.lock().unwrap();
    if !granted.iter().any(|(known, _)| known == key) {
        granted.push((key.to_owned(), customer.to_owned()));
    }
}

async fn converse(
    mut stream: TcpStream,
    faults: Faults,
    grants: &Grants,
    requests: &Log,
    draw: &Mutex<StdRng>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read);
    loop {
        let (mut key, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("idempotency-key", value)) => key = value.to_owned(),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).await?;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        requests.lock().unwrap().push(key.clone());
        tokio::time::sleep(faults.pause).await;
        grant(grants, &key, body["for"].as_str().unwrap());
        let chance: f64 = draw.lock().unwrap().random();
        if chance < faults.lost {
            return Ok(());
        }
        let (status, body) = match chance < faults.lost + faults.failed {
            true => ("500 Internal Server Error", "{}".to_owned()),
            false => ("201 Created", format!("{{\"code\": \"C-{key}\"}}")),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        write.write_all((head + &body).as_bytes()).await?;
    }
}
