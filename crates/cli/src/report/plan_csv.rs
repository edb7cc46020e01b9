//! A plan as CSV: a line for each rule, step and outcome.

use super::send_of;
use tidings_plan::Plan;

/// The header and the lines. `outcome` is `planned` or why it is held back.
pub fn csv(plan: &Plan) -> String {
    let mut out = String::from("rule,step,template,channel,outcome,customers\n");
    for rule in &plan.rules {
        for step in rule.audiences.iter().flat_map(|a| &a.steps) {
            let (template, channel) = send_of(&step.action);
            let tally = step.tally();
            let planned = std::iter::once(("planned", tally.planned));
            for (outcome, n) in planned.chain(tally.held.iter().map(|(r, n)| (r.name(), *n))) {
                let fields = [&rule.name, &step.id, &template, &channel].map(|f| quoted(f));
                out.push_str(&format!("{},{outcome},{n}\n", fields.join(",")));
            }
        }
    }
    out
}

/// A field, in quotes where it needs them (RFC 4180). A leading sign that spreadsheets would compute is defused.
pub fn quoted(field: &str) -> String {
    let defused =
        if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field.to_owned() };
    if defused.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", defused.replace('"', "\"\""))
    } else {
        defused
    }
}
