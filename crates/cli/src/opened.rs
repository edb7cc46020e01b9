//! The project that a command works with, and what was asked of it.

use crate::failure::Failure;
use crate::report::timings::new_columns;
use crate::report::{count, counted, few, findings};
use crate::screen::{Screen, aside};
use std::path::{Path, PathBuf};
use tidings_daemon::{Decider, Decision, Site, Unsound, renames, site};
use tidings_schema::Now;
use tidings_store::private::make_unversioned;
use tidings_store::{Resident, State};
use tokio::sync::Mutex;

/// Reads and checks a project. Its errors go to the standard error and are a failure; warnings are counted.
pub fn open(folder: &Path, sandbox: bool, screen: &Screen) -> Result<Site, Failure> {
    noted(Site::open(folder, sandbox, site::wall_clock()), screen)
}

/// The same for what reads no customers and sends nothing: no secret has to be there.
pub fn open_offline(folder: &Path, screen: &Screen) -> Result<Site, Failure> {
    noted(Site::offline(folder, site::wall_clock()), screen)
}

fn noted(site: Result<Site, Unsound>, screen: &Screen) -> Result<Site, Failure> {
    let site = site.map_err(|e| unsound(e, screen))?;
    if site.warnings > 0 {
        aside(&format!("note: `tidings check` has {}", counted(site.warnings as u64, "warning")));
    }
    Ok(site)
}

/// Says what keeps a project from being worked with.
pub fn unsound(why: Unsound, screen: &Screen) -> Failure {
    if why.errors.is_empty() {
        return Failure::new(why.problems.join("\n"));
    }
    aside(&findings::text(&why.errors, &why.sources, screen));
    Failure::new("the project has errors, so nothing is planned or sent; `tidings check` shows them all")
}

/// Fails where a rule was renamed and does not say so: it would reach everybody once more.
pub async fn known_again(site: &Site, state: &State) -> Result<(), Failure> {
    let refused = renames::refused(site, state, None).await?;
    if refused.is_empty() { Ok(()) } else { Err(Failure::new(refused.join("\n"))) }
}

/// What is kept of a project's customers between commands.
pub struct Cache {
    file: PathBuf,
    kept: Mutex<Resident>,
}

impl Cache {
    /// What there is; nothing where none is wanted.
    pub fn of(site: &Site, wanted: bool) -> Option<Cache> {
        let file = site.cache().filter(|_| wanted)?;
        Some(Cache { kept: Mutex::new(Resident::cached(&file)), file })
    }

    /// Decides with it.
    pub fn used<'a>(cache: Option<&'a Cache>, decider: Decider<'a>) -> Decider<'a> {
        let at = chrono::Utc::now().timestamp_micros();
        Decider { resident: cache.map(|cache| (&cache.kept, at)), ..decider }
    }

    /// Says what changed, and writes down what is worth it. That it cannot be written stops nothing.
    pub fn keep(cache: Option<&Cache>, decision: &Decision<'_>) {
        let (Some(cache), Some(took)) = (cache, &decision.refreshed) else { return };
        if took.saved + took.grown > 0 && took.read + took.grown > 0 {
            let (read, saved) = (counted(took.read as u64, "changed row"), count(took.saved as u64));
            aside(&format!("note: read {read}{}, {saved} from the cache", new_columns(took)));
        }
        // A folder from before there was a cache may be under version control.
        if let Some(folder) = cache.file.parent() {
            make_unversioned(folder).ok();
        }
        let saved = cache.kept.try_lock().map(|kept| kept.save(&cache.file));
        if let Ok(Err(error)) = saved {
            aside(&format!("note: {} cannot be written: {error}", cache.file.display()));
        }
    }
}

/// The moment that was asked for.
pub fn moment(site: &Site, at: Option<&str>) -> Result<Now, Failure> {
    let zone = site.project.config.zone;
    match at {
        None => Ok(Now::new(chrono::Utc::now(), zone)),
        Some(text) => Now::parse(text, zone).ok_or_else(|| {
            Failure::new(format!(
                "`{text}` is no moment; write 2026-11-11, 2026-11-11T10:00 or 2026-11-11T10:00:00+08:00"
            ))
        }),
    }
}

/// The rules that were asked for, by their positions; none is all of them.
pub fn only(site: &Site, names: &[String]) -> Result<Option<Vec<usize>>, Failure> {
    let find = |name: &String| rule(site, name);
    if names.is_empty() { Ok(None) } else { names.iter().map(find).collect::<Result<_, _>>().map(Some) }
}

/// The position of a rule.
pub fn rule(site: &Site, name: &str) -> Result<usize, Failure> {
    if let Some((position, _)) = site.program.find_rule(name) {
        return Ok(position);
    }
    let names: Vec<&str> = site.program.rules.iter().map(|r| r.name.as_str()).collect();
    Err(Failure::new(match tidings_syntax::suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("there is no rule `{name}`; `{near}` was probably meant"),
        None if names.is_empty() => {
            format!("there is no rule `{name}`, and no other one: write one into rules/")
        }
        None => format!("there is no rule `{name}`; there are {}", few(&names, 10)),
    }))
}
