//! What a plan sends, what its messages cost and what its coupons are worth, all rules together.

use crate::intents::Supplies;
use crate::plan::{Plan, StepPlan};
use std::collections::BTreeMap;
use tidings_check::program::Action;
use tidings_schema::Currency;
use tidings_schema::money::{Price, rounded};

/// What is sent. What waits for a person's word is counted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages, by channel.
    pub messages: BTreeMap<String, u64>,
    /// What they cost.
    pub cost: Cost,
    /// Coupons.
    pub coupons: u64,
    /// What they are worth, in minor units, by the code of the currency; those that are worth no money count nothing.
    pub worth: BTreeMap<&'static str, i64>,
    /// Calls of webhooks, words to teams, and changes of what is kept of customers.
    pub others: u64,
    /// Customers of rules that wait for a person's word.
    pub waiting: u64,
}

/// What messages cost: each the price of the channel that it leaves through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// In billionths of a currency's unit, by its code: every currency of a price, whatever was sent.
    exactly: BTreeMap<&'static str, i128>,
    /// How many messages leave by channels without a price, where others have one.
    pub unpriced: BTreeMap<String, u64>,
}

impl Totals {
    /// Those of a plan. Of the supplies the coupons and the prices count.
    pub fn of(plan: &Plan, supplies: &Supplies) -> Totals {
        let mut totals = Totals { cost: Cost::none(&supplies.prices), ..Totals::default() };
        for rule in &plan.rules {
            totals.waiting += rule.waiting();
            rule.audiences.iter().flat_map(|a| &a.steps).for_each(|step| totals.step(step, supplies));
        }
        totals
    }

    fn step(&mut self, step: &StepPlan, supplies: &Supplies) {
        let coupon = match &step.action {
            Action::Message { coupon, .. } => {
                for (channel, messages) in step.by_channel().into_iter().filter(|(_, n)| *n > 0) {
                    *self.messages.entry(channel.to_owned()).or_default() += messages;
                    self.cost.messages(channel, messages, &supplies.prices);
                }
                coupon.as_ref()
            }
            Action::Coupon(name) => Some(name),
            _ => {
                self.others += step.tally().planned;
                None
            }
        };
        if let Some(name) = coupon {
            let worth = supplies.coupons.get(name).and_then(|terms| terms.worth);
            self.coupons(step.tally().planned, worth);
        }
    }

    fn coupons(&mut self, planned: u64, worth: Option<(i64, Currency)>) {
        self.coupons += planned;
        if let Some((minor, currency)) = worth.filter(|_| planned > 0) {
            let sum = self.worth.entry(currency.code()).or_default();
            *sum = sum.saturating_add(minor.saturating_mul(i64::try_from(planned).unwrap_or(i64::MAX)));
        }
    }

    /// Adds those of another plan.
    pub fn add(&mut self, other: &Totals) {
        for (channel, messages) in &other.messages {
            *self.messages.entry(channel.clone()).or_default() += messages;
        }
        for (currency, worth) in &other.worth {
            let sum = self.worth.entry(currency).or_default();
            *sum = sum.saturating_add(*worth);
        }
        self.cost.add(&other.cost);
        self.coupons += other.coupons;
        self.others += other.others;
        self.waiting += other.waiting;
    }
}

impl Cost {
    /// That of no message, where channels have these prices.
    pub fn none(prices: &BTreeMap<String, Price>) -> Cost {
        let exactly = prices.values().map(|price| (price.currency().code(), 0)).collect();
        Cost { exactly, unpriced: BTreeMap::new() }
    }

    /// Adds that of some messages of a channel.
    pub fn messages(&mut self, channel: &str, n: u64, prices: &BTreeMap<String, Price>) {
        match prices.get(channel) {
            Some(price) => self.more(price.currency().code(), price.times(n)),
            None if prices.is_empty() || n == 0 => {}
            None => *self.unpriced.entry(channel.to_owned()).or_default() += n,
        }
    }

    fn more(&mut self, code: &'static str, billionths: i128) {
        let sum = self.exactly.entry(code).or_default();
        *sum = sum.saturating_add(billionths);
    }

    fn add(&mut self, other: &Cost) {
        other.exactly.iter().for_each(|(code, billionths)| self.more(code, *billionths));
        for (channel, messages) in &other.unpriced {
            *self.unpriced.entry(channel.clone()).or_default() += messages;
        }
    }

    /// In minor units, rounded only now, by the code of the currency. Nothing where no channel has a price.
    pub fn minor(&self) -> BTreeMap<&'static str, i64> {
        let minor = |(code, billionths): (&&'static str, &i128)| {
            Some((*code, rounded(*billionths, Currency::from_code(code)?)))
        };
        self.exactly.iter().filter_map(minor).collect()
    }
}
