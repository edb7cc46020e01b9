//! What may leave at all: pauses, and a state that was copied.

use super::database::{Turn, Tx, args, tuples};
use super::{State, StateError};
use std::collections::HashSet;

const PAUSE: &str = "\
    INSERT INTO tidings_pauses (scope, name, why, at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (scope, name) DO UPDATE SET why = excluded.why";
const RESUME: &str = "DELETE FROM tidings_pauses WHERE scope = $1 AND name = $2";
const PAUSES: &str = "SELECT scope, name, why, at FROM tidings_pauses ORDER BY scope, name";
const STANDING: &str =
    "SELECT m.home, p.scope, p.name, p.why FROM tidings_meta m LEFT JOIN tidings_pauses p ON m.id = 1";
const ADOPT: &str = "UPDATE tidings_meta SET home = $1";

/// What a pause stops.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// What a rule sends.
    Rule(String),
    /// What leaves by a channel, coupon provider, webhook or team.
    Channel(String),
}

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What.
    pub scope: Scope,
    /// Why.
    pub why: String,
    /// Since when, in microseconds since 1970 UTC.
    pub at: i64,
}

/// What is paused, as a transaction sees it.
#[derive(Default)]
pub(crate) struct Paused {
    /// Why everything is.
    pub(crate) all: Option<String>,
    pub(crate) rules: HashSet<String>,
    pub(crate) channels: HashSet<String>,
}

impl Paused {
    /// A condition that leaves out rows of paused rules, whose names are bound at `first` and on.
    pub(crate) fn not_by_rule(&self, first: usize) -> String {
        match self.rules.len() {
            0 => String::new(),
            n => format!("AND rule NOT IN (VALUES {})", tuples(first, 1, n)),
        }
    }
}

impl State {
    /// Lets nothing of a scope leave from now on, until [`State::resume`]. Nothing is lost by it.
    pub async fn pause(&self, scope: &Scope, why: &str) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::No).await?;
        let (name, of) = scope.parts();
        let now = tx.now;
        tx.execute(PAUSE, args![name, of, why, now]).await?;
        tx.commit().await
    }

    /// Lets a scope's things leave again. False where it was not paused.
    pub async fn resume(&self, scope: &Scope) -> Result<bool, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let (name, of) = scope.parts();
        let resumed = tx.execute(RESUME, args![name, of]).await?;
        tx.commit().await?;
        Ok(resumed > 0)
    }

    /// All that is paused.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StateError> {
        let pause = |scope, row: super::database::Row<'_>| {
            Ok(Pause { scope, why: row.get("why")?, at: row.get("at")? })
        };
        let mut tx = self.snapshot().await?;
        tx.list(PAUSES, args![], |row| pause(Scope::of(row.get("scope")?, row.get("name")?), row)).await
    }

    /// Takes a state that was copied here for the one that sends from now on. The other must send no more.
    pub async fn adopt(&self) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::No).await?;
        tx.execute(ADOPT, args![&*self.home]).await?;
        tx.commit().await
    }

    /// What is paused; fails where the state was copied.
    pub(crate) async fn paused(&self, tx: &mut Tx) -> Result<Paused, StateError> {
        let (mut paused, mut homes) = (Paused::default(), HashSet::new());
        let rows = tx.list(STANDING, args![], |row| {
            let scope: Option<String> = row.get("scope")?;
            Ok((row.get::<String>("home")?, scope, row.get::<Option<String>>("name")?, row.get("why")?))
        });
        for (home, scope, name, why) in rows.await? {
            homes.insert(home);
            match (scope.as_deref(), name) {
                (Some("all"), _) => paused.all = why,
                (Some("rule"), Some(rule)) => drop(paused.rules.insert(rule)),
                (Some("channel"), Some(channel)) => drop(paused.channels.insert(channel)),
                _ => {}
            }
        }
        match homes.contains(&*self.home) {
            true => Ok(paused),
            false => Err(StateError::Copied { place: self.place.clone() }),
        }
    }
}

impl Scope {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Scope::All => ("all", ""),
            Scope::Rule(name) => ("rule", name),
            Scope::Channel(name) => ("channel", name),
        }
    }

    fn of(scope: String, name: String) -> Scope {
        match scope.as_str() {
            "rule" => Scope::Rule(name),
            "channel" => Scope::Channel(name),
            _ => Scope::All,
        }
    }
}
