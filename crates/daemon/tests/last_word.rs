//! Which of several changes of one value stands, whoever looks at the outbox while their run is still written, and whoever is
//! lost on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use shop::Shop;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use tidings_daemon::Site;
use tidings_plan::{Page, pages};
use tidings_schema::Now;
use tidings_store::State;

/// More than a page holds.
const CUSTOMERS: usize = 1_200;
const AT: i64 = 1_804_682_096_000_000;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    number: number
    note: {type: text, kept: true}
";

/// Rules for customers from a number up to another, each with its priority.
fn draw_rules(draw: &mut StdRng) -> Vec<(usize, usize, i32)> {
    let mut up_to = |most| draw.random_range(0..most);
    (0..5).map(|_| (up_to(CUSTOMERS / 2), CUSTOMERS - up_to(CUSTOMERS / 2), up_to(3) as i32)).collect()
}

fn text((i, (from, to, priority)): (usize, &(usize, usize, i32))) -> String {
    format!(
        "rule r{i}\n  every day at 10:00\n  if number >= {from} and number < {to}\n  then set note = \"r{i}\"\n  \
         repeat every time\n  priority {priority}\nend\n\n"
    )
}

/// By customer, what the last of the rules with a word on them says.
fn expected(rules: &[(usize, usize, i32)]) -> BTreeMap<String, String> {
    let mut turns: Vec<_> = rules.iter().enumerate().collect();
    turns.sort_by_key(|(i, (_, _, priority))| (Reverse(*priority), *i));
    let whom = |n: usize| turns.iter().rfind(|(_, (from, to, _))| (*from..*to).contains(&n));
    (0..CUSTOMERS).filter_map(|n| Some((format!("c{n}"), format!("r{}", whom(n)?.0)))).collect()
}

/// What is due now, decided on what the state says by now.
async fn decided(site: &Site, state: &State) -> Vec<Page> {
    let customers = site.customers().await.unwrap();
    let decider = site.decider(&customers, Some(state));
    let now = Now { micros: AT, zone: site.zone() };
    let decision = decider.decide(now, None).await.unwrap();
    pages(&decision.plan, &decision.question(), &site.supplies()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_priority_has_the_last_word_whoever_looks_between_pages_and_takes_a_run_over() {
    let (mut argued, mut cut) = (0, 0);
    for seed in 0..6 {
        let mut draw = StdRng::seed_from_u64(seed);
        let rules = draw_rules(&mut draw);
        let shop = Shop::new(&[
            ("tidings.yaml", "name: words\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: UTC\n"),
            ("schema.yaml", SCHEMA),
            ("rules/all.tidings", &rules.iter().enumerate().map(text).collect::<String>()),
        ]);
        let site = shop.site(|| AT);
        let people: String = (0..CUSTOMERS).map(|n| format!("c{n},{n}\n")).collect();
        shop.import(&site, &[("customers", &format!("id,number\n{people}"))]).await;
        let state = site.state().await.unwrap();

        // One is lost after some of the pages, another decides anew and sees the rest through.
        let lost = decided(&site, &state).await;
        let most = draw.random_range(1..lost.len());
        for (pages, most) in [(lost, most), (decided(&site, &state).await, usize::MAX)] {
            let run = state.start_run(AT, "test", "").await.unwrap();
            cut += usize::from(most < pages.len());
            for page in pages.iter().take(most) {
                state.enqueue(run, page).await.unwrap();
                while draw.random_bool(0.7) {
                    state.apply_changes().await.unwrap();
                }
            }
        }
        while !state.apply_changes().await.unwrap().to.is_empty() {}
        let kept = state.engine_rows(&tidings_store::Asked::default()).await.unwrap().kept;
        let kept: BTreeMap<String, String> = kept.into_iter().map(|row| (row.customer, row.value)).collect();
        assert_eq!(kept, expected(&rules), "seed {seed}: {rules:?}");
        let several = |n: &usize| rules.iter().filter(|(from, to, _)| (*from..*to).contains(n)).count() > 1;
        argued += (0..CUSTOMERS).filter(several).count();
    }
    assert!(
        argued > 2_000 && cut == 6,
        "{argued} customers of whom several rules speak, {cut} runs cut short"
    );
}
