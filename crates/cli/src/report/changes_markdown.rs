//! What another version of the rules changes, for a comment on a pull request.

use super::changes::{Report, because, edit, groups, others, unchanged, what, word};
use super::plan_markdown::cell;
use super::{count, counted, few, moment, totals, verb};
use tidings_plan::Totals;
use tidings_plan::against::{Movement, RuleChange};

/// What GitHub takes of a comment, in characters, with room for a note.
const MOST: usize = 65_536 - 200;
/// How many reasons and customers are told of a movement.
const SAMPLES: usize = 5;

/// The rules that change as a table, and what changes for each to unfold.
pub fn markdown(report: &Report<'_>) -> String {
    let mut out = format!("### What this changes against {}\n\n", code(report.title));
    for unsaid in &report.changes.unsaid {
        out.push_str(&format!("> [!CAUTION]\n> {}\n\n", one_line(&unsaid.words())));
    }
    for guess in &report.changes.guesses {
        out.push_str(&format!("> [!TIP]\n> {}\n\n", one_line(&guess.words())));
    }
    if report.no_change() {
        out.push_str("No change: the rules mean what they meant.\n\n");
        marked(report, &mut out);
        return cut(out, MOST);
    }
    if report.rules().next().is_some() {
        out.push_str(
            "| rule | | matched | entering | leaving | staying | something else |\n|---|---|--:|--:|--:|--:|--:|\n",
        );
        report.rules().for_each(|rule| out.push_str(&row(report, rule)));
        out.push('\n');
    }
    around(report, &mut out);
    sums("now", &report.totals, &mut out);
    if let Some(days) = &report.days {
        sums(&format!("over {}", counted(days.days.into(), "day")), &days.totals, &mut out);
    }
    marked(report, &mut out);
    report
        .rules()
        .for_each(|rule| unfold(&format!("<b>{}</b>", escaped(&rule.name)), &detail(report, rule), &mut out));
    let [customers, at] = [counted(report.plans[1].customers, "customer"), moment(report.plans[1].now)];
    let end = format!(
        "\n<sub>{customers} at {at}. {}.{}</sub>\n",
        unchanged(report.unchanged()),
        if report.days.is_some() { " Days to come are reckoned as if nobody bought anything." } else { "" }
    );
    cut(out, MOST - end.chars().count()) + &end
}

/// What there is to remark on the later plan.
fn marked(report: &Report<'_>, out: &mut String) {
    let remarks = report.remarks();
    let lines: String = remarks.iter().map(|r| format!("- {}\n", one_line(r))).collect();
    unfold("Remarks on the plan", &lines, out);
}

fn row(report: &Report<'_>, rule: &RuleChange) -> String {
    let [before, after] = report.matched(rule);
    let some = |n: u64, sign: &str| if n == 0 { String::new() } else { format!("{sign}{}", count(n)) };
    let shifted: u64 = rule.shifts.iter().map(|shift| shift.customers).sum();
    let cells = [
        cell(&rule.name),
        cell(&what(rule)),
        format!("{} → {}", count(before), count(after)),
        some(rule.entering.customers, "+"),
        some(rule.leaving.customers, "−"),
        count(rule.staying),
        some(shifted, ""),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// What changes beside the rules.
fn around(report: &Report<'_>, out: &mut String) {
    let mut lines: Vec<String> = Vec::new();
    let declared = report.changes.declared.iter();
    lines.extend(declared.map(|(change, one)| format!("{} `{}`: {}", one.kind, one.name, word(*change))));
    lines.extend(
        report
            .changes
            .policy
            .iter()
            .map(|(change, clause)| format!("policy, {}: {}", word(*change), code(clause))),
    );
    lines.extend(report.files().map(|(change, path)| format!("{}: {}", code(path), word(change))));
    lines.iter().for_each(|line| out.push_str(&format!("- {}\n", one_line(line))));
    if !lines.is_empty() {
        out.push('\n');
    }
}

fn detail(report: &Report<'_>, rule: &RuleChange) -> String {
    let mut out = String::new();
    for one in &rule.edits {
        let [before, after] = edit(one).map(|text| one_line(&text));
        out.push_str(&format!("{}:\n\n```diff\n- {before}\n+ {after}\n```\n\n", one.part));
    }
    moved("enter", &rule.entering, &mut out);
    moved("leave", &rule.leaving, &mut out);
    for shift in rule.shifts.iter().take(SAMPLES) {
        let keys: Vec<String> = shift.named.iter().take(SAMPLES).map(|key| code(key)).collect();
        out.push_str(&format!(
            "- {} {} something else: {} → {}, such as {}\n",
            count(shift.customers),
            verb(shift.customers, "get"),
            one_line(&shift.before),
            one_line(&shift.after),
            keys.join(", ")
        ));
    }
    report.in_flight(rule).iter().for_each(|said| out.push_str(&format!("- {said}\n")));
    out
}

fn moved(base: &str, movement: &Movement, out: &mut String) {
    let named = movement.named.len() as u64;
    let first =
        if named < movement.customers { format!(" of the first {}", count(named)) } else { String::new() };
    let groups = groups(movement);
    for group in groups.iter().take(SAMPLES) {
        let customer = |(key, value): &(&str, String)| {
            if value.is_empty() { code(key) } else { format!("{} ({})", code(key), without_texts(value)) }
        };
        let some = few(&group.customers.iter().map(customer).collect::<Vec<_>>(), SAMPLES);
        let because = group.why.map(|why| format!(" because {}", because(why, code))).unwrap_or_default();
        let moved = group.customers.len() as u64;
        let (number, verb) = (count(moved), verb(moved, base));
        out.push_str(&format!("- {number}{first} {verb}{because}: {some}\n"));
    }
    others(&groups, SAMPLES, &first).iter().for_each(|said| out.push_str(&format!("- {said}\n")));
}

fn sums(when: &str, both: &[Totals; 2], out: &mut String) {
    let rows = totals::rows(both);
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("| sends {when} | before | after | difference |\n|---|--:|--:|--:|\n"));
    for row in rows {
        let cells = [&row.what, &row.before, &row.after, &row.difference].map(|text| cell(text));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out.push('\n');
}

fn unfold(title: &str, content: &str, out: &mut String) {
    if !content.is_empty() {
        out.push_str(&format!("<details><summary>{title}</summary>\n\n{content}\n</details>\n"));
    }
}

/// Values that may be told to everybody who reads a comment: a text might be an address.
fn without_texts(values: &str) -> String {
    if values.contains('"') { "…".to_owned() } else { code(values) }
}

/// What others wrote, on one line and as code: none of it is read as anything else, whatever it holds.
fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A text that begins or ends with a backtick is told from the fence by a space, which is not shown.
    let space = if longest > 0 || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// At most so many characters, in whole sections and lines, with a note where something is left out.
fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let (head, details) = text.split_at(text.find("<details>").unwrap_or(text.len()));
    let (mut kept, mut left) = (String::new(), most.saturating_sub(120));
    for piece in head.split_inclusive('\n').chain(details.split_inclusive("</details>\n")) {
        let Some(rest) = left.checked_sub(piece.chars().count()) else { break };
        kept.push_str(piece);
        left = rest;
    }
    kept + "\n**There is more than a comment can hold:** run the same command with `--format table` to see all of it.\n"
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn what_others_wrote_stays_code() {
        assert_eq!(code("C00001"), "`C00001`");
        assert_eq!(code("a` @team <b>"), "`` a` @team <b> ``");
        assert_eq!(code("``x"), "``` ``x ```");
        assert_eq!(code("a\n\n<img src=x>\r@team"), "`a <img src=x> @team`");
    }
}
