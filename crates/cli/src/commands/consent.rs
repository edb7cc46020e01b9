//! `tidings consent`

use crate::args::{Consent, Word};
use crate::failure::Failure;
use crate::opened;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;

/// Takes down what a customer said.
pub async fn consent(folder: &Path, args: &Consent, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let Consent { customer, channel, word: Word::Withdraw, source, .. } = args;
    if site.program.vocabulary.contact(channel).is_none() {
        let all: Vec<&str> = site.program.vocabulary.contacts.iter().map(|c| c.channel.as_str()).collect();
        return Err(Failure::new(format!("there is no channel `{channel}`; there are {}", all.join(", "))));
    }
    site.state().await?.withdraw_consent(customer, channel, source).await?;
    screen.print(&format!("{customer} gets nothing more by {channel}, whatever the customer store says"));
    Ok(ExitCode::SUCCESS)
}
