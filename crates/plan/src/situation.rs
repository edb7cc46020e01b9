//! What policy and history say about one customer: the facts behind a verdict, for `explain`.

use crate::Plan;
use crate::events;
use crate::gate::{AtGate, Door, Refusal, gone};
use crate::history::Record;
use crate::make::Question;
use crate::make::policy::{held_out, messages_under};
use crate::outbox::{Kind, Status};
use crate::plan::{Reason, StepPlan, Verdict};
use crate::reach::Reach;
use crate::schedule::next;
use arrow_array::Array;
use std::collections::HashMap;
use tidings_check::program::{Action, Repeat, Rule};
use tidings_engine::Chunk;
use tidings_schema::Now;

/// One customer's situation in one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// Whether the customer is held out from all rules, where the policy holds anybody out.
    pub held_out_everywhere: Option<bool>,
    /// Whether the customer is held out from this rule, where it holds anybody out.
    pub held_out_here: Option<bool>,
    /// For a rule that waits for an event, the latest moment that it happened to the customer, if it did lately.
    pub event: Option<Option<i64>>,
    /// How often the rule reached the customer, and the moment of the last time, in microseconds since 1970 UTC.
    pub reached: Option<(u32, i64)>,
    /// For each channel that the rule names.
    pub channels: Vec<ChannelFacts>,
    /// For each cap.
    pub caps: Vec<CapFacts>,
    /// What holds the customer back and is lifted by time alone, one after the other, and when each is, in microseconds
    /// since 1970 UTC: how often the rule may reach a customer, or hours of silence and then a cap. Empty where nothing
    /// does, and where it waits for something else.
    pub until: Vec<(Reason, i64)>,
    /// The steps of the customer's audience; none where the rule does not match.
    pub steps: Vec<StepFacts>,
}

/// What becomes of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFacts {
    /// The step.
    pub step: String,
    /// What happens to it.
    pub verdict: Verdict,
    /// The channels that its message can leave through; of what is no message, all of the rule.
    pub channels: Vec<String>,
}

/// What is left of a cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapFacts {
    /// The clause of the policy.
    pub clause: String,
    /// How many messages it lets through.
    pub most: u32,
    /// How many count under it already.
    pub used: usize,
}

/// How a customer can be reached through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelFacts {
    /// The channel.
    pub channel: String,
    /// Whether there is an address that can be one.
    pub address: bool,
    /// Whether there is consent.
    pub consent: bool,
    /// Whether the address is suppressed.
    pub suppressed: bool,
    /// Whether it is a time of silence there.
    pub quiet: bool,
}

/// The situation of the customer with this key in a rule of the plan, by its position in the program; none
/// where there is no such customer, where the plan does not have the rule, and of replays.
pub fn situation(question: &Question<'_>, plan: &Plan, rule: usize, key: &str) -> Option<Situation> {
    let (c, i) = find(question.chunks, key)?;
    let chunk = question.chunks.get(c)?;
    let planned = plan.rules.iter().find(|r| r.rule == rule)?;
    let rule = question.program.rules.get(rule)?;
    let policy = &question.program.policy;
    let reaching = question.reaching();
    let mut channels: Vec<ChannelFacts> = Vec::new();
    for channel in rule.channels() {
        if channels.iter().any(|f| f.channel == channel) {
            continue;
        }
        let Some(contact) = question.program.vocabulary.contact(channel) else { continue };
        let reach = reaching.of(chunk, contact);
        channels.push(ChannelFacts {
            channel: channel.to_owned(),
            address: reach.address.contains(i),
            consent: reach.consent.contains(i),
            suppressed: reach.suppressed.contains(i),
            quiet: reach.quiet.contains(i),
        });
    }
    let Record::Keyed(history) = question.history else { return None };
    let messages = history.messages.get(key).map_or(&[][..], Vec::as_slice);
    let caps = policy.caps.iter().map(|cap| CapFacts {
        clause: cap.in_words(),
        most: cap.count,
        used: messages_under(cap, question.now, messages),
    });
    let reached = history.rules.get(rule.identity()).and_then(|h| h.reached.get(key));
    let sent: Vec<(String, i64)> = messages.iter().map(|m| (m.channel.to_string(), m.at)).collect();
    let step = |step: &StepPlan| {
        let channels = match &step.action {
            Action::Message { channels, .. } => channels.clone(),
            _ => rule.channels().map(str::to_owned).collect(),
        };
        Some(StepFacts { step: step.id.clone(), verdict: step.verdict(c, i)?, channels })
    };
    let steps = planned.audiences.iter().flat_map(|a| &a.steps).filter_map(step);
    let steps: Vec<StepFacts> = steps.collect();
    let until = match steps.iter().find_map(|step| step.verdict.held()) {
        Some(Reason::AlreadySent) => {
            let again = reached.and_then(|r| again(rule, r.last_at, question.now));
            again.map(|at| (Reason::AlreadySent, at)).into_iter().collect()
        }
        Some(Reason::Quiet | Reason::Capped) => {
            let row = AtGate {
                kind: Kind::Message,
                rule: rule.identity(),
                customer: key,
                channel: "",
                zone: reaching.zone(chunk, i),
                expires: None,
                sent: &sent,
            };
            let open = |channel: &&String| {
                let of = channels.iter().find(|facts| facts.channel == **channel);
                of.is_some_and(|facts| facts.address && facts.consent && !facts.suppressed)
            };
            let ways =
                steps.iter().map(|step| step.channels.iter().filter(open).map(String::as_str).collect());
            waits(
                &Door::new(question.program, question.project),
                row,
                &ways.collect::<Vec<_>>(),
                question.now,
            )
        }
        _ => Vec::new(),
    };
    Some(Situation {
        held_out_everywhere: policy.hold_out.map(|share| held_out(question.project, "", key, share)),
        held_out_here: rule.hold_out.map(|share| held_out(question.project, rule.identity(), key, share)),
        event: events::waits_for(question, planned.rule).map(|event| {
            let happened = event.latest(question, chunk);
            happened.iter().find(|(at, _)| *at == i).map(|(_, moment)| *moment)
        }),
        reached: reached.map(|r| (r.occasions, r.last_at)),
        caps: caps.collect(),
        until,
        channels,
        steps,
    })
}

/// How often what is waited for is looked at once more when it is over.
const LOOKS: usize = 6;

/// What messages wait for one after the other, each with the channels that it can leave through: all wait for the last of
/// them, each for the first of its channels, and when that is over there may be something else.
fn waits(door: &Door, row: AtGate<'_>, messages: &[Vec<&str>], now: Now) -> Vec<(Reason, i64)> {
    let mut waits: Vec<(Reason, i64)> = Vec::new();
    let mut at = now.micros;
    while waits.len() < LOOKS {
        let of_channel = |channel: &&str| match door.judge(&AtGate { channel, ..row }, at) {
            Some(Refusal::Waits { until, status: Status::Quiet }) => Some((Reason::Quiet, until)),
            Some(Refusal::Waits { until, .. }) => Some((Reason::Capped, until)),
            _ => None,
        };
        let of_message = |channels: &Vec<&str>| {
            let each: Option<Vec<_>> = channels.iter().map(of_channel).collect();
            each?.into_iter().min_by_key(|(_, until)| *until)
        };
        let all: Vec<(Reason, i64)> = messages.iter().filter_map(of_message).collect();
        // The cap is looked at when the silence is over.
        let first = all.iter().map(|(reason, _)| *reason).min();
        let Some(last) =
            all.into_iter().filter(|(reason, _)| Some(*reason) == first).max_by_key(|(_, until)| *until)
        else {
            break;
        };
        at = last.1;
        waits.push(last);
    }
    waits
}

/// From when on a rule may reach a customer again whom it last reached at a moment.
fn again(rule: &Rule, last_at: i64, now: Now) -> Option<i64> {
    match rule.repeat {
        Repeat::AtMostOncePer(window) => Some(gone(window, last_at, now)),
        Repeat::EveryTime => next(&rule.schedule, now.zone, now.micros).map(|occurrence| occurrence.at),
        Repeat::Once | Repeat::EveryEntry => None,
    }
}

/// Whether messages that were planned before may still go, by channel and customer's key: the address is there and
/// the customer still says yes. Somebody who is not a customer any more says no.
pub fn may_still_go(question: &Question<'_>, messages: &[(String, String)]) -> Vec<bool> {
    let reaching = question.reaching();
    let mut reach: HashMap<&str, Vec<Reach>> = HashMap::new();
    for (channel, _) in messages {
        let Some(contact) = question.program.vocabulary.contact(channel) else { continue };
        reach
            .entry(channel)
            .or_insert_with(|| question.chunks.iter().map(|c| reaching.of(c, contact)).collect());
    }
    let may_go = |(channel, key): &(String, String)| {
        let (chunk, i) = find(question.chunks, key)?;
        let reach = reach.get(channel.as_str())?.get(chunk)?;
        Some(reach.address.contains(i) && reach.consent.contains(i))
    };
    messages.iter().map(|message| may_go(message).unwrap_or(false)).collect()
}

/// The chunk and position of a customer. Chunks are in the order of their keys' bytes, and so is each of them.
pub fn find(chunks: &[Chunk], key: &str) -> Option<(usize, usize)> {
    let first = |chunk: &Chunk| !chunk.is_empty() && chunk.keys.value(0) <= key;
    let c = chunks.partition_point(first).checked_sub(1)?;
    let keys = &chunks.get(c)?.keys;
    let (mut low, mut high) = (0, keys.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if keys.value(middle) < key { low = middle + 1 } else { high = middle }
    }
    (low < keys.len() && keys.value(low) == key).then_some((c, low))
}
