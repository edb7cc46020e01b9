//! Rules that were renamed and edited at once: they cannot be told from new ones, but guessed.

use crate::renames::Unsaid;
use std::collections::BTreeMap;
use tidings_check::program::Rule;
use tidings_check::{Meaning, Program};

/// A new rule that may be what one that is gone was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Its name.
    pub name: String,
    /// What it may have been called.
    pub before: String,
    /// What it would have to say: the name that the history goes by.
    pub was: String,
    /// What of both is the same.
    pub same: Same,
}

/// What of two rules is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// What their customers get.
    Actions,
    /// Whom they are for.
    Audience,
}

impl Guess {
    /// What may have happened and what to do then, in one sentence for people.
    pub fn words(&self) -> String {
        let Guess { name, before, was, same } = self;
        let same = match same {
            Same::Actions => "both do the same",
            Same::Audience => "both are for the same customers",
        };
        format!(
            "rule `{name}` may be what `{before}` was, under another name and edited, since {same}: if so, write \
             `was {was}` in it, or it reaches those once more whom `{before}` reached"
        )
    }
}

/// The new rules that are like one rule that is gone, and like no other, where no other new one is like that.
pub(super) fn guesses(before: &Program, after: &Program, unsaid: &[Unsaid]) -> Vec<Guess> {
    let (meant, means) = (before.meanings(), after.meanings());
    let alone = |rule: &Rule, others: &[Rule]| others.iter().all(|other| other.identity() != rule.identity());
    let mut gone: Vec<(&Rule, &Meaning)> = before.rules.iter().zip(&meant).collect();
    gone.retain(|(rule, _)| alone(rule, &after.rules) && unsaid.iter().all(|one| one.was != rule.identity()));
    let mut new: Vec<(&Rule, &Meaning)> = after.rules.iter().zip(&means).collect();
    new.retain(|(rule, _)| {
        rule.was.is_none() && alone(rule, &before.rules) && unsaid.iter().all(|one| one.name != rule.name)
    });
    let mut found = Vec::new();
    for same in [Same::Actions, Same::Audience] {
        let part = |meaning: &Meaning| match same {
            Same::Actions => meaning.actions().collect::<Vec<_>>().join("\n"),
            Same::Audience => meaning.audience.clone(),
        };
        if let Same::Audience = same {
            // That two rules are for everybody says nothing.
            let some = |(rule, _): &(&Rule, &Meaning)| rule.segment.is_some() || rule.condition.is_some();
            gone.retain(some);
            new.retain(some);
        }
        let mut alike: BTreeMap<String, [Vec<&Rule>; 2]> = BTreeMap::new();
        for (side, rules) in [&gone, &new].into_iter().enumerate() {
            for (rule, meaning) in rules {
                alike
                    .entry(part(meaning))
                    .or_default()
                    .get_mut(side)
                    .into_iter()
                    .for_each(|of| of.push(rule));
            }
        }
        for [was, is] in alike.into_values() {
            let ([was], [is]) = (was.as_slice(), is.as_slice()) else { continue };
            found.push(Guess {
                name: is.name.clone(),
                before: was.name.clone(),
                was: was.identity().to_owned(),
                same,
            });
        }
        gone.retain(|(rule, _)| found.iter().all(|guess| guess.before != rule.name));
        new.retain(|(rule, _)| found.iter().all(|guess| guess.name != rule.name));
    }
    found
}
