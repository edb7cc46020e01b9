//! What policy and history say about one customer: the facts behind a verdict, for `explain`.

use crate::Plan;
use crate::events;
use crate::gate::{AtGate, Door, Refusal, gone};
use crate::history::Record;
use crate::make::Question;
use crate::make::policy::{held_out, messages_under};
use crate::outbox::Kind;
use crate::plan::{Reason, Verdict};
use crate::reach::Reach;
use crate::schedule::next;
use arrow_array::Array;
use std::collections::HashMap;
use tidings_check::program::{Repeat, Rule};
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
    /// For each cap: its most, and how many messages count under it already.
    pub caps: Vec<(u32, usize)>,
    /// From when on time alone lifts what holds the customer back, in microseconds since 1970 UTC: hours of silence, a cap,
    /// how often the rule may reach a customer. None where nothing does, and where it waits for something else.
    pub until: Option<i64>,
    /// The steps of the customer's audience with their verdicts; none where the rule does not match.
    pub steps: Vec<(String, Verdict)>,
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
    let caps = policy.caps.iter().map(|cap| (cap.count, messages_under(cap, question.now, messages)));
    let steps = planned.audiences.iter().flat_map(|a| &a.steps);
    let steps: Vec<(String, Verdict)> =
        steps.filter_map(|s| Some((s.id.clone(), s.verdict(c, i)?))).collect();
    let reached = history.rules.get(rule.identity()).and_then(|h| h.reached.get(key));
    Some(Situation {
        held_out_everywhere: policy.hold_out.map(|share| held_out(question.project, "", key, share)),
        held_out_here: rule.hold_out.map(|share| held_out(question.project, rule.identity(), key, share)),
        event: events::waits_for(question, planned.rule).map(|event| {
            let happened = event.latest(question, chunk);
            happened.iter().find(|(at, _)| *at == i).map(|(_, moment)| *moment)
        }),
        reached: reached.map(|r| (r.occasions, r.last_at)),
        caps: caps.collect(),
        until: match steps.iter().find_map(|(_, verdict)| verdict.held()) {
            Some(Reason::AlreadySent) => reached.and_then(|r| again(rule, r.last_at, question.now)),
            Some(Reason::Quiet | Reason::Capped) => {
                let open = |f: &&ChannelFacts| f.address && f.consent && !f.suppressed;
                let channel = channels.iter().find(open).map(|f| f.channel.as_str());
                let sent: Vec<(String, i64)> =
                    messages.iter().map(|m| (m.channel.to_string(), m.at)).collect();
                let row = AtGate {
                    kind: Kind::Message,
                    rule: rule.identity(),
                    customer: key,
                    channel: channel.unwrap_or_default(),
                    zone: reaching.zone(chunk, i),
                    expires: None,
                    sent: &sent,
                };
                match Door::new(question.program, question.project).judge(&row, question.now.micros) {
                    Some(Refusal::Waits { until, .. }) => Some(until),
                    _ => None,
                }
            }
            _ => None,
        },
        channels,
        steps,
    })
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
