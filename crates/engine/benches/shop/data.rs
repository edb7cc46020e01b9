//! The shop's customers and orders.
//!
//! Orders a customer: log-normal with a mean of ten, at most 2,000, so that a few have most. Totals: log-normal around
//! 40 USD. Status: 80 % paid, 12 % shipped, 5 % returned, 3 % cancelled. Category, city and country: harmonic, the first
//! most frequent. Times: two years before now, evenly, in whole seconds, and one order in two hundred on the day after
//! it. Missing: 2 % of cities, 10 % of birthdays, 5 % of numbers and tags, 1 % of totals.

use super::NOW;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int16Array, Int32Array, StringArray,
    Time32SecondArray, UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use tidings_engine::{Chunk, Needs, Rows};
use tidings_schema::Vocabulary;
use tidings_schema::calendar::SECOND;

pub const CITIES: usize = 50;
pub const COUNTRIES: usize = 8;
pub const CATEGORIES: usize = 40;
pub const TAGS: [&str; 6] = ["vip", "new", "wholesale", "press", "staff", "returns"];
/// In seconds.
const DAY: i32 = 86_400;
const CHUNK: usize = 4_096;

/// How much of it.
pub struct Data {
    customers: usize,
}

/// So many of something, the first twice as frequent as the second.
struct Skewed(Vec<f64>);

impl Skewed {
    fn new(count: usize) -> Skewed {
        let mut sum = 0.0;
        Skewed(
            (1..=count)
                .map(|i| {
                    sum += 1.0 / i as f64;
                    sum
                })
                .collect(),
        )
    }

    fn pick(&self, rng: &mut StdRng) -> usize {
        let at = rng.random::<f64>() * self.0[self.0.len() - 1];
        self.0.partition_point(|sum| *sum <= at)
    }
}

impl Data {
    pub fn new(customers: usize) -> Data {
        Data { customers }
    }

    /// The columns that are needed.
    pub fn chunks(&self, vocabulary: &Vocabulary, needs: &Needs) -> Vec<Chunk> {
        let starts = (0..self.customers).step_by(CHUNK);
        starts.map(|from| chunk(vocabulary, needs, from, CHUNK.min(self.customers - from))).collect()
    }
}

fn chunk(vocabulary: &Vocabulary, needs: &Needs, from: usize, len: usize) -> Chunk {
    let mut rng = StdRng::seed_from_u64(from as u64);
    let lengths: Vec<usize> = (0..len).map(|_| orders(&mut rng)).collect();
    // Every column has a seed of its own, so that the rest stays the same whichever are needed.
    let column = |name: &str, len: usize| -> ArrayRef {
        let seed = name.bytes().fold(from as u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        attribute(name, len, &mut StdRng::seed_from_u64(seed))
    };
    let attributes = needs.attributes.iter().map(|id| column(&vocabulary.attribute(*id).unwrap().name, len));
    let attributes = attributes.collect();
    let collections = needs.collections.iter().map(|wanted| {
        let described = vocabulary.collection(wanted.id).unwrap();
        let rows = lengths.iter().sum();
        let fields = wanted.fields.iter().map(|id| match described.field(*id).unwrap().name.as_str() {
            "placed_at" => times(from, &lengths),
            name => column(name, rows),
        });
        Rows { fields: fields.collect(), offsets: OffsetBuffer::from_lengths(lengths.iter().copied()) }
    });
    Chunk {
        keys: StringArray::from_iter_values((from..from + len).map(|i| format!("c{i:08}"))),
        attributes,
        collections: collections.collect(),
    }
}

fn normal(rng: &mut StdRng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

fn orders(rng: &mut StdRng) -> usize {
    let spread = 1.2;
    let mean = f64::ln(10.4) - spread * spread / 2.0;
    ((mean + spread * normal(rng)).exp().round() as usize).min(2_000)
}

fn times(from: usize, lengths: &[usize]) -> ArrayRef {
    let mut rng = StdRng::seed_from_u64(from as u64 ^ 0x5eed);
    let (now, mut times) = ((NOW / SECOND) as i32, Vec::new());
    for n in lengths {
        let begin = times.len();
        for _ in 0..*n {
            let late = rng.random_bool(0.005);
            times.push(if late {
                now + rng.random_range(0..DAY)
            } else {
                now - rng.random_range(1..730 * DAY)
            });
        }
        times[begin..].sort_unstable();
    }
    Arc::new(Time32SecondArray::from(times))
}

macro_rules! column {
    ($array:ty, $len:expr, $rng:ident, $share:expr, $value:expr) => {
        Arc::new(
            (0..$len)
                .map(|_| {
                    let value = $value;
                    $rng.random_bool($share).then_some(value)
                })
                .collect::<$array>(),
        )
    };
}

fn attribute(name: &str, len: usize, rng: &mut StdRng) -> ArrayRef {
    let today = (NOW / SECOND) as i32 / DAY;
    match name {
        "city" => words(name, CITIES, len, 0.98, rng),
        "country" => words(name, COUNTRIES, len, 1.0, rng),
        "category" => words(name, CATEGORIES, len, 1.0, rng),
        "signed_up" => column!(Date32Array, len, rng, 1.0, today - rng.random_range(1..2_000)),
        "birthday" => column!(Date32Array, len, rng, 0.9, today - rng.random_range(6_500..30_000)),
        "email_consent" => column!(BooleanArray, len, rng, 1.0, rng.random_bool(0.7)),
        "sms_consent" => column!(BooleanArray, len, rng, 1.0, rng.random_bool(0.3)),
        "tags" => tags(len, rng),
        "visits" | "points" => {
            column!(Float64Array, len, rng, 0.95, (rng.random::<f64>() * 25.0).powi(2).round())
        }
        "balance" => column!(Int32Array, len, rng, 0.95, rng.random_range(-5_000..80_000)),
        "rating" | "basket" => {
            column!(Float64Array, len, rng, 0.95, f64::from(rng.random_range(0..500)) / 100.0)
        }
        "total" => column!(Int32Array, len, rng, 0.99, (4_000.0 * normal(rng).exp()).round() as i32),
        "quantity" => column!(Float64Array, len, rng, 1.0, f64::from(rng.random_range(1..=12))),
        "status" => column!(
            UInt32Array,
            len,
            rng,
            1.0,
            match rng.random_range(0..100) {
                0..80 => 0,
                80..92 => 1,
                92..97 => 2,
                _ => 3,
            }
        ),
        other => panic!("the shop has no {other}"),
    }
}

fn words(name: &str, count: usize, len: usize, share: f64, rng: &mut StdRng) -> ArrayRef {
    let skewed = Skewed::new(count);
    let codes: Int16Array = (0..len)
        .map(|_| (skewed.pick(rng) as i16, rng.random_bool(share)))
        .map(|(c, known)| known.then_some(c))
        .collect();
    let all = StringArray::from_iter_values((0..count).map(|i| format!("{name}{i}")));
    Arc::new(DictionaryArray::new(codes, Arc::new(all)))
}

fn tags(len: usize, rng: &mut StdRng) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for _ in 0..len {
        let own = TAGS.iter().filter(|_| rng.random_bool(0.2)).map(|tag| Some(*tag)).collect::<Vec<_>>();
        builder.append_option((rng.random_bool(0.95)).then_some(own));
    }
    Arc::new(builder.finish())
}
