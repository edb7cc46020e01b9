//! How long a backtest takes: `cargo bench -p tidings-daemon --bench backtest -- CUSTOMERS RULES DAYS`, 100,000, 1,000 and
//! 90 where nothing is said.
//!
//! The seeded shop of the engine's benches in memory, ten orders a customer, and its rules of 2 to 6 comparisons: one
//! half sends mails, the other coupons; six tenths once, two at most once in 30 days, one on every entry, one every
//! day; a fifth holds out 10%. Everybody has three messages a week at most, and a twentieth is held out from all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "its rules and its data are used, not its measurements")]
#[path = "../../engine/benches/shop/mod.rs"]
mod shop;

use rand::SeedableRng;
use rand::rngs::StdRng;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;
use tidings_check::{Program, RuleFile, World, check};
use tidings_daemon::backtest::Tally;
use tidings_daemon::{Decider, Span, StepOf, Watch};
use tidings_engine::Evaluator;
use tidings_plan::{Addresses, Standing, Supplies};
use tidings_schema::{Currency, Now, Settings, load};
use tidings_store::CustomerStore;
use tidings_syntax::{FileId, Sources, parse};

struct Anywhere;

impl Addresses for Anywhere {
    fn normalise(&self, _: &str, raw: &str) -> Option<String> {
        Some(raw.to_owned())
    }
}

#[derive(Default)]
struct Counted {
    sent: u64,
    held: u64,
    most: f64,
    last: Option<Instant>,
}

impl Watch for Counted {
    fn step(&mut self, step: &Tally) {
        self.sent += step.rules.iter().flat_map(|rule| &rule.sent).map(|(_, n)| n).sum::<u64>();
        self.held += step.rules.iter().flat_map(|rule| rule.held.values()).sum::<u64>();
        let took = self.last.replace(Instant::now()).map_or(0.0, |last| last.elapsed().as_secs_f64());
        self.most = self.most.max(took);
    }
}

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [customers, rules, days] = sizes[..] else { return measure(100_000, 1_000, 90).await };
    measure(customers, rules, days).await;
}

async fn measure(customers: usize, rules: usize, days: usize) {
    let program = program(rules);
    let evaluator = Evaluator::compile(&program).reading(&tidings_plan::needs(&program));
    let mut chunks = shop::data::Data::new(customers).chunks(&program.vocabulary, evaluator.needs());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let orders: usize = chunks.iter().map(|chunk| chunk.collections[0].len()).sum();
    println!("{customers} customers, {orders} orders, {rules} rules, {days} days, {threads} threads");

    // Nothing is read of it.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("none.db"), "").unwrap();
    let store = CustomerStore::open("sqlite:none.db", folder.path()).await.unwrap();
    let decider = Decider {
        program: &program,
        project: "bench",
        customers: &store,
        resident: None,
        room: None,
        state: None,
        addresses: &Anywhere,
        evaluator: &evaluator,
        threads,
        since: &[],
        beside: None,
        sparing: false,
    };
    let to = Now { micros: shop::NOW, zone: program.vocabulary.zone };
    let span = Span { from: to.days_ago(days as u32 - 1), to, step: StepOf::Day };
    let (start, mut counted) = (Instant::now(), Counted::default());
    let out = decider.replay(&mut chunks, &Standing::default(), &span, &Supplies::default(), &mut counted);
    let all = start.elapsed().as_secs_f64();
    let [evaluating, planning] = [out.took.evaluating, out.took.planning].map(|t| t.as_secs_f64());
    println!("{} sends, {} held back", counted.sent, counted.held);
    println!("{all:.1} s: evaluating {evaluating:.1}, planning {planning:.1}");
    println!("the longest step after the first {:.2} s", counted.most);
    println!("at most {} MB of memory", peak());
}

/// Megabytes that the process had at most, on Linux.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn program(rules: usize) -> Program {
    let questions = shop::rules::questions(&mut StdRng::seed_from_u64(7), rules);
    let mut text = String::from("policy\n  at most 3 messages per 7 days\n  hold out 5%\nend\n");
    let declared = shop::rules::text(&[]);
    for (i, question) in questions.iter().enumerate() {
        let send = if i % 2 == 0 { "send news email".to_owned() } else { format!("send c{i} coupon") };
        let repeat = match i % 10 {
            0..6 => "",
            6 | 7 => "  repeat at most once per 30 days\n",
            8 => "  repeat on every entry\n",
            _ => "  repeat every time\n",
        };
        let out = if i % 5 == 2 { "  hold out 10%\n" } else { "" };
        writeln!(text, "rule r{i}\n  if {}\n  then {send}\n{repeat}{out}end", question.rule).unwrap();
    }
    let settings = Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::USD };
    // The city is as good an address as any.
    let schema = format!("{}contact:\n  email: {{address: city, consent: email_consent}}\n", shop::SCHEMA);
    let (vocabulary, findings) = load(&schema, FileId(0), &settings);
    let vocabulary = Arc::new(vocabulary.unwrap_or_else(|| panic!("{findings:?}")));
    let text = declared + &text;
    let mut sources = Sources::default();
    let id = sources.add("rules/bench.tidings", &text);
    let parsed = parse(id, &text);
    let world = World { templates: [("news".to_owned(), "email".to_owned())].into(), ..World::default() };
    let files = [RuleFile { id, name: "bench".into(), tree: parsed.file, broken: parsed.broken }];
    let checked = check(&files, vocabulary, &world, &sources);
    checked.program.unwrap_or_else(|| panic!("{:?} {:?}", parsed.diagnostics, checked.diagnostics))
}
