//! One canonical layout for every file.

mod clause;
mod condition;
mod page;
mod word;

use crate::grammar::{Grammar, Rule};
use crate::parse::parse;
use crate::span::{FileId, Spanned};
use crate::tree::{Basis, Best, File, Item, Journey, JourneyStep, Literal, Score, Segment, Shares, Stages};
use page::{Page, width};
use pest::Parser;
use std::fmt;

/// A tree that has no text: it holds something that the language cannot write, such as a name with a line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The text that does not say the same.
    pub text: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the formatted text would not say the same as the file, so the file stays as it is")
    }
}

impl std::error::Error for FormatError {}

/// The file as canonical text. What it writes is read again and compared, so that no file is ever damaged.
///
/// # Errors
/// When the text would not say the same as the tree.
pub fn format(file: &File) -> Result<String, FormatError> {
    let mut page = Page::new(&file.comments.0);
    page.file(file);
    let text = page.finish();
    let again = parse(FileId::default(), &text);
    let comments = |f: &File| {
        let mut texts: Vec<String> = f.comments.0.iter().map(|c| c.text.clone()).collect();
        texts.sort();
        texts
    };
    let same = !again.has_errors() && again.file == *file && comments(&again.file) == comments(file);
    if same { Ok(text) } else { Err(FormatError { text }) }
}

/// Whether a name needs no back-ticks where any name may stand.
fn is_plain(name: &str) -> bool {
    !name.starts_with('`')
        && Grammar::parse(Rule::lone_name, name).is_ok_and(|p| p.as_str() == name)
        && crate::clean::is_plain(name)
}

impl Page<'_> {
    fn file(&mut self, file: &File) {
        let aligned = name_widths(&file.items);
        for ((i, item), aligned) in file.items.iter().enumerate().zip(aligned) {
            let before = i.checked_sub(1).and_then(|i| file.items.get(i));
            let together = before.is_some_and(|b| {
                matches!(
                    (&b.node, &item.node),
                    (Item::Define(_), Item::Define(_)) | (Item::Score(_), Item::Score(_))
                )
            });
            if before.is_some() && (!together || self.comment_before(item.span.start)) {
                self.blank_line();
            }
            let next =
                file.items.get(i + 1).map(|n| n.span.start).or(file.sentence.as_ref().map(|s| s.span.start));
            self.before(item.span.start);
            self.item(item, aligned, next.unwrap_or(u32::MAX));
        }
        if let Some(sentence) = &file.sentence {
            if !file.items.is_empty() {
                self.blank_line();
            }
            self.before(sentence.span.start);
            self.sentence(sentence);
        }
    }

    fn item(&mut self, item: &Spanned<Item>, aligned: usize, next: u32) {
        let end = item.span.end;
        match &item.node {
            Item::Define(d) => {
                self.word("define");
                self.padded(&word::name(&d.name.node), aligned);
                self.word("=");
                self.expr(&d.value);
                return self.end_line(next);
            }
            Item::Score(s) => {
                self.score(s, aligned);
                return self.end_line(next);
            }
            Item::Stages(s) => self.stages(s, end),
            Item::Segment(s) => self.segment(s, end),
            Item::Rule(r) => {
                self.header("rule", &r.name, r.label.as_ref());
                self.block(&r.clauses, end, |page, clause, next| page.clause(clause, next));
            }
            Item::Journey(j) => self.journey(j, end),
            Item::Policy(p) => {
                self.word("policy");
                self.block(&p.clauses, end, |page, clause, next| page.policy_clause(clause, next));
            }
        }
        self.word("end");
        self.end_line(next);
    }

    fn header(&mut self, word: &str, name: &Spanned<String>, label: Option<&Spanned<String>>) {
        self.word(word);
        self.word(&word::name(&name.node));
        if let Some(label) = label {
            self.word(&word::text(&label.node));
        }
    }

    /// Ends the line at hand and writes pieces on lines of their own, one step further in.
    fn block<T>(
        &mut self,
        pieces: &[Spanned<T>],
        end: u32,
        mut write: impl FnMut(&mut Self, &Spanned<T>, u32),
    ) {
        self.end_line(pieces.first().map_or(end, |p| p.span.start));
        self.indent += 1;
        for (i, piece) in pieces.iter().enumerate() {
            self.before(piece.span.start);
            write(self, piece, pieces.get(i + 1).map_or(end, |n| n.span.start));
        }
        self.before(end);
        self.indent -= 1;
    }

    fn score(&mut self, score: &Score, aligned: usize) {
        self.word("score");
        self.padded(&word::name(&score.name.node), aligned);
        self.word("=");
        let basis = match &score.basis {
            Basis::Population(Shares::Quintile) => "quintile of".to_owned(),
            Basis::Population(Shares::Decile) => "decile of".to_owned(),
            Basis::Population(Shares::Bands(n)) => format!("{n} bands of"),
            Basis::Fixed(_) => "bands of".to_owned(),
        };
        self.word(&basis);
        self.scored(&score.of);
        if let Basis::Fixed(bounds) = &score.basis {
            let bounds: Vec<String> =
                bounds.iter().map(|b: &Spanned<Literal>| word::literal(&b.node)).collect();
            self.word(&format!("at {}", bounds.join(", ")));
        }
        match score.best {
            Some(Best::Lowest) => self.push(", lowest first"),
            Some(Best::Highest) => self.push(", highest first"),
            None => {}
        }
    }

    fn stages(&mut self, stages: &Stages, end: u32) {
        self.header("stages", &stages.name, stages.label.as_ref());
        let aligned = stages.arms.iter().map(|a| width(&word::narrow(&a.node.name.node))).max().unwrap_or(0);
        self.block(&stages.arms, end, |page, arm, next| {
            page.padded(&word::narrow(&arm.node.name.node), aligned);
            if let Some(label) = &arm.node.label {
                page.word(&word::text(&label.node));
            }
            match &arm.node.when {
                Some(test) => {
                    page.word("when");
                    page.expr(test);
                }
                None => page.word("otherwise"),
            }
            page.end_line(next);
        });
    }

    fn segment(&mut self, segment: &Segment, end: u32) {
        self.header("segment", &segment.name, segment.label.as_ref());
        let start = segment.condition.span.start;
        self.end_line(start);
        self.indent += 1;
        self.before(start);
        // A text that comes first would be taken for the label.
        if segment.label.is_none() && condition::flat(&segment.condition).starts_with('"') {
            self.word("(");
            self.expr(&segment.condition);
            self.push(")");
        } else {
            self.expr(&segment.condition);
        }
        self.end_line(end);
        self.before(end);
        self.indent -= 1;
    }

    fn journey(&mut self, journey: &Journey, end: u32) {
        self.header("journey", &journey.name, journey.label.as_ref());
        let first = journey.steps.first().map_or(end, |s| s.span.start);
        self.end_line(journey.was.iter().chain(&journey.on).map(|n| n.span.start).min().unwrap_or(first));
        self.indent += 1;
        for (lead, name) in [("was", &journey.was), ("on", &journey.on)] {
            if let Some(name) = name {
                self.before(name.span.start);
                self.word(lead);
                self.word(&word::name(&name.node));
                self.end_line(first);
            }
        }
        if journey.migrate {
            self.word("migrate");
            self.end_line(first);
        }
        self.steps(&journey.steps, journey.exit.as_ref().map_or(end, |e| e.span.start));
        if let Some(exit) = &journey.exit {
            self.before(exit.span.start);
            self.word("exit when");
            self.expr(exit);
            self.end_line(end);
        }
        self.before(end);
        self.indent -= 1;
    }

    fn steps(&mut self, steps: &[Spanned<JourneyStep>], end: u32) {
        for (i, step) in steps.iter().enumerate() {
            self.before(step.span.start);
            self.step(step, steps.get(i + 1).map_or(end, |n| n.span.start));
        }
    }

    fn step(&mut self, step: &Spanned<JourneyStep>, next: u32) {
        match &step.node {
            JourneyStep::Do(action) => return self.action(&Spanned::new(action.clone(), step.span), next),
            JourneyStep::Wait(length) => self.word(&format!("wait {}", word::length(length.node))),
            JourneyStep::WaitUntil(event, length) => {
                let (event, length) = (word::name(&event.node), word::length(length.node));
                self.word(&format!("wait until {event}, at most {length}"));
            }
            JourneyStep::If(condition, then, otherwise) => {
                if let ([only], []) = (then.as_slice(), otherwise.as_slice())
                    && let JourneyStep::Do(action) = &only.node
                    && let Some(action) = clause::simple_action(action)
                    && !self.comment_before(step.span.end)
                {
                    let line = format!("if {} then {action} end", condition::flat(condition));
                    if width(&line) <= self.room() {
                        self.word(&line);
                        return self.end_line(next);
                    }
                }
                self.word("if");
                self.expr(condition);
                self.word("then");
                self.branch(then, otherwise.first().map_or(step.span.end, |o| o.span.start));
                if !otherwise.is_empty() {
                    self.word("else");
                    self.branch(otherwise, step.span.end);
                }
                self.word("end");
            }
        }
        self.end_line(next);
    }

    fn branch(&mut self, steps: &[Spanned<JourneyStep>], end: u32) {
        self.end_line(steps.first().map_or(end, |s| s.span.start));
        self.indent += 1;
        self.steps(steps, end);
        self.before(end);
        self.indent -= 1;
    }
}

/// For each item how wide the names are among the defines or the scores that it stands together with, one behind
/// another; 0 for what is neither.
fn name_widths(items: &[Spanned<Item>]) -> Vec<usize> {
    let name = |item: &Spanned<Item>| match &item.node {
        Item::Define(d) => (Some(0), width(&word::name(&d.name.node))),
        Item::Score(s) => (Some(1), width(&word::name(&s.name.node))),
        _ => (None, 0),
    };
    let names: Vec<(Option<u8>, usize)> = items.iter().map(name).collect();
    let neighbours = names.chunk_by(|(a, _), (b, _)| a == b);
    let aligned = neighbours.flat_map(|together| {
        let widest = together.iter().map(|(_, width)| *width).max().unwrap_or(0);
        // One very long name would push all others far to the right.
        std::iter::repeat_n(if widest <= 24 { widest } else { 0 }, together.len())
    });
    aligned.collect()
}
