//! Customers whom several rules match.

use tidings_plan::{Plan, RulePlan};

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
    let mut found = Vec::new();
    for (i, first) in plan.rules.iter().enumerate() {
        for second in plan.rules.iter().skip(i + 1) {
            let customers = shared(first, second);
            if customers > 0 {
                found.push(Overlap { first: &first.name, second: &second.name, customers });
            }
        }
    }
    found.sort_by_key(|o| std::cmp::Reverse(o.customers));
    found.truncate(most);
    found
}

fn shared(first: &RulePlan, second: &RulePlan) -> u64 {
    let pairs = first.audiences.iter().flat_map(|a| second.audiences.iter().map(move |b| (a, b)));
    let both = pairs.flat_map(|(a, b)| a.members.iter().zip(&b.members)).map(|(a, b)| {
        let mut both = a.clone();
        both.and(b);
        both.count() as u64
    });
    both.sum()
}
