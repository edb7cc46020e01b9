//! A mail server that goes wrong on request, and keeps its own log of what it accepted.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What goes wrong in one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Nothing,
    /// Says nothing at this step: `greeting`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `.`
    Silence(&'static str),
    /// Says this instead of the usual.
    Says(&'static str, &'static str),
    /// Closes the connection at this step without an answer.
    Close(&'static str),
    /// Tears the connection down at this step.
    Reset(&'static str),
    /// Sends every answer byte by byte.
    Pieces,
    /// Answers a mail's end twice.
    Twice,
    /// Offers and begins TLS, in the connection or from the first byte.
    StartTls,
    Tls,
}

/// A mail that was accepted, and the connection that it came through.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub connection: usize,
    pub to: String,
    pub message: String,
}

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    accepted: Vec<Accepted>,
    connections: usize,
    commands: Vec<String>,
}

impl Log {
    pub fn accepted(&self) -> Vec<Accepted> {
        self.0.lock().unwrap().accepted.clone()
    }
    pub fn recipients(&self) -> Vec<String> {
        self.accepted().into_iter().map(|a| a.to).collect()
    }
    pub fn connections(&self) -> usize {
        self.0.lock().unwrap().connections
    }
    pub fn commands(&self) -> Vec<String> {
        self.0.lock().unwrap().commands.clone()
    }
}

/// Starts one; the first connection has the first fault, those after the last have none.
pub async fn start(faults: &[Fault]) -> (u16, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Log::default();
    let (faults, kept) = (faults.to_vec(), log.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = {
                let mut log = kept.0.lock().unwrap();
                log.connections += 1;
                log.connections
            };
            let fault = faults.get(number - 1).copied().unwrap_or(Fault::Nothing);
            tokio::spawn(connection(stream, number, fault, kept.clone()));
        }
    });
    (port, log)
}

async fn connection(stream: TcpStream, number: usize, fault: Fault, log: Log) {
    if matches!(fault, Fault::Reset(_)) {
        stream.set_zero_linger().unwrap();
    }
    if fault == Fault::Tls {
        if let Ok(stream) = acceptor().accept(stream).await {
            let _ = Session { stream: BufStream::new(stream), number, fault, log }.run(true).await;
        }
        return;
    }
    let mut session = Session { stream: BufStream::new(stream), number, fault, log: log.clone() };
    if session.run(true).await == Some(Ended::StartTls)
        && let Ok(stream) = acceptor().accept(session.stream.into_inner()).await
    {
        let _ =
            Session { stream: BufStream::new(stream), number, fault: Fault::Nothing, log }.run(false).await;
    }
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[derive(PartialEq)]
enum Ended {
    StartTls,
}

struct Session<S> {
    stream: BufStream<S>,
    number: usize,
    fault: Fault,
    log: Log,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn run(&mut self, greets: bool) -> Option<Ended> {
        if greets {
            self.say("greeting", "220 fake").await?;
        }
        let mut to = String::new();
        let mut begun = false;
        loop {
            let line = self.line().await?;
            let line = line.trim_end();
            self.log.0.lock().unwrap().commands.push(line.to_owned());
            let verb = line.get(..4).unwrap_or(line).to_uppercase();
            match verb.as_str() {
                "EHLO" if self.fault == Fault::StartTls => {
                    self.say("EHLO", "250-fake\r\n250 STARTTLS").await?
                }
                "EHLO" => self.say("EHLO", "250-fake\r\n250-AUTH PLAIN\r\n250 8BITMIME").await?,
                "STAR" => {
                    self.say("STARTTLS", "220 go on").await?;
                    return Some(Ended::StartTls);
                }
                "AUTH" => self.say("AUTH", "235 welcome").await?,
                "MAIL" if begun => self.say("", "503 nested MAIL").await?,
                "MAIL" => {
                    begun = true;
                    self.say("MAIL", "250 ok").await?;
                }
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    let answer = if to.starts_with("nobody") { "550 5.1.1 no such user" } else { "250 ok" };
                    self.say("RCPT", answer).await?;
                }
                "DATA" => {
                    self.say("DATA", "354 go on").await?;
                    begun = false;
                    let mut message = String::new();
                    loop {
                        let line = self.line().await?;
                        if line == ".\r\n" {
                            break;
                        }
                        message.push_str(line.strip_prefix('.').unwrap_or(&line));
                    }
                    // What it says no to, it does not keep; what it goes silent about, it keeps.
                    if !matches!(self.fault, Fault::Says(".", _)) {
                        let accepted = Accepted { connection: self.number, to: to.clone(), message };
                        self.log.0.lock().unwrap().accepted.push(accepted);
                    }
                    let twice = if self.fault == Fault::Twice {
                        "250 queued as 1\r\n250 twice"
                    } else {
                        "250 2.0.0 queued as 1"
                    };
                    self.say(".", twice).await?;
                }
                "RSET" => {
                    begun = false;
                    self.say("RSET", "250 ok").await?;
                }
                "QUIT" => {
                    self.say("QUIT", "221 bye").await?;
                    return None;
                }
                _ => self.say("", "500 what").await?,
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then_some(line)
    }

    async fn say(&mut self, step: &str, usual: &str) -> Option<()> {
        let text = match self.fault {
            Fault::Silence(at) if at == step => {
                // Reads on, so that the client sees an open connection, until it goes.
                while let Some(line) = self.line().await {
                    self.log.0.lock().unwrap().commands.push(line.trim_end().to_owned());
                }
                return None;
            }
            Fault::Close(at) | Fault::Reset(at) if at == step => return None,
            Fault::Says(at, text) if at == step => text,
            _ => usual,
        };
        let text = format!("{text}\r\n");
        if self.fault == Fault::Pieces {
            for byte in text.bytes() {
                self.stream.write_all(&[byte]).await.ok()?;
                self.stream.flush().await.ok()?;
                tokio::task::yield_now().await;
            }
        } else {
            self.stream.write_all(text.as_bytes()).await.ok()?;
        }
        self.stream.flush().await.ok()
    }
}
