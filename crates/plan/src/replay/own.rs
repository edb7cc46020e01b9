//! What rules see of a replay: the messages and coupons that it sent and the values that it set, as columns.

use crate::intents::Supplies;
use crate::make::Made;
use crate::past::{changed, kept_value};
use crate::plan::Verdict;
use arrow_array::types::Int16Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int16Array, Int64Array, StringArray};
use arrow_buffer::OffsetBuffer;
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::{Action, Rule};
use tidings_engine::people::column;
use tidings_engine::{Bitmap, Chunk, Needs, Rows};
use tidings_schema::{AttributeId, Raw, RowSource, Vocabulary};

/// What of it the program reads.
pub(crate) struct Own {
    sends: bool,
    grants: bool,
    kept: bool,
    /// What sends and grants are called: template or coupon, channel, rule.
    words: Vec<[String; 3]>,
    /// By rule, of what it sends that which is read.
    rules: Vec<Vec<Way>>,
}

/// All of that so far in one chunk.
#[derive(Clone, Default)]
pub(crate) struct OwnChunk {
    sends: Vec<Row>,
    grants: Vec<Row>,
    /// By attribute and customer, as JSON.
    kept: BTreeMap<(AttributeId, usize), String>,
    /// What the run that is planned sends: the rule's position, which of the things that it sends, and to whom.
    sent: Vec<(usize, usize, Bitmap)>,
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

/// One thing that a rule sends: its place in the plan, and what it is.
struct Way {
    /// When its rule has its turn.
    turn: (Reverse<i32>, usize),
    audience: usize,
    step: usize,
    verdict: Verdict,
    sent: Sent,
}

impl Own {
    pub fn new(program: &Program, needs: &Needs, supplies: &Supplies) -> Own {
        let vocabulary = &program.vocabulary;
        let reads = |wanted: fn(&RowSource) -> bool| {
            let mut sources = needs.collections.iter().filter_map(|c| vocabulary.collection(c.id));
            sources.any(|collection| wanted(&collection.source))
        };
        let mut attributes = needs.attributes.iter().filter_map(|id| vocabulary.attribute(*id));
        let mut own = Own {
            sends: reads(|source| matches!(source, RowSource::Sends)),
            grants: reads(|source| matches!(source, RowSource::Grants)),
            kept: attributes.any(|attribute| attribute.kept),
            words: Vec::new(),
            rules: Vec::new(),
        };
        if !own.nothing() {
            own.rules = (0..).zip(&program.rules).map(|rule| own.ways(program, supplies, rule)).collect();
        }
        own
    }

    fn nothing(&self) -> bool {
        !self.sends && !self.grants && !self.kept
    }

    fn ways(&mut self, program: &Program, supplies: &Supplies, (i, rule): (usize, &Rule)) -> Vec<Way> {
        let mut all = Vec::new();
        for (audience, steps) in [&rule.then, &rule.otherwise].into_iter().enumerate() {
            for (at, step) in steps.iter().enumerate() {
                let ways = match &step.action {
                    Action::Message { channels, .. } => channels.len(),
                    _ => 1,
                };
                for way in 0..ways {
                    let sent = self.sent(program, supplies, (rule.identity(), &step.action, way));
                    if sent.message.is_some() || sent.grant.is_some() || sent.change.is_some() {
                        let (turn, verdict) = (program.turn(i), Verdict::Planned(way as u8));
                        all.push(Way { turn, audience, step: at, verdict, sent });
                    }
                }
            }
        }
        all
    }

    /// What a step sends by one of its channels.
    fn sent(
        &mut self,
        program: &Program,
        supplies: &Supplies,
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
            sent.grant = Some((self.called([name, "", rule]), micros));
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
    pub fn show<'a>(
        &self,
        all: impl Iterator<Item = &'a OwnChunk>,
        vocabulary: &Vocabulary,
        needs: &Needs,
        chunks: &mut [Chunk],
    ) {
        if self.nothing() {
            return;
        }
        let texts = [0, 1, 2].map(|part| Texts::of(self.words.iter().filter_map(|words| words.get(part))));
        for (own, chunk) in all.zip(chunks) {
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
    /// And for how many microseconds it is good.
    grant: Option<(u32, Option<i64>)>,
    change: Option<(AttributeId, String)>,
}

impl OwnChunk {
    /// Takes in what a rule, by its position, sends in the run that is planned.
    pub fn take(&mut self, own: &Own, rule: usize, made: &Made) {
        for (n, way) in own.rules.get(rule).into_iter().flatten().enumerate() {
            let verdicts = made.audiences.get(way.audience).and_then(|(_, steps)| steps.get(way.step));
            let planned = verdicts.into_iter().flat_map(|v| v.iter()).filter(|(v, _)| *v == way.verdict);
            self.sent.extend(planned.map(|(_, whom)| (rule, n, whom.clone())));
        }
    }

    /// A run of that moment, in microseconds since 1970 UTC, is done: what it sends and changes comes rule by rule as each
    /// has its turn, as a run writes it.
    pub fn turn(&mut self, own: &Own, at: i64) {
        let mut sent: Vec<(&Way, usize, Bitmap)> = std::mem::take(&mut self.sent)
            .into_iter()
            .filter_map(|(rule, n, whom)| Some((own.rules.get(rule)?.get(n)?, n, whom)))
            .collect();
        sent.sort_by_key(|(way, n, _)| (way.turn, *n));
        for (way, _, whom) in &sent {
            self.receive(&way.sent, whom, at);
            self.change(&way.sent, whom);
        }
        // Those of the same customer stay in the order in which they came.
        self.sends.sort_by_key(|row| row.customer);
        self.grants.sort_by_key(|row| row.customer);
    }

    fn receive(&mut self, sent: &Sent, whom: &Bitmap, at: i64) {
        let row = |words: u32, expires: Option<i64>| {
            whom.iter().map(move |customer| Row { customer: customer as u32, words, at, expires })
        };
        self.sends.extend(sent.message.into_iter().flat_map(|words| row(words, None)));
        let until = |good: Option<i64>| good.map(|micros| at.saturating_add(micros));
        self.grants.extend(sent.grant.into_iter().flat_map(|(words, good)| row(words, until(good))));
    }

    fn change(&mut self, sent: &Sent, whom: &Bitmap) {
        if let Some((attribute, change)) = &sent.change {
            for customer in whom.iter() {
                let kept = self.kept.entry((*attribute, customer));
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
    codes: Vec<usize>,
    texts: Arc<StringArray>,
}

impl Texts {
    fn of<'a>(words: impl Iterator<Item = &'a String>) -> Texts {
        let (mut places, mut texts) = (HashMap::new(), Vec::new());
        let place = |word| {
            *places.entry(word).or_insert_with(|| {
                texts.push(word);
                texts.len() - 1
            })
        };
        let codes = words.map(place).collect();
        Texts { codes, texts: Arc::new(StringArray::from_iter_values(texts)) }
    }

    fn column(&self, rows: &[Row]) -> ArrayRef {
        let texts = rows.iter().map(|row| self.codes.get(row.words as usize).copied());
        let codes: Int16Array = texts.clone().map(|text| i16::try_from(text?).ok()).collect();
        match DictionaryArray::<Int16Type>::try_new(codes, self.texts.clone()) {
            Ok(words) if self.texts.len() <= i16::MAX as usize => Arc::new(words),
            _ => Arc::new(texts.map(|text| Some(self.texts.value(text?))).collect::<StringArray>()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use tidings_engine::value_at;
    use tidings_schema::{Type, Value};

    #[test]
    fn texts_are_told_however_many_there_are() {
        for count in [3, i16::MAX as usize, i16::MAX as usize + 1, 70_000] {
            let words: Vec<String> = (0..count).map(|i| format!("rule-{i}")).collect();
            let texts = Texts::of(words.iter().chain(&words));
            let rows: Vec<Row> = [0, 2, count - 1, count, 2 * count - 1]
                .map(|i| Row { customer: 0, words: i as u32, at: 0, expires: None })
                .into();
            let column = texts.column(&rows);
            for (i, row) in rows.iter().enumerate() {
                let expected = Value::Text(words[row.words as usize % count].clone());
                assert_eq!(value_at(&Type::Text, &column, i), Some(expected), "{count}");
            }
        }
    }
}
