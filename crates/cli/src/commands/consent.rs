//! `tidings consent`

use crate::args::{Consent, Word};
use crate::failure::Failure;
use crate::opened;
use crate::report::moment;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::Site;

/// Takes down what a customer said.
pub async fn consent(folder: &Path, args: &Consent, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let Consent { customer, channel, .. } = args;
    if site.program.vocabulary.contact(channel).is_none() {
        let all: Vec<&str> = site.program.vocabulary.contacts.iter().map(|c| c.channel.as_str()).collect();
        return Err(Failure::new(format!("there is no channel `{channel}`; there are {}", all.join(", "))));
    }
    match args.word {
        Word::Withdraw if args.at.is_some() => {
            return Err(Failure::new("a withdrawal holds from now on, so it takes no --at"));
        }
        Word::Withdraw => {
            let source = args.source.as_deref().unwrap_or("by hand");
            site.state().await?.withdraw_consent(customer, channel, source).await?;
            let whatever = "whatever the customer store says";
            screen.print(&format!("{customer} gets nothing more by {channel}, {whatever}"));
        }
        Word::Give => give(&site, args, screen).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn give(site: &Site, args: &Consent, screen: &Screen) -> Result<(), Failure> {
    let Consent { customer, channel, .. } = args;
    let Some(proof) = args.source.as_deref().filter(|source| !source.trim().is_empty()) else {
        let example = "--source \"sign-up form 2026-11-22, number 4711\"";
        return Err(Failure::new(format!(
            "a consent needs a proof: say where it can be looked up, as {example}"
        )));
    };
    let (at, now) = (opened::moment(site, args.at.as_deref())?, opened::moment(site, None)?);
    if at.micros > now.micros {
        return Err(Failure::new(format!("{} is still to come: --at is when they gave it", moment(at))));
    }
    if !site.state().await?.renew_consent(customer, channel, proof, at.micros).await? {
        return Err(Failure::new(format!(
            "what {customer} said about {channel} after {} stands; `tidings ledger {customer}` shows it",
            moment(at)
        )));
    }
    screen.print(&format!(
        "{customer} says yes to {channel} again; an address on the suppression list stays on it, and the customer store \
         has to say yes too"
    ));
    Ok(())
}
