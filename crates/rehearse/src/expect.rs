//! What a test expects of a customer at one of its steps.

use crate::customers::unknown;
use tidings_check::Program;
use tidings_check::program::{SegmentId, StagesId};
use tidings_plan::Reason;
use tidings_schema::yaml::{Node, Value as Written};
use tidings_syntax::{Code, Diagnostic};

/// What is expected of one customer.
#[derive(Clone, Debug)]
pub struct Expected<'d> {
    /// The customer's key.
    pub customer: String,
    /// Each thing that is expected.
    pub facts: Vec<Fact<'d>>,
    /// Nothing is sent by the rules that no fact is about; where it is written, if it is.
    pub nothing_else: Option<Node<'d>>,
    /// Where it stands.
    pub node: Node<'d>,
}

/// One thing that is expected.
#[derive(Clone, Debug)]
pub struct Fact<'d> {
    /// What is expected.
    pub outcome: Outcome,
    /// Where it stands.
    pub node: Node<'d>,
}

/// What can be expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// What a rule does, by its position.
    Rule(usize, Doing),
    /// The stage of a partition that the customer is in, by its position.
    Stage(StagesId, u32),
    /// Whether the customer is in a segment.
    Segment(SegmentId, bool),
}

/// What a rule does for a customer.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    /// It is not for them.
    NoMatch,
    /// It sends nothing, for whatever reason.
    Nothing,
    /// It does these things and no others, in any order; the rest is held for a reason, where it is said.
    Does(Vec<String>, Option<Reason>),
}

/// The word for a rule that is not for a customer.
pub(crate) const NO_MATCH: &str = "no match";
/// The word for nothing.
pub(crate) const NOTHING: &str = "nothing";

/// Reads what is expected of each customer. `only` are the rules that take part.
pub(crate) fn expectations<'d>(
    program: &Program,
    only: Option<&[usize]>,
    node: &Node<'d>,
    is_customer: impl Fn(&str) -> bool,
    out: &mut Vec<Diagnostic>,
) -> Vec<Expected<'d>> {
    let mut expected = Vec::new();
    for (customer, node) in node.entries(out).unwrap_or_default() {
        if !is_customer(&customer) {
            let message = format!("there is no customer `{customer}` in this test");
            out.push(unknown(node.key_place(), &customer, message, Vec::new()));
            continue;
        }
        let mut one = Expected { customer, facts: Vec::new(), nothing_else: None, node: node.clone() };
        match node.value() {
            Written::Text(word) if word == NOTHING => one.nothing_else = Some(node),
            Written::Map(entries) if entries.is_empty() => {
                let message = format!("nothing is expected of `{}`", one.customer);
                let help = format!(
                    "say what is, or take it out; that nothing is sent is `{}: {NOTHING}`",
                    one.customer
                );
                out.push(Diagnostic::new(Code::NOTHING_THERE, node.key_place(), message).help(help));
            }
            _ => {
                for (name, node) in node.entries(out).unwrap_or_default() {
                    if name == "else" {
                        match node.value() {
                            Written::Text(word) if word == NOTHING => one.nothing_else = Some(node),
                            _ => node.wrong_shape::<()>("`nothing`", out).unwrap_or_default(),
                        }
                    } else {
                        let outcome = outcome(program, only, &name, &node, out);
                        one.facts.extend(outcome.map(|outcome| Fact { outcome, node }));
                    }
                }
            }
        }
        expected.push(one);
    }
    expected
}

fn outcome(
    program: &Program,
    only: Option<&[usize]>,
    name: &str,
    node: &Node<'_>,
    out: &mut Vec<Diagnostic>,
) -> Option<Outcome> {
    if let Some((rule, _)) = program.find_rule(name) {
        if only.is_some_and(|only| !only.contains(&rule)) {
            let message = format!("`{name}` takes no part in this test");
            out.push(
                Diagnostic::new(Code::NOTHING_THERE, node.key_place(), message)
                    .help("add it to `rules`, or take it out here"),
            );
            return None;
        }
        return doing(program, rule, node, out).map(|doing| Outcome::Rule(rule, doing));
    }
    if let Some((id, stages)) = (0..).map(StagesId).zip(&program.stages).find(|(_, s)| s.list.name == name) {
        let word = node.text(out)?;
        let Some(arm) = stages.list.position(&word) else {
            let words: Vec<&str> = stages.list.words.iter().map(|w| w.name.as_str()).collect();
            let message = format!("`{name}` has no stage `{word}`");
            let finding = unknown(node.place(), &word, message, words);
            out.push(Diagnostic { code: Code::NOT_A_WORD, ..finding });
            return None;
        };
        return Some(Outcome::Stage(id, arm));
    }
    if let Some((id, _)) = (0..).map(SegmentId).zip(&program.segments).find(|(_, s)| s.name == name) {
        return node.truth(out).map(|inside| Outcome::Segment(id, inside));
    }
    let rules = program.rules.iter().map(|r| r.name.as_str());
    let segments = program.segments.iter().map(|s| s.name.as_str());
    let known = rules.chain(segments).chain(program.stages.iter().map(|s| s.list.name.as_str()));
    let message = format!("`{name}` is no rule, no segment and no stages");
    out.push(unknown(node.key_place(), name, message, known.collect()));
    None
}

fn doing(program: &Program, rule: usize, node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Doing> {
    match node.value() {
        Written::Text(word) if word == NO_MATCH => Some(Doing::NoMatch),
        Written::Text(word) if word == NOTHING => Some(Doing::Nothing),
        Written::Text(_) | Written::List(_) => Some(Doing::Does(deeds(program, rule, node, out)?, None)),
        Written::Map(_) => {
            let fields = node.fields(&["sends", "held"], out)?;
            let sends = match fields.get("sends") {
                Some(node) => deeds(program, rule, &node, out)?,
                None => Vec::new(),
            };
            let held = reason(&fields.need("held", "held: no_consent", out)?, out)?;
            Some(Doing::Does(sends, Some(held)))
        }
        _ => node.wrong_shape("what is sent, `no match`, `nothing` or `{held: REASON}`", out),
    }
}

/// What is sent: one thing, or a list.
fn deeds(program: &Program, rule: usize, node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Vec<String>> {
    if let Written::Text(_) = node.value() {
        return Some(vec![deed(program, rule, node, out)?]);
    }
    let items = node.items(out)?;
    if items.is_empty() {
        return node
            .wrong_shape("what is sent; where that is nothing, write `no match` or `{held: REASON}`", out);
    }
    items.iter().map(|item| deed(program, rule, item, out)).collect()
}

/// A thing that the rule can do, as [`crate::outcome`] writes it.
fn deed(program: &Program, rule: usize, node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<String> {
    let text = node.text(out)?.replace('"', "");
    let rule = program.rules.get(rule)?;
    let steps = rule.then.iter().chain(&rule.otherwise);
    let mut can: Vec<String> = steps.flat_map(|step| crate::outcome::deeds(program, &step.action)).collect();
    can.dedup();
    if can.contains(&text) {
        return Some(text);
    }
    let message = format!("the rule `{}` does not do `{text}`", rule.name);
    let finding = unknown(node.place(), &text, message, can.iter().map(String::as_str).collect());
    out.push(Diagnostic { code: Code::NOT_A_WORD, ..finding });
    None
}

fn reason(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Reason> {
    let text = node.text(out)?;
    let found = Reason::ALL.into_iter().find(|r| r.name() == text);
    if found.is_none() {
        let message = format!("`{text}` is no reason for which something is held back");
        let finding = unknown(node.place(), &text, message, Reason::ALL.iter().map(|r| r.name()).collect());
        out.push(Diagnostic { code: Code::NOT_A_WORD, ..finding });
    }
    found
}
