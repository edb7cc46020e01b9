//! `expect`, beside the key of a table and inside an attribute: what has to hold of the data.

use super::{Declared, Settings};
use crate::decode::Raw;
use crate::expectation::{Bounds, Expectation, Expected, Subject};
use crate::load::attribute::plain;
use crate::names;
use crate::types::{Type, Value};
use crate::vocabulary::{Attribute, AttributeId, Collection, CollectionId, Customer, FieldId};
use crate::yaml::{Fields, Node};
use tidings_syntax::{Code, Diagnostic};

pub(super) const KEY: &str = "expect";

const BOUNDS: &str = "`at least 1000`, `at most 5000` or `between 1000 and 5000`";

/// All of a file, once the rest of it was read.
pub(super) fn read(
    root: &Fields<'_>,
    (customer, attributes): (&Customer, &[Attribute]),
    collections: &Declared<Collection>,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Vec<Expectation> {
    let mut reader = Reader { settings, found: Vec::new(), out };
    if let Some(node) = root.get("customer") {
        let time = customer.created.and_then(|id| Some((id, attributes.get(id.0 as usize)?)));
        let time = time.map(|(id, attribute)| (Subject::Attribute(id), attribute));
        let none = "`fresh` needs to know when customers came to be: say `created` in `customer`";
        reader.table(&node, Subject::Customers, time.ok_or(none));
        reader.columns(&node, "attributes", attributes, |i| Subject::Attribute(AttributeId(i)));
    }
    for (name, node) in root.get("collections").map(|n| entries(&n)).unwrap_or_default() {
        let name = names::normal(&name);
        let known = collections.list.iter().enumerate().find(|(_, c)| c.name == name);
        let Some((i, collection)) = known else { continue };
        let id = CollectionId(i as u32);
        let time = collection.field(collection.time).map(|f| (Subject::Field(id, collection.time), f));
        reader.table(&node, Subject::Collection(id), time.ok_or("it has no time"));
        reader.columns(&node, "fields", &collection.fields, |f| Subject::Field(id, FieldId(f)));
    }
    reader.found
}

/// What is wrong with them was found before.
fn entries<'d>(node: &Node<'d>) -> Vec<(String, Node<'d>)> {
    node.entries(&mut Vec::new()).unwrap_or_default()
}

fn inside<'d>(node: &Node<'d>, key: &str) -> Option<Node<'d>> {
    entries(node).into_iter().find(|(k, _)| k == key).map(|(_, node)| node)
}

struct Reader<'a> {
    settings: &'a Settings,
    found: Vec<Expectation>,
    out: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// What is expected of a table. `time` is what says when its rows came to be, or why nothing does.
    fn table(&mut self, node: &Node<'_>, of: Subject, time: Result<(Subject, &Attribute), &'static str>) {
        let Some(expect) = inside(node, KEY) else { return };
        let Some(fields) = expect.fields(&["rows", "fresh"], self.out) else { return };
        if let Some(node) = fields.get("rows") {
            let rows = |text: &str| text.parse::<u64>().ok().map(|n| n as f64);
            let what = self.bounds(&node, BOUNDS, rows).map(Expected::Rows);
            self.add(of, what, &node);
        }
        let Some(node) = fields.get("fresh") else { return };
        match time {
            Ok((time, _)) => {
                let what = self.fresh(&node).map(Expected::Fresh);
                self.add(time, what, &node);
            }
            Err(why) => self.misfit(&node, "nothing says how fresh this table is".to_owned(), why),
        }
    }

    /// What is expected of a table's columns.
    fn columns(&mut self, node: &Node<'_>, key: &str, known: &[Attribute], of: impl Fn(u32) -> Subject) {
        for (name, node) in inside(node, key).map(|n| entries(&n)).unwrap_or_default() {
            let name = names::normal(&name);
            let Some((i, attribute)) = known.iter().enumerate().find(|(_, a)| a.name == name) else {
                continue;
            };
            if let Some(expect) = inside(&node, KEY) {
                self.column(&expect, attribute, of(i as u32));
            }
        }
    }

    fn column(&mut self, expect: &Node<'_>, attribute: &Attribute, of: Subject) {
        let Some(fields) = expect.fields(&["known", "fresh", "range", "unique"], self.out) else { return };
        if attribute.kept {
            let message = format!("`{}` is kept by Tidings itself, and not by the store", attribute.name);
            self.misfit(expect, message, "take `expect` out");
            return;
        }
        let ty = &attribute.ty;
        if let Some(node) = fields.get("known") {
            let what = self.share(&node).map(Expected::Known);
            self.add(of, what, &node);
        }
        if let Some(node) = self.fitting(&fields, "fresh", ty, matches!(ty, Type::Date | Type::Moment)) {
            let what = self.fresh(&node).map(Expected::Fresh);
            self.add(of, what, &node);
        }
        let counted = !matches!(ty, Type::Text | Type::YesNo | Type::OneOf(_) | Type::Tags);
        if let Some(node) = self.fitting(&fields, "range", ty, counted) {
            let example = format!("two values of it that are {ty}, such as {}", example(ty));
            let zone = self.settings.zone;
            let value = |text: &str| number(&plain("", ty.clone()).decode(Raw::Text(text), zone).ok()??);
            let what = self.bounds(&node, &example, value).map(Expected::Range);
            self.add(of, what, &node);
        }
        let countable = !matches!(ty, Type::YesNo | Type::OneOf(_) | Type::Tags);
        if let Some(node) = self.fitting(&fields, "unique", ty, countable) {
            let what = node.truth(self.out).filter(|unique| *unique).map(|_| Expected::Unique);
            self.add(of, what, &node);
        }
    }

    fn add(&mut self, of: Subject, what: Option<Expected>, node: &Node<'_>) {
        let text = node.text(&mut Vec::new()).unwrap_or_default();
        let written = match what {
            Some(Expected::Unique) => "unique: yes".to_owned(),
            _ => format!("{}: {}", node.key(), text.trim()),
        };
        self.found.extend(what.map(|what| Expectation { of, what, written }));
    }

    /// The value of a key that goes with a type.
    fn fitting<'d>(&mut self, fields: &Fields<'d>, key: &str, ty: &Type, fits: bool) -> Option<Node<'d>> {
        let node = fields.get(key)?;
        if !fits {
            let message = format!("`{key}` cannot be expected of something that is {ty}");
            self.misfit(&node, message, &format!("take `{key}` out"));
        }
        Some(node).filter(|_| fits)
    }

    fn misfit(&mut self, node: &Node<'_>, message: String, help: &str) {
        self.out.push(Diagnostic::new(Code::MISFIT_KEY, node.key_place(), message).help(help));
    }

    /// `2 days`, in seconds.
    fn fresh(&mut self, node: &Node<'_>) -> Option<i64> {
        let text = node.text(self.out)?;
        let duration = plain("", Type::Duration).decode(Raw::Text(&text), self.settings.zone);
        // A bare number says no unit.
        match duration.ok().flatten().filter(|_| text.trim().contains(' ')) {
            Some(Value::Count(seconds)) if seconds > 0 => Some(seconds),
            _ => self.refuse(node, &text, "`2 days`, `36 hours` or `1 week`"),
        }
    }

    /// `95%`, from 0 to 1.
    fn share(&mut self, node: &Node<'_>) -> Option<f64> {
        let text = node.text(self.out)?;
        let share =
            text.trim().strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()).map(|p| p / 100.0);
        share.filter(|s| *s > 0.0 && *s <= 1.0).or_else(|| self.refuse(node, &text, "a share such as `95%`"))
    }

    /// `at least 1000`, `at most 5000`, `between 1000 and 5000`.
    fn bounds(
        &mut self,
        node: &Node<'_>,
        example: &str,
        value: impl Fn(&str) -> Option<f64>,
    ) -> Option<Bounds> {
        let text = node.text(self.out)?;
        let words = text.trim();
        let value = |text: &str| value(text.trim());
        let bounds = if let Some(least) = words.strip_prefix("at least ") {
            value(least).map(|least| Bounds { least: Some(least), most: None })
        } else if let Some(most) = words.strip_prefix("at most ") {
            value(most).map(|most| Bounds { least: None, most: Some(most) })
        } else {
            let between = words.strip_prefix("between ").and_then(|rest| rest.split_once(" and "));
            let between = between.and_then(|(least, most)| Some((value(least)?, value(most)?)));
            let between = between.filter(|(least, most)| least <= most);
            between.map(|(least, most)| Bounds { least: Some(least), most: Some(most) })
        };
        bounds.or_else(|| self.refuse(node, &text, example))
    }

    fn refuse<T>(&mut self, node: &Node<'_>, text: &str, example: &str) -> Option<T> {
        let message = format!("`{}` cannot be `{}`", node.key(), text.trim());
        self.out.push(node.finding(Code::BAD_EXPECTATION, message).help(format!("write {example}")));
        None
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => Some(*n),
        Value::Money(n) | Value::Moment(n) | Value::Count(n) => Some(*n as f64),
        Value::Date(day) => Some(f64::from(*day)),
        _ => None,
    }
}

fn example(ty: &Type) -> &'static str {
    match ty {
        Type::Percent => "`between 0% and 50%`",
        Type::Date | Type::Moment => "`between 2000-01-01 and 2100-01-01`",
        Type::Duration => "`at most 3 hours`",
        _ => "`between 0 and 100000`",
    }
}
