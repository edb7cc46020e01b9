//! `tidings pause`, `tidings resume` and `tidings adopt`

use crate::args::{OfState, Pause, Resume, Scoped};
use crate::failure::Failure;
use crate::opened;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::Site;
use tidings_store::Scope;

/// Lets nothing of a scope leave.
pub async fn pause(folder: &Path, args: &Pause, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let scope = scope(&site, &args.scope)?;
    site.state().await?.pause(&scope, &args.why).await?;
    screen.print(&format!("{} paused; nothing is lost, and `tidings resume` lets it go on", words(&scope)));
    Ok(ExitCode::SUCCESS)
}

/// Lets a scope's things leave again.
pub async fn resume(folder: &Path, args: &Resume, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let scope = scope(&site, &args.scope)?;
    let state = site.state().await?;
    let was = state.resume(&scope).await?;
    screen.print(&format!("{} {}", words(&scope), if was { "resumed" } else { "not paused" }));
    for pause in state.pauses().await? {
        screen.print(&format!("still paused: {} ({})", words(&pause.scope), pause.why));
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends from a copied state.
pub async fn adopt(folder: &Path, args: &OfState, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.sandbox, screen)?;
    site.state().await?.adopt().await?;
    screen.print("this state sends from here now; the one that it was copied from must send no more");
    Ok(ExitCode::SUCCESS)
}

/// Rules go by the names that their rows have.
fn scope(site: &Site, scoped: &Scoped) -> Result<Scope, Failure> {
    Ok(match (&scoped.rule, &scoped.channel) {
        (Some(name), _) => {
            let rule = site.program.rules.get(opened::rule(site, name)?);
            Scope::Rule(rule.map_or(name.as_str(), |r| r.identity()).to_owned())
        }
        (None, Some(channel)) => Scope::Channel(channel.clone()),
        (None, None) => Scope::All,
    })
}

fn words(scope: &Scope) -> String {
    match scope {
        Scope::All => "everything is".to_owned(),
        Scope::Rule(rule) => format!("the rule {rule} is"),
        Scope::Channel(channel) => format!("the channel {channel} is"),
    }
}
