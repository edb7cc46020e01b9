//! A rule's messages to one customer, sent to somebody who wants to see them. Nothing is written down, granted or
//! used up, and the links in them change nothing.

use crate::decide::DecideError;
use crate::site::Site;
use std::fmt;
use tidings_check::program::Action;
use tidings_engine::Bitmap;
use tidings_plan::history::address_hash;
use tidings_plan::{
    Addresses, Audience, Intent, Key, Kind, Outcome, Plan, Sending, StepPlan, Verdict, Verdicts, pages,
};
use tidings_schema::Now;
use tidings_store::{Scope, State, StateError, StoreError};

/// The code that stands where a coupon's would.
const SAMPLE: &str = "SAMPLE-CODE";
/// How what is only a test begins.
const MARK: &str = "[Test] ";

/// A message that was sent as a test.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The step of the rule.
    pub step: String,
    /// The channel.
    pub channel: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why there was no test.
#[derive(Debug)]
pub enum TrialError {
    /// The customers could not be read.
    Customers(StoreError),
    /// The state could not be read.
    State(StateError),
    /// Something else, in words for people.
    Said(String),
}

/// Sends what a rule, by its position, would send a customer by the data of a moment, whether it matches or not.
pub async fn send_test(
    site: &Site,
    rule: usize,
    customer: &str,
    to: &str,
    now: Now,
) -> Result<Vec<Trial>, TrialError> {
    let carriers = site.test_carriers(MARK).map_err(|problems| TrialError::Said(problems.join("\n")))?;
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let decision = site.decider(&customers, state.as_ref()).decide(now, Some(vec![rule])).await?;
    let place = decision.chunks.iter().enumerate().find_map(|(c, chunk)| {
        let at = chunk.keys.iter().position(|key| key == Some(customer))?;
        Some((c, at))
    });
    let nobody = || TrialError::Said(format!("there is no customer `{customer}`"));
    let plan = only(site, &decision.plan, rule, place.ok_or_else(nobody)?, to);
    let (question, supplies) = (decision.question(), site.supplies());
    let intents: Vec<Intent> = pages(&plan, &question, &supplies).flat_map(|page| page.intents).collect();
    let mut sent = Vec::new();
    for message in intents.iter().filter(|i| i.kind == Kind::Message) {
        if let Some(state) = &state {
            may_leave(state, message, carriers.addresses().normalise(&message.channel, to)).await?;
        }
        let carrier = carriers
            .get(Kind::Message, &message.channel, &message.subject)
            .ok_or_else(|| TrialError::Said(format!("nothing is configured for `{}`", message.channel)))?;
        let coupon = intents.iter().find(|i| Some(i.key) == message.after);
        let grant = coupon.map(|c| carriers.grant(&c.subject, SAMPLE.to_owned(), now.micros));
        let sending = Sending {
            // A key of its own: the real message's must stay unused.
            key: Key::new(b"a test", &message.key.to_string(), "", "", "", &chrono::Utc::now().to_rfc3339()),
            kind: Kind::Message,
            channel: message.channel.clone(),
            subject: message.subject.clone(),
            address: carriers.addresses().normalise(&message.channel, to),
            // Nobody: that is whom the links unsubscribe.
            customer: String::new(),
            rule: message.rule.clone(),
            values: message.values.clone(),
            at: now.micros,
        };
        let outcome = match carrier.prepare(&sending, grant.as_ref()) {
            Ok(payload) => carrier.deliver(&sending, &payload).await,
            Err(why) => Outcome::Rejected(why),
        };
        sent.push(Trial { step: message.step.clone(), channel: message.channel.clone(), outcome });
    }
    if sent.is_empty() {
        let why = format!("the rule sends no message by a channel that `{to}` is an address of");
        return Err(TrialError::Said(why));
    }
    Ok(sent)
}

/// A test is no way around a pause or somebody's no.
async fn may_leave(state: &State, message: &Intent, to: Option<String>) -> Result<(), TrialError> {
    let pauses = state.pauses().await?;
    let paused = pauses.iter().find(|pause| match &pause.scope {
        Scope::All => true,
        Scope::Rule(rule) => *rule == message.rule,
        Scope::Channel(channel) => *channel == message.channel,
    });
    if let Some(pause) = paused {
        return Err(TrialError::Said(format!(
            "sending is paused ({}); `tidings resume` lets it go on",
            pause.why
        )));
    }
    let suppressed = state.suppressed(&message.channel).await?;
    let hash = |to: String| address_hash(state.secret(), &message.channel, &to);
    if to.map(hash).is_some_and(|hash| suppressed.contains(&hash)) {
        return Err(TrialError::Said("the address is suppressed: nothing is sent there".to_owned()));
    }
    Ok(())
}

/// A plan in which one customer gets each message of a rule that the address can take, and nobody else gets anything.
fn only(site: &Site, plan: &Plan, rule: usize, (chunk, customer): (usize, usize), to: &str) -> Plan {
    let mut plan = plan.clone();
    plan.rules.retain(|r| r.rule == rule);
    for rule in &mut plan.rules {
        let mut all: Vec<Audience> = std::mem::take(&mut rule.audiences);
        let mine = |a: &Audience| a.outcome.get(chunk).is_some_and(|v| v.of(customer).is_some());
        let which = all.iter().position(mine).unwrap_or(0);
        if which >= all.len() {
            continue;
        }
        let mut audience = all.swap_remove(which);
        audience.steps.retain_mut(|step| plan_step(site, step, (chunk, customer), to));
        audience.outcome = audience.steps.first().map(|step| step.verdicts.clone()).unwrap_or_default();
        rule.audiences = vec![audience];
        rule.stopped = None;
        (rule.used_up, rule.entered, rule.left, rule.gone) = Default::default();
    }
    plan
}

/// Plans a step for the one customer; false where it is a message that the address cannot take.
fn plan_step(site: &Site, step: &mut StepPlan, (chunk, customer): (usize, usize), to: &str) -> bool {
    let taken = match &step.action {
        Action::Message { channels, .. } => {
            let takes = |channel: &String| site.carriers.addresses().normalise(channel, to).is_some();
            channels.iter().position(takes)
        }
        _ => Some(0),
    };
    let Some(channel) = taken else { return false };
    let verdict = Verdict::Planned(u8::try_from(channel).unwrap_or(0));
    for (c, verdicts) in step.verdicts.iter_mut().enumerate() {
        *verdicts = Verdicts::default();
        if c == chunk {
            verdicts.add(verdict, Bitmap::from_fn(customer + 1, |i| i == customer));
        }
    }
    true
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrialError::Customers(e) => e.fmt(f),
            TrialError::State(e) => e.fmt(f),
            TrialError::Said(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TrialError {}

impl From<StoreError> for TrialError {
    fn from(e: StoreError) -> TrialError {
        TrialError::Customers(e)
    }
}

impl From<StateError> for TrialError {
    fn from(e: StateError) -> TrialError {
        TrialError::State(e)
    }
}

impl From<DecideError> for TrialError {
    fn from(e: DecideError) -> TrialError {
        match e {
            DecideError::Store(e) => TrialError::Customers(e),
            DecideError::State(e) => TrialError::State(e),
            unmet @ DecideError::Unmet(_) => TrialError::Said(unmet.to_string()),
        }
    }
}
