//! How long a backtest takes: `cargo bench -p tidings-daemon --bench backtest -- CUSTOMERS RULES DAYS FOLDER`, 100,000, 1,000
//! and 90 where nothing is said. Where there is a folder, the customers are read from a SQLite file in it, which is made
//! if it is not there; else they are in memory.
//!
//! The seeded shop of the engine's benches in memory, ten orders a customer, and its rules of 2 to 6 comparisons: one
//! half sends mails, the other coupons; six tenths once, two at most once in 30 days, one on every entry, one every
//! day; a fifth holds out 10%. Everybody has three messages a week at most, and a twentieth is held out from all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "its rules and its data are used, not its measurements")]
#[path = "../../engine/benches/shop/mod.rs"]
mod shop;

use arrow_array::ArrayRef;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tidings_check::{Program, World};
use tidings_daemon::backtest::Tally;
use tidings_daemon::{Decider, Span, StepOf, Watch};
use tidings_engine::{Chunk, Evaluator, Needs, value_at};
use tidings_plan::{Addresses, Standing, Supplies};
use tidings_schema::{Attribute, Currency, Now, Settings, Vocabulary};
use tidings_store::CustomerStore;
use tidings_store::import::{Import, Options, Source};

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
    tidings_engine::keep_freed();
    let given: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let sizes: Vec<usize> = given.iter().filter_map(|arg| arg.parse().ok()).collect();
    let [customers, rules, days] = sizes[..] else { return measure(100_000, 1_000, 90, None).await };
    measure(customers, rules, days, given.get(3).map(PathBuf::from)).await;
}

async fn measure(customers: usize, rules: usize, days: usize, folder: Option<PathBuf>) {
    let program = program(rules);
    let evaluator = Evaluator::compile(&program).reading(&tidings_plan::needs(&program));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{customers} customers, {rules} rules, {days} days, {threads} threads");

    let mut chunks = Vec::new();
    let nowhere = tempfile::tempdir().unwrap();
    let place = folder.as_deref().unwrap_or(nowhere.path());
    let made = || shop::data::Data::new(customers).chunks(&program.vocabulary, evaluator.needs());
    match &folder {
        Some(folder) if !folder.join("shop.db").exists() => {
            store(folder, &program.vocabulary, evaluator.needs(), &made()).await;
        }
        Some(_) => {}
        None => {
            chunks = made();
            // Nothing is read of it.
            std::fs::write(place.join("shop.db"), "").unwrap();
        }
    }
    let store = CustomerStore::open("sqlite:shop.db", place).await.unwrap();
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
    let (supplies, standing) = (Supplies::default(), Standing::default());
    let (start, mut counted) = (Instant::now(), Counted::default());
    let out = match folder {
        Some(_) => decider.backtest(&span, &supplies, &mut counted).await.unwrap(),
        None => decider.replay(&mut chunks, &standing, &span, &supplies, &mut counted),
    };
    let all = start.elapsed().as_secs_f64();
    let [loading, evaluating, planning] =
        [out.took.loading, out.took.evaluating, out.took.planning].map(|t| t.as_secs_f64());
    println!("{} sends, {} held back", counted.sent, counted.held);
    println!("{all:.1} s: loading {loading:.1}, evaluating {evaluating:.1}, planning {planning:.1}");
    println!("the longest step after the first {:.2} s", counted.most);
    println!("at most {} MB of memory", peak());
}

/// The shop as a SQLite file in a folder.
async fn store(folder: &Path, vocabulary: &Vocabulary, needs: &Needs, chunks: &[Chunk]) {
    let orders = vocabulary.collection(needs.collections[0].id).unwrap();
    let columns: Vec<&Attribute> =
        needs.attributes.iter().map(|id| vocabulary.attribute(*id).unwrap()).collect();
    let fields: Vec<&Attribute> =
        needs.collections[0].fields.iter().map(|id| orders.field(*id).unwrap()).collect();
    let header = |key: &str, columns: &[&Attribute]| {
        columns.iter().fold(key.to_owned(), |line, column| line + "," + &column.name) + "\n"
    };
    let file = |table: &str| BufWriter::new(File::create(folder.join(format!("{table}.csv"))).unwrap());
    let (mut customers, mut rows) = (file("customers"), file("orders"));
    customers.write_all(header("id", &columns).as_bytes()).unwrap();
    rows.write_all(header("customer_id", &fields).as_bytes()).unwrap();
    for chunk in chunks {
        let own = &chunk.collections[0];
        for i in 0..chunk.len() {
            let key = chunk.keys.value(i);
            customers.write_all(line(key, &columns, &chunk.attributes, i).as_bytes()).unwrap();
            for row in own.of(i) {
                rows.write_all(line(key, &fields, &own.fields, row).as_bytes()).unwrap();
            }
        }
    }
    customers.flush().unwrap();
    rows.flush().unwrap();
    let source = |table: &str| Source { table: table.into(), path: folder.join(format!("{table}.csv")) };
    let settings = Settings { zone: vocabulary.zone, currency: vocabulary.currency };
    let sources = [source("customers"), source("orders")];
    let import = Import::plan(&sources, Some(vocabulary), &Options::new(settings), &mut |_| {}).unwrap();
    import.run("sqlite:shop.db", folder, &mut |_| {}).await.unwrap();
    sources.iter().for_each(|source| std::fs::remove_file(&source.path).unwrap());
}

fn line(key: &str, columns: &[&Attribute], values: &[ArrayRef], i: usize) -> String {
    let cell = |(column, values): (&&Attribute, &ArrayRef)| {
        let value = value_at(&column.ty, values, i).map(|value| column.encode(&value));
        format!(",\"{}\"", value.unwrap_or_default().replace('"', "\"\""))
    };
    let cells: String = columns.iter().zip(values).map(cell).collect();
    format!("{key}{cells}\n")
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
    // The city is as good an address as any.
    let schema = format!("{}contact:\n  email: {{address: city, consent: email_consent}}\n", shop::SCHEMA);
    let vocabulary = shop::checked::vocabulary(&schema, chrono_tz::Asia::Shanghai, Currency::USD);
    let world = World { templates: [("news".to_owned(), "email".to_owned())].into(), ..World::default() };
    shop::checked::program(&(declared + &text), &vocabulary, &world)
}
