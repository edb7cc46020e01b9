//! `tidings doctor`

use crate::args::{Doctor, TextOrJson};
use crate::failure::Failure;
use crate::progress;
use crate::report::{counted, remarks};
use crate::screen::Screen;
use comfy_table::Color;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::doctor::{Check, Examine, Level, Part, examine};
use tidings_daemon::site::wall_clock;

/// Prints how everything is that a run depends on; fails where something is broken.
pub async fn doctor(folder: &Path, args: &Doctor, screen: &Screen) -> Result<ExitCode, Failure> {
    let looking = progress::bar(None, "looking");
    let what = Examine { folder, sandbox: args.sandbox, offline: args.offline, clock: wall_clock() };
    let examined = examine(what).await;
    looking.finish_and_clear();
    let mut checks = examined.checks;
    if let Some((site, stats)) = &examined.loaded {
        let remarks = remarks::of_data(&site.program.vocabulary, stats).into_iter();
        checks.extend(remarks.map(|said| Check {
            about: Part::Customers,
            level: Level::Warning,
            said,
            mend: Some("mend the data, or its type in schema.yaml".to_owned()),
        }));
        checks.sort_by_key(|check| check.about);
    }
    let broken = checks.iter().any(|check| check.level == Level::Broken);
    match args.format {
        TextOrJson::Json => {
            let checks = checks.iter().map(as_json).collect::<Value>();
            screen.print_json(&json!({"ok": !broken, "checks": checks}));
        }
        TextOrJson::Text => screen.print(&text(&checks, screen)),
    }
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(checks: &[Check], screen: &Screen) -> String {
    let (mut out, mut about) = (String::new(), None);
    for check in checks {
        if about.replace(check.about) != Some(check.about) {
            out.push_str(&format!("{}\n", check.about.name()));
        }
        let colour = match check.level {
            Level::Fine => Color::Green,
            Level::Warning => Color::Yellow,
            Level::Broken => Color::Red,
        };
        let level = screen.paint(&format!("{:<4}", check.level.name()), colour);
        out.push_str(&format!("  {level}  {}\n", check.said));
        check.mend.iter().for_each(|mend| out.push_str(&format!("        {mend}\n")));
    }
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let (warned, failed) = (count(Level::Warning), count(Level::Broken));
    let verdict = match (warned, failed) {
        (0, 0) => screen.paint("all is well", Color::Green),
        (warned, 0) => screen.paint(&format!("{warned} to look at"), Color::Yellow),
        (_, failed) => screen.paint(&format!("{failed} failed, {warned} to look at"), Color::Red),
    };
    out + &format!("{}: {verdict}\n", counted(checks.len() as u64, "look"))
}

fn as_json(check: &Check) -> Value {
    json!({
        "about": check.about.name(),
        "level": check.level.name(),
        "said": check.said,
        "mend": check.mend,
    })
}
