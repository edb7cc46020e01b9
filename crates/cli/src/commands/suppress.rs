//! `tidings suppress`

use crate::args::{Suppress, SuppressCommand};
use crate::failure::Failure;
use crate::opened;
use crate::report::count;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_plan::Addresses;

/// Adds to, takes from and lists the suppression list.
pub async fn suppress(folder: &Path, args: &Suppress, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let state = site.state().await?;
    let spelt = |channel: &str, address: &str| {
        let no_address = || Failure::new(format!("`{address}` is no address for {channel}"));
        site.carriers.addresses().normalise(channel, address).ok_or_else(no_address)
    };
    match &args.command {
        SuppressCommand::Add { channel, address, reason } => {
            let new = state.suppress(channel, &spelt(channel, address)?, reason, "by hand").await?;
            let since = if new { "from now on" } else { "already" };
            screen.print(&format!("nothing is sent to this address by {channel}, {since}"));
        }
        SuppressCommand::Remove { channel, address } => {
            let was = state.unsuppress(channel, &spelt(channel, address)?).await?;
            screen.print(if was { "the address is off the list" } else { "the address was not on the list" });
        }
        SuppressCommand::List => {
            let all = state.suppressions().await?;
            for s in &all {
                screen.print(&format!(
                    "{}  {}…  {}, {}",
                    s.channel,
                    s.hash.chars().take(12).collect::<String>(),
                    s.reason,
                    s.source
                ));
            }
            screen.print(&format!(
                "{} on the list; addresses are kept as keyed hashes only",
                count(all.len() as u64)
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
