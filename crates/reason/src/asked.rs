//! Questions about one customer, whoever it is.

use crate::formula::Formula;
use crate::model::Model;
use crate::solve::{Answer, together};
use tidings_check::Program;
use tidings_check::program::Condition;

/// Statements about one customer, with all that belongs to them.
pub(crate) struct Asked<'p> {
    pub(crate) model: Model<'p>,
    /// What is given.
    pub(crate) given: Vec<Formula>,
}

impl<'p> Asked<'p> {
    pub(crate) fn new(program: &'p Program) -> Asked<'p> {
        Asked { model: Model::new(program, true), given: Vec::new() }
    }

    /// Whether some statements contradict each other or what is given.
    pub(crate) fn never(&self, statements: &[&Formula]) -> bool {
        if self.model.is_too_large() {
            return false;
        }
        let all: Vec<&Formula> = self.given.iter().chain(statements.iter().copied()).collect();
        together(&self.model, &all) == Answer::Never
    }

    pub(crate) fn holds(&mut self, condition: &Condition) -> Formula {
        self.model.definitely(condition, true)
    }
}
