//! `tidings feedback`

use crate::args::Feedback;
use crate::failure::Failure;
use crate::opened;
use crate::report::{count, counted};
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_channels::bounce::Mailbox;
use tidings_daemon::bounces::take_in;

/// Reads a mailbox, and suppresses the addresses whose mails bounced or were complained about.
pub async fn feedback(folder: &Path, args: &Feedback, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    if site.carriers.return_paths().next().is_none() {
        return Err(Failure::new(
            "no channel says where its mails come back to; write `bounces:` in tidings.yaml",
        ));
    }
    if !args.mailbox.exists() {
        return Err(Failure::new(format!("there is no mailbox {}", args.mailbox.display())));
    }
    let state = site.state().await?;
    let now = opened::moment(&site, None)?.micros;
    let taken = take_in(&site, &state, &Mailbox::at(args.mailbox.clone()), 0, now).await?;
    screen.print(&format!(
        "{} read, {} of them about mails that were sent from here",
        counted(taken.mails, "mail"),
        count(taken.told)
    ));
    Ok(ExitCode::SUCCESS)
}
