//! A shop with a few customers, planned for without any store.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../../check/tests/checked/mod.rs"]
mod checked;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use arrow_buffer::OffsetBuffer;
use chrono::{TimeZone, Utc};
use chrono_tz::Tz;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tidings_check::{Program, World};
use tidings_engine::{Chunk, Evaluator, Matches, Needs, Rows};
use tidings_plan::{
    Addresses, History, Intent, PastMessage, Plan, Question, Standing, Supplies, Verdict, pages, plan,
};
use tidings_schema::{Currency, Now};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  zone: place
  attributes:
    email: text
    phone: text
    email_ok: yes/no
    sms_ok: yes/no
    visits: {type: one of, values: [no, yes]}
    place: text
    joined: moment
contact:
  email: {address: email, consent: email_ok}
  sms: {address: phone, consent: sms_ok}
collections:
  orders: {table: orders, customer: customer, time: at, fields: {at: moment}}
events:
  order: orders
  signup: customer.joined
";
pub const DAY: i64 = 86_400_000_000;

#[derive(Clone, Debug, Default)]
pub struct Customer {
    pub email: Option<&'static str>,
    pub phone: Option<&'static str>,
    pub email_ok: Option<bool>,
    pub sms_ok: Option<bool>,
    pub zone: Option<&'static str>,
    /// Moments.
    pub joined: Option<i64>,
    pub orders: Vec<i64>,
}

struct Trimmed;

impl Addresses for Trimmed {
    fn normalise(&self, _: &str, raw: &str) -> Option<String> {
        Some(raw.trim().to_owned()).filter(|a| !a.is_empty())
    }
}

/// A shop at one moment.
pub struct Shop {
    pub program: Program,
    pub evaluator: Evaluator,
    pub chunks: Vec<Chunk>,
    pub needs: Needs,
    pub matches: Vec<Matches>,
    pub history: History,
    pub standing: Standing,
    pub now: Now,
    pub since: Vec<(usize, i64)>,
    pub supplies: Supplies,
}

impl Shop {
    pub fn new(rules: &str, customers: &[Customer]) -> Shop {
        let templates =
            ["a", "b", "c"].iter().flat_map(|t| ["email", "sms"].map(|c| ((*t).to_owned(), c.to_owned())));
        let worths = HashMap::from([("x".to_owned(), (2000, Currency::CNY))]);
        let world = World { templates: templates.collect(), worths, ..World::default() };
        let vocabulary = checked::vocabulary(SCHEMA, Tz::UTC, Currency::CNY);
        let program = checked::program(rules, &vocabulary, &world);
        let evaluator = Evaluator::compile(&program);
        let needs = evaluator.needs().union(&tidings_plan::needs(&program));
        let evaluator = evaluator.reading(&needs);
        // Two chunks, so that positions in chunks are told from positions overall.
        let (first, second) = customers.split_at(customers.len() / 2);
        let chunks = vec![chunk(first, 0, &needs), chunk(second, first.len(), &needs)];
        let now = Now::new(Utc.with_ymd_and_hms(2026, 11, 11, 10, 0, 0).unwrap(), Tz::UTC);
        let populations = evaluator.populations(&chunks, now, 1);
        let matches = evaluator.evaluate_all(&chunks, now, &populations, 1);
        let standing = Standing { secret: b"secret".to_vec(), ..Standing::default() };
        Shop {
            program,
            evaluator,
            chunks,
            needs,
            matches,
            history: History::default(),
            standing,
            now,
            since: Vec::new(),
            supplies: Supplies::default(),
        }
    }

    pub fn question(&self) -> Question<'_> {
        Question {
            program: &self.program,
            project: "test",
            now: self.now,
            chunks: &self.chunks,
            needs: &self.needs,
            matches: &self.matches,
            history: (&self.history).into(),
            standing: &self.standing,
            addresses: &Trimmed,
            only: None,
            since: &self.since,
        }
    }

    pub fn plan(&self) -> Plan {
        plan(&self.question(), 2)
    }

    /// The verdict on the only customer's only step.
    pub fn only_verdict(&self) -> Verdict {
        let plan = self.plan();
        let found: Vec<Verdict> = plan.rules[0].members().map(|(_, _, verdict)| verdict).collect();
        assert_eq!(found.len(), 1);
        found[0]
    }

    pub fn intents(&self) -> Vec<Intent> {
        let plan = self.plan();
        pages(&plan, &self.question(), &self.supplies).flat_map(|p| p.intents).collect()
    }

    /// Remembers what a run of this plan would have written down.
    pub fn run(&mut self) {
        let plan = self.plan();
        let question = self.question();
        let pages: Vec<_> = pages(&plan, &question, &self.supplies).collect();
        for page in pages {
            for o in page.occasions {
                let rule = self.history.rules.entry(o.rule).or_default();
                rule.reached.entry(o.customer).or_default().add(&o.occasion, o.at);
            }
            for (rule, customer, entry) in page.entries {
                self.history.rules.entry(rule).or_default().entries.insert(customer, entry);
            }
            for i in page.intents.into_iter().filter(|i| i.address.is_some()) {
                let past = PastMessage { channel: i.channel.as_str().into(), at: i.at };
                self.history.messages.entry(i.customer).or_default().push(past);
            }
        }
    }
}

fn chunk(customers: &[Customer], from: usize, needs: &Needs) -> Chunk {
    let texts = |of: fn(&Customer) -> Option<&'static str>| -> ArrayRef {
        Arc::new(customers.iter().map(of).collect::<StringArray>())
    };
    let truths = |of: fn(&Customer) -> Option<bool>| -> ArrayRef {
        Arc::new(customers.iter().map(of).collect::<BooleanArray>())
    };
    let columns: BTreeMap<u32, ArrayRef> = [
        (0, texts(|c| c.email)),
        (1, texts(|c| c.phone)),
        (2, truths(|c| c.email_ok)),
        (3, truths(|c| c.sms_ok)),
        (4, Arc::new(Int64Array::from(vec![0; customers.len()])) as ArrayRef),
        (5, texts(|c| c.zone)),
        (6, Arc::new(customers.iter().map(|c| c.joined).collect::<Int64Array>())),
    ]
    .into();
    let rows = Rows {
        offsets: OffsetBuffer::from_lengths(customers.iter().map(|c| c.orders.len())),
        fields: vec![Arc::new(customers.iter().flat_map(|c| c.orders.clone()).collect::<Int64Array>())],
    };
    let keys = (from..from + customers.len()).map(|i| Some(format!("{i:03}")));
    Chunk {
        keys: keys.collect(),
        attributes: needs.attributes.iter().map(|id| columns[&id.0].clone()).collect(),
        collections: needs.collections.iter().map(|_| rows.clone()).collect(),
    }
}

pub fn willing() -> Customer {
    Customer {
        email: Some("a@x.example"),
        phone: Some("+861"),
        email_ok: Some(true),
        sms_ok: Some(true),
        ..Customer::default()
    }
}
