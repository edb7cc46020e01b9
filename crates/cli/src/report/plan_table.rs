//! A plan as a table for a terminal.

use super::overlap::overlaps;
use super::plan_json::samples;
use super::{count, counted, few, moment, percent, send_of, totals};
use crate::screen::Screen;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table};
use tidings_engine::Chunk;
use tidings_plan::{Plan, Reason, RulePlan, Tally, Totals};

/// How many pairs of rules that match the same customers are told.
const OVERLAPS: usize = 5;

/// The table, what it comes to, the samples and the remarks.
pub fn table(plan: &Plan, totals: &Totals, chunks: &[Chunk], screen: &Screen) -> String {
    let mut out = format!("Plan for {}: {}\n", moment(plan.now), counted(plan.customers, "customer"));
    if plan.rules.is_empty() {
        out.push_str("There is no rule to plan.\n");
        return out;
    }
    let mut table = screen.table();
    table.set_header(
        ["rule", "matched", "of all", "sends", "planned", "held back"]
            .map(|h| Cell::new(h).add_attribute(Attribute::Bold)),
    );
    for rule in &plan.rules {
        add_rule(&mut table, rule, plan.customers, screen);
    }
    out.push_str(&table.to_string());
    out.push('\n');
    totals::sentence(totals).iter().for_each(|sentence| out.push_str(&format!("{sentence}\n")));
    for rule in &plan.rules {
        let samples = samples(rule, chunks);
        if !samples.is_empty() {
            out.push_str(&format!("{} reaches for example {}\n", rule.name, samples.join(", ")));
        }
    }
    for remark in remarks(plan) {
        out.push_str(&format!("{} {remark}\n", screen.paint("!", Color::Yellow)));
    }
    let overlaps = overlaps(plan, usize::MAX);
    let (first, more) = overlaps.split_at(OVERLAPS.min(overlaps.len()));
    for o in first {
        let customers = counted(o.customers, "customer");
        out.push_str(&format!("{} and {} both match {customers}\n", o.first, o.second));
    }
    if !more.is_empty() {
        out.push_str(&format!(
            "{} of rules match some of the same\n",
            counted(more.len() as u64, "more pair")
        ));
    }
    out
}

fn add_rule(table: &mut Table, rule: &RulePlan, customers: u64, screen: &Screen) {
    let matched = rule.matched();
    if rule.audiences.iter().all(|a| a.steps.is_empty()) {
        let held = Cell::new(held_words(&rule.tally()));
        let numbers = [count(matched), percent(matched, customers)];
        let [matched, share] = numbers.map(|n| Cell::new(n).set_alignment(CellAlignment::Right));
        table.add_row([
            Cell::new(&rule.name).add_attribute(Attribute::Bold),
            matched,
            share,
            Cell::new("–"),
            Cell::new("0").set_alignment(CellAlignment::Right),
            held,
        ]);
    }
    for (i, step) in rule.audiences.iter().flat_map(|a| &a.steps).enumerate() {
        let (template, channel) = send_of(&step.action);
        let tally = step.tally();
        let first = |text: String| if i == 0 { text } else { String::new() };
        let planned = Cell::new(count(tally.planned)).set_alignment(CellAlignment::Right);
        let held = Cell::new(held_words(&tally));
        table.add_row([
            Cell::new(first(rule.name.clone())).add_attribute(Attribute::Bold),
            Cell::new(first(count(matched))).set_alignment(CellAlignment::Right),
            Cell::new(first(percent(matched, customers))).set_alignment(CellAlignment::Right),
            Cell::new(format!("{template} {channel}")),
            if tally.planned > 0 && screen.colour { planned.fg(Color::Green) } else { planned },
            if tally.held.is_empty() || !screen.colour { held } else { held.fg(Color::Yellow) },
        ]);
    }
}

/// Held counts by reason, as words: `2,057 holdout, 12 no_consent`.
pub fn held_words(tally: &Tally) -> String {
    let parts = tally.held.iter().map(|(reason, n)| format!("{} {reason}", count(*n)));
    parts.collect::<Vec<_>>().join(", ")
}

/// What a person should look at twice: rules that are stopped, reach nobody or everybody, or could not decide.
pub fn remarks(plan: &Plan) -> Vec<String> {
    let mut remarks = Vec::new();
    for rule in &plan.rules {
        let (name, matched) = (&rule.name, rule.matched());
        remarks.extend(stop(rule));
        if matched == 0 {
            remarks.push(format!("{name} matches nobody"));
        } else if matched == plan.customers {
            remarks.push(format!("{name} matches every customer"));
        } else if rule.stopped.is_none() && rule.tally().planned == 0 {
            remarks.push(format!("{name} matches {} and reaches none of them", counted(matched, "customer")));
        }
        if rule.undecided > 0 {
            let wants = rule.wants.iter().map(|(value, n)| format!("{value} is missing for {}", count(*n)));
            let wants = few(&wants.collect::<Vec<_>>(), 3);
            let of = if wants.is_empty() { String::new() } else { format!(": {wants}") };
            remarks
                .push(format!("{name} could not be decided for {}{of}", counted(rule.undecided, "customer")));
        }
    }
    remarks
}

/// What stops a rule, where something does.
pub fn stop(rule: &RulePlan) -> Option<String> {
    let waits = if rule.waiting() > 0 { "waits for a person" } else { "sends nothing" };
    rule.stopped.as_ref().map(|why| format!("{} {waits}: {why}", rule.name))
}

/// Whether some rule is over its limit, which stops it for a person.
pub fn over_limit(plan: &Plan) -> bool {
    plan.rules.iter().any(|r| r.tally().held.contains_key(&Reason::OverLimit))
}

/// The keys of everybody who matches, a line a rule.
pub fn customers(plan: &Plan, chunks: &[Chunk]) -> String {
    let line = |rule: &RulePlan| {
        let key = |(chunk, i, _): (usize, usize, _)| chunks.get(chunk).map(|c| c.keys.value(i));
        let keys: Vec<&str> = rule.members().filter_map(key).collect();
        format!("{}: {}\n", rule.name, keys.join(" "))
    };
    plan.rules.iter().map(line).collect()
}
