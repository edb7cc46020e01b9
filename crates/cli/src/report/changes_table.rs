//! What another version of the rules changes, for a terminal.

use super::changes::{Report, edit, groups, others, unchanged, what, word};
use super::{count, counted, few, moment, totals, verb};
use crate::screen::Screen;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table};
use tidings_plan::Totals;
use tidings_plan::against::{Movement, RuleChange};

/// How many reasons, and customers for each, are told.
const MOST: usize = 5;

/// A table of the rules that change, then what changes for each, and what is sent.
pub fn table(report: &Report<'_>, every_customer: bool, screen: &Screen) -> String {
    let now = report.plans[1].now;
    let customers = counted(report.plans[1].customers, "customer");
    let mut out = format!("Changes against {} at {}: {customers}\n", report.title, moment(now));
    for unsaid in &report.changes.unsaid {
        out.push_str(&format!("{} {}\n", screen.paint("refused:", Color::Red), unsaid.words()));
    }
    for guess in &report.changes.guesses {
        out.push_str(&format!("{} {}\n", screen.paint("hint:", Color::Yellow), guess.words()));
    }
    if report.no_change() {
        out.push_str("No change: the rules mean what they meant.\n");
        marked(report, screen, &mut out);
        return out;
    }
    if report.rules().next().is_some() {
        out.push_str(&rules(report, screen).to_string());
        out.push('\n');
    }
    let most = if every_customer { usize::MAX } else { MOST };
    report.rules().for_each(|rule| detail(report, rule, most, &mut out));
    if report.unchanged() > 0 {
        out.push_str(&format!("{}\n", unchanged(report.unchanged())));
    }
    for (change, declared) in &report.changes.declared {
        out.push_str(&format!("{} {}: {}\n", declared.kind, declared.name, word(*change)));
    }
    for (change, clause) in &report.changes.policy {
        out.push_str(&format!("policy, {}: {clause}\n", word(*change)));
    }
    report.files().for_each(|(change, path)| out.push_str(&format!("{path}: {}\n", word(change))));
    sums("now", &report.totals, screen, &mut out);
    if let Some(days) = &report.days {
        sums(
            &format!("over {}, as if nobody bought anything", counted(days.days.into(), "day")),
            &days.totals,
            screen,
            &mut out,
        );
    }
    marked(report, screen, &mut out);
    out
}

/// What there is to remark on the later plan.
fn marked(report: &Report<'_>, screen: &Screen, out: &mut String) {
    for remark in report.remarks() {
        out.push_str(&format!("{} {remark}\n", screen.paint("!", Color::Yellow)));
    }
}

fn rules(report: &Report<'_>, screen: &Screen) -> Table {
    let mut table = screen.table();
    let head = ["rule", "", "matched", "entering", "leaving", "staying", "something else"];
    table.set_header(head.map(|h| Cell::new(h).add_attribute(Attribute::Bold)));
    let number = |n: String| Cell::new(n).set_alignment(CellAlignment::Right);
    for rule in report.rules() {
        let [before, after] = report.matched(rule);
        let shifted: u64 = rule.shifts.iter().map(|shift| shift.customers).sum();
        let some = |n: u64, sign: &str| if n == 0 { String::new() } else { format!("{sign}{}", count(n)) };
        table.add_row([
            Cell::new(&rule.name).add_attribute(Attribute::Bold),
            Cell::new(what(rule)),
            number(format!("{} → {}", count(before), count(after))),
            number(some(rule.entering.customers, "+")),
            number(some(rule.leaving.customers, "-")),
            number(count(rule.staying)),
            number(some(shifted, "")),
        ]);
    }
    table
}

fn detail(report: &Report<'_>, rule: &RuleChange, most: usize, out: &mut String) {
    let name = &rule.name;
    for one in &rule.edits {
        let [before, after] = edit(one);
        out.push_str(&format!("{name}, {}:\n  - {before}\n  + {after}\n", one.part));
    }
    moved(name, "enter", &rule.entering, most, out);
    moved(name, "leave", &rule.leaving, most, out);
    for shift in rule.shifts.iter().take(MOST.max(most)) {
        out.push_str(&format!(
            "{name}: {} {} something else: {} → {}, such as {}\n",
            count(shift.customers),
            verb(shift.customers, "get"),
            shift.before,
            shift.after,
            shift.named.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ")
        ));
    }
    report.in_flight(rule).iter().for_each(|said| out.push_str(&format!("{name}: {said}\n")));
}

fn moved(name: &str, base: &str, movement: &Movement, most: usize, out: &mut String) {
    let named = movement.named.len();
    let first = if (named as u64) < movement.customers {
        format!(" of the first {}", count(named as u64))
    } else {
        String::new()
    };
    let groups = groups(movement);
    for group in groups.iter().take(most) {
        let customer = |(key, value): &(&str, String)| {
            if value.is_empty() { (*key).to_owned() } else { format!("{key} ({value})") }
        };
        let some = few(&group.customers.iter().map(customer).collect::<Vec<_>>(), most);
        let because =
            if group.because.is_empty() { String::new() } else { format!(" because {}", group.because) };
        let moved = group.customers.len() as u64;
        let (number, verb) = (count(moved), verb(moved, base));
        out.push_str(&format!("{name}: {number}{first} {verb}{because}: {some}\n"));
    }
    others(&groups, most, &first).iter().for_each(|said| out.push_str(&format!("{name}: {said}\n")));
}

fn sums(when: &str, both: &[Totals; 2], screen: &Screen, out: &mut String) {
    let rows = totals::rows(both);
    if rows.is_empty() {
        return;
    }
    let mut table = screen.table();
    table.set_header([&format!("sends {when}"), "before", "after", "difference"]);
    for row in rows {
        let number = |n: String| Cell::new(n).set_alignment(CellAlignment::Right);
        table.add_row([Cell::new(row.what), number(row.before), number(row.after), number(row.difference)]);
    }
    out.push_str(&format!("{table}\n"));
}
