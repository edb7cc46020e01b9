//! A first vocabulary from a catalogue, and that it always loads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use tidings_schema::guess::{Catalogue, ColumnInfo, TableInfo, guess};
use tidings_schema::{Currency, Settings, Type, Vocabulary, load};
use tidings_syntax::FileId;

fn settings() -> Settings {
    Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::CNY }
}

fn column(name: &str, declared: &str, samples: &[&str]) -> ColumnInfo {
    let samples = samples.iter().map(|s| Some((*s).to_owned())).collect();
    ColumnInfo { name: name.into(), declared_type: declared.into(), samples, ..ColumnInfo::default() }
}

fn table(name: &str, columns: Vec<ColumnInfo>) -> TableInfo {
    TableInfo { name: name.into(), columns, row_count: Some(6) }
}

/// Guesses and loads, and gives back the vocabulary, the text and the notes.
fn vocabulary(tables: Vec<TableInfo>) -> (Vocabulary, String, Vec<String>) {
    let guess = guess(&Catalogue { tables }, &settings()).unwrap();
    let (vocabulary, findings) = load(&guess.yaml, FileId(0), &settings());
    let vocabulary = vocabulary.unwrap_or_else(|| panic!("{findings:#?}\n{}", guess.yaml));
    assert!(findings.is_empty(), "{findings:#?}");
    (vocabulary, guess.yaml, guess.notes)
}

#[test]
fn a_shop() {
    let key = |name: &str| ColumnInfo { primary_key: true, ..column(name, "INTEGER", &["1", "2"]) };
    let (v, yaml, notes) = vocabulary(vec![
        table("order_items", vec![key("id"), column("order_id", "INT", &["1"])]),
        table(
            "orders",
            vec![
                key("id"),
                ColumnInfo {
                    references: Some(("customers".into(), "id".into())),
                    ..column("buyer", "INTEGER", &["1"])
                },
                column("placed_at", "TEXT", &["2026-01-05 10:00:00", "2026-01-06T11:00:00Z"]),
                column("shipped_on", "INTEGER", &["20260105", "20260106"]),
                column("total", "REAL", &["19.9", "20"]),
                column("fee_usd", "REAL", &["1.5"]),
                column("total_items", "INTEGER", &["3", "4"]),
                column("status", "TEXT", &["paid", "paid", "paid", "cancelled", "paid", "3"]),
                column("shipping cents", "INTEGER", &["500"]),
                column("paidAt", "INTEGER", &["1700000000000"]),
            ],
        ),
        table(
            "customers",
            vec![
                key("id"),
                column("email", "TEXT", &["a@shop.example"]),
                column("mobile", "TEXT", &["13800138000"]),
                column("phone", "TEXT", &["+14155550000", "+85291234567"]),
                column("email_opt_in", "INTEGER", &["1", "1"]),
                column("email_unsubscribed", "INTEGER", &["1", "0", "0", "1"]),
                column("birthday", "TEXT", &["1990-05-03 00:00:00"]),
                column("city", "TEXT", &["上海", "上海", "上海", "北京", "北京", "北京"]),
                column("tier", "TEXT", &["gold", "silver", "gold", "gold", "silver", "silver"]),
                column("zip", "TEXT", &["01234", "20095"]),
                column("visits", "INTEGER", &["0", "1", "1", "0"]),
                column("is_vip", "TEXT", &["是", "否"]),
                column("is_member", "TEXT", &["Y", "N", "Y"]),
                column("shelf", "TEXT", &["T", "F"]),
                column("created_at", "TIMESTAMP", &[]),
                column("interests", "TEXT", &["music;art", "art"]),
                column("discount rate", "TEXT", &["10%"]),
                column("time_zone", "TEXT", &["Asia/Shanghai", "Europe/Berlin"]),
                column("between", "TEXT", &["x"]),
            ],
        ),
    ]);
    let of = |name: &str| v.find_attribute(name).unwrap_or_else(|| panic!("{name} in\n{yaml}")).1;
    assert_eq!((v.customer.table.as_str(), v.customer.key.as_str()), ("customers", "id"));
    assert_eq!(v.attribute(v.customer.created.unwrap()).unwrap().name, "created_at");
    assert_eq!(v.attribute(v.customer.zone.unwrap()).unwrap().name, "time_zone");
    let types: Vec<(&str, Type)> = vec![
        ("email", Type::Text),
        ("mobile", Type::Text),
        ("phone", Type::Text),
        ("email_opt_in", Type::YesNo),
        ("email_unsubscribed", Type::YesNo),
        ("birthday", Type::Date),
        ("city", Type::Text),
        ("zip", Type::Text),
        ("visits", Type::Number),
        ("is_vip", Type::YesNo),
        ("is_member", Type::YesNo),
        ("shelf", Type::Text),
        ("created_at", Type::Moment),
        ("interests", Type::Tags),
        ("discount_rate", Type::Percent),
        ("between_", Type::Text),
    ];
    for (name, ty) in types {
        assert_eq!(of(name).ty, ty, "{name}");
    }
    assert!(of("birthday").yearly);
    let Type::OneOf(tier) = &of("tier").ty else { panic!("{yaml}") };
    assert_eq!(tier.words.len(), 2);
    assert_eq!(v.contacts.len(), 1, "sms has no consent:\n{yaml}");
    assert_eq!(v.attribute(v.contacts[0].consent).unwrap().name, "email_opt_in");
    assert!(yaml.contains("#   sms: {address: mobile"), "{yaml}");

    assert_eq!(v.collections.len(), 3, "{yaml}");
    let orders = v.find_collection("orders").unwrap().1;
    assert_eq!(orders.field(orders.time).unwrap().name, "placed_at");
    let of = |name: &str| orders.find_field(name).unwrap_or_else(|| panic!("{name} in\n{yaml}")).1;
    assert_eq!(of("total").ty, Type::Money(Currency::CNY));
    assert_eq!(of("fee_usd").ty, Type::Money(Currency::USD));
    assert_eq!((of("shipped_on").ty.clone(), of("total_items").ty.clone()), (Type::Date, Type::Number));
    assert!(of("shipping_cents").storage.minor);
    assert_eq!(of("paidAt").storage.unit, tidings_schema::StoredUnit::Milliseconds);
    assert!(v.events.iter().any(|e| e.name == "order") && v.events.iter().any(|e| e.name == "signup"));
    for said in [
        "customers are in customers",
        "order_items is left out",
        "orders.total: money in CNY, because",
        "sms could go to mobile",
    ] {
        assert!(notes.iter().any(|n| n.contains(said)), "{said}: {notes:#?}");
    }
}

#[test]
fn a_chinese_shop() {
    let (v, yaml, _) = vocabulary(vec![
        table(
            "订单",
            vec![
                column("订单编号", "TEXT", &["A1"]),
                column("会员编号", "TEXT", &["1"]),
                column("下单时间", "TEXT", &["2026/1/5 10:00"]),
                column("金额", "NUMERIC", &["19.90"]),
            ],
        ),
        table(
            "会员",
            vec![
                column("会员编号", "TEXT", &["1"]),
                column("手机", "TEXT", &["13800138000"]),
                column("短信同意", "TEXT", &["是", "否"]),
                column("生日", "TEXT", &["1990-05-03"]),
                column("注册 日期", "TEXT", &["2025-01-01"]),
            ],
        ),
    ]);
    assert_eq!((v.customer.table.as_str(), v.customer.key.as_str()), ("会员", "会员编号"));
    assert!(v.find_attribute("生日").unwrap().1.yearly);
    assert_eq!(v.find_attribute("注册_日期").unwrap().1.storage.column, "注册 日期");
    assert_eq!(v.contact("sms").map(|c| c.consent), Some(v.find_attribute("短信同意").unwrap().0), "{yaml}");
    let orders = v.find_collection("订单").unwrap().1;
    assert_eq!(orders.find_field("金额").unwrap().1.ty, Type::Money(Currency::CNY));
    assert_eq!(orders.field(orders.time).unwrap().name, "下单时间");
}

#[test]
fn a_few_values_that_are_no_times_leave_the_others_times() {
    let times = ["2026-01-05", "2026-02-06 10:00"];
    let with = |times: &[&str], others: &[&str]| {
        let mut samples = times.repeat(40);
        samples.truncate(40 - others.len());
        samples.extend(others);
        let id = |name| column(name, "INTEGER", &["1", "2"]);
        let customers = table("customers", vec![id("id"), column("name", "TEXT", &["Ann"])]);
        let (v, _, notes) = vocabulary(vec![
            customers,
            table("orders", vec![id("id"), id("customer_id"), column("placed_at", "TEXT", &samples)]),
        ]);
        (v.collections.iter().any(|c| c.name == "orders"), notes.join("\n"))
    };
    let some_timed = "orders.placed_at: a moment, because its values are dates, some with a time";
    for (others, expected) in [
        (vec!["2026-02-30", "unknown"], ", but for 2 of 40"),
        (vec!["20260105", "unknown", "20260106", "0"], ", but for 2 of 40"),
        (vec!["20260105"; 4], ""),
    ] {
        let (there, notes) = with(&times, &others);
        let expected = format!("{some_timed}{expected}");
        assert!(there && notes.lines().any(|note| note == expected), "{expected}: {notes}");
    }
    let (there, notes) = with(&times[..1], &["20260105", "unknown"]);
    assert!(there && notes.contains("a date, because its values are dates, but for 1 of 40"), "{notes}");
    // As a moment a number could be read, but is more likely none.
    for others in [["2026-02-30", "unknown", "n/a"], ["0"; 3]] {
        let (there, notes) = with(&times, &others);
        assert!(!there && notes.contains("orders is left out"), "{notes}");
    }
    let change = [vec!["-5"; 39], vec!["7"]].concat();
    let columns = vec![column("id", "INTEGER", &["1"]), column("change", "INTEGER", &change)];
    let (_, _, notes) = vocabulary(vec![table("customers", columns)]);
    let expected = "customers.change: a number, because its values are numbers";
    assert!(notes.iter().any(|note| note == expected), "a sign is no part of a date: {notes:?}");
}

#[test]
fn a_few_values_that_are_no_amounts_leave_the_others_amounts() {
    let with = |name: &str, others: usize| {
        let samples = [vec!["19.90"; 40 - others], vec!["N/A"; others]].concat();
        let columns = vec![column("id", "INTEGER", &["1"]), column(name, "TEXT", &samples)];
        vocabulary(vec![table("customers", columns)]).2.join("\n")
    };
    let amounts = "spent: money in CNY, because its name and its values look like amounts, but for 2 of 40";
    assert!(with("spent", 2).contains(amounts), "{}", with("spent", 2));
    for (name, others) in [("spent", 3), ("level", 2)] {
        let texts = with(name, others);
        assert!(!texts.contains("money") && !texts.contains("number"), "{texts}");
    }
}

#[test]
fn a_store_without_tables_has_no_vocabulary() {
    assert_eq!(guess(&Catalogue::default(), &settings()), None);
}

fn any_column() -> impl Strategy<Value = ColumnInfo> {
    let name = prop_oneof![
        "[a-zA-Z0-9_ -]{1,12}",
        "\\PC{1,6}",
        Just("customer_id".to_owned()),
        Just("email".to_owned()),
        Just("email_consent".to_owned()),
        Just("created_at".to_owned()),
        Just("true".to_owned()),
    ];
    let declared = prop_oneof!["", "TEXT", "INTEGER", "TIMESTAMP", "DATE", "BOOLEAN", "DECIMAL\\(10,2\\)"];
    let value = prop_oneof![
        "[0-9]{1,16}",
        "20[0-9]{2}-0[1-9]-1[0-9]( 10:00)?",
        "yes|no|[a-c]",
        "\\PC{0,5}",
        "[0-9]{1,3}\\.[0-9]{1,3}"
    ];
    (name, declared, any::<bool>(), prop::collection::vec(prop::option::of(value), 0..8)).prop_map(
        |(name, declared_type, primary_key, samples)| ColumnInfo {
            name,
            declared_type,
            primary_key,
            unique: primary_key,
            samples,
            references: None,
            distinct: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_guessed_loads(tables in prop::collection::vec(("[a-z ]{1,6}|customers|\\PC{1,4}", prop::collection::vec(any_column(), 0..6)), 1..4)) {
        let tables = tables.into_iter().map(|(name, columns)| table(&name, columns)).collect();
        if let Some(guess) = guess(&Catalogue { tables }, &settings()) {
            let (_, findings) = load(&guess.yaml, FileId(0), &settings());
            prop_assert!(findings.is_empty(), "{findings:#?}\n{}", guess.yaml);
        }
    }
}
