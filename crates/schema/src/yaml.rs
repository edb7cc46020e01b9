//! YAML files with places. serde_yaml forgets where a value stood but says where an error happened: so a place
//! is found by reading the text once more and failing on purpose at the value in question. Findings are few.

mod reach;
mod said;
mod tree;

use reach::{Reach, Stop, Without};
use serde::de::{DeserializeOwned, DeserializeSeed};
use std::fmt;
use std::marker::PhantomData;
use tidings_syntax::suggest::nearest;
use tidings_syntax::{Code, Diagnostic, FileId, Place, Span};
use tree::Tree;

/// Larger files are refused unread, in bytes.
const MAX_SIZE: usize = 256 * 1024;

/// Files with more brackets inside one another are refused unread: what YAML's reader takes for them grows with their
/// square. Far more than it would read in the end.
const MAX_BRACKETS: usize = 1_000;

/// A YAML file that was read.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    file: FileId,
    root: Value,
}

/// What stands in a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Nothing,
    /// `true` or `false`.
    Truth(bool),
    /// A number, as it reads.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Keys and values in the order of the text.
    Map(Vec<(String, Value)>),
}

/// A value in a file and the way to it.
#[derive(Clone, Debug)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    value: &'d Value,
    path: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

/// A mapping whose keys are known beforehand.
#[derive(Debug)]
pub struct Fields<'d> {
    node: Node<'d>,
}

impl<'t> Document<'t> {
    /// Reads a file; none where it is no YAML or a key is written twice.
    pub fn read(text: &'t str, file: FileId, out: &mut Vec<Diagnostic>) -> Option<Document<'t>> {
        if text.len() > MAX_SIZE {
            let place = Place { file, span: Span::default() };
            out.push(
                Diagnostic::new(Code::TOO_LARGE, place, "the file is larger than 256 kB")
                    .help("look whether it is the right file"),
            );
            return None;
        }
        if let Some(at) = too_deep(text) {
            let place = Place { file, span: Span::new(at, at + 1) };
            let message = format!("more than {MAX_BRACKETS} brackets inside one another");
            out.push(
                Diagnostic::new(Code::BAD_YAML, place, message).help("look whether it is the right file"),
            );
            return None;
        }
        let blank = text.lines().all(|l| l.trim_start().is_empty() || l.trim_start().starts_with('#'));
        let root = if blank {
            Ok(Value::Nothing)
        } else {
            Tree.deserialize(serde_yaml::Deserializer::from_str(text))
        };
        let root = root.map_err(|e| out.push(said::unreadable(text, file, &e))).ok()?;
        Some(Document { text, file, root })
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, value: &self.root, path: Vec::new() }
    }
}

/// Where brackets are too deep inside one another, those in texts and comments counted like all others.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth: usize = 0;
    let brackets = text.bytes().enumerate();
    let mut deeper = brackets.filter(|(_, byte)| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_BRACKETS
    });
    deeper.next().map(|(at, _)| at)
}

impl<'d> Node<'d> {
    /// The value itself.
    pub fn value(&self) -> &'d Value {
        self.value
    }

    /// The last key on the way to it; empty for the whole file.
    pub fn key(&self) -> &str {
        self.path
            .iter()
            .rev()
            .find_map(|s| if let Step::Key(k) = s { Some(k.as_str()) } else { None })
            .unwrap_or("")
    }

    /// Where the value stands; where there is none, where its key does.
    pub fn place(&self) -> Place {
        if matches!(self.value, Value::Nothing | Value::Map(_) | Value::List(_)) {
            self.key_place()
        } else {
            self.find(false)
        }
    }

    /// Where its key stands; for an item of a list, where it begins.
    pub fn key_place(&self) -> Place {
        self.find(matches!(self.path.last(), Some(Step::Key(_))))
    }

    fn find(&self, key: bool) -> Place {
        let text = self.document.text;
        let way = Reach { path: &self.path, at_key: key, last: Stop };
        let error = way.deserialize(serde_yaml::Deserializer::from_str(text)).err();
        error.map_or(Place::default(), |e| said::place(&e, text, self.document.file))
    }

    /// A finding at the value.
    pub fn finding(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.place(), message)
    }

    /// The value as a type that serde reads, without some of its keys.
    pub fn typed<T: DeserializeOwned>(&self, without: &[&str], out: &mut Vec<Diagnostic>) -> Option<T> {
        let text = self.document.text;
        let way = Reach { path: &self.path, at_key: false, last: Without { keys: without, ty: PhantomData } };
        let read = way.deserialize(serde_yaml::Deserializer::from_str(text));
        read.map_err(|e| out.push(said::mismatch(&e, text, self))).ok()
    }

    /// A scalar as text.
    pub fn text(&self, out: &mut Vec<Diagnostic>) -> Option<String> {
        match self.value {
            Value::Text(t) | Value::Number(t) => Some(t.clone()),
            Value::Truth(t) => Some(t.to_string()),
            _ => self.wrong_shape("a text", out),
        }
    }

    /// `true`, `false`, `yes` or `no`.
    pub fn truth(&self, out: &mut Vec<Diagnostic>) -> Option<bool> {
        match self.value {
            Value::Truth(t) => Some(*t),
            Value::Text(t) if t == "yes" => Some(true),
            Value::Text(t) if t == "no" => Some(false),
            _ => self.wrong_shape("true or false", out),
        }
    }

    /// A whole number of a range.
    pub fn whole<T: std::str::FromStr + PartialOrd + fmt::Display>(
        &self,
        range: std::ops::RangeInclusive<T>,
        out: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        let number = if let Value::Number(n) = self.value { n.parse().ok() } else { None };
        match number.filter(|n| range.contains(n)) {
            Some(n) => Some(n),
            None => {
                self.wrong_shape(&format!("a whole number from {} to {}", range.start(), range.end()), out)
            }
        }
    }

    /// The items of a list.
    pub fn items(&self, out: &mut Vec<Diagnostic>) -> Option<Vec<Node<'d>>> {
        let Value::List(items) = self.value else { return self.wrong_shape("a list, like [one, two]", out) };
        Some(items.iter().enumerate().map(|(i, value)| self.step(value, Step::Item(i))).collect())
    }

    /// The entries of a mapping whose keys are free.
    pub fn entries(&self, out: &mut Vec<Diagnostic>) -> Option<Vec<(String, Node<'d>)>> {
        let Value::Map(entries) = self.value else {
            return self.wrong_shape("keys and values, like `key: value`", out);
        };
        Some(entries.iter().map(|(k, value)| (k.clone(), self.step(value, Step::Key(k.clone())))).collect())
    }

    /// A mapping that has only these keys; each other one is a finding.
    pub fn fields(&self, known: &[&str], out: &mut Vec<Diagnostic>) -> Option<Fields<'d>> {
        for (key, node) in self.entries(out)? {
            if !known.contains(&key.as_str()) {
                out.push(unknown_key(&key, node.key_place(), known));
            }
        }
        Some(Fields { node: self.clone() })
    }

    /// Says what should stand here.
    pub fn wrong_shape<T>(&self, wanted: &str, out: &mut Vec<Diagnostic>) -> Option<T> {
        let here = match self.value {
            Value::Nothing => "nothing",
            Value::Truth(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a group of keys",
        };
        let name = if self.key().is_empty() { "the file".to_owned() } else { format!("`{}`", self.key()) };
        out.push(
            self.finding(Code::WRONG_SHAPE, format!("{name} should be {wanted}"))
                .label(format!("this is {here}")),
        );
        None
    }

    /// The way to it, as serde writes ways.
    fn dotted(&self) -> String {
        let parts = self.path.iter().map(|s| match s {
            Step::Key(key) => key.clone(),
            Step::Item(i) => format!("[{i}]"),
        });
        parts.collect::<Vec<_>>().join(".").replace(".[", "[")
    }

    /// The value at the same way in another file's value, or so many steps before it.
    pub fn of<'v>(&self, root: &'v mut Value, before: usize) -> Option<&'v mut Value> {
        let way = self.path.get(..self.path.len().checked_sub(before)?)?;
        way.iter().try_fold(root, |value, step| match (value, step) {
            (Value::Map(entries), Step::Key(key)) => {
                entries.iter_mut().find(|(k, _)| k == key).map(|(_, value)| value)
            }
            (Value::List(items), Step::Item(at)) => items.get_mut(*at),
            _ => None,
        })
    }

    fn step(&self, value: &'d Value, step: Step) -> Node<'d> {
        let path = self.path.iter().cloned().chain([step]).collect();
        Node { document: self.document, value, path }
    }
}

impl<'d> Fields<'d> {
    /// The value of a key; a key without a value counts as absent.
    pub fn get(&self, key: &str) -> Option<Node<'d>> {
        let Value::Map(entries) = self.node.value else { return None };
        let (_, value) = entries.iter().find(|(k, v)| k == key && *v != Value::Nothing)?;
        Some(self.node.step(value, Step::Key(key.to_owned())))
    }

    /// The value of a key that has to be there; `example` shows what to write.
    pub fn need(&self, key: &str, example: &str, out: &mut Vec<Diagnostic>) -> Option<Node<'d>> {
        let found = self.get(key);
        if found.is_none() {
            let whose =
                if self.node.key().is_empty() { String::new() } else { format!(" in `{}`", self.node.key()) };
            let message = format!("`{key}` is missing{whose}");
            out.push(
                Diagnostic::new(Code::MISSING_KEY, self.node.key_place(), message)
                    .help(format!("write `{example}`")),
            );
        }
        found
    }

    /// The text of a key, where it is there.
    pub fn text(&self, key: &str, out: &mut Vec<Diagnostic>) -> Option<String> {
        self.get(key)?.text(out)
    }

    /// The mapping itself.
    pub fn node(&self) -> &Node<'d> {
        &self.node
    }
}

fn unknown_key(key: &str, place: Place, known: &[&str]) -> Diagnostic {
    let finding =
        Diagnostic::new(Code::UNKNOWN_KEY, place, format!("`{key}` is not a key that is known here"));
    match nearest(key, known.iter().copied()) {
        Some(near) => finding.fix(format!("perhaps `{near}` was meant"), place, near),
        None => finding.help(format!("known are {}", known.join(", "))),
    }
}
