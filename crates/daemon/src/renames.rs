//! The rules that are about to run beside those that ran: one that was renamed without a word does not run, since it would
//! reach everybody once more.

use crate::site::Site;
use tidings_check::Program;
use tidings_plan::{Ran, unsaid};
use tidings_project::version;
use tidings_store::{State, StateError};

/// What keeps the rules from running, a sentence each with its place, for people; nothing where they may. The rules of
/// the program that is `running` may be reaching somebody at the moment.
pub async fn refused(
    site: &Site,
    state: &State,
    running: Option<&Program>,
) -> Result<Vec<String>, StateError> {
    let sources = &site.project.sources;
    let place = |rule: usize| {
        let place = site.program.rules.get(rule).map(|rule| rule.place).unwrap_or_default();
        let (line, column) = sources.line_column(place.file, place.span.start);
        let file = sources.get(place.file).map_or("", |source| source.path.as_str());
        format!("{file}:{line}:{column}")
    };
    let found = unsaid(&state.ran().await?, running, &site.program);
    Ok(found.iter().map(|unsaid| format!("{}: {}", place(unsaid.rule), unsaid.words())).collect())
}

/// Notes what the rules are that are about to run.
pub async fn note(site: &Site, state: &State) -> Result<(), StateError> {
    state.note_rules(&ran(&site.program)).await
}

/// What keeps a daemon from taking the rules up; where nothing does, they and the project's files are noted.
pub(crate) async fn take_note(
    site: &Site,
    state: &State,
    running: Option<&Program>,
) -> Result<Vec<String>, StateError> {
    let refused = refused(site, state, running).await?;
    if refused.is_empty() {
        note(site, state).await?;
        state.note_running(&version::files(&site.project)).await?;
    }
    Ok(refused)
}

fn ran(program: &Program) -> Vec<Ran> {
    let rules = program.rules.iter().zip(program.meanings());
    let ran = rules.map(|(rule, meaning)| Ran {
        identity: rule.identity().to_owned(),
        name: rule.name.clone(),
        core: meaning.core(),
        reached: false,
    });
    ran.collect()
}
