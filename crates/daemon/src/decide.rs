//! From a program and two stores to a plan: load, evaluate, look back, decide.

use crate::read::{Customers, Evaluated};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidings_check::Program;
use tidings_check::program::Rule;
use tidings_engine::{Chunk, Chunks, Evaluator, Matches, Needs, Populations};
use tidings_plan::{
    Addresses, Evidence, History, Key, Plan, Question, Standing, awaited, counts_customers, coupons_since,
    evidence_of, may_still_go, messages_since, needs_everybody, plan, situation::find,
};
use tidings_schema::{AttributeId, Now, RowSource};
use tidings_store::{
    Asked, CustomerStore, EngineRows, LoadStats, Loaded, Moves, Refreshed, Resident, Room, Selection, State,
    StateError, StoreError, Stream,
};
use tokio::sync::Mutex;

/// What plans are made from.
#[derive(Clone, Copy)]
pub struct Decider<'a> {
    /// The rules.
    pub program: &'a Program,
    /// The project's name: part of every key and of the draw for holdouts.
    pub project: &'a str,
    /// The customers.
    pub customers: &'a CustomerStore,
    /// Their columns, kept from one decision to the next, and the clock's moment (microseconds since 1970 UTC).
    /// Without it, everything is read anew.
    pub resident: Option<(&'a Mutex<Resident>, i64)>,
    /// How much memory everybody may take: more is read anew each time, and evaluated chunk by chunk.
    pub room: Option<&'a Room>,
    /// What the engine did before; none where it never ran.
    pub state: Option<&'a State>,
    /// How addresses are read.
    pub addresses: &'a dyn Addresses,
    /// The compiled rules, reading all columns that are needed.
    pub evaluator: &'a Evaluator,
    /// How many threads evaluate.
    pub threads: usize,
    /// From when on events count for rules that wait for them, as a [`Question`] has it.
    pub since: &'a [(usize, i64)],
    /// Rules that are asked of the same customers afterwards, with [`Decision::again`]: what they look back at is looked
    /// back at too.
    pub beside: Option<&'a Program>,
    /// Whether no more customers are read than the decision is about, where that can be told beforehand.
    pub sparing: bool,
}

/// A plan and all that it was made from.
pub struct Decision<'a> {
    of: Decider<'a>,
    /// The moment.
    pub now: Now,
    /// The customers that were read, with the columns of [`Question::needs`]: where they do not fit into memory, without
    /// the rows that only rules read. [`Decision::customer`] has one with all.
    pub chunks: Vec<Chunk>,
    /// The cut-offs of scores over the population.
    pub populations: Populations,
    /// Who matches, by chunk.
    pub matches: Vec<Matches>,
    /// The plan.
    pub plan: Plan,
    /// What there was to remark on while loading.
    pub stats: LoadStats,
    /// What of the data is not as expected. Nothing where only some customers were read.
    pub unmet: Vec<Evidence>,
    /// What was read, where customers are kept.
    pub refreshed: Option<Refreshed>,
    /// Where they do not fit into memory, what they are made from.
    pub stream: Option<Box<Stream>>,
    needs: Needs,
    /// How long it took.
    pub took: Took,
    past: Arc<(History, Standing)>,
    only: Option<Vec<usize>>,
    /// Who was read; none where everybody was.
    whom: Option<Vec<Box<str>>>,
}

/// How long a decision took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Looking back and reading the customers.
    pub loading: Duration,
    /// Finding who matches.
    pub evaluating: Duration,
    /// Making the plan.
    pub planning: Duration,
}

impl Took {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.loading + self.evaluating + self.planning
    }
}

fn nobody_left() -> Evidence {
    Evidence {
        of: "customers".to_owned(),
        expected: "rows: at least 1".to_owned(),
        found: "there are none, though rules have reached some before".to_owned(),
        met: false,
    }
}

/// How many customers are read one by one; for more it is all of them.
const FEW: usize = 5_000;

/// Why there is no plan.
#[derive(Debug)]
pub enum DecideError {
    /// The customers could not be loaded.
    Store(StoreError),
    /// The engine's own state could not be read.
    State(StateError),
    /// The data is not as expected, so nothing may be decided on it.
    Unmet(Vec<Evidence>),
}

impl fmt::Display for DecideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecideError::Store(e) => e.fmt(f),
            DecideError::State(e) => e.fmt(f),
            DecideError::Unmet(unmet) => {
                f.write_str("the data is not as expected")?;
                unmet
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, evidence)| write!(f, "{} {evidence}", if i == 0 { ":" } else { ";" }))
            }
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
        let start = Instant::now();
        let whom = self.concerned(now, only.as_deref()).await?;
        self.decide_for(now, only, whom, start).await
    }

    /// The plan for a moment of all rules, made for one customer alone where no other can change what it says of that
    /// customer and some rules, by their positions.
    pub async fn decide_about(
        self,
        now: Now,
        rules: &[usize],
        customer: &str,
    ) -> Result<Decision<'a>, DecideError> {
        let start = Instant::now();
        if !self.evaluator.ranks() && !rules.iter().any(|rule| needs_everybody(self.program, *rule)) {
            let decision = self.decide_for(now, None, Some(vec![customer.into()]), start).await?;
            // What is left of a run that was cut short waits where anybody is left.
            if decision.history().held.is_empty() {
                return Ok(decision);
            }
        }
        self.decide_for(now, None, None, start).await
    }

    /// The plan about some customers, or all.
    async fn decide_for(
        self,
        now: Now,
        only: Option<Vec<usize>>,
        whom: Option<Vec<Box<str>>>,
        start: Instant,
    ) -> Result<Decision<'a>, DecideError> {
        let needs = self.evaluator.needs();
        let keys: Option<Vec<&str>> = whom.as_ref().map(|keys| keys.iter().map(AsRef::as_ref).collect());
        let (rows, history, standing) = self.look_back(now, only.as_deref(), keys.as_deref(), needs).await?;
        let (customers, refreshed) = self.read(needs, keys.as_deref(), &rows).await?;
        let unmet = match keys {
            None => self.unmet(&customers, now).await?,
            Some(keys) if !keys.is_empty() && customers.count() == 0 && self.nobody().await? => {
                self.nobody_left().await?.into_iter().collect()
            }
            Some(_) => Vec::new(),
        };
        let past = Arc::new((history, standing));
        let read = Read { past, whom, unmet, refreshed, loading: start.elapsed() };
        self.conclude(now, only, customers, read)
    }

    /// The plan from what was read.
    fn conclude(
        self,
        now: Now,
        only: Option<Vec<usize>>,
        customers: Customers,
        read: Read,
    ) -> Result<Decision<'a>, DecideError> {
        let start = Instant::now();
        let Read { past, whom, unmet, refreshed, loading } = read;
        let Evaluated { chunks, needs, populations, matches, stats, stream } =
            self.evaluate(customers, now)?;
        let evaluating = start.elapsed();
        let (history, standing) = &*past;
        let question = Question {
            program: self.program,
            project: self.project,
            now,
            chunks: &chunks,
            needs: &needs,
            matches: &matches,
            history: history.into(),
            standing,
            addresses: self.addresses,
            only: only.as_deref(),
            since: self.since,
        };
        let plan = plan(&question, self.threads);
        let took = Took { loading, evaluating, planning: start.elapsed() - evaluating };
        Ok(Decision {
            of: self,
            now,
            chunks,
            needs,
            populations,
            matches,
            plan,
            stats,
            unmet,
            refreshed,
            stream,
            took,
            past,
            only,
            whom,
        })
    }

    /// What of everybody's data is not as expected. That nobody is left whom rules have reached before is never expected:
    /// whoever comes back after that would be taken for new.
    async fn unmet(&self, customers: &Customers, now: Now) -> Result<Vec<Evidence>, DecideError> {
        let vocabulary = &self.program.vocabulary;
        let mut unmet = evidence_of(vocabulary, self.evaluator.needs(), customers, now)?;
        unmet.retain(|evidence| !evidence.met);
        if customers.stats().customers == 0 {
            unmet.extend(self.nobody_left().await?);
        }
        Ok(unmet)
    }

    /// What is not as expected where there is no customer.
    async fn nobody_left(&self) -> Result<Option<Evidence>, StateError> {
        let Some(state) = self.state else { return Ok(None) };
        Ok(state.has_reached_anybody().await?.then(nobody_left))
    }

    /// Those whom rules that wait for events can be about now. None where that may be anybody: where one of them waits
    /// for none, where customers are counted or ranked among all others, and where something is expected of all of them.
    async fn concerned(&self, now: Now, only: Option<&[usize]>) -> Result<Option<Vec<Box<str>>>, StoreError> {
        let Some(only) = only.filter(|_| self.sparing && !self.evaluator.ranks()) else { return Ok(None) };
        if only.iter().filter_map(|rule| self.program.rules.get(*rule)).any(counts_customers) {
            return Ok(None);
        }
        let Some(awaited) = awaited(self.program, only, self.since, now) else { return Ok(None) };
        let vocabulary = &self.program.vocabulary;
        let most = if vocabulary.expectations.is_empty() { FEW } else { 0 };
        let whom = self.customers.happened(vocabulary, &awaited, now.micros).await?;
        Ok(whom.filter(|whom| whom.len() <= most))
    }

    async fn look_back(
        &self,
        now: Now,
        only: Option<&[usize]>,
        customers: Option<&[&str]>,
        needs: &Needs,
    ) -> Result<(EngineRows, History, Standing), StateError> {
        let Some(state) = self.state else { return Ok(Default::default()) };
        let rules = only.map(|only| only.iter().filter_map(|rule| self.program.rules.get(*rule)));
        let rules: Option<Vec<&str>> = rules.map(|rules| rules.map(Rule::identity).collect());
        let asked = Asked {
            rules: rules.as_deref(),
            customers,
            messages: self.earliest(|program| messages_since(program, now))..=now.micros,
            ..self.engine_rows_for(needs)
        };
        let mut history = state.history(&asked).await?;
        // About nobody there is nothing more to know.
        if customers.is_some_and(<[&str]>::is_empty) {
            return Ok((EngineRows::default(), history, Standing::default()));
        }
        history.spent = state.spent(self.earliest(|program| coupons_since(program, now))).await?;
        Ok((state.engine_rows(&asked).await?, history, self.standing(state).await?))
    }

    /// From when on something counts for any of the rules.
    fn earliest(&self, since: impl Fn(&Program) -> i64) -> i64 {
        self.beside.map_or(i64::MAX, &since).min(since(self.program))
    }

    /// What the engine keeps of what the rules see of customers; nothing where they see none of it.
    pub(crate) async fn own_rows(&self) -> Result<Option<EngineRows>, StateError> {
        let asked = self.engine_rows_for(self.evaluator.needs());
        if !(asked.sends || asked.grants || asked.kept) {
            return Ok(None);
        }
        let Some(state) = self.state else { return Ok(Some(EngineRows::default())) };
        state.engine_rows(&asked).await.map(Some)
    }

    /// What the engine keeps of what is needed of customers.
    fn engine_rows_for<'b>(&self, needs: &Needs) -> Asked<'b> {
        let vocabulary = &self.program.vocabulary;
        let collections = || needs.collections.iter().filter_map(|c| vocabulary.collection(c.id));
        let kept = |id: &AttributeId| vocabulary.attribute(*id).is_some_and(|a| a.kept);
        Asked {
            sends: collections().any(|c| matches!(c.source, RowSource::Sends)),
            grants: collections().any(|c| matches!(c.source, RowSource::Grants)),
            kept: needs.attributes.iter().any(kept),
            ..Asked::default()
        }
    }

    /// All customers as they are, in memory, with nothing that the engine did, and who said no to it.
    pub(crate) async fn everybody(&self) -> Result<(Loaded, Standing), DecideError> {
        let (loaded, _) = self.in_memory(self.evaluator.needs(), None, &EngineRows::default()).await?;
        let standing = match self.state {
            Some(state) => self.standing(state).await?,
            None => Standing::default(),
        };
        Ok((loaded, standing))
    }

    async fn standing(&self, state: &State) -> Result<Standing, StateError> {
        let mut standing = Standing { secret: state.secret().to_vec(), ..Standing::default() };
        for contact in &self.program.vocabulary.contacts {
            let channel = &contact.channel;
            standing.suppressed.insert(channel.clone(), state.suppressed(channel).await?);
            standing.withdrawn.insert(channel.clone(), state.withdrawn(channel).await?);
        }
        Ok(standing)
    }

    async fn nobody(&self) -> Result<bool, StoreError> {
        Ok(self.customers.count_customers(&self.program.vocabulary).await? == 0)
    }

    /// Some customers as far as it takes to know whether they may be written to, and with which columns.
    async fn reachable(&self, state: &State, keys: &[&str]) -> Result<(Needs, Vec<Chunk>), DecideError> {
        let needs = tidings_plan::reach::needs(&self.program.vocabulary);
        let few = keys.len() <= FEW;
        let asked = Asked { customers: few.then_some(keys), ..self.engine_rows_for(&needs) };
        let rows = state.engine_rows(&asked).await?;
        let selection = if few { Selection::Those(keys) } else { Selection::All };
        let loaded = self.customers.load(&self.program.vocabulary, &needs, selection, &rows).await?;
        Ok((needs, loaded.chunks))
    }
}

/// What a plan is made from beside the customers.
struct Read {
    past: Arc<(History, Standing)>,
    whom: Option<Vec<Box<str>>>,
    unmet: Vec<Evidence>,
    refreshed: Option<Refreshed>,
    loading: Duration,
}

impl Decision<'_> {
    /// Fails where the data is not as expected. Whoever goes ahead despite `expect` does not where nobody is left: there
    /// is nobody to be sent anything, and what waits would be refused for good.
    pub fn sound(&self, despite_expectations: bool) -> Result<(), DecideError> {
        let mut unmet = self.unmet.clone();
        unmet.retain(|evidence| !despite_expectations || *evidence == nobody_left());
        if unmet.is_empty() { Ok(()) } else { Err(DecideError::Unmet(unmet)) }
    }

    /// What other rules make of the same customers at the same moment. All were read, into memory, with the columns that
    /// these need: their evaluator reads the same columns as this decision's, of the same vocabulary.
    pub fn again<'b>(
        &self,
        of: Decider<'b>,
        now: Now,
        only: Option<Vec<usize>>,
    ) -> Result<Decision<'b>, DecideError> {
        let customers = Customers::There(Loaded { chunks: self.chunks.clone(), stats: self.stats.clone() });
        let past = self.past.clone();
        let read = Read { past, whom: None, unmet: Vec::new(), refreshed: None, loading: Duration::ZERO };
        of.conclude(now, only, customers, read)
    }

    /// What it was made with.
    pub(crate) fn decider(&self) -> &Decider<'_> {
        &self.of
    }

    /// What was looked back at.
    pub fn history(&self) -> &History {
        &self.past.0
    }

    /// Refuses what waits from earlier runs for customers who do not say yes any more, as they were just read, or are
    /// read now.
    pub async fn recheck(&self, state: &State) -> Result<Moves, DecideError> {
        let waiting = state.waiting_messages().await?;
        if waiting.is_empty() {
            return Ok(Moves::default());
        }
        let (keys, messages): (Vec<Key>, Vec<(String, String)>) =
            waiting.into_iter().map(|(key, channel, customer)| (key, (channel, customer))).unzip();
        let may_go = match &self.whom {
            None => may_still_go(&self.question(), &messages),
            Some(_) => {
                let customers: BTreeSet<&str> = messages.iter().map(|(_, c)| c.as_str()).collect();
                let customers: Vec<&str> = customers.into_iter().collect();
                let (needs, chunks) = self.of.reachable(state, &customers).await?;
                // A table that is being filled anew says no in nobody's name.
                if chunks.iter().all(Chunk::is_empty) && self.of.nobody().await? {
                    return Err(DecideError::Unmet(vec![nobody_left()]));
                }
                let (needs, chunks, standing) = (&needs, &chunks, &self.of.standing(state).await?);
                may_still_go(&Question { chunks, needs, standing, ..self.question() }, &messages)
            }
        };
        let refused: Vec<Key> =
            keys.into_iter().zip(may_go).filter(|(_, go)| !go).map(|(key, _)| key).collect();
        Ok(state.refuse_without_consent(&refused).await?)
    }

    /// One customer with all columns that rules read, as a chunk of one; none where there is no such customer.
    pub fn customer(&self, key: &str) -> Result<Option<Chunk>, StoreError> {
        let Some((chunk, i)) = find(&self.chunks, key) else { return Ok(None) };
        match &self.stream {
            Some(stream) => Ok(stream.chunk(chunk)?.one(i)),
            None => Ok(self.chunks.get(chunk).and_then(|chunk| chunk.one(i))),
        }
    }

    /// Names of rules that sent something and are in the project no more: renamed without `was`, or deleted.
    pub fn gone(&self) -> Vec<&str> {
        let known = |name: &str| self.of.program.rules.iter().any(|rule| rule.identity() == name);
        let mut gone: Vec<&str> =
            self.history().rules.keys().map(String::as_str).filter(|n| !known(n)).collect();
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
            history: self.history().into(),
            standing: &self.past.1,
            addresses: self.of.addresses,
            only: self.only.as_deref(),
            since: self.of.since,
        }
    }
}
