//! Each pair of rules that is found to overlap is shown a customer whom both match, by the engine's reference too; and over
//! small domains of attributes each pair that overlaps is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod everybody;
#[path = "../../engine/tests/model/mod.rs"]
mod model;
mod programs;
#[path = "../../engine/tests/reference/mod.rs"]
mod reference;

use everybody::Everybody;
use model::{Customer, Row};
use programs::Programs;
use reference::{Scene, World};
use tidings_check::Program;
use tidings_engine::Person;
use tidings_reason::overlap::moment;
use tidings_reason::{findings, overlaps};
use tidings_schema::{AttributeId, FieldId};
use tidings_syntax::Sources;
use tidings_syntax::allow::Allowances;

const PROGRAMS: u64 = 300;

#[test]
fn each_pair_has_a_customer_and_each_customer_is_found() {
    let everybody = Everybody::at(moment);
    let mut found = [0; 2];
    for seed in 0..PROGRAMS {
        let (text, domain) = Programs::new(seed).text();
        let text = text.replace("send x coupon", "send x email");
        let program = everybody.program(&text);
        let overlapping: Vec<(usize, usize)> = overlaps(&program)
            .iter()
            .map(|overlap| {
                let customers = [customer(&program, &overlap.witness)];
                let world = World::new(&program, &customers, everybody.now);
                for rule in [overlap.first, overlap.second] {
                    let matches = world.rule(&program.rules[rule], Scene { customer: 0, days_ago: 0 });
                    assert_eq!(matches, Some(Some(true)), "seed {seed}\n{text}{:#?}", overlap.witness);
                }
                (overlap.first, overlap.second)
            })
            .collect();
        let matches = everybody.matches(&program, &everybody.customers(&domain));
        let rules: Vec<_> = matches.rules().map(|rule| rule.then()).collect();
        for first in 0..rules.len() {
            for second in first + 1..rules.len() {
                let both = rules[first].count_both(&rules[second]) > 0;
                let said = overlapping.contains(&(first, second));
                let of_rows = usize::from(text.contains("orders"));
                // Rows are tried by chance.
                assert!(both || !said, "seed {seed}: {first} and {second}\n{text}");
                assert!(said || !both || of_rows == 1, "seed {seed}: {first} and {second}\n{text}");
                found[of_rows] += usize::from(said);
            }
        }
    }
    assert!(found.iter().all(|n| *n > 100), "{found:?}");
}

#[test]
fn what_is_meant_so_is_not_told() {
    let everybody = Everybody::at(moment);
    let said = |first: &str, second: &str, more: &str| {
        let rule = |name, said| format!("rule {name}\n  {said}\nend\n");
        let program = everybody.program(&[rule("a", first), rule("b", second), more.to_owned()].concat());
        let found = findings(&program, &[], &mut Allowances::default());
        found.iter().find(|d| d.code.id() == "W035").map(|d| format!("{}: {}", d.message, d.label))
    };
    let (many, gold) = ("if visits > 10 then send x email", "if tier = gold then send x email");
    assert_eq!(
        said(many, gold, "").unwrap(),
        "`a` and `b` can both send email to one customer in the same run: to a customer with visits 11 and tier gold, for one"
    );
    let third = "rule c\n  then send x email\nend\n";
    assert!(said(many, gold, third).unwrap().contains("so can 2 more pairs of rules"));
    assert_eq!(said(many, gold, "policy\n  at most 3 messages per 7 days\nend\n"), None);
    assert!(said(many, gold, "policy\n  at most 3 sms per 7 days\nend\n").is_some());
    assert!(said(many, &format!("{gold} priority 3"), "").is_some(), "it only says who goes first");
    assert_eq!(said(many, &format!("{gold} expires 2026-01-01"), ""), None);
    assert_eq!(said(many, "if visits < 10 then send x email", ""), None);
    assert_eq!(said(many, "if tier = gold then send x coupon", ""), None);
    let others = "for some\n if visits > 10 then send x email else send x email";
    assert!(said(others, "if visits < 5 then send x email", "segment some\n  vip\nend\n").is_some());
    assert_eq!(said(others, "if not vip then send x email", "segment some\n  vip\nend\n"), None);
    let every =
        |schedule: &str| said(&format!("every monday at 10:00 {many}"), &format!("{schedule} {gold}"), "");
    assert!(every("every month on day 3 at 10:00").is_some());
    assert!(every("every 1 hour").is_some());
    let often = |a: &str, b: &str| said(&format!("{a} {many}"), &format!("{b} {gold}"), "").is_some();
    let (minutes, monthly) = ("cron \"*/5 * * * *\"", "every month on day 10 at 10:00");
    assert!(often(minutes, monthly) && often(monthly, minutes));
    assert_eq!(every("every tuesday at 10:00"), None);
    assert_eq!(every("every day at 11:00"), None);
    let rows = "if count of orders in last 90 days >= 2 and days since latest orders.placed_at > 30 then send x email";
    assert!(said(rows, gold, "").unwrap().contains("tier gold and 2 orders"));
}

#[test]
fn an_allowance_is_for_the_pairs_of_its_rule_alone() {
    let everybody = Everybody::at(moment);
    let said = |allowed: &[&str]| {
        let rule = |name: &&str| {
            let why = if allowed.contains(name) { "  # allow W035: it is meant so\n" } else { "" };
            format!("rule {name}\n  if visits > 10\n{why}  then send x email\nend\n")
        };
        let text: String = ["a", "b", "c"].iter().map(rule).collect();
        let program = everybody.program(&text);
        let mut sources = Sources::default();
        sources.add("rules/test.tidings", text);
        let mut allowances = Allowances::read(&sources);
        let mut found = findings(&program, &[], &mut allowances);
        found.retain(|d| d.code.id() == "W035");
        allowances.without(found).into_iter().map(|d| d.message).collect::<Vec<_>>()
    };
    let pair = |two: &str| format!("{two} can both send email to one customer in the same run");
    assert_eq!(said(&[]), [format!("{}, and so can 2 more pairs of rules", pair("`a` and `b`"))]);
    assert_eq!(said(&["a"]), [pair("`b` and `c`")]);
    assert_eq!(said(&["b"]), [pair("`a` and `c`")]);
    assert_eq!(said(&["c"]), [pair("`a` and `b`")]);
    assert_eq!(said(&["a", "b", "c"]), [""; 0], "each is of use");
}

/// Where there are too many pairs to look at each, nobody knows that an allowance is of no use.
#[test]
fn an_allowance_is_called_idle_only_where_all_its_pairs_were_looked_at() {
    let everybody = Everybody::at(moment);
    let idle = |rules: usize, texts: &[usize]| {
        let rule = |i: usize| {
            let allowed = if texts.is_empty() { i % 7 == 3 } else { i == texts[0] };
            let why = ["", "  # allow W035: it is meant so\n"][usize::from(allowed)];
            let channel = ["email", "sms"][usize::from(texts.contains(&i))];
            format!("rule r{i}\n  if visits = {i}\n{why}  then send x {channel}\nend\n")
        };
        let text: String = (0..rules).map(rule).collect();
        let program = everybody.program(&text);
        let mut sources = Sources::default();
        sources.add("rules/test.tidings", text);
        let mut allowances = Allowances::read(&sources);
        findings(&program, &[], &mut allowances);
        allowances.without(Vec::new()).len()
    };
    assert_eq!([idle(20, &[]), idle(40, &[]), idle(310, &[])], [3, 0, 0]);
    assert_eq!([idle(310, &[3, 5]), idle(310, &[3, 305])], [1, 0], "whom the others reach nobody looked at");
}

fn customer(program: &Program, person: &Person) -> Customer {
    fn values<I: PartialEq>(
        known: &[(I, tidings_schema::Value)],
        all: usize,
        id: impl Fn(u32) -> I,
    ) -> Vec<Option<tidings_schema::Value>> {
        let value = |i| known.iter().find(|(of, _)| *of == id(i)).map(|(_, value)| value.clone());
        (0..all as u32).map(value).collect()
    }
    let vocabulary = &program.vocabulary;
    let rows = vocabulary.collections.iter().enumerate().map(|(i, collection)| {
        let rows = person.rows.iter().filter(|(of, _)| of.0 as usize == i);
        rows.map(|(_, fields)| Row { fields: values(fields, collection.fields.len(), FieldId) }).collect()
    });
    Customer {
        attributes: values(&person.attributes, vocabulary.customer.attributes.len(), AttributeId),
        rows: rows.collect(),
    }
}
