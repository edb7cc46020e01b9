//! Reads a template's source before Liquid does: which values it shows and where, and whether it stays
//! inside what is offered. Hands Liquid a source in which every shown value ends in the escaping filter.

use super::language::{BLOCKS, FILTERS, FUEL, Fault};
use super::token::{Kind, Token, tokens};
use std::collections::BTreeSet;
use std::ops::Range;

/// How deep blocks may stand in one another.
const DEPTH: usize = 32;
/// How many `elsif` and `when` a block may have: Liquid goes one call deeper for each.
const ARMS: usize = 64;
/// How many filters one value may go through.
const CHAIN: usize = 20;
/// How many times a counted `for` may go round.
const ROUNDS: i64 = 1_000;
/// How long a run of blanks may be: Liquid's time grows with its square.
const BLANKS: usize = 500;
/// Filters that repeat their argument, which is why it has to stand in the template itself.
const REPEATING: [&str; 2] = ["join", "replace"];

/// A template that was read.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// For Liquid, with the same lines.
    pub source: String,
    /// The values that are shown or asked for: path and line. Not those that the template makes itself.
    pub variables: Vec<(String, usize)>,
    /// Those of them that blocks ask for.
    pub asked: BTreeSet<String>,
    /// Where braces stand, but for those of comments.
    pub braces: Vec<Range<usize>>,
}

/// Reads a source. `escape` is the filter that every shown value ends in.
pub(crate) fn scan(source: &str, escape: &str) -> Result<Scanned, Fault> {
    let mut scanner = Scanner {
        source,
        escape,
        at: 0,
        out: String::with_capacity(source.len() + 256),
        variables: Vec::new(),
        asked: BTreeSet::new(),
        braces: Vec::new(),
        assigned: Vec::new(),
        open: Vec::new(),
        steps: 0,
    };
    scanner.run()?;
    let (mut line, mut counted) = (1, 0);
    let placed = std::mem::take(&mut scanner.variables).into_iter().map(|(path, at)| {
        line += source.get(counted..at).unwrap_or_default().matches('\n').count();
        counted = counted.max(at);
        (path, line)
    });
    let Scanner { asked, out: source, braces, .. } = scanner;
    Ok(Scanned { variables: placed.collect(), asked, source, braces })
}

struct Scanner<'a> {
    source: &'a str,
    escape: &'a str,
    /// Everything before it is written out.
    at: usize,
    out: String,
    /// With the places where they stand.
    variables: Vec<(String, usize)>,
    asked: BTreeSet<String>,
    braces: Vec<Range<usize>>,
    assigned: Vec<&'a str>,
    open: Vec<Block<'a>>,
    /// How many of its parts are gone through for somebody, as far as that is written.
    steps: u64,
}

/// A block that is not closed yet.
struct Block<'a> {
    name: &'a str,
    start: usize,
    /// The variable of a `for`.
    variable: Option<&'a str>,
    arms: usize,
    /// How many times it goes round, with the blocks around it, as far as that is written.
    rounds: u64,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) -> Result<(), Fault> {
        while let Some(start) = self.next_braces() {
            self.text(start)?;
            let output = self.rest().starts_with("{{");
            let (inside, end) = tokens(self.source, start, if output { "}}" } else { "%}" })?;
            if output {
                self.output(&inside, end)?
            } else {
                self.tag(&inside, end)?
            }
            if self.at == end {
                self.braces.push(start..end);
            }
            self.steps = self.steps.saturating_add(self.open.last().map_or(1, |block| block.rounds));
            if self.steps > FUEL {
                let message = format!("its loops take more than {FUEL} steps");
                return Err(self.fault(start, message, "count less far, or take a loop out of the other"));
            }
        }
        self.text(self.source.len())?;
        match self.open.pop() {
            None => Ok(()),
            Some(b) => Err(self.fault(
                b.start,
                format!("`{{% {} %}}` is never closed", b.name),
                format!("write {{% end{} %}} where it ends", b.name),
            )),
        }
    }

    fn next_braces(&self) -> Option<usize> {
        let mut braces = self.rest().match_indices('{').map(|(at, _)| self.at + at);
        braces.find(|at| matches!(self.source.as_bytes().get(at + 1), Some(b'{' | b'%')))
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Text as it stands, up to a place.
    fn text(&mut self, end: usize) -> Result<(), Fault> {
        let text = self.source.get(self.at..end).unwrap_or_default();
        let mut run = 0;
        for c in text.chars() {
            run = if c.is_whitespace() { run + 1 } else { 0 };
            if run > BLANKS {
                let help = "take the blanks out; they are not shown in mail anyway";
                return Err(self.fault(self.at, format!("more than {BLANKS} blanks in a row"), help));
            }
        }
        self.copy(end);
        Ok(())
    }

    fn copy(&mut self, end: usize) {
        self.out.push_str(self.source.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    /// `{{ … }}`
    fn output(&mut self, inside: &[Token<'a>], end: usize) -> Result<(), Fault> {
        let Some(last) = inside.last() else {
            return Err(self.fault(
                self.at,
                "`{{ }}` shows nothing".into(),
                "write a value: {{ customer.name }}",
            ));
        };
        self.values(inside)?;
        self.copy(last.end);
        let filter = self.escape;
        self.out.push_str(&format!(" | {filter} "));
        self.copy(end);
        Ok(())
    }

    /// `{% … %}`
    fn tag(&mut self, inside: &[Token<'a>], end: usize) -> Result<(), Fault> {
        let Some((name, arguments)) = inside.split_first() else {
            return Err(self.fault(self.at, "`{% %}` says nothing".into(), "take it out"));
        };
        match name.text {
            "comment" => return self.comment(end),
            "if" | "unless" | "case" => {
                self.ask(arguments)?;
                self.begin(name.text, None, 1)?;
            }
            "for" => self.begin_for(arguments)?,
            "elsif" | "when" => {
                self.ask(arguments)?;
                self.arm()?;
            }
            "assign" => self.assign(arguments)?,
            "else" | "break" | "continue" => {}
            other => match other.strip_prefix("end").filter(|b| BLOCKS.contains(b)) {
                Some(block) => self.close(block)?,
                None => {
                    let message = format!("`{{% {other} %}}` is not offered in templates");
                    let help = "there are if, elsif, else, unless, case, when, for, break, continue, assign, comment";
                    return Err(self.fault(name.start, message, help));
                }
            },
        }
        self.copy(end);
        Ok(())
    }

    fn ask(&mut self, arguments: &[Token<'a>]) -> Result<(), Fault> {
        let before = self.variables.len();
        self.values(arguments)?;
        self.asked.extend(self.variables.iter().skip(before).map(|(path, _)| path.clone()));
        Ok(())
    }

    /// A comment is left out, but for its line breaks.
    fn comment(&mut self, from: usize) -> Result<(), Fault> {
        let mut at = from;
        while let Some(found) = self.source.get(at..).and_then(|s| s.find("{%")) {
            let start = at + found;
            let inside = self.source.get(start + 2..).unwrap_or_default();
            if inside.trim_start_matches('-').trim_start().starts_with("endcomment") {
                let end = inside.find("%}").map_or(self.source.len(), |e| start + 2 + e + 2);
                let skipped = self.source.get(self.at..end).unwrap_or_default();
                self.out.extend(skipped.chars().filter(|c| *c == '\n'));
                self.at = end;
                return Ok(());
            }
            at = start + 2;
        }
        Err(self.fault(
            self.at,
            "`{% comment %}` is never closed".into(),
            "write {% endcomment %} where it ends",
        ))
    }

    fn begin(&mut self, name: &'a str, variable: Option<&'a str>, rounds: u64) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            let message = format!("more than {DEPTH} blocks inside one another");
            return Err(self.fault(self.at, message, "write it flatter"));
        }
        let rounds = self.open.last().map_or(1, |block| block.rounds).saturating_mul(rounds);
        self.open.push(Block { name, start: self.at, variable, arms: 0, rounds });
        Ok(())
    }

    fn arm(&mut self) -> Result<(), Fault> {
        let arms = self.open.last_mut().map(|block| {
            block.arms += 1;
            block.arms
        });
        if arms.is_some_and(|n| n > ARMS) {
            let message = format!("more than {ARMS} branches in one block");
            return Err(self.fault(self.at, message, "make several templates of it"));
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), Fault> {
        match self.open.pop() {
            Some(block) if block.name == name => Ok(()),
            Some(block) => {
                let message = format!("`{{% end{name} %}}` stands where `{{% {} %}}` has to end", block.name);
                Err(self.fault(self.at, message, format!("write {{% end{} %}} before it", block.name)))
            }
            None => Err(self.fault(self.at, format!("`{{% end{name} %}}` closes nothing"), "take it out")),
        }
    }

    /// `for NAME in PATH` or `for NAME in (1..5)`, then `limit: 3`, `offset: 1`, `reversed`.
    fn begin_for(&mut self, arguments: &[Token<'a>]) -> Result<(), Fault> {
        let [variable, of, list @ ..] = arguments else {
            return Err(self.fault(
                self.at,
                "`for` is not complete".into(),
                "write {% for tag in customer.tags %}",
            ));
        };
        if of.text != "in" {
            return Err(self.fault(
                of.start,
                "`in` is missing".into(),
                "write {% for tag in customer.tags %}",
            ));
        }
        self.own_name(variable)?;
        // How long a list is that a customer has is not known here: it is counted when it is gone through.
        let counts = list.first().is_some_and(|t| t.text == "(");
        let rounds = if counts { self.counted(list)? } else { 1 };
        let words: Vec<Token<'a>> = list.iter().filter(|t| t.text != "reversed").copied().collect();
        self.values(&words)?;
        self.begin("for", Some(variable.text), rounds)
    }

    /// The rounds of `(1..5)`: known here, since a row of data must not decide how long a mail takes.
    fn counted(&self, list: &[Token<'a>]) -> Result<u64, Fault> {
        let number = |i: usize| {
            list.get(i).filter(|t| t.kind == Kind::Number).and_then(|t| t.text.parse::<i64>().ok())
        };
        let at = list.first().map_or(self.at, |t| t.start);
        match (number(1), number(3)) {
            (Some(from), Some(to)) if to.saturating_sub(from) < ROUNDS => {
                Ok(u64::try_from(to.saturating_sub(from) + 1).unwrap_or(0))
            }
            (Some(_), Some(_)) => {
                Err(self.fault(at, format!("this goes round more than {ROUNDS} times"), "count less far"))
            }
            _ => Err(self.fault(at, "a loop counts between two whole numbers".into(), "write (1..5)")),
        }
    }

    /// `assign NAME = VALUE | FILTER …`
    fn assign(&mut self, arguments: &[Token<'a>]) -> Result<(), Fault> {
        let [name, equals, value @ ..] = arguments else {
            return Err(self.fault(
                self.at,
                "`assign` is not complete".into(),
                "write {% assign name = customer.name %}",
            ));
        };
        if equals.text != "=" {
            return Err(self.fault(
                equals.start,
                "`=` is missing".into(),
                "write {% assign name = customer.name %}",
            ));
        }
        self.own_name(name)?;
        self.values(value)?;
        self.assigned.push(name.text);
        Ok(())
    }

    /// A name that the template makes itself.
    fn own_name(&self, name: &Token<'a>) -> Result<(), Fault> {
        if name.kind == Kind::Word && name.text.is_ascii() {
            return Ok(());
        }
        let message = format!("`{}` cannot be the name of a value of the template's own", name.text);
        Err(self.fault(name.start, message, "use Latin letters, digits, - and _"))
    }

    /// Values and their filters: notes the paths, and checks the filters.
    fn values(&mut self, list: &[Token<'a>]) -> Result<(), Fault> {
        let (mut i, mut filters, mut literal) = (0, 0, None);
        while let Some(token) = list.get(i) {
            let before = i.checked_sub(1).and_then(|p| list.get(p)).map(|t| t.text);
            let after = list.get(i + 1).map(|t| t.text);
            i += 1;
            match token.kind {
                Kind::Word if before == Some("|") => {
                    filters += 1;
                    self.filter(token, filters)?;
                    literal = REPEATING.iter().find(|f| **f == token.text);
                }
                Kind::Word if after == Some(":") || is_word_of_liquid(token.text) => {}
                Kind::Word => {
                    if let Some(filter) = literal {
                        let message = format!("`{filter}` takes text in quotes, not a value");
                        return Err(self.fault(token.start, message, format!("write {filter}: \"…\"")));
                    }
                    i += self.path(token, list.get(i..).unwrap_or_default())?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn filter(&self, name: &Token<'a>, count: usize) -> Result<(), Fault> {
        if count > CHAIN {
            return Err(self.fault(
                name.start,
                format!("more than {CHAIN} filters in a row"),
                "take some out",
            ));
        }
        if matches!(name.text, "escape" | "escape_once") {
            let message = format!("`{}` is not needed: values are escaped by themselves", name.text);
            return Err(self.fault(name.start, message, format!("take `| {}` out", name.text)));
        }
        if !FILTERS.contains(&name.text) {
            let message = format!("there is no filter `{}`", name.text);
            return Err(self.fault(name.start, message, format!("there are {}", FILTERS.join(", "))));
        }
        Ok(())
    }

    /// A value's path, which begins with `first`. Answers how many of the tokens after it belong to it.
    fn path(&mut self, first: &Token<'a>, rest: &[Token<'a>]) -> Result<usize, Fault> {
        let mut path = first.text.to_owned();
        let mut used = 0;
        loop {
            match rest.get(used..).unwrap_or_default() {
                [dot, name, ..] if dot.text == "." && name.kind == Kind::Word => {
                    path.push('.');
                    path.push_str(name.text);
                    if !name.text.is_ascii() {
                        // Liquid's own names are ASCII; in quotes it takes any.
                        self.rewrite(dot.start..name.end, &format!("[\"{}\"]", name.text));
                    }
                    used += 2;
                }
                [open, index, close, ..]
                    if open.text == "[" && close.text == "]" && index.kind != Kind::Word =>
                {
                    if index.kind == Kind::Text {
                        path.push('.');
                        path.push_str(index.text.trim_matches(['"', '\'']));
                    }
                    used += 3;
                }
                [open, ..] if open.text == "[" => {
                    let help = "write customer.city or customer[\"city\"]";
                    return Err(self.fault(
                        open.start,
                        "a value is named by a text in brackets".into(),
                        help,
                    ));
                }
                _ => break,
            }
        }
        let own = self.assigned.contains(&first.text)
            || self
                .open
                .iter()
                .any(|b| b.variable.is_some_and(|v| v == first.text || first.text == "forloop"));
        if !own {
            self.variables.push((path, first.start));
        }
        Ok(used)
    }

    /// Writes out up to a part of the source, and something else in its place.
    fn rewrite(&mut self, part: Range<usize>, instead: &str) {
        self.copy(part.start);
        self.out.push_str(instead);
        self.at = part.end;
    }

    fn fault(&self, at: usize, message: String, help: impl Into<String>) -> Fault {
        Fault::new(line_of(self.source, at), message).help(help)
    }
}

/// Words with a meaning of their own in conditions and values.
fn is_word_of_liquid(word: &str) -> bool {
    matches!(word, "and" | "or" | "contains" | "true" | "false" | "nil" | "null" | "empty" | "blank")
}

/// The line of a place, from 1 on.
pub(super) fn line_of(source: &str, at: usize) -> usize {
    source.get(..at).unwrap_or(source).matches('\n').count() + 1
}
