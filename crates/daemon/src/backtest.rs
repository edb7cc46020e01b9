//! What the rules would have done, day after day, over history: each day the plan that `tidings run` for that day would
//! carry out for the rules that came due since the day before, on the past that the days before left. Nothing is
//! written and nothing is sent.

pub mod flows;
pub mod span;
pub mod tally;
mod unknown;

use crate::decide::{DecideError, Decider};
use crate::due::Due;
use std::time::{Duration, Instant};
use tidings_engine::{Bitmap, Chunk, Matches};
use tidings_plan::{History, Page, Question, Replay, Standing, Supplies, pages};
use tidings_schema::Now;
use tidings_store::LoadStats;

pub use flows::Flows;
pub use span::{Span, StepOf};
pub use tally::{RuleTally, Tally, Way};
pub use unknown::{Unknown, unknown};

/// What came out.
pub struct Backtest {
    /// Everything that the rules can send.
    pub ways: Vec<Way>,
    /// Step by step.
    pub steps: Vec<Tally>,
    /// How many customers would have had each number of messages in all, from none on: those who are there in the end.
    pub messages: Vec<u64>,
    /// Who moved between stages, by partition.
    pub flows: Vec<Flows>,
    /// Rules, by their positions, whose schedules come several times in a step. It decides them once.
    pub several: Vec<usize>,
    /// What there was to remark on while loading.
    pub stats: LoadStats,
    /// How long it took.
    pub took: Took,
}

/// How long a backtest took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Reading the customers.
    pub loading: Duration,
    /// Finding who matches, of all steps.
    pub evaluating: Duration,
    /// Making the plans and remembering what they send.
    pub planning: Duration,
}

/// Who looks on.
pub trait Watch {
    /// A step is done.
    fn step(&mut self, step: &Tally);

    /// What a run would write into the outbox, where it is asked for: for all sends, page by page.
    fn page(&mut self, _: &Page) {}

    /// Whether pages are asked for.
    fn wants_pages(&self) -> bool {
        false
    }

    /// Whether no more steps are wanted.
    fn has_enough(&self) -> bool {
        false
    }
}

impl Decider<'_> {
    /// Replays the rules at each moment of a span, those that came due since the one before, from an empty past on. Who
    /// said no to the engine is known as of today.
    pub async fn backtest(
        &self,
        span: &Span,
        supplies: &Supplies,
        watch: &mut dyn Watch,
    ) -> Result<Backtest, DecideError> {
        let start = Instant::now();
        let (loaded, standing) = self.everybody().await?;
        let mut chunks = loaded.chunks;
        let loading = start.elapsed();
        let mut out = self.replay(&mut chunks, &standing, span, supplies, watch);
        (out.stats, out.took.loading) = (loaded.stats, loading);
        Ok(out)
    }

    /// The same over customers in memory.
    pub fn replay(
        &self,
        chunks: &mut [Chunk],
        standing: &Standing,
        span: &Span,
        supplies: &Supplies,
        watch: &mut dyn Watch,
    ) -> Backtest {
        let (program, evaluator) = (self.program, self.evaluator);
        let needs = evaluator.needs();
        let nothing = History::default();
        let (moments, mut before) = (span.moments(), span.before());
        let due = Due::of(program, before, &moments);
        let waiting = program.rules.iter().enumerate();
        let waiting = waiting.filter(|(_, rule)| rule.awaits_events());
        let mut since: Vec<(usize, i64)> = waiting.map(|(i, _)| (i, before)).collect();
        let question = self.question(chunks, &[], &nothing, standing, span.from);
        let mut replay = Replay::new(&question, supplies, self.threads);
        let ways = tally::ways(program, supplies);
        let (mut steps, mut took) = (Vec::new(), Took::default());
        let mut flows: Vec<Flows> = program.stages.iter().map(Flows::of).collect();
        let mut there: Vec<Bitmap> = Vec::new();
        for (at, now) in moments.iter().enumerate() {
            if watch.has_enough() {
                break;
            }
            let start = Instant::now();
            replay.show(&program.vocabulary, needs, chunks);
            let populations = evaluator.populations(chunks, *now, self.threads);
            let matches = evaluator.evaluate_all(chunks, *now, &populations, self.threads);
            took.evaluating += start.elapsed();
            let start = Instant::now();
            since.iter_mut().for_each(|(_, since)| *since = before);
            let only = due.at(at);
            let question = self.question(chunks, &matches, &nothing, standing, *now);
            let question = Question { only: Some(&only), since: &since, ..question };
            let run = replay.run(&question, supplies, watch.wants_pages(), self.threads);
            if let Some(plan) = &run.plan {
                pages(plan, &question, supplies).for_each(|page| watch.page(&page));
            }
            took.planning += start.elapsed();
            flows.iter_mut().enumerate().for_each(|(i, flows)| flows.take(i, &matches));
            let step = Tally::of(run, &matches, &ways, &flows);
            watch.step(&step);
            steps.push(step);
            there = matches.into_iter().map(|of_chunk: Matches| of_chunk.existing).collect();
            before = now.micros;
        }
        let messages = replay.received(&there);
        Backtest { ways, steps, messages, flows, several: due.several(), stats: LoadStats::default(), took }
    }

    fn question<'q>(
        &'q self,
        chunks: &'q [Chunk],
        matches: &'q [Matches],
        history: &'q History,
        standing: &'q Standing,
        now: Now,
    ) -> Question<'q> {
        Question {
            program: self.program,
            project: self.project,
            now,
            chunks,
            needs: self.evaluator.needs(),
            matches,
            history: history.into(),
            standing,
            addresses: self.addresses,
            only: None,
            since: self.since,
        }
    }
}
