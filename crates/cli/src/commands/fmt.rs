//! `tidings fmt`

use crate::args::Fmt;
use crate::failure::Failure;
use crate::report::{counted, findings};
use crate::screen::{Screen, aside};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tidings_project::Project;
use tidings_syntax::{FileId, Sources, format, parse};

/// Writes rule files in the canonical layout, or lists those that are not in it. Files with errors are shown
/// and left as they are.
pub fn fmt(folder: &Path, args: &Fmt, screen: &Screen) -> Result<ExitCode, Failure> {
    let files = if args.files.is_empty() { project_files(folder) } else { args.files.clone() };
    let (mut changed, mut broken) = (0, 0);
    for path in &files {
        let text = fs::read_to_string(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        let parsed = parse(FileId(0), &text);
        if parsed.has_errors() {
            let mut sources = Sources::default();
            sources.add(path.display().to_string(), &text);
            aside(&findings::text(&parsed.diagnostics, &sources, screen));
            broken += 1;
            continue;
        }
        let laid_out = format(&parsed.file)?;
        if laid_out != text {
            changed += 1;
            screen.print(&path.display().to_string());
            if !args.check {
                write_whole(path, &laid_out)?;
            }
        }
    }
    let done = if args.check { "would change" } else { "changed" };
    let files = counted(files.len() as u64, "rule file");
    aside(&format!("{files}: {changed} {done}, {broken} with errors left as before"));
    let fine = broken == 0 && (changed == 0 || !args.check);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn project_files(folder: &Path) -> Vec<PathBuf> {
    let (project, _) = Project::load(folder);
    let path = |rule: &tidings_project::RuleText| project.sources.get(rule.id).map(|s| folder.join(&s.path));
    project.rules.iter().filter_map(path).collect()
}

/// Writes a file anew, or says which could not be.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text).map_err(|e| Failure::new(format!("{} cannot be written: {e}", path.display())))
}

/// Beside it first, so that a full disk does not leave half a file. Who may read it stays, and so does a link to it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let beside = path.with_added_extension("new");
    let permissions = fs::metadata(&path)?.permissions();
    // One that a killed run left, or a link that is there, is not written through.
    fs::remove_file(&beside)
        .or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(permissions.mode());
    }
    let written = options
        .open(&beside)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
        .and_then(|()| fs::set_permissions(&beside, permissions))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written
}
