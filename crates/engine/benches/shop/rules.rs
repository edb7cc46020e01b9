//! Rules of two to six comparisons over 35 features, in the language and in SQL over the feature table.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use std::fmt::Write;

pub const WINDOWS: [u32; 4] = [30, 90, 180, 365];

/// What a rule asks.
pub struct Question {
    pub rule: String,
    /// The same over the columns of the feature table.
    pub sql: String,
}

/// The rules' file.
pub fn text(questions: &[Question]) -> String {
    let mut text = String::from(
        "define days_since = days since latest orders.placed_at\n\
         score recency = quintile of days_since, lowest first\n\
         score monetary = quintile of (sum of orders.total in last 365 days), highest first\n\
         stages lifecycle\n  active when days_since <= 90\n  dormant when days_since <= 365\n  lost otherwise\nend\n",
    );
    for (i, question) in questions.iter().enumerate() {
        writeln!(text, "rule r{i}\n  if {}\n  then send c{i} coupon\nend", question.rule).unwrap();
    }
    text
}

pub fn questions(rng: &mut StdRng, count: usize) -> Vec<Question> {
    let question = |_| {
        let joint = if rng.random_bool(0.8) { " and " } else { " or " };
        let tests: Vec<Question> = (0..rng.random_range(2..=6)).map(|_| comparison(rng)).collect();
        let joined = |side: fn(&Question) -> &str| tests.iter().map(side).collect::<Vec<_>>().join(joint);
        Question { rule: joined(|t| &t.rule), sql: joined(|t| &t.sql) }
    };
    (0..count).map(question).collect()
}

fn comparison(rng: &mut StdRng) -> Question {
    let days = WINDOWS.choose(rng).unwrap();
    let op = *["<", "<=", ">", ">="].choose(rng).unwrap();
    let few = rng.random_range(1..8);
    let amount = rng.random_range(1..60) * 10;
    let cents = amount * 100;
    let (rule, sql) = match rng.random_range(0..22) {
        0 | 1 => {
            (format!("count of orders in last {days} days {op} {few}"), format!("count_{days} {op} {few}"))
        }
        2 | 3 => (
            format!("sum of orders.total in last {days} days {op} {amount} USD"),
            format!("sum_{days} {op} {cents}"),
        ),
        4 | 5 => (
            format!("average of orders.total in last {days} days {op} {amount} USD"),
            format!("average_{days} {op} {cents}"),
        ),
        6 => (
            format!("(count of orders where status = paid in last {days} days) {op} {few}"),
            format!("paid_{days} {op} {few}"),
        ),
        7 => (
            format!("number of distinct orders.category in last 365 days {op} {few}"),
            format!("categories_365 {op} {few}"),
        ),
        8 => (
            format!("max of orders.total in last 365 days {op} {amount} USD"),
            format!("most_365 {op} {cents}"),
        ),
        9 => {
            let units = few * 3;
            (format!("sum of orders.quantity in last 90 days {op} {units}"), format!("units_90 {op} {units}"))
        }
        10 => (
            format!(
                "(sum of orders.total where status = returned in last 180 days) {op} {} USD",
                amount / 10
            ),
            format!("returned_180 {op} {}", cents / 10),
        ),
        11 => (format!("days_since {op} {amount}"), format!("days_since {op} {amount}")),
        12 => ("lifecycle = dormant".into(), "lifecycle = 'dormant'".into()),
        13 => {
            let city = rng.random_range(0..super::data::CITIES);
            (format!("city = \"city{city}\""), format!("city = 'city{city}'"))
        }
        14 => {
            let country = rng.random_range(0..super::data::COUNTRIES);
            (format!("country = \"country{country}\""), format!("country = 'country{country}'"))
        }
        15 => (format!("days since signed_up {op} {}", amount * 3), format!("tenure {op} {}", amount * 3)),
        16 => (format!("days until next birthday {op} {few}"), format!("birthday_in {op} {few}")),
        17 => {
            let by = *["email_consent", "sms_consent"].choose(rng).unwrap();
            (by.into(), by.into())
        }
        18 => {
            let tag = super::data::TAGS.choose(rng).unwrap();
            (format!("tags contains \"{tag}\""), format!("array_contains(tags, '{tag}')"))
        }
        19 => {
            let number = *["visits", "points"].choose(rng).unwrap();
            (format!("{number} {op} {amount}"), format!("{number} {op} {amount}"))
        }
        20 => (format!("balance {op} {amount} USD"), format!("balance {op} {cents}")),
        _ => {
            let (number, tenths) = (*["rating", "basket"].choose(rng).unwrap(), rng.random_range(1..50));
            let bound = f64::from(tenths) / 10.0;
            (format!("{number} {op} {bound}"), format!("{number} {op} {bound}"))
        }
    };
    Question { rule, sql }
}
