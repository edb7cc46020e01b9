//! YAML files with places. serde_yaml forgets where a value stood but says where an error happened: so a place
//! is found by reading the text once more and failing on purpose at the value in question. Findings are few.

use crate::names;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use tidings_syntax::{Code, Diagnostic, FileId, Place, Span};

/// Larger files are refused unread, in bytes.
const MAX_SIZE: usize = 256 * 1024;

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
    /// Reads a file; the finding says where it is no YAML or a key is written twice.
    pub fn read(text: &'t str, file: FileId) -> Result<Document<'t>, Diagnostic> {
        if text.len() > MAX_SIZE {
            return Err(Diagnostic::new(Code::TOO_LARGE, Place { file, span: Span::new(0, 0) }, "the file is larger than 256 kB"));
        }
        let blank = text.lines().all(|l| l.trim_start().is_empty() || l.trim_start().starts_with('#'));
        let root = if blank { Ok(Value::Nothing) } else { Tree.deserialize(serde_yaml::Deserializer::from_str(text)) };
        match root {
            Ok(root) => Ok(Document { text, file, root }),
            Err(e) => Err(unreadable(text, file, &e)),
        }
    }

    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, value: &self.root, path: Vec::new() }
    }
}

impl<'d> Node<'d> {
    /// The value itself.
    pub fn value(&self) -> &'d Value {
        self.value
    }

    /// The last key on the way to it; empty for the whole file.
    pub fn key(&self) -> &str {
        self.path.iter().rev().find_map(|s| if let Step::Key(k) = s { Some(k.as_str()) } else { None }).unwrap_or("")
    }

    /// Where the value stands; where there is none, where its key does.
    pub fn place(&self) -> Place {
        if matches!(self.value, Value::Nothing | Value::Map(_) | Value::List(_)) { self.key_place() } else { self.find(false) }
    }

    /// Where its key stands; for an item of a list, where it begins.
    pub fn key_place(&self) -> Place {
        self.find(matches!(self.path.last(), Some(Step::Key(_))))
    }

    fn find(&self, key: bool) -> Place {
        let text = self.document.text;
        let error = Find { path: &self.path, key }.deserialize(serde_yaml::Deserializer::from_str(text)).err();
        let start = error.and_then(|e| e.location()).map_or(0, |l| byte_of(text, l.line(), l.column()));
        Place { file: self.document.file, span: token(text, start) }
    }

    /// A finding at the value.
    pub fn finding(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.place(), message)
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
            None => self.wrong_shape(&format!("a whole number from {} to {}", range.start(), range.end()), out),
        }
    }

    /// The items of a list.
    pub fn items(&self, out: &mut Vec<Diagnostic>) -> Option<Vec<Node<'d>>> {
        let Value::List(items) = self.value else { return self.wrong_shape("a list, like [one, two]", out) };
        Some(items.iter().enumerate().map(|(i, value)| self.step(value, Step::Item(i))).collect())
    }

    /// The entries of a mapping whose keys are free.
    pub fn entries(&self, out: &mut Vec<Diagnostic>) -> Option<Vec<(String, Node<'d>)>> {
        let Value::Map(entries) = self.value else { return self.wrong_shape("keys and values, like `key: value`", out) };
        Some(entries.iter().map(|(k, value)| (k.clone(), self.step(value, Step::Key(k.clone())))).collect())
    }

    /// A mapping that has only these keys; each other one is a finding.
    pub fn fields(&self, known: &[&str], out: &mut Vec<Diagnostic>) -> Option<Fields<'d>> {
        for (key, node) in self.entries(out)? {
            if !known.contains(&key.as_str()) {
                out.push(unknown_key(&key, &node, known));
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
        out.push(self.finding(Code::WRONG_SHAPE, format!("{name} should be {wanted}")).label(format!("this is {here}")));
        None
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
            let whose = if self.node.key().is_empty() { String::new() } else { format!(" in `{}`", self.node.key()) };
            let message = format!("`{key}` is missing{whose}");
            out.push(Diagnostic::new(Code::MISSING_KEY, self.node.key_place(), message).help(format!("write `{example}`")));
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

fn unknown_key(key: &str, node: &Node<'_>, known: &[&str]) -> Diagnostic {
    let place = node.key_place();
    let finding = Diagnostic::new(Code::UNKNOWN_KEY, place, format!("`{key}` is not a key that is known here"));
    match names::near(key, known.iter().copied()) {
        Some(near) => finding.fix(format!("perhaps `{near}` was meant"), place, near),
        None => finding.help(format!("known are {}", known.join(", "))),
    }
}

fn unreadable(text: &str, file: FileId, error: &serde_yaml::Error) -> Diagnostic {
    let start = error.location().map_or(0, |l| byte_of(text, l.line(), l.column()));
    let place = Place { file, span: token(text, start) };
    let said = error.to_string();
    // The place has its own line; serde_yaml appends it to the words once more.
    let said = said.split(" at line ").next().unwrap_or(&said);
    if let Some((_, key)) = said.split_once(TWICE) {
        return Diagnostic::new(Code::DUPLICATE_KEY, place, format!("`{key}` is written twice"))
            .help("keep one of the two, or give the other another name");
    }
    let finding = Diagnostic::new(Code::BAD_YAML, place, format!("this is no YAML that can be read: {said}"));
    if text.lines().any(|l| l.trim_start_matches(' ').starts_with('\t')) {
        return finding.help("indent with spaces; YAML knows no tabs");
    }
    finding.help("look at the indentation and the brackets here, and put text with `: `, `#`, `{` or `@` in quotes")
}

/// The byte at a line and a column, both from 1 and in characters.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or("");
    let offset = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(i, _)| i);
    start + offset
}

/// The key or scalar that begins at a byte, as far as it stands on one line.
fn token(text: &str, start: usize) -> Span {
    let start = start + text.get(start..).map_or(0, |rest| rest.len() - rest.trim_start_matches([' ', '\t']).len());
    let line = text.get(start..).unwrap_or("").lines().next().unwrap_or("");
    let quote = line.chars().next().filter(|c| matches!(c, '"' | '\''));
    let end = match quote {
        Some(q) => line.get(1..).and_then(|rest| rest.find(q)).map(|i| i + 2),
        None => {
            let stops = [": ", " #", ",", "]", "}"].iter().filter_map(|stop| line.find(stop)).filter(|i| *i > 0);
            stops.min()
        }
    };
    let shown = line.get(..end.unwrap_or(line.len())).unwrap_or(line).trim_end();
    Span::new(start, start + shown.strip_suffix(':').unwrap_or(shown).len())
}

/// Reads any value; a key that is written twice is an error at the second.
struct Tree;

const TWICE: &str = "written twice: ";

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Truth(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.to_string()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.to_string()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Number(v.to_string()))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Tree)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Key { refused: &|key| entries.iter().any(|(k, _)| k == key) })? {
            let value = map.next_value_seed(Tree)?;
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }
}

/// Reads a key, and fails at one that is refused.
struct Key<'a> {
    refused: &'a dyn Fn(&str) -> bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<String, D::Error> {
        d.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if (self.refused)(key) { Err(E::custom(format_args!("{TWICE}{key}"))) } else { Ok(key.to_owned()) }
    }
}

/// Goes to a value, or to its key, and fails there: the error knows the place.
struct Find<'p> {
    path: &'p [Step],
    key: bool,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();
    // Whatever has no method here is where the way ends, and serde's own error is what is wanted.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the way")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Item(index), path)) = self.path.split_first() else { return Err(A::Error::custom("here")) };
        for _ in 0..*index {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Find { path, ..self }).map(|_| ())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), path)) = self.path.split_first() else { return Err(A::Error::custom("here")) };
        let stop = self.key && path.is_empty();
        while let Some(key) = map.next_key_seed(Key { refused: &|key| stop && key == wanted })? {
            if key == *wanted {
                return map.next_value_seed(Find { path, ..self });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}
