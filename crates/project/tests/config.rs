//! `tidings.yaml`, read whole, and each finding with its line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;
use tidings_channels::ChannelConfig;
use tidings_channels::config::{Pace, Pointer};
use tidings_project::Project;
use tidings_schema::money::Price;
use tidings_syntax::Diagnostic;

const WHOLE: &str = r#"# A shop.
name: my-shop
store: sqlite:shop.db
state: sqlite:.tidings/state.db
time_zone: Asia/Shanghai
currency: CNY
shop: {name: "小店", url: "https://shop.example"}
channels:
  email:
    kind: smtp
    host: localhost
    port: 1025
    tls: none
    user: shop
    password: env:SMTP_PASSWORD
    from: "Shop <news@shop.example>"
    connections: 4
    bounces: {address: bounces@shop.example, secret: env:BOUNCE_SECRET, mailbox: bounces}
    dkim: {domain: shop.example, selector: s1, key: file:dkim.pem}
    rate: 50 per second
    domains: {gmail.com: 10 per second, 公司.cn: 600 per hour}
    on_unknown: leave
  sms:
    kind: http
    url: "https://sms.example/send"
    headers: {Authorization: "Bearer env:SMS_TOKEN"}
    body: {to: "{{ to }}", text: "{{ text }}"}
    on_unknown: {ask: {url: "https://sms.example/{{ key }}", after: 5 seconds}}
coupons:
  wake-up: {provider: coupon-api, value: 20 CNY, valid_for: 30 days, label: 回归礼}
providers:
  coupon-api:
    kind: http
    url: "https://coupons.example/grant"
    body: {customer: "{{ customer_key }}", kind: "{{ coupon.name }}"}
    code: /data/code
    keys_remembered_for: 24 hours
webhooks:
  crm: {url: "https://crm.example/hook"}
notify: {url: "https://chat.example/hook"}
prices: {email: 0.0004 CNY, sms: 0.045 CNY}
"#;

const PRICES: &str = "prices: {email: 0.0004 CNY, sms: 0.045 CNY}";
const SCHEMA: &str = "customer:\n  table: customers\n  key: id\n  attributes:\n    email: text\n    ok: yes/no\n    spend: money\ncontact:\n  email: {address: email, consent: ok}\n  sms: {address: email, consent: ok}\n";

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tidings.yaml"), config).unwrap();
    fs::write(folder.path().join("schema.yaml"), SCHEMA).unwrap();
    folder
}

/// The project and its findings: "E102 3 message [marked text]".
fn load(config: &str) -> (Project, Vec<String>, Vec<Diagnostic>) {
    let folder = folder(config);
    let (mut project, mut found) = Project::load(folder.path());
    found.extend(project.check().diagnostics);
    let shown = found.iter().map(|d| {
        let (line, _) = project.sources.line_column(d.place.file, d.place.span.start);
        format!("{} {line} {} [{}]", d.code, d.message, project.sources.text(d.place))
    });
    let shown = shown.collect();
    (project, shown, found)
}

#[test]
fn reads_everything() {
    let (project, found, _) = load(WHOLE);
    assert_eq!(found, Vec::<String>::new());
    let config = &project.config;
    assert_eq!(
        (config.name.as_str(), config.store.as_str(), config.state.as_str()),
        ("my-shop", "sqlite:shop.db", "sqlite:.tidings/state.db")
    );
    assert_eq!((config.zone, config.currency.code()), (chrono_tz::Asia::Shanghai, "CNY"));
    assert_eq!(config.shop["name"], "小店");
    let delivery = &config.delivery;
    let ChannelConfig::Smtp(email) = &delivery.channels["email"] else { panic!("email is smtp") };
    assert_eq!((email.port, email.connections), (Some(1025), 4));
    assert_eq!(email.rate, Pace::parse("50 per second"));
    let domains: Vec<_> =
        email.domains.iter().map(|(domain, pace)| (domain.0.as_str(), Some(*pace))).collect();
    let paces = ["10 per second", "600 per hour"].map(Pace::parse);
    assert_eq!(domains, [("gmail.com", paces[0]), ("xn--55qx5d.cn", paces[1])]);
    assert!(matches!(delivery.channels["sms"], ChannelConfig::Http(_)));
    assert_eq!(delivery.coupons["wake-up"].valid_for.map(|l| l.0), Some(30 * 86_400));
    assert_eq!(delivery.coupon_providers["coupon-api"].code, Some(Pointer("/data/code".into())));
    assert!(delivery.webhooks.contains_key("crm") && delivery.teams.contains_key("notify"));
    assert_eq!(config.prices["sms"], Price::parse("0.045 CNY").unwrap());
    let world = project.world();
    assert_eq!(world.channels, Some(vec!["email".to_owned(), "sms".to_owned()]));
    assert_eq!(world.coupons, Some(vec!["wake-up".to_owned()]));
}

#[test]
fn the_least_is_enough() {
    let (project, found, _) = load("time_zone: UTC\ncurrency: CNY\n");
    assert_eq!(found, Vec::<String>::new());
    let config = &project.config;
    assert_eq!(
        (config.name.as_str(), config.store.as_str(), config.state.as_str()),
        ("project", "sqlite:.tidings/store.db", "sqlite:.tidings/store.db")
    );
    assert!(config.delivery.is_empty(), "everything goes to the sandbox");
    assert_eq!((project.world().channels, project.world().coupons), (None, None));
    let (_, found, _) = load("name: x\n");
    let codes: Vec<&str> = found.iter().map(|f| &f[..4]).collect();
    assert_eq!(codes, ["W040", "W041"], "{found:?}");
}

/// Each case is the whole file with one line replaced, the finding's code and what it marks. It must be the only
/// one, in that line, and say what to do.
#[test]
fn every_finding_stands_at_its_line() {
    let cases = [
        ("name: my-shop", "nmae: my-shop", "E102", "nmae"),
        ("name: my-shop", "name: [a]", "E104", "name"),
        ("name: my-shop", "currency: CNY", "E105", "currency"),
        ("name: my-shop", "memory: 500", "E104", "500"),
        ("name: my-shop", "memory: 0 MB", "E104", "0 MB"),
        ("name: my-shop", "memory: 2 pages", "E104", "2 pages"),
        ("store: sqlite:shop.db", "store: postgres:shop", "E152", "postgres:shop"),
        ("store: sqlite:shop.db", "store: oracle://localhost/shop", "E152", "oracle://localhost/shop"),
        ("store: sqlite:shop.db", "store: shop.db", "E152", "shop.db"),
        ("store: sqlite:shop.db", "store: \"files:\"", "E152", "\"files:\""),
        ("state: sqlite:.tidings/state.db", "state: files:data", "E152", "files:data"),
        ("store: sqlite:shop.db", "store: \"sqlite::memory:\"", "E152", "\"sqlite::memory:\""),
        ("time_zone: Asia/Shanghai", "time_zone: Asia/Shanghia", "E111", "Asia/Shanghia"),
        ("currency: CNY", "currency: yuan", "E110", "yuan"),
        ("    host: localhost", "    hots: localhost", "E102", "hots"),
        ("    kind: smtp", "    kind: mail", "E153", "mail"),
        ("    port: 1025", "    port: many", "E104", "many"),
        ("    port: 1025", "    port: 99999", "E104", "99999"),
        ("    tls: none", "    tls: never", "E104", "never"),
        ("    on_unknown: leave", "    on_unknown: sometimes", "E104", "sometimes"),
        ("    url: \"https://sms.example/send\"", "    url: sms.example", "E153", "sms.example"),
        (
            "    body: {to: \"{{ to }}\", text: \"{{ text }}\"}",
            "    body: {to: \"{{ addres }}\"}",
            "E223",
            "body",
        ),
        ("    body: {to: \"{{ to }}\", text: \"{{ text }}\"}", "    body: {to: \"{{ to \"}", "E223", "body"),
        (
            "  wake-up: {provider: coupon-api, value: 20 CNY, valid_for: 30 days, label: 回归礼}",
            "  wake-up: {provider: coupon, value: 20 CNY}",
            "E112",
            "wake-up",
        ),
        (
            "  wake-up: {provider: coupon-api, value: 20 CNY, valid_for: 30 days, label: 回归礼}",
            "  wake-up: {provider: coupon-api, value: 20 CNY, valid_for: 30d}",
            "E104",
            "30d",
        ),
        (
            "  wake-up: {provider: coupon-api, value: 20 CNY, valid_for: 30 days, label: 回归礼}",
            "  wake up: {provider: coupon-api, value: 20 CNY}",
            "E106",
            "wake up",
        ),
        ("    code: /data/code", "    code: data", "E104", "data"),
        ("    rate: 50 per second", "    rate: 50", "E104", "50"),
        (
            "    dkim: {domain: shop.example, selector: s1, key: file:dkim.pem}",
            "    dkim: {domain: other.example, selector: s1, key: file:dkim.pem}",
            "E153",
            "dkim",
        ),
        (
            "    bounces: {address: bounces@shop.example, secret: env:BOUNCE_SECRET, mailbox: bounces}",
            "    bounces: {address: bounces@shop.example, mailbox: bounces}",
            "E153",
            "bounces",
        ),
        (
            "    bounces: {address: bounces@shop.example, secret: env:BOUNCE_SECRET, mailbox: bounces}",
            "    bounces: {address: all-that-comes-back@shop.example, secret: env:BOUNCE_SECRET}",
            "E153",
            "bounces",
        ),
        ("    rate: 50 per second", "    rate: 0 per second", "E104", "0 per second"),
        (
            "    domains: {gmail.com: 10 per second, 公司.cn: 600 per hour}",
            "    domains: {gmail: 10 per second}",
            "E104",
            "gmail",
        ),
        ("    connections: 4", "    code: /code", "E102", "code"),
        ("    from: \"Shop <news@shop.example>\"", "    from: Shop", "E153", "from"),
        (
            "    url: \"https://sms.example/send\"",
            "    url: http://sms.example",
            "E153",
            "http://sms.example",
        ),
        ("    on_unknown: {ask:", "    code: /code\n    on_unknown: {ask:", "E153", "code"),
        (
            "  crm: {url: \"https://crm.example/hook\"}",
            "  crm: {uri: \"https://crm.example/hook\"}",
            "E102",
            "uri",
        ),
        ("  crm: {url: \"https://crm.example/hook\"}", "  crm: {}", "E103", "{"),
        ("    password: env:SMTP_PASSWORD", "    password: hunter2", "E150", "password"),
        ("    password: env:SMTP_PASSWORD", "    password: 123456", "E150", "password"),
        (
            "    headers: {Authorization: \"Bearer env:SMS_TOKEN\"}",
            "    headers: {X-Api-Key: k3y}",
            "E150",
            "X-Api-Key",
        ),
        (
            "    headers: {Authorization: \"Bearer env:SMS_TOKEN\"}",
            "    headers: {X-Token-Id: k3y}",
            "E150",
            "X-Token-Id",
        ),
        ("    url: \"https://sms.example/send\"", "    url: \"https://me:pass@sms.example/\"", "E150", "url"),
        (PRICES, "prices: {sms: 0.045}", "E104", "0.045"),
        (PRICES, "prices: {sms: -0.045 CNY}", "E104", "-0.045 CNY"),
        (PRICES, "prices: {sms: 0.0000000001 CNY}", "E104", "0.0000000001 CNY"),
        (PRICES, "prices: {sms: 4.5 fen}", "E104", "4.5 fen"),
        (PRICES, "prices: {sms: [0.045 CNY]}", "E104", "sms"),
        (PRICES, "prices: {email: 0.0004 USD}", "E205", "0.0004 USD"),
        (PRICES, "prices: {smss: 0.045 CNY}", "E112", "smss"),
        ("    rate: 50 per second", "    price: 0.0004 CNY", "E102", "price"),
    ];
    for (old, new, code, marked) in cases {
        assert!(WHOLE.contains(old), "{old}");
        let changed = WHOLE[..WHOLE.find(old).unwrap()].lines().count() + 1;
        let (_, found, raw) = load(&WHOLE.replacen(old, new, 1));
        assert_eq!(found.len(), 1, "{new}: {found:#?}");
        let (id, rest) = found[0].split_once(' ').unwrap();
        let line: usize = rest.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(id, code, "{found:?}");
        // A name that is written twice is found at the second; what a whole part cannot be, at the part.
        let expected = match (new.trim(), marked) {
            ("currency: CNY", _) => 6,
            _ => changed,
        };
        assert_eq!(line, expected, "{found:?}");
        assert!(found[0].ends_with(&format!("[{marked}]")), "{new}: {found:?}");
        let says = raw[0].message.contains("such as");
        assert!(says || !raw[0].help.is_empty() || !raw[0].label.is_empty(), "{raw:?}");
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let secrets = "channels:\n  email: {kind: smtp, host: h, from: a@b.example, user: u, password: hunter2}\n  sms:\n    kind: http\n    url: https://u:hunter2@sms.example\n    headers:\n      Authorization: \"Bearer hunter2\"\n    body: {api_key: hunter2, token: \"{{ key }}\"}\n";
    let (project, found, raw) = load(&format!("time_zone: UTC\ncurrency: CNY\nname: x\n{secrets}"));
    let codes: Vec<&str> = found.iter().map(|f| &f[..4]).collect();
    assert_eq!(codes, ["E150"; 4], "{found:#?}");
    for (_, source) in project.sources.iter() {
        assert!(!source.text.contains("hunter2"), "{}", source.text);
    }
    assert!(!format!("{raw:?}{:?}", project.config).contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(start in 0..900_usize, length in 0..40_usize, junk in "[ \\PC\n:{}\\[\\]\"'&*!|>-]{0,20}") {
        let mut text = WHOLE.to_owned();
        let floor = |mut i: usize| { i = i.min(text.len()); while !text.is_char_boundary(i) { i -= 1; } i };
        let (from, to) = (floor(start), floor(start + length));
        text.replace_range(from..to, &junk);
        let (project, found, raw) = load(&text);
        for finding in raw {
            prop_assert!(project.sources.get(finding.place.file).is_some(), "{found:?}");
        }
    }
}

#[test]
fn the_state_can_be_on_a_server_whose_password_is_kept_elsewhere() {
    let with = |state: &str| WHOLE.replace("state: sqlite:.tidings/state.db", &format!("state: {state}"));
    for fine in [
        "env:DATABASE_URL",
        "file:secrets/database",
        "postgres://localhost/shop",
        "postgresql://shop@db/shop",
    ] {
        let (project, found, _) = load(&with(fine));
        assert_eq!((project.config.state.as_str(), found), (fine, Vec::new()));
    }
    let (_, found, all) = load(&with("postgres://shop:hunter2@db/shop"));
    assert!(found[0].starts_with("E150 4 the address carries a password"), "{found:?}");
    assert!(
        format!("{all:?}").contains("state: env:DATABASE_URL")
            && !format!("{all:?}{found:?}").contains("hunter2")
    );
    assert!(load(&with("mysql://db/shop")).1[0].starts_with("E152 4"));
}

#[test]
fn what_every_rule_is_asked_for_is_one_of_three() {
    let found = |lints: &str| {
        let folder = folder(&format!("time_zone: UTC\ncurrency: USD\nlints: {lints}\n"));
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(
            folder.path().join("rules/r.tidings"),
            "rule r\n  if spend > 1 USD\n  then send x coupon\nend\n",
        )
        .unwrap();
        let (mut project, mut found) = Project::load(folder.path());
        found.extend(project.check().diagnostics);
        found.iter().map(|d| d.code.id()).collect::<Vec<_>>()
    };
    assert_eq!(found("[]"), [""; 0]);
    assert_eq!(found("[owner, goal, expiry]"), ["W050", "W051", "W052"]);
    assert_eq!(found("[goal, ower]"), ["E104", "W051"]);
}
