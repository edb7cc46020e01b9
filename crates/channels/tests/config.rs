//! What `tidings.yaml` may say, and that no secret stands in it or comes out of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use secrecy::ExposeSecret;
use tidings_channels::Secret;
use tidings_channels::config::{
    ChannelConfig, HttpConfig, Length, OnUnknownConfig, Pace, Pointer, SmtpConfig, Tls,
};

fn error<T: serde::de::DeserializeOwned>(text: &str) -> String {
    serde_yaml::from_str::<T>(text).err().unwrap_or_else(|| panic!("{text}")).to_string()
}

#[test]
fn channels_are_read_by_their_kind() {
    let smtp = "kind: smtp\nhost: mail.example\nfrom: a@b.example\nuser: u\npassword: env:PASSWORD";
    let ChannelConfig::Smtp(smtp) = serde_yaml::from_str(smtp).unwrap() else { panic!() };
    assert_eq!((smtp.tls, smtp.connections, smtp.on_unknown), (Tls::StartTls, 4, None));
    assert!(matches!(serde_yaml::from_str("kind: sandbox").unwrap(), ChannelConfig::Sandbox(_)));
    let http = "kind: http\nurl: https://sms.example\nbody: {to: '{{ to }}'}\non_unknown: {retry: 24 hours}";
    let ChannelConfig::Http(http) = serde_yaml::from_str(http).unwrap() else { panic!() };
    assert_eq!(http.on_unknown, Some(OnUnknownConfig::Retry(Length(86_400))));
    let provider: HttpConfig =
        serde_yaml::from_str("url: https://c.example\ncode: /a\nkeys_remembered_for: 30 days").unwrap();
    assert_eq!(provider.code, Some(Pointer("/a".into())));
    assert_eq!(provider.keys_remembered_for, Some(Length(2_592_000)));
    let per = |text| Pace::parse(text).map(|pace| (pace.0.count, pace.0.per.as_secs()));
    assert_eq!([per("50 per second"), per(" 600 per minute")], [Some((50, 1)), Some((600, 60))]);
    assert_eq!(per("20000 per hour"), Some((20_000, 3_600)));
    assert_eq!(["0 per second", "5 per fortnight", "-1 per hour", "50/s"].map(per), [None; 4]);
}

#[test]
fn what_nobody_knows_is_refused_with_what_to_write() {
    for (text, part) in [
        ("kind: smtp\nhost: h\nfrom: f\nhots: x", "hots"),
        ("kind: pigeon", "pigeon"),
        ("kind: http\nurl: u\ntimeout: 30", "24 hours"),
        ("kind: http\nurl: u\ntimeout: 30 fortnights", "24 hours"),
        ("kind: http\nurl: u\non_unknown: hope", "`leave`"),
        ("kind: http\nurl: u\non_unknown: {retry: 1 hour, ask: {url: x}}", "not both"),
        ("kind: sandbox\nfolder: x", "folder"),
    ] {
        let error = error::<ChannelConfig>(text);
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(error::<HttpConfig>("url: u\ncode: code").contains("JSON pointer"));
    let smtp = "host: h\nfrom: f\ndomains: {'gmail': 10 per second}";
    assert!(error::<SmtpConfig>(smtp).contains("a mail domain"));
}

#[test]
fn a_literal_secret_is_refused_and_not_repeated() {
    for literal in ["hunter2", "12345678", "-12345678", "1.25", "true", "vault:12345678", "env:A B"] {
        let error = error::<SmtpConfig>(&format!("host: h\nfrom: f\nuser: u\npassword: {literal}"));
        assert!(error.contains("env:NAME") && !error.contains(literal), "{error}");
    }
    for header in
        ["Authorization: Bearer abc123", "X-Api-Key: abc123", "Cookie: abc123", "X-Auth-Token: abc123"]
    {
        let error = error::<HttpConfig>(&format!("url: u\nheaders:\n  {header}"));
        assert!(error.contains("env:NAME") && !error.contains("abc123"), "{error}");
    }
    let fine = "url: u\nheaders:\n  Authorization: Bearer env:T\n  Accept: application/json, text/plain";
    assert!(serde_yaml::from_str::<HttpConfig>(fine).is_ok());
}

#[test]
fn a_secret_is_read_late_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "s3cret\r\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let resolve = |text: &str| Secret::parse(text).unwrap().resolve(folder.path());
    let secret = resolve("file:key").unwrap();
    assert_eq!(secret.expose_secret(), "s3cret");
    assert!(!format!("{secret:?}{:?}", Secret::parse("file:key")).contains("s3cret"));
    assert!(resolve("file:empty").unwrap_err().contains("is empty"));
    assert!(resolve("file:none").unwrap_err().contains("none"));
    assert!(resolve("env:TIDINGS_NO_SUCH_VARIABLE").unwrap_err().contains("is not set"));
}
