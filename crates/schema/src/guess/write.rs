//! The guessed vocabulary as a `schema.yaml`.

use super::words::{Words, rule_name, singular};
use super::{ChildTable, ContactGuess, Tables};
use crate::load::Settings;
use crate::types::Type;
use crate::vocabulary::{Attribute, StoredUnit};

/// The whole file.
pub(super) fn yaml(tables: &Tables, contacts: &[ContactGuess], settings: &Settings) -> String {
    let customer = &tables.customer;
    let mut out = String::from(
        "# What rules can speak of. Guessed from the store: correct what is wrong, take out what no rule needs.\ncustomer:\n",
    );
    line(&mut out, 1, "table", &scalar(&customer.table));
    line(&mut out, 1, "key", &scalar(&customer.key));
    optional(&mut out, 1, "created", customer.created.as_ref());
    optional(&mut out, 1, "zone", customer.zone.as_ref());
    changes(&mut out, 1, &customer.attributes);
    attributes(&mut out, 1, "attributes", &customer.attributes, settings);
    write_contacts(&mut out, contacts);
    if !tables.children.is_empty() {
        out.push_str("collections:\n");
    }
    for child in &tables.children {
        collection(&mut out, child, settings);
    }
    events(&mut out, tables);
    out
}

fn line(out: &mut String, depth: usize, key: &str, value: &str) {
    let indent = "  ".repeat(depth);
    let blank = if value.is_empty() { "" } else { " " };
    out.push_str(&format!("{indent}{}:{blank}{value}\n", scalar(key)));
}

fn optional(out: &mut String, depth: usize, key: &str, value: Option<&String>) {
    if let Some(value) = value {
        line(out, depth, key, &scalar(value));
    }
}

fn attributes(out: &mut String, depth: usize, key: &str, attributes: &[Attribute], settings: &Settings) {
    if !attributes.is_empty() {
        line(out, depth, key, "");
    }
    for attribute in attributes {
        line(out, depth + 1, &attribute.name, &declaration(attribute, settings));
    }
}

/// `text`, or `{type: money, column: Total, unit: minor}`.
fn declaration(attribute: &Attribute, settings: &Settings) -> String {
    let storage = &attribute.storage;
    let mut parts = String::new();
    let mut add = |key: &str, value: &str| parts.push_str(&format!(", {key}: {value}"));
    let ty = match &attribute.ty {
        Type::Number => "number",
        Type::Money(currency) => {
            if *currency != settings.currency {
                add("currency", currency.code());
            }
            "money"
        }
        Type::YesNo => "yes/no",
        Type::Date => "date",
        Type::Moment => "moment",
        Type::Percent => "percent",
        Type::OneOf(list) => {
            let words: Vec<String> = list.words.iter().map(|w| scalar(&w.name)).collect();
            add("values", &format!("[{}]", words.join(", ")));
            "one of"
        }
        Type::Tags => "tags",
        _ => "text",
    };
    if storage.column != attribute.name {
        add("column", &scalar(&storage.column));
    }
    if storage.minor {
        add("unit", "minor");
    }
    match storage.unit {
        StoredUnit::Milliseconds => add("unit", "milliseconds"),
        StoredUnit::Microseconds => add("unit", "microseconds"),
        _ => {}
    }
    if let Some(separator) = &storage.separator {
        add("separator", &scalar(separator));
    }
    if attribute.yearly {
        add("yearly", "true");
    }
    if parts.is_empty() { ty.to_owned() } else { format!("{{type: {ty}{parts}}}") }
}

fn write_contacts(out: &mut String, contacts: &[ContactGuess]) {
    // Without a channel that is complete, the whole part is a comment.
    let usable = contacts.iter().any(|c| c.consent.is_some());
    match (usable, contacts.is_empty()) {
        (true, _) => out.push_str("contact:\n"),
        (false, false) => out.push_str("# contact:\n"),
        (false, true) => {}
    }
    for contact in contacts {
        let address = scalar(&contact.address);
        match &contact.consent {
            Some(consent) => line(
                out,
                1,
                contact.channel,
                &format!("{{address: {address}, consent: {}}}", scalar(consent)),
            ),
            None => out.push_str(&format!(
                "#   {}: {{address: {address}, consent: THE_YES_NO_ATTRIBUTE}}\n",
                contact.channel
            )),
        }
    }
}

fn collection(out: &mut String, child: &ChildTable, settings: &Settings) {
    line(out, 1, &child.name, "");
    line(out, 2, "table", &scalar(&child.table));
    line(out, 2, "customer", &scalar(&child.customer));
    line(out, 2, "time", &scalar(&child.time));
    optional(out, 2, "key", child.key.as_ref().map(|key| &key.column));
    if let Some(key) = &child.key {
        let told = changes(out, 2, &child.fields);
        if key.numbers && !told {
            let column = scalar(&key.column);
            out.push_str(&format!(
                "    # append_only: {column}    # if rows only ever come in, and it rises with them; see docs/stores.md\n"
            ));
        }
    }
    attributes(out, 2, "fields", &child.fields, settings);
}

/// How the table may tell its changes, as comments: that every change sets a column is nothing that can be seen. Whether
/// there is anything.
fn changes(out: &mut String, depth: usize, attributes: &[Attribute]) -> bool {
    let before = out.len();
    let usual = [
        ("updated_at", ["updated", "modified", "changed"].as_slice(), "every change of a row sets it"),
        ("deleted_at", &["deleted"], "a row with a value there is gone"),
    ];
    let moments = |a: &&Attribute| a.ty == Type::Moment;
    for (key, words, means) in usual {
        let named = |a: &&Attribute| Words::of(&a.storage.column).has(words);
        if let Some(attribute) = attributes.iter().filter(moments).find(named) {
            let (indent, column) = ("  ".repeat(depth), scalar(&attribute.storage.column));
            out.push_str(&format!("{indent}# {key}: {column}    # if {means}; see docs/stores.md\n"));
        }
    }
    out.len() > before
}

fn events(out: &mut String, tables: &Tables) {
    let mut names: Vec<String> = Vec::new();
    let mut lines = String::new();
    for child in &tables.children {
        let name = rule_name(&singular(&child.name));
        if !names.contains(&name) {
            line(&mut lines, 1, &name, &scalar(&child.name));
            names.push(name);
        }
    }
    if let Some(created) = tables.customer.created.as_ref().filter(|_| !names.contains(&"signup".to_owned()))
    {
        line(&mut lines, 1, "signup", &scalar(&format!("customer.{created}")));
    }
    if !lines.is_empty() {
        out.push_str("events:\n");
        out.push_str(&lines);
    }
}

/// Text that YAML reads back as the same text.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    // JSON's quoted texts are YAML's too.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
