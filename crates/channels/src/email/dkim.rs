//! Signs mails after DKIM (RFC 6376, RFC 8463), relaxed/relaxed, with the keys and the constant-time arithmetic that TLS
//! uses. The signature has no time in it, so that the same row is the same bytes.

use crate::config::DkimConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::path::Path;

/// The fields that are signed, where they are and where they are not: none of them can be added on the way, or a
/// second time. RFC 8058 wants the last two signed.
const FIELDS: [&str; 11] = [
    "from",
    "to",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
];
/// How long the lines of a signature are.
const LINE: usize = 72;

/// A key with which mails are signed.
#[derive(Debug)]
pub(crate) struct Signer {
    signer: Box<dyn rustls::sign::Signer>,
    algorithm: Algorithm,
    domain: String,
    selector: String,
}

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Rsa,
    Ed25519,
}

impl Signer {
    /// Reads the key. `folder` is the project's.
    pub fn new(config: &DkimConfig, folder: &Path) -> Result<Signer, String> {
        let pem = config.key.resolve(folder)?;
        let unusable = || {
            format!(
                "dkim: the key in {:?} cannot be used; it has to be PEM, RSA of 2048 bits or more, or Ed25519",
                config.key
            )
        };
        let key = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| unusable())?;
        let key = any_supported_type(&key).map_err(|_| unusable())?;
        let choice = [
            (SignatureScheme::RSA_PKCS1_SHA256, Algorithm::Rsa),
            (SignatureScheme::ED25519, Algorithm::Ed25519),
        ];
        let (signer, algorithm) = choice
            .into_iter()
            .find_map(|(scheme, algorithm)| Some((key.choose_scheme(&[scheme])?, algorithm)))
            .ok_or_else(unusable)?;
        Ok(Signer { signer, algorithm, domain: config.domain.0.clone(), selector: config.selector.clone() })
    }

    /// The mail with its signature in front.
    pub fn sign(&self, message: &str) -> Result<String, String> {
        let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
        let fields = fields(head);
        let mut names = Vec::new();
        let mut signed = String::new();
        for name in FIELDS {
            let own = fields.iter().rev().filter(|(n, _)| n == name);
            for (_, value) in own {
                signed.push_str(&format!("{name}:{value}\r\n"));
                names.push(name);
            }
            names.push(name);
        }
        let algorithm = match self.algorithm {
            Algorithm::Rsa => "rsa-sha256",
            Algorithm::Ed25519 => "ed25519-sha256",
        };
        let tags = format!(
            "v=1; a={algorithm}; c=relaxed/relaxed; d={}; s={};\r\n h={};\r\n bh={};\r\n b=",
            self.domain,
            self.selector,
            folded(&names.join(":"), ':'),
            STANDARD.encode(Sha256::digest(relaxed_body(body))),
        );
        signed.push_str(&format!("dkim-signature:{}", relaxed(&tags.replace("\r\n", ""))));
        let hash = Sha256::digest(&signed);
        let signature = match self.algorithm {
            Algorithm::Rsa => self.signer.sign(signed.as_bytes()),
            Algorithm::Ed25519 => self.signer.sign(&hash),
        };
        let signature = signature.map_err(|_| "this mail cannot be signed".to_owned())?;
        let signature = STANDARD.encode(signature);
        let lines: Vec<&str> = (0..signature.len())
            .step_by(LINE)
            .filter_map(|from| signature.get(from..signature.len().min(from + LINE)))
            .collect();
        Ok(format!("DKIM-Signature: {tags}{}\r\n{message}", lines.join("\r\n ")))
    }
}

/// A head's fields in their relaxed form: names in lower case, values on one line.
fn fields(head: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => value.push_str(line),
            (_, _, Some((name, value))) => {
                fields.push((name.trim_end().to_ascii_lowercase(), value.to_owned()));
            }
            _ => {}
        }
    }
    fields.into_iter().map(|(name, value)| (name, relaxed(&value))).collect()
}

/// One line, with one blank where there were several, and none at its ends.
fn relaxed(value: &str) -> String {
    let words = value.split([' ', '\t']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A body without what relays may change: blanks in a row, blanks at the ends of lines, empty lines at its end.
fn relaxed_body(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut empty = 0;
    for line in body.split("\r\n") {
        let begins = if line.starts_with([' ', '\t']) { " " } else { "" };
        let line = relaxed(line);
        if line.is_empty() {
            empty += 1;
            continue;
        }
        out.push_str(&"\r\n".repeat(empty));
        empty = 0;
        out.push_str(begins);
        out.push_str(&line);
        out.push_str("\r\n");
    }
    out
}

/// Broken into lines behind a sign.
fn folded(text: &str, sign: char) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for part in text.split_inclusive(sign) {
        if column + part.len() > LINE {
            out.push_str("\r\n ");
            column = 0;
        }
        out.push_str(part);
        column += part.len();
    }
    out
}
