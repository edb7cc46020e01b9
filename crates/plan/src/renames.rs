//! Rules that were given another name without saying so: they would reach everybody once more.

use std::collections::HashSet;
use tidings_check::Program;

/// A rule as it was when it ran, or as another version of the project has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The name that its history goes by.
    pub identity: String,
    /// What it was called.
    pub name: String,
    /// What it meant, see [`Meaning::core`](tidings_check::Meaning::core).
    pub core: String,
    /// Whether it reached anybody.
    pub reached: bool,
}

/// A rule that is what another one was, without saying so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// Its position in the program.
    pub rule: usize,
    /// Its name.
    pub name: String,
    /// What it was called.
    pub before: String,
    /// What it has to say: the name that the history goes by.
    pub was: String,
}

impl Unsaid {
    /// What is wrong and both ways out, in one sentence for people.
    pub fn words(&self) -> String {
        let Unsaid { name, before, was, .. } = self;
        format!(
            "rule `{name}` is what `{before}` was, and would reach everybody once more: write `was {was}` in it to \
             keep its history, or `was {name}`, its own name, if everybody is to get it again"
        )
    }
}

/// The rules of a program that are what one that ran and is gone was: they mean the same and are new, or name another of
/// its names than the first. A rule that says `was`, be it with its own name, is taken at its word.
pub fn unsaid(ran: &[Ran], program: &Program) -> Vec<Unsaid> {
    let present: HashSet<&str> = program.rules.iter().map(|rule| rule.identity()).collect();
    let known: HashSet<&str> = ran.iter().map(|ran| ran.identity.as_str()).collect();
    let mut gone: Vec<&Ran> =
        ran.iter().filter(|ran| ran.reached && !present.contains(ran.identity.as_str())).collect();
    let mut found = Vec::new();
    if gone.is_empty() {
        return found;
    }
    for (i, (rule, meaning)) in program.rules.iter().zip(program.meanings()).enumerate() {
        if known.contains(rule.identity()) {
            continue;
        }
        let is_it = |ran: &&Ran| match &rule.was {
            None => ran.core == meaning.core(),
            Some(was) => *was != rule.name && *was == ran.name,
        };
        if let Some(place) = gone.iter().position(is_it) {
            let ran = gone.remove(place);
            let (before, was) = (ran.name.clone(), ran.identity.clone());
            found.push(Unsaid { rule: i, name: rule.name.clone(), before, was });
        }
    }
    found
}
