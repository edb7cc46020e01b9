//! Running the rules on their schedules.
//!
//! An occurrence is a row: whoever writes it down runs it, so any number of daemons may look at the same time. All
//! rules that are due at a moment are decided together, for that moment and not for the one at which somebody got
//! round to it. What a lost daemon began is taken over when its lease is over; its keys make what it wrote known.

use crate::decide::{DecideError, Decider};
use crate::metrics;
use crate::site::Site;
use crate::stop::Stop;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tidings_channels::Clock;
use tidings_check::program::{Overlap, Rule};
use tidings_plan::schedule::{Occurrence, Skipped, due, events_since, is_late, next, occurrences};
use tidings_plan::{Plan, pages};
use tidings_schema::show::show;
use tidings_schema::{Now, Type, Value};
use tidings_store::state::{OccurrenceState, Orphan};
use tidings_store::{Resident, RunId, State, StateError, StoreError};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, interval_at};

/// How long a run that was begun stays its worker's without a word.
const LEASE: Duration = Duration::from_secs(60);
/// How long a run that failed is left alone.
const RETRY: Duration = Duration::from_secs(10);
/// How long a run is left alone whose data is not as expected.
const WAIT: Duration = Duration::from_secs(60);
/// The longest time between two looks at the schedules, in microseconds: others may have been lost meanwhile.
const LOOK: i64 = 30_000_000;
/// In microseconds.
const DAY: i64 = 86_400_000_000;

const STILL_GOING: &str = "the run before it was still going";
const STILL_WAITING: &str = "the run before it still waited";

/// Runs rules when they are due.
#[derive(Clone)]
pub struct Scheduler {
    /// The time of day.
    pub clock: Clock,
    /// In whose name occurrences are begun.
    pub worker: String,
    /// Ends a run between two pages; whoever comes next takes it over.
    pub stop: Stop,
    /// What is kept of the customers between two decisions.
    pub resident: Arc<Mutex<Resident>>,
}

/// What came of a look at the schedules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What ran: rules and their occurrences, in order.
    pub ran: Vec<(String, Occurrence)>,
    /// What lost workers had begun and was taken over, each with how long nobody had held it.
    pub taken_over: Vec<(String, Occurrence, Duration)>,
    /// How many were skipped.
    pub skipped: u64,
    /// When to look again, in microseconds since 1970 UTC.
    pub next: i64,
    /// Why something that was due did not run; it is tried again.
    pub failed: Option<String>,
}

/// Why a run did not come to its end.
#[derive(Debug)]
pub enum RunError {
    /// The state failed.
    State(StateError),
    /// The customers could not be read.
    Customers(StoreError),
    /// The data is not as expected: what it is, and what is expected.
    Data(String),
    /// It was told to stop.
    Stopped,
    /// Deciding broke down.
    BrokeDown,
}

/// An occurrence of a rule, by the rule's position.
struct Due {
    rule: usize,
    occurrence: Occurrence,
    /// Whether it was begun before, by somebody who was lost.
    orphan: bool,
    /// From when on events count for it.
    since: i64,
}

impl Scheduler {
    /// Does all that is due now.
    pub async fn turn(&self, site: &Arc<Site>, state: &State) -> Result<Turn, StateError> {
        let now = (self.clock)();
        let mut turn = Turn { next: now.saturating_add(LOOK), ..Turn::default() };
        let mut waiting = HashSet::new();
        for (at, mut due) in self.due(site, state, now, &mut turn).await? {
            if self.stop.wanted() {
                break;
            }
            // Behind one that waits its rule's later ones wait too, or it would be passed over for good.
            due.retain(|due| !waiting.contains(&due.rule));
            let mine = self.begin(site, state, due, &mut turn, &mut waiting).await?;
            if !mine.is_empty() {
                self.run(site, state, at, mine, &mut turn).await?;
            }
        }
        metrics::occurrences("run", turn.ran.len() as u64);
        metrics::occurrences("skipped", turn.skipped);
        let coming = site.program.rules.iter().filter_map(|rule| self.next(site, rule, now));
        turn.next = coming.fold(turn.next, i64::min);
        Ok(turn)
    }

    fn next(&self, site: &Site, rule: &Rule, now: i64) -> Option<i64> {
        next(rule.schedule.polled(), site.zone(), now).map(|o| o.at)
    }

    /// What is due, by moment; what is not to run is written down.
    async fn due(
        &self,
        site: &Site,
        state: &State,
        now: i64,
        turn: &mut Turn,
    ) -> Result<BTreeMap<i64, Vec<Due>>, StateError> {
        let rules = || site.program.rules.iter().enumerate();
        let names: Vec<String> = rules().map(|(_, rule)| rule.identity().to_owned()).collect();
        let seen = state.schedule_seen(&names).await?;
        let mut moments: BTreeMap<i64, Vec<Due>> = BTreeMap::new();
        for Orphan { rule: name, occurrence, waits, unheld } in state.orphans(&self.worker, LEASE).await? {
            let known = rules().find(|(_, rule)| rule.identity() == name);
            let before = waits.as_deref().unwrap_or("whoever ran it was lost");
            let reason = match known {
                Some((_, rule)) if is_late(rule, &occurrence, now) => {
                    format!("{before}; and then it was too late for it")
                }
                Some((i, rule)) => {
                    if waits.is_none() {
                        let (due, seconds) = (when(&occurrence, site), unheld.as_secs());
                        tracing::warn!(
                            rule = name,
                            due,
                            unheld_for_seconds = seconds,
                            "taken over: whoever ran it was lost"
                        );
                        turn.taken_over.push((name.clone(), occurrence.clone(), unheld));
                    }
                    // What was dealt with before it is not known any more.
                    let since = events_since(rule, occurrence.at - DAY, occurrence.at);
                    let due = Due { rule: i, occurrence, orphan: true, since };
                    moments.entry(due.occurrence.at).or_default().push(due);
                    continue;
                }
                None => format!("{before}; and the rule is gone"),
            };
            turn.skipped += 1;
            tracing::warn!(rule = name, due = when(&occurrence, site), reason, "skipped");
            state.give_up_occurrence(&self.worker, &name, &occurrence, &reason).await?;
        }
        for ((i, rule), name) in rules().zip(&names) {
            let Some(seen) = seen.get(name) else { continue };
            // A later look finds all that happened meanwhile: looks are never skipped, and wait for the one before.
            if rule.awaits_events() && state.under_way(name).await?.is_some() {
                continue;
            }
            let due = due(rule, site.zone(), *seen, now);
            for Skipped { count, last, reason, .. } in
                due.skipped.into_iter().filter(|_| !rule.awaits_events())
            {
                self.skip((site, state), name, &last, reason, count, turn).await?;
            }
            for occurrence in due.run {
                let since = events_since(rule, *seen, occurrence.at);
                let due = Due { rule: i, occurrence, orphan: false, since };
                moments.entry(due.occurrence.at).or_default().push(due);
            }
        }
        Ok(moments)
    }

    /// Those that nobody else runs, and whose rules run no more.
    async fn begin(
        &self,
        site: &Site,
        state: &State,
        due: Vec<Due>,
        turn: &mut Turn,
        waiting: &mut HashSet<usize>,
    ) -> Result<Vec<Due>, StateError> {
        let (mut mine, mut free) = (Vec::new(), Vec::new());
        for due in due {
            let Some(rule) = site.program.rules.get(due.rule) else { continue };
            let name = rule.identity();
            if due.orphan {
                mine.push(due);
            } else if let Some(before) = state.under_way(name).await? {
                // One that waits is due until it can run, or until it is too late.
                let why = if before == OccurrenceState::Begun(None) { STILL_GOING } else { STILL_WAITING };
                match rule.overlap {
                    Overlap::Skip => self.skip((site, state), name, &due.occurrence, why, 1, turn).await?,
                    Overlap::Wait => drop(waiting.insert(due.rule)),
                }
            } else {
                free.push((name, due));
            }
        }
        if free.is_empty() {
            return Ok(mine);
        }
        let wanted: Vec<_> = free.iter().map(|(name, due)| (*name, &due.occurrence)).collect();
        let begun = state.begin_occurrences(&self.worker, LEASE, &wanted).await?;
        mine.extend(free.into_iter().filter(|(name, _)| begun.contains(*name)).map(|(_, due)| due));
        Ok(mine)
    }

    /// Runs some rules' occurrences of one moment.
    async fn run(
        &self,
        site: &Arc<Site>,
        state: &State,
        at: i64,
        due: Vec<Due>,
        turn: &mut Turn,
    ) -> Result<(), StateError> {
        let started = (self.clock)();
        let mut holding = JoinSet::new();
        holding.spawn(hold(state.clone(), self.worker.clone()));
        // Evaluating keeps a thread busy for as long as it takes, so it gets one of its own.
        let (of, with, stop) = (site.clone(), state.clone(), self.stop.clone());
        let resident = (self.resident.clone(), started);
        let what = Decide {
            at,
            rules: due.iter().map(|d| d.rule).collect(),
            since: due.iter().map(|d| (d.rule, d.since)).collect(),
        };
        let decided = spawn_blocking(move || {
            Handle::current().block_on(decide(&of, &with, (&resident.0, resident.1), what, stop))
        });
        let run = decided.await.unwrap_or(Err(RunError::BrokeDown));
        holding.abort_all();
        let run = match run {
            Ok(run) => run,
            Err(error) => {
                // Where the state is away, the lease runs out by itself.
                match &error {
                    RunError::Data(why) => state.delay_occurrences(&self.worker, WAIT, why).await.ok(),
                    RunError::Stopped => {
                        state.hold_occurrences(&self.worker, Duration::ZERO).await.ok().map(drop)
                    }
                    _ => state.hold_occurrences(&self.worker, RETRY).await.ok().map(drop),
                };
                return match error {
                    RunError::State(error) => Err(error),
                    RunError::Stopped => Ok(()),
                    other => {
                        tracing::error!(error = %other, at, "a run failed; it is tried again");
                        turn.failed = Some(other.to_string());
                        Ok(())
                    }
                };
            }
        };
        let ended = (self.clock)();
        for Due { rule, occurrence, .. } in due {
            let Some(rule) = site.program.rules.get(rule) else { continue };
            let name = rule.identity();
            state.finish_occurrence(name, &occurrence, run).await?;
            let meanwhile =
                occurrences(rule.schedule.polled(), site.zone(), started.max(occurrence.at), ended);
            turn.ran.push((name.to_owned(), occurrence));
            let skips = rule.overlap == Overlap::Skip && !rule.awaits_events();
            let meanwhile: Vec<Occurrence> = meanwhile.filter(|_| skips).collect();
            if let Some(last) = meanwhile.last() {
                self.skip((site, state), name, last, STILL_GOING, meanwhile.len(), turn).await?;
            }
        }
        Ok(())
    }

    /// Writes down that so many occurrences up to one are not run, and why.
    async fn skip(
        &self,
        (site, state): (&Site, &State),
        rule: &str,
        last: &Occurrence,
        reason: &str,
        count: usize,
        turn: &mut Turn,
    ) -> Result<(), StateError> {
        let before = count.saturating_sub(1);
        let reason =
            if before == 0 { reason.to_owned() } else { format!("{reason}; so were {before} before it") };
        // Else another daemon has it, or has said so already.
        if state.skip_occurrence(rule, last, &reason).await? {
            turn.skipped += count as u64;
            tracing::warn!(rule, due = when(last, site), reason, "skipped");
        }
        Ok(())
    }
}

/// The moment at which it was due, for a log: the names of some are bare numbers.
fn when(occurrence: &Occurrence, site: &Site) -> String {
    show(&Type::Moment, &Value::Moment(occurrence.at), site.zone())
}

/// Keeps what was begun from being taken for lost.
async fn hold(state: State, worker: String) {
    let mut beats = interval_at(Instant::now() + LEASE / 3, LEASE / 3);
    loop {
        beats.tick().await;
        state.hold_occurrences(&worker, LEASE).await.ok();
    }
}

/// What is decided: some rules, by their positions, for a moment, each with the moment from which on events count.
struct Decide {
    at: i64,
    rules: Vec<usize>,
    since: Vec<(usize, i64)>,
}

/// Decides and writes the plan down. Rules that wait for events are decided every minute, mostly for nobody: then there
/// is no run.
async fn decide(
    site: &Site,
    state: &State,
    resident: (&Mutex<Resident>, i64),
    Decide { at, rules, since }: Decide,
    stop: Stop,
) -> Result<Option<RunId>, RunError> {
    let customers = site.customers().await?;
    let mut supplies = site.supplies();
    supplies.expiring = true;
    let now = Now { micros: at, zone: site.zone() };
    let decider = site.decider(&customers, Some(state));
    let decider = Decider { since: &since, sparing: true, resident: Some(resident), ..decider };
    let all_wait = rules.iter().all(|i| site.program.rules.get(*i).is_some_and(Rule::awaits_events));
    let decision = decider.decide(now, Some(rules)).await?;
    metrics::decided(decision.took.total());
    decision.sound(false)?;
    decision.recheck(state).await?;
    let (question, mut new, mut waiting) = (decision.question(), 0, false);
    let mut pages = pages(&decision.plan, &question, &supplies).peekable();
    if all_wait && pages.peek().is_none() {
        return Ok(None);
    }
    let run = state.start_run(at, "schedule", &site.fingerprint()).await?;
    for page in pages {
        if stop.wanted() {
            return Err(RunError::Stopped);
        }
        waiting |= page.hold.is_some();
        new += state.enqueue(run, &page).await?.inserted;
    }
    state.finish_run(run).await?;
    say(&decision.plan, run, new, waiting);
    Ok(Some(run))
}

fn say(plan: &Plan, run: RunId, new: u64, waiting: bool) {
    for rule in plan.rules.iter().filter(|rule| rule.matched() > 0) {
        let tally = rule.tally();
        let held: Vec<String> = tally.held.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        let (matched, planned, held) = (rule.matched(), tally.planned, held.join(", "));
        tracing::info!(run = run.0, rule = rule.name, matched, planned, held, "decided");
    }
    tracing::info!(run = run.0, sends = new, "run");
    if waiting {
        tracing::warn!(run = run.0, "waits for a person's word: see `tidings runs`");
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::State(e) => e.fmt(f),
            RunError::Customers(e) => e.fmt(f),
            RunError::Data(why) => f.write_str(why),
            RunError::Stopped => f.write_str("it was told to stop"),
            RunError::BrokeDown => f.write_str("deciding broke down"),
        }
    }
}

impl From<StateError> for RunError {
    fn from(e: StateError) -> RunError {
        RunError::State(e)
    }
}

impl From<StoreError> for RunError {
    fn from(e: StoreError) -> RunError {
        RunError::Customers(e)
    }
}

impl From<DecideError> for RunError {
    fn from(e: DecideError) -> RunError {
        match e {
            DecideError::Store(e) => RunError::Customers(e),
            DecideError::State(e) => RunError::State(e),
            unmet @ DecideError::Unmet(_) => RunError::Data(unmet.to_string()),
        }
    }
}
