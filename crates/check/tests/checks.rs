//! What the checker makes of rules, and what it says about wrong ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use tidings_check::program::{
    Bands, Body, Budget, CatchUp, ConditionKind, Lateness, Overlap, Repeat, TermKind, Window,
};
use tidings_check::{Checked, Program, RuleFile, World, check};
use tidings_schema::{Currency, Settings, Value, load};
use tidings_syntax::{FileId, Sources, parse};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    phone: text
    email_consent: yes/no
    sms_consent: yes/no
    city: text
    tier: {type: one of, values: [bronze, silver, gold], ordered: true}
    lifecycle: {type: one of, values: [active, dormant]}
    birthday: {type: date, yearly: true}
    signed_up: moment
    joined: date
    visits: number
    balance: {type: money, currency: CNY}
    labels: tags
    my_tags: {type: tags, kept: true}
contact:
  email: {address: email, consent: email_consent}
  sms: {address: phone, consent: sms_consent}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: moment
      total: {type: money, currency: CNY}
      status: {type: one of, values: [paid, cancelled]}
      category: text
events:
  order: orders
  joining: customer.joined
";

fn checked(text: &str) -> (Checked, Sources) {
    let mut sources = Sources::default();
    let settings = Settings { zone: chrono_tz::Tz::Asia__Shanghai, currency: Currency::CNY };
    let (vocabulary, findings) = load(SCHEMA, FileId(0), &settings);
    let vocabulary = vocabulary.unwrap_or_else(|| panic!("{findings:?}"));
    let id = sources.add("rules/test.tidings", text);
    let parsed = parse(id, text);
    assert!(parsed.diagnostics.is_empty(), "{text}\n{:?}", parsed.diagnostics);
    let world = World {
        coupons: Some(vec!["wake-up".into(), "other".into()]),
        worths: [("wake-up".to_owned(), (2000, Currency::CNY))].into(),
        templates: vec![("wake-up".into(), "email".into()), ("wake-up".into(), "sms".into())],
        ..World::default()
    };
    let files = [RuleFile { id, name: "test".into(), tree: parsed.file, broken: parsed.broken }];
    (check(&files, Arc::new(vocabulary), &world, &sources), sources)
}

/// The program of a text without errors.
fn program(text: &str) -> Program {
    let (checked, _) = checked(text);
    checked.program.unwrap_or_else(|| panic!("{text}\n{:#?}", checked.diagnostics))
}

/// The condition of a bare sentence.
fn condition(condition: &str) -> ConditionKind {
    program(&format!("if {condition} then send wake-up coupon")).rules[0].condition.clone().unwrap().kind
}

/// The codes found in a text, in order.
fn codes(text: &str) -> Vec<&'static str> {
    checked(text).0.diagnostics.iter().map(|d| d.code.id()).collect()
}

fn condition_codes(condition: &str) -> Vec<&'static str> {
    codes(&format!("if {condition} then send wake-up coupon"))
}

#[test]
fn literals_take_the_type_of_their_place() {
    let constant = |text: &str| match condition(text) {
        ConditionKind::Compare(_, _, right) => match right.kind {
            TermKind::Constant(value) => value,
            other => panic!("{text}: {other:?}"),
        },
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(constant("days since latest orders.placed_at > 12 weeks"), Value::Count(84));
    assert_eq!(constant("days since latest orders.placed_at > 90"), Value::Count(90));
    assert_eq!(constant("months since signed_up >= 2 years"), Value::Count(24));
    assert_eq!(constant("balance >= 99.50 CNY"), Value::Money(9950));
    assert_eq!(constant("lifecycle = dormant"), Value::Word(1));
    assert_eq!(constant("lifecycle = \"dormant\""), Value::Word(1));
    assert_eq!(constant("signed_up >= 1970-01-11"), Value::Date(10));
    assert_eq!(constant("100 CNY < balance"), Value::Money(10_000));
}

#[test]
fn one_wrong_thing_has_one_code() {
    for (text, code) in [
        ("balance > 100", "E205"),
        ("balance > 100 USD", "E205"),
        ("balance > 0.005 CNY", "E205"),
        ("city = Beijing", "E229"),
        ("lifecycle = dorment", "E206"),
        ("lifecycle > dormant", "E207"),
        ("days since latest orders.placed_at > 3 months", "E208"),
        ("hours since signed_up > 3", "E208"),
        ("orders.total > 100 CNY", "E209"),
        ("count of orders", "E210"),
        ("visits + (city = \"x\") > 3", "E211"),
        ("sum of orders.status > 3", "E212"),
        ("count of orders.total > 3", "E212"),
        ("count of orders where (city = \"x\") > 1", "E213"),
        ("entered dormant in last 7 months", "E214"),
        ("count of orders between 2026-03-01 and 2026-02-01 > 1", "E214"),
        ("email_consent = yes", "E230"),
        ("visits = city", "E204"),
        ("labels = \"vip\"", "E204"),
        ("timed out", "E228"),
        ("count of orders since start > 1", "E228"),
        ("visit > 3", "E201"),
        ("in nobody", "E201"),
        ("holds wakeup coupon", "E225"),
        ("visits between 9 and 3", "W023"),
        ("birthday is today", "W024"),
    ] {
        assert_eq!(condition_codes(text), [code], "{text}");
    }
}

#[test]
fn errors_of_declarations_and_rules() {
    for (text, code) in [
        ("define a = b\ndefine b = a\nif a > 1 then send wake-up coupon", "E203"),
        ("define city = visits\nif visits > 1 then send wake-up coupon", "E202"),
        ("stages s\n a when visits > 1\nend\nif s = a then send wake-up coupon", "E215"),
        ("stages s\n b otherwise\n a when visits > 1\nend\nif s = a then send wake-up coupon", "E215"),
        ("rule r\n if visits > 1\n if visits > 2\n then send wake-up coupon\nend", "E217"),
        ("rule r\n if visits > 1\nend", "E218"),
        ("rule r\n if visits > 1\n then send wake-up coupon\n else send wake-up email\nend", "E219"),
        ("rule r\n every month on day 32\n if visits > 1\n then send wake-up coupon\nend", "E220"),
        ("rule r\n cron \"0 10 30 2 *\"\n if visits > 1\n then send wake-up coupon\nend", "E220"),
        ("rule r\n cron \"0 10 * * 1\"\n if visits > 1\n then send wake-up coupon\nend", "E220"),
        ("rule r\n every month on day 31\n if visits > 1\n then send wake-up coupon\nend", "W026"),
        ("rule r\n if visits > 1\n then send wake-up coupon\n hold out 110%\nend", "E221"),
        ("rule r\n if visits > 1\n then send wakeup email\nend", "E222"),
        ("rule r\n if visits > 1\n then send wake-up pigeon\nend", "E224"),
        ("rule r\n if visits > 1\n then send wakeup coupon\nend", "E225"),
        ("rule r\n if visits > 1\n then set city = \"x\"\nend", "E227"),
        ("rule r\n if visits > 1\n then send wake-up coupon\n goal purchase within 3 days\nend", "E231"),
        (
            "rule a\n was x\n if visits > 1\n then send wake-up coupon\nend\nrule x\n if visits > 2\n then send wake-up coupon\nend",
            "E202",
        ),
        ("rule r\n on joining\n then send wake-up coupon\nend", "E220"),
        (
            "rule r\n if visits > 1\n then send wake-up coupon\n if late by more than 1 month then skip\nend",
            "E208",
        ),
        (
            "policy\n if missed then skip\n if missed then run all\nend\nif visits > 1 then send wake-up coupon",
            "E217",
        ),
        (
            "policy\n quiet from 21:00 to 09:00, unknown zones wait\nend\nif visits > 1 then send wake-up coupon",
            "E234",
        ),
        ("rule r\n if visits > 1\n then send wake-up coupon\n budget 10 USD per week\nend", "E235"),
        ("rule r\n if visits > 1\n then send other coupon\n budget 10 CNY per week\nend", "E235"),
        ("rule r\n if visits > 1\n then send wake-up email\n budget 10 CNY per week\nend", "E235"),
        ("rule r\n if visits > 1\n then send wake-up coupon\n budget 10 per week\nend", "E205"),
        ("policy\n on order\nend\nif visits > 1 then send wake-up coupon", "E220"),
        ("segment s\n visits > 1\nend\nif not in s then send wake-up coupon", "W020"),
        ("score s = bands of visits at 5, 3\nif s > 1 then send wake-up coupon", "E232"),
        ("score s = quintile of city, lowest first\nif s > 1 then send wake-up coupon", "E207"),
        ("segment s\n visits > 1\nend\nif visits > 1 then send wake-up coupon", "W021"),
        ("segment s\n visits > 1\nend\nif s then send wake-up coupon", "E210"),
        ("rule r\n then send wake-up coupon\nend", "W022"),
        ("rule r\n 7 days before birthday\n then send wake-up coupon\nend", "W025"),
    ] {
        assert_eq!(codes(text), [code], "{text}");
    }
    let chain: String = (0..70).map(|i| format!("define d{i} = d{}\n", i + 1)).collect();
    assert!(
        codes(&format!("{chain}define d70 = visits\nif d0 > 1 then send wake-up coupon")).contains(&"E003")
    );
}

#[test]
fn every_error_of_a_rule_is_seen() {
    assert_eq!(condition_codes("balance > 100 and city = Beijing").len(), 2);
}

#[test]
fn negation_over_missing_warns_unless_it_is_thought_of() {
    for text in [
        "city != \"x\"",
        "not (city = \"x\")",
        "city not in (\"x\", \"y\")",
        "none of city = \"x\", visits > 3 end",
        "city != \"x\" and city != \"y\"",
        "(city = \"x\" or city != \"y\")",
        "not email_consent",
        "email_consent = false",
        "not (days since latest orders.placed_at > 90)",
        "not (city starts with \"x\")",
    ] {
        assert!(condition_codes(text).contains(&"W020"), "{text}");
    }
    for text in [
        "city = \"x\"",
        "city = \"x\" and city != \"y\"",
        "city in (\"x\", \"y\") and (visits > 3 or not (city starts with \"y\"))",
        "visits > 3",
        "not (city != \"x\")",
        "city != \"x\" or city is missing",
        "city is known and city != \"x\"",
        "city is known and not (city = \"x\")",
        "not (city is missing or city = \"x\")",
        "count of orders != 3",
        "not (count of orders > 3)",
        "city is missing",
        "not in gone",
    ] {
        let text = format!(
            "segment gone\n count of orders > 100\nend\nif {text} and in gone then send wake-up coupon"
        );
        let found = codes(
            &text
                .replace(" or city is missing and", " or city is missing) and")
                .replace("if city != \"x\" or", "if (city != \"x\" or"),
        );
        assert_eq!(found, [""; 0], "{text}");
    }
}

#[test]
fn what_the_engine_did_becomes_counts() {
    let ConditionKind::Any(either) = condition("was sent wake-up in last 30 days") else { panic!() };
    assert_eq!(either.len(), 2, "a template and a coupon have that name");
    let ConditionKind::Any(one) = condition("was sent wake-up email") else { panic!() };
    let ConditionKind::Compare(_, count, _) = &one[0].kind else { panic!() };
    let TermKind::Aggregate(count) = &count.kind else { panic!() };
    assert_eq!(count.window, None);
}

#[test]
fn the_whole_example_compiles() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/win-back.tidings")).unwrap();
    let program = program(&text);
    assert_eq!(program.scores[0].bands, Bands::Shares(5));
    assert!(matches!(program.defines[0].body, Body::Value(_)));
    assert_eq!(program.stages[0].list.words.len(), 6);
    let rule = &program.rules[0];
    assert_eq!(rule.repeat, Repeat::AtMostOncePer(Window::Days(60)));
    assert_eq!(
        rule.then.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(),
        ["coupon wake-up", "send wake-up"]
    );
    assert_eq!(rule.hold_out, Some(0.1));
    assert!(rule.not_run.iter().all(|n| !n.blocks), "a goal does not keep a rule from running");
}

#[test]
fn what_is_not_run_yet_is_so_behind_a_name_too() {
    for text in [
        "if not (opened wake-up email) then send wake-up coupon",
        "define seen = opened wake-up email\nif not seen then send wake-up coupon",
        "define seen = opened wake-up email\nsegment s\n not seen\nend\nrule r\n for s\n then send wake-up coupon\nend",
        "stages s\n a when opened wake-up email\n b otherwise\nend\nif s = b then send wake-up coupon",
    ] {
        let program = program(text);
        assert!(program.rules[0].not_run.iter().any(|n| n.what == "opened" && n.blocks), "{text}");
    }
    let twice = program(
        "define seen = opened wake-up email\nrule a\n if seen\n then send wake-up coupon\nend\nrule b\n if seen\n then send wake-up coupon\nend",
    );
    assert!(twice.rules.iter().all(|r| r.not_run.iter().any(|n| n.blocks)));
}

#[test]
fn what_is_not_said_of_runs_is_as_the_policy_says_or_as_usual() {
    let rule = |clauses: &str, policy: &str| {
        let text = format!("policy {policy} end rule r if visits > 1 then send wake-up coupon {clauses} end");
        program(&text).rules.remove(0)
    };
    let said = |clauses: &str, policy: &str| {
        let rule = rule(clauses, policy);
        (rule.catch_up, rule.overlap)
    };
    assert_eq!(said("", ""), (CatchUp::Latest, Overlap::Skip));
    let policy = "if missed then run all if still running then wait";
    assert_eq!(said("", policy), (CatchUp::All, Overlap::Wait));
    assert_eq!(said("if missed then skip", policy), (CatchUp::None, Overlap::Wait));
    assert_eq!(
        said("if missed then run latest if still running then skip", policy),
        (CatchUp::Latest, Overlap::Skip)
    );
    let late = |clauses: &str| rule(clauses, "").late;
    assert_eq!(late("if late by more than 2 hours then skip"), Some(Lateness::Seconds(7200)));
    assert_eq!(late("if late by more than 2 hours then send"), Some(Lateness::Any));
    let worths = [("wake-up".to_owned(), 2000)].into();
    let budget = Budget { amount: 1050, worths, currency: Currency::CNY, per: Window::Days(7) };
    assert_eq!(rule("budget 10.50 CNY per week", "").budget, Some(budget));
}
