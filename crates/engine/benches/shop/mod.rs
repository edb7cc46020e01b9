//! A shop by chance, the same each time: its vocabulary, its rules, its customers and their orders.

#[path = "../../../check/tests/checked/mod.rs"]
pub mod checked;
pub mod data;
pub mod rules;

use data::Data;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rules::Question;
use std::time::Instant;
use tidings_check::{Program, World};
use tidings_engine::{Chunk, Evaluator, Matches};
use tidings_schema::{Currency, Now};

/// What the shop knows.
pub const SCHEMA: &str = "
customer:
  table: customers
  key: id
  created: signed_up
  attributes:
    city: text
    country: text
    signed_up: date
    birthday: {type: date, yearly: true}
    email_consent: yes/no
    sms_consent: yes/no
    tags: tags
    visits: number
    points: number
    balance: {type: money, currency: USD}
    rating: number
    basket: number
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: moment
      total: {type: money, currency: USD}
      quantity: number
      status: {type: one of, values: [paid, shipped, returned, cancelled]}
      category: text
";
/// 2026-06-30 10:00 in Shanghai.
pub const NOW: i64 = 1_782_784_800_000_000;

/// Rules, compiled, and what they are evaluated over.
pub struct Shop {
    #[allow(dead_code, reason = "only what compares with others reads it")]
    pub questions: Vec<Question>,
    pub program: Program,
    pub evaluator: Evaluator,
    pub chunks: Vec<Chunk>,
    pub now: Now,
}

impl Shop {
    /// So many rules, and so many customers with ten orders each on average.
    pub fn new(rules: usize, customers: usize) -> Shop {
        let questions = rules::questions(&mut StdRng::seed_from_u64(7), rules);
        let program = program(&rules::text(&questions));
        let evaluator = Evaluator::compile(&program);
        let chunks = Data::new(customers).chunks(&program.vocabulary, evaluator.needs());
        let now = Now { micros: NOW, zone: program.vocabulary.zone };
        Shop { questions, program, evaluator, chunks, now }
    }

    /// Who matches which rule, and how many each.
    pub fn evaluate(&self, threads: usize) -> (Vec<Matches>, Vec<usize>) {
        let populations = Default::default();
        let matches = self.evaluator.evaluate_all(&self.chunks, self.now, &populations, threads);
        let rules = self.program.rules.len();
        let sum = |matches: &[Matches]| {
            let mut counts = vec![0; rules];
            for matches in matches {
                counts.iter_mut().zip(matches.rules()).for_each(|(n, rule)| *n += rule.then_count() as usize);
            }
            counts
        };
        let share = matches.len().div_ceil(threads);
        let counts = std::thread::scope(|scope| {
            let shares: Vec<_> = matches.chunks(share).map(|share| scope.spawn(|| sum(share))).collect();
            let counts = shares.into_iter().map(|counts| counts.join().unwrap());
            counts.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| a + b).collect()).unwrap_or_default()
        });
        (matches, counts)
    }

    /// How long that takes: by the clock, and in time of processors, which says more while others are busy too.
    #[allow(dead_code, reason = "criterion has a clock of its own")]
    pub fn seconds(&self, threads: usize) -> [f64; 2] {
        let (start, before) = (Instant::now(), processors());
        let answers = self.evaluate(threads);
        let seconds = [start.elapsed().as_secs_f64(), processors() - before];
        drop(answers);
        seconds
    }
}

fn program(text: &str) -> Program {
    let vocabulary = checked::vocabulary(SCHEMA, chrono_tz::Asia::Shanghai, Currency::USD);
    checked::program(text, &vocabulary, &World::default())
}

/// Seconds of processors that this program has had, on Linux.
fn processors() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
