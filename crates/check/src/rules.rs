//! Rules and the policy: clauses gathered, each at most once, and what they say made definite.

use crate::declarations::label;
use crate::literals::span_of;
use crate::names::Named;
use crate::program::{
    Cap, Condition, ConditionKind, Limit, NotRun, Policy, Quiet, Repeat, Rule, Schedule, SegmentId, Step,
};
use crate::{Checker, RuleFile};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::HashMap;
use tidings_syntax::tree::{Amount, Clause, Item, PolicyClause};
use tidings_syntax::{Code, Diagnostic, Place, Span, Spanned};

/// What `for` and `if` say while a rule is gathered.
#[derive(Default)]
struct Gathered {
    was: Option<String>,
    owner: Option<String>,
    schedule: Option<(Schedule, Option<Condition>)>,
    segment: Option<(SegmentId, Place)>,
    condition: Option<Condition>,
    then: Option<Vec<Step>>,
    otherwise: Option<(Vec<Step>, Place)>,
    repeat: Option<Repeat>,
    hold_out: Option<f64>,
    limit: Option<Limit>,
    priority: i32,
    expires: Option<chrono::NaiveDate>,
}

impl<'a> Checker<'a> {
    /// Every rule of every file, or none where one of them failed.
    pub(crate) fn rules(&mut self, files: &'a [RuleFile], default: &Schedule) -> Option<Vec<Rule>> {
        let mut rules = Vec::new();
        for file in files {
            self.file = file.id;
            for item in &file.tree.items {
                if let Item::Rule(rule) = &item.node {
                    rules.push(self.rule(
                        &rule.name.node,
                        label(&rule.label),
                        &rule.clauses,
                        rule.name.span,
                        default,
                    ));
                }
            }
            if let Some(sentence) = &file.tree.sentence {
                rules.push(self.rule(&file.name, None, &sentence.node, sentence.span, default));
            }
        }
        let rules = rules.into_iter().collect::<Option<Vec<Rule>>>()?;
        self.check_identities(&rules);
        Some(rules)
    }

    /// Two rules that go by one name, through `was`, would take each other's sends for their own.
    fn check_identities(&mut self, rules: &[Rule]) {
        let mut first: HashMap<&str, &Rule> = HashMap::new();
        for rule in rules {
            // Two that are called the same are reported already.
            let earlier = first.insert(rule.identity(), rule).filter(|earlier| earlier.name != rule.name);
            if let Some(earlier) = earlier {
                let message = format!("two rules go by the name `{}`", rule.identity());
                self.diagnostics.push(
                    Diagnostic::new(Code::DUPLICATE_NAME, rule.place, message)
                        .also(earlier.place, "this is the other one")
                        .help("`was` belongs to the one rule that had that name before"),
                );
            }
        }
    }

    fn rule(
        &mut self,
        name: &str,
        label: Option<String>,
        clauses: &[Spanned<Clause>],
        span: Span,
        default: &Schedule,
    ) -> Option<Rule> {
        let place = self.place(span);
        self.not_run = Vec::new();
        let errors = self.error_count();
        let mut gathered = Gathered::default();
        let mut first = HashMap::new();
        for clause in clauses {
            self.once(&mut first, clause_name(&clause.node), clause.span);
            self.clause(&clause.node, clause.span, &mut gathered);
        }
        let Some(then) = gathered.then else {
            if self.error_count() > errors {
                return None;
            }
            return self.report(
                Diagnostic::new(Code::NO_ACTION, place, format!("the rule `{name}` does nothing"))
                    .help("say what it sends: `then send wake-up coupon`"),
            );
        };
        if let (Some((_, place)), None) = (&gathered.otherwise, &gathered.segment) {
            return self.report(
                Diagnostic::new(
                    Code::ELSE_WITHOUT_FOR,
                    *place,
                    "`else` is for the others of a segment, and there is none",
                )
                .help("name the segment with `for …`, or make a second rule"),
            );
        }
        let scheduled = gathered.schedule.is_some();
        let (schedule, on_day) = gathered.schedule.unwrap_or((default.clone(), None));
        let yearly = on_day.is_some();
        let condition = both(on_day, gathered.condition);
        let chooses = |c: &Spanned<Clause>| matches!(c.node, Clause::If(_) | Clause::For(_));
        if condition.is_none() && !clauses.iter().any(chooses) {
            self.diagnostics.push(
                Diagnostic::new(Code::EVERYBODY, place, format!("the rule `{name}` reaches every customer"))
                    .help("say whom it is for with `if …` or `for …`"),
            );
        }
        if yearly && scheduled && gathered.repeat.is_none() {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::ONCE_A_YEAR,
                    place,
                    format!("the rule `{name}` comes round, and sends once ever to each customer"),
                )
                .help("say `repeat every time`, or `once` where that is meant"),
            );
        }
        if self.error_count() > errors {
            return None;
        }
        Some(Rule {
            name: name.to_owned(),
            label,
            was: gathered.was,
            owner: gathered.owner,
            place,
            schedule,
            segment: gathered.segment.map(|(id, _)| id),
            condition,
            then,
            otherwise: gathered.otherwise.map(|(steps, _)| steps).unwrap_or_default(),
            repeat: gathered.repeat.unwrap_or(Repeat::Once),
            hold_out: gathered.hold_out,
            limit: gathered.limit,
            priority: gathered.priority,
            expires: gathered.expires,
            not_run: std::mem::take(&mut self.not_run),
        })
    }

    fn clause(&mut self, clause: &Clause, span: Span, into: &mut Gathered) {
        let place = self.place(span);
        match clause {
            Clause::Was(name) => into.was = Some(name.node.clone()),
            Clause::Owner(owner) => into.owner = Some(owner.node.clone()),
            Clause::When(schedule) => into.schedule = self.schedule(schedule, place),
            Clause::For(name) => match self.look_up(&name.node) {
                Some(Named::Segment(id)) => {
                    let from = self.place(name.span);
                    self.segment(id, from);
                    into.segment = Some((id, from));
                }
                _ => {
                    self.unknown::<()>(name, "segment", |n| matches!(n, Named::Segment(_)));
                }
            },
            Clause::If(condition) => into.condition = self.root_condition(condition),
            Clause::Then(actions) => into.then = self.steps(actions),
            Clause::Else(actions) => into.otherwise = self.steps(actions).map(|steps| (steps, place)),
            Clause::Repeat(repeat) => {
                into.repeat = Some(match repeat {
                    tidings_syntax::tree::Repeat::Once => Repeat::Once,
                    tidings_syntax::tree::Repeat::AtMostOncePer(length) => {
                        Repeat::AtMostOncePer(span_of(length.node))
                    }
                    tidings_syntax::tree::Repeat::EveryEntry => Repeat::EveryEntry,
                    tidings_syntax::tree::Repeat::EveryTime => Repeat::EveryTime,
                });
            }
            Clause::Limit(Amount::Customers(n)) => into.limit = Some(Limit::Customers(n.node)),
            Clause::Limit(Amount::Percent(p)) => into.limit = self.share(p).map(Limit::Share),
            Clause::Budget(..) => self.not_run.push(NotRun { what: "budget", place, blocks: true }),
            Clause::HoldOut(share) => into.hold_out = self.share(share),
            Clause::Priority(n) => into.priority = n.node,
            Clause::Expires(date) => into.expires = Some(date.node),
            // A run that is started by hand is never late.
            Clause::Late(..) => {}
            Clause::Goal { event, worth, .. } => {
                self.event(event);
                if let Some(path) = worth {
                    self.worth(path);
                }
                self.not_run.push(NotRun { what: "goal", place, blocks: false });
            }
        }
    }

    /// `worth orders.total`: a field that has an amount.
    fn worth(&mut self, path: &tidings_syntax::tree::Path) -> Option<()> {
        let (first, last) = (path.parts.first()?, path.parts.last()?);
        let place = self.place(first.span.to(last.span));
        let Some(Named::Collection(id)) = self.look_up(&first.node) else {
            return self.unknown(first, "collection", |n| matches!(n, Named::Collection(_)));
        };
        let collection = self.vocabulary.collection(id)?;
        match collection.find_field(&last.node) {
            Some((_, f)) if matches!(f.ty, tidings_schema::Type::Money(_) | tidings_schema::Type::Number) => {
                Some(())
            }
            Some((_, f)) => self.report(
                Diagnostic::new(Code::WRONG_TYPE, place, format!("this is {}, which is worth nothing", f.ty))
                    .help("name an amount of money"),
            ),
            None => {
                let what = format!("field in {}", collection.name);
                self.unknown_among(
                    Code::UNKNOWN_NAME,
                    last,
                    &what,
                    collection.fields.iter().map(|f| f.name.as_str()),
                )
            }
        }
    }

    /// A percentage as a share, 0.1 for 10%.
    fn share(&mut self, percent: &Spanned<Decimal>) -> Option<f64> {
        let place = self.place(percent.span);
        if percent.node < Decimal::ZERO || percent.node > Decimal::ONE_HUNDRED {
            return self.report(
                Diagnostic::new(Code::BAD_SHARE, place, "a share lies between 0% and 100%")
                    .help("write a percentage of the customers"),
            );
        }
        (percent.node / Decimal::ONE_HUNDRED).to_f64()
    }

    /// Reports a clause that was said before.
    fn once(&mut self, first: &mut HashMap<&'static str, Span>, name: &'static str, span: Span) {
        if let Some(earlier) = first.insert(name, span) {
            let d = Diagnostic::new(Code::SAID_TWICE, self.place(span), format!("`{name}` is said twice"))
                .also(self.place(earlier), "here first")
                .help("keep one of them");
            self.diagnostics.push(d);
        }
    }

    fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.is_error()).count()
    }

    /// The project's one policy, and when rules without a schedule run.
    pub(crate) fn policy(&mut self, files: &'a [RuleFile]) -> (Policy, Schedule) {
        let mut policy = Policy::default();
        let mut schedule = None;
        let mut earlier: Option<Place> = None;
        for file in files {
            self.file = file.id;
            for item in &file.tree.items {
                let Item::Policy(tree) = &item.node else { continue };
                let place = self.place(item.span);
                if let Some(first) = earlier.replace(place) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            Code::SAID_TWICE,
                            place,
                            "the project has one policy, and this is another",
                        )
                        .also(first, "the first one")
                        .help("join them"),
                    );
                    continue;
                }
                for clause in &tree.clauses {
                    self.policy_clause(clause, &mut policy, &mut schedule);
                }
            }
        }
        (policy, schedule.unwrap_or_else(crate::schedules::usual))
    }

    fn policy_clause(
        &mut self,
        clause: &Spanned<PolicyClause>,
        policy: &mut Policy,
        schedule: &mut Option<Schedule>,
    ) {
        let place = self.place(clause.span);
        match &clause.node {
            PolicyClause::Cap { count, channel, per } => {
                if channel.as_ref().is_none_or(|c| self.channel(c).is_some()) {
                    let channel = channel.as_ref().map(|c| c.node.clone());
                    policy.caps.push(Cap { count: count.node, channel, per: span_of(per.node) });
                }
            }
            PolicyClause::Quiet { from, to, channel } => {
                if channel.as_ref().is_none_or(|c| self.channel(c).is_some()) {
                    let channel = channel.as_ref().map(|c| c.node.clone());
                    policy.quiet.push(Quiet { from: from.node, to: to.node, channel });
                }
            }
            PolicyClause::HoldOut(share) => policy.hold_out = self.share(share),
            PolicyClause::When(when) => match self.schedule(when, place) {
                Some((Schedule::On(_), _) | (_, Some(_))) => {
                    self.report::<()>(
                        Diagnostic::new(
                            Code::BAD_SCHEDULE,
                            place,
                            "a schedule on an event or around a date belongs to a rule",
                        )
                        .help("write `every day at 10:00` here"),
                    );
                }
                Some((when, None)) => *schedule = Some(when),
                None => {}
            },
        }
    }
}

/// The comparison that a schedule implies, and the rule's own condition.
fn both(on_day: Option<Condition>, condition: Option<Condition>) -> Option<Condition> {
    match (on_day, condition) {
        (Some(a), Some(b)) => {
            let place = b.place;
            Some(Condition { kind: ConditionKind::All(vec![a, b]), place })
        }
        (a, b) => a.or(b),
    }
}

fn clause_name(clause: &Clause) -> &'static str {
    match clause {
        Clause::Was(_) => "was",
        Clause::Owner(_) => "owner",
        Clause::When(_) => "a schedule",
        Clause::For(_) => "for",
        Clause::If(_) => "if",
        Clause::Then(_) => "then",
        Clause::Else(_) => "else",
        Clause::Repeat(_) => "repeat",
        Clause::Limit(_) => "limit",
        Clause::Budget(..) => "budget",
        Clause::HoldOut(_) => "hold out",
        Clause::Priority(_) => "priority",
        Clause::Expires(_) => "expires",
        Clause::Late(..) => "if late",
        Clause::Goal { .. } => "goal",
    }
}
