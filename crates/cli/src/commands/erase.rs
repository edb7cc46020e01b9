//! `tidings erase`

use crate::args::Erase;
use crate::failure::Failure;
use crate::opened;
use crate::report::counted;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::site::cache;
use tidings_store::{CustomerStore, Resident};

/// Forgets a customer, as far as Tidings keeps anything of them.
pub async fn erase(folder: &Path, args: &Erase, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    Resident::forget(&cache(folder), true)?;
    CustomerStore::forget_files(folder).await?;
    let blanked = site.state().await?.erase(&args.customer).await?;
    screen.print(&format!(
        "{} blanked; who said no stays so. The customer store is not Tidings' own: erase them there too, and run \
         this once more if commands ran in between, since they keep what they read",
        counted(blanked, "send")
    ));
    Ok(ExitCode::SUCCESS)
}
