//! From a program and two stores to a plan: load, evaluate, look back, decide.

use std::fmt;
use std::time::{Duration, Instant};
use tidings_check::Program;
use tidings_engine::{Chunk, Evaluator, Matches, Needs, Populations};
use tidings_plan::{
    Addresses, History, Key, Plan, Question, Standing, coupons_since, may_still_go, messages_since, plan,
};
use tidings_schema::Now;
use tidings_store::{CustomerStore, EngineRows, LoadStats, Moves, Selection, State, StateError, StoreError};

/// What plans are made from.
#[derive(Clone, Copy)]
pub struct Decider<'a> {
    /// The rules.
    pub program: &'a Program,
    /// The project's name: part of every key and of the draw for holdouts.
    pub project: &'a str,
    /// The customers.
    pub customers: &'a CustomerStore,
    /// What the engine did before; none where it never ran.
    pub state: Option<&'a State>,
    /// How addresses are read.
    pub addresses: &'a dyn Addresses,
    /// Columns that the sends show.
    pub shown: &'a Needs,
    /// How many threads evaluate.
    pub threads: usize,
    /// From when on events count for rules that wait for them, as a [`Question`] has it.
    pub since: &'a [(usize, i64)],
}

/// A plan and all that it was made from.
pub struct Decision<'a> {
    of: Decider<'a>,
    /// The moment.
    pub now: Now,
    /// The compiled rules.
    pub evaluator: Evaluator,
    /// The columns that the chunks have.
    pub needs: Needs,
    /// Every customer.
    pub chunks: Vec<Chunk>,
    /// The cut-offs of scores over the population.
    pub populations: Populations,
    /// Who matches, by chunk.
    pub matches: Vec<Matches>,
    /// The plan.
    pub plan: Plan,
    /// What there was to remark on while loading.
    pub stats: LoadStats,
    /// How long loading, evaluating and planning took.
    pub took: [Duration; 3],
    history: History,
    standing: Standing,
    only: Option<Vec<usize>>,
}

/// Why there is no plan.
#[derive(Debug)]
pub enum DecideError {
    /// The customers could not be loaded.
    Store(StoreError),
    /// The engine's own state could not be read.
    State(StateError),
}

impl fmt::Display for DecideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecideError::Store(e) => e.fmt(f),
            DecideError::State(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for DecideError {}

impl From<StoreError> for DecideError {
    fn from(e: StoreError) -> DecideError {
        DecideError::Store(e)
    }
}

impl From<StateError> for DecideError {
    fn from(e: StateError) -> DecideError {
        DecideError::State(e)
    }
}

impl<'a> Decider<'a> {
    /// The plan for a moment, of all rules or of some by their positions.
    pub async fn decide(self, now: Now, only: Option<Vec<usize>>) -> Result<Decision<'a>, DecideError> {
        let vocabulary = &self.program.vocabulary;
        let evaluator = Evaluator::compile(self.program);
        let needs = evaluator.needs().union(&tidings_plan::needs(self.program)).union(self.shown);
        let start = Instant::now();
        let (rows, history, standing) = self.look_back(now).await?;
        let loaded = self.customers.load(vocabulary, &needs, Selection::All, &rows).await?;
        let loading = start.elapsed();
        let chunks = loaded.chunks;
        let evaluator = evaluator.reading(&needs);
        let populations = evaluator.populations(&chunks, now, self.threads);
        let matches = evaluator.evaluate_all(&chunks, now, &populations, self.threads);
        let evaluating = start.elapsed() - loading;
        let plan = plan(&Question {
            program: self.program,
            project: self.project,
            now,
            chunks: &chunks,
            needs: &needs,
            matches: &matches,
            history: &history,
            standing: &standing,
            addresses: self.addresses,
            only: only.as_deref(),
            since: self.since,
        });
        let took = [loading, evaluating, start.elapsed() - loading - evaluating];
        let stats = loaded.stats;
        Ok(Decision {
            of: self,
            now,
            evaluator,
            needs,
            chunks,
            populations,
            matches,
            plan,
            stats,
            took,
            history,
            standing,
            only,
        })
    }

    async fn look_back(&self, now: Now) -> Result<(EngineRows, History, Standing), StateError> {
        let Some(state) = self.state else { return Ok(Default::default()) };
        let mut history = state.history(messages_since(self.program, now)..=now.micros).await?;
        history.spent = state.spent(coupons_since(self.program, now)).await?;
        let mut standing = Standing { secret: state.secret().to_vec(), ..Standing::default() };
        for contact in &self.program.vocabulary.contacts {
            let channel = &contact.channel;
            standing.suppressed.insert(channel.clone(), state.suppressed(channel).await?);
            standing.withdrawn.insert(channel.clone(), state.withdrawn(channel).await?);
        }
        Ok((state.engine_rows().await?, history, standing))
    }
}

impl Decision<'_> {
    /// Refuses what waits from earlier runs for customers who do not say yes any more, as they were just read.
    pub async fn recheck(&self, state: &State) -> Result<Moves, StateError> {
        let waiting = state.waiting_messages().await?;
        let (keys, messages): (Vec<Key>, Vec<(String, String)>) =
            waiting.into_iter().map(|(key, channel, customer)| (key, (channel, customer))).unzip();
        let may_go = may_still_go(&self.question(), &messages);
        let refused: Vec<Key> =
            keys.into_iter().zip(may_go).filter(|(_, go)| !go).map(|(key, _)| key).collect();
        state.refuse_without_consent(&refused).await
    }

    /// Names of rules that sent something and are in the project no more: renamed without `was`, or deleted.
    pub fn gone(&self) -> Vec<&str> {
        let known = |name: &str| self.of.program.rules.iter().any(|rule| rule.identity() == name);
        let mut gone: Vec<&str> =
            self.history.rules.keys().map(String::as_str).filter(|n| !known(n)).collect();
        gone.sort_unstable();
        gone
    }

    /// What the plan was made from, for its pages.
    pub fn question(&self) -> Question<'_> {
        Question {
            program: self.of.program,
            project: self.of.project,
            now: self.now,
            chunks: &self.chunks,
            needs: &self.needs,
            matches: &self.matches,
            history: &self.history,
            standing: &self.standing,
            addresses: self.of.addresses,
            only: self.only.as_deref(),
            since: self.of.since,
        }
    }
}
