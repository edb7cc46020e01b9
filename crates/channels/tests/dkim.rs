//! Signatures, held against a reading of RFC 6376 that is the tests' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use tidings_channels::Templates;
use tidings_channels::config::SmtpConfig;
use tidings_channels::smtp::{Limits, Smtp};
use tidings_plan::{Carrier, Key, Kind, Sending};

fn key(name: &str) -> String {
    format!("{}/tests/dkim/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

fn built(dkim: &str) -> Result<Smtp, String> {
    let folder = tempfile::tempdir().unwrap();
    let mail = "subject: 你好\n---\n<p>Dear  {{ customer.name }},</p> \n\n.\n<p>bye</p>\n\n\n";
    fs::write(folder.path().join("hello.email.liquid"), mail).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let config: SmtpConfig = serde_yaml::from_str(&format!(
        "host: localhost\ntls: none\nfrom: Shop <hello@news.shop.example>\n\
         unsubscribe: {{url: 'https://shop.example/u', secret: file:secret}}\ndkim: {dkim}"
    ))
    .unwrap();
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    Smtp::new(&config, Arc::new(templates), chrono_tz::UTC, folder.path(), Limits::default())
}

fn mail(key_file: &str) -> String {
    let smtp =
        built(&format!("{{domain: Shop.example, selector: s1, key: 'file:{}'}}", key(key_file))).unwrap();
    let sending = Sending {
        key: Key([7; 16]),
        kind: Kind::Message,
        channel: "email".into(),
        subject: "hello".into(),
        address: Some("ann@shop.example".into()),
        customer: "c-1".into(),
        rule: "wake-up".into(),
        values: r#"{"customer": {"name": "李"}}"#.into(),
        at: 1_795_255_200_000_000,
    };
    let payload = smtp.prepare(&sending, None).unwrap();
    assert_eq!(payload, smtp.prepare(&sending, None).unwrap(), "a repeat is the same bytes");
    let letter: serde_json::Value = serde_json::from_str(&payload).unwrap();
    letter["message"].as_str().unwrap().to_owned()
}

/// Runs of blanks become one.
fn squeezed(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let blank = c == ' ' || c == '\t';
        if !(blank && out.ends_with(' ')) {
            out.push(if blank { ' ' } else { c });
        }
    }
    out
}

/// Whether the mail's first field is a signature that fits it.
fn verifies(mail: &str, key_file: &str) -> bool {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let fields: Vec<String> =
        head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect();
    let (name, signature) = fields[0].split_once(':').unwrap();
    assert_eq!(name, "DKIM-Signature");
    let tags: HashMap<&str, String> = signature
        .split(';')
        .map(|tag| tag.split_once('=').unwrap())
        .map(|(tag, value)| (tag.trim(), value.replace(' ', "")))
        .collect();
    assert_eq!((tags["v"].as_str(), tags["c"].as_str()), ("1", "relaxed/relaxed"));
    assert_eq!((tags["d"].as_str(), tags["s"].as_str()), ("shop.example", "s1"));

    let mut lines: Vec<String> = body.split("\r\n").map(|l| squeezed(l).trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let body = lines.join("\r\n") + "\r\n";
    if STANDARD.encode(Sha256::digest(body)) != tags["bh"] {
        return false;
    }

    let mut left = fields[1..].to_vec();
    let mut signed = String::new();
    for name in tags["h"].split(':') {
        let found = left.iter().rposition(|f| f.split(':').next().unwrap().trim().eq_ignore_ascii_case(name));
        if let Some(found) = found {
            let field = left.remove(found);
            let value = squeezed(field.split_once(':').unwrap().1);
            signed.push_str(&format!("{}:{}\r\n", name.to_lowercase(), value.trim()));
        }
    }
    let unsigned = &signature[..signature.rfind("b=").unwrap() + 2];
    signed.push_str(&format!("dkim-signature:{}", squeezed(unsigned).trim()));
    let proof = STANDARD.decode(&tags["b"]).unwrap();
    let pem = fs::read_to_string(key(key_file)).unwrap();
    let der = STANDARD.decode(pem.lines().filter(|l| !l.starts_with('-')).collect::<String>()).unwrap();
    match tags["a"].as_str() {
        "rsa-sha256" => {
            let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
            public.verify(signed.as_bytes(), &proof).is_ok()
        }
        "ed25519-sha256" => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
            let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
            public.verify(&Sha256::digest(&signed), &proof).is_ok()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_signed_cannot_be_changed_and_what_relays_do_is_no_change() {
    for key_file in ["rsa", "ed25519"] {
        let mail = mail(key_file);
        assert!(verifies(&mail, key_file), "{mail}");
        assert!(mail.lines().all(|l| l.len() <= 998));
        for (from, to) in [
            ("\r\nSubject: ", "\r\nsubject:   "),
            ("\r\nMessage-ID: ", "\r\nX-Relay: here\r\nMessage-ID:\r\n "),
            ("--\r\n", "--  \r\n\r\n\r\n"),
        ] {
            assert!(mail.contains(from), "{from:?}: {mail}");
            assert!(verifies(&mail.replacen(from, to, 1), key_file), "{to:?}");
        }
        for (from, to) in [
            ("hello@news", "hallo@news"),
            ("List-Unsubscribe: <https://shop", "List-Unsubscribe: <https://other"),
            ("List-Unsubscribe=One-Click", "List-Unsubscribe=Two"),
            ("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", ""),
            ("\r\nTo: ", "\r\nSubject: Another\r\nTo: "),
            ("\r\nTo: ", "\r\nReply-To: mallory@shop.example\r\nTo: "),
            ("bye", "buy"),
        ] {
            assert!(mail.contains(from), "{from:?}: {mail}");
            assert!(!verifies(&mail.replacen(from, to, 1), key_file), "{to:?}");
        }
    }
}

#[test]
fn a_signature_that_would_count_for_nothing_is_refused() {
    for (dkim, part) in [
        (
            format!("{{domain: other.example, selector: s1, key: 'file:{}'}}", key("rsa")),
            "does not speak for",
        ),
        (format!("{{domain: shop.example, selector: 's 1', key: 'file:{}'}}", key("rsa")), "selector"),
        ("{domain: shop.example, selector: s1, key: 'file:secret'}".to_owned(), "PEM"),
        (format!("{{domain: shop.example, selector: s1, key: 'file:{}'}}", key("../servers/key")), "Ed25519"),
    ] {
        let problem = built(&dkim).err().unwrap();
        assert!(problem.starts_with("dkim: ") && problem.contains(part), "{problem}");
    }
}
