//! Journeys.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, parts};
use crate::span::Spanned;
use crate::tree::{Journey, JourneyStep};

impl Lower<'_> {
    pub(super) fn journey(&mut self, pair: &Pair<'_>) -> Option<Journey> {
        let mut journey = Journey {
            name: self.find_name(pair)?,
            label: self.find_text(pair),
            was: None,
            on: None,
            migrate: false,
            steps: Vec::new(),
            exit: None,
        };
        let mut steps = Vec::new();
        for part in parts(pair.clone()) {
            let twice = match part.as_rule() {
                Rule::was => std::mem::replace(&mut journey.was, self.find_name(&part)).is_some(),
                Rule::journey_on => std::mem::replace(&mut journey.on, self.find_name(&part)).is_some(),
                Rule::exit => std::mem::replace(&mut journey.exit, self.find_expr(&part)).is_some(),
                Rule::migrate => std::mem::replace(&mut journey.migrate, true),
                Rule::step => {
                    steps.push(self.step(&part));
                    false
                }
                _ => false,
            };
            if twice {
                let place = self.place(&part);
                self.report(
                    Diagnostic::new(Code::MISPLACED, place, "a journey says this once")
                        .label("said a second time")
                        .help("take one of the two out"),
                );
            }
        }
        journey.steps = steps.into_iter().collect::<Option<_>>()?;
        Some(journey)
    }

    fn step(&mut self, pair: &Pair<'_>) -> Option<Spanned<JourneyStep>> {
        let inner = pair.clone().into_inner().next()?;
        let step = match inner.as_rule() {
            Rule::wait => JourneyStep::Wait(self.find_length(&inner)?),
            Rule::wait_until => JourneyStep::WaitUntil(self.find_name(&inner)?, self.find_length(&inner)?),
            Rule::fork => {
                let condition = find(&inner, Rule::expr).and_then(|c| self.expr(&c));
                let mut branches = parts(inner.clone()).filter(|p| p.as_rule() == Rule::steps);
                let then = branches.next().and_then(|b| self.steps(&b));
                let otherwise = branches.next().map_or(Some(Vec::new()), |b| self.steps(&b));
                JourneyStep::If(condition?, then?, otherwise?)
            }
            _ => JourneyStep::Do(self.action(&inner)?.node),
        };
        Some(Spanned::new(step, self.span(pair)))
    }

    fn steps(&mut self, pair: &Pair<'_>) -> Option<Vec<Spanned<JourneyStep>>> {
        let steps: Vec<_> = parts(pair.clone()).map(|s| self.step(&s)).collect();
        steps.into_iter().collect()
    }
}
