//! The files of a project: bounded in number and size, and never from outside its folder.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tidings_schema::names;
use tidings_syntax::{Code, Diagnostic, FileId, MAX_BYTES, Place, Sources};

/// How many rule files a project may have.
const MAX_FILES: usize = 10_000;
/// How deep folders may stand in one another.
const MAX_DEPTH: usize = 16;

/// A rule file, not parsed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleText {
    /// Its place among the sources.
    pub id: FileId,
    /// Its name without folder and ending, NFC: the name of its bare sentence.
    pub name: String,
}

/// Reads a file of at most one byte more than is allowed, so that whoever parses it sees that it is too large.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file that has to be there.
pub(crate) fn needed(folder: &Path, name: &str, help: &str) -> Result<String, (Code, String, String)> {
    let missing = |message: String, help: &str| (Code::MISSING_FILE, message, help.to_owned());
    match read(&folder.join(name)).map(String::from_utf8) {
        // Some editors begin files with a byte order mark.
        Ok(Ok(text)) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Ok(Err(_)) => {
            Err((Code::NOT_TEXT, format!("{name} is not UTF-8 text"), "save it as UTF-8".to_owned()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(missing(format!("there is no {name} in {}", folder.display()), help))
        }
        Err(e) => Err(missing(format!("{name} cannot be read: {e}"), "look at its permissions")),
    }
}

/// Adds every rule file below a folder of the project to the sources, in the order of their paths.
pub(crate) fn rules(
    folder: &Path,
    below: &str,
    sources: &mut Sources,
    out: &mut Vec<Diagnostic>,
) -> Vec<RuleText> {
    let mut walk = Walk::new(folder, &["tidings"]);
    if !folder.join(below).is_dir() && below != "rules" {
        let message = format!("there is no folder {below} in the project");
        walk.problems.push((below.to_owned(), Code::MISSING_FILE, message, "mend `rules:` in tidings.yaml"));
    }
    walk.folder(&folder.join(below), 0);
    walk.found.sort_unstable();
    if walk.found.len() > MAX_FILES {
        let message =
            format!("there are {} rule files, and a project has at most {MAX_FILES}", walk.found.len());
        walk.problems.push((below.to_owned(), Code::TOO_MANY_FILES, message, "put more rules into one file"));
        walk.found.truncate(MAX_FILES);
    }
    walk.report(sources, out);
    walk.found.iter().filter_map(|path| rule(folder, path, sources, out)).collect()
}

/// Adds every file of tests in `tests/` to the sources, in the order of their paths.
pub(crate) fn tests(folder: &Path, sources: &mut Sources, out: &mut Vec<Diagnostic>) -> Vec<FileId> {
    let mut walk = Walk::new(folder, &["yaml", "yml"]);
    walk.folder(&folder.join("tests"), 0);
    walk.found.sort_unstable();
    walk.report(sources, out);
    let mut files = Vec::new();
    for path in &walk.found {
        let shown = relative(folder, path);
        match needed(folder, &shown, "") {
            Ok(text) => files.push(sources.add(shown, text)),
            Err((code, message, help)) => {
                let file = sources.add(shown, "");
                out.push(Diagnostic::new(code, Place { file, ..Place::default() }, message).help(help));
            }
        }
    }
    files
}

fn rule(folder: &Path, path: &Path, sources: &mut Sources, out: &mut Vec<Diagnostic>) -> Option<RuleText> {
    let shown = relative(folder, path);
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(e) => {
            let file = sources.add(&shown, "");
            let finding = Diagnostic::new(
                Code::MISSING_FILE,
                Place { file, ..Place::default() },
                format!("{shown} cannot be read: {e}"),
            );
            out.push(finding.help("look at its permissions"));
            return None;
        }
    };
    let id = sources.add(shown, String::from_utf8_lossy(&bytes));
    if std::str::from_utf8(&bytes).is_err() {
        // Cut in the middle of a character, a file that is too large is no text either.
        let parsed = match bytes.len() > MAX_BYTES {
            true => tidings_syntax::parse(id, &String::from_utf8_lossy(&bytes)),
            false => tidings_syntax::parse_bytes(id, &bytes),
        };
        out.extend(parsed.diagnostics);
        return None;
    }
    let name = path.file_stem().map(|s| names::normal(&s.to_string_lossy())).unwrap_or_default();
    Some(RuleText { id, name })
}

/// A path as people in the project's folder write it.
pub(crate) fn relative(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

struct Walk<'p> {
    folder: &'p Path,
    /// How the names of wanted files end.
    endings: &'p [&'p str],
    /// The project's folder without links.
    root: PathBuf,
    /// Folders that were read, without links: a link to a folder above itself ends.
    seen: HashSet<PathBuf>,
    found: Vec<PathBuf>,
    problems: Vec<(String, Code, String, &'static str)>,
}

impl<'p> Walk<'p> {
    fn new(folder: &'p Path, endings: &'p [&'p str]) -> Walk<'p> {
        let root = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Walk { folder, endings, root, seen: HashSet::new(), found: Vec::new(), problems: Vec::new() }
    }

    fn report(&mut self, sources: &mut Sources, out: &mut Vec<Diagnostic>) {
        for (path, code, message, help) in std::mem::take(&mut self.problems) {
            let file = sources.add(path, "");
            out.push(Diagnostic::new(code, Place { file, ..Place::default() }, message).help(help));
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        let Ok(real) = folder.canonicalize() else { return };
        if !self.inside(&real, folder) || !self.seen.insert(real) || depth > MAX_DEPTH {
            return;
        }
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        paths.sort_unstable();
        for path in paths {
            let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
            if self.found.len() > MAX_FILES || hidden {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, depth + 1);
            } else if path.extension().is_some_and(|e| self.endings.iter().any(|ending| e == *ending))
                && let Ok(real) = path.canonicalize()
                && real.is_file()
                && self.inside(&real, &path)
            {
                self.found.push(path);
            }
        }
    }

    /// Whether a path is the project's own; a link to the outside is a finding.
    fn inside(&mut self, real: &Path, path: &Path) -> bool {
        let inside = real.starts_with(&self.root);
        if !inside {
            let shown = relative(self.folder, path);
            let message = format!("{shown} leads to a place outside the project");
            self.problems.push((
                shown,
                Code::OUTSIDE_PROJECT,
                message,
                "copy the files into the project, or take the link out",
            ));
        }
        inside
    }
}
