//! `tidings ledger`

use crate::args::{Ledger, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::ledger::{self, Told};
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_store::State;

/// Prints everything that happened to a customer, the newest first.
pub async fn ledger(folder: &Path, args: &Ledger, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let told = match site.state_so_far().await? {
        Some(state) => of(&state, &args.customer).await?,
        None => Told::default(),
    };
    match args.format {
        TextOrJson::Json => screen.print_json(&ledger::json(&args.customer, &told, site.zone())),
        TextOrJson::Text => screen.print(&ledger::text(&args.customer, &told, site.zone(), screen)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn of(state: &State, customer: &str) -> Result<Told, Failure> {
    let mut told = Told {
        rows: state.ledger(customer).await?,
        holding: state.consents(customer).await?,
        words: state.consent_log(customer).await?,
        suppressed: Vec::new(),
    };
    told.rows.reverse();
    told.words.reverse();
    let all = state.suppressions().await?;
    let mut addresses: Vec<(String, String)> =
        told.rows.iter().filter_map(|r| Some((r.channel.clone(), r.address.clone()?))).collect();
    addresses.sort();
    addresses.dedup();
    for (channel, address) in addresses.into_iter().filter(|(_, address)| !address.is_empty()) {
        let hash = tidings_plan::history::address_hash(state.secret(), &channel, &address);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        told.suppressed.extend(all.iter().filter(|s| s.channel == channel && s.hash == hash).cloned());
    }
    Ok(told)
}
