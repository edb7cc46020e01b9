//! The words in the names of tables and columns.

use crate::names;
use std::collections::HashSet;

/// The words of a name, lower-case: `createdAt` and `created_at` are created, at. A Chinese name is one word.
#[derive(Clone, Debug)]
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn of(name: &str) -> Words {
        let mut words = vec![String::new()];
        let mut small = false;
        for c in name.chars() {
            let separates = !c.is_alphanumeric();
            if separates || small && c.is_uppercase() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut().filter(|_| !separates) {
                word.extend(c.to_lowercase());
            }
            small = c.is_lowercase();
        }
        words.retain(|w| !w.is_empty());
        Words(words)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether one of the words is there: whole, or with `*` as its beginning, or Chinese anywhere.
    pub(super) fn has(&self, any: &[&str]) -> bool {
        any.iter().any(|wanted| {
            self.iter().any(|word| match wanted.strip_suffix('*') {
                Some(beginning) => word.starts_with(beginning),
                None if wanted.is_ascii() => word == *wanted,
                None => word.contains(wanted),
            })
        })
    }

    /// All words in one, to find `opt in`, `OptIn` and `optin` alike.
    pub(super) fn joined(&self) -> String {
        self.0.concat()
    }
}

/// A name that rules can write, as near to a column's or table's own as possible.
pub(super) fn rule_name(written: &str) -> String {
    let fits = |c: char| {
        if c.is_ascii() { c.is_alphanumeric() || c == '_' } else { names::is_name(&format!("a{c}")) }
    };
    let name: String = names::normal(written).chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let name = if names::is_reserved(&name) || name == "sends" || name == "grants" {
        format!("{name}_")
    } else {
        name
    };
    if names::is_name(&name) { name } else { format!("_{name}") }
}

/// The same name, or with a number behind it where it is taken; it is taken from then on.
pub(super) fn free(name: String, taken: &mut HashSet<String>) -> String {
    let free = (2..).map(|i| format!("{name}_{i}")).find(|n| !taken.contains(n));
    let name = if taken.contains(&name) { free.unwrap_or(name) } else { name };
    taken.insert(name.clone());
    name
}

/// `orders` → `order`, `categories` → `category`; other names stay.
pub(super) fn singular(name: &str) -> String {
    match name.strip_suffix("ies") {
        Some(stem) if name.len() > 4 => format!("{stem}y"),
        _ => name.strip_suffix('s').filter(|n| n.len() > 2 && !n.ends_with('s')).unwrap_or(name).to_owned(),
    }
}
