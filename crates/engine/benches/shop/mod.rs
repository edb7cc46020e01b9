//! A shop by chance, the same each time: its vocabulary, its rules, its customers and their orders.

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::fmt::Write;
use std::sync::Arc;
use tidings_check::{Program, RuleFile, World, check};
use tidings_engine::{Chunk, Evaluator, Rows};
use tidings_schema::{Currency, Now, Settings, Type, Vocabulary, load};
use tidings_syntax::{FileId, Sources, parse};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    city: text
    tier: {type: one of, values: [bronze, silver, gold], ordered: true}
    visits: number
    balance: {type: money, currency: USD}
    birthday: {type: date, yearly: true}
    email_consent: yes/no
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: moment
      total: {type: money, currency: USD}
      quantity: number
      status: {type: one of, values: [paid, cancelled]}
";
const WINDOWS: [u32; 4] = [30, 90, 180, 365];
const CITIES: [&str; 6] = ["Beijing", "Shanghai", "Hangzhou", "Chengdu", "Xi'an", "Lhasa"];
const DAY: i64 = 86_400_000_000;
const CHUNK: usize = 4_096;
/// 2026-06-30 10:00 in Shanghai.
const NOW: i64 = 1_782_784_800_000_000;

pub struct Shop {
    pub program: Program,
    pub evaluator: Evaluator,
    pub chunks: Vec<Chunk>,
    pub now: Now,
}

impl Shop {
    /// So many rules over about thirty features, and so many customers with ten orders each on average.
    pub fn new(rules: usize, customers: usize) -> Shop {
        let mut rng = StdRng::seed_from_u64(7);
        let program = program(&text(&mut rng, rules));
        let evaluator = Evaluator::compile(&program);
        let chunks = (0..customers)
            .step_by(CHUNK)
            .map(|first| {
                chunk(&mut rng, &program.vocabulary, &evaluator, first, CHUNK.min(customers - first))
            })
            .collect();
        let now = Now { micros: NOW, zone: program.vocabulary.zone };
        Shop { program, evaluator, chunks, now }
    }
}

fn program(text: &str) -> Program {
    let settings = Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::USD };
    let (vocabulary, findings) = load(SCHEMA, FileId(0), &settings);
    let vocabulary = vocabulary.unwrap_or_else(|| panic!("{findings:?}"));
    let mut sources = Sources::default();
    let id = sources.add("rules/shop.tidings", text);
    let parsed = parse(id, text);
    let files = [RuleFile { id, name: "shop".into(), tree: parsed.file, broken: parsed.broken }];
    let checked = check(&files, Arc::new(vocabulary), &World::default(), &sources);
    checked.program.unwrap_or_else(|| panic!("{:?} {:?}", parsed.diagnostics, checked.diagnostics))
}

/// Rules of two to six comparisons.
fn text(rng: &mut StdRng, rules: usize) -> String {
    let mut text = String::from(
        "define days_since = days since latest orders.placed_at\n\
         score recency = quintile of days_since, lowest first\n\
         score monetary = quintile of (sum of orders.total in last 365 days), highest first\n\
         stages lifecycle\n  active when days_since <= 90\n  dormant when days_since <= 365\n  lost otherwise\nend\n",
    );
    for i in 0..rules {
        let joint = if rng.random_bool(0.8) { " and " } else { " or " };
        let tests: Vec<String> = (0..rng.random_range(2..=6)).map(|_| comparison(rng)).collect();
        writeln!(text, "rule r{i}\n  if {}\n  then send c{i} coupon\nend", tests.join(joint)).unwrap();
    }
    text
}

fn comparison(rng: &mut StdRng) -> String {
    let days = WINDOWS.choose(rng).unwrap();
    let op = *["<", "<=", ">", ">="].choose(rng).unwrap();
    let amount = rng.random_range(1..60) * 10;
    let few = rng.random_range(1..8);
    match rng.random_range(0..14) {
        0 => format!("count of orders in last {days} days {op} {few}"),
        1 => format!("sum of orders.total in last {days} days {op} {amount} USD"),
        2 => format!("average of orders.total in last {days} days {op} {amount} USD"),
        3 => format!("max of orders.quantity in last {days} days {op} {few}"),
        4 => format!("(count of orders where status = paid in last {days} days) {op} {few}"),
        5 => format!("number of distinct orders.quantity in last {days} days {op} {few}"),
        6 => format!("days_since {op} {amount}"),
        7 => format!("city = \"{}\"", CITIES.choose(rng).unwrap()),
        8 => format!("tier >= {}", ["silver", "gold"].choose(rng).unwrap()),
        9 => format!("visits {op} {amount}"),
        10 => format!("balance {op} {amount} USD"),
        11 => format!("days until next birthday {op} {few}"),
        12 => "lifecycle = dormant".to_owned(),
        _ => format!("monetary + recency {op} {few}"),
    }
}

fn chunk(
    rng: &mut StdRng,
    vocabulary: &Vocabulary,
    evaluator: &Evaluator,
    first: usize,
    len: usize,
) -> Chunk {
    let needs = evaluator.needs();
    let attributes =
        needs.attributes.iter().map(|id| column(rng, &vocabulary.attribute(*id).unwrap().ty, len, &[]));
    let attributes = attributes.collect();
    let collections = needs.collections.iter().map(|wanted| {
        let described = vocabulary.collection(wanted.id).unwrap();
        let lengths: Vec<usize> = (0..len).map(|_| rng.random_range(0..=20)).collect();
        let times: Vec<i64> = lengths
            .iter()
            .flat_map(|n| {
                let mut own: Vec<i64> = (0..*n).map(|_| NOW - rng.random_range(0..900 * DAY)).collect();
                own.sort_unstable();
                own
            })
            .collect();
        let rows = times.len();
        let fields =
            wanted.fields.iter().map(|id| column(rng, &described.field(*id).unwrap().ty, rows, &times));
        Rows { fields: fields.collect(), offsets: OffsetBuffer::from_lengths(lengths) }
    });
    Chunk {
        keys: StringArray::from_iter_values((first..first + len).map(|i| format!("c{i:08}"))),
        attributes,
        collections: collections.collect(),
    }
}

/// One value in ten is missing, but for times.
fn column(rng: &mut StdRng, ty: &Type, len: usize, times: &[i64]) -> ArrayRef {
    let mut there = (0..len).map(|_| rng.random_bool(0.9)).collect::<Vec<bool>>().into_iter();
    let mut rng = StdRng::seed_from_u64(rng.random());
    macro_rules! of {
        ($array:ty, $value:expr) => {
            Arc::new((0..len).map(|_| there.next().unwrap().then(|| $value)).collect::<$array>())
        };
    }
    match ty {
        Type::Text => of!(StringArray, *CITIES.choose(&mut rng).unwrap()),
        Type::Number => of!(Float64Array, f64::from(rng.random_range(0..12))),
        Type::Money(_) => of!(Int64Array, rng.random_range(0..60_000)),
        Type::YesNo => of!(BooleanArray, rng.random_bool(0.5)),
        Type::Date => of!(Date32Array, rng.random_range(0..15_000)),
        Type::Moment => Arc::new(Int64Array::from(times.to_vec())),
        Type::OneOf(list) => of!(UInt32Array, rng.random_range(0..list.words.len() as u32)),
        other => panic!("the shop has no {other}"),
    }
}
