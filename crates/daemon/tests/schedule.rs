//! Rules on their schedules, with a clock that is driven: a month passes in seconds. The witness is the outbox: one
//! customer, every rule `repeat every time`, so each occurrence leaves one row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use shop::Shop;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tidings_check::program::Schedule;
use tidings_daemon::{Decider, Decision, Scheduler, Site, Stop, Turn};
use tidings_plan::Status;
use tidings_plan::schedule::{Occurrence, occurrences};
use tidings_schema::Now;
use tidings_store::State;
use tidings_store::state::OccurrenceState;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2027-03-10 12:34:56 UTC, before the clocks go forward in Berlin.
const START: i64 = 1_804_682_096 * SECOND;

/// Every form of the language.
const FORMS: [(&str, &str); 10] = [
    ("daily", "every day at 10:00"),
    ("in-the-gap", "every day at 02:30"),
    ("working", "every weekday at 10:00"),
    ("twice-a-week", "every monday, thursday at 18:15"),
    ("first", "every month on day 1 at 09:00"),
    ("last", "every month on day 31 at 09:00"),
    ("counted", "every 2 hours"),
    ("listed", "cron \"0 8,20 * * *\""),
    ("stepped", "cron \"*/30 1-3 * * sun\""),
    ("around", "7 days before birthday at 09:00"),
];

const SETTINGS: &str = "
name: clock
store: sqlite:shop.db
state: sqlite:state.db
time_zone: Europe/Berlin
currency: EUR
";

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    birthday: {type: date, yearly: true}
    consent: yes/no
    signed_up: moment
events:
  signup: customer.signed_up
contact:
  email: {address: email, consent: consent}
";

struct World {
    shop: Shop,
    site: Arc<Site>,
    state: State,
    now: Arc<AtomicI64>,
    workers: usize,
}

impl World {
    async fn new(rules: &str) -> World {
        let shop = Shop::new(&[
            ("tidings.yaml", SETTINGS),
            ("schema.yaml", SCHEMA),
            ("rules/all.tidings", rules),
            ("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n"),
        ]);
        let now = Arc::new(AtomicI64::new(START));
        let site = Arc::new(open(&shop, &now));
        let state = site.state().await.unwrap();
        let wall = chrono::Utc::now().timestamp_micros();
        state.advance(START - wall);
        let world = World { site, shop, state, now, workers: 0 };
        world.import("1,one@example.com,1990-04-01,yes,2027-03-10T13:40:30+01:00").await;
        world
    }

    /// Customers who come in, or are others now.
    async fn import(&self, customers: &str) {
        let rows = format!("id,email,birthday,consent,signed_up\n{customers}\n");
        self.shop.import(&self.site, &[("customers", &rows)]).await;
    }

    /// Another line in its schema, from the next edit on.
    fn expect(&self, line: &str, expecting: &str) {
        self.shop.write("schema.yaml", &SCHEMA.replace(line, expecting));
    }

    /// The same project with other rules.
    fn edit(&mut self, rules: &str) {
        self.shop.write("rules/all.tidings", rules);
        self.site = Arc::new(open(&self.shop, &self.now));
    }

    fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    fn pass(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::Relaxed);
        self.state.advance(micros);
    }

    /// Another daemon.
    fn scheduler(&mut self) -> Scheduler {
        self.workers += 1;
        let now = self.now.clone();
        Scheduler {
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            worker: format!("worker {}", self.workers),
            stop: Stop::default(),
            resident: Default::default(),
        }
    }

    async fn turn(&self, scheduler: &Scheduler) -> Turn {
        let turn = scheduler.turn(&self.site, &self.state).await.unwrap();
        assert_eq!(turn.failed, None);
        turn
    }

    /// A daemon begins what is due, and does not come to run it.
    async fn begin(&self, by: &Scheduler, lease: Duration, rule: &str, due: &Occurrence) -> bool {
        !self.state.begin_occurrences(&by.worker, lease, &[(rule, due)]).await.unwrap().is_empty()
    }

    /// Lets time pass up to a moment, turn by turn.
    async fn until(&mut self, scheduler: &Scheduler, end: i64) -> Vec<(String, Occurrence)> {
        let mut ran = Vec::new();
        loop {
            let turn = self.turn(scheduler).await;
            ran.extend(turn.ran);
            let next = self.next();
            if next > end {
                self.pass(end - self.now());
                return ran;
            }
            self.pass(next - self.now());
        }
    }

    /// When the next thing is due.
    fn next(&self) -> i64 {
        let zone = self.site.zone();
        let next =
            |s: &Schedule| occurrences(s, zone, self.now(), i64::MAX).next().map_or(i64::MAX, |o| o.at);
        self.site.program.rules.iter().map(|r| next(&r.schedule)).min().unwrap()
    }

    /// What must have run since the start, by rule.
    fn expected(&self) -> BTreeMap<String, Vec<Occurrence>> {
        let of = |s: &Schedule| occurrences(s, self.site.zone(), START, self.now()).collect();
        self.site.program.rules.iter().map(|r| (r.name.clone(), of(&r.schedule))).collect()
    }

    /// What the state says ran, by rule.
    async fn finished(&self) -> BTreeMap<String, Vec<Occurrence>> {
        let mut all: BTreeMap<String, Vec<Occurrence>> = BTreeMap::new();
        for row in self.state.occurrences(100_000).await.unwrap() {
            if row.state == OccurrenceState::Finished {
                all.entry(row.rule).or_default().push(row.occurrence);
            }
        }
        all.values_mut().for_each(|v| v.sort());
        all
    }

    /// Why what was due did not run, by rule and occurrence.
    async fn skipped(&self) -> Vec<(String, String, String)> {
        let rows = self.state.occurrences(100_000).await.unwrap();
        let mut skipped: Vec<_> = rows
            .into_iter()
            .filter_map(|row| match row.state {
                OccurrenceState::Skipped(why) => Some((row.rule, row.occurrence.name, why)),
                _ => None,
            })
            .collect();
        skipped.sort();
        skipped
    }

    /// The moments of the sends, by rule: what the outbox, and nobody who ran, says.
    async fn sends(&self) -> BTreeMap<String, Vec<i64>> {
        let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for row in self.state.ledger("1").await.unwrap() {
            all.entry(row.rule).or_default().push(row.at);
        }
        all.values_mut().for_each(|v| v.sort());
        all
    }

    /// Each occurrence once, by what the state says and by what would be sent.
    async fn holds(&self) {
        let expected = self.expected();
        assert_eq!(self.finished().await, expected);
        let mut sends = self.sends().await;
        // A customer's own day is one day of the month.
        assert_eq!(sends.remove("around").map_or(0, |s| s.len()), 1);
        let moments = |o: &Vec<Occurrence>| o.iter().map(|o| o.at).collect::<Vec<_>>();
        let moments: BTreeMap<_, _> = expected.iter().map(|(r, o)| (r.clone(), moments(o))).collect();
        for (rule, sends) in &sends {
            assert_eq!(sends, &moments[rule], "{rule}");
        }
        assert_eq!(sends.len(), FORMS.len() - 1);
        assert_eq!(self.skipped().await, []);
    }
}

fn open(shop: &Shop, now: &Arc<AtomicI64>) -> Site {
    let now = now.clone();
    shop.site(move || now.load(Ordering::Relaxed))
}

fn rule(name: &str, when: &str) -> String {
    format!("rule {name}\n  {when}\n  then\n    send hello email\n  repeat every time\nend\n\n")
}

fn forms() -> String {
    FORMS.iter().map(|(name, when)| rule(name, when)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_month_each_occurrence_comes_once_and_in_order() {
    let mut world = World::new(&forms()).await;
    let scheduler = world.scheduler();
    let ran = world.until(&scheduler, START + 30 * DAY).await;
    world.holds().await;
    let expected: usize = world.expected().values().map(Vec::len).sum();
    assert_eq!(ran.len(), expected);
    assert!(ran.is_sorted_by_key(|(_, o)| o.at), "in order");
    // Rules of one moment are one decision.
    let rows = world.state.occurrences(100_000).await.unwrap();
    let mut runs: BTreeMap<i64, Vec<_>> = BTreeMap::new();
    rows.iter().for_each(|row| runs.entry(row.occurrence.at).or_default().push(row.run));
    assert!(runs.values().any(|r| r.len() > 2) && runs.values().all(|r| r.iter().all(|run| *run == r[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_each_occurrence_still_comes_once() {
    let seed = std::env::var("TIDINGS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut draw = StdRng::seed_from_u64(seed);
    let mut world = World::new(&forms()).await;
    let (mut scheduler, mut kills) = (world.scheduler(), 0);
    let end = START + 30 * DAY;
    while world.now() < end {
        let patience = Duration::from_micros(draw.random_range(0..60_000));
        let turn = tokio::time::timeout(patience, scheduler.turn(&world.site, &world.state)).await;
        if turn.is_err() {
            kills += 1;
            scheduler = world.scheduler();
            // By then what the killed one held is anybody's.
            world.pass(61 * SECOND);
            continue;
        }
        world.pass(world.next().min(end) - world.now());
    }
    // What was begun last is seen through.
    for _ in 0..3 {
        world.turn(&scheduler).await;
        world.pass(61 * SECOND);
    }
    assert!(kills > 50, "only {kills} kills");
    world.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_share_the_occurrences() {
    let mut world = World::new(&forms()).await;
    let (one, other) = (world.scheduler(), world.scheduler());
    let (mut by_one, mut by_other) = (0, 0);
    while world.now() < START + 10 * DAY {
        let turns = tokio::join!(world.turn(&one), world.turn(&other));
        by_one += turns.0.ran.len();
        by_other += turns.1.ran.len();
        world.pass(world.next() - world.now());
    }
    let finished: usize = world.finished().await.values().map(Vec::len).sum();
    assert_eq!(by_one + by_other, finished, "none twice");
    assert_eq!(world.sends().await["counted"].len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_the_latest_within_an_hour_runs_and_the_rest_is_written_down() {
    let rules = rule("hourly", "every 1 hours") + &rule("daily", "every day at 15:00");
    let mut world = World::new(&rules).await;
    let scheduler = world.scheduler();
    world.turn(&scheduler).await;
    world.pass(6 * HOUR);
    let turn = world.turn(&scheduler).await;
    let ran: Vec<&str> = turn.ran.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(ran, ["hourly"], "{:?}", turn.ran);
    assert!(world.now() - turn.ran[0].1.at < HOUR);
    let skipped = world.skipped().await;
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    assert!(skipped[0].2.contains("too late") && skipped[1].2.contains("so were 4 before it"), "{skipped:?}");
    // A clock that is set back finds it all dealt with.
    world.now.fetch_sub(3 * HOUR, Ordering::Relaxed);
    assert_eq!(world.turn(&scheduler).await.ran, []);
    world.now.fetch_add(3 * HOUR, Ordering::Relaxed);
    assert_eq!(world.turn(&scheduler).await.ran, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_still_goes_is_not_run_over() {
    let when = "every 1 hours";
    let mut world = World::new(&rule("skips", when)).await;
    let (slow, scheduler) = (world.scheduler(), world.scheduler());
    world.turn(&scheduler).await;
    world.pass(world.next() - world.now());
    let first = occurrences(&Schedule::Interval(3600), world.site.zone(), START, world.now()).last().unwrap();
    // A daemon that takes its time over it.
    let lease = Duration::from_secs(3 * 3600);
    assert!(world.begin(&slow, lease, "skips", &first).await);
    world.pass(HOUR);
    let turn = world.turn(&scheduler).await;
    assert_eq!((turn.ran.len(), turn.skipped), (0, 1));
    assert!(world.skipped().await[0].2.contains("still going"));
    // Where the rule says so, it waits for its turn.
    world.edit(&rule("skips", &format!("{when}\n  if still running then wait")));
    world.pass(HOUR);
    assert_eq!(world.turn(&scheduler).await.ran, []);
    let run = world.state.start_run(first.at, "schedule", "").await.unwrap();
    world.state.finish_occurrence("skips", &first, Some(run)).await.unwrap();
    world.pass(MINUTE);
    assert_eq!(world.turn(&scheduler).await.ran.len(), 1);
    assert_eq!(world.skipped().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_daemon_began_is_taken_over_but_not_when_it_is_too_late() {
    let mut world = World::new(&(rule("soon", "every 2 hours") + &rule("gone", "every 2 hours"))).await;
    let (lost, scheduler) = (world.scheduler(), world.scheduler());
    world.turn(&scheduler).await;
    world.pass(world.next() - world.now());
    let due = occurrences(&Schedule::Interval(7200), world.site.zone(), START, world.now()).last().unwrap();
    let minute = Duration::from_secs(60);
    for rule in ["soon", "gone"] {
        assert!(world.begin(&lost, minute, rule, &due).await);
    }
    assert_eq!(world.turn(&scheduler).await.ran, [], "its lease still runs");
    world.pass(61 * SECOND);
    let turn = world.turn(&scheduler).await;
    assert_eq!(turn.ran.len(), 2);
    let told = turn.taken_over.into_iter().map(|(rule, due, unheld)| (rule, due, unheld.as_secs()));
    let told: BTreeSet<_> = told.collect();
    assert_eq!(told, ["gone", "soon"].map(|rule| (rule.to_owned(), due.clone(), 1)).into());

    world.pass(world.next() - world.now());
    let due = occurrences(&Schedule::Interval(7200), world.site.zone(), START, world.now()).last().unwrap();
    for rule in ["soon", "gone"] {
        assert!(world.begin(&lost, minute, rule, &due).await);
    }
    world.edit(&rule("soon", "every 2 hours"));
    world.pass(90 * MINUTE);
    assert_eq!(world.turn(&scheduler).await.ran, []);
    let skipped = world.skipped().await;
    assert!(skipped[0].2.contains("the rule is gone") && skipped[1].2.contains("too late"), "{skipped:?}");
    // And nothing stands in the way of the next.
    world.pass(world.next() - world.now());
    assert_eq!(world.turn(&scheduler).await.ran.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_on_stale_data_waits_until_the_data_is_there_or_it_is_too_late() {
    let rules = rule("daily", "every day at 10:00") + &rule("welcome", "on signup");
    let mut world = World::new(&rules).await;
    world.expect("signed_up: moment", "signed_up: {type: moment, expect: {fresh: 1 day}}");
    world.edit(&rules);
    let scheduler = world.scheduler();
    scheduler.turn(&world.site, &world.state).await.unwrap();
    // The first signs up soon, and then nobody for days: at ten the next day all is well, and not on the day after.
    let ten = |days: i64| START - 3 * HOUR - 34 * MINUTE - 56 * SECOND + days * DAY;
    let mut failed = Vec::new();
    while world.now() < ten(2) + 40 * MINUTE {
        world.pass(20 * MINUTE);
        failed.extend(scheduler.turn(&world.site, &world.state).await.unwrap().failed);
    }
    assert_eq!(world.sends().await["daily"], [ten(1)]);
    assert!(
        failed.iter().all(|why| why.contains("signed_up: the latest is of 2027-03-10 13:40")),
        "{failed:?}"
    );
    let waits = world.state.under_way("daily").await.unwrap();
    assert!(matches!(waits, Some(OccurrenceState::Begun(Some(why))) if why.contains("`fresh: 1 day`")));
    // The data comes, late for its day but in time for its run.
    let signup = |id: i64, at: i64| {
        let at = chrono::DateTime::from_timestamp_micros(at).unwrap().to_rfc3339();
        format!("{id},{id}@example.com,1990-04-01,no,{at}")
    };
    world.import(&signup(2, ten(2) - HOUR)).await;
    for _ in 0..3 {
        world.pass(MINUTE);
        scheduler.turn(&world.site, &world.state).await.unwrap();
    }
    assert_eq!(world.sends().await["daily"], [ten(1), ten(2)], "for the moment for which it was due");
    // No more comes in: the next is given up with its reason, once.
    while world.now() < ten(3) + 3 * HOUR {
        world.pass(20 * MINUTE);
        scheduler.turn(&world.site, &world.state).await.unwrap();
    }
    let skipped = world.skipped().await;
    let daily: Vec<_> = skipped.iter().filter(|(rule, ..)| rule == "daily").collect();
    assert_eq!(daily.len(), 1, "{daily:?}");
    assert!(daily[0].2.contains("`fresh: 1 day` is expected; and then it was too late"), "{daily:?}");
    assert_eq!(world.sends().await["daily"].len(), 2);
    assert_eq!(world.sends().await["welcome"].len(), 1, "events do not wait for what nobody did");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_while_the_data_is_not_as_expected_are_answered_after() {
    let rules =
        rule("welcome", "on signup").replace("  repeat", "  if late by more than 1 day then skip\n  repeat");
    let mut world = World::new(&rules).await;
    world.expect("email: text", "email: {type: text, expect: {known: 100%}}");
    // One signs up every half hour, and the first has no address yet.
    let people = |first: &str| {
        let at = |n: i64| chrono::DateTime::from_timestamp_micros(START + (30 * n + 5) * MINUTE).unwrap();
        let rest = (1..9).map(|n| format!("{n},{n}@example.com,1990-04-01,yes,{}\n", at(n).to_rfc3339()));
        let first = format!("0,{first},1990-04-01,yes,{}\n", at(0).to_rfc3339());
        first + &rest.collect::<String>()
    };
    let import = async |world: &mut World, first: &str| {
        world.import(&people(first)).await;
        world.edit(&rules);
    };
    import(&mut world, "").await;
    let scheduler = world.scheduler();
    while world.now() < START + 5 * HOUR {
        scheduler.turn(&world.site, &world.state).await.unwrap();
        world.pass(5 * MINUTE);
    }
    assert!(world.sends().await.is_empty());
    assert_eq!(world.state.not_run(9).await.unwrap().len(), 1, "it waits, and nothing is passed over");
    import(&mut world, "0@example.com").await;
    for _ in 0..3 {
        world.pass(MINUTE);
        world.turn(&scheduler).await;
    }
    for customer in 0..9 {
        let sends = world.state.ledger(&customer.to_string()).await.unwrap();
        assert_eq!(sends.len(), 1, "{customer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_answered_once_within_its_minute() {
    let mut world = World::new(&rule("welcome", "on signup")).await;
    let scheduler = world.scheduler();
    // They sign up five and a half minutes later.
    let event = START + 5 * MINUTE + 34 * SECOND;
    for _ in 0..200 {
        world.turn(&scheduler).await;
        world.pass(MINUTE);
    }
    let sends = world.sends().await;
    assert_eq!(sends["welcome"].len(), 1, "{sends:?}");
    let after = sends["welcome"][0] - event;
    assert!((0..=MINUTE).contains(&after), "{after}");
    // The minutes in which nothing happened leave no run, and nothing at all after an hour.
    let runs = world.state.runs(999).await.unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    let kept = world.state.occurrences(999).await.unwrap();
    assert!(kept.iter().filter(|o| o.run.is_some()).eq(kept.iter().filter(|o| o.run == Some(runs[0].id))));
    assert!((60..=62).contains(&kept.len()), "{}", kept.len());
}

/// A shop of 400, with rules that wait for events and one that does not.
async fn busy(rules: &str) -> World {
    let mut world = World::new(rules).await;
    let mut customers = String::new();
    for n in 0..400 {
        let at = chrono::DateTime::from_timestamp_micros(START - n * 20 * MINUTE).unwrap().to_rfc3339();
        let consent = if n % 5 == 0 { "no" } else { "yes" };
        customers += &format!("c{n},c{n}@example.com,1990-04-01,{consent},{at}\n");
    }
    world.import(&customers).await;
    world.edit(rules);
    world
}

/// What would be written down, by a look at everybody and by one at those who matter.
async fn both_ways(world: &World, since: i64) -> [(usize, Vec<tidings_plan::Page>); 2] {
    let (site, customers) = (&world.site, world.site.customers().await.unwrap());
    let supplies = site.supplies();
    let rules: Vec<usize> = (0..site.program.rules.len()).collect();
    let since: Vec<(usize, i64)> = rules.iter().map(|rule| (*rule, since)).collect();
    let now = Now { micros: world.now(), zone: site.zone() };
    let mut ways = Vec::new();
    for sparing in [false, true] {
        let decider = Decider { since: &since, sparing, ..site.decider(&customers, Some(&world.state)) };
        let decision = decider.decide(now, Some(rules.clone())).await.unwrap();
        let pages = tidings_plan::pages(&decision.plan, &decision.question(), &supplies).collect();
        ways.push((decision.stats.customers, pages));
    }
    ways.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_one_customer_reads_no_other_and_says_the_same() {
    let policy = "policy at most 1 email per 7 days hold out 10% end\n";
    let once = rule("once", "on signup").replace("  repeat every time\n", "");
    let bounded = rule("bounded", "on signup").replace("  repeat", "  limit 5 customers\n  repeat");
    for (rules, read) in
        [(policy.to_owned() + &once + &rule("welcome", "on signup"), 1), (once + &bounded, 401)]
    {
        let world = busy(&rules).await;
        let (site, customers) = (&world.site, world.site.customers().await.unwrap());
        let decider = site.decider(&customers, Some(&world.state));
        let (now, supplies) = (Now { micros: world.now(), zone: site.zone() }, site.supplies());
        let run = world.state.start_run(START, "test", "").await.unwrap();
        let first = decider.decide(now, Some(vec![0])).await.unwrap();
        for page in tidings_plan::pages(&first.plan, &first.question(), &supplies) {
            world.state.enqueue(run, &page).await.unwrap();
        }
        let whole = decider.decide(now, None).await.unwrap();
        let told = |decision: &Decision<'_>, rule: usize, key: &str| {
            tidings_plan::situation(&decision.question(), &decision.plan, rule, key)
        };
        let mut sent = 0;
        for key in ["c0", "c1", "c2", "c3", "c399"] {
            let one = decider.decide_about(now, &[1], key).await.unwrap();
            assert_eq!(one.stats.customers, read);
            assert_eq!(told(&one, 1, key), told(&whole, 1, key), "{key}");
            sent += told(&one, 0, key).unwrap().reached.map_or(0, |_| 1);
        }
        assert!(sent > 0, "history is looked at");
        assert!(told(&decider.decide_about(now, &[1], "nobody").await.unwrap(), 1, "nobody").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_events_reads_only_whom_they_concern_and_says_the_same() {
    let entry = rule("enters", "on signup").replace("every time", "on every entry");
    let once = rule("once", "on signup").replace("  repeat every time\n", "");
    let world = busy(&(rule("welcome", "on signup") + &entry + &once)).await;
    let run = world.state.start_run(START, "test", "").await.unwrap();
    for (minutes, late) in [(1, 0), (2, 240), (3, 0), (200, 0), (600, 480)] {
        world.pass(minutes * MINUTE);
        let [(all, whole), (few, sparing)] = both_ways(&world, world.now() - late * MINUTE).await;
        assert_eq!(whole, sparing, "{minutes}");
        assert!(all == 401 && few < 40, "{few} of {all}");
        assert_eq!(few == 0, minutes >= 200, "{few}");
        assert_eq!(sparing.iter().any(|page| !page.intents.is_empty()), minutes < 200, "{minutes}");
        for page in &sparing {
            world.state.enqueue(run, page).await.unwrap();
        }
    }
    // Who is a share of all, and what waits for no event, takes all.
    for rules in
        [rule("shared", "on signup").replace("  repeat", "  limit 50% of customers\n  repeat"), forms()]
    {
        let world = busy(&rules).await;
        let [whole, sparing] = both_ways(&world, world.now()).await;
        assert_eq!(whole, sparing);
        assert_eq!(whole.0, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_in_the_shop_is_found_also_where_nothing_happens() {
    let mut world = busy(&rule("welcome", "on signup")).await;
    let scheduler = world.scheduler();
    world.turn(&scheduler).await;
    world.pass(MINUTE);
    world.turn(&scheduler).await;
    assert_eq!(world.state.ledger("c1").await.unwrap()[0].status, Status::Pending);
    world.import("c1,c1@example.com,1990-04-01,no,2020-01-01").await;
    world.pass(5 * HOUR);
    world.turn(&scheduler).await;
    assert_eq!(world.state.ledger("c1").await.unwrap()[0].status, Status::NoConsent);
    assert_eq!(world.state.ledger("c2").await.unwrap()[0].status, Status::Pending);
}
