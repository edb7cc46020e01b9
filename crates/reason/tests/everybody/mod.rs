//! Every customer that there can be over a small domain, and what programs say of them.

#![allow(dead_code, reason = "each suite uses some of it")]

#[path = "../../../check/tests/checked/mod.rs"]
mod checked;

use crate::model::{Customer, Row, chunk};
use crate::programs::Domain;
use std::sync::Arc;
use tidings_check::{Program, World};
use tidings_engine::{Chunk, Evaluator, Matches, Populations};
use tidings_schema::{Currency, Now, Value, Vocabulary};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    visits: number
    tier: {type: one of, values: [bronze, silver, gold], ordered: yes}
    vip: yes/no
    city: text
    joined: date
    flags: tags
contact:
  email: {address: city, consent: vip}
  sms: {address: city, consent: vip}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields: {placed_at: moment, category: {type: one of, values: [a, b, c, d]}}
";

/// What all customers together say of a program.
pub struct Everybody {
    pub vocabulary: Arc<Vocabulary>,
    pub now: Now,
}

impl Everybody {
    pub fn new() -> Everybody {
        Everybody::at(|_| Now::parse("2026-06-02T10:00", chrono_tz::Asia::Shanghai).unwrap())
    }

    pub fn at(now: impl Fn(&Vocabulary) -> Now) -> Everybody {
        let vocabulary = checked::vocabulary(SCHEMA, chrono_tz::Asia::Shanghai, Currency::CNY);
        Everybody { now: now(&vocabulary), vocabulary }
    }

    pub fn program(&self, text: &str) -> Program {
        let templates = ["email", "sms"].map(|channel| ("x".to_owned(), channel.to_owned())).to_vec();
        let world = World { templates, ..World::default() };
        checked::program(text, &self.vocabulary, &world)
    }

    /// Every customer of a domain.
    pub fn customers(&self, domain: &Domain) -> Vec<Customer> {
        let mut all = vec![Customer {
            attributes: vec![None; 6],
            rows: vec![Vec::new(); self.vocabulary.collections.len()],
        }];
        let mut by = |attribute: usize, values: &[Option<Value>]| {
            all = std::mem::take(&mut all)
                .into_iter()
                .flat_map(|customer| {
                    values.iter().map(move |value| {
                        let mut customer = customer.clone();
                        customer.attributes[attribute] = value.clone();
                        customer
                    })
                })
                .collect();
        };
        let values = domain.values(self.now.today());
        values
            .iter()
            .enumerate()
            .filter(|(_, values)| !values.is_empty())
            .for_each(|(i, values)| by(i, values));
        let orders = domain.orders();
        let row = |days: &u32, category: Option<u32>| {
            let placed = self.now.days_ago(*days).micros - 1;
            Row { fields: vec![Some(Value::Moment(placed)), category.map(Value::Word)] }
        };
        let rows = |(days, different): &(Vec<u32>, usize)| -> Vec<Row> {
            let categories = (0..4).map(|i| Some(i).filter(|i| (*i as usize) < *different));
            days.iter().zip(categories).map(|(days, category)| row(days, category)).collect()
        };
        all.into_iter()
            .flat_map(|customer| -> Vec<Customer> {
                let of = orders.iter().map(|orders| {
                    let mut customer = customer.clone();
                    customer.rows[0] = rows(orders);
                    customer
                });
                of.collect()
            })
            .collect()
    }

    pub fn matches(&self, program: &Program, customers: &[Customer]) -> Matches {
        let evaluator = Evaluator::compile(program);
        let chunk: Chunk = chunk(&self.vocabulary, evaluator.needs(), customers);
        evaluator.evaluate(&chunk, self.now, &Populations::default())
    }
}
