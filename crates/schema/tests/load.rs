//! `schema.yaml`, read whole, and each finding with its line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use tidings_schema::{
    AttributeId, CollectionId, Currency, EventSource, FieldId, RowSource, Settings, StoredUnit, Type,
    Vocabulary, load,
};
use tidings_syntax::{Diagnostic, Sources};

const WHOLE: &str = r#"
customer:
  table: customers
  key: id
  created: signed_up_at
  zone: time_zone
  updated_at: changed
  deleted_at: gone
  attributes:
    email: text
    phone: {type: text, column: mobile}
    city: {type: text, label: 城市}
    email_consent: yes/no
    birthday: {type: date, yearly: true}
    tier: {type: one of, values: [bronze, silver, {gold: "G", label: 金卡}], ordered: true}
    spend: {type: money, currency: CNY, unit: minor}
    vip_note: {type: text, kept: true}
    signed_up_at: {type: moment, unit: milliseconds, required: yes}
    time_zone: text
    兴趣: {type: tags, separator: ";"}
    seen: {type: moment, zone: Europe/Berlin}
contact:
  email: {address: email, consent: email_consent}
collections:
  orders:
    table: shop_orders
    customer: customer_id
    time: placed_at
    key: id
    append_only: number
    fields:
      placed_at: moment
      total: money
      status: {type: one of, values: [paid, cancelled, 3]}
events:
  order: orders
  signup: customer.signed_up_at
"#;

fn settings() -> Settings {
    Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::CNY }
}

fn read(text: &str) -> (Option<Vocabulary>, Vec<String>, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add("schema.yaml", text);
    let (vocabulary, findings) = load(text, file, &settings());
    let shown = findings
        .iter()
        .map(|d| {
            let (line, _) = sources.line_column(file, d.place.span.start);
            format!("{} {line} {} [{}]", d.code, d.message, sources.text(d.place))
        })
        .collect();
    (vocabulary, shown, findings)
}

#[test]
fn reads_everything() {
    let (vocabulary, findings, _) = read(WHOLE);
    assert_eq!(findings, Vec::<String>::new());
    let v = vocabulary.unwrap();
    let by_name = |name: &str| v.find_attribute(name).unwrap().1;
    assert_eq!((v.customer.table.as_str(), v.customer.key.as_str()), ("customers", "id"));
    assert_eq!(v.customer.created, Some(v.find_attribute("signed_up_at").unwrap().0));
    assert_eq!(v.customer.zone, Some(v.find_attribute("time_zone").unwrap().0));
    assert_eq!(by_name("phone").storage.column, "mobile");
    assert_eq!(by_name("city").label.as_deref(), Some("城市"));
    assert!(by_name("birthday").yearly && by_name("birthday").optional && by_name("vip_note").kept);
    assert!(by_name("spend").storage.minor);
    assert_eq!(by_name("spend").ty, Type::Money(Currency::CNY));
    assert!(!by_name("signed_up_at").optional);
    assert_eq!(by_name("signed_up_at").storage.unit, StoredUnit::Milliseconds);
    assert_eq!(by_name("兴趣").storage.separator.as_deref(), Some(";"));
    assert_eq!(by_name("seen").storage.zone, Some(chrono_tz::Europe::Berlin));
    let Type::OneOf(tier) = &by_name("tier").ty else { panic!("tier is a one-of") };
    assert!(tier.ordered);
    assert_eq!(tier.position("gold"), Some(2));
    assert_eq!((tier.words[2].stored.as_deref(), tier.words[2].label.as_deref()), (Some("G"), Some("金卡")));
    assert_eq!(v.contact("email").unwrap().address, AttributeId(0));
    let (id, orders) = v.find_collection("orders").unwrap();
    assert_eq!((id, orders.time), (CollectionId(0), FieldId(0)));
    assert!(!orders.field(orders.time).unwrap().optional, "a row without its time does not exist");
    let RowSource::Table { table, customer, key, changes } = &orders.source else {
        panic!("orders are in a table")
    };
    assert_eq!(
        (table.as_str(), customer.as_str(), key.as_deref()),
        ("shop_orders", "customer_id", Some("id"))
    );
    assert_eq!((changes.since.as_deref(), changes.deleted.as_deref()), (Some("number"), None));
    let changes = &v.customer.changes;
    assert_eq!((changes.since.as_deref(), changes.deleted.as_deref()), (Some("changed"), Some("gone")));
    assert_eq!(v.events[0].source, EventSource::Row(CollectionId(0)));
    assert_eq!(v.events[1].source, EventSource::Attribute(v.find_attribute("signed_up_at").unwrap().0));
    let built_in: Vec<&str> = v.collections.iter().skip(1).map(|c| c.name.as_str()).collect();
    assert_eq!(built_in, [Vocabulary::SENDS, Vocabulary::GRANTS]);
    for collection in &v.collections[1..] {
        assert_eq!(collection.field(collection.time).unwrap().name, "at");
    }
}

/// Each case is the whole file with one line replaced by another, and the finding's code and marked text.
/// The finding must be the only one and stand in the changed line.
#[test]
fn every_finding_stands_at_its_line() {
    let cases = [
        ("    email: text", "    email: txet", "E108", "txet"),
        ("    email: text", "    email: varchar", "E108", "varchar"),
        ("    email: text", "    email: [text]", "E104", "email"),
        ("    email: text", "    email: one of", "E103", "one of"),
        ("    email: text", "    \"e mail\": text\n    email: text", "E106", "\"e mail\""),
        ("    email: text", "    2nd: text\n    email: text", "E106", "2nd"),
        ("    email: text", "    between: text\n    email: text", "E107", "between"),
        ("    email: text", "    sends: text\n    email: text", "E107", "sends"),
        ("    email: text", "    city: text\n    email: text", "E105", "city"),
        ("  table: customers", "  tabel: x\n  table: customers", "E102", "tabel"),
        ("  key: id", "", "E103", "customer"),
        ("  key: id", "  key: [a, b]", "E104", "key"),
        ("  updated_at: changed", "  updated_at: [a, b]", "E104", "updated_at"),
        ("  deleted_at: gone", "  append_only: id", "E115", "append_only"),
        ("  updated_at: changed", "  append_only: id", "E115", "append_only"),
        ("    append_only: number", "    append_only: number\n    updated_at: at", "E115", "append_only"),
        ("  created: signed_up_at", "  created: city", "E113", "city"),
        ("  created: signed_up_at", "  created: signed_up", "E112", "signed_up"),
        ("  zone: time_zone", "  zone: birthday", "E113", "birthday"),
        (
            "    birthday: {type: date, yearly: true}",
            "    birthday: {type: text, yearly: true}",
            "E109",
            "yearly",
        ),
        (
            "    birthday: {type: date, yearly: true}",
            "    birthday: {type: date, yearly: maybe}",
            "E104",
            "maybe",
        ),
        ("    birthday: {type: date, yearly: true}", "    birthday: {yearly: true}", "E103", "birthday"),
        (
            "    spend: {type: money, currency: CNY, unit: minor}",
            "    spend: {type: money, currency: RMB}",
            "E110",
            "RMB",
        ),
        (
            "    spend: {type: money, currency: CNY, unit: minor}",
            "    spend: {type: money, currency: cny}",
            "E110",
            "cny",
        ),
        (
            "    spend: {type: money, currency: CNY, unit: minor}",
            "    spend: {type: money, unit: fen}",
            "E109",
            "fen",
        ),
        (
            "    seen: {type: moment, zone: Europe/Berlin}",
            "    seen: {type: moment, zone: Europe/Berln}",
            "E111",
            "Europe/Berln",
        ),
        (
            "    vip_note: {type: text, kept: true}",
            "    vip_note: {type: text, kept: true, column: x}",
            "E109",
            "column",
        ),
        (
            "      status: {type: one of, values: [paid, cancelled, 3]}",
            "      status: {type: one of, values: []}",
            "E114",
            "values",
        ),
        (
            "      status: {type: one of, values: [paid, cancelled, 3]}",
            "      status: {type: one of, values: [a, b, a]}",
            "E114",
            "a",
        ),
        (
            "      status: {type: one of, values: [paid, cancelled, 3]}",
            "      status: {type: one of, values: [a, {b: a}]}",
            "E114",
            "{b",
        ),
        ("      total: money", "      total: {type: money, kept: true}", "E109", "kept"),
        ("  email: {address: email, consent: email_consent}", "  email: {address: email}", "E103", "email"),
        (
            "  email: {address: email, consent: email_consent}",
            "  email: {address: email, consent: city}",
            "E113",
            "city",
        ),
        (
            "  email: {address: email, consent: email_consent}",
            "  email: {address: mail, consent: email_consent}",
            "E112",
            "mail",
        ),
        (
            "  email: {address: email, consent: email_consent}",
            "  coupon: {address: email, consent: email_consent}",
            "E107",
            "coupon",
        ),
        ("    time: placed_at", "    time: total", "E113", "total"),
        ("    time: placed_at", "    time: placed", "E112", "placed"),
        ("  order: orders", "  order: ordres", "E112", "ordres"),
        ("  signup: customer.signed_up_at", "  signup: customer.city", "E113", "customer.city"),
        ("  zone: time_zone", "\tzone: time_zone", "E101", "zone"),
        ("contact:", "contact: }", "E101", "}"),
    ];
    for (old, new, code, marked) in cases {
        assert!(WHOLE.contains(old), "{old}");
        let text = WHOLE.replacen(old, new, 1);
        let changed = WHOLE[..WHOLE.find(old).unwrap()].lines().count() + 1;
        let (vocabulary, findings, raw) = read(&text);
        assert_eq!(findings.len(), 1, "{new}: {findings:#?}");
        assert!(vocabulary.is_none(), "{new}");
        assert!(findings[0].starts_with(&format!("{code} ")), "{new}: {findings:?}");
        assert!(findings[0].ends_with(&format!("[{marked}]")), "{new}: {findings:?}");
        let line: usize = findings[0].split(' ').nth(1).unwrap().parse().unwrap();
        // What is missing is missed at its group; what is written twice is found at the second.
        let expected = if new.is_empty() { 2 } else { changed + if code == "E105" { 3 } else { 0 } };
        assert_eq!(line, expected, "{new}");
        assert!(
            raw.iter().all(|d| !d.help.is_empty() || !d.label.is_empty() || d.code.id() == "E113"),
            "{new}: {raw:?}"
        );
    }
}

#[test]
fn rows_that_come_and_change_have_a_key() {
    let (vocabulary, findings, _) = read(&WHOLE.replacen("    key: id\n", "", 1));
    assert!(vocabulary.is_none());
    assert_eq!(findings, ["E115 29 `append_only` needs a `key` beside it [append_only]"]);
}

#[test]
fn several_findings_come_at_once_and_none_twice() {
    let text = "customer:\n  table: t\n  attributes:\n    mail: tekst\n    ok: bool\ncontact:\n  email: {address: mail, consent: ok}\n";
    let (_, findings, _) = read(text);
    let codes: Vec<&str> = findings.iter().map(|f| f.split(' ').next().unwrap()).collect();
    assert_eq!(codes, ["E103", "E108", "E108"], "{findings:#?}");
}

#[test]
fn names_meet_in_nfc() {
    let (vocabulary, findings, _) =
        read("customer:\n  table: t\n  key: id\n  created: cafe\u{301}\n  attributes:\n    café: moment\n");
    assert_eq!(findings, Vec::<String>::new());
    assert!(vocabulary.unwrap().customer.created.is_some());
}

#[test]
fn the_colon_of_a_chinese_keyboard_is_named_with_its_line() {
    for (old, new) in [("  created: signed", "  created：signed"), ("    city: {", "    city：{")] {
        let (_, _, raw) = read(&WHOLE.replacen(old, new, 1));
        let line = WHOLE[..WHOLE.find(old).unwrap()].lines().count() + 1;
        let said =
            |d: &Diagnostic| d.help.iter().any(|h| h.message.ends_with(&format!("`：` in line {line}")));
        assert!(raw.iter().any(said), "{raw:?}");
    }
}

#[test]
fn nothing_and_too_much_are_refused() {
    assert!(read("").1[0].starts_with("E104"));
    assert!(read("# only a comment\n").1[0].starts_with("E104"));
    assert!(read(&"#".repeat(300_000)).1[0].starts_with("E002"));
    assert!(read(&"[".repeat(100_000)).1[0].starts_with("E101"));
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert!(!read(laughs).1.is_empty());
}

#[test]
fn brackets_far_too_deep_are_refused_before_they_are_read() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("customer: {}{}", open.repeat(50_000), close.repeat(50_000));
        let (vocabulary, found) = load(
            &text,
            tidings_syntax::FileId(0),
            &Settings { zone: chrono_tz::Tz::UTC, currency: Currency::CNY },
        );
        assert!(vocabulary.is_none());
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert!(finding.message.contains("more than 1000 brackets"), "{}", finding.message);
    }
}
