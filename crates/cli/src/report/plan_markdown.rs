//! A plan as Markdown, for a comment on a pull request.

use super::plan_table::{held_words, remarks};
use super::{count, counted, moment, percent, send_of, totals};
use tidings_plan::{Plan, Totals};

/// A table, a line a step, what it comes to, and the remarks below.
pub fn markdown(plan: &Plan, totals: &Totals) -> String {
    let mut out = format!("### Plan for {}\n\n{}\n\n", moment(plan.now), counted(plan.customers, "customer"));
    out.push_str("| rule | matched | sends | planned | held back |\n|---|--:|---|--:|---|\n");
    for rule in &plan.rules {
        let matched = rule.matched();
        for (i, step) in rule.audiences.iter().flat_map(|a| &a.steps).enumerate() {
            let (template, channel) = send_of(&step.action);
            let tally = step.tally();
            let (name, share) = if i == 0 {
                (rule.name.as_str(), format!("{} ({})", count(matched), percent(matched, plan.customers)))
            } else {
                ("", String::new())
            };
            let cells = [
                cell(name),
                share,
                cell(&format!("{template} {channel}")),
                count(tally.planned),
                held_words(&tally),
            ];
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    totals::sentence(totals).iter().for_each(|sentence| out.push_str(&format!("\n{}\n", cell(sentence))));
    let remarks = remarks(plan);
    if !remarks.is_empty() {
        out.push('\n');
        remarks.iter().for_each(|r| out.push_str(&format!("- {}\n", cell(r))));
    }
    out
}

/// A text in a cell of a table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
