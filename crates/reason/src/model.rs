//! From conditions to formulas. Every value that conditions ask for is a variable; equal terms are the same variable,
//! and what is known of how variables hang together are facts that hold of every customer.

use crate::formula::{Formula, Var};
use crate::region::{Kind, Point, Range, Region};
use crate::same::Same;
use std::collections::HashMap;
use tidings_check::Program;
use tidings_check::program::{
    Aggregate, Bands, Body, Condition, ConditionKind, Entrance, Score, ScoreId, SegmentId, StagesId, Term,
    TermKind, Window,
};
use tidings_schema::{AttributeId, CollectionId, ElapsedUnit, FieldId, Type, Value};
use tidings_syntax::Place;
use tidings_syntax::tree::{CompareOp, Function, MatchOp};

/// Formulas that grow beyond this are not reasoned about.
const LARGEST: usize = 10_000;

/// The variables that some conditions ask for.
pub(crate) struct Model<'p> {
    program: &'p Program,
    /// Whether it is looked at what stands behind stages and segments.
    looks_behind: bool,
    same: Same<'p>,
    names: HashMap<String, Var>,
    ranges: Vec<Range>,
    facts: Vec<Formula>,
    /// What is known of variables that are folds or tests of texts.
    folds: Vec<(Var, Fold)>,
    tests: Vec<TextTest>,
    orders: Vec<(Var, Var)>,
    size: usize,
}

/// A fold, as far as others hang together with it.
struct Fold {
    collection: CollectionId,
    /// By its number.
    filter: Option<u32>,
    window: Option<Window>,
    what: Folded,
}

#[derive(Clone, Copy, PartialEq)]
enum Folded {
    /// How many rows.
    Count,
    /// How many different values of a field, and whether all rows have one.
    Distinct(FieldId, bool),
    /// What is known only where there is a row, and whether it is then.
    OfRows(bool),
    /// Whole days since the time of the latest of all rows.
    DaysSinceLatest,
}

/// A text, and whether it contains, starts or ends with another.
struct TextTest {
    text: Var,
    holds: Var,
    op: MatchOp,
    other: String,
}

impl<'p> Model<'p> {
    /// With what stands behind stages and segments (`looks_behind`), or with those as they are.
    pub(crate) fn new(program: &'p Program, looks_behind: bool) -> Model<'p> {
        Model {
            program,
            looks_behind,
            same: Same::new(program),
            names: HashMap::new(),
            ranges: Vec::new(),
            facts: Vec::new(),
            folds: Vec::new(),
            tests: Vec::new(),
            orders: Vec::new(),
            size: 0,
        }
    }

    /// Whether more was asked than is looked at.
    pub(crate) fn is_too_large(&self) -> bool {
        self.size > LARGEST
    }

    pub(crate) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub(crate) fn orders(&self) -> &[(Var, Var)] {
        &self.orders
    }

    /// That a condition is definitely true (`yes`) or definitely false.
    pub(crate) fn definitely(&mut self, condition: &Condition, yes: bool) -> Formula {
        self.size += 1;
        if self.is_too_large() {
            return Formula::constant(true);
        }
        match &condition.kind {
            ConditionKind::Constant(holds) => Formula::constant(*holds == yes),
            ConditionKind::All(parts) => self.gather(parts, yes, yes),
            ConditionKind::Any(parts) => self.gather(parts, yes, !yes),
            ConditionKind::Not(inner) => self.definitely(inner, !yes),
            ConditionKind::Compare(op, left, right) => self.compare(*op, left, right, yes),
            ConditionKind::In(term, values) => {
                if let Some(stages) = self.stages_of(term) {
                    let arms = values.iter().filter_map(word).map(|arm| self.stage(stages, arm)).collect();
                    let inside = Formula::Any(arms);
                    return if yes { inside } else { inside.negated() };
                }
                let points = values.iter().filter_map(Point::of).collect();
                let var = self.term(term);
                Formula::In(var, if yes { Region::At(points) } else { Region::NotAt(points) }, true)
            }
            ConditionKind::Matches(op, term, text) => {
                let holds = self.matches(*op, term, text);
                truth(holds, yes)
            }
            ConditionKind::HasTag(term, tag) => {
                let tags = self.term(term);
                let name = format!("{} has {tag:?}", self.same.term(term));
                let holds = self.variable(name, yes_or_no(true));
                self.missing_together(tags, holds);
                truth(holds, yes)
            }
            ConditionKind::Known(term) => Formula::In(self.term(term), Region::Missing, !yes),
            ConditionKind::Truth(term) => truth(self.term(term), yes),
            ConditionKind::Define(id) => match self.program.defines.get(id.0 as usize).map(|d| &d.body) {
                Some(Body::Condition(condition)) => self.definitely(condition, yes),
                Some(Body::Value(term)) => truth(self.term(term), yes),
                None => Formula::constant(!yes),
            },
            ConditionKind::Segment(id) => {
                let inside = self.segment(*id);
                if yes { inside } else { inside.negated() }
            }
            ConditionKind::Entered(place, days) => {
                let name = match place {
                    Entrance::Stage(id, arm) => format!("entered stage {} {arm} {days}", id.0),
                    Entrance::Segment(id) => format!("entered segment {} {days}", id.0),
                };
                truth(self.variable(name, yes_or_no(false)), yes)
            }
        }
    }

    /// That a customer is in a segment.
    pub(crate) fn segment(&mut self, id: SegmentId) -> Formula {
        if !self.looks_behind {
            return truth(self.variable(format!("segment {}", id.0), yes_or_no(false)), true);
        }
        match self.program.segments.get(id.0 as usize) {
            Some(segment) => self.definitely(&segment.condition, true),
            None => Formula::constant(false),
        }
    }

    /// That a customer is in an arm of a partition: its test holds, and none before it does.
    pub(crate) fn stage(&mut self, id: StagesId, arm: u32) -> Formula {
        let arms = self.program.stages.get(id.0 as usize).map_or(&[][..], |s| &s.arms);
        if !self.looks_behind {
            let range = Range { kind: Kind::Words(arms.len() as u32), can_be_missing: false };
            let stage = self.variable(format!("stage {}", id.0), range);
            return Formula::In(stage, Region::At(vec![Point::Whole(i64::from(arm))]), true);
        }
        let Some((own, before)) = arms.get(..=arm as usize).and_then(|arms| arms.split_last()) else {
            return Formula::constant(false);
        };
        let mut all: Vec<Formula> = before.iter().map(|arm| self.definitely(arm, true).negated()).collect();
        all.push(self.definitely(own, true));
        Formula::All(all)
    }

    /// The variable that an attribute is.
    pub(crate) fn attribute(&mut self, id: AttributeId) -> Var {
        let ty = self.program.vocabulary.attribute(id).map_or(Type::Text, |a| a.ty.clone());
        self.term(&Term { kind: TermKind::Attribute(id), ty, place: Place::default() })
    }

    /// That a score puts a customer in a band, by the number that it gives.
    pub(crate) fn band(&mut self, id: ScoreId, band: u32) -> Formula {
        let Some(score) = self.program.scores.get(id.0 as usize) else { return Formula::constant(false) };
        let term = Term { kind: TermKind::Score(id), ty: Type::Number, place: score.of.place };
        Formula::In(self.term(&term), Region::At(vec![Point::Real(f64::from(band))]), true)
    }

    fn gather(&mut self, parts: &[Condition], yes: bool, all: bool) -> Formula {
        let parts = parts.iter().map(|part| self.definitely(part, yes)).collect();
        if all { Formula::All(parts) } else { Formula::Any(parts) }
    }

    fn compare(&mut self, op: CompareOp, left: &Term, right: &Term, yes: bool) -> Formula {
        match (constant(left), constant(right)) {
            (_, Some(value)) => self.compare_to(op, left, value, yes),
            (Some(value), None) => self.compare_to(op.mirrored(), right, value, yes),
            (None, None) => {
                let (a, b) = (self.term(left), self.term(right));
                // Below, equal, above: which side stands first does not matter.
                let (op, a, b) = if a <= b { (op, a, b) } else { (op.mirrored(), b, a) };
                let range = Range { kind: Kind::Words(3), can_be_missing: true };
                let order = self.variable(format!("order of {} and {}", a.0, b.0), range);
                self.missing_after(a, order);
                self.missing_after(b, order);
                let known = [a, b].map(|v| Formula::In(v, Region::Missing, false));
                self.facts
                    .push(Formula::In(order, Region::Missing, false).unless(Formula::All(known.into())));
                if a == b {
                    self.facts.push(Formula::In(order, Region::NotAt(vec![Point::Whole(1)]), false));
                }
                asked(op, order, &Point::Whole(1), yes)
            }
        }
    }

    fn compare_to(&mut self, op: CompareOp, term: &Term, value: &Value, yes: bool) -> Formula {
        // Days until a day are days since it, the other way round.
        if let (TermKind::Until(ElapsedUnit::Days, of), Value::Count(days)) = (&term.kind, value) {
            let since = Term { kind: TermKind::Since(ElapsedUnit::Days, of.clone()), ..term.clone() };
            return self.compare_to(op.mirrored(), &since, &Value::Count(days.saturating_neg()), yes);
        }
        if let (Some(stages), Some(arm)) = (self.stages_of(term), word(value)) {
            let inside = self.stage(stages, arm);
            return match op {
                CompareOp::Equal if yes => inside,
                CompareOp::NotEqual if !yes => inside,
                // Partitions have no order, so nothing else is asked of them.
                _ => inside.negated(),
            };
        }
        match Point::of(value) {
            Some(point) => asked(op, self.term(term), &point, yes),
            None => Formula::constant(false),
        }
    }

    fn stages_of(&self, term: &Term) -> Option<StagesId> {
        match &term.kind {
            TermKind::Stage(id) => Some(*id),
            TermKind::Define(id) => match self.program.defines.get(id.0 as usize).map(|d| &d.body) {
                Some(Body::Value(term)) => self.stages_of(term),
                _ => None,
            },
            _ => None,
        }
    }

    /// The variable that a term is.
    fn term(&mut self, term: &Term) -> Var {
        if let TermKind::Define(id) = &term.kind
            && let Some(Body::Value(inner)) = self.program.defines.get(id.0 as usize).map(|d| &d.body)
        {
            return self.term(inner);
        }
        let name = format!("term {}", self.same.term(term));
        if let Some(var) = self.names.get(&name) {
            return *var;
        }
        let var = self.variable(name, self.range(term));
        match &term.kind {
            TermKind::Arithmetic(_, a, b) => [a, b].into_iter().for_each(|side| {
                let side = self.term(side);
                self.missing_after(side, var);
            }),
            TermKind::Since(unit, inner) => {
                let of = self.term(inner);
                self.missing_together(of, var);
                self.since(*unit, inner, var);
            }
            TermKind::Until(_, inner)
            | TermKind::Next(inner)
            | TermKind::Last(inner)
            | TermKind::DateOf(inner)
            | TermKind::AsNumber(inner) => {
                let of = self.term(inner);
                self.missing_after(of, var);
            }
            TermKind::Score(id) => self.score(*id, var),
            TermKind::Aggregate(aggregate) => self.fold(aggregate, var),
            _ => {}
        }
        var
    }

    fn variable(&mut self, name: String, range: Range) -> Var {
        let next = Var(self.ranges.len() as u32);
        let var = *self.names.entry(name).or_insert(next);
        if var == next {
            self.ranges.push(range);
        }
        var
    }

    fn range(&self, term: &Term) -> Range {
        let numbers = |whole| Kind::Numbers { whole, least: None, most: None };
        let none_below_zero = Kind::Numbers { whole: true, least: Some(Point::Real(0.0)), most: None };
        let (kind, can_be_missing) = match (&term.kind, &term.ty) {
            (TermKind::Aggregate(fold), _)
                if matches!(fold.function, Function::Count | Function::Distinct) =>
            {
                (none_below_zero, false)
            }
            (TermKind::Score(id), _) => {
                let bands = self.program.scores.get(id.0 as usize).map_or(1, |s| match &s.bands {
                    Bands::Shares(shares) => *shares as usize,
                    Bands::Fixed(bounds) => bounds.len() + 1,
                });
                let (least, most) = (Some(Point::Real(1.0)), Some(Point::Real(bands as f64)));
                (Kind::Numbers { whole: true, least, most }, true)
            }
            (_, Type::Number | Type::Percent) => (numbers(false), true),
            (_, Type::OneOf(list)) => (Kind::Words(list.words.len() as u32), true),
            (_, Type::YesNo) => (Kind::Words(2), true),
            (_, Type::Text) => (Kind::Texts, true),
            (_, Type::Tags) => (Kind::Words(1), true),
            _ => (numbers(true), true),
        };
        // Whatever the schema says is required can be missing in the store.
        let always_there = matches!(term.kind, TermKind::Today | TermKind::Now | TermKind::Constant(_));
        Range { kind, can_be_missing: can_be_missing && !always_there }
    }

    /// Where the first is missing, so is the second.
    fn missing_after(&mut self, first: Var, second: Var) {
        let missing = |var| Formula::In(var, Region::Missing, true);
        self.facts.push(missing(second).unless(missing(first)));
    }

    fn missing_together(&mut self, a: Var, b: Var) {
        self.missing_after(a, b);
        self.missing_after(b, a);
    }

    /// A score by fixed bounds says in which band its value is.
    fn score(&mut self, id: ScoreId, var: Var) {
        let program = self.program;
        let Some(Score { of, bands, lowest_first, .. }) = program.scores.get(id.0 as usize) else { return };
        let value = self.term(of);
        self.missing_together(value, var);
        let Bands::Fixed(bounds) = bands else { return };
        let points: Vec<Point> = bounds.iter().filter_map(Point::of).collect();
        for (reached, score) in (0..=points.len()).zip(1..) {
            let score = if *lowest_first { points.len() + 2 - score } else { score };
            let from = reached.checked_sub(1).and_then(|i| points.get(i));
            let from = from.map(|p| Formula::In(value, Region::Above(p.clone(), true), true));
            let to = points.get(reached).map(|p| Formula::In(value, Region::Below(p.clone(), false), true));
            let known = Formula::In(value, Region::Missing, false);
            let between = Formula::All(from.into_iter().chain(to).chain([known]).collect());
            let scored = Formula::In(var, Region::At(vec![Point::Real(score as f64)]), true);
            self.facts.push(scored.unless(between));
        }
    }

    fn matches(&mut self, op: MatchOp, term: &Term, other: &str) -> Var {
        let text = self.term(term);
        let name = format!("{} {op:?} {other:?}", self.same.term(term));
        if let Some(holds) = self.names.get(&name) {
            return *holds;
        }
        let holds = self.variable(name, yes_or_no(true));
        self.missing_together(text, holds);
        let test = TextTest { text, holds, op, other: other.to_owned() };
        self.size += self.tests.len();
        if self.is_too_large() {
            return holds;
        }
        for before in self.tests.iter().filter(|t| t.text == text) {
            self.facts.extend(before.follows(&test));
            self.facts.extend(test.follows(before));
        }
        self.tests.push(test);
        holds
    }

    /// What holds of every customer.
    pub(crate) fn facts(&self) -> &[Formula] {
        &self.facts
    }

    /// What the constants in some statements say of tests of the same text.
    pub(crate) fn of_constants(&self, statements: &[&Formula]) -> Vec<Formula> {
        let mut facts = Vec::new();
        let mut constants: Vec<(Var, String)> = Vec::new();
        let mut collect = |var: Var, region: &Region| {
            let texts = region.points().iter().filter_map(|p| match p {
                Point::Text(text) => Some((var, text.clone())),
                _ => None,
            });
            constants.extend(texts);
        };
        statements.iter().for_each(|f| f.each(&mut collect));
        for test in &self.tests {
            for (_, text) in constants.iter().filter(|(var, _)| *var == test.text) {
                let equal = Formula::In(test.text, Region::At(vec![Point::Text(text.clone())]), true);
                facts.push(truth(test.holds, test.is_true_of(text)).unless(equal));
            }
        }
        facts
    }

    fn since(&mut self, unit: ElapsedUnit, of: &Term, var: Var) {
        let of = match &of.kind {
            TermKind::DateOf(inner) => inner,
            _ => of,
        };
        if let TermKind::Aggregate(fold) = &of.kind
            && unit == ElapsedUnit::Days
            && fold.function == Function::Latest
            && fold.window.is_none()
            && self.is_time(fold)
        {
            // Rows lie before now.
            self.facts.push(Formula::In(var, Region::Below(Point::Whole(0), false), false));
            self.hang_together(var, fold, Folded::DaysSinceLatest);
        }
    }

    fn is_time(&self, fold: &Aggregate) -> bool {
        fold.field.is_some()
            && self.program.vocabulary.collection(fold.collection).map(|c| c.time) == fold.field
    }

    fn fold(&mut self, fold: &Aggregate, var: Var) {
        let time = self.is_time(fold);
        let what = match (fold.function, fold.field) {
            (Function::Count, _) => Folded::Count,
            (Function::Distinct, Some(field)) => Folded::Distinct(field, time),
            // The sum of nothing is known.
            (Function::Sum, _) => return,
            _ => Folded::OfRows(time),
        };
        self.hang_together(var, fold, what);
    }

    /// Takes in a fold, and how it hangs together with those before it.
    fn hang_together(&mut self, var: Var, fold: &Aggregate, what: Folded) {
        let filter = fold.filter.as_ref().map(|filter| self.same.condition(filter));
        let new = Fold { collection: fold.collection, filter, window: fold.window, what };
        // Each with each other: where they are many, it is left.
        self.size += self.folds.len();
        if self.is_too_large() {
            return;
        }
        for (other, old) in self.folds.iter().filter(|(_, old)| old.collection == new.collection) {
            let (old, new) = ((*other, old), (var, &new));
            for (a, b) in [(old, new), (new, old)] {
                self.facts.extend(implied(a, b));
                if a.1.is_at_most(b.1) {
                    self.orders.push((a.0, b.0));
                }
            }
        }
        self.folds.push((var, new));
    }
}

impl Fold {
    /// Whether its rows are always among those of another.
    fn lies_in(&self, other: &Fold) -> bool {
        let window = match (self.window, other.window) {
            (_, None) => true,
            (Some(Window::Days(few)), Some(Window::Days(many))) => few <= many,
            (Some(Window::Months(few)), Some(Window::Months(many))) => few <= many,
            (Some(Window::Seconds(few)), Some(Window::Seconds(many))) => few <= many,
            (a, b) => a == b,
        };
        window && (other.filter.is_none() || self.filter == other.filter)
    }

    /// Whether it is never larger than another.
    fn is_at_most(&self, other: &Fold) -> bool {
        let comparable = match (self.what, other.what) {
            (Folded::Count | Folded::Distinct(..), Folded::Count) => true,
            (Folded::Distinct(a, _), Folded::Distinct(b, _)) => a == b,
            _ => false,
        };
        comparable && self.lies_in(other)
    }

    /// That it says that there is a row.
    fn some(&self, var: Var) -> Formula {
        match self.what {
            Folded::Count | Folded::Distinct(..) => {
                Formula::In(var, Region::Above(Point::Real(1.0), true), true)
            }
            Folded::OfRows(_) | Folded::DaysSinceLatest => Formula::In(var, Region::Missing, false),
        }
    }

    /// Whether it says so wherever there is one.
    fn is_exact(&self) -> bool {
        matches!(
            self.what,
            Folded::Count | Folded::Distinct(_, true) | Folded::OfRows(true) | Folded::DaysSinceLatest
        )
    }
}

/// What the first fold says of the second.
fn implied((a, first): (Var, &Fold), (b, second): (Var, &Fold)) -> Vec<Formula> {
    let mut facts = Vec::new();
    if first.lies_in(second) && second.is_exact() {
        facts.push(second.some(b).unless(first.some(a)));
    }
    // Where there is a row in a window, the latest of all is that young.
    if second.what == Folded::DaysSinceLatest
        && first.filter == second.filter
        && let Some(Window::Days(days)) = first.window
    {
        let young = Formula::In(b, Region::Below(Point::Whole(i64::from(days)), true), true);
        facts.push(young.clone().unless(first.some(a)));
        if first.is_exact() {
            facts.push(first.some(a).unless(young));
        }
    }
    facts
}

impl TextTest {
    fn is_true_of(&self, text: &str) -> bool {
        match self.op {
            MatchOp::Contains => text.contains(&self.other),
            MatchOp::StartsWith => text.starts_with(&self.other),
            MatchOp::EndsWith => text.ends_with(&self.other),
        }
    }

    /// What its being true says of another test of the same text.
    fn follows(&self, other: &TextTest) -> Option<Formula> {
        let (mine, its) = (&self.other, &other.other);
        let always = match (self.op, other.op) {
            (_, MatchOp::Contains) => mine.contains(its),
            (MatchOp::StartsWith, MatchOp::StartsWith) => mine.starts_with(its),
            (MatchOp::EndsWith, MatchOp::EndsWith) => mine.ends_with(its),
            _ => false,
        };
        let never = match (self.op, other.op) {
            (MatchOp::StartsWith, MatchOp::StartsWith) => {
                !mine.starts_with(its) && !its.starts_with(mine.as_str())
            }
            (MatchOp::EndsWith, MatchOp::EndsWith) => !mine.ends_with(its) && !its.ends_with(mine.as_str()),
            _ => false,
        };
        (always || never).then(|| truth(other.holds, always).unless(truth(self.holds, true)))
    }
}

fn yes_or_no(can_be_missing: bool) -> Range {
    Range { kind: Kind::Words(2), can_be_missing }
}

fn truth(var: Var, yes: bool) -> Formula {
    Formula::In(var, Region::At(vec![Point::Whole(i64::from(yes))]), true)
}

/// That a comparison is definitely true, or definitely false.
fn asked(op: CompareOp, var: Var, point: &Point, yes: bool) -> Formula {
    let point = point.clone();
    let region = match (op, yes) {
        (CompareOp::Equal, true) | (CompareOp::NotEqual, false) => Region::At(vec![point]),
        (CompareOp::Equal, false) | (CompareOp::NotEqual, true) => Region::NotAt(vec![point]),
        (CompareOp::Less, true) | (CompareOp::AtLeast, false) => Region::Below(point, false),
        (CompareOp::AtMost, true) | (CompareOp::More, false) => Region::Below(point, true),
        (CompareOp::More, true) | (CompareOp::AtMost, false) => Region::Above(point, false),
        (CompareOp::AtLeast, true) | (CompareOp::Less, false) => Region::Above(point, true),
    };
    Formula::In(var, region, true)
}

fn constant(term: &Term) -> Option<&Value> {
    if let TermKind::Constant(value) = &term.kind { Some(value) } else { None }
}

fn word(value: &Value) -> Option<u32> {
    if let Value::Word(word) = value { Some(*word) } else { None }
}
