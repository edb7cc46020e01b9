//! Rules as text over a small shop, and what the engine makes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../../check/tests/checked/mod.rs"]
mod checked;

use crate::model::{Customer, Form, Row, chunk, chunk_of};
use tidings_check::{Program, World};
use tidings_engine::{Chunk, Evaluator, Matches, Trace, Verdict};
use tidings_schema::{Currency, Now, Value, Vocabulary};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  created: signed_up
  attributes:
    city: text
    visits: number
    birthday: {type: date, yearly: true}
    vip: yes/no
    signed_up: date
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: moment
      total: {type: money, currency: USD}
      status: {type: one of, values: [paid, cancelled]}
";

pub struct Shop {
    pub rules: String,
    pub program: Program,
    pub evaluator: Evaluator,
    pub customers: Vec<Customer>,
}

impl Shop {
    /// A shop with rules and no customer.
    pub fn new(rules: &str) -> Shop {
        let vocabulary = checked::vocabulary(SCHEMA, chrono_tz::Asia::Shanghai, Currency::USD);
        let program = checked::program(rules, &vocabulary, &World::default());
        Shop {
            rules: rules.to_owned(),
            evaluator: Evaluator::compile(&program),
            program,
            customers: Vec::new(),
        }
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.program.vocabulary
    }

    /// One more customer: attributes by name, and orders with their fields by name.
    pub fn customer(&mut self, attributes: &[(&str, Value)], orders: &[&[(&str, Value)]]) {
        let pick = |names: Vec<&str>, given: &[(&str, Value)]| {
            let value = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
            names.into_iter().map(value).collect::<Vec<_>>()
        };
        let vocabulary = self.vocabulary();
        let names = vocabulary.customer.attributes.iter().map(|a| a.name.as_str()).collect();
        let attributes = pick(names, attributes);
        let fields = &vocabulary.collections[0].fields;
        let orders = orders
            .iter()
            .map(|order| Row { fields: pick(fields.iter().map(|f| f.name.as_str()).collect(), order) })
            .collect();
        let others = vocabulary.collections.iter().skip(1).map(|_| Vec::new());
        let rows = std::iter::once(orders).chain(others).collect();
        self.customers.push(Customer { attributes, rows });
    }

    pub fn chunk(&self) -> Chunk {
        chunk(self.vocabulary(), self.evaluator.needs(), &self.customers)
    }

    pub fn matches(&self, now: Now) -> Matches {
        let chunks = [self.chunk()];
        let populations = self.evaluator.populations(&chunks, now, 1);
        self.evaluator.evaluate(&chunks[0], now, &populations)
    }

    /// Who gets what the only rule sends.
    pub fn matched(&self, now: Now) -> Vec<usize> {
        self.matches(now).rule(0).unwrap().then().iter().collect()
    }

    /// The trace of the first rule for a customer, as an indented list in the rule's own words.
    pub fn explained(&self, customer: usize, now: Now) -> String {
        let populations = self.evaluator.populations(&[self.chunk()], now, 1);
        let one = &self.customers[customer..=customer];
        let alone = chunk_of(self.vocabulary(), self.evaluator.needs(), one, Form::Coded);
        let trace = self.evaluator.explain(&self.program, 0, &alone, now, &populations).unwrap();
        let mut text = String::new();
        self.write(&trace, 0, &mut text);
        text
    }

    fn write(&self, trace: &Trace, depth: usize, out: &mut String) {
        let verdict = match trace.verdict {
            Verdict::Yes => "yes",
            Verdict::No => "no",
            Verdict::Unknown => "unknown",
        };
        let what = format!("{:?}", trace.what);
        let values: Vec<String> = trace
            .values
            .iter()
            .map(|seen| {
                let text = seen.text.as_deref().unwrap_or("missing");
                format!("  {}: {text}", &self.rules[seen.place.span.range()])
            })
            .collect();
        out.push_str(&format!("{}{verdict} {what}{}\n", "  ".repeat(depth), values.concat()));
        trace.children.iter().for_each(|child| self.write(child, depth + 1, out));
    }
}

/// A moment in Shanghai, where the shop is.
pub fn at(text: &str) -> Now {
    Now::parse(text, chrono_tz::Asia::Shanghai).unwrap()
}

/// The moment as a value.
pub fn moment(text: &str) -> Value {
    Value::Moment(at(text).micros)
}

/// The day as a value.
pub fn day(text: &str) -> Value {
    Value::Date(at(text).today())
}
