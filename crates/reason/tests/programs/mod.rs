//! Rule files by chance over small domains, and the domains: all that such files can tell apart.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::collections::HashSet;
use tidings_schema::Value;

/// Which attributes a file may ask for. Few at a time, so that all customers can be looked at.
#[derive(Clone, Copy)]
pub struct Domain(&'static [&'static str]);

const DOMAINS: [Domain; 6] = [
    Domain(&["visits", "tier", "vip"]),
    Domain(&["city", "vip"]),
    Domain(&["orders", "vip"]),
    Domain(&["orders", "tier"]),
    Domain(&["joined", "visits"]),
    Domain(&["flags", "tier", "vip"]),
];

impl Domain {
    fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// By attribute, each value that a file can tell from others; none for attributes that are not asked for.
    pub fn values(&self, today: i32) -> [Vec<Option<Value>>; 6] {
        let with = |name: &str, values: Vec<Value>| -> Vec<Option<Value>> {
            if self.has(name) { values.into_iter().map(Some).chain([None]).collect() } else { Vec::new() }
        };
        [
            with("visits", (0..=10).map(|half| Value::Number(f64::from(half) / 2.0)).collect()),
            with("tier", (0..3).map(Value::Word).collect()),
            with("vip", vec![Value::Truth(false), Value::Truth(true)]),
            with("city", cities().into_iter().map(Value::Text).collect()),
            with("joined", (-5..=5).map(|days| Value::Date(today - days)).collect()),
            with(
                "flags",
                ["", "a", "b", "ab"].map(|t| Value::Tags(t.chars().map(String::from).collect())).into(),
            ),
        ]
    }

    /// How many days ago up to four orders were placed, and how many of them have a category, each another one. More of
    /// them make no difference to files that count to three.
    pub fn orders(&self) -> Vec<(Vec<u32>, usize)> {
        let mut all: Vec<Vec<u32>> = vec![Vec::new()];
        let mut newest = all.clone();
        for _ in 0..if self.has("orders") { 4 } else { 0 } {
            let older = |days: &Vec<u32>| {
                let days = days.clone();
                (days.last().copied().unwrap_or(0)..5).map(move |day| [days.clone(), vec![day]].concat())
            };
            newest = newest.iter().flat_map(older).collect();
            all.extend(newest.clone());
        }
        all.into_iter()
            .flat_map(|days| (0..=days.len()).map(move |different| (days.clone(), different)))
            .collect()
    }
}

/// Texts that differ in some test that files make.
fn cities() -> Vec<String> {
    let mut all = vec![String::new()];
    for length in 0..5 {
        let longer: Vec<String> = all
            .iter()
            .filter(|t| t.len() == length)
            .flat_map(|t| ["a", "b", "c"].map(|c| format!("{t}{c}")))
            .collect();
        all.extend(longer);
    }
    let mut seen = HashSet::new();
    all.retain(|text| {
        let tests =
            ["a", "b", "ab"].map(|p| (text == p, text.contains(p), text.starts_with(p), text.ends_with(p)));
        seen.insert(tests)
    });
    all
}

/// A source of files.
pub struct Programs {
    rng: StdRng,
    domain: Domain,
    names: Vec<String>,
}

impl Programs {
    pub fn new(seed: u64) -> Programs {
        Programs {
            rng: StdRng::seed_from_u64(seed),
            domain: DOMAINS[seed as usize % DOMAINS.len()],
            names: Vec::new(),
        }
    }

    /// A file, and all that it can tell apart.
    pub fn text(mut self) -> (String, Domain) {
        let mut text = String::new();
        if self.domain.has("visits") && self.rng.random_bool(0.5) {
            text += "score level = bands of visits at 1, 3\n";
            self.names.push("level >= 2".to_owned());
            self.names.push("level = 3".to_owned());
        }
        if self.rng.random_bool(0.6) {
            let condition = self.condition(2);
            text += &format!("segment some\n  {condition}\nend\n");
            self.names.push("in some".to_owned());
        }
        if self.rng.random_bool(0.6) {
            let arms: Vec<String> = (0..3).map(|i| format!("  s{i} when {}\n", self.condition(1))).collect();
            text += &format!("stages phase\n{}  rest otherwise\nend\n", arms.concat());
            self.names.extend([
                "phase = s1".to_owned(),
                "phase in (s0, rest)".to_owned(),
                "phase != s2".to_owned(),
            ]);
        }
        for i in 0..3 {
            let about = if text.contains("segment") && self.rng.random_bool(0.2) { "for some " } else { "" };
            text += &format!("rule r{i}\n  {about}if {}\n  then send x coupon\nend\n", self.condition(2));
        }
        (text, self.domain)
    }

    fn condition(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..10) {
            0..7 if depth > 0 => {
                let word = if self.rng.random_bool(0.6) { " and " } else { " or " };
                let parts = 2 + self.rng.random_range(0..2);
                let parts: Vec<String> =
                    (0..parts).map(|_| format!("({})", self.condition(depth - 1))).collect();
                parts.join(word)
            }
            7 if depth > 0 => format!("not ({})", self.condition(depth - 1)),
            _ => self.atom(),
        }
    }

    fn atom(&mut self) -> String {
        if !self.names.is_empty() && self.rng.random_bool(0.15) {
            return self.names.choose(&mut self.rng).unwrap().clone();
        }
        let about = *self.domain.0.choose(&mut self.rng).unwrap();
        let op = *["=", "!=", "<", "<=", ">", ">="].choose(&mut self.rng).unwrap();
        let equal = *["=", "!="].choose(&mut self.rng).unwrap();
        let n = self.rng.random_range(1..4);
        let days = *["1 day", "2 days", "3 days"].choose(&mut self.rng).unwrap();
        let letters = *["a", "b", "ab"].choose(&mut self.rng).unwrap();
        let tier = *["bronze", "silver", "gold"].choose(&mut self.rng).unwrap();
        let choice = self.rng.random_range(0..6);
        match (about, choice) {
            (_, 0) if !["orders", "flags"].contains(&about) => format!("{about} is known"),
            (_, 1) if !["orders", "flags"].contains(&about) => format!("{about} is missing"),
            ("visits", 2) => format!("visits between {n} and {}", n + 1),
            ("visits", 3) => format!("visits in ({n}, 4)"),
            ("visits", _) => format!("visits {op} {n}"),
            ("tier", 2) => format!("tier in ({tier}, gold)"),
            ("tier", 3) => format!("tier {op} {tier}"),
            ("tier", _) => format!("tier {equal} {tier}"),
            ("vip", 2) => "not vip".to_owned(),
            ("vip", _) => "vip".to_owned(),
            ("city", 2) => format!("city contains \"{letters}\""),
            ("city", 3) => format!("city starts with \"{letters}\""),
            ("city", 4) => format!("city ends with \"{letters}\""),
            ("city", _) => format!("city {equal} \"{letters}\""),
            ("joined", 2) => format!("days until joined {op} {n}"),
            ("joined", _) => format!("days since joined {op} {n}"),
            ("flags", _) => format!("flags contains \"{}\"", ["a", "b"][n % 2]),
            ("orders", 0) => "latest orders.placed_at is missing".to_owned(),
            ("orders", 1) => format!("days since latest orders.placed_at {op} {n}"),
            ("orders", 2) => format!("count of orders {op} {n}"),
            ("orders", 3) => format!("number of distinct orders.category {op} {n}"),
            ("orders", _) => format!("count of orders in last {days} {op} {n}"),
            other => panic!("{other:?}"),
        }
    }
}
