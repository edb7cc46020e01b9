//! What would be sent in days to come, as if nobody bought or did anything: day after day the plan that would be carried
//! out, on the past that the days before leave behind.

use crate::decide::{DecideError, Decision};
use crate::due::Due;
use tidings_plan::{Page, Past, Plan, Question, Supplies, pages, plan};
use tidings_schema::Now;

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
        let due = self.due(days);
        let Some(today) = due.first() else { return Ok(()) };
        let mut made = plan(&Question { only: Some(today), ..self.question() }, of.threads);
        each(&made);
        let mut chunks = self.chunks.clone();
        let mut matches = self.matches.clone();
        for (day, due) in (1..).zip(due.iter().skip(1)) {
            // One rule's pages at a time, for they may be many, and as each has its turn.
            made.rules.sort_by_key(|rule| of.program.turn(rule.rule));
            for rule in made.rules {
                let alone = Plan { rules: vec![rule], ..made };
                let (now, history) = (made.now, past.history().into());
                let question =
                    Question { chunks: &chunks, matches: &matches, now, history, ..self.question() };
                let pages: Vec<Page> = pages(&alone, &question, supplies).collect();
                pages.iter().for_each(|page| past.take(page));
            }
            let now = self.now.days_later(day);
            if own.is_some() {
                let (needs, rows) = (of.evaluator.needs(), past.engine_rows());
                chunks = of.in_memory(needs, None, &rows).await?.0.chunks;
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
                    only: Some(due),
                    ..self.question()
                },
                of.threads,
            );
            each(&made);
        }
        Ok(())
    }

    /// The rules that are asked for and due on each of so many days, by their positions.
    fn due(&self, days: u32) -> Vec<Vec<usize>> {
        let end = |day| {
            let next = self.now.days_later(day + 1);
            Now { micros: next.micros - 1, ..next }
        };
        let ends: Vec<Now> = (0..days).map(end).collect();
        let (due, asked) =
            (Due::of(self.decider().program, self.now.micros - 1, &ends), self.question().only);
        let on =
            |day| due.at(day).into_iter().filter(|i| asked.is_none_or(|only| only.contains(i))).collect();
        (0..ends.len()).map(on).collect()
    }
}
