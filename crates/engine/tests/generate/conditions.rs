//! Conditions of every kind, by chance.

use super::{Generator, Scope};
use rand::RngExt;
use tidings_check::program::{
    Body, Condition, ConditionKind, DefineId, Entrance, SegmentId, StagesId, Term, TermKind,
};
use tidings_schema::{ElapsedUnit, Type, Value};
use tidings_syntax::Place;
use tidings_syntax::tree::{CompareOp, MatchOp};

impl Generator {
    /// A condition.
    pub fn condition(&mut self, depth: u32, scope: Scope) -> Condition {
        let kind = self.kind(depth, scope);
        Condition { kind, place: Place::default() }
    }

    fn kind(&mut self, depth: u32, scope: Scope) -> ConditionKind {
        if depth > 0 {
            match self.below(10) {
                0 => return ConditionKind::All(self.parts(depth, scope)),
                1 => return ConditionKind::Any(self.parts(depth, scope)),
                2 => return ConditionKind::Not(Box::new(self.condition(depth - 1, scope))),
                // Rows ask for names too, though seldom: the language has no such thing yet.
                3..=5 if scope == Scope::Customer || self.rng.random_bool(0.3) => {
                    if let Some(kind) = self.named_condition() {
                        return kind;
                    }
                }
                _ => {}
            }
        }
        self.test(depth, scope)
    }

    fn parts(&mut self, depth: u32, scope: Scope) -> Vec<Condition> {
        (0..self.below(4)).map(|_| self.condition(depth - 1, scope)).collect()
    }

    fn named_condition(&mut self) -> Option<ConditionKind> {
        let segments = self.program.segments.len() as u32;
        match self.below(4) {
            0 => {
                let fits = |body: &Body| matches!(body, Body::Condition(_));
                let defines = self.program.defines.iter().enumerate();
                let found: Vec<usize> = defines.filter(|(_, d)| fits(&d.body)).map(|(i, _)| i).collect();
                (!found.is_empty()).then(|| {
                    ConditionKind::Define(DefineId(found[self.rng.random_range(0..found.len())] as u32))
                })
            }
            1 => (segments > 0).then(|| ConditionKind::Segment(SegmentId(self.below(segments)))),
            _ => {
                let stages = self.program.stages.len() as u32;
                let place = if segments > 0 && (stages == 0 || self.rng.random_bool(0.5)) {
                    Entrance::Segment(SegmentId(self.below(segments)))
                } else if stages > 0 {
                    let id = self.below(stages);
                    let arms = self.program.stages[id as usize].arms.len() as u32;
                    Entrance::Stage(StagesId(id), self.below(arms))
                } else {
                    return None;
                };
                Some(ConditionKind::Entered(place, self.below(4)))
            }
        }
    }

    fn test(&mut self, depth: u32, scope: Scope) -> ConditionKind {
        if self.rng.random_bool(0.03) {
            return ConditionKind::Constant(self.rng.random_bool(0.5));
        }
        if self.rng.random_bool(0.15)
            && let Some(stage) = self.stage()
        {
            let word = self.value(&stage.ty);
            let right = Term {
                kind: TermKind::Constant(word.clone()),
                ty: stage.ty.clone(),
                place: Place::default(),
            };
            return if self.rng.random_bool(0.5) {
                ConditionKind::Compare(self.equality(), stage, right)
            } else {
                ConditionKind::In(stage, vec![word])
            };
        }
        let ty = self.tested();
        if self.rng.random_bool(0.1) {
            return ConditionKind::Known(self.term(&ty, depth, scope));
        }
        let term = self.term(&ty, depth, scope);
        match (&ty, self.below(4)) {
            (Type::Tags, _) => ConditionKind::HasTag(term, self.word()),
            (Type::YesNo, 0 | 1) => ConditionKind::Truth(term),
            (Type::Text, 0 | 1) => {
                let op = [MatchOp::Contains, MatchOp::StartsWith, MatchOp::EndsWith][self.below(3) as usize];
                let Value::Text(part) = self.value(&ty) else { panic!("text is text") };
                ConditionKind::Matches(op, term, part)
            }
            (_, 0) => ConditionKind::In(term, (0..self.below(4)).map(|_| self.value(&ty)).collect()),
            (Type::Text | Type::YesNo, _) => {
                ConditionKind::Compare(self.equality(), term, self.term(&ty, depth, scope))
            }
            _ => {
                let ordered = [CompareOp::Less, CompareOp::AtMost, CompareOp::More, CompareOp::AtLeast];
                let op =
                    if self.rng.random_bool(0.3) { self.equality() } else { ordered[self.below(4) as usize] };
                let right = self.against(&ty, depth, scope);
                ConditionKind::Compare(op, term, right)
            }
        }
    }

    /// The type of what is tested. What depends on the day is tested often, and so are scores, which are numbers.
    fn tested(&mut self) -> Type {
        match self.below(10) {
            0 => Type::Elapsed(ElapsedUnit::Days),
            1 => Type::Elapsed(ElapsedUnit::Weeks),
            2 => Type::Elapsed(ElapsedUnit::Months),
            3 if !self.program.scores.is_empty() => Type::Number,
            _ => self.types[self.rng.random_range(0..self.types.len())].clone(),
        }
    }

    /// What something is compared with: a constant most of the time.
    fn against(&mut self, ty: &Type, depth: u32, scope: Scope) -> Term {
        if self.rng.random_bool(0.4) {
            return self.term(ty, depth, scope);
        }
        let kind = TermKind::Constant(self.value(ty));
        Term { kind, ty: ty.clone(), place: Place::default() }
    }

    /// A comparison of a term with a bound.
    pub fn rung(&mut self, ty: &Type, term: &Term, bound: Value) -> Condition {
        let ops = [CompareOp::Less, CompareOp::AtMost, CompareOp::More, CompareOp::AtLeast, CompareOp::Equal];
        let op = ops[self.below(5) as usize];
        let bound = Term { kind: TermKind::Constant(bound), ty: ty.clone(), place: Place::default() };
        Condition { kind: ConditionKind::Compare(op, term.clone(), bound), place: Place::default() }
    }

    fn equality(&mut self) -> CompareOp {
        if self.rng.random_bool(0.5) { CompareOp::Equal } else { CompareOp::NotEqual }
    }

    fn word(&mut self) -> String {
        ["vip", "new", "北"][self.below(3) as usize].to_owned()
    }
}
