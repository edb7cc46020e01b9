//! Another version of a project: the files that a commit has, or that were kept, in a folder of their own.

use crate::differences::{templates, text};
use crate::{Project, config};
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tidings_syntax::FileId;

/// A version's files. The folder goes away with it.
#[derive(Debug)]
pub struct Version {
    folder: TempDir,
}

/// Why there is no such version.
#[derive(Debug)]
pub enum VersionError {
    /// There is no git to ask.
    NoGit(io::Error),
    /// The folder is in no repository.
    NoRepository(PathBuf),
    /// The repository does not know the name.
    Unknown {
        /// The name.
        reference: String,
        /// Whether the repository was cloned without its history.
        shallow: bool,
    },
    /// The commit has no project in this folder.
    NoProject(String),
    /// A file that a version cannot have: a link among its rules, or a path out of the folder.
    BadFile(String),
    /// Git failed otherwise, in its own words.
    Git(String),
    /// The files could not be written down.
    Io(io::Error),
}

impl Version {
    /// The project in a folder as a commit has it, by a name that git knows: `main`, `origin/main`, `HEAD~1`.
    pub fn of_commit(folder: &Path, reference: &str) -> Result<Version, VersionError> {
        let git = Git { folder };
        if let Err(said) = git.ask(&["rev-parse", "--show-prefix"])? {
            // Others are told in its own words: a folder of somebody else's, for one.
            return Err(match said.contains("not a git repository") {
                true => VersionError::NoRepository(folder.to_owned()),
                false => VersionError::Git(said),
            });
        }
        let commit = format!("{reference}^{{commit}}");
        // What begins like an option would be one.
        let known = match reference.starts_with('-') {
            true => Err(String::new()),
            false => git.ask(&["rev-parse", "--verify", "--quiet", &commit])?,
        };
        let Ok(commit) = known else {
            let shallow = git.ask(&["rev-parse", "--is-shallow-repository"])?;
            let shallow = shallow.is_ok_and(|answer| answer.starts_with(b"true"));
            return Err(VersionError::Unknown { reference: reference.to_owned(), shallow });
        };
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let listed = git.ask(&["ls-tree", "-r", "-z", &commit])?.map_err(VersionError::Git)?;
        let listed = String::from_utf8_lossy(&listed);
        let (mut blobs, mut others) = (Vec::new(), Vec::new());
        for (about, path) in listed.split('\0').filter_map(|line| line.split_once('\t')) {
            match about.split(' ').collect::<Vec<_>>().as_slice() {
                ["100644" | "100755", "blob", id] if is_read(path) => {
                    blobs.push(((*id).to_owned(), path.to_owned()))
                }
                ["100644" | "100755", "blob", _] => {}
                // Links and repositories of others.
                _ => others.push(path),
            }
        }
        let texts = git.contents(blobs.iter().map(|(id, _)| id.clone()).collect())?;
        let Some(settings) = blobs.iter().zip(&texts).find(|((_, path), _)| path == "tidings.yaml") else {
            return Err(VersionError::NoProject(reference.to_owned()));
        };
        let (config, _) = config::read(&String::from_utf8_lossy(settings.1), FileId(0), &mut Vec::new());
        let named = Path::new(&config.rules).components();
        let rules: PathBuf = named.filter(|part| matches!(part, Component::Normal(_))).collect();
        // Without one of these the version would be another; the rest is none of its rules.
        let is_missed = |path: &&&str| **path == "schema.yaml" || Path::new(path).starts_with(&rules);
        if let Some(path) = others.iter().find(is_missed) {
            return Err(VersionError::BadFile((*path).to_owned()));
        }
        Version::of_files(blobs.iter().map(|(_, path)| path.as_str()).zip(texts.iter().map(Vec::as_slice)))
    }

    /// What people call a commit: a full id in short, with the first line of what was said of it; other names as they are.
    pub fn title(folder: &Path, reference: &str) -> String {
        let full = reference.len() >= 40 && reference.bytes().all(|b| b.is_ascii_hexdigit());
        let said = match full {
            true => Git { folder }.ask(&["log", "-1", "--format=%h %s", reference]).ok().and_then(Result::ok),
            false => None,
        };
        said.map_or_else(|| reference.to_owned(), |said| String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Files by their paths in the project's folder.
    pub fn of_files<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<Version, VersionError> {
        let folder = tempfile::Builder::new().prefix("tidings-").tempdir().map_err(VersionError::Io)?;
        for (path, content) in files {
            let path = Path::new(path);
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(VersionError::BadFile(path.display().to_string()));
            }
            let path = folder.path().join(path);
            let above = path.parent().unwrap_or(folder.path());
            std::fs::create_dir_all(above)
                .and_then(|()| std::fs::write(path, content))
                .map_err(VersionError::Io)?;
        }
        Ok(Version { folder })
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The texts that a project's rules were read and checked with, by their paths. Secrets that stand in them are covered.
pub fn files(project: &Project) -> Vec<(String, String)> {
    let sources = project.sources.iter().map(|(_, source)| (source.path.clone(), source.text.clone()));
    let mut files: Vec<(String, String)> =
        sources.filter(|(path, _)| is_read(path) && !path.starts_with("templates/")).collect();
    for (path, bytes) in templates(&project.folder) {
        files.extend(text(&bytes).map(|text| (format!("templates/{path}"), text.to_owned())));
    }
    files
}

/// Whether a path is a file that rules are read and checked with.
fn is_read(path: &str) -> bool {
    matches!(path, "tidings.yaml" | "schema.yaml")
        || path.ends_with(".tidings")
        || path.starts_with("templates/")
}

/// Git, in the project's folder: it names files from there.
struct Git<'p> {
    folder: &'p Path,
}

impl Git<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.folder).args(args).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// What it prints, or what it says where it fails.
    fn ask(&self, args: &[&str]) -> Result<Result<Vec<u8>, String>, VersionError> {
        let output = self.command(args).output().map_err(VersionError::NoGit)?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Ok(if output.status.success() { Ok(output.stdout) } else { Err(said()) })
    }

    /// What files hold, by their ids, in that order.
    fn contents(&self, ids: Vec<String>) -> Result<Vec<Vec<u8>>, VersionError> {
        let mut git = self.command(&["cat-file", "--batch"]);
        let started = git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut git = started.map_err(VersionError::NoGit)?;
        let (Some(mut asks), Some(answers)) = (git.stdin.take(), git.stdout.take()) else {
            return Err(VersionError::Git("it cannot be talked with".to_owned()));
        };
        let of = ids.clone();
        // Asking waits for answers to be read, so somebody else asks.
        let asking = std::thread::spawn(move || of.iter().try_for_each(|id| writeln!(asks, "{id}")));
        let mut answers = io::BufReader::new(answers);
        let contents: Result<Vec<Vec<u8>>, VersionError> =
            ids.iter().map(|id| content(&mut answers, id)).collect();
        drop(answers);
        asking.join().ok();
        git.wait().map_err(VersionError::Io)?;
        contents
    }
}

/// One answer: a line `ID blob LENGTH`, so many bytes, and a line's end.
fn content(answers: &mut impl BufRead, id: &str) -> Result<Vec<u8>, VersionError> {
    let mut line = String::new();
    answers.read_line(&mut line).map_err(VersionError::Io)?;
    let length = line.trim_end().rsplit_once(" blob ").or_else(|| line.trim_end().rsplit_once(' '));
    let Some(length) = length.and_then(|(_, length)| length.parse::<u64>().ok()) else {
        return Err(VersionError::Git(format!("it cannot read {id}: {}", line.trim_end())));
    };
    let mut content = Vec::new();
    answers.take(length + 1).read_to_end(&mut content).map_err(VersionError::Io)?;
    content.pop();
    Ok(content)
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionError::NoGit(e) => {
                write!(f, "git cannot be run: {e}; install it, or name a folder instead")
            }
            VersionError::NoRepository(folder) => write!(
                f,
                "{} is in no git repository; name a folder with a project instead",
                folder.display()
            ),
            VersionError::Unknown { reference, shallow: true } => {
                let fetch = match reference.split_once('/') {
                    Some((remote, branch)) => {
                        format!("git fetch --depth=1 {remote} {branch}:refs/remotes/{reference}")
                    }
                    None => "git fetch --unshallow".to_owned(),
                };
                write!(
                    f,
                    "git does not know `{reference}`, and this clone has no history: `{fetch}` brings it (in GitHub \
                     Actions, `fetch-depth: 0` of actions/checkout does)"
                )
            }
            VersionError::Unknown { reference, .. } => {
                write!(
                    f,
                    "`{reference}` is neither a folder nor a commit, branch or tag that git knows; `git fetch` may bring it"
                )
            }
            VersionError::NoProject(reference) => {
                write!(
                    f,
                    "`{reference}` has no tidings.yaml in this folder: there is nothing to compare with"
                )
            }
            VersionError::BadFile(path) => {
                write!(
                    f,
                    "{path} of the other version is a link or leads out of the project, and is not read"
                )
            }
            VersionError::Git(said) => write!(f, "git failed: {said}"),
            VersionError::Io(e) => write!(f, "the other version's files cannot be written down: {e}"),
        }
    }
}

impl std::error::Error for VersionError {}
