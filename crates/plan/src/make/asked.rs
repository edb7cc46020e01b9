//! What is the same of a rule for all chunks, found out before any of them is planned.

use super::Question;
use super::counts::rows;
use super::desk::Common;
use super::policy::{Draw, before};
use crate::events;
use crate::history::{Entry, Reached, Record};
use crate::occasions::Occasions;
use crate::plan::Reason;
use crate::schedule::latest_occurrence;
use crate::situation::find;
use tidings_check::program::{Action, Repeat, Rule, Step};
use tidings_schema::{Now, calendar};

/// A rule that is planned.
pub(super) struct Asked<'a> {
    /// Its position in the program.
    pub index: usize,
    pub rule: &'a Rule,
    /// What stops it as a whole, for whoever matches, with the words for it.
    pub stop: Option<(Reason, String)>,
    pub repeats: Repeats,
    /// The usual one alone.
    pub occasion: Occasions,
    /// Which of the events it waits for.
    pub event: Option<usize>,
    pub draw: Option<Draw>,
    /// For each step of `then` which of the lists of channels it has; none for what is no message.
    pub then: Vec<Option<usize>>,
    pub otherwise: Vec<Option<usize>>,
    /// The first of its rows among the counts.
    pub row: usize,
    /// Whether what it does in all chunks together may stop it.
    pub may_stop: bool,
    /// By chunk and position, what it did before; nothing in a replay, which keeps that chunk by chunk.
    pub past: Vec<Vec<(usize, Earlier<'a>)>>,
    /// Who was in its audience and is no customer any more.
    pub gone: Vec<(String, Entry)>,
}

/// What a rule did for a customer before.
pub(super) enum Earlier<'a> {
    Reached(&'a Reached),
    Entry(Entry),
}

/// How a repeat policy reads history at one moment.
pub(super) enum Repeats {
    /// Who was reached is reached no more.
    Never,
    /// Who was last reached after this instant is not reached again.
    From(i64),
    /// Who was reached at this occurrence is not reached again.
    Occurrence,
    /// Who is inside is not reached again.
    Entry,
}

impl<'a> Asked<'a> {
    pub fn new(question: &Question<'a>, index: usize, rule: &'a Rule, common: &mut Common<'a>) -> Asked<'a> {
        let (usual, repeats) = Repeats::of(rule, question.now);
        let event = events::waits_for(question, index).map(|waits| place(&mut common.events, waits));
        let row = common.rows;
        let stop = stopped(rule, question.now);
        common.rows += rows(rule);
        Asked {
            index,
            rule,
            may_stop: stop.is_none()
                && (rule.limit.is_some() || rule.budget.is_some() || question.history.held(rule.identity())),
            stop,
            repeats,
            occasion: Occasions { usual, ordinals: Vec::new() },
            event,
            draw: rule.hold_out.map(|share| Draw::new(question.project, rule.identity(), share)),
            then: channels(&rule.then, common),
            otherwise: channels(&rule.otherwise, common),
            row,
            past: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Finds those whom the rule reached before among the customers.
    pub fn look_back(&mut self, question: &Question<'a>) {
        let Record::Keyed(history) = question.history else { return };
        let Some(history) = history.rules.get(self.rule.identity()) else { return };
        let mut past: Vec<Vec<(usize, Earlier<'a>)>> = question.chunks.iter().map(|_| Vec::new()).collect();
        let mut remember = |key: &str, earlier| {
            let place = find(question.chunks, key);
            if let Some((chunk, customer)) = place
                && let Some(of_chunk) = past.get_mut(chunk)
            {
                of_chunk.push((customer, earlier));
            }
            place.is_some()
        };
        if let Repeats::Entry = self.repeats {
            for (key, entry) in &history.entries {
                if !remember(key, Earlier::Entry(*entry)) && entry.inside {
                    self.gone.push((key.clone(), Entry { inside: false, ..*entry }));
                }
            }
        } else {
            for (key, reached) in &history.reached {
                remember(key, Earlier::Reached(reached));
            }
        }
        past.iter_mut().for_each(|of_chunk| of_chunk.sort_unstable_by_key(|(customer, _)| *customer));
        self.past = past;
    }
}

/// For each step which list of channels it has.
fn channels<'a>(steps: &'a [Step], common: &mut Common<'a>) -> Vec<Option<usize>> {
    let list = |step: &'a Step| match &step.action {
        Action::Message { channels, .. } => Some(place(&mut common.channels, channels.as_slice())),
        _ => None,
    };
    steps.iter().map(list).collect()
}

/// Where something is in a short list; it is put there if it is not.
fn place<T: PartialEq>(list: &mut Vec<T>, what: T) -> usize {
    let found = list.iter().position(|one| *one == what);
    found.unwrap_or_else(|| {
        list.push(what);
        list.len() - 1
    })
}

impl Repeats {
    /// With the occasion of those who were never reached.
    fn of(rule: &Rule, now: Now) -> (String, Repeats) {
        match rule.repeat {
            Repeat::Once => ("once".to_owned(), Repeats::Never),
            Repeat::AtMostOncePer(window) => ("time 0".to_owned(), Repeats::From(before(window, now))),
            Repeat::EveryEntry => ("entry 0".to_owned(), Repeats::Entry),
            Repeat::EveryTime => {
                let occurrence = latest_occurrence(&rule.schedule, now).unwrap_or_default();
                (format!("at {occurrence}"), Repeats::Occurrence)
            }
        }
    }
}

/// What stops a rule as a whole, for whoever matches, with the words for it.
fn stopped(rule: &Rule, now: Now) -> Option<(Reason, String)> {
    if rule.expires.is_some_and(|day| now.today() >= calendar::day_number(day)) {
        let day = rule.expires.map(|d| d.to_string()).unwrap_or_default();
        return Some((Reason::Expired, format!("it expired on {day}")));
    }
    let blocks = rule.not_run.iter().find(|n| n.blocks)?;
    Some((Reason::NotRun, format!("`{}` is not run yet", blocks.what)))
}
