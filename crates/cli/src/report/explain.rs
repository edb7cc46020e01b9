//! Why one customer is, or is not, sent something.

pub mod all_rules;
mod html;
pub mod outlook;
pub mod whole;

use super::{moment, rfc3339};
use crate::screen::Screen;
use comfy_table::Color;
use serde_json::{Value, json};
use tidings_engine::trace::{Seen, Trace, Verdict, What};
use tidings_plan::{
    CapFacts, ChannelFacts, Plan, Reason, RulePlan, Situation, StepFacts, Verdict as Planned,
};
use tidings_schema::{Now, calendar};
use tidings_syntax::Sources;

/// An explanation and what it is of.
pub struct Explanation<'a> {
    /// The plan that it is a part of.
    pub plan: &'a Plan,
    /// The rule in it.
    pub rule: &'a RulePlan,
    /// The customer's key.
    pub customer: &'a str,
    /// Each comparison with what it saw.
    pub trace: &'a Trace,
    /// Policy and history.
    pub situation: &'a Situation,
    /// The rule files.
    pub sources: &'a Sources,
}

/// What stands below a trace, for people: each condition in the rule's own words with what it saw.
pub fn conditions(trace: &Trace, sources: &Sources, screen: &Screen) -> String {
    let mut out = String::new();
    let told = Told { sources };
    trace.children.iter().for_each(|child| told.branch(child, 0, screen, &mut out));
    out
}

impl Explanation<'_> {
    /// For people: the conditions in the shape of the rule's own text, then policy and history, then the verdict.
    pub fn text(&self, screen: &Screen) -> String {
        let mut out =
            format!("{} and customer {} at {}\n\n", self.rule.name, self.customer, moment(self.plan.now));
        out.push_str(&conditions(self.trace, self.sources, screen));
        if self.trace.children.is_empty() {
            out.push_str("the rule has no condition\n");
        }
        out.push('\n');
        for (mark, line) in self.facts() {
            out.push_str(&format!("{} {line}\n", sign(mark, screen)));
        }
        out.push('\n');
        for (mark, line) in self.outcomes() {
            out.push_str(&format!("{} {line}\n", sign(mark, screen)));
        }
        out
    }

    /// What comes of it: each step, and the rule as a whole.
    fn outcomes(&self) -> Vec<(Verdict, String)> {
        let mut lines = Vec::new();
        if self.situation.steps.is_empty() {
            lines.push((Verdict::No, "the rule does not match, so nothing is sent".to_owned()));
        }
        if self.is_else() {
            let words = "the condition does not hold, so the customer gets what stands in `else`";
            lines.push((Verdict::Yes, words.to_owned()));
        }
        for StepFacts { step, verdict, .. } in &self.situation.steps {
            let (mark, words) = match verdict {
                Planned::Planned(_) => (Verdict::Yes, "planned".to_owned()),
                Planned::Waits(_) => (Verdict::No, "waits for a person's word".to_owned()),
                Planned::Held(reason) => (Verdict::No, format!("held back: {reason}")),
            };
            lines.push((mark, format!("{step}: {words}")));
        }
        if let Some(why) = &self.rule.stopped {
            let all = if self.rule.waiting() > 0 { "waits for a person's word" } else { "sends nothing" };
            lines.push((Verdict::No, format!("the whole rule {all}: {why}")));
        }
        lines
    }

    /// Whether the customer gets what is for those of the rule's segment for whom its condition does not hold.
    fn is_else(&self) -> bool {
        !self.situation.steps.is_empty() && self.trace.verdict != Verdict::Yes
    }

    /// Policy and history, each fact with whether it lets the send through.
    fn facts(&self) -> Vec<(Verdict, String)> {
        let s = self.situation;
        let let_through = |yes: bool| if yes { Verdict::Yes } else { Verdict::No };
        let held_out = |held: bool, from: &str| {
            let words = if held { "is held out" } else { "is not held out" };
            (let_through(!held), format!("{words} {from}"))
        };
        let at = |micros| calendar::civil(micros, self.plan.now.zone).format("%Y-%m-%d %H:%M");
        let mut facts = Vec::new();
        facts.extend(s.event.map(|event| match event {
            Some(moment) => (Verdict::Yes, format!("the event that it waits for happened at {}", at(moment))),
            None => (Verdict::No, "the event that it waits for did not happen lately".to_owned()),
        }));
        facts.extend(s.held_out_everywhere.map(|held| held_out(held, "from all rules")));
        facts.extend(s.held_out_here.map(|held| held_out(held, "from this rule")));
        facts.push(match s.reached {
            None => (Verdict::Yes, "was never reached by this rule".to_owned()),
            Some((times, last)) => {
                let again = !s.steps.iter().any(|s| s.verdict == Planned::Held(Reason::AlreadySent));
                let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
                (let_through(again), format!("was reached {times}, last at {}", at(last)))
            }
        });
        for ChannelFacts { channel, address, consent, suppressed, quiet } in &s.channels {
            let mut words = vec![if *address { "an address" } else { "no address" }];
            words.push(if *consent { "consent" } else { "no consent" });
            words.extend(suppressed.then_some("suppressed"));
            words.extend(quiet.then_some("a quiet hour"));
            let open = *address && *consent && !suppressed && !quiet;
            facts.push((let_through(open), format!("{channel}: {}", words.join(", "))));
        }
        for CapFacts { clause, most, used } in &s.caps {
            facts.push((
                let_through((*used as u64) < u64::from(*most)),
                format!("`{clause}`: {used} before this run"),
            ));
        }
        facts
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let s = self.situation;
        let at = |micros| rfc3339(Now { micros, zone: self.plan.now.zone });
        let until = s.until.iter().map(|(reason, until)| json!({"held": reason.name(), "at": at(*until)}));
        let steps = s.steps.iter().map(|StepFacts { step, verdict, .. }| match verdict.held() {
            None => json!({"step": step, "planned": true}),
            Some(reason) => {
                json!({"step": step, "planned": false, "held": reason.name()})
            }
        });
        let channels = s.channels.iter().map(|c| {
            json!({"channel": c.channel, "address": c.address, "consent": c.consent, "suppressed": c.suppressed, "quiet": c.quiet})
        });
        json!({
            "rule": self.rule.name,
            "customer": self.customer,
            "at": rfc3339(self.plan.now),
            "conditions": self.trace.children.iter().map(|c| Told { sources: self.sources }.branch_json(c)).collect::<Vec<_>>(),
            "matches": !s.steps.is_empty(),
            "else": self.is_else(),
            "held_out": {"everywhere": s.held_out_everywhere, "here": s.held_out_here},
            "event": s.event.map(|event| json!({"at": event.map(at)})),
            "reached": s.reached.map(|(times, last)| json!({"times": times, "last": at(last)})),
            "channels": channels.collect::<Vec<_>>(),
            "caps": s.caps.iter().map(|c| json!({"clause": c.clause, "most": c.most, "used": c.used})).collect::<Vec<_>>(),
            "steps": steps.collect::<Vec<_>>(),
            "until": until.collect::<Vec<_>>(),
            "stopped": self.rule.stopped,
        })
    }
}

/// Conditions in the words of the rule files.
struct Told<'a> {
    sources: &'a Sources,
}

impl Told<'_> {
    fn branch(&self, trace: &Trace, depth: usize, screen: &Screen, out: &mut String) {
        let (text, told, seen) = self.line(trace);
        let seen = if seen.is_empty() { String::new() } else { format!("   {}", seen.join(", ")) };
        out.push_str(&format!("{}{} {text}{seen}\n", "  ".repeat(depth), sign(trace.verdict, screen)));
        told.children.iter().for_each(|child| self.branch(child, depth + 1, screen, out));
    }

    /// A part in words, the part whose own parts are told below it, and what it saw. A name whose whole test is one
    /// comparison is told in one line with it, and so is `between`, whose two comparisons saw the same value.
    fn line<'t>(&self, trace: &'t Trace) -> (String, &'t Trace, Vec<String>) {
        let text = self.words(trace);
        let told = match trace.children.as_slice() {
            [only] if only.place == trace.place => only,
            [first, second] if first.place == second.place && first.values == second.values => first,
            _ => trace,
        };
        let seen = told.values.iter().filter_map(|v| self.seen(v, &text)).collect();
        (text, told, seen)
    }

    /// The part in the rule's own words, on one line; blocks by what they are.
    fn words(&self, trace: &Trace) -> String {
        let written = self.sources.text(trace.place).split_whitespace().collect::<Vec<_>>().join(" ");
        match &trace.what {
            What::All if trace.children.iter().any(|c| c.place != trace.place) => "all of".to_owned(),
            What::Any if trace.children.len() > 1 => "one of".to_owned(),
            What::Not => "not".to_owned(),
            What::Stage { stage, .. } => format!("{stage} when {written}"),
            What::Define(name) => name.clone(),
            What::Segment(name) => format!("in {name}"),
            What::Created => "the customer is there yet".to_owned(),
            _ => written,
        }
    }

    fn seen(&self, value: &Seen, whole: &str) -> Option<String> {
        let name = self.sources.text(value.place).split_whitespace().collect::<Vec<_>>().join(" ");
        let text = value.text.as_deref().unwrap_or("missing");
        Some(if name == whole { text.to_owned() } else { format!("{name} is {text}") })
    }

    fn branch_json(&self, trace: &Trace) -> Value {
        let values = trace.values.iter().map(|v| json!({"of": self.sources.text(v.place), "is": v.text}));
        json!({
            "text": self.words(trace),
            "verdict": verdict_word(trace.verdict),
            "values": values.collect::<Vec<_>>(),
            "parts": trace.children.iter().map(|c| self.branch_json(c)).collect::<Vec<_>>(),
        })
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Unknown => "unknown",
    }
}

fn sign(verdict: Verdict, screen: &Screen) -> String {
    let colour = match verdict {
        Verdict::Yes => Color::Green,
        Verdict::No => Color::Red,
        Verdict::Unknown => Color::Yellow,
    };
    screen.paint(&format!("{:<7}", verdict_word(verdict)), colour)
}
