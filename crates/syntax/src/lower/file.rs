//! Declarations, and what is missing around them.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, has, parts};
use crate::span::{Span, Spanned};
use crate::tree::{
    Arm, Basis, Best, Clause, Comments, Define, File, Item, Name, Policy, Rule as Campaign, Score, Segment,
    Shares, Stages,
};

impl Lower<'_> {
    /// All items that are sound, and the names of those that are not.
    pub(super) fn items(&mut self, pair: Pair<'_>) -> (File, Vec<Name>) {
        let mut file = File { comments: Comments(self.clean.comments.clone()), ..File::default() };
        let mut broken = Vec::new();
        let mut sentence: Option<Span> = None;
        let mut troubled = false;
        for part in pair.into_inner().filter(|p| p.as_rule() != Rule::EOI) {
            let before = self.errors;
            // An `end` that is left over belongs to what was broken before it.
            if std::mem::replace(&mut troubled, false)
                && part.as_rule() == Rule::broken_item
                && part.as_str().trim_end() == "end"
            {
                continue;
            }
            let span = self.span(&part);
            self.scanned = span;
            if let Some(first) = sentence {
                self.after_sentence(&part, first);
            }
            if part.as_rule() == Rule::sentence {
                sentence.get_or_insert(span);
                let clauses = self.sentence(&part);
                troubled = self.errors > before;
                if !troubled {
                    file.sentence = Some(Spanned::new(clauses, span));
                }
                continue;
            }
            let item = self.item(&part);
            match item {
                Some(item) if self.errors == before && !self.spoiled(span) => {
                    file.items.push(Spanned::new(item, span));
                }
                _ => {
                    troubled = true;
                    broken.extend(self.declared(&part));
                }
            }
        }
        (file, broken)
    }

    /// Whether the scan before the grammar found an error in there.
    pub(super) fn spoiled(&self, span: Span) -> bool {
        let first = self.spoiled.partition_point(|at| *at < span.start);
        self.spoiled.get(first).is_some_and(|at| *at < span.end)
    }

    /// The name that a declaration gives, broken or not.
    fn declared(&mut self, part: &Pair<'_>) -> Option<Name> {
        if part.as_rule() != Rule::broken_item {
            return self.find_name(part);
        }
        let mut words = part.as_str().split_whitespace();
        let declares = crate::unexpected::DECLARATIONS.contains(&words.next()?);
        let name = words.next().filter(|_| declares)?;
        Some(Spanned::new(name.to_owned(), self.span(part)))
    }

    fn item(&mut self, part: &Pair<'_>) -> Option<Item> {
        match part.as_rule() {
            Rule::define => {
                Some(Item::Define(Define { name: self.find_name(part)?, value: self.find_expr(part)? }))
            }
            Rule::score => self.score(part).map(Item::Score),
            Rule::stages => self.stages(part).map(Item::Stages),
            Rule::segment => self.segment(part).map(Item::Segment),
            Rule::campaign => {
                let (name, label) = (self.find_name(part)?, self.find_text(part));
                let clauses = self.clauses(part);
                self.closed(part);
                Some(Item::Rule(Campaign { name, label, clauses }))
            }
            Rule::journey => {
                let journey = self.journey(part);
                self.body(
                    part,
                    Rule::lone_journey,
                    "a journey",
                    "one step or more, such as `send welcome email`",
                );
                self.closed(part);
                journey.map(Item::Journey)
            }
            Rule::policy => {
                let clauses: Vec<_> = parts(part.clone())
                    .filter_map(|p| match p.as_rule() {
                        Rule::policy_clause => self.policy_clause(&p),
                        Rule::broken_policy_clause => {
                            self.unexpected(&p, Rule::lone_policy);
                            None
                        }
                        _ => None,
                    })
                    .collect();
                self.closed(part);
                Some(Item::Policy(Policy { clauses }))
            }
            _ => {
                self.unexpected(part, Rule::lone_item);
                None
            }
        }
    }

    fn score(&mut self, pair: &Pair<'_>) -> Option<Score> {
        let basis_pair = find(pair, Rule::basis)?;
        let bounds = find(pair, Rule::bounds);
        let basis = match (basis_pair.clone().into_inner().next()?.as_rule(), &bounds) {
            (Rule::k_quintile, None) => Basis::Population(Shares::Quintile),
            (Rule::k_decile, None) => Basis::Population(Shares::Decile),
            (Rule::number, None) => {
                Basis::Population(Shares::Bands(self.find_whole(&basis_pair, "a number of bands")?.node))
            }
            (Rule::k_bands, Some(bounds)) => {
                let bounds: Vec<_> = parts(bounds.clone()).map(|b| self.literal(&b)).collect();
                Basis::Fixed(bounds.into_iter().collect::<Option<_>>()?)
            }
            (_, Some(bounds)) => {
                let place = self.place(bounds);
                self.report(
                    Diagnostic::new(Code::MISPLACED, place, "shares of the population have no bounds")
                        .label("these bounds")
                        .help("write `bands of … at …` for fixed bounds, or take the bounds out"),
                );
                return None;
            }
            (_, None) => {
                let place = self.place(&basis_pair);
                self.report(
                    Diagnostic::new(Code::EMPTY, place, "these bands have no bounds")
                        .label("bands between which values?")
                        .help("write `bands of … at 100 CNY, 500 CNY`, or `4 bands of …` for equal shares of the population"),
                );
                return None;
            }
        };
        let best = find(pair, Rule::best)
            .map(|b| if has(&b, Rule::k_lowest) { Best::Lowest } else { Best::Highest });
        Some(Score { name: self.find_name(pair)?, basis, of: self.find_expr(pair)?, best })
    }

    fn stages(&mut self, pair: &Pair<'_>) -> Option<Stages> {
        let (name, label) = (self.find_name(pair)?, self.find_text(pair));
        let mut arms = Vec::new();
        let mut any = false;
        for part in parts(pair.clone()) {
            match part.as_rule() {
                Rule::arm => {
                    any = true;
                    arms.extend(self.arm(&part));
                }
                Rule::broken_arm => {
                    any = true;
                    self.unexpected(&part, Rule::lone_arm);
                }
                _ => {}
            }
        }
        if !any {
            self.empty(
                pair,
                "a list of stages",
                "one stage or more, such as `loyal when count of orders >= 5`",
            );
        }
        self.closed(pair);
        Some(Stages { name, label, arms })
    }

    fn arm(&mut self, pair: &Pair<'_>) -> Option<Spanned<Arm>> {
        let when = match find(pair, Rule::expr) {
            Some(test) => Some(self.expr(&test)?),
            None => None,
        };
        let arm = Arm { name: self.find_name(pair)?, label: self.find_text(pair), when };
        Some(Spanned::new(arm, self.span(pair)))
    }

    fn segment(&mut self, pair: &Pair<'_>) -> Option<Segment> {
        let (name, label) = (self.find_name(pair)?, self.find_text(pair));
        let condition = self.find_expr(pair);
        self.body(pair, Rule::lone_expr, "a segment", "who is in it, such as `city = \"Shanghai\"`");
        self.closed(pair);
        Some(Segment { name, label, condition: condition? })
    }

    /// The body of a block that was not understood, or that is not there.
    fn body(&mut self, pair: &Pair<'_>, alone: Rule, what: &str, write: &str) {
        if let Some(broken) = find(pair, Rule::broken_body) {
            self.unexpected(&broken, alone);
        } else if parts(pair.clone())
            .all(|p| matches!(p.as_rule(), Rule::name | Rule::text | Rule::close | Rule::unclosed))
        {
            self.empty(pair, what, write);
        }
    }

    fn empty(&mut self, pair: &Pair<'_>, what: &str, write: &str) {
        let place = self.place(pair);
        self.report(
            Diagnostic::new(Code::EMPTY, place, format!("{what} with nothing in it"))
                .label("nothing stands in here")
                .help(format!("write {write}")),
        );
    }

    /// Reports a block without its `end`.
    fn closed(&mut self, pair: &Pair<'_>) {
        if !has(pair, Rule::unclosed) || self.spoiled(self.span(pair)) {
            return;
        }
        let Some(word) = pair.clone().into_inner().next() else { return };
        let (opening, whole) = (self.place(&word), self.span(pair));
        let after = self.at(Span { start: whole.end, end: whole.end });
        self.report(
            Diagnostic::new(Code::UNCLOSED, opening, format!("this `{}` has no `end`", word.as_str()))
                .label("it begins here")
                .fix("close it with `end`", after, "\nend"),
        );
    }

    fn clauses(&mut self, pair: &Pair<'_>) -> Vec<Spanned<Clause>> {
        let mut clauses = Vec::new();
        for part in parts(pair.clone()) {
            match part.as_rule() {
                Rule::clause => clauses.extend(self.clause(&part)),
                Rule::broken_clause => self.unexpected(&part, Rule::lone_clause),
                _ => {}
            }
        }
        clauses
    }

    fn sentence(&mut self, pair: &Pair<'_>) -> Vec<Spanned<Clause>> {
        let clauses = self.clauses(pair);
        let mut conditions = clauses.iter().filter(|c| matches!(c.node, Clause::If(_)));
        if let (Some(first), Some(second)) = (conditions.next(), conditions.next()) {
            let (first, second) = (self.at(first.span), self.at(second.span));
            self.report(
                Diagnostic::new(Code::AFTER_SENTENCE, second, "a file has one bare sentence")
                    .label("a second one begins here")
                    .also(first, "the first one")
                    .help("give each a name: `rule NAME … end`"),
            );
        }
        clauses
    }

    fn after_sentence(&mut self, part: &Pair<'_>, sentence: Span) {
        if part.as_rule() == Rule::broken_item {
            return;
        }
        let (place, first) = (self.place(part), self.at(sentence));
        self.report(
            Diagnostic::new(Code::AFTER_SENTENCE, place, "the bare sentence is the last thing in its file")
                .label("this stands after it")
                .also(first, "the bare sentence")
                .help("move it up, before the sentence, or make the sentence a rule: `rule NAME … end`"),
        );
    }
}
