//! Journeys: checked like rules; they are not run yet.

use crate::program::NotRun;
use crate::{Checker, RuleFile, Scope};
use tidings_syntax::Spanned;
use tidings_syntax::tree::{Item, Journey, JourneyStep};

impl<'a> Checker<'a> {
    /// Every journey, checked.
    pub(crate) fn journeys(&mut self, files: &'a [RuleFile]) -> Vec<NotRun> {
        let mut found = Vec::new();
        for file in files {
            self.file = file.id;
            for item in &file.tree.items {
                if let Item::Journey(journey) = &item.node {
                    self.in_journey = true;
                    self.journey(journey);
                    self.in_journey = false;
                    found.push(NotRun {
                        what: "journey",
                        place: self.place(journey.name.span),
                        blocks: true,
                    });
                }
            }
        }
        found
    }

    fn journey(&mut self, journey: &Journey) {
        if let Some(event) = &journey.on {
            self.event(event);
        }
        self.journey_steps(&journey.steps);
        if let Some(exit) = &journey.exit {
            self.condition(exit, Scope::Customer);
        }
    }

    fn journey_steps(&mut self, steps: &[Spanned<JourneyStep>]) {
        for step in steps {
            let place = self.place(step.span);
            match &step.node {
                JourneyStep::Do(action) => {
                    self.action(action, place);
                }
                JourneyStep::Wait(_) => {}
                JourneyStep::WaitUntil(event, _) => {
                    self.event(event);
                }
                JourneyStep::If(condition, then, otherwise) => {
                    self.condition(condition, Scope::Customer);
                    self.journey_steps(then);
                    self.journey_steps(otherwise);
                }
            }
        }
    }
}
