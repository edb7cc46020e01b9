//! What a decision says does not depend on whether its customers fit into memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use shop::Shop;
use std::fmt::Write as _;
use tidings_daemon::{Decider, Decision};
use tidings_plan::{pages, situation};
use tidings_schema::Now;
use tidings_store::{Resident, Room};
use tokio::sync::Mutex;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    consent: yes/no
    city: text
    signed_up: moment
contact:
  email: {address: email, consent: consent}
collections:
  orders: {table: orders, customer: customer_id, time: placed_at, fields: {placed_at: moment, total: {type: money, expect: {range: at most 300}}}}
events:
  order: orders
  signup: customer.signed_up
";

/// A rule of every kind for which rows are looked at: by the evaluator, by a score over all, by the plan.
const RULES: &str = r#"
policy
  at most 2 email per 7 days
  hold out 10%
end

score spend = quintile of (sum of orders.total in last 90 days), highest first

rule many
  if count of orders in last 30 days >= 2
  then send hello email
  repeat at most once per 3 days
end

rule best
  if spend = 5
  then send hello email
  repeat every time
end

segment spenders
  count of orders >= 2
end

rule again
  for spenders
  if days since latest orders.placed_at > 20
  then send hello email
  else call crm webhook
  repeat on every entry
  limit 30% of customers
end

rule bought
  on order
  if count of orders >= 1
  then send hello email
  repeat every time
end

rule joined
  on signup
  if city is known
  then send hello email
end
"#;

const NOW: &str = "2026-11-11T10:00";

const SETTINGS: &str = "
name: big
store: sqlite:shop.db
state: sqlite:state.db
time_zone: Asia/Shanghai
currency: CNY
memory: 5 MB
";

/// Rows of customers, and of their orders.
fn rows() -> (String, String) {
    let (mut customers, mut orders) =
        ("id,email,consent,city,signed_up\n".to_owned(), "customer_id,placed_at,total\n".to_owned());
    let moment = |hours: i64| {
        let now = chrono::DateTime::parse_from_rfc3339("2026-11-11T10:00:00+08:00").unwrap();
        (now - chrono::TimeDelta::hours(hours)).to_rfc3339()
    };
    for n in 0..120_i64 {
        let (consent, city) =
            (["yes", "no"][usize::from(n % 9 == 0)], ["Shanghai", "", "Chengdu"][n as usize % 3]);
        writeln!(customers, "c{n},c{n}@example.com,{consent},{city},{}", moment(n % 50 - 1)).unwrap();
        for order in 0..n % 7 {
            writeln!(orders, "c{n},{},{}", moment((n % 40 + order * 131) % 2_000 - 1), n * 3 + order)
                .unwrap();
        }
    }
    (customers, orders)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_says_the_same_whether_its_customers_fit_into_memory_or_not() {
    let shop = Shop::new(&[
        ("tidings.yaml", SETTINGS),
        ("schema.yaml", SCHEMA),
        ("rules/all.tidings", RULES),
        ("templates/hello.email.liquid", "subject: Hello\n---\n<p>{{ customer.city }}</p>\n"),
    ]);
    let site = shop.site(|| 0);
    let (customers, orders) = rows();
    shop.import(&site, &[("customers", &customers), ("orders", &orders)]).await;
    let (state, customers) = (site.state().await.unwrap(), site.customers().await.unwrap().in_chunks_of(7));
    let now = |text: &str| Now::parse(text, site.zone()).unwrap();
    let enough = site.decider(&customers, Some(&state));
    let room = enough.room.cloned().unwrap();
    assert_eq!((room.memory, room.folder.ends_with(".tidings")), (5_000_000, true));
    let run = state.start_run(0, "test", "").await.unwrap();
    let supplies = site.supplies();
    let since: Vec<(usize, i64)> =
        (0..site.program.rules.len()).map(|rule| (rule, now("2026-11-11T06:00").micros)).collect();
    let kept = Mutex::new(Resident::default());
    for at in [NOW, "2026-11-11T10:30", "2026-11-14T10:00"] {
        let enough = Decider { since: &since, resident: Some((&kept, now(at).micros)), ..enough };
        let little = Room { memory: 1, folder: shop.folder().join("aside"), threads: 2 };
        let whole = enough.decide(now(at), None).await.unwrap();
        let streamed = Decider { room: Some(&little), ..enough }.decide(now(at), None).await.unwrap();
        assert!(whole.stream.is_none() && whole.refreshed.is_some(), "5 MB are enough");
        assert!(streamed.stream.is_some() && streamed.chunks.len() == 18, "one byte is not");
        assert_eq!(streamed.plan, whole.plan, "{at}");
        assert_eq!(streamed.matches, whole.matches, "{at}");
        assert_eq!(streamed.stats, whole.stats, "{at}");
        assert_eq!((&streamed.unmet, streamed.unmet.len()), (&whole.unmet, 1), "{at}");
        let all = |decision: &Decision<'_>| {
            pages(&decision.plan, &decision.question(), &supplies).collect::<Vec<_>>()
        };
        assert_eq!(all(&streamed), all(&whole), "{at}");
        let planned: Vec<u64> = whole.plan.rules.iter().map(|rule| rule.matched()).collect();
        assert!(planned.iter().all(|n| *n > 0), "{planned:?}");
        for rule in 0..site.program.rules.len() {
            for key in ["c0", "c13", "c62", "c119", "nobody"] {
                let told = |decision: &Decision<'_>| {
                    let chunk = decision.customer(key).unwrap()?;
                    let trace =
                        site.evaluator().explain(&site.program, rule, &chunk, now(at), &decision.populations);
                    Some((
                        format!("{:?}", trace.unwrap()),
                        situation(&decision.question(), &decision.plan, rule, key).unwrap(),
                    ))
                };
                assert_eq!(told(&streamed), told(&whole), "{rule} {key}");
            }
        }
        for page in all(&streamed) {
            state.enqueue(run, &page).await.unwrap();
        }
        assert_eq!(streamed.gone(), whole.gone());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_count_for_memory_where_they_differ() {
    let schema = SCHEMA.replace("city: text", "city: text\n    note: text");
    let rule = "rule noted\n  if note contains \"x\"\n  then send hello email\nend\n";
    let shop = Shop::new(&[
        ("tidings.yaml", SETTINGS),
        ("schema.yaml", &schema),
        ("rules/noted.tidings", rule),
        ("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n"),
    ]);
    let site = shop.site(|| 0);
    shop.import(&site, &[("orders", &rows().1)]).await;
    let streamed = async |note: &dyn Fn(usize) -> String| {
        let mut customers = "id,email,consent,city,note,signed_up\n".to_owned();
        for n in 0..600 {
            writeln!(customers, "c{n},c{n}@example.com,yes,Shanghai,{},2026-01-01", note(n)).unwrap();
        }
        shop.import(&site, &[("customers", &customers)]).await;
        let customers = site.customers().await.unwrap();
        let now = Now::parse(NOW, site.zone()).unwrap();
        let decision = site.decider(&customers, None).decide(now, None).await.unwrap();
        decision.stream.is_some()
    };
    let long = "x".repeat(10_000);
    assert!(!streamed(&|n| format!("{n}x")).await, "600 short texts take less than 5 MB");
    assert!(!streamed(&|_| long.clone()).await, "and one text that all have is kept once");
    assert!(streamed(&|n| format!("{n}{long}")).await, "but 600 texts of 10 kB take more");
}
