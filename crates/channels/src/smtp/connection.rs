//! One connection to a mail server, driven step by step.

use super::Limits;
use crate::config::{SmtpConfig, Tls};
use crate::email::Letter;
use crate::tls::{client_config, pem};
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tidings_plan::Outcome;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A mail server and how it is spoken to.
pub(super) struct Server {
    host: String,
    port: u16,
    protection: Protection,
    account: Option<(String, SecretString)>,
    hello: ClientId,
    pub limits: Limits,
}

enum Protection {
    None,
    StartTls(TlsParameters),
    Tls(Arc<ClientConfig>, ServerName<'static>),
}

/// How a mail ended that was not accepted.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server said no to this mail, for now or for good.
    Refused { code: u16, said: String },
    /// The server takes no mail from us at this time, whoever it is for.
    Closed(String),
    /// The connection failed before the mail's text had left.
    Lost(String),
    /// The connection failed after that.
    Unknown(String),
}

/// A connection that is ready for a mail.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    limits: Limits,
}

impl Server {
    pub fn new(config: &SmtpConfig, folder: &Path, limits: Limits) -> Result<Server, String> {
        let host = config.host.clone();
        let ca_file = config.ca_file.as_ref().map(|file| folder.join(file));
        let (protection, port) = match config.tls {
            Tls::None => (Protection::None, 25),
            Tls::StartTls => {
                let mut tls = TlsParameters::builder(host.clone());
                if let Some(file) = &ca_file {
                    let known = Certificate::from_pem(&pem(file)?);
                    tls = tls.add_root_certificate(known.map_err(|e| format!("{}: {e}", file.display()))?);
                }
                (Protection::StartTls(tls.build_rustls().map_err(|e| e.to_string())?), 587)
            }
            Tls::Tls => {
                let name =
                    ServerName::try_from(host.clone()).map_err(|_| format!("host: `{host}` is no name"))?;
                (Protection::Tls(Arc::new(client_config(ca_file.as_deref())?), name), 465)
            }
        };
        let account = match (&config.user, &config.password) {
            (Some(user), Some(password)) => Some((user.clone(), password.resolve(folder)?)),
            _ => None,
        };
        let port = config.port.unwrap_or(port);
        Ok(Server { host, port, protection, account, hello: ClientId::default(), limits })
    }

    /// What people call it.
    pub fn name(&self) -> String {
        format!("{} port {}", self.host, self.port)
    }
}

impl Connection {
    /// Connects, protects the connection and logs in. Whatever fails here, no mail has left; an error is about
    /// the server and not about a mail.
    pub async fn open(server: &Server) -> Result<Connection, String> {
        let Limits { connect, command, .. } = server.limits;
        let at = |step: &str, why: String| format!("{}: {step}: {why}", server.name());
        let tcp = limited(connect, TcpStream::connect((server.host.as_str(), server.port))).await;
        let tcp = tcp.map_err(|e| at("cannot be reached", e))?;
        // A mail and its last dot leave in two pieces; without this the second waits 40 ms for the first.
        tcp.set_nodelay(true).map_err(|e| at("cannot be reached", e.to_string()))?;
        let stream: Box<dyn AsyncTokioStream> = match &server.protection {
            Protection::Tls(config, name) => {
                let tls = TlsConnector::from(config.clone()).connect(name.clone(), tcp);
                Box::new(Wire(limited(command, tls).await.map_err(|e| at("TLS failed", e))?))
            }
            _ => Box::new(tcp),
        };
        let greeted =
            limited(command, AsyncSmtpConnection::connect_with_transport(stream, &server.hello)).await;
        let mut smtp = greeted.map_err(|e| at("did not greet", e))?;
        if let Protection::StartTls(tls) = &server.protection {
            if !smtp.can_starttls() {
                return Err(at("does not offer STARTTLS", "nothing is sent unprotected; see `tls`".into()));
            }
            let begun = limited(command, smtp.starttls(tls.clone(), &server.hello)).await;
            begun.map_err(|e| at("STARTTLS failed", e))?;
        }
        if let Some((user, password)) = &server.account {
            let account = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let known = [Mechanism::Plain, Mechanism::Login];
            let answer =
                limited(command, smtp.auth(&known, &account)).await.map_err(|e| at("did not log in", e))?;
            // Anything but 235 answers another command: bytes were put between us and the server.
            if !answer.has_code(235) {
                return Err(at("did not log in", "its answers do not fit the questions".into()));
            }
        }
        Ok(Connection { smtp, limits: server.limits })
    }

    /// Hands over one mail. Answers what the server said to it. After an error this connection is not to be used.
    pub async fn mail(&mut self, letter: &Letter) -> Result<String, Ending> {
        let address = |text: &str| text.parse::<Address>().map_err(|e| refused(553, &e.to_string()));
        let (from, to) = (address(&letter.from)?, address(&letter.to)?);
        let mut parameters = Vec::new();
        if !letter.from.is_ascii() || !letter.to.is_ascii() {
            if !self.smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(refused(553, "the mail server does not take addresses beyond ASCII (SMTPUTF8)"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // Here the server does not know yet whom it is for.
        self.command(Mail::new(Some(from), parameters), &[250]).await.map_err(|ending| match ending {
            Ending::Refused { said, .. } => Ending::Closed(said),
            other => other,
        })?;
        self.command(Rcpt::new(to, Vec::new()), &[250, 251]).await?;
        // Until this is answered with 354, nothing has been sent. A wrong answer is one to an earlier command.
        self.command(Data, &[354]).await?;
        let answer = match timeout(self.limits.dot, self.smtp.message(letter.message.as_bytes())).await {
            Err(_) => return Err(Ending::Unknown("the server did not answer the mail's end in time".into())),
            Ok(Err(error)) => return Err(failed(&error, Ending::Unknown)),
            Ok(Ok(answer)) => answer,
        };
        if !answer.has_code(250) {
            return Err(Ending::Unknown("the server's answer to the mail's end means nothing".into()));
        }
        Ok(first_words(&answer))
    }

    /// Forgets the mail that was begun. Whether the connection is fit for another one: the answer is the one to this.
    pub async fn reset(&mut self) -> bool {
        self.command(Rset, &[250]).await.is_ok()
    }

    /// Says good-bye; whether it is answered does not matter.
    pub async fn quit(mut self) {
        timeout(self.limits.command, self.smtp.quit()).await.ok();
    }

    async fn command(&mut self, command: impl std::fmt::Display, expected: &[u16]) -> Result<(), Ending> {
        match timeout(self.limits.command, self.smtp.command(command)).await {
            Err(_) => Err(Ending::Lost("the server did not answer in time".into())),
            // 421 says that the server is closing the connection, and is no answer to the mail.
            Ok(Err(error)) if error.status().is_some_and(|c| u16::from(c) == 421) => {
                Err(Ending::Lost(error.to_string()))
            }
            Ok(Err(error)) => Err(failed(&error, Ending::Lost)),
            Ok(Ok(answer)) if expected.iter().any(|code| answer.has_code(*code)) => Ok(()),
            Ok(Ok(_)) => Err(Ending::Lost("the server's answers do not fit the questions".into())),
        }
    }
}

impl Ending {
    /// As the outbox knows it. The words are the server's, without the customer's address.
    pub fn outcome(self, letter: &Letter) -> Outcome {
        let clean = |said: String| said.replace(&letter.to, "the address");
        match self {
            Ending::Refused { code, said } if code >= 500 => Outcome::Rejected(clean(said)),
            Ending::Refused { said, .. } | Ending::Closed(said) => Outcome::Again(clean(said), None),
            Ending::Lost(why) => Outcome::Again(why, None),
            Ending::Unknown(why) => Outcome::Unknown(why),
        }
    }
}

fn refused(code: u16, said: &str) -> Ending {
    Ending::Refused { code, said: said.to_owned() }
}

/// A failed command: the server's no, or else what the loss of the connection means at this step.
fn failed(error: &Error, lost: fn(String) -> Ending) -> Ending {
    match error.status() {
        // It wants another login.
        Some(code) if matches!(u16::from(code), 530 | 534 | 535 | 538) => Ending::Closed(error.to_string()),
        Some(code) => refused(u16::from(code), &error.to_string()),
        None => lost(error.to_string()),
    }
}

/// The server's own name for a mail it accepted is in the first line of its answer.
fn first_words(answer: &Response) -> String {
    answer.first_line().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

async fn limited<T, E: ToString>(
    limit: Duration,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match timeout(limit, step).await {
        Ok(ended) => ended.map_err(|e| e.to_string()),
        Err(_) => Err("no answer in time".into()),
    }
}

/// A protected connection, in the shape in which lettre takes it.
#[derive(Debug)]
struct Wire(TlsStream<TcpStream>);

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
