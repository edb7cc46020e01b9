//! `tidings sandbox`

use crate::args::{Sandbox, SandboxCommand, TextOrJson};
use crate::failure::Failure;
use crate::report::{count, moment};
use crate::screen::Screen;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use tidings_channels::sandbox::{Caught, list, show};
use tidings_daemon::site::caught;
use tidings_project::Project;
use tidings_schema::Now;

/// Lists or shows what was caught.
pub fn sandbox(folder: &Path, args: &Sandbox, screen: &Screen) -> Result<ExitCode, Failure> {
    let (zone, folder) = (Project::load(folder).0.config.zone, caught(folder));
    let mut all = list(&folder)?;
    all.reverse();
    if let SandboxCommand::List { channel: Some(channel), .. } = &args.command {
        all.retain(|c| c.channel == *channel);
    }
    match &args.command {
        SandboxCommand::List { count: most, format: TextOrJson::Json, .. } => {
            let one = |c: &Caught| json!({"file": c.file, "key": c.key, "channel": c.channel, "to": c.to, "subject": c.subject, "at": c.at});
            screen.print_json(&all.iter().take(*most).map(one).collect());
        }
        SandboxCommand::List { count: most, format: TextOrJson::Text, .. } => {
            let mut table = screen.table();
            table.set_header(["", "channel", "to", "subject", "at"]);
            for (i, c) in all.iter().take(*most).enumerate() {
                let subject = c.subject.lines().next().unwrap_or_default();
                let at = Now::parse(&c.at, zone).map_or_else(|| c.at.clone(), moment);
                table.add_row([&(i + 1).to_string(), &c.channel, &c.to, subject, &at]);
            }
            screen.print(&table.to_string());
            let (shown, all) = (all.len().min(*most), all.len());
            screen.print(&format!(
                "{} of {} in {}",
                count(shown as u64),
                count(all as u64),
                folder.display()
            ));
        }
        SandboxCommand::Show { which } => {
            let nth = which.parse::<usize>().ok().and_then(|n| all.get(n.checked_sub(1)?));
            let name = nth.map_or(which.as_str(), |c| c.file.as_str());
            screen.print(&show(&folder, name).map_err(Failure::new)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
