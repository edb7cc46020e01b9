//! Slips that are known by where reading stopped.

use super::{DECLARATIONS, Stop, token};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::span::{Place, Span};
use crate::suggest::nearest;

/// The words that begin an action.
pub(super) const ACTIONS: [&str; 9] =
    ["send", "add", "remove", "set", "call", "start", "stop", "notify", "split"];
/// The words that begin a clause of a rule.
pub(super) const CLAUSES: [&str; 18] = [
    "if", "then", "else", "for", "every", "cron", "on", "once", "repeat", "limit", "budget", "hold",
    "priority", "expires", "goal", "owner", "was", "end",
];
/// The words that begin a line of the policy.
const POLICY: [&str; 5] = ["at", "quiet", "hold", "every", "cron"];
/// The words that only a journey has.
const JOURNEY: [&str; 3] = ["wait", "exit", "migrate"];
/// The words that can be a name only in back-ticks.
const RESERVED: [&str; 14] =
    ["and", "or", "not", "in", "is", "of", "if", "then", "else", "end", "where", "between", "true", "false"];

impl Stop<'_> {
    /// A message of its own for a slip that is known.
    pub(super) fn known(&self) -> Option<Diagnostic> {
        self.foreign_sign()
            .or_else(|| self.no_then())
            .or_else(|| self.beginning())
            .or_else(|| self.bad_name())
            .or_else(|| self.empty())
            .or_else(|| self.unclosed())
            .or_else(|| self.no_comma())
            .or_else(|| self.no_of())
            .or_else(|| self.no_list())
            .or_else(|| self.bad_text())
    }

    /// Comments and separators of other languages.
    fn foreign_sign(&self) -> Option<Diagnostic> {
        let rest = self.text.get(self.at..)?;
        let sign = ["--", "//", "/*", ";", "{", "}"].into_iter().find(|s| rest.starts_with(s))?;
        let place = Place {
            span: Span { end: self.place.span.start + sign.len() as u32, ..self.place.span },
            ..self.place
        };
        let found = Diagnostic::new(Code::FOREIGN_OPERATOR, place, format!("`{sign}` means nothing here"))
            .label("a sign of another language");
        Some(match sign {
            "--" | "//" => found.fix("a comment begins with `#`", place, "#"),
            "/*" => found.help("a comment begins with `#` and ends with its line"),
            ";" => found.fix("nothing stands between two parts", place, ""),
            _ => found.help("a block begins with its name and closes with `end`"),
        })
    }

    /// A part, or what stands right behind a clause, whose first word is not one that can stand there.
    fn beginning(&self) -> Option<Diagnostic> {
        let word = self.found();
        let behind_a_clause = self.alone == Rule::lone_clause && self.wants(Rule::k_end);
        if word.is_empty() || !(self.at == 0 || behind_a_clause) {
            return None;
        }
        let lower = word.to_lowercase();
        let is = |words: &[&str]| words.contains(&lower.as_str());
        let misplaced = |message: String, help: &str| {
            Some(Diagnostic::new(Code::MISPLACED, self.place, message).label("not here").help(help))
        };
        match self.alone {
            Rule::lone_item if lower == "end" => {
                return Some(
                    Diagnostic::new(Code::MISPLACED, self.place, "this `end` closes nothing")
                        .label("no block is open here")
                        .fix("take it out", self.place, ""),
                );
            }
            Rule::lone_item if is(&ACTIONS) => {
                return misplaced(
                    format!("`{word}` stands outside a rule"),
                    "an action stands behind `then`: `if … then send wake-up email`",
                );
            }
            Rule::lone_clause | Rule::lone_policy if is(&JOURNEY) => {
                return misplaced(
                    format!("only a journey has `{word}`"),
                    "write it into `journey NAME … end`",
                );
            }
            Rule::lone_clause if is(&ACTIONS) => {
                return misplaced(
                    format!("the action `{word}` stands outside `then`"),
                    "actions stand behind `then`, one after the other",
                );
            }
            Rule::lone_clause if is(&POLICY) => {
                return misplaced(
                    format!("`{word}` is no clause of a rule"),
                    "what holds for all rules stands in `policy … end`",
                );
            }
            Rule::lone_clause if lower == "when" => {
                return Some(
                    Diagnostic::new(
                        Code::MISPLACED,
                        self.place,
                        "a rule asks with `if`, stages ask with `when`",
                    )
                    .label("`when` in a rule")
                    .fix("write `if`", self.place, "if"),
                );
            }
            Rule::lone_policy if is(&CLAUSES) => {
                return misplaced(
                    format!("`{word}` is no part of the policy"),
                    "it is a clause of a rule: `rule NAME … end`",
                );
            }
            Rule::lone_journey if is(&CLAUSES) && !is(&["if", "on", "was", "end"]) => {
                return misplaced(
                    format!("a journey has no `{word}`"),
                    "it is a clause of a rule: `rule NAME … end`",
                );
            }
            _ if behind_a_clause => return None,
            _ => {}
        }
        let (expected, candidates): (&str, Vec<&str>) = match self.alone {
            Rule::lone_item => {
                ("a declaration, or a sentence that begins with `if`", [&DECLARATIONS[..], &["if"]].concat())
            }
            Rule::lone_clause => ("a clause of the rule, or its `end`", CLAUSES.to_vec()),
            Rule::lone_policy => ("a line of the policy, or its `end`", POLICY.to_vec()),
            Rule::lone_journey => {
                ("a step of the journey, or its `end`", [&ACTIONS[..], &JOURNEY, &["if", "on"]].concat())
            }
            _ => return None,
        };
        let found = Diagnostic::new(Code::UNEXPECTED, self.place, format!("expected {expected}"))
            .label(format!("found `{word}`"));
        Some(match nearest(word, candidates) {
            Some(near) => found.fix(format!("did you mean `{near}`?"), self.place, near),
            None if self.alone == Rule::lone_item => found.help("a declaration begins with `define`, `score`, `stages`, `segment`, `rule`, `journey` or `policy`"),
            None => found,
        })
    }

    /// Something that cannot be a name, where one is wanted.
    fn bad_name(&self) -> Option<Diagnostic> {
        let found = self.found();
        let wanted = self.wants(Rule::name) || self.wants(Rule::channel) || self.wants(Rule::path);
        let first = found.chars().next()?;
        if !wanted || self.wants(Rule::operand) {
            return None;
        }
        let diagnostic = |message: &str| {
            Diagnostic::new(Code::BAD_NAME, self.place, message).label(format!("found `{found}`"))
        };
        if first == '"' {
            let inside = found.trim_matches('"');
            let bare = token(inside) == inside
                && !RESERVED.contains(&inside)
                && !inside.starts_with(|c: char| c.is_ascii_digit());
            let write = if bare && !inside.is_empty() { inside.to_owned() } else { format!("`{inside}`") };
            return Some(diagnostic("a name stands without double quotes").fix(
                "write the name alone",
                self.place,
                write,
            ));
        }
        if first.is_ascii_digit() {
            let found = diagnostic("a name begins with a letter");
            return Some(found.fix("or stands in back-ticks", self.place, format!("`{}`", self.found())));
        }
        let reserved = RESERVED.contains(&found.to_lowercase().as_str())
            && !matches!(found, "then" | "else" | "end" | "if");
        reserved.then(|| {
            diagnostic(&format!("`{found}` is a word of the language")).fix(
                "as a name it stands in back-ticks",
                self.place,
                format!("`{found}`"),
            )
        })
    }

    /// `if a send x email`
    fn no_then(&self) -> Option<Diagnostic> {
        let word = self.found();
        let behind_a_clause = self.alone == Rule::lone_clause && self.wants(Rule::k_end);
        (behind_a_clause && ACTIONS.contains(&word)).then(|| {
            let message = format!("the action `{word}` stands outside `then`");
            let found = Diagnostic::new(Code::MISPLACED, self.place, message).label("not here");
            if self.text.starts_with("if") {
                found.fix("write `then` before it", self.place, format!("then {word}"))
            } else {
                found.help("actions stand behind `then`, one after the other")
            }
        })
    }

    /// `then` with nothing behind it.
    fn empty(&self) -> Option<Diagnostic> {
        let begins = token(self.text);
        let nothing = self.found().is_empty() || self.found() == "end";
        let alone = matches!(begins, "then" | "else") && self.before() == begins;
        (alone && nothing).then(|| {
            Diagnostic::new(Code::EMPTY, self.part, format!("nothing stands behind `{begins}`"))
                .label("what should happen?")
                .help("write an action, such as `send wake-up email`")
        })
    }

    /// A parenthesis or a group that is open where the part ends.
    fn unclosed(&self) -> Option<Diagnostic> {
        if !self.found().is_empty() {
            return None;
        }
        let (open, close) = match () {
            () if self.wants(Rule::shut) => (self.open_parenthesis()?, ")"),
            () if self.wants(Rule::k_end) && self.wants(Rule::comma) => (self.open_group()?, " end"),
            () => return None,
        };
        let start = self.part.span.start + open.0 as u32;
        let place = Place { span: Span { start, end: start + open.1 as u32 }, ..self.part };
        let what = self.text.get(open.0..open.0 + open.1).unwrap_or("(");
        Some(
            Diagnostic::new(Code::UNCLOSED, place, format!("this `{what}` is not closed"))
                .label("it begins here")
                .fix(format!("close it with `{}`", close.trim()), self.behind, close),
        )
    }

    /// The last parenthesis that is open at the end of the part: where, and how long it is.
    fn open_parenthesis(&self) -> Option<(usize, usize)> {
        let mut open = Vec::new();
        let mut at = 0;
        while let Some(c) = self.text.get(at..).and_then(|t| t.chars().next()) {
            match c {
                '(' => open.push(at),
                ')' => _ = open.pop(),
                _ => {}
            }
            let quoted = matches!(c, '"' | '`');
            at += if quoted { token(self.text.get(at..)?).len() } else { c.len_utf8() };
        }
        open.pop().map(|at| (at, 1))
    }

    /// The last `all of` that is open at the end of the part.
    fn open_group(&self) -> Option<(usize, usize)> {
        ["all of", "any of", "none of"]
            .iter()
            .filter_map(|g| self.text.rfind(g).map(|at| (at, g.len())))
            .max()
    }

    /// Two conditions of a group or two values of a list without a comma between them.
    fn no_comma(&self) -> Option<Diagnostic> {
        let found = self.found();
        let best = matches!(found, "lowest" | "highest");
        if !self.wants(Rule::comma)
            || found.is_empty()
            || !(best || self.wants(Rule::k_end) || self.wants(Rule::shut))
        {
            return None;
        }
        let begins =
            found.chars().next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '"' | '`' | '('));
        let message = match () {
            () if best => format!("expected `,` before `{found}`"),
            () if self.wants(Rule::shut) => "expected `,` or the end of a list".to_owned(),
            () => "expected `,` or the end of a group".to_owned(),
        };
        begins.then(|| {
            Diagnostic::new(Code::UNEXPECTED, self.place, message).label(format!("found `{found}`")).fix(
                "put a comma between them",
                self.behind,
                ",",
            )
        })
    }

    /// `count orders`
    fn no_of(&self) -> Option<Diagnostic> {
        let last = self.before().split_whitespace().next_back()?;
        let fold = matches!(
            last,
            "count" | "sum" | "average" | "min" | "max" | "number" | "quintile" | "decile" | "bands"
        );
        let wanted = self.wants(Rule::k_of)
            && fold
            && self.found().starts_with(|c: char| c.is_alphanumeric() || matches!(c, '(' | '`'));
        wanted.then(|| {
            Diagnostic::new(Code::UNEXPECTED, self.place, format!("expected `of` after `{last}`"))
                .label(format!("found `{}`", self.found()))
                .fix("write `of` between them", self.behind, " of")
        })
    }

    /// `city in Shanghai`
    fn no_list(&self) -> Option<Diagnostic> {
        let found = self.found();
        if !self.wants(Rule::list) || found.is_empty() {
            return None;
        }
        let diagnostic =
            Diagnostic::new(Code::UNEXPECTED, self.place, "the values after `in` stand in parentheses")
                .label(format!("found `{found}`"));
        let window = found == "last" || found == "the";
        Some(if window && self.before().split_whitespace().any(|w| w == "where") {
            diagnostic.help("`where` reaches over one comparison; put several into parentheses: `where (A and B) in last 90 days`")
        } else if window {
            diagnostic.help(
                "a stretch of time belongs to `count of …`; of a single date write `days since DATE <= 30`",
            )
        } else {
            diagnostic
                .fix("put parentheses around the values", self.place, format!("({found})"))
                .help("to ask for a segment, write `in NAME` by itself")
        })
    }

    /// A word where a text in quotes is wanted.
    fn bad_text(&self) -> Option<Diagnostic> {
        let found = self.found();
        let first = found.chars().next()?;
        if self.expected.as_slice() != [Rule::text] {
            return None;
        }
        let diagnostic = Diagnostic::new(Code::BAD_QUOTES, self.place, "expected a text in double quotes")
            .label(format!("found `{found}`"));
        let inside = found.trim_matches('\'');
        Some(if first.is_alphanumeric() || first == '\'' {
            diagnostic.fix("put it in double quotes", self.place, format!("\"{inside}\""))
        } else {
            diagnostic
        })
    }
}
