//! Conditions: what can be yes, no or unknown.

use crate::names::Named;
use crate::program::{
    Aggregate, Body, Condition, ConditionKind, Entrance, NotRun, StagesId, Term, TermKind, Window,
};
use crate::{Checker, Scope};
use tidings_schema::{CollectionId, Type, Value, Vocabulary};
use tidings_syntax::tree::{self, CompareOp, Expr, ExprKind, Function, GroupKind, MatchOp, Touch, Unit};
use tidings_syntax::{Code, Diagnostic, Place, Spanned};

/// `entered` looks at every day of its window, so the window is bounded.
const LONGEST_ENTRANCE: u32 = 92;

impl<'a> Checker<'a> {
    /// A condition that stands for itself, in a rule, a segment or a stage: with the warnings that need
    /// to see it whole.
    pub(crate) fn root_condition(&mut self, expr: &Expr) -> Option<Condition> {
        let condition = self.condition(expr, Scope::Customer)?;
        self.warn_missing(&condition);
        Some(condition)
    }

    /// Whether an expression is a condition by its shape, or by what its name stands for.
    pub(crate) fn is_condition(&mut self, expr: &Expr) -> bool {
        match &expr.node {
            ExprKind::Literal(_)
            | ExprKind::Arithmetic(..)
            | ExprKind::Aggregate(_)
            | ExprKind::Since(..)
            | ExprKind::Until(..)
            | ExprKind::Next(_) => false,
            ExprKind::Path(path) => match path.parts.as_slice() {
                [name] => match self.look_up(&name.node) {
                    Some(Named::Define(id)) => {
                        let from = self.place(expr.span);
                        self.define(id, from).is_some_and(|d| matches!(d.body, Body::Condition(_)))
                    }
                    Some(Named::Segment(_)) => true,
                    _ => false,
                },
                _ => false,
            },
            _ => true,
        }
    }

    /// An expression as a condition.
    pub(crate) fn condition(&mut self, expr: &Expr, scope: Scope) -> Option<Condition> {
        let place = self.place(expr.span);
        let kind = match &expr.node {
            ExprKind::Not(inner) => ConditionKind::Not(Box::new(self.condition(inner, scope)?)),
            ExprKind::And(list) | ExprKind::Group(GroupKind::All, list) => {
                ConditionKind::All(self.conditions(list, scope)?)
            }
            ExprKind::Or(list) | ExprKind::Group(GroupKind::Any, list) => {
                ConditionKind::Any(self.conditions(list, scope)?)
            }
            ExprKind::Group(GroupKind::None, list) => {
                let any = ConditionKind::Any(self.conditions(list, scope)?);
                ConditionKind::Not(Box::new(Condition { kind: any, place }))
            }
            ExprKind::Compare(left, op, right) => return self.comparison(expr, left, op, right, scope),
            ExprKind::Between { value, low, high, negated } => {
                return self.between(expr, (value, low, high), *negated, scope);
            }
            ExprKind::In { value, list, negated } => {
                let value = self.term(value, scope)?;
                let values =
                    list.iter().map(|item| self.constant_as(item, &value.ty)).collect::<Option<Vec<_>>>()?;
                let kind = ConditionKind::In(value, values);
                if *negated { ConditionKind::Not(Box::new(Condition { kind, place })) } else { kind }
            }
            ExprKind::Matches(value, op, text) => self.matches(value, *op, text, scope)?,
            ExprKind::Known(value) => ConditionKind::Known(self.term(value, scope)?),
            ExprKind::Missing(value) => {
                let known = ConditionKind::Known(self.term(value, scope)?);
                ConditionKind::Not(Box::new(Condition { kind: known, place }))
            }
            ExprKind::Today(value) => self.is_today(expr, value, scope)?,
            ExprKind::WasSent(touch) => self.was_sent(expr, touch)?,
            ExprKind::Opened(touch) => {
                self.known_template(touch)?;
                self.not_run.push(NotRun { what: "opened", place, blocks: true });
                ConditionKind::Constant(false)
            }
            ExprKind::Entered(path, window) => self.entered(expr, path, window.as_ref())?,
            ExprKind::InSegment(name) => match self.look_up(&name.node) {
                Some(Named::Segment(id)) => {
                    let from = self.place(name.span);
                    self.segment(id, from)?;
                    ConditionKind::Segment(id)
                }
                _ => return self.unknown(name, "segment", |n| matches!(n, Named::Segment(_))),
            },
            ExprKind::Holds(coupon) => self.holds(expr, coupon)?,
            ExprKind::TimedOut if self.in_journey => ConditionKind::Constant(false),
            ExprKind::TimedOut => {
                return self.report(
                    Diagnostic::new(Code::ONLY_IN_JOURNEY, place, "only a journey can time out")
                        .help("use it after `wait until …, at most …` in a journey"),
                );
            }
            ExprKind::Literal(tree::Literal::Truth(truth)) => ConditionKind::Constant(*truth),
            ExprKind::Path(_) => self.bare_name(expr, scope)?,
            _ => return self.not_a_condition(expr, scope),
        };
        Some(Condition { kind, place })
    }

    fn conditions(&mut self, list: &[Expr], scope: Scope) -> Option<Vec<Condition>> {
        // All of them are checked before any failure counts, so that each error is seen.
        let checked: Vec<Option<Condition>> = list.iter().map(|e| self.condition(e, scope)).collect();
        checked.into_iter().collect()
    }

    /// A name by itself: a yes/no value, or the name of a condition.
    fn bare_name(&mut self, expr: &Expr, scope: Scope) -> Option<ConditionKind> {
        if let ExprKind::Path(path) = &expr.node
            && let ([name], Scope::Customer) = (path.parts.as_slice(), scope)
        {
            let from = self.place(expr.span);
            match self.look_up(&name.node) {
                Some(Named::Segment(_)) => {
                    return self.report(
                        Diagnostic::new(Code::NOT_A_CONDITION, from, format!("`{}` is a segment", name.node))
                            .fix("write `in` before it", from, format!("in {}", name.node)),
                    );
                }
                Some(Named::Define(id)) if self.is_condition(expr) => {
                    self.define(id, from)?;
                    return Some(ConditionKind::Define(id));
                }
                _ => {}
            }
        }
        let term = self.term(expr, scope)?;
        if term.ty == Type::YesNo {
            return Some(ConditionKind::Truth(term));
        }
        self.report_value(&term)
    }

    fn not_a_condition(&mut self, expr: &Expr, scope: Scope) -> Option<Condition> {
        let term = self.term(expr, scope)?;
        self.report_value(&term)
    }

    fn report_value<T>(&mut self, term: &Term) -> Option<T> {
        self.report(
            Diagnostic::new(
                Code::NOT_A_CONDITION,
                term.place,
                format!("this is {}, which is neither true nor false", term.ty),
            )
            .label("a condition is needed here")
            .help(format!("compare it with something: `{} = …`", self.sources.text(term.place))),
        )
    }

    fn between(
        &mut self,
        expr: &Expr,
        parts: (&Expr, &Expr, &Expr),
        negated: bool,
        scope: Scope,
    ) -> Option<Condition> {
        let place = self.place(expr.span);
        let (value, low, high) = parts;
        let side = |op, end: &Expr| Spanned::new(op, end.span);
        let from = self.comparison(expr, value, &side(CompareOp::AtLeast, low), low, scope);
        let to = self.comparison(expr, value, &side(CompareOp::AtMost, high), high, scope);
        let (from, to) = (from?, to?);
        if let (Some(a), Some(b)) = (constant_side(&from), constant_side(&to))
            && crate::declarations::rises(b, a)
        {
            let swapped = format!("{} and {}", self.text(high.span), self.text(low.span));
            let ends = self.place(low.span.to(high.span));
            self.diagnostics.push(
                Diagnostic::new(
                    Code::NEVER,
                    place,
                    "nothing lies between these, since the first is the higher",
                )
                .fix("write the lower end first", ends, swapped),
            );
        }
        let both = Condition { kind: ConditionKind::All(vec![from, to]), place };
        Some(if negated { Condition { kind: ConditionKind::Not(Box::new(both)), place } } else { both })
    }

    fn matches(&mut self, value: &Expr, op: MatchOp, text: &Expr, scope: Scope) -> Option<ConditionKind> {
        let value = self.term(value, scope)?;
        let wanted = match (&text.node, &value.ty) {
            (ExprKind::Literal(tree::Literal::Text(t)), _) => t.clone(),
            (ExprKind::Path(path), Type::Tags) if path.parts.len() == 1 => {
                self.text(text.span).trim_matches('`').to_owned()
            }
            _ => return self.report_needs_quotes(text),
        };
        match (&value.ty, op) {
            (Type::Tags, MatchOp::Contains) => Some(ConditionKind::HasTag(value, wanted)),
            (Type::Text, _) => Some(ConditionKind::Matches(op, value, wanted)),
            _ => self.report(
                Diagnostic::new(
                    Code::WRONG_TYPE,
                    value.place,
                    format!("this is {}, which has no letters to look at", value.ty),
                )
                .help("`contains` is for text and tags, `starts with` and `ends with` are for text"),
            ),
        }
    }

    pub(crate) fn report_needs_quotes<T>(&mut self, text: &Expr) -> Option<T> {
        let place = self.place(text.span);
        let quoted = format!("\"{}\"", self.text(text.span));
        self.report(Diagnostic::new(Code::NEEDS_QUOTES, place, "text stands in quotes").fix(
            "put quotes around it",
            place,
            quoted,
        ))
    }

    fn is_today(&mut self, expr: &Expr, value: &Expr, scope: Scope) -> Option<ConditionKind> {
        let term = self.term(value, scope)?;
        if let TermKind::Attribute(id) = term.kind
            && self.vocabulary.attribute(id).is_some_and(|a| a.yearly)
        {
            let place = self.place(expr.span);
            let name = self.text(value.span);
            self.diagnostics.push(
                Diagnostic::new(
                    Code::YEARLY_TODAY,
                    place,
                    format!("`{name} is today` compares the year too"),
                )
                .fix(
                    "ask for the day that comes round every year",
                    place,
                    format!("days until next {name} = 0"),
                ),
            );
        }
        let date = self.as_date(term)?;
        let today = Term { kind: TermKind::Today, ty: Type::Date, place: self.place(expr.span) };
        Some(ConditionKind::Compare(CompareOp::Equal, date, today))
    }

    /// `was sent X`: at least one message of that template, or grant of that coupon.
    fn was_sent(&mut self, expr: &Expr, touch: &Touch) -> Option<ConditionKind> {
        let name = touch.name.node.as_str();
        let channel = touch.channel.as_ref().map(|c| c.node.as_str());
        let window = match &touch.window {
            Some(w) => Some(self.window(w)?),
            None => None,
        };
        let is_template =
            self.world.templates.iter().any(|(t, c)| t == name && channel.is_none_or(|ch| c == ch));
        let is_coupon = self.is_coupon(name);
        let place = self.place(expr.span);
        let mut counts = Vec::new();
        if is_template && channel != Some("coupon") {
            let mut filters = vec![("template", name)];
            filters.extend(channel.map(|c| ("channel", c)));
            counts.push(self.at_least_one(Vocabulary::SENDS, &filters, window, place)?);
        }
        if is_coupon && channel.is_none_or(|c| c == "coupon") {
            counts.push(self.at_least_one(Vocabulary::GRANTS, &[("coupon", name)], window, place)?);
        }
        if counts.is_empty() {
            let known: Vec<&str> = match channel {
                Some("coupon") => self.coupons().collect(),
                _ => self.world.templates.iter().map(|(t, _)| t.as_str()).chain(self.coupons()).collect(),
            };
            let what = if channel == Some("coupon") { "coupon" } else { "template or coupon" };
            return self.unknown_among(Code::UNKNOWN_NAME, &touch.name, what, known.into_iter());
        }
        Some(ConditionKind::Any(counts))
    }

    fn known_template(&mut self, touch: &Touch) -> Option<()> {
        let world = self.world;
        if world.templates.iter().any(|(t, _)| *t == touch.name.node) {
            return Some(());
        }
        self.unknown_among(
            Code::UNKNOWN_NAME,
            &touch.name,
            "template",
            world.templates.iter().map(|(t, _)| t.as_str()),
        )
    }

    /// `holds X coupon`: granted and not yet run out.
    fn holds(&mut self, expr: &Expr, coupon: &tree::Name) -> Option<ConditionKind> {
        if !self.is_coupon(&coupon.node) {
            let known: Vec<&str> = self.coupons().collect();
            return self.unknown_among(Code::NO_COUPON, coupon, "coupon", known.into_iter());
        }
        let place = self.place(expr.span);
        let (collection, rows) = self.vocabulary.find_collection(Vocabulary::GRANTS)?;
        let (id, field) = rows.find_field("expires")?;
        let expires = Term { kind: TermKind::Field(id), ty: field.ty.clone(), place };
        let now = Term { kind: TermKind::Now, ty: Type::Moment, place };
        let known = Condition { kind: ConditionKind::Known(expires.clone()), place };
        let forever = Condition { kind: ConditionKind::Not(Box::new(known)), place };
        let later = Condition { kind: ConditionKind::Compare(CompareOp::More, expires, now), place };
        let valid = Condition { kind: ConditionKind::Any(vec![forever, later]), place };
        let named = self.field_is(collection, "coupon", &coupon.node, place)?;
        let filter = Condition { kind: ConditionKind::All(vec![named, valid]), place };
        Some(counted(collection, filter, None, place).kind)
    }

    fn at_least_one(
        &mut self,
        collection: &str,
        filters: &[(&str, &str)],
        window: Option<Window>,
        place: Place,
    ) -> Option<Condition> {
        let (id, _) = self.vocabulary.find_collection(collection)?;
        let tests =
            filters.iter().map(|(f, v)| self.field_is(id, f, v, place)).collect::<Option<Vec<_>>>()?;
        Some(counted(id, Condition { kind: ConditionKind::All(tests), place }, window, place))
    }

    fn field_is(&self, collection: CollectionId, field: &str, text: &str, place: Place) -> Option<Condition> {
        let (id, field) = self.vocabulary.collection(collection)?.find_field(field)?;
        let left = Term { kind: TermKind::Field(id), ty: field.ty.clone(), place };
        let right = Term { kind: TermKind::Constant(Value::Text(text.to_owned())), ty: Type::Text, place };
        Some(Condition { kind: ConditionKind::Compare(CompareOp::Equal, left, right), place })
    }

    fn entered(
        &mut self,
        expr: &Expr,
        path: &tree::Path,
        window: Option<&Spanned<tree::Window>>,
    ) -> Option<ConditionKind> {
        let place = self.place(expr.span);
        let days = match window.map(|w| &w.node) {
            Some(tree::Window::Last(length)) => match length.node.unit {
                Unit::Day => Some(length.node.count),
                Unit::Week => length.node.count.checked_mul(7),
                _ => None,
            },
            _ => None,
        };
        let Some(days) = days.filter(|d| *d <= LONGEST_ENTRANCE) else {
            return self.report(
                Diagnostic::new(
                    Code::BAD_WINDOW,
                    place,
                    format!(
                        "`entered` needs a stretch of days: `in last 7 days`, at most {LONGEST_ENTRANCE}"
                    ),
                )
                .help("it looks at each day of the stretch and at the day before it"),
            );
        };
        let entrance = self.entrance(path)?;
        Some(ConditionKind::Entered(entrance, days))
    }

    /// A segment, or a stage: by its word alone where only one partition has it.
    fn entrance(&mut self, path: &tree::Path) -> Option<Entrance> {
        let (partition, word) = match path.parts.as_slice() {
            [word] => (None, word),
            [partition, word] => (Some(partition.node.as_str()), word),
            [first, ..] => {
                return self.unknown(first, "stage or segment", |n| matches!(n, Named::Segment(_)));
            }
            [] => return None,
        };
        let from = self.place(word.span);
        if partition.is_none()
            && let Some(Named::Segment(id)) = self.look_up(&word.node)
        {
            self.segment(id, from)?;
            return Some(Entrance::Segment(id));
        }
        let mut found: Vec<(StagesId, &str, u32)> = Vec::new();
        for (id, name) in self.all_stages() {
            if partition.is_none_or(|p| p == name)
                && let Some(arm) = self.arms(id).position(|a| a == word.node)
            {
                found.push((id, name, arm as u32));
            }
        }
        match found.as_slice() {
            [(id, name, arm)] => {
                self.look_up(name);
                self.stages(*id, from)?;
                Some(Entrance::Stage(*id, *arm))
            }
            [(_, first, _), (_, second, _), ..] => {
                let message = format!("both `{first}` and `{second}` have a stage `{}`", word.node);
                let fix = format!("{first}.{}", word.node);
                self.report(Diagnostic::new(Code::UNKNOWN_NAME, from, message).fix(
                    "say which one",
                    from,
                    fix,
                ))
            }
            [] => {
                let ids: Vec<StagesId> = self.all_stages().map(|(id, _)| id).collect();
                let words: Vec<&str> =
                    ids.into_iter().flat_map(|id| self.arms(id).collect::<Vec<_>>()).collect();
                self.unknown_among(Code::UNKNOWN_NAME, word, "stage or segment", words.into_iter())
            }
        }
    }
}

/// Whether there is a row.
fn counted(collection: CollectionId, filter: Condition, window: Option<Window>, place: Place) -> Condition {
    let count =
        Aggregate { function: Function::Count, collection, field: None, filter: Some(filter), window };
    let count = Term { kind: TermKind::Aggregate(Box::new(count)), ty: Type::Number, place };
    let one = Term { kind: TermKind::Constant(Value::Number(1.0)), ty: Type::Number, place };
    Condition { kind: ConditionKind::Compare(CompareOp::AtLeast, count, one), place }
}

fn constant_side(condition: &Condition) -> Option<&Value> {
    match &condition.kind {
        ConditionKind::Compare(_, _, Term { kind: TermKind::Constant(value), .. }) => Some(value),
        _ => None,
    }
}
