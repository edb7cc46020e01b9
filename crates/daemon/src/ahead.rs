//! What would be sent in days to come, as if nobody bought or did anything: day after day the plan that would be carried
//! out, on the past that the days before leave behind.

use crate::decide::{DecideError, Decision};
use chrono::Days;
use tidings_check::program::Schedule;
use tidings_plan::schedule::occurrences;
use tidings_plan::{Page, Past, Plan, Question, Supplies, pages, plan};
use tidings_schema::{Now, calendar};
use tidings_store::Selection;

impl Decision<'_> {
    /// The plans of so many days, from the decision's own on, each at the same time of day and of the rules whose
    /// schedules come until that time of the next day. Of the supplies the coupons count.
    pub async fn days_ahead(
        &self,
        days: u32,
        supplies: &Supplies,
        mut each: impl FnMut(&Plan),
    ) -> Result<(), DecideError> {
        let of = self.decider();
        let own = of.own_rows().await?;
        let mut past = Past::after(self.history().clone(), own.clone().unwrap_or_default());
        let Some(today) = self.due(0) else { return Ok(()) };
        let mut made = plan(&Question { only: Some(&today), ..self.question() }, of.threads);
        if days > 0 {
            each(&made);
        }
        let mut chunks = self.chunks.clone();
        let mut matches = self.matches.clone();
        for day in 1..u64::from(days) {
            for rule in made.rules {
                // One rule's pages at a time: they may be many.
                let alone = Plan { rules: vec![rule], ..made };
                let (now, history) = (made.now, past.history().into());
                let question =
                    Question { chunks: &chunks, matches: &matches, now, history, ..self.question() };
                let pages: Vec<Page> = pages(&alone, &question, supplies).collect();
                pages.iter().for_each(|page| past.take(page));
            }
            let (Some(now), Some(due)) = (later(self.now, day), self.due(day)) else { break };
            if own.is_some() {
                let (needs, rows) = (of.evaluator.needs(), past.engine_rows());
                chunks =
                    of.customers.load(&of.program.vocabulary, needs, Selection::All, &rows).await?.chunks;
            }
            let populations = of.evaluator.populations(&chunks, now, of.threads);
            matches = of.evaluator.evaluate_all(&chunks, now, &populations, of.threads);
            let history = past.history().into();
            made = plan(
                &Question {
                    chunks: &chunks,
                    matches: &matches,
                    now,
                    history,
                    only: Some(&due),
                    ..self.question()
                },
                of.threads,
            );
            each(&made);
        }
        Ok(())
    }

    /// The rules that were asked for and are due within a day that begins so many days later; those that wait for an
    /// event always are.
    fn due(&self, day: u64) -> Option<Vec<usize>> {
        let (from, until) = (later(self.now, day)?.micros, later(self.now, day + 1)?.micros);
        let asked = self.question().only;
        let rules = self.decider().program.rules.iter().enumerate();
        let due = rules.filter(|(i, rule)| {
            asked.is_none_or(|only| only.contains(i))
                && (matches!(rule.schedule, Schedule::On(_))
                    || occurrences(&rule.schedule, self.now.zone, from - 1, until - 1).next().is_some())
        });
        Some(due.map(|(i, _)| i).collect())
    }
}

/// So many days later, at the same time of day.
fn later(now: Now, days: u64) -> Option<Now> {
    let civil = now.civil().checked_add_days(Days::new(days))?;
    Some(Now { micros: calendar::instant(civil, now.zone), zone: now.zone })
}
