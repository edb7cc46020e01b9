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
    /// What it says instead, which is the name of no history.
    pub said: Option<String>,
}

impl Unsaid {
    /// What is wrong and both ways out, in one sentence for people.
    pub fn words(&self) -> String {
        let Unsaid { name, before, was, said, .. } = self;
        let (but, instead) = match said {
            Some(said) => (
                format!(", though it says `was {said}`, which no history goes by"),
                format!("instead of `was {said}`"),
            ),
            None => (String::new(), "in it".to_owned()),
        };
        format!(
            "rule `{name}` is what `{before}` was{but}, and would reach everybody once more: write `was {was}` {instead} \
             to keep its history, or `was {name}`, its own name, if everybody is to get it again"
        )
    }
}

/// The rules of a program that are what one that ran and is gone was: they mean the same and reached nobody yet, or name
/// another of its names than the first. A rule is taken at its word where it says `was` and a name that ran, or its own.
/// The rules of the program that is `running` may be reaching somebody at the moment, so they count as if they had.
pub fn unsaid(ran: &[Ran], running: Option<&Program>, program: &Program) -> Vec<Unsaid> {
    let identities = |program: &'_ Program| -> HashSet<String> {
        program.rules.iter().map(|rule| rule.identity().to_owned()).collect()
    };
    let (present, runs) = (identities(program), running.map(identities).unwrap_or_default());
    // One that was only noted is not known: a copy of a rule sends once more when the rule goes.
    let known: HashSet<&str> =
        ran.iter().filter(|ran| ran.reached).map(|ran| ran.identity.as_str()).collect();
    let mut gone: Vec<&Ran> = ran
        .iter()
        .filter(|ran| (ran.reached || runs.contains(&ran.identity)) && !present.contains(&ran.identity))
        .collect();
    let mut found = Vec::new();
    if gone.is_empty() {
        return found;
    }
    for (i, (rule, meaning)) in program.rules.iter().zip(program.meanings()).enumerate() {
        if known.contains(rule.identity()) || rule.was.as_ref() == Some(&rule.name) {
            continue;
        }
        let core = meaning.core();
        let named = gone.iter().position(|ran| rule.was.as_ref() == Some(&ran.name));
        if let Some(place) = named.or_else(|| gone.iter().position(|ran| ran.core == core)) {
            let ran = gone.remove(place);
            let (before, was) = (ran.name.clone(), ran.identity.clone());
            found.push(Unsaid { rule: i, name: rule.name.clone(), before, was, said: rule.was.clone() });
        }
    }
    found
}
