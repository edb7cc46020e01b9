//! Rules: clauses gathered, each at most once, and what they say made definite.

use crate::declarations::label;
use crate::literals::{seconds, span_of};
use crate::names::Named;
use crate::policy::Usual;
use crate::program::{
    Budget, CatchUp, Condition, ConditionKind, Lateness, Limit, NotRun, Overlap, Repeat, Rule, Schedule,
    SegmentId, Step,
};
use crate::{Checker, RuleFile};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, HashMap};
use tidings_schema::{Currency, Type, Value};
use tidings_syntax::tree::{self, Amount, Clause, Item, Late, Length, Literal, Missed};
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
    catch_up: Option<CatchUp>,
    overlap: Option<Overlap>,
    budget: Option<(Budget, Place)>,
    late: Option<Lateness>,
}

impl<'a> Checker<'a> {
    /// Every rule of every file, or none where one of them failed.
    pub(crate) fn rules(&mut self, files: &'a [RuleFile], usual: &Usual) -> Option<Vec<Rule>> {
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
                        usual,
                    ));
                }
            }
            if let Some(sentence) = &file.tree.sentence {
                rules.push(self.rule(&file.name, None, &sentence.node, sentence.span, usual));
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
        usual: &Usual,
    ) -> Option<Rule> {
        let place = self.place(span);
        self.not_run = Vec::new();
        let before = self.diagnostics.len();
        let mut gathered = Gathered::default();
        let mut first = HashMap::new();
        for clause in clauses {
            self.once(&mut first, clause_name(&clause.node), clause.span);
            self.clause(&clause.node, clause.span, &mut gathered);
        }
        let Some(then) = gathered.then else {
            if self.has_errors_since(before) {
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
        if let Some((budget, place)) = &mut gathered.budget {
            let otherwise = gathered.otherwise.iter().flat_map(|(steps, _)| steps);
            self.countable(budget, *place, then.iter().chain(otherwise));
        }
        let scheduled = gathered.schedule.is_some();
        let default = || (usual.schedule.clone().unwrap_or_else(crate::schedules::usual), None);
        let (schedule, on_day) = gathered.schedule.unwrap_or_else(default);
        let yearly = on_day.is_some();
        let condition = both(on_day, gathered.condition);
        let chooses = |c: &Spanned<Clause>| {
            matches!(c.node, Clause::If(_) | Clause::For(_) | Clause::When(tree::Schedule::On(_)))
        };
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
        if self.has_errors_since(before) {
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
            catch_up: gathered.catch_up.or(usual.catch_up).unwrap_or(CatchUp::Latest),
            overlap: gathered.overlap.or(usual.overlap).unwrap_or(Overlap::Skip),
            budget: gathered.budget.map(|(budget, _)| budget),
            late: gathered.late,
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
                    tree::Repeat::Once => Repeat::Once,
                    tree::Repeat::AtMostOncePer(length) => Repeat::AtMostOncePer(span_of(length.node)),
                    tree::Repeat::EveryEntry => Repeat::EveryEntry,
                    tree::Repeat::EveryTime => Repeat::EveryTime,
                });
            }
            Clause::Limit(Amount::Customers(n)) => into.limit = Some(Limit::Customers(n.node)),
            Clause::Limit(Amount::Percent(p)) => into.limit = self.share(p).map(Limit::Share),
            Clause::Budget(money, per) => {
                into.budget = self.budget(money, per.node).map(|budget| (budget, place));
            }
            Clause::HoldOut(share) => into.hold_out = self.share(share),
            Clause::Priority(n) => into.priority = n.node,
            Clause::Expires(date) => into.expires = Some(date.node),
            Clause::Late(length, late) => into.late = self.lateness(length, *late),
            Clause::Missed(missed) => into.catch_up = Some(catch_up(*missed)),
            Clause::Overlap(running) => into.overlap = Some(overlap(*running)),
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
    fn worth(&mut self, path: &tree::Path) -> Option<()> {
        let (first, last) = (path.parts.first()?, path.parts.last()?);
        let place = self.place(first.span.to(last.span));
        let Some(Named::Collection(id)) = self.look_up(&first.node) else {
            return self.unknown(first, "collection", |n| matches!(n, Named::Collection(_)));
        };
        let collection = self.vocabulary.collection(id)?;
        match collection.find_field(&last.node) {
            Some((_, f)) if matches!(f.ty, Type::Money(_) | Type::Number) => Some(()),
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
    pub(crate) fn share(&mut self, percent: &Spanned<Decimal>) -> Option<f64> {
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
    pub(crate) fn once(&mut self, first: &mut HashMap<&'static str, Span>, name: &'static str, span: Span) {
        if let Some(earlier) = first.insert(name, span) {
            let d = Diagnostic::new(Code::SAID_TWICE, self.place(span), format!("`{name}` is said twice"))
                .also(self.place(earlier), "here first")
                .help("keep one of them");
            self.diagnostics.push(d);
        }
    }

    fn budget(&mut self, money: &Spanned<Literal>, per: Length) -> Option<Budget> {
        let currency = match &money.node {
            Literal::Money(_, code) => Currency::from_code(code),
            _ => None,
        };
        let currency = currency.unwrap_or(self.vocabulary.currency);
        match self.literal_as(money, &Type::Money(currency))? {
            Value::Money(amount) => {
                Some(Budget { amount, worths: BTreeMap::new(), currency, per: span_of(per) })
            }
            _ => None,
        }
    }

    /// A budget counts coupons that are worth money of its currency.
    fn countable<'s>(&mut self, budget: &mut Budget, place: Place, steps: impl Iterator<Item = &'s Step>) {
        let world = self.world;
        let code = budget.currency.code();
        let mut none = true;
        for step in steps {
            let Some(name) = step.action.coupon() else { continue };
            none = false;
            if world.broken_coupons.iter().any(|broken| broken == name) {
                continue;
            }
            let wrong = match world.worths.get(name) {
                Some((worth, currency)) if *currency == budget.currency => {
                    budget.worths.insert(name.to_owned(), *worth);
                    continue;
                }
                Some((_, currency)) => {
                    format!("`{name}` is worth {}, and the budget is in {code}", currency.code())
                }
                None => format!("what `{name}` is worth is not known as money"),
            };
            self.diagnostics.push(
                Diagnostic::new(Code::NO_WORTH, step.place, wrong)
                    .also(place, "the budget that cannot be counted")
                    .help(format!("write under `coupons:` in tidings.yaml: `{name}: {{value: 20 {code}}}`")),
            );
        }
        if none {
            self.diagnostics.push(
                Diagnostic::new(Code::NO_WORTH, place, "a budget counts coupons, and the rule grants none")
                    .help("take it out, or say how many customers the rule may reach: `limit 500 customers`"),
            );
        }
    }

    /// How late a run and a message may be.
    fn lateness(&mut self, length: &Spanned<Length>, late: Late) -> Option<Lateness> {
        if late == Late::Send {
            return Some(Lateness::Any);
        }
        let place = self.place(length.span);
        match seconds(length.node) {
            Some(0) => self.report(
                Diagnostic::new(Code::WRONG_UNIT, place, "everything is later than that by a moment")
                    .help("write a minute at least"),
            ),
            Some(seconds) => Some(Lateness::Seconds(seconds)),
            None => self.report(
                Diagnostic::new(Code::WRONG_UNIT, place, "months and years have no fixed length")
                    .help("write minutes, hours, days or weeks"),
            ),
        }
    }

    /// Whether there is an error among the findings after the first so many.
    fn has_errors_since(&self, before: usize) -> bool {
        self.diagnostics.iter().skip(before).any(Diagnostic::is_error)
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

pub(crate) fn catch_up(missed: Missed) -> CatchUp {
    match missed {
        Missed::Latest => CatchUp::Latest,
        Missed::All => CatchUp::All,
        Missed::Skip => CatchUp::None,
    }
}

pub(crate) fn overlap(running: tree::Overlap) -> Overlap {
    match running {
        tree::Overlap::Skip => Overlap::Skip,
        tree::Overlap::Wait => Overlap::Wait,
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
        Clause::Missed(_) => "if missed",
        Clause::Overlap(_) => "if still running",
        Clause::Goal { .. } => "goal",
    }
}
