//! What to say about a part that the grammar could not read: how far it could be read, and what was missing there.

mod known;

use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Grammar, Pair, Rule, is_word};
use crate::lower::Lower;
use crate::phrase::{phrase, word};
use crate::span::Place;
use crate::suggest::nearest;
use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

/// The words that begin a declaration.
pub(crate) const DECLARATIONS: [&str; 7] =
    ["define", "score", "stages", "segment", "rule", "journey", "policy"];

/// Where reading stopped, and what could have followed.
struct Stop<'t> {
    /// The part, from its first to its last character.
    text: &'t str,
    /// The rule by which it was read.
    alone: Rule,
    /// Where in the part reading stopped.
    at: usize,
    /// What could have followed.
    expected: Vec<Rule>,
    /// The part's place.
    part: Place,
    /// The place of what stands where reading stopped; empty at the end.
    place: Place,
    /// The place right behind the last thing that could be read.
    behind: Place,
}

impl Lower<'_> {
    /// Reports a part that could not be read, by reading it once more alone.
    pub(crate) fn unexpected(&mut self, pair: &Pair<'_>, alone: Rule) {
        if self.spoiled_here() {
            return;
        }
        if self.is_full() {
            let place = self.place(pair);
            return self.report(Diagnostic::new(Code::UNEXPECTED, place, ""));
        }
        let text = pair.as_str().trim_end();
        let (at, expected) = match Grammar::parse(alone, text) {
            Err(error) => {
                let at = match error.location {
                    InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
                };
                match error.variant {
                    ErrorVariant::ParsingError { positives, .. } => (at, positives),
                    ErrorVariant::CustomError { .. } => (at, Vec::new()),
                }
            }
            Ok(_) => (text.len(), Vec::new()),
        };
        let start = pair.as_span().start();
        let place = |from: usize, to: usize| self.at(self.written_span(start + from, start + to));
        let before = text.get(..at).unwrap_or("").trim_end().len();
        let stop = Stop {
            text,
            alone,
            at,
            part: place(0, text.len()),
            place: place(at, at + token(text.get(at..).unwrap_or("")).len()),
            behind: place(before, before),
            expected,
        };
        let found = stop.known().unwrap_or_else(|| stop.plain());
        self.report(found);
    }
}

impl Stop<'_> {
    /// What stands where reading stopped.
    fn found(&self) -> &str {
        token(self.text.get(self.at..).unwrap_or(""))
    }

    /// The part up to where reading stopped.
    fn before(&self) -> &str {
        self.text.get(..self.at).unwrap_or("").trim_end()
    }

    fn wants(&self, rule: Rule) -> bool {
        self.expected.contains(&rule)
    }

    /// "expected a condition after `and`"
    fn plain(&self) -> Diagnostic {
        let phrases = self.phrases();
        let mut message = match phrases.split_last() {
            None => "this could not be read".to_owned(),
            Some((last, [])) => format!("expected {last}"),
            Some((last, rest)) => format!("expected {} or {last}", rest.join(", ")),
        };
        if let Some(last) = last_token(self.before()) {
            message += &format!(" after `{last}`");
        }
        let found = self.found();
        let place = if found.is_empty() { self.behind } else { self.place };
        let diagnostic = Diagnostic::new(Code::UNEXPECTED, place, message);
        if found.is_empty() {
            return diagnostic.label("nothing follows");
        }
        let diagnostic = diagnostic.label(format!("found `{}`", Lower::quote(found)));
        match nearest(found, self.words().iter().map(String::as_str)) {
            Some(near) if near != found => diagnostic.fix(format!("did you mean `{near}`?"), place, near),
            _ => diagnostic,
        }
    }

    /// The words that could stand here.
    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.expected.iter().filter_map(|r| word(*r)).collect();
        let mut more = |wanted: Rule, candidates: &[&str]| {
            if self.wants(wanted) {
                words.extend(candidates.iter().map(|w| (*w).to_owned()));
            }
        };
        more(Rule::days, &["day", "weekday", "month", "hour"]);
        more(Rule::days, &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);
        more(Rule::action, &known::ACTIONS);
        more(Rule::joiner, &["between", "contains", "starts", "ends", "since", "before", "where"]);
        more(Rule::basis, &["quintile", "decile", "bands"]);
        more(Rule::unit, &["minutes", "hours", "days", "weeks", "months", "years"]);
        more(Rule::best, &["lowest", "highest"]);
        if self.alone == Rule::lone_clause {
            more(Rule::k_end, &known::CLAUSES);
        }
        words
    }

    /// What could have followed, in words, the likeliest first.
    fn phrases(&self) -> Vec<String> {
        let condition = self.wants(Rule::joiner);
        let mut phrases: Vec<String> = Vec::new();
        for rule in &self.expected {
            let noise = match rule {
                // After any value much can follow; say what is likely.
                Rule::sign
                | Rule::percent_sign
                | Rule::currency
                | Rule::unit
                | Rule::k_is
                | Rule::k_not
                | Rule::window
                | Rule::filter => condition || self.expected.len() > 4,
                Rule::membership
                | Rule::range
                | Rule::like
                | Rule::matcher
                | Rule::comparator
                | Rule::state => condition && self.compared(),
                Rule::k_and | Rule::also => self.expected.len() > 1,
                // A value can begin with many words; "a value or a name" says it.
                rule => is_word(*rule) && self.wants(Rule::paren),
            };
            let phrase = match rule {
                Rule::EOI | Rule::clause_start | Rule::after_item => Some(self.next()),
                Rule::k_of if self.text.starts_with("limit") => Some("`of customers`".to_owned()),
                rule if self.wants(Rule::paren) && is_factor(*rule) => phrase(Rule::operand),
                Rule::name if self.behind_send() => Some("a channel, such as `email`".to_owned()),
                Rule::term | Rule::expr if self.before().ends_with('=') => {
                    Some("a value or a condition".to_owned())
                }
                _ => phrase(*rule),
            };
            for phrase in phrase.iter().filter(|_| !noise).flat_map(|p| p.split('|')) {
                if !phrases.iter().any(|p| p == phrase) {
                    phrases.push(phrase.to_owned());
                }
            }
        }
        // The comparison, then what goes on, then what ends.
        phrases.sort_by_key(|p| (!p.starts_with("a comparison"), p.starts_with("the next") || p == "`end`"));
        phrases.truncate(6);
        phrases
    }

    /// What comes after a whole part of this kind.
    fn next(&self) -> String {
        match self.alone {
            Rule::lone_clause => "the next clause",
            Rule::lone_arm => "the next stage",
            Rule::lone_policy => "the next line of the policy",
            Rule::lone_journey => "the next step",
            Rule::lone_item => "the next declaration",
            _ => "`end`",
        }
        .to_owned()
    }

    /// Whether the template of a `send` is the last thing that was read.
    fn behind_send(&self) -> bool {
        self.before().split_whitespace().nth_back(1) == Some("send")
    }

    /// Whether a comparison already stands before, in the same condition.
    fn compared(&self) -> bool {
        let words: Vec<&str> = self.before().split_whitespace().collect();
        let last = words.iter().rposition(|w| matches!(*w, "and" | "or" | "not" | "if" | "when" | "of"));
        let term = words.get(last.map_or(0, |l| l + 1)..).unwrap_or(&[]);
        term.iter().any(|w| {
            w.contains(['=', '<', '>'])
                || matches!(*w, "is" | "in" | "between" | "contains" | "with" | "than")
        })
    }
}

/// Whether a rule is one of the many ways in which a value can begin.
fn is_factor(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::literal
            | Rule::group
            | Rule::group_kind
            | Rule::call
            | Rule::call_name
            | Rule::paren
            | Rule::aggregate
            | Rule::function
            | Rule::since
            | Rule::until
            | Rule::was_sent
            | Rule::opened
            | Rule::entered
            | Rule::holds
            | Rule::timed_out
            | Rule::in_segment
            | Rule::path
            | Rule::name
    )
}

/// The first token of a text: a word, a quoted text or name, a number, or one sign.
fn token(text: &str) -> &str {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return "" };
    let end = match first {
        '"' | '`' | '\'' => text.get(1..).and_then(|t| t.find([first, '\n'])).map_or(text.len(), |e| e + 2),
        c if c.is_alphanumeric() || c == '_' => chars
            .find(|(_, c)| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
            .map_or(text.len(), |(i, _)| i),
        c => c.len_utf8(),
    };
    text.get(..end).unwrap_or(text)
}

/// The last token of a text, if it can be quoted.
fn last_token(text: &str) -> Option<&str> {
    let last = text.rsplit(char::is_whitespace).next()?;
    let last = last.rsplit(['(', ',']).next().filter(|l| !l.is_empty()).unwrap_or(last);
    (!last.is_empty() && last.chars().count() <= 30 && !last.contains('"')).then_some(last)
}
