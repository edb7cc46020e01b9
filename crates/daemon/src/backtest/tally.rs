//! What one step of a backtest comes to.

use super::Flows;
use std::collections::BTreeMap;
use tidings_check::Program;
use tidings_check::program::{Action, Step};
use tidings_engine::{Bitmap, Matches};
use tidings_plan::{Kind, Reason, RuleCounts, Run, Supplies};
use tidings_schema::{Currency, Now};

/// One thing that a rule can send: a row of the outbox for a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The rule's position in the program.
    pub rule: usize,
    /// The step.
    pub step: String,
    /// What it is.
    pub kind: Kind,
    /// The channel, coupon provider, webhook or team.
    pub channel: String,
    /// The template, coupon or attribute that it is about.
    pub subject: String,
    /// What it is worth, in minor units of a currency, where it is a coupon worth money.
    pub worth: Option<(i64, Currency)>,
    place: Place,
}

/// Where its customers are in a plan: audience, step, and channel, any of them for a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    audience: usize,
    step: usize,
    channel: Option<u8>,
}

/// What the rules did at one moment.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The moment.
    pub now: Now,
    /// How many customers there were.
    pub customers: u64,
    /// Every rule that matched anybody.
    pub rules: Vec<RuleTally>,
    /// How many customers are in each segment.
    pub segments: Vec<u64>,
    /// How many are in each stage, by partition.
    pub stages: Vec<Vec<u64>>,
    /// How many moved to another stage since the step before, by partition.
    pub moved: Vec<u64>,
}

/// What one rule did.
#[derive(Clone, Debug)]
pub struct RuleTally {
    /// Its position in the program.
    pub rule: usize,
    /// How many customers it matched.
    pub matched: u64,
    /// How many of them it sent something.
    pub reached: u64,
    /// How many were held back, by reason.
    pub held: BTreeMap<Reason, u64>,
    /// How many of those who were held back by a cap lost it for good.
    pub dropped: u64,
    /// What was sent: the positions of ways, and how many each.
    pub sent: Vec<(usize, u64)>,
    /// Why it waits for a person, or why it does nothing.
    pub stopped: Option<String>,
}

impl Tally {
    pub(crate) fn of(run: Run, matches: &[Matches], ways: &[Way], flows: &[Flows]) -> Tally {
        let sum = |set: &dyn Fn(&Matches) -> Option<&Bitmap>| {
            matches.iter().filter_map(set).map(|set| set.count() as u64).sum::<u64>()
        };
        let segments = matches.first().map_or(0, |m| m.segments.len());
        let stage = |(i, flows): (usize, &Flows)| {
            let arms = 0..flows.stages().len();
            arms.map(|arm| sum(&|m| m.stages.get(i)?.get(arm))).collect()
        };
        let rules = run.rules.into_iter().map(|rule| RuleTally::of(rule, ways));
        Tally {
            now: run.now,
            customers: run.customers,
            rules: rules.filter(|rule| rule.matched > 0 || rule.stopped.is_some()).collect(),
            segments: (0..segments).map(|i| sum(&|m| m.segments.get(i))).collect(),
            stages: flows.iter().enumerate().map(stage).collect(),
            moved: flows.iter().map(|flows| flows.moved).collect(),
        }
    }
}

impl RuleTally {
    fn of(counts: RuleCounts, ways: &[Way]) -> RuleTally {
        let first = ways.partition_point(|way| way.rule < counts.rule);
        let own = ways.iter().enumerate().skip(first).take_while(|(_, way)| way.rule == counts.rule);
        let sent = own.map(|(i, way)| (i, way.sent(&counts))).filter(|(_, n)| *n > 0).collect();
        let mut held = BTreeMap::new();
        for (reason, n) in counts.audiences.iter().flat_map(|audience| &audience.outcome.held) {
            *held.entry(*reason).or_default() += n;
        }
        RuleTally {
            rule: counts.rule,
            matched: counts.audiences.iter().map(|audience| audience.outcome.total()).sum(),
            reached: counts.audiences.iter().map(|audience| audience.outcome.planned).sum(),
            held,
            dropped: counts.dropped,
            sent,
            stopped: counts.stopped,
        }
    }
}

impl Way {
    fn sent(&self, counts: &RuleCounts) -> u64 {
        let audience = counts.audiences.get(self.place.audience);
        let Some(step) = audience.and_then(|audience| audience.steps.get(self.place.step)) else { return 0 };
        match self.place.channel {
            Some(channel) => step.sent.get(usize::from(channel)).copied().unwrap_or(0),
            None => step.sent.iter().sum(),
        }
    }
}

/// Everything that the rules of a program can send, rule by rule.
pub(crate) fn ways(program: &Program, supplies: &Supplies) -> Vec<Way> {
    let mut ways = Vec::new();
    for (rule, of) in program.rules.iter().enumerate() {
        for (audience, steps) in [&of.then, &of.otherwise].into_iter().enumerate() {
            for (at, step) in steps.iter().enumerate() {
                let place = |channel| Place { audience, step: at, channel };
                ways.extend(of_step(program, supplies, rule, step, place));
            }
        }
    }
    ways
}

fn of_step(
    program: &Program,
    supplies: &Supplies,
    rule: usize,
    step: &Step,
    place: impl Fn(Option<u8>) -> Place,
) -> Vec<Way> {
    let way = |kind, channel: &str, subject: &str, channel_at| Way {
        rule,
        step: step.id.clone(),
        kind,
        channel: channel.to_owned(),
        subject: subject.to_owned(),
        worth: None,
        place: place(channel_at),
    };
    let grant = |name: &str| {
        let terms = supplies.coupons.get(name);
        let provider = terms.map_or("coupon", |terms| terms.provider.as_str());
        let worth = terms.and_then(|terms| terms.worth);
        Way { worth, ..way(Kind::Coupon, provider, name, None) }
    };
    let name = |id| program.vocabulary.attribute(id).map_or("", |a| a.name.as_str());
    match &step.action {
        Action::Coupon(coupon) => vec![grant(coupon)],
        Action::Message { template, channels, coupon } => {
            let with = coupon
                .as_ref()
                .map(|coupon| Way { step: format!("{} with coupon {coupon}", step.id), ..grant(coupon) });
            let messages = channels.iter().enumerate();
            let messages = messages.map(|(i, c)| way(Kind::Message, c, template, Some(i as u8)));
            with.into_iter().chain(messages).collect()
        }
        Action::Webhook(webhook) => vec![way(Kind::Webhook, webhook, webhook, None)],
        Action::Notify(team) => vec![way(Kind::Notify, team, team, None)],
        Action::AddTag(id, _) | Action::RemoveTag(id, _) | Action::Set(id, _) => {
            vec![way(Kind::Change, "state", name(*id), None)]
        }
    }
}
