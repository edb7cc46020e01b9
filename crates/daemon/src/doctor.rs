//! A look at everything that a run depends on, and nothing is sent for it.

mod data;
mod folder;
mod outside;
mod rules;
mod state;

use crate::site::{Site, Unsound};
use std::path::Path;
use tidings_channels::Clock;
use tidings_project::Project;
use tidings_store::LoadStats;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Something that a person should look at; runs go on.
    Warning,
    /// Something that keeps runs or sends from going on.
    Broken,
}

/// What a look at one thing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What part of the whole it is of.
    pub about: Part,
    /// How it is.
    pub level: Level,
    /// What was found: for people, without secrets and without anybody's data.
    pub said: String,
    /// What to do about it.
    pub mend: Option<String>,
}

/// A part of what a run depends on, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The project's files.
    Project,
    /// The store of the customers.
    Customers,
    /// What is expected of the data.
    Expectations,
    /// The engine's own database.
    State,
    /// What waits in it.
    Outbox,
    /// The folder on the disk.
    Folder,
    /// Mail servers and services.
    Channels,
    /// What runs when.
    Schedules,
}

impl Part {
    /// Its name, one word.
    pub fn name(self) -> &'static str {
        match self {
            Part::Project => "project",
            Part::Customers => "customers",
            Part::Expectations => "expectations",
            Part::State => "state",
            Part::Outbox => "outbox",
            Part::Folder => "folder",
            Part::Channels => "channels",
            Part::Schedules => "schedules",
        }
    }
}

impl Level {
    /// Its name: `ok`, `warn` or `fail`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Fine => "ok",
            Level::Warning => "warn",
            Level::Broken => "fail",
        }
    }
}

/// How far clocks may be apart, in microseconds.
const APART: i64 = 10_000_000;

/// What was found so far.
#[derive(Default)]
struct Sheet {
    checks: Vec<Check>,
}

impl Sheet {
    fn add(&mut self, about: Part, level: Level, said: impl Into<String>, mend: Option<&str>) {
        self.checks.push(Check { about, level, said: said.into(), mend: mend.map(str::to_owned) });
    }

    fn fine(&mut self, about: Part, said: impl Into<String>) {
        self.add(about, Level::Fine, said, None);
    }

    fn warn(&mut self, about: Part, said: impl Into<String>, mend: &str) {
        self.add(about, Level::Warning, said, Some(mend));
    }

    fn broken(&mut self, about: Part, said: impl Into<String>, mend: &str) {
        self.add(about, Level::Broken, said, Some(mend));
    }

    /// A clock that is so far ahead of this machine's, in microseconds.
    fn clock(&mut self, about: Part, whose: &str, ahead: i64) {
        if ahead.abs() > APART {
            let (seconds, way) = (ahead.abs() / 1_000_000, if ahead > 0 { "ahead of" } else { "behind" });
            let mend = "let both machines keep time by NTP: moments that are compared come from both";
            self.warn(about, format!("{whose} is {seconds} seconds {way} this machine's clock"), mend);
        }
    }
}

/// What was found.
pub struct Examined {
    /// One look after the other.
    pub checks: Vec<Check>,
    /// What there was to remark on in the data, with the project that it is of; none where it was not read.
    pub loaded: Option<(Site, LoadStats)>,
}

/// What is looked at.
pub struct Examine<'a> {
    /// The project's folder.
    pub folder: &'a Path,
    /// Whether everything is caught, with the sandbox's own state.
    pub sandbox: bool,
    /// Whether channels are left alone, and whatever else is beyond the two databases.
    pub offline: bool,
    /// The time of day.
    pub clock: Clock,
}

/// Looks at all of it. What cannot be looked at because of something else that is wrong is left out.
pub async fn examine(what: Examine<'_>) -> Examined {
    let Examine { folder, sandbox, offline, clock } = what;
    let mut sheet = Sheet::default();
    let (site, whole) = match Site::open(folder, sandbox, clock.clone()) {
        Ok(site) => (Some(site), true),
        Err(unsound) => (unsound_project(&unsound, folder, &clock, &mut sheet), false),
    };
    let Some(site) = site else {
        // Its channels may be in order all the same.
        let (project, _) = Project::load(folder);
        outside::look(&project, sandbox || offline, &clock, &mut sheet).await;
        return Examined { checks: sheet.checks, loaded: None };
    };
    if whole {
        rules::look(&site, &clock, &mut sheet);
    }
    let state = match whole {
        true => state::look(&site, &clock, &mut sheet).await,
        false => None,
    };
    let stats = data::look(&site, state.as_ref(), &clock, &mut sheet).await;
    folder::look(&site, &mut sheet);
    outside::look(&site.project, sandbox || offline, &clock, &mut sheet).await;
    sheet.checks.sort_by_key(|check| check.about);
    Examined { checks: sheet.checks, loaded: stats.map(|stats| (site, stats)) }
}

/// Says what is wrong; a project that lacks no more than what its channels need can still be read.
fn unsound_project(unsound: &Unsound, folder: &Path, clock: &Clock, sheet: &mut Sheet) -> Option<Site> {
    let mend = match unsound.errors.is_empty() {
        true => "without it nothing is planned or sent",
        false => "`tidings check` shows it with what to write instead",
    };
    unsound.lines().into_iter().for_each(|line| sheet.broken(Part::Project, line, mend));
    if unsound.errors.is_empty() { Site::open(folder, true, clock.clone()).ok() } else { None }
}
