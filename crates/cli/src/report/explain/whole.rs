//! An explanation with what lies around it: what would have to be different, and what was sent before.

use super::Explanation;
use super::html::{Page, items};
use super::outlook::{Outlook, lifted_by};
use crate::report::ledger::{row_json, rows_text};
use crate::report::{count, moment};
use crate::screen::Screen;
use comfy_table::Color;
use serde_json::{Value, json};
use tidings_check::program::Rule;
use tidings_engine::trace::Verdict;
use tidings_plan::{Situation, Verdict as Planned};
use tidings_schema::Now;
use tidings_store::LedgerRow;

/// So many rows of the ledger are shown.
const MOST_ROWS: usize = 10;

/// A rule and a customer, as a whole.
pub struct Whole<'a> {
    /// What is said of them at one moment.
    pub of: Explanation<'a>,
    /// The rule.
    pub rule: &'a Rule,
    /// What would have to be different.
    pub outlook: Outlook,
    /// What the rule decided for the customer before, the newest first.
    pub ledger: Vec<LedgerRow>,
}

/// What comes of a rule for a customer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Planned,
    Waits,
    Held,
    NotMatched,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Planned => "planned",
            Outcome::Waits => "waits",
            Outcome::Held => "held",
            Outcome::NotMatched => "not_matched",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Outcome::Planned => "planned",
            Outcome::Waits => "waits",
            Outcome::Held => "held back",
            Outcome::NotMatched => "no match",
        }
    }

    fn colour(self) -> Color {
        match self {
            Outcome::Planned => Color::Green,
            Outcome::Waits | Outcome::Held => Color::Yellow,
            Outcome::NotMatched => Color::Red,
        }
    }
}

impl Whole<'_> {
    /// For people.
    pub fn text(&self, screen: &Screen) -> String {
        let mut out = self.of.text(screen);
        let section = |out: &mut String, title: &str, lines: &[String]| {
            if !lines.is_empty() {
                out.push_str(&format!("\n{title}\n"));
                lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
            }
        };
        section(&mut out, "what would have to be different", &self.different());
        section(&mut out, "what lifts it", &self.lifts());
        if !self.ledger.is_empty() {
            let rows = rows_text(self.shown(), self.of.plan.now.zone, screen);
            let more = self.more().map(|more| format!("{more}\n")).unwrap_or_default();
            out.push_str(&format!("\nwhat the rule did for this customer, by the ledger\n{rows}\n{more}"));
        }
        out
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let mut json = self.of.json();
        let zone = self.of.plan.now.zone;
        let row = |row: &LedgerRow| {
            let mut json = row_json(row, zone);
            // Neither is told to people here.
            json.as_object_mut()
                .into_iter()
                .for_each(|row| row.retain(|key, _| key != "address" && key != "code"));
            json
        };
        if let Some(json) = json.as_object_mut() {
            json.insert("different".to_owned(), self.outlook.json());
            json.insert("lifted_by".to_owned(), json!(self.lifts()));
            json.insert("ledger".to_owned(), self.shown().iter().map(row).collect());
            json.insert("ledger_rows".to_owned(), json!(self.ledger.len()));
        }
        json
    }

    /// For a browser.
    pub fn html(&self) -> String {
        let now = self.of.plan.now;
        let mut page = Page::new(&format!("{} and customer {}", self.of.rule.name, self.of.customer));
        page.line(&moment(now));
        page.conditions(self.of.trace, self.of.sources);
        page.push(&items("Policy and history", &self.of.facts()));
        page.push(&items("What comes of it", &self.of.outcomes()));
        let plain =
            |lines: Vec<String>| lines.into_iter().map(|line| (Verdict::Unknown, line)).collect::<Vec<_>>();
        page.push(&items("What would have to be different", &plain(self.different())));
        page.push(&items("What lifts it", &plain(self.lifts())));
        let row = |row: &LedgerRow| {
            let at = moment(Now { micros: row.at, ..now });
            let why = row.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            (
                Verdict::Unknown,
                format!("{at}, {} through {}: {}{why}", row.step, row.channel, row.status.name()),
            )
        };
        let more = self.more().map(|more| (Verdict::Unknown, more));
        let rows: Vec<_> = self.shown().iter().map(row).chain(more).collect();
        page.push(&items("What the rule did for this customer, by the ledger", &rows));
        page.done()
    }

    /// In what order it is told among others.
    pub fn rank(&self) -> impl Ord + use<> {
        self.outcome()
    }

    /// The rule in one line.
    pub fn line(&self, screen: &Screen) -> String {
        let outcome = self.outcome();
        let word = screen.paint(&format!("{:<9}", outcome.words()), outcome.colour());
        format!("{word}  {}: {}", self.of.rule.name, self.why())
    }

    /// The rule in one object.
    pub fn brief(&self) -> Value {
        let held = self.of.situation.steps.iter().find_map(|step| step.verdict.held());
        json!({
            "rule": self.of.rule.name,
            "outcome": self.outcome().name(),
            "held": held.map(|reason| reason.name()),
            "why": self.why(),
            "else": self.of.is_else(),
            "steps": self.of.situation.steps.iter().map(|step| step.step.as_str()).collect::<Value>(),
        })
    }

    /// The rule as a part of a page.
    pub fn part(&self, page: &mut Page) {
        let title = format!("{}: {}", self.of.rule.name, self.outcome().words());
        page.fold(self.outcome().name(), &title, &self.why(), |page| {
            page.conditions(self.of.trace, self.of.sources);
            page.push(&items("Policy and history", &self.of.facts()));
            page.push(&items("What comes of it", &self.of.outcomes()));
        });
    }

    fn shown(&self) -> &[LedgerRow] {
        self.ledger.get(..MOST_ROWS).unwrap_or(&self.ledger)
    }

    fn outcome(&self) -> Outcome {
        let steps = &self.of.situation.steps;
        let any = |which: fn(&Planned) -> bool| steps.iter().any(|step| which(&step.verdict));
        if any(|v| matches!(v, Planned::Planned(_))) {
            Outcome::Planned
        } else if any(|v| matches!(v, Planned::Waits(_))) {
            Outcome::Waits
        } else if steps.is_empty() {
            Outcome::NotMatched
        } else {
            Outcome::Held
        }
    }

    fn why(&self) -> String {
        let steps = &self.of.situation.steps;
        match self.outcome() {
            Outcome::Planned => {
                let planned = steps.iter().filter(|step| matches!(step.verdict, Planned::Planned(_)));
                let steps = planned.map(|step| step.step.as_str()).collect::<Vec<_>>().join(", ");
                if self.of.is_else() { format!("{steps} (by `else`)") } else { steps }
            }
            Outcome::Waits | Outcome::Held => {
                let reason = steps.iter().find_map(|step| step.verdict.held());
                let lifted = self.lifts().into_iter().next().unwrap_or_default();
                reason.map(|reason| format!("{reason}; lifted by {lifted}")).unwrap_or_default()
            }
            Outcome::NotMatched if self.of.situation.event == Some(None) => {
                "the event that it waits for did not happen lately".to_owned()
            }
            Outcome::NotMatched => self.outlook.first().unwrap_or_else(|| "it cannot match".to_owned()),
        }
    }

    /// The comparisons that would have to turn, where nothing is sent for want of them.
    fn different(&self) -> Vec<String> {
        if self.of.situation.steps.is_empty() { self.outlook.lines() } else { Vec::new() }
    }

    /// What lifts what holds steps back, each said once, in the order in which it comes; with the steps where it is not
    /// the same for all.
    fn lifts(&self) -> Vec<String> {
        let Situation { steps, until, .. } = self.of.situation;
        let said =
            |reason, at, channels: &[String]| lifted_by(reason, at, channels, self.rule, self.of.plan.now);
        let mut lifts: Vec<(String, Vec<&str>)> = Vec::new();
        for step in steps {
            let Some(reason) = step.verdict.held() else { continue };
            // One of them is what holds it back, and the others come after it.
            let by_time = until.iter().filter(|_| until.iter().any(|(of, _)| *of == reason));
            let mut lines: Vec<String> =
                by_time.map(|(reason, at)| said(*reason, Some(*at), &step.channels)).collect();
            if lines.is_empty() {
                lines.push(said(reason, None, &step.channels));
            }
            for line in lines {
                match lifts.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, of)) => of.push(&step.step),
                    None => lifts.push((line, vec![&step.step])),
                }
            }
        }
        let line = |(line, of): (String, Vec<&str>)| match of.len() < steps.len() {
            true => format!("{line} ({})", of.join(", ")),
            false => line,
        };
        lifts.into_iter().map(line).collect()
    }

    /// That the ledger has more rows of the rule than are shown.
    fn more(&self) -> Option<String> {
        let more = self.ledger.len().checked_sub(MOST_ROWS).filter(|more| *more > 0)?;
        let of = self.of.customer;
        Some(format!("and {} before them: `tidings ledger {of}` shows all", count(more as u64)))
    }
}
