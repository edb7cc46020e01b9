//! Another version of a project beside the one that is worked with, asked of the same customers.

use crate::decide::{DecideError, Decider, Decision};
use crate::site::{Site, Unsound};
use std::fmt;
use std::path::Path;
use tidings_check::Program;
use tidings_engine::{Evaluator, Needs};
use tidings_project::{Project, Version};
use tidings_schema::Now;
use tidings_store::{CustomerStore, State};
use tidings_syntax::{Diagnostic, Place};

/// Another version, read and checked. It is only compared with: nothing is sent by it, and its secrets are not looked up.
pub struct Earlier {
    /// Its files.
    pub project: Project,
    /// Its rules.
    pub program: Program,
    /// Where its files are, as long as they are read.
    _version: Option<Version>,
}

impl Earlier {
    /// Reads the project in a folder.
    pub fn open(folder: &Path) -> Result<Earlier, Unsound> {
        let (mut project, mut found) = Project::load(folder);
        let checked = project.check();
        found.extend(checked.diagnostics);
        found.retain(Diagnostic::is_error);
        match checked.program.filter(|_| found.is_empty()) {
            Some(program) => Ok(Earlier { project, program, _version: None }),
            None => Err(Unsound {
                errors: found,
                problems: Vec::new(),
                rules: project.config.rules,
                sources: project.sources,
            }),
        }
    }

    /// Reads the files of a version.
    pub fn of(version: Version) -> Result<Earlier, Unsound> {
        let earlier = Earlier::open(version.folder())?;
        Ok(Earlier { _version: Some(version), ..earlier })
    }

    /// What is written at a place of its files, on one line.
    pub fn words(&self, place: Place) -> String {
        one_line(self.project.sources.text(place))
    }
}

/// A text on one line.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Which of two versions could not decide, and why.
#[derive(Debug)]
pub enum BesideError {
    /// The one that is compared with.
    Earlier(DecideError),
    /// The one that is worked with.
    Later(DecideError),
}

impl fmt::Display for BesideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BesideError::Earlier(e) => write!(f, "of the version that is compared with: {e}"),
            BesideError::Later(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for BesideError {}

impl From<DecideError> for BesideError {
    fn from(e: DecideError) -> BesideError {
        BesideError::Later(e)
    }
}

/// Two versions over the same customers.
pub struct Beside<'a> {
    site: &'a Site,
    earlier: &'a Earlier,
    /// The earlier rules, reading what both versions need.
    pub before: Evaluator,
    /// The later ones, likewise.
    pub after: Evaluator,
    /// Whether they have one vocabulary, so that the same columns serve both.
    shared: bool,
}

impl<'a> Beside<'a> {
    /// Two versions, compiled.
    pub fn of(site: &'a Site, earlier: &'a Earlier) -> Beside<'a> {
        let before = Evaluator::compile(&earlier.program);
        let shared = earlier.program.vocabulary == site.program.vocabulary;
        let own = tidings_plan::needs(&earlier.program).union(before.needs());
        let needs = if shared { own.union(site.evaluator().needs()) } else { own };
        let layout = if shared { needs.clone() } else { Needs::default() };
        Beside {
            site,
            earlier,
            before: before.reading(&needs),
            after: site.evaluator().clone().reading(&layout),
            shared,
        }
    }

    /// What both make of a moment: the earlier decision and the later one, of all rules or of some by their positions in
    /// either. With `ready` for the later decider, which may keep customers.
    pub async fn decide<'b>(
        &'b self,
        (customers, state): (&'b CustomerStore, Option<&'b State>),
        now: Now,
        (old, new): (Option<Vec<usize>>, Option<Vec<usize>>),
        ready: impl FnOnce(Decider<'b>) -> Decider<'b>,
    ) -> Result<(Decision<'b>, Decision<'b>), BesideError> {
        // Both look at the same columns, also to explain, so they are all in memory.
        let later = Decider { room: None, ..self.site.decider(customers, state) };
        let config = &self.earlier.project.config;
        let earlier = Decider {
            program: &self.earlier.program,
            project: &config.name,
            evaluator: &self.before,
            ..later
        };
        let then = Now { zone: config.zone, ..now };
        let beside = self.shared.then_some(&self.earlier.program);
        let after = ready(Decider { evaluator: &self.after, beside, ..later }).decide(now, new).await?;
        let before = if self.shared {
            after.again(earlier, then, old).map_err(BesideError::Earlier)?
        } else {
            earlier.decide(then, old).await.map_err(BesideError::Earlier)?
        };
        Ok((before, after))
    }
}
