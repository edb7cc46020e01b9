//! What is said of a customer, as sets of values: each variable has a value or is missing, and every question, unknown
//! answers included, is whether it lies in some region of what it can be.

use crate::region::Region;

/// The position of a variable in its [`crate::model::Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Var(pub(crate) u32);

/// A statement that is either true or not: unknown is said by missing values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Formula {
    /// All of them; true for none.
    All(Vec<Formula>),
    /// One of them at least; false for none.
    Any(Vec<Formula>),
    /// The variable lies in the region, or (`false`) outside of it.
    In(Var, Region, bool),
}

impl Formula {
    pub(crate) fn constant(holds: bool) -> Formula {
        if holds { Formula::All(Vec::new()) } else { Formula::Any(Vec::new()) }
    }

    /// The opposite.
    pub(crate) fn negated(self) -> Formula {
        let each = |parts: Vec<Formula>| parts.into_iter().map(Formula::negated).collect();
        match self {
            Formula::All(parts) => Formula::Any(each(parts)),
            Formula::Any(parts) => Formula::All(each(parts)),
            Formula::In(var, region, inside) => Formula::In(var, region, !inside),
        }
    }

    /// This or not that.
    pub(crate) fn unless(self, other: Formula) -> Formula {
        Formula::Any(vec![other.negated(), self])
    }

    /// Calls back with each variable and region.
    pub(crate) fn each(&self, take: &mut impl FnMut(Var, &Region)) {
        match self {
            Formula::All(parts) | Formula::Any(parts) => parts.iter().for_each(|part| part.each(take)),
            Formula::In(var, region, _) => take(*var, region),
        }
    }
}
