//! What a plan sends and what its coupons are worth, all rules together.

use crate::plan::{Plan, StepPlan};
use std::collections::BTreeMap;
use tidings_check::program::Action;
use tidings_schema::Currency;

/// What is sent. What waits for a person's word is counted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages, by channel.
    pub messages: BTreeMap<String, u64>,
    /// Coupons.
    pub coupons: u64,
    /// What they are worth, in minor units, by the code of the currency; those that are worth no money count nothing.
    pub worth: BTreeMap<&'static str, i64>,
    /// Calls of webhooks, words to teams, and changes of what is kept of customers.
    pub others: u64,
    /// Customers of rules that wait for a person's word.
    pub waiting: u64,
}

impl Totals {
    /// Those of a plan. `worth` knows what a coupon is worth, in minor units.
    pub fn of(plan: &Plan, worth: &dyn Fn(&str) -> Option<(i64, Currency)>) -> Totals {
        let mut totals = Totals::default();
        for rule in &plan.rules {
            totals.waiting += rule.waiting();
            rule.audiences.iter().flat_map(|a| &a.steps).for_each(|step| totals.step(step, worth));
        }
        totals
    }

    fn step(&mut self, step: &StepPlan, worth: &dyn Fn(&str) -> Option<(i64, Currency)>) {
        let planned = step.tally().planned;
        match &step.action {
            Action::Message { coupon, .. } => {
                for (channel, messages) in step.by_channel().into_iter().filter(|(_, n)| *n > 0) {
                    *self.messages.entry(channel.to_owned()).or_default() += messages;
                }
                coupon.iter().for_each(|coupon| self.coupons(planned, worth(coupon)));
            }
            Action::Coupon(name) => self.coupons(planned, worth(name)),
            _ => self.others += planned,
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
        self.coupons += other.coupons;
        self.others += other.others;
        self.waiting += other.waiting;
    }
}
