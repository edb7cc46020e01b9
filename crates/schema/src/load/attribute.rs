//! One attribute of the customer or field of a row: `email: text`, `total: {type: money, unit: minor}`.

use super::{Settings, expect, with_near};
use crate::names;
use crate::types::{OneOf, Type, Word};
use crate::vocabulary::{Attribute, Storage, StoredUnit};
use crate::yaml::{Fields, Node, Value};
use chrono_tz::Tz;
use iso_currency::Currency;
use std::sync::Arc;
use tidings_syntax::suggest::nearest;
use tidings_syntax::{Code, Diagnostic};

/// Whose attribute it is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Owner {
    Customer,
    Row,
}

const TYPES: [&str; 10] =
    ["text", "number", "money", "yes/no", "date", "moment", "duration", "percent", "one of", "tags"];

/// What other systems call the types.
const ALIASES: [(&str, &str); 18] = [
    ("string", "text"),
    ("varchar", "text"),
    ("int", "number"),
    ("integer", "number"),
    ("float", "number"),
    ("decimal", "number"),
    ("bool", "yes/no"),
    ("boolean", "yes/no"),
    ("datetime", "moment"),
    ("timestamp", "moment"),
    ("time", "moment"),
    ("interval", "duration"),
    ("percentage", "percent"),
    ("enum", "one of"),
    ("choice", "one of"),
    ("one-of", "one of"),
    ("array", "tags"),
    ("list", "tags"),
];

const UNITS: [(&str, StoredUnit); 6] = [
    ("seconds", StoredUnit::Seconds),
    ("milliseconds", StoredUnit::Milliseconds),
    ("microseconds", StoredUnit::Microseconds),
    ("minutes", StoredUnit::Minutes),
    ("hours", StoredUnit::Hours),
    ("days", StoredUnit::Days),
];

const KEYS: [&str; 13] = [
    "type",
    "column",
    "label",
    "values",
    "ordered",
    "currency",
    "unit",
    "zone",
    "separator",
    "yearly",
    "required",
    "kept",
    expect::KEY,
];

/// An attribute that is always there, in a column of its own name.
pub(super) fn plain(name: &str, ty: Type) -> Attribute {
    let storage = Storage {
        column: name.to_owned(),
        minor: false,
        zone: None,
        unit: StoredUnit::Seconds,
        separator: None,
    };
    Attribute { name: name.to_owned(), label: None, ty, storage, optional: false, yearly: false, kept: false }
}

/// Reads an attribute; none where something is wrong with it.
pub(super) fn read(
    name: &str,
    node: &Node<'_>,
    owner: Owner,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Option<Attribute> {
    let before = out.len();
    let attribute = match node.value() {
        Value::Map(_) => long(name, node, owner, settings, out),
        _ => short(name, node, settings, out),
    };
    attribute.filter(|_| out.len() == before)
}

/// `email: text`
fn short(name: &str, node: &Node<'_>, settings: &Settings, out: &mut Vec<Diagnostic>) -> Option<Attribute> {
    if matches!(node.value(), Value::Nothing) {
        return node.wrong_shape("a type, such as text", out);
    }
    let ty = match known_type(node, out)? {
        "one of" => {
            let example = format!("write `{name}: {{type: one of, values: [bronze, silver]}}`");
            out.push(
                node.finding(Code::MISSING_KEY, format!("the words of `{name}` are missing")).help(example),
            );
            return None;
        }
        ty => simple(ty, settings.currency),
    };
    Some(Attribute { optional: true, ..plain(name, ty) })
}

/// `total: {type: money, unit: minor}`
fn long(
    name: &str,
    node: &Node<'_>,
    owner: Owner,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Option<Attribute> {
    let fields = node.fields(&KEYS, out)?;
    let word = known_type(&fields.need("type", "type: text", out)?, out)?;
    misfits(&fields, word, owner, out);
    let currency = fields.get("currency").and_then(|n| currency(&n, out)).unwrap_or(settings.currency);
    let ty = match word {
        "one of" => Type::OneOf(Arc::new(one_of(name, &fields, out)?)),
        _ => simple(word, currency),
    };
    let mut attribute = plain(name, ty);
    attribute.label = fields.text("label", out);
    attribute.optional = !truth(&fields, "required", out);
    attribute.yearly = truth(&fields, "yearly", out);
    attribute.kept = truth(&fields, "kept", out);
    let storage = &mut attribute.storage;
    if let Some(column) = fields.text("column", out) {
        storage.column = column;
    }
    match fields.get("unit") {
        Some(unit) if word == "money" => {
            storage.minor = one(&unit, &[("major", false), ("minor", true)], out)?
        }
        Some(unit) => storage.unit = one(&unit, &UNITS, out)?,
        None => {}
    }
    storage.zone = fields.get("zone").and_then(|n| zone(&n, out));
    storage.separator = fields.text("separator", out).filter(|s| !s.is_empty());
    Some(attribute)
}

/// Keys that say nothing about an attribute of this type.
fn misfits(fields: &Fields<'_>, ty: &str, owner: Owner, out: &mut Vec<Diagnostic>) {
    const ONLY: [(&str, &[&str]); 7] = [
        ("values", &["one of"]),
        ("ordered", &["one of"]),
        ("currency", &["money"]),
        ("unit", &["money", "moment", "duration"]),
        ("zone", &["moment"]),
        ("separator", &["tags"]),
        ("yearly", &["date"]),
    ];
    for (key, types) in ONLY {
        if let Some(node) = fields.get(key).filter(|_| !types.contains(&ty)) {
            let message = format!("`{key}` goes only with {}, and this is {ty}", types.join(", "));
            out.push(
                Diagnostic::new(Code::MISFIT_KEY, node.key_place(), message)
                    .help(format!("take `{key}` out")),
            );
        }
    }
    let Some(kept) = fields.get("kept").filter(|n| n.truth(&mut Vec::new()) == Some(true)) else { return };
    if owner == Owner::Row {
        let finding = Diagnostic::new(
            Code::MISFIT_KEY,
            kept.key_place(),
            "only attributes of the customer can be kept",
        );
        out.push(finding.help("take `kept` out"));
    }
    if let Some(column) = fields.get("column") {
        let message = "what the engine keeps itself has no column";
        out.push(
            Diagnostic::new(Code::MISFIT_KEY, column.key_place(), message)
                .help("take `column` or `kept` out"),
        );
    }
}

fn known_type(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<&'static str> {
    let written = node.text(out)?;
    if let Some(ty) = TYPES.iter().find(|t| **t == written) {
        return Some(ty);
    }
    let lower = written.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, ty)| *ty);
    let finding = node.finding(Code::UNKNOWN_TYPE, format!("there is no type `{written}`"));
    out.push(match alias.or_else(|| nearest(&written, TYPES)) {
        Some(ty) => finding.fix(format!("perhaps `{ty}` was meant"), node.place(), ty),
        None => finding.help(format!("types are {}", TYPES.join(", "))),
    });
    None
}

fn simple(ty: &str, currency: Currency) -> Type {
    match ty {
        "number" => Type::Number,
        "money" => Type::Money(currency),
        "yes/no" => Type::YesNo,
        "date" => Type::Date,
        "moment" => Type::Moment,
        "duration" => Type::Duration,
        "percent" => Type::Percent,
        "tags" => Type::Tags,
        _ => Type::Text,
    }
}

fn one_of(name: &str, fields: &Fields<'_>, out: &mut Vec<Diagnostic>) -> Option<OneOf> {
    let values = fields.need("values", "values: [bronze, silver]", out)?;
    let mut words: Vec<Word> = Vec::new();
    for item in values.items(out)? {
        let Some(word) = word(&item, out) else { continue };
        let spelling = |w: &Word| w.stored.clone().unwrap_or_else(|| w.name.clone());
        if words.iter().any(|w| w.name == word.name || spelling(w) == spelling(&word)) {
            out.push(
                item.finding(Code::BAD_WORDS, format!("`{}` is in the list twice", word.name))
                    .help("keep one of the two"),
            );
        }
        words.push(word);
    }
    if words.is_empty() {
        out.push(
            values
                .finding(Code::BAD_WORDS, format!("`{name}` has no words"))
                .help("write `values: [bronze, silver]`"),
        );
    }
    Some(OneOf { name: name.to_owned(), words, ordered: truth(fields, "ordered", out) })
}

/// `bronze`, or `{gold: "G", label: 金卡}`: the word, how the store spells it, what people call it.
fn word(item: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Word> {
    let plain = |name: String| Word { name: names::normal(&name), stored: None, label: None };
    let word = if let Value::Map(_) = item.value() {
        let (labels, names): (Vec<_>, Vec<_>) =
            item.entries(out)?.into_iter().partition(|(key, _)| key == "label");
        let [(name, stored)] = names.as_slice() else {
            return item.wrong_shape("a word, like `gold` or `{gold: \"G\", label: Gold}`", out);
        };
        let stored = if *stored.value() == Value::Nothing { None } else { Some(stored.text(out)?) };
        let label = labels.first().and_then(|(_, label)| label.text(out));
        Word { stored, label, ..plain(name.clone()) }
    } else {
        plain(item.text(out)?)
    };
    if word.name.trim().is_empty() || word.name.contains(['`', '"', '\n']) {
        let help = "write another word, and how the store spells it: `{word: \"spelling\"}`";
        out.push(item.finding(Code::BAD_WORDS, "rules could not write this word").help(help));
        return None;
    }
    Some(word)
}

/// The currency that a value names.
pub fn currency(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Currency> {
    let written = node.text(out)?;
    let currency = Currency::from_code(&written);
    if currency.is_none() {
        let finding = node.finding(Code::UNKNOWN_CURRENCY, format!("there is no currency `{written}`"));
        let upper = written.to_uppercase();
        out.push(match Currency::from_code(&upper) {
            Some(_) => finding.fix("write it in capitals", node.place(), upper),
            None => finding.help("write a code of three letters, such as CNY, USD or EUR"),
        });
    }
    currency
}

/// The time zone that a value names.
pub fn zone(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Tz> {
    let written = node.text(out)?;
    let zone = written.parse::<Tz>().ok();
    if zone.is_none() {
        let finding = node.finding(Code::UNKNOWN_ZONE, format!("there is no time zone `{written}`"));
        let near = with_near(finding, &written, chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()));
        out.push(near.help("write a continent and a city, such as Asia/Shanghai or Europe/Berlin"));
    }
    zone
}

fn truth(fields: &Fields<'_>, key: &str, out: &mut Vec<Diagnostic>) -> bool {
    fields.get(key).and_then(|n| n.truth(out)).unwrap_or(false)
}

fn one<T: Copy>(node: &Node<'_>, choices: &[(&str, T)], out: &mut Vec<Diagnostic>) -> Option<T> {
    let written = node.text(out)?;
    let found = choices.iter().find(|(name, _)| *name == written).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("`{}` cannot be `{written}`", node.key());
        out.push(node.finding(Code::MISFIT_KEY, message).help(format!("it is one of {}", names.join(", "))));
    }
    found
}
