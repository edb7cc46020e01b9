//! What the rules would have done, day after day, over history: each day the plan that `tidings run` for that day would
//! carry out, on the past that the days before left. Nothing is written and nothing is sent.

pub mod flows;
pub mod span;
pub mod tally;
mod unknown;

use crate::decide::{DecideError, Decider};
use std::time::{Duration, Instant};
use tidings_engine::{Bitmap, Chunk, Matches};
use tidings_plan::{History, Page, Question, Record, Replay, Standing, Supplies, pages, plan};
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
    /// Making the plans.
    pub planning: Duration,
    /// Remembering and counting what they send.
    pub remembering: Duration,
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
}

impl Decider<'_> {
    /// Replays the rules, all of them at each of some moments, ascending, from an empty past on. Who said no to the
    /// engine is known as of today.
    pub async fn backtest(
        &self,
        moments: &[Now],
        supplies: &Supplies,
        watch: &mut dyn Watch,
    ) -> Result<Backtest, DecideError> {
        let start = Instant::now();
        let (loaded, standing) = self.everybody().await?;
        let mut chunks = loaded.chunks;
        let loading = start.elapsed();
        let mut out = self.replay(&mut chunks, &standing, moments, supplies, watch);
        (out.stats, out.took.loading) = (loaded.stats, loading);
        Ok(out)
    }

    /// The same over customers in memory.
    pub fn replay(
        &self,
        chunks: &mut [Chunk],
        standing: &Standing,
        moments: &[Now],
        supplies: &Supplies,
        watch: &mut dyn Watch,
    ) -> Backtest {
        let (program, evaluator) = (self.program, self.evaluator);
        let needs = evaluator.needs();
        let nothing = History::default();
        let first = moments.first().copied().unwrap_or(Now { micros: 0, zone: program.vocabulary.zone });
        let question = self.question(chunks, &[], (&nothing).into(), standing, first);
        let mut replay = Replay::new(&question, self.threads);
        let ways = tally::ways(program, supplies);
        let (mut steps, mut took) = (Vec::new(), Took::default());
        let mut flows: Vec<Flows> = program.stages.iter().map(Flows::of).collect();
        let mut there: Vec<Bitmap> = Vec::new();
        for now in moments {
            let start = Instant::now();
            replay.show(&program.vocabulary, needs, chunks);
            let populations = evaluator.populations(chunks, *now, self.threads);
            let matches = evaluator.evaluate_all(chunks, *now, &populations, self.threads);
            took.evaluating += start.elapsed();
            let start = Instant::now();
            let question = self.question(chunks, &matches, Record::Placed(&replay), standing, *now);
            let made = plan(&question, self.threads);
            took.planning += start.elapsed();
            let start = Instant::now();
            if watch.wants_pages() {
                pages(&made, &question, supplies).for_each(|page| watch.page(&page));
            }
            flows.iter_mut().enumerate().for_each(|(i, flows)| flows.take(i, &matches));
            let step = Tally::of(&made, &matches, &ways, &flows);
            watch.step(&step);
            steps.push(step);
            replay.take(program, supplies, &made, self.threads);
            there = matches.into_iter().map(|of_chunk: Matches| of_chunk.existing).collect();
            took.remembering += start.elapsed();
        }
        let messages = replay.received(&there);
        Backtest { ways, steps, messages, flows, stats: LoadStats::default(), took }
    }

    fn question<'q>(
        &'q self,
        chunks: &'q [Chunk],
        matches: &'q [Matches],
        history: Record<'q>,
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
            history,
            standing,
            addresses: self.addresses,
            only: None,
            since: self.since,
        }
    }
}
