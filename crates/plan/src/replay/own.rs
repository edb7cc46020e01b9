//! What rules see of a replay: the messages and coupons that it sent and the values that it set, as columns.

use crate::intents::Supplies;
use crate::past::{changed, kept_value};
use crate::plan::{Plan, Verdict};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray};
use arrow_buffer::OffsetBuffer;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::Action;
use tidings_engine::people::column;
use tidings_engine::{Chunk, Needs, Rows};
use tidings_schema::{AttributeId, Raw, RowSource, Vocabulary};

/// What the program reads of it, and all of that so far.
pub(crate) struct Own {
    sends: bool,
    grants: bool,
    kept: bool,
    /// What sends and grants are called: template or coupon, channel, rule.
    words: Vec<[String; 3]>,
    chunks: Vec<OwnChunk>,
}

#[derive(Clone, Default)]
pub(crate) struct OwnChunk {
    sends: Vec<Row>,
    grants: Vec<Row>,
    /// By attribute and customer, as JSON.
    kept: BTreeMap<(AttributeId, usize), String>,
}

/// One of many for a customer, by position; in the order of customers, and for each of them of time.
#[derive(Clone)]
struct Row {
    customer: u32,
    /// Its place among the words.
    words: u32,
    at: i64,
    expires: Option<i64>,
}

impl Own {
    pub fn new(vocabulary: &Vocabulary, needs: &Needs, chunks: usize) -> Own {
        let reads = |wanted: fn(&RowSource) -> bool| {
            let mut sources = needs.collections.iter().filter_map(|c| vocabulary.collection(c.id));
            sources.any(|collection| wanted(&collection.source))
        };
        let mut attributes = needs.attributes.iter().filter_map(|id| vocabulary.attribute(*id));
        Own {
            sends: reads(|source| matches!(source, RowSource::Sends)),
            grants: reads(|source| matches!(source, RowSource::Grants)),
            kept: attributes.any(|attribute| attribute.kept),
            words: Vec::new(),
            chunks: vec![OwnChunk::default(); chunks],
        }
    }

    fn nothing(&self) -> bool {
        !self.sends && !self.grants && !self.kept
    }

    /// Takes in what a plan sends.
    pub fn take(&mut self, program: &Program, supplies: &Supplies, plan: &Plan) {
        if self.nothing() {
            return;
        }
        for rule in &plan.rules {
            for step in rule.audiences.iter().flat_map(|a| &a.steps) {
                let ways = match &step.action {
                    Action::Message { channels, .. } => channels.len(),
                    _ => 1,
                };
                for way in 0..ways {
                    let sent = self.sent(program, supplies, plan, (&rule.identity, &step.action, way));
                    for (chunk, verdicts) in self.chunks.iter_mut().zip(&step.verdicts) {
                        let planned = verdicts.iter().filter(|(v, _)| *v == Verdict::Planned(way as u8));
                        let whom: Vec<usize> = planned.flat_map(|(_, set)| set.iter()).collect();
                        chunk.take(&sent, &whom, plan.now.micros);
                    }
                }
            }
        }
        for chunk in &mut self.chunks {
            // Those of the same customer stay in the order in which they came.
            chunk.sends.sort_by_key(|row| row.customer);
            chunk.grants.sort_by_key(|row| row.customer);
        }
    }

    /// What a step sends by one of its channels.
    fn sent(
        &mut self,
        program: &Program,
        supplies: &Supplies,
        plan: &Plan,
        (rule, action, way): (&str, &Action, usize),
    ) -> Sent {
        let mut sent = Sent { message: None, grant: None, change: None };
        let coupon = match action {
            Action::Message { template, channels, coupon } => {
                let channel = channels.get(way).map_or("", String::as_str);
                sent.message = self.sends.then(|| self.called([template, channel, rule]));
                coupon.as_ref()
            }
            Action::Coupon(name) => Some(name),
            Action::AddTag(id, tag) => {
                sent.change = Some((*id, json!({"add": tag}).to_string()));
                None
            }
            Action::RemoveTag(id, tag) => {
                sent.change = Some((*id, json!({"remove": tag}).to_string()));
                None
            }
            Action::Set(id, value) => {
                let stored = program.vocabulary.attribute(*id).map(|a| a.encode(value)).unwrap_or_default();
                sent.change = Some((*id, json!({"set": stored}).to_string()));
                None
            }
            Action::Webhook(_) | Action::Notify(_) => None,
        };
        if let Some(name) = coupon.filter(|_| self.grants) {
            let valid = supplies.coupons.get(name).and_then(|terms| terms.valid_for);
            let micros = valid.map(|seconds| seconds.saturating_mul(1_000_000));
            let expires = micros.map(|micros| plan.now.micros.saturating_add(micros));
            sent.grant = Some((self.called([name, "", rule]), expires));
        }
        sent.change = sent.change.filter(|_| self.kept);
        sent
    }

    fn called(&mut self, words: [&str; 3]) -> u32 {
        let known = self.words.iter().position(|known| *known == words);
        known.unwrap_or_else(|| {
            self.words.push(words.map(str::to_owned));
            self.words.len() - 1
        }) as u32
    }

    /// Puts what rules see of it into chunks that have these columns.
    pub fn show(&self, vocabulary: &Vocabulary, needs: &Needs, chunks: &mut [Chunk]) {
        if self.nothing() {
            return;
        }
        let texts = [0, 1, 2].map(|part| Texts::of(self.words.iter().filter_map(|words| words.get(part))));
        for (own, chunk) in self.chunks.iter().zip(chunks) {
            let customers = chunk.len();
            for (wanted, rows) in needs.collections.iter().zip(&mut chunk.collections) {
                let Some(collection) = vocabulary.collection(wanted.id) else { continue };
                let own = match collection.source {
                    RowSource::Sends => &own.sends,
                    RowSource::Grants => &own.grants,
                    RowSource::Table { .. } => continue,
                };
                let field = |id| field(collection.field(id).map_or("", |f| &f.name), own, &texts);
                let fields = wanted.fields.iter().map(|id| field(*id)).collect();
                *rows = Rows { offsets: offsets(own, customers), fields };
            }
            for (id, values) in needs.attributes.iter().zip(&mut chunk.attributes) {
                if let Some(attribute) = vocabulary.attribute(*id).filter(|a| a.kept) {
                    let value = |customer: usize| {
                        let text = kept_value(own.kept.get(&(*id, customer))?)?;
                        attribute.decode(Raw::Text(&text), vocabulary.zone).ok().flatten()
                    };
                    let kept: Vec<_> = (0..customers).map(value).collect();
                    *values = column(Some(&attribute.ty), kept.iter().map(Option::as_ref));
                }
            }
        }
    }
}

/// What one customer is sent by a step.
struct Sent {
    message: Option<u32>,
    grant: Option<(u32, Option<i64>)>,
    change: Option<(AttributeId, String)>,
}

impl OwnChunk {
    fn take(&mut self, sent: &Sent, whom: &[usize], at: i64) {
        let row = |words: u32, expires: Option<i64>| {
            whom.iter().map(move |customer| Row { customer: *customer as u32, words, at, expires })
        };
        self.sends.extend(sent.message.into_iter().flat_map(|words| row(words, None)));
        self.grants.extend(sent.grant.into_iter().flat_map(|(words, expires)| row(words, expires)));
        if let Some((attribute, change)) = &sent.change {
            for customer in whom {
                let kept = self.kept.entry((*attribute, *customer));
                let after = |before: Option<&str>| changed(before, change);
                kept.and_modify(|json| *json = after(Some(json))).or_insert_with(|| after(None));
            }
        }
    }
}

fn offsets(rows: &[Row], customers: usize) -> OffsetBuffer<i32> {
    let mut lengths = vec![0; customers];
    for row in rows {
        lengths.get_mut(row.customer as usize).into_iter().for_each(|n| *n += 1);
    }
    OffsetBuffer::from_lengths(lengths)
}

/// A field of the built-in collections, by its name.
fn field(name: &str, rows: &[Row], [first, channels, rules]: &[Texts; 3]) -> ArrayRef {
    match name {
        "channel" => channels.column(rows),
        "rule" => rules.column(rows),
        "at" => Arc::new(rows.iter().map(|row| Some(row.at)).collect::<Int64Array>()),
        "expires" => Arc::new(rows.iter().map(|row| row.expires).collect::<Int64Array>()),
        _ => first.column(rows),
    }
}

/// One part of all words, each text once.
struct Texts {
    /// By the place of the words, which of the texts it is.
    codes: Vec<i32>,
    texts: Arc<StringArray>,
}

impl Texts {
    fn of<'a>(words: impl Iterator<Item = &'a String>) -> Texts {
        let (mut known, mut codes) = (Vec::new(), Vec::new());
        for word in words {
            let place = known.iter().position(|text| *text == word).unwrap_or_else(|| {
                known.push(word);
                known.len() - 1
            });
            codes.push(place as i32);
        }
        Texts { codes, texts: Arc::new(StringArray::from_iter_values(known)) }
    }

    fn column(&self, rows: &[Row]) -> ArrayRef {
        let keys: Int32Array = rows.iter().map(|row| self.codes.get(row.words as usize).copied()).collect();
        // Every key is the place of a text.
        match DictionaryArray::<Int32Type>::try_new(keys, self.texts.clone()) {
            Ok(words) => Arc::new(words),
            Err(_) => Arc::new(StringArray::new_null(rows.len())),
        }
    }
}
