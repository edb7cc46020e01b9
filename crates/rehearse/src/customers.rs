//! Customers as tests write them: what is not said is missing.

use crate::clock::Length;
use std::collections::BTreeMap;
use tidings_engine::Person;
use tidings_plan::{EngineRows, GrantRow, KeptRow, SendRow};
use tidings_schema::yaml::{Node, Value as Written};
use tidings_schema::{
    Attribute, Collection, CollectionId, FieldId, Now, Raw, RowSource, Storage, StoredUnit, Type, Value,
    Vocabulary,
};
use tidings_syntax::suggest::nearest;
use tidings_syntax::{Code, Diagnostic, Place};

/// The customers of a test at one of its steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    /// By key.
    pub by_key: BTreeMap<String, Person>,
    /// What the engine did and kept before the step, as the test says.
    pub before: EngineRows,
    /// Values that rules set and that the test says are missing now, by customer and attribute.
    pub gone: Vec<(String, String)>,
}

/// What customers are read with.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub vocabulary: &'a Vocabulary,
    /// The moment that `3 days ago` counts from.
    pub now: Now,
}

impl Reader<'_> {
    /// Adds customers, or rows and attributes to those who are there. `everyone` is what new ones start with.
    pub(crate) fn customers(
        self,
        node: &Node<'_>,
        everyone: Option<&Node<'_>>,
        people: &mut People,
        out: &mut Vec<Diagnostic>,
    ) {
        for (key, node) in node.entries(out).unwrap_or_default() {
            if !people.by_key.contains_key(&key) {
                people.by_key.insert(key.clone(), Person { key: key.clone(), ..Person::default() });
                if let Some(everyone) = everyone {
                    self.customer(&key, everyone, people, out);
                }
            }
            // `ann:` alone is a customer of whom nothing is known.
            if *node.value() != Written::Nothing {
                self.customer(&key, &node, people, out);
            }
        }
    }

    fn customer(self, key: &str, node: &Node<'_>, people: &mut People, out: &mut Vec<Diagnostic>) {
        for (name, node) in node.entries(out).unwrap_or_default() {
            if let Some((id, attribute)) = self.vocabulary.find_attribute(&name) {
                let Some(value) = self.value(attribute, &node, out) else { continue };
                if attribute.kept {
                    let (customer, attribute, value) =
                        (key.to_owned(), name, value.map(|v| attribute.encode(&v)));
                    people.before.kept.retain(|k| (&k.customer, &k.attribute) != (&customer, &attribute));
                    match value {
                        Some(value) => people.before.kept.push(KeptRow { customer, attribute, value }),
                        None => people.gone.push((customer, attribute)),
                    }
                } else if let Some(person) = people.by_key.get_mut(key) {
                    person.attributes.retain(|(of, _)| *of != id);
                    person.attributes.extend(value.map(|v| (id, v)));
                }
            } else if let Some((id, collection)) = self.vocabulary.find_collection(&name) {
                for row in node.items(out).unwrap_or_default() {
                    self.row(key, (id, collection), &row, people, out);
                }
            } else {
                out.push(self.unknown_word(&name, &node));
            }
        }
    }

    fn unknown_word(self, name: &str, node: &Node<'_>) -> Diagnostic {
        let attributes = self.vocabulary.customer.attributes.iter().map(|a| a.name.as_str());
        let known = attributes.chain(self.vocabulary.collections.iter().map(|c| c.name.as_str()));
        let message = format!("customers have no `{name}`: schema.yaml does not know it");
        unknown(node.key_place(), name, message, known.collect())
    }

    fn row(
        self,
        key: &str,
        (id, collection): (CollectionId, &Collection),
        node: &Node<'_>,
        people: &mut People,
        out: &mut Vec<Diagnostic>,
    ) {
        let mut fields: Vec<(FieldId, Value)> = Vec::new();
        for (name, node) in node.entries(out).unwrap_or_default() {
            let Some((field, attribute)) = collection.find_field(&name) else {
                let known = collection.fields.iter().map(|f| f.name.as_str()).collect();
                out.push(unknown(
                    node.key_place(),
                    &name,
                    format!("{} have no `{name}`", collection.name),
                    known,
                ));
                continue;
            };
            let value = self.value(attribute, &node, out).flatten();
            fields.extend(value.map(|v| (field, v)));
        }
        if !fields.iter().any(|(field, _)| *field == collection.time) {
            let time = collection.field(collection.time).map_or("", |f| f.name.as_str());
            let message =
                format!("a row of {} has no `{time}`, and without one it does not count", collection.name);
            out.push(
                Diagnostic::new(Code::MISSING_KEY, node.key_place(), message)
                    .help(format!("write `{time}: 2026-11-11` or `{time}: 3 days ago`")),
            );
            return;
        }
        let word = |name: &str| match value_of(collection, &fields, name) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let moment = |name: &str| match value_of(collection, &fields, name) {
            Some(Value::Moment(micros)) => Some(*micros),
            _ => None,
        };
        let (customer, rule, at) = (key.to_owned(), word("rule"), moment("at").unwrap_or_default());
        match collection.source {
            RowSource::Sends => {
                let (template, channel) = (word("template"), word("channel"));
                people.before.sends.push(SendRow { customer, template, channel, rule, at });
            }
            RowSource::Grants => {
                let (coupon, expires) = (word("coupon"), moment("expires"));
                people.before.grants.push(GrantRow { customer, coupon, rule, at, expires });
            }
            RowSource::Table { .. } => {
                people
                    .by_key
                    .get_mut(key)
                    .into_iter()
                    .for_each(|p| p.rows.push((id, std::mem::take(&mut fields))));
            }
        }
    }

    /// A value as the rules mean it, and nothing where it is missing; none where it is no value of the kind.
    fn value(
        self,
        attribute: &Attribute,
        node: &Node<'_>,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Option<Value>> {
        let read = match (node.value(), &attribute.ty) {
            (Written::Nothing, _) => return Some(None),
            (Written::List(items), Type::Tags) => {
                let tags = items.iter().map(|item| match item {
                    Written::Text(tag) | Written::Number(tag) => Some(tag.trim().to_owned()),
                    _ => None,
                });
                tags.collect::<Option<Vec<String>>>().map(Value::Tags)
            }
            (Written::Text(tag), Type::Tags) => Some(Value::Tags(vec![tag.clone()])),
            // Of `+86138` and `1.10` YAML keeps the number: 86138 and 1.1.
            (Written::Number(_), Type::Text) => {
                let message = format!("`{}` is a text, and this is read as a number", attribute.name);
                out.push(node.finding(Code::WRONG_SHAPE, message).help("put it in quotes"));
                return None;
            }
            (Written::Text(text) | Written::Number(text), _) => match self.written(attribute, text) {
                Ok(value) => return Some(value),
                Err(refused) => return refuse(attribute, node, &refused, out),
            },
            (Written::Truth(truth), Type::YesNo) => Some(Value::Truth(*truth)),
            (Written::Truth(truth), Type::Text) => Some(Value::Text(truth.to_string())),
            _ => None,
        };
        match read {
            Some(value) => Some(Some(value)),
            None => refuse(attribute, node, &attribute.ty.to_string(), out),
        }
    }

    /// A value in the rules' own spelling: money in its major unit, words by their names, days as on a calendar or
    /// so long ago.
    fn written(self, attribute: &Attribute, text: &str) -> Result<Option<Value>, String> {
        if let (Type::Date | Type::Moment, Some(length)) = (&attribute.ty, text.strip_suffix(" ago")) {
            let then = Length::parse(length).and_then(|length| length.before(self.now));
            let then = then.ok_or_else(|| "a length of time, such as `3 days ago`".to_owned())?;
            let day = attribute.ty == Type::Date;
            return Ok(Some(if day { Value::Date(then.today()) } else { Value::Moment(then.micros) }));
        }
        let text = match &attribute.ty {
            Type::OneOf(list) => {
                if let Some(word) = list.position(text) {
                    return Ok(Some(Value::Word(word)));
                }
                text
            }
            Type::Money(currency) => text.strip_suffix(currency.code()).map_or(text, str::trim_end),
            _ => text,
        };
        let storage = Storage {
            minor: false,
            zone: None,
            unit: StoredUnit::Seconds,
            separator: None,
            column: String::new(),
        };
        let plain = Attribute { storage, ..attribute.clone() };
        plain.decode(Raw::Text(text), self.vocabulary.zone).map_err(|refused| refused.expected)
    }
}

fn value_of<'f>(collection: &Collection, fields: &'f [(FieldId, Value)], name: &str) -> Option<&'f Value> {
    let (id, _) = collection.find_field(name)?;
    fields.iter().find(|(field, _)| *field == id).map(|(_, value)| value)
}

fn refuse<T>(attribute: &Attribute, node: &Node<'_>, expected: &str, out: &mut Vec<Diagnostic>) -> Option<T> {
    let message = format!("this is no `{}`: expected {expected}", attribute.name);
    let help = format!("write {}, or leave `{}` out where it is missing", attribute.ty, attribute.name);
    out.push(node.finding(Code::WRONG_SHAPE, message).help(help));
    None
}

/// A name that nothing has, with the one that was probably meant.
pub(crate) fn unknown(place: Place, name: &str, message: String, known: Vec<&str>) -> Diagnostic {
    let finding = Diagnostic::new(Code::UNKNOWN_NAME, place, message);
    match nearest(name, known.iter().copied()) {
        Some(near) => finding.fix(format!("perhaps `{near}` was meant"), place, near),
        None if known.is_empty() => finding.help("take it out"),
        None => finding.help(format!("there are {}", known.join(", "))),
    }
}
