//! `tidings check`

use crate::args::{Check, TextOrJson};
use crate::failure::Failure;
use crate::report::{counted, findings, remarks};
use crate::screen::{Screen, aside};
use comfy_table::Color;
use std::path::Path;
use std::process::ExitCode;
use tidings_project::Project;
use tidings_syntax::Diagnostic;

/// How many findings are printed for people.
const MOST: usize = 100;

/// Prints every finding in the project; fails where one is an error, or with `--strict` where there is any.
pub fn check(folder: &Path, args: &Check, screen: &Screen) -> Result<ExitCode, Failure> {
    let (mut project, mut found) = Project::load(folder);
    let checked = project.check();
    found.extend(checked.diagnostics);
    let bad = found.iter().any(Diagnostic::is_error) || args.strict && !found.is_empty();
    match args.format {
        TextOrJson::Json => screen.print_json(&findings::json(&found, &project.sources)),
        TextOrJson::Text => {
            if !found.is_empty() {
                let first = found.get(..MOST).unwrap_or(&found);
                screen.print(&findings::text(first, &project.sources, screen));
                if found.len() > MOST {
                    screen.print(&format!("… and {} more: mend these first", found.len() - MOST));
                }
            }
            // Files that cannot be read have their errors, and no place among the rules.
            if project.rules.is_empty() && !found.iter().any(Diagnostic::is_error) {
                screen.print(&format!(
                    "there is no rule file in {}",
                    folder.join(&project.config.rules).display()
                ));
            }
            let (files, verdict) =
                (counted(project.rules.len() as u64, "rule file"), findings::counts(&found));
            let colour = if bad { Color::Red } else { Color::Green };
            screen.print(&format!("{files}: {}", screen.paint(&verdict, colour)));
        }
    }
    let notes = checked.program.iter().flat_map(remarks::not_run);
    notes.for_each(|note| aside(&format!("note: {note}")));
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
