//! The policy: what holds for all rules of the project, and what it says for rules that say less.

use crate::literals::span_of;
use crate::program::{Cap, CatchUp, Losers, Overlap, Policy, Quiet, Schedule, UnknownZone};
use crate::rules::{catch_up, overlap};
use crate::{Checker, RuleFile};
use std::collections::HashMap;
use tidings_syntax::tree::{self, Item, PolicyClause};
use tidings_syntax::{Code, Diagnostic, Place, Spanned};

/// What the policy says for rules that do not say so themselves.
#[derive(Default)]
pub(crate) struct Usual {
    pub schedule: Option<Schedule>,
    pub catch_up: Option<CatchUp>,
    pub overlap: Option<Overlap>,
}

impl<'a> Checker<'a> {
    /// The project's one policy, and what it says for rules that say less.
    pub(crate) fn policy(&mut self, files: &'a [RuleFile]) -> (Policy, Usual) {
        let mut policy = Policy::default();
        let mut usual = Usual::default();
        let mut earlier: Option<Place> = None;
        for file in files {
            self.file = file.id;
            for item in &file.tree.items {
                let Item::Policy(tree) = &item.node else { continue };
                let place = self.place(item.span);
                if let Some(first) = earlier.replace(place) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            Code::SAID_TWICE,
                            place,
                            "the project has one policy, and this is another",
                        )
                        .also(first, "the first one")
                        .help("join them"),
                    );
                    continue;
                }
                let mut first = HashMap::new();
                for clause in &tree.clauses {
                    if let Some(name) = said_once(&clause.node) {
                        self.once(&mut first, name, clause.span);
                    }
                    self.policy_clause(clause, &mut policy, &mut usual);
                }
            }
        }
        (policy, usual)
    }

    fn policy_clause(&mut self, clause: &Spanned<PolicyClause>, policy: &mut Policy, usual: &mut Usual) {
        let place = self.place(clause.span);
        match &clause.node {
            PolicyClause::Cap { count, channel, per, losers } => {
                if channel.as_ref().is_none_or(|c| self.channel(c).is_some()) {
                    let channel = channel.as_ref().map(|c| c.node.clone());
                    let losers = match losers {
                        Some(tree::Losers::Skip) => Losers::Skip,
                        Some(tree::Losers::Wait) | None => Losers::Wait,
                    };
                    policy.caps.push(Cap { count: count.node, channel, per: span_of(per.node), losers });
                }
            }
            PolicyClause::Quiet { from, to, channel, unknown_wait } => {
                if *unknown_wait && self.vocabulary.customer.zone.is_none() {
                    self.report::<()>(
                        Diagnostic::new(
                            Code::NO_CUSTOMER_ZONE,
                            place,
                            "nobody's zone is known, so everybody would wait for ever",
                        )
                        .help("name the column under `customer:` in schema.yaml: `zone: time_zone`"),
                    );
                }
                if channel.as_ref().is_none_or(|c| self.channel(c).is_some()) {
                    let channel = channel.as_ref().map(|c| c.node.clone());
                    let unknown_zone = if *unknown_wait { UnknownZone::Held } else { UnknownZone::Project };
                    policy.quiet.push(Quiet { from: from.node, to: to.node, channel, unknown_zone });
                }
            }
            PolicyClause::HoldOut(share) => policy.hold_out = self.share(share),
            PolicyClause::Missed(missed) => usual.catch_up = Some(catch_up(*missed)),
            PolicyClause::Overlap(running) => usual.overlap = Some(overlap(*running)),
            PolicyClause::When(when) => match self.schedule(when, place) {
                Some((Schedule::On(_), _) | (_, Some(_))) => {
                    self.report::<()>(
                        Diagnostic::new(
                            Code::BAD_SCHEDULE,
                            place,
                            "a schedule on an event or around a date belongs to a rule",
                        )
                        .help("write `every day at 10:00` here"),
                    );
                }
                Some((when, None)) => usual.schedule = Some(when),
                None => {}
            },
        }
    }
}

/// What a policy says once.
fn said_once(clause: &PolicyClause) -> Option<&'static str> {
    match clause {
        PolicyClause::Cap { .. } | PolicyClause::Quiet { .. } => None,
        PolicyClause::HoldOut(_) => Some("hold out"),
        PolicyClause::Missed(_) => Some("if missed"),
        PolicyClause::Overlap(_) => Some("if still running"),
        PolicyClause::When(_) => Some("a schedule"),
    }
}
