//! Looks at a project's files, and says when they have changed and stand still.

use super::Event;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch as cell};
use tokio::time::sleep;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How many files are looked at, and how deep folders may stand in one another.
const MOST: usize = 20_000;
const DEPTH: usize = 16;

/// The project's files as a listing shows them: lengths and times.
type Listing = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// What is watched, and what of it is known.
#[derive(Clone)]
pub(super) struct Watched {
    /// The folder of the rule files, which a change may move.
    pub rules: String,
    /// The files' content just before they were read last.
    pub content: u64,
}

impl Watched {
    /// The files of the project in a folder as they are now.
    pub fn look(folder: &Path, rules: &str) -> Watched {
        Watched { rules: rules.to_owned(), content: content(&list(folder, rules)) }
    }
}

/// Says when the files of the project in a folder are others than those that were read: other bytes, and the same
/// listing twice in a row, so that nothing is read while it is being written.
pub(super) async fn watch(folder: PathBuf, watched: cell::Receiver<Watched>, changed: mpsc::Sender<Event>) {
    let (mut seen, mut looked_into, mut said) = (Listing::new(), None, None);
    loop {
        let Watched { rules, content: read } = watched.borrow().clone();
        let (folder, before) = (folder.clone(), seen.clone());
        let known = looked_into.as_ref() == Some(&seen);
        let look = move || {
            let now = list(&folder, &rules);
            let content = (now == before && !known).then(|| content(&now));
            (now, content)
        };
        let Ok((now, content)) = tokio::task::spawn_blocking(look).await else { return };
        if let Some(content) = content {
            looked_into = Some(now.clone());
            let news = content != read && said.replace(content) != Some(content);
            if news && changed.send(Event::FilesChanged).await.is_err() {
                return;
            }
        }
        seen = now;
        sleep(EVERY).await;
    }
}

fn list(folder: &Path, rules: &str) -> Listing {
    let mut listing = Listing::new();
    for name in ["tidings.yaml", "schema.yaml"] {
        note(&mut listing, folder.join(name));
    }
    for below in [rules, "templates"] {
        walk(&folder.join(below), DEPTH, &mut listing);
    }
    listing
}

fn walk(folder: &Path, depth: usize, listing: &mut Listing) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || listing.len() >= MOST {
            continue;
        }
        let path = entry.path();
        match path.is_dir() {
            true if depth > 0 => walk(&path, depth - 1, listing),
            true => {}
            false => note(listing, path),
        }
    }
}

fn note(listing: &mut Listing, path: PathBuf) {
    if let Ok(about) = path.metadata() {
        listing.insert(path, (about.len(), about.modified().ok()));
    }
}

/// A hash over all files' names and bytes: what was only touched has not changed.
fn content(listing: &Listing) -> u64 {
    let mut hash = DefaultHasher::new();
    for path in listing.keys() {
        hash.write(path.as_os_str().as_encoded_bytes());
        let bytes = std::fs::read(path).unwrap_or_default();
        hash.write_usize(bytes.len());
        hash.write(&bytes);
    }
    hash.finish()
}
