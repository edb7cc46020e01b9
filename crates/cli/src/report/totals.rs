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
    /// By how much it is more, with its sign; empty where nothing was there to be counted from.
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
    let missing =
        if cost.unpriced.is_empty() { String::new() } else { format!(" (no price: {})", channels(cost)) };
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
    rows.extend(amounts_of("cost in", &before.cost.minor(), &after.cost.minor()));
    if !before.cost.unpriced.is_empty() || !after.cost.unpriced.is_empty() {
        let [before, after] = [before, after].map(|totals| channels(&totals.cost));
        rows.push(Row { what: "no price".to_owned(), before, after, difference: String::new() });
    }
    rows.extend(counted("coupons", &|t| t.coupons));
    rows.extend(amounts_of("worth in", &before.worth, &after.worth));
    rows.extend(counted("other actions", &|t| t.others));
    rows.extend(counted("waiting for a person's word", &|t| t.waiting));
    rows
}

/// Minor units by the code of their currency.
pub type Amounts = BTreeMap<&'static str, i64>;

/// A line for each currency of either. What one version knows no amounts of at all is not nothing.
fn amounts_of(what: &str, before: &Amounts, after: &Amounts) -> Vec<Row> {
    let row = |code: &&'static str| {
        let [was, is] = [before, after].map(|amounts| amounts.get(code).copied());
        let text = |minor: Option<i64>| minor.map_or("–".to_owned(), |minor| amount(minor, code));
        let difference = signed(i128::from(is.unwrap_or(0)) - i128::from(was.unwrap_or(0)), |minor| {
            amount(i64::try_from(minor).unwrap_or(i64::MAX), code)
        });
        Row { what: format!("{what} {code}"), before: text(was), after: text(is), difference }
    };
    names(before.keys(), after.keys()).into_iter().map(row).collect()
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

fn channels(cost: &Cost) -> String {
    cost.unpriced.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Minor units of a currency as an amount, by its code.
fn amount(minor: i64, code: &str) -> String {
    Currency::from_code(code)
        .map_or_else(|| minor.to_string(), |currency| money::to_major(minor, currency).to_string())
}

/// The same with the currency: `144.18 CNY`.
pub fn money_of(minor: i64, code: &str) -> String {
    format!("{} {code}", amount(minor, code))
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
    let differ = |before: &Amounts, after: &Amounts| -> Map<String, Value> {
        let of = |amounts: &Amounts, code: &str| amounts.get(code).copied().unwrap_or(0);
        let difference = |code: &&'static str| amount(of(after, code).saturating_sub(of(before, code)), code);
        let codes = names(before.keys(), after.keys()).into_iter();
        codes.map(|code| ((*code).to_owned(), json!(difference(code)))).collect()
    };
    json!({
        "before": json(before),
        "after": json(after),
        "difference": {
            "messages": messages.collect::<Map<_, _>>(),
            "cost": differ(&before.cost.minor(), &after.cost.minor()),
            "coupons": count(&|t| t.coupons),
            "coupon_value": differ(&before.worth, &after.worth),
            "other_actions": count(&|t| t.others),
            "waiting_for_a_person": count(&|t| t.waiting),
        },
    })
}
