//! Customers whom several rules match.

use tidings_engine::Bitmap;
use tidings_plan::{Plan, RulePlan, Verdicts};

/// Above so many rules the pairs are too many to look at.
const MOST_RULES: usize = 300;

/// Two rules and how many customers both match.
pub struct Overlap<'a> {
    /// One.
    pub first: &'a str,
    /// The other.
    pub second: &'a str,
    /// How many.
    pub customers: u64,
}

/// The pairs of rules that share the most customers, the largest first.
pub fn overlaps(plan: &Plan, most: usize) -> Vec<Overlap<'_>> {
    if plan.rules.len() > MOST_RULES {
        return Vec::new();
    }
    let matched: Vec<(&RulePlan, Vec<Bitmap>)> =
        plan.rules.iter().map(|rule| (rule, matched(rule))).collect();
    let mut found = Vec::new();
    for (i, (first, ours)) in matched.iter().enumerate() {
        for (second, theirs) in matched.iter().skip(i + 1) {
            let customers = ours.iter().zip(theirs).map(|(a, b)| a.count_both(b) as u64).sum();
            if customers > 0 {
                found.push(Overlap { first: &first.name, second: &second.name, customers });
            }
        }
    }
    found.sort_by_key(|o| std::cmp::Reverse(o.customers));
    found.truncate(most);
    found
}

/// By chunk, whom a rule matches.
fn matched(rule: &RulePlan) -> Vec<Bitmap> {
    let mut matched: Vec<Bitmap> = Vec::new();
    for audience in &rule.audiences {
        for (chunk, members) in audience.outcome.iter().map(Verdicts::members).enumerate() {
            match matched.get_mut(chunk) {
                Some(all) => all.or(&members),
                None => matched.push(members),
            }
        }
    }
    matched
}
