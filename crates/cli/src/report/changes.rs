//! What another version of the rules changes, as far as it is said alike everywhere.

use super::plan_table::{remarks, stop};
use super::{count, counted, verb};
use std::collections::BTreeMap;
use tidings_engine::trace::Verdict;
use tidings_plan::against::{Change, Changes, Difference, Edit, Movement, RuleChange, Test};
use tidings_plan::{Plan, Totals};
use tidings_project::Differs;

/// A comparison of two versions, and what it was made from.
pub struct Report<'a> {
    /// What the later version is compared with, as it was asked for.
    pub against: &'a str,
    /// The same as people call it.
    pub title: &'a str,
    /// What changes.
    pub changes: &'a Changes,
    /// The plans of the earlier and of the later version.
    pub plans: [&'a Plan; 2],
    /// Files beside the rules that say something else.
    pub files: &'a [Differs],
    /// What both send at the moment.
    pub totals: [Totals; 2],
    /// What both send over some days to come.
    pub days: Option<Days>,
    /// By rule, what of it is not settled yet, by state.
    pub waiting: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// By rule, how many customers it reached.
    pub reached: BTreeMap<String, u64>,
}

/// What is sent day by day, from the moment on, were nobody to buy or do anything.
pub struct Days {
    /// How many.
    pub days: u32,
    /// All of them together, of the earlier and of the later version.
    pub totals: [Totals; 2],
}

impl Report<'_> {
    /// Whether nothing changes at all.
    pub fn no_change(&self) -> bool {
        self.changes.are_none() && self.files.is_empty() && self.totals[0] == self.totals[1]
    }

    /// The rules that change, or for which somebody else matches.
    pub fn rules(&self) -> impl Iterator<Item = &RuleChange> {
        self.changes.rules.iter().filter(|rule| rule.change().is_some() || rule.moves_people())
    }

    /// How many rules stay as they are.
    pub fn unchanged(&self) -> usize {
        self.changes.rules.len() - self.rules().count()
    }

    /// How many customers a rule matches in both versions.
    pub fn matched(&self, rule: &RuleChange) -> [u64; 2] {
        let of = |plan: &Plan, at: Option<usize>| {
            plan.rules.iter().find(|r| Some(r.rule) == at).map_or(0, |r| r.matched())
        };
        [of(self.plans[0], rule.before), of(self.plans[1], rule.after)]
    }

    /// What happens to those whom a rule has reached or is about to, a sentence each.
    pub fn in_flight(&self, rule: &RuleChange) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(states) = self.waiting.get(&rule.identity).filter(|_| rule.change().is_some()) {
            let states: Vec<String> =
                states.iter().map(|(state, n)| format!("{} {state}", count(*n))).collect();
            said.push(format!(
                "in the outbox: {}; what was decided leaves as it was decided",
                states.join(", ")
            ));
        }
        let reached = self.reached.get(&rule.identity).copied().unwrap_or(0);
        if let (Some(old), true) = (&rule.renamed, reached > 0) {
            let (customers, count_as) = (counted(reached, "customer"), verb(reached, "count"));
            said.push(format!(
                "it keeps the history of `{old}`: the {customers} whom it reached {count_as} as reached"
            ));
        } else if rule.change() == Some(Change::Removed) && reached > 0 {
            let customers = counted(reached, "customer");
            said.push(format!(
                "it reached {customers}, who will count again if a rule of this name comes back"
            ));
        }
        said
    }

    /// What there is to remark on the later plan, and not on the earlier one; what stops a rule in any case.
    pub fn remarks(&self) -> Vec<String> {
        let [before, after] = self.plans;
        let known = remarks(before);
        let stops: Vec<String> = after.rules.iter().filter_map(stop).collect();
        remarks(after).into_iter().filter(|said| stops.contains(said) || !known.contains(said)).collect()
    }

    /// What each file beside the rules is.
    pub fn files(&self) -> impl Iterator<Item = (Change, &str)> {
        self.files.iter().map(|file| (of_file(file), file.path.as_str()))
    }
}

fn of_file(file: &Differs) -> Change {
    match (file.before, file.after) {
        (false, _) => Change::New,
        (_, false) => Change::Removed,
        _ => Change::Edited,
    }
}

/// How many rules do not change, in words.
pub fn unchanged(n: usize) -> String {
    format!("{} {} not change", counted(n as u64, "rule"), verb(n as u64, "do"))
}

/// A change in one word.
pub fn word(change: Change) -> &'static str {
    match change {
        Change::New => "new",
        Change::Edited => "edited",
        Change::Removed => "removed",
    }
}

/// What became of a rule, in words: `edited: audience, limit`, `renamed from a`.
pub fn what(rule: &RuleChange) -> String {
    let mut words = Vec::new();
    words.extend(rule.renamed.as_ref().map(|old| format!("renamed from {old}")));
    let parts: Vec<&str> = rule.edits.iter().map(|edit| edit.part).collect();
    if !parts.is_empty() {
        words.push(format!("edited: {}", parts.join(", ")));
    }
    match rule.change() {
        Some(Change::New) => "new".to_owned(),
        Some(Change::Removed) => "removed".to_owned(),
        None => "not edited".to_owned(),
        Some(Change::Edited) => words.join("; "),
    }
}

/// An edit: what it said and what it says. Where the words are the same, what stands behind them is not.
pub fn edit(edit: &Edit) -> [String; 2] {
    let said = |text: &String| if text.is_empty() { "nothing".to_owned() } else { text.clone() };
    let [before, after] = [said(&edit.before), said(&edit.after)];
    if before == after {
        [before, format!("{after}, with another meaning of its names")]
    } else {
        [before, after]
    }
}

/// The comparison that made a difference, in words, with what is written in rules in quotes of a kind.
pub fn because(why: &Difference, quoted: fn(&str) -> String) -> String {
    let test = |test: &Test| format!("{} is {}", quoted(&test.text), answer(test.verdict));
    if why.otherwise {
        let els = quoted("else");
        return match (&why.before, &why.after) {
            (_, Some(after)) => format!("{}, and {els} is new", test(after)),
            (Some(before), None) => format!("{}, and {els} is gone", test(before)),
            (None, None) => String::new(),
        };
    }
    match (&why.before, &why.after) {
        (Some(before), Some(after)) => format!("{} → {}", test(before), test(after)),
        (Some(before), None) => format!("{}, and is not asked any more", test(before)),
        (None, Some(after)) => format!("{}, and was not asked before", test(after)),
        (None, None) => String::new(),
    }
}

/// The values that a comparison saw: the later version's, where both saw some.
pub fn values(why: &Difference) -> String {
    let test = why.after.as_ref().or(why.before.as_ref());
    let value = |(_, value): &(String, Option<String>)| value.clone().unwrap_or_else(|| "missing".to_owned());
    test.map(|t| t.saw.iter().map(value).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

/// A verdict in one word.
pub fn answer(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Unknown => "unknown",
    }
}

/// Some customers for one reason.
pub struct Group<'a> {
    /// The comparison that made the difference, in words; empty where there is none.
    pub because: String,
    /// One of the comparisons.
    pub why: Option<&'a Difference>,
    /// The customers with the values that the comparison saw.
    pub customers: Vec<(&'a str, String)>,
}

/// The named ones of a movement by the comparison that moved them, the most frequent first.
pub fn groups(movement: &Movement) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for moved in &movement.named {
        let words =
            moved.why.as_ref().map(|why| because(why, |text| format!("`{text}`"))).unwrap_or_default();
        let customer = (moved.customer.as_str(), moved.why.as_ref().map(values).unwrap_or_default());
        match groups.iter_mut().find(|group| group.because == words) {
            Some(group) => group.customers.push(customer),
            None => groups.push(Group { because: words, why: moved.why.as_ref(), customers: vec![customer] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.customers.len()));
    groups
}

/// Those who are moved by other comparisons than those of the first few groups, in words; nothing where there are none.
/// `first` is of how many the groups are made, where those are not all.
pub fn others(groups: &[Group<'_>], most: usize, first: &str) -> Option<String> {
    let more: Vec<_> = groups.iter().skip(most).filter(|group| !group.because.is_empty()).collect();
    if more.is_empty() {
        return None;
    }
    let customers: usize = more.iter().map(|group| group.customers.len()).sum();
    let reasons = counted(more.len() as u64, "more comparison");
    Some(format!("{}{first} because of {reasons}", counted(customers as u64, "other")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_no_comparison_moved_are_not_said_to_be_moved_by_one_more() {
        let group = |because: &str, customers: &[&'static str]| Group {
            because: because.to_owned(),
            why: None,
            customers: customers.iter().map(|key| (*key, String::new())).collect(),
        };
        let groups = [group("`vip` is yes", &["a", "b"]), group("", &["c"]), group("`new` is yes", &["d"])];
        assert_eq!(
            others(&groups, 1, " of the first 4").as_deref(),
            Some("1 other of the first 4 because of 1 more comparison")
        );
        assert_eq!(others(groups.split_at(2).0, 1, ""), None);
        assert_eq!(others(&groups, 3, ""), None);
    }
}
