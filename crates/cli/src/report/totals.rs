//! What is sent in all, what it costs and what coupons are worth: one plan's, and of two plans side by side.

use super::{count, counted};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tidings_plan::{Cost, Totals};
use tidings_schema::{Currency, money};

/// A line of a comparison.
pub struct Row {
    /// What it counts.
    pub what: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub after: String,
    /// By how much it is more, with its sign, or that it is not known; empty where it is no number.
    pub difference: String,
}

/// What a plan sends in a sentence; nothing where it sends nothing.
pub fn sentence(totals: &Totals) -> Option<String> {
    let messages = totals.messages.iter().map(|(channel, n)| format!("{} {channel}", count(*n)));
    let coupons = (totals.coupons > 0).then(|| {
        let worth: Vec<String> = totals.worth.iter().map(|(code, minor)| money_of(*minor, code)).collect();
        let worth = if worth.is_empty() { String::new() } else { format!(" worth {}", worth.join(" and ")) };
        format!("{}{worth}", counted(totals.coupons, "coupon"))
    });
    let sent: Vec<String> = messages.chain(coupons).collect();
    let cost = (!totals.messages.is_empty()).then(|| cost(&totals.cost)).flatten();
    let cost = cost.map(|cost| format!("messages cost {cost}"));
    let parts: Vec<String> = (!sent.is_empty()).then(|| sent.join(", ")).into_iter().chain(cost).collect();
    (!parts.is_empty()).then(|| format!("In all: {}", parts.join("; ")))
}

/// What messages cost, in words; nothing where no channel has a price.
pub fn cost(cost: &Cost) -> Option<String> {
    let costs: Vec<String> = cost.minor().iter().map(|(code, minor)| money_of(*minor, code)).collect();
    let have = if cost.unpriced.values().sum::<u64>() == 1 { "has" } else { "have" };
    let missing = match cost.unpriced.is_empty() {
        true => String::new(),
        false => format!(" ({} {have} no price)", unpriced(cost)),
    };
    (!costs.is_empty()).then(|| format!("{}{missing}", costs.join(" and ")))
}

/// Lines of a comparison.
pub fn rows([before, after]: &[Totals; 2]) -> Vec<Row> {
    let counted = |what: &str, of: &dyn Fn(&Totals) -> u64| {
        let [was, is] = [of(before), of(after)];
        let difference = signed(i128::from(is) - i128::from(was), |n| count(n as u64));
        let row = Row { what: what.to_owned(), before: count(was), after: count(is), difference };
        (was + is > 0).then_some(row)
    };
    let mut rows = Vec::new();
    for channel in names(before.messages.keys(), after.messages.keys()) {
        rows.extend(counted(channel, &|t| t.messages.get(channel).copied().unwrap_or(0)));
    }
    rows.extend(costs(before, after).into_iter().map(|both| both.row("cost in")));
    if !before.cost.unpriced.is_empty() || !after.cost.unpriced.is_empty() {
        let [before, after] = [before, after].map(|totals| unpriced(&totals.cost));
        rows.push(Row { what: "no price".to_owned(), before, after, difference: String::new() });
    }
    rows.extend(counted("coupons", &|t| t.coupons));
    rows.extend(worths(before, after).into_iter().map(|both| both.row("worth in")));
    rows.extend(counted("other actions", &|t| t.others));
    rows.extend(counted("waiting for a person's word", &|t| t.waiting));
    rows
}

/// Minor units by the code of their currency.
pub type Amounts = BTreeMap<&'static str, i64>;

/// An amount of two versions, in minor units of one currency.
struct Both {
    code: &'static str,
    before: Option<i64>,
    after: Option<i64>,
    /// By how much it is more, where both were counted alike.
    difference: Option<i64>,
}

/// What messages of two versions cost. Where one of them has no prices, or not those of the same channels, nobody can tell
/// how much of the difference is the rules'.
fn costs(before: &Totals, after: &Totals) -> Vec<Both> {
    let alike = before.cost.unpriced.keys().eq(after.cost.unpriced.keys());
    both(&before.cost.minor(), &after.cost.minor(), |was, is| {
        Some(is?.saturating_sub(was?)).filter(|_| alike)
    })
}

/// What coupons of two versions are worth: nothing where there are none.
fn worths(before: &Totals, after: &Totals) -> Vec<Both> {
    let with = |other: &Amounts, amounts: &Amounts| {
        let none = other.keys().map(|code| (*code, 0));
        none.chain(amounts.iter().map(|(code, minor)| (*code, *minor))).collect::<Amounts>()
    };
    let [was, is] = [with(&after.worth, &before.worth), with(&before.worth, &after.worth)];
    both(&was, &is, |was, is| Some(is?.saturating_sub(was?)))
}

fn both(
    before: &Amounts,
    after: &Amounts,
    difference: impl Fn(Option<i64>, Option<i64>) -> Option<i64>,
) -> Vec<Both> {
    let of = |code: &&'static str| {
        let [before, after] = [before, after].map(|amounts| amounts.get(code).copied());
        Both { code, before, after, difference: difference(before, after) }
    };
    names(before.keys(), after.keys()).into_iter().map(of).collect()
}

impl Both {
    fn row(self, what: &str) -> Row {
        let text = |minor: Option<i64>| minor.map_or("–".to_owned(), |minor| grouped(minor, self.code));
        let difference = self.difference.map(|minor| {
            signed(i128::from(minor), |minor| grouped(i64::try_from(minor).unwrap_or(i64::MAX), self.code))
        });
        Row {
            what: format!("{what} {}", self.code),
            before: text(self.before),
            after: text(self.after),
            difference: difference.unwrap_or_else(|| "not known".to_owned()),
        }
    }
}

/// What is in either, in order.
fn names<'a, T: Ord>(
    one: impl Iterator<Item = &'a T>,
    other: impl Iterator<Item = &'a T>,
) -> BTreeSet<&'a T> {
    one.chain(other).collect()
}

fn signed(difference: i128, text: impl Fn(i128) -> String) -> String {
    match difference {
        0 => "0".to_owned(),
        less if less < 0 => format!("-{}", text(-less)),
        more => format!("+{}", text(more)),
    }
}

/// How many messages have no price: `2 messages of channel sms`.
fn unpriced(cost: &Cost) -> String {
    let of = |(channel, n): (&String, &u64)| format!("{} of channel {channel}", counted(*n, "message"));
    cost.unpriced.iter().map(of).collect::<Vec<_>>().join(" and ")
}

/// Minor units of a currency as an amount, by its code.
fn amount(minor: i64, code: &str) -> String {
    Currency::from_code(code)
        .map_or_else(|| minor.to_string(), |currency| money::to_major(minor, currency).to_string())
}

/// The same as people read it: `10,101.00`.
fn grouped(minor: i64, code: &str) -> String {
    let text = amount(minor, code);
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    whole.parse().map_or(format!("{sign}{text}"), |whole| format!("{sign}{}{rest}", count(whole)))
}

/// The same with the currency: `10,101.00 CNY`.
pub fn money_of(minor: i64, code: &str) -> String {
    format!("{} {code}", grouped(minor, code))
}

/// Amounts by the code of their currency, as JSON.
pub fn amounts(amounts: &Amounts) -> Map<String, Value> {
    amounts.iter().map(|(code, minor)| ((*code).to_owned(), json!(amount(*minor, code)))).collect()
}

/// What is sent in all, as JSON.
pub fn json(totals: &Totals) -> Value {
    json!({
        "messages": totals.messages,
        "cost": amounts(&totals.cost.minor()),
        "no_price": totals.cost.unpriced,
        "coupons": totals.coupons,
        "coupon_value": amounts(&totals.worth),
        "other_actions": totals.others,
        "waiting_for_a_person": totals.waiting,
    })
}

/// Both of a comparison as JSON, and what they differ in.
pub fn json_of_both(both: &[Totals; 2]) -> Value {
    let [before, after] = both;
    let count = |of: &dyn Fn(&Totals) -> u64| of(after) as i64 - of(before) as i64;
    let messages = names(before.messages.keys(), after.messages.keys())
        .into_iter()
        .map(|channel| (channel.clone(), json!(count(&|t| t.messages.get(channel).copied().unwrap_or(0)))));
    // Null where it is not known.
    let differ = |all: Vec<Both>| -> Map<String, Value> {
        let difference = |both: &Both| json!(both.difference.map(|minor| amount(minor, both.code)));
        all.iter().map(|both| (both.code.to_owned(), difference(both))).collect()
    };
    json!({
        "before": json(before),
        "after": json(after),
        "difference": {
            "messages": messages.collect::<Map<_, _>>(),
            "cost": differ(costs(before, after)),
            "coupons": count(&|t| t.coupons),
            "coupon_value": differ(worths(before, after)),
            "other_actions": count(&|t| t.others),
            "waiting_for_a_person": count(&|t| t.waiting),
        },
    })
}
