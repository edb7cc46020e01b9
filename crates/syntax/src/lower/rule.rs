//! Clauses and actions.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, has, parts};
use crate::span::Spanned;
use crate::tree::{Action, Amount, Clause, Late, Losers, Missed, Overlap, PolicyClause, Repeat, Variant};

impl Lower<'_> {
    pub(super) fn clause(&mut self, pair: &Pair<'_>) -> Option<Spanned<Clause>> {
        let inner = pair.clone().into_inner().next()?;
        let clause = match inner.as_rule() {
            Rule::was => Clause::Was(self.find_name(&inner)?),
            Rule::owner => Clause::Owner(self.find_text(&inner)?),
            Rule::schedule => Clause::When(self.schedule(&inner)?),
            Rule::audience => Clause::For(self.find_name(&inner)?),
            Rule::condition => Clause::If(self.find_expr(&inner)?),
            Rule::late => {
                let late = if has(&inner, Rule::k_skip) { Late::Skip } else { Late::Send };
                Clause::Late(self.find_length(&inner)?, late)
            }
            Rule::missed => Clause::Missed(missed(&inner)),
            Rule::overlap => Clause::Overlap(overlap(&inner)),
            Rule::then => Clause::Then(self.actions(&inner)?),
            Rule::otherwise => Clause::Else(self.actions(&inner)?),
            Rule::repeat => Clause::Repeat(self.repeat(&inner)?),
            Rule::limit if has(&inner, Rule::share) => Clause::Limit(Amount::Percent(self.share(&inner)?)),
            Rule::limit => {
                Clause::Limit(Amount::Customers(self.find_whole(&inner, "a number of customers")?))
            }
            Rule::budget => {
                let money = find(&inner, Rule::literal)?;
                Clause::Budget(self.literal(&money)?, self.per(&inner)?)
            }
            Rule::hold_out => Clause::HoldOut(self.share(&inner)?),
            Rule::priority => Clause::Priority(self.find_whole(&inner, "a priority")?),
            Rule::expires => Clause::Expires(self.day(&inner)?),
            _ => Clause::Goal {
                event: self.find_name(&inner)?,
                within: self.find_length(&inner)?,
                worth: self.find_path(&inner),
            },
        };
        Some(Spanned::new(clause, self.span(pair)))
    }

    fn repeat(&mut self, pair: &Pair<'_>) -> Option<Repeat> {
        Some(match () {
            () if has(pair, Rule::per) => Repeat::AtMostOncePer(self.per(pair)?),
            () if has(pair, Rule::k_entry) => Repeat::EveryEntry,
            () if has(pair, Rule::k_time) => Repeat::EveryTime,
            () => Repeat::Once,
        })
    }

    /// The actions directly inside; each is tried, so that one slip hides no other.
    fn actions(&mut self, pair: &Pair<'_>) -> Option<Vec<Spanned<Action>>> {
        let lowered: Vec<_> = parts(pair.clone())
            .filter(|p| matches!(p.as_rule(), Rule::action | Rule::variant_action))
            .map(|a| self.action(&a))
            .collect();
        lowered.into_iter().collect()
    }

    pub(super) fn action(&mut self, pair: &Pair<'_>) -> Option<Spanned<Action>> {
        let inner = pair.clone().into_inner().next()?;
        let action = match inner.as_rule() {
            Rule::send => self.send(&inner)?,
            Rule::add_tag => Action::AddTag(self.find_text(&inner)?),
            Rule::remove_tag => Action::RemoveTag(self.find_text(&inner)?),
            Rule::set => Action::Set(self.find_name(&inner)?, self.find_expr(&inner)?),
            Rule::call_webhook => Action::Call(self.find_name(&inner)?),
            Rule::start => Action::Start(self.find_name(&inner)?),
            Rule::stop => Action::Stop(self.find_name(&inner)?),
            Rule::notify => Action::Notify(self.find_text(&inner)?),
            _ => Action::Split(self.split(&inner)?),
        };
        Some(Spanned::new(action, self.span(pair)))
    }

    fn send(&mut self, pair: &Pair<'_>) -> Option<Action> {
        let template = self.find_name(pair)?;
        let channels: Vec<_> = parts(pair.clone())
            .filter(|p| p.as_rule() == Rule::channel)
            .filter_map(|c| self.find_name(&c))
            .collect();
        let coupon = find(pair, Rule::k_with).and_then(|_| parts(pair.clone()).last()).map(|n| self.name(&n));
        if channels.iter().all(|c| c.node != "coupon") {
            return Some(Action::Send { template, channels, coupon });
        }
        if channels.len() == 1 && coupon.is_none() {
            return Some(Action::Coupon(template));
        }
        let place = self.place(pair);
        self.report(
            Diagnostic::new(Code::MISPLACED, place, "a coupon is not a channel")
                .label("a coupon and a message in one action")
                .help("grant the coupon by itself, `send NAME coupon`, or inside a message, `send TEMPLATE email with NAME coupon`"),
        );
        None
    }

    fn split(&mut self, pair: &Pair<'_>) -> Option<Vec<Spanned<Variant>>> {
        let variants: Vec<_> =
            parts(pair.clone()).filter(|p| p.as_rule() == Rule::variant).map(|v| self.variant(&v)).collect();
        variants.into_iter().collect()
    }

    fn variant(&mut self, pair: &Pair<'_>) -> Option<Spanned<Variant>> {
        let (share, name, actions) = (self.share(pair), self.find_name(pair), self.actions(pair));
        Some(Spanned::new(Variant { share: share?, name: name?, actions: actions? }, self.span(pair)))
    }

    pub(super) fn policy_clause(&mut self, pair: &Pair<'_>) -> Option<Spanned<PolicyClause>> {
        let inner = pair.clone().into_inner().next()?;
        let clause = match inner.as_rule() {
            Rule::cap => PolicyClause::Cap {
                count: self.find_whole(&inner, "a number of messages")?,
                channel: self.find_name(&inner),
                per: self.per(&inner)?,
                losers: find(&inner, Rule::losers).map(|losers| match has(&losers, Rule::k_skip) {
                    true => Losers::Skip,
                    false => Losers::Wait,
                }),
            },
            Rule::quiet => {
                let mut times = parts(inner.clone()).filter(|p| p.as_rule() == Rule::time_of_day);
                let (from, to) = (self.time(&times.next()?), self.time(&times.next()?));
                let unknown_wait = has(&inner, Rule::unknown_zones);
                PolicyClause::Quiet { from: from?, to: to?, channel: self.find_name(&inner), unknown_wait }
            }
            Rule::hold_out => PolicyClause::HoldOut(self.share(&inner)?),
            Rule::missed => PolicyClause::Missed(missed(&inner)),
            Rule::overlap => PolicyClause::Overlap(overlap(&inner)),
            _ => PolicyClause::When(self.schedule(&inner)?),
        };
        Some(Spanned::new(clause, self.span(pair)))
    }
}

fn missed(pair: &Pair<'_>) -> Missed {
    match () {
        () if has(pair, Rule::k_latest) => Missed::Latest,
        () if has(pair, Rule::k_all) => Missed::All,
        () => Missed::Skip,
    }
}

fn overlap(pair: &Pair<'_>) -> Overlap {
    if has(pair, Rule::k_wait) { Overlap::Wait } else { Overlap::Skip }
}
