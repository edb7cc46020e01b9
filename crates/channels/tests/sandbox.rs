//! The sandbox: every send a readable file, once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use tidings_channels::{Carriers, Delivery, Surroundings, Templates, sandbox};
use tidings_plan::{Grant, Key, Kind, Outcome, Sending};

const NOON: i64 = 1_795_255_200_000_000;

struct Shop {
    carriers: Carriers,
    folder: tempfile::TempDir,
}

fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let mail = "subject: 好久不见，{{ customer.name }}，这里有一张给您的优惠券，请在到期之前使用\n---\n<p>券码 {{ coupon.code }}</p>\n";
    fs::write(folder.path().join("wake-up.email.liquid"), mail).unwrap();
    fs::write(folder.path().join("wake-up.sms.liquid"), "{{ customer.name }}: {{ coupon.code }}").unwrap();
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    let coupon = serde_yaml::from_str("provider: shop\nvalue: 20 CNY\nvalid_for: 30 days").unwrap();
    let provider = serde_yaml::from_str("url: https://coupons.example/").unwrap();
    let delivery = Delivery {
        coupons: [("wake-up".to_owned(), coupon)].into(),
        coupon_providers: [("shop".to_owned(), provider)].into(),
        ..Delivery::default()
    };
    let place = Surroundings {
        folder: folder.path().to_owned(),
        sandbox: folder.path().join("sandbox"),
        zone: chrono_tz::UTC,
        clock: Arc::new(|| 0),
    };
    let carriers =
        Carriers::build(&delivery, Arc::new(templates), false, &place).unwrap_or_else(|e| panic!("{e:?}"));
    assert!(carriers.is_sandbox(), "no channel is configured");
    Shop { carriers, folder }
}

impl Shop {
    async fn send(&self, number: u8, kind: Kind, channel: &str, grant: Option<&Grant>) -> Outcome {
        let sending = Sending {
            key: Key([number; 16]),
            kind,
            channel: channel.into(),
            subject: "wake-up".into(),
            address: (kind == Kind::Message).then(|| format!("{channel}@shop.example")),
            customer: "c-1".into(),
            rule: "win-back".into(),
            values: json!({"customer": {"name": "李雷"}}).to_string(),
            at: NOON + i64::from(number) * 1_000_000,
        };
        let carrier = self.carriers.get(kind, channel, "wake-up").unwrap();
        let payload = carrier.prepare(&sending, grant).unwrap();
        carrier.deliver(&sending, &payload).await
    }

    fn caught(&self) -> Vec<sandbox::Caught> {
        sandbox::list(&self.folder.path().join("sandbox")).unwrap()
    }
}

#[tokio::test]
async fn every_send_becomes_a_file_that_is_listed_and_shown() {
    let shop = shop();
    assert_eq!(shop.caught(), []);
    let Outcome::Sent { code: Some(code), .. } = shop.send(1, Kind::Coupon, "coupon", None).await else {
        panic!()
    };
    assert!(
        code.len() == 12 && code.chars().all(|c| c.is_ascii_alphanumeric() && !"01IO".contains(c)),
        "{code}"
    );
    let grant = shop.carriers.grant("wake-up", code.clone(), NOON);
    for (number, channel) in [(2, "email"), (3, "sms")] {
        let sent = shop.send(number, Kind::Message, channel, Some(&grant)).await;
        assert!(matches!(sent, Outcome::Sent { code: None, .. }), "{sent:?}");
    }
    shop.send(4, Kind::Webhook, "crm", None).await;

    let caught = shop.caught();
    let seen: Vec<[&str; 4]> =
        caught.iter().map(|c| [c.channel.as_str(), &c.to, &c.subject, &c.at]).collect();
    let (coupon, text) = (format!("wake-up {code}"), format!("李雷: {code}"));
    let subject = "好久不见，李雷，这里有一张给您的优惠券，请在到期之前使用";
    let want = [
        ["coupon", "c-1", &coupon, "2026-11-21T10:00:01Z"],
        ["email", "email@shop.example", subject, "2026-11-21T10:00:02Z"],
        ["sms", "sms@shop.example", &text, "2026-11-21T10:00:03Z"],
        ["crm", "c-1", "wake-up", "2026-11-21T10:00:04Z"],
    ];
    assert_eq!(seen, want);
    assert!(caught.iter().zip(1..).all(|(c, n)| c.key == Key([n; 16]).to_string()));
    assert_eq!(caught[1].file, "20261121T100002Z.email.0202020202020202.eml");

    let folder = shop.folder.path().join("sandbox");
    let mail = sandbox::show(&folder, "0202").unwrap();
    assert!(mail.contains(&format!("券码 {code}")), "readable as it is: {mail}");
    let coupon: Value = serde_json::from_str(&sandbox::show(&folder, "20261121T100001Z").unwrap()).unwrap();
    assert_eq!(
        (&coupon["body"]["value"], &coupon["body"]["expires"]),
        (&json!("20 CNY"), &json!("2026-12-21"))
    );
    assert!(sandbox::show(&folder, "2026").unwrap_err().contains("more than one"));
    assert!(sandbox::show(&folder, "ff").unwrap_err().contains("no caught send"));
}

#[tokio::test]
async fn a_repeat_is_the_same_file() {
    let shop = shop();
    let first = shop.send(1, Kind::Coupon, "coupon", None).await;
    let before = fs::read(shop.folder.path().join("sandbox").join(&shop.caught()[0].file)).unwrap();
    assert_eq!(shop.send(1, Kind::Coupon, "coupon", None).await, first, "the same code for the same key");
    let after = fs::read(shop.folder.path().join("sandbox").join(&shop.caught()[0].file)).unwrap();
    assert_eq!((shop.caught().len(), before), (1, after));
    assert_ne!(shop.send(2, Kind::Coupon, "coupon", None).await, first);
    assert!(
        fs::read_dir(shop.folder.path().join("sandbox")).unwrap().count() == 2,
        "no unfinished file stays"
    );
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_written_says_so_and_may_be_tried_again() {
    let shop = shop();
    fs::write(shop.folder.path().join("sandbox"), "a file where the folder should be").unwrap();
    let outcome = shop.send(1, Kind::Message, "sms", None).await;
    let Outcome::Again(why, None) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("sandbox"), "{why}");
}
