//! `tidings serve`

use crate::args::Serve;
use crate::failure::Failure;
use crate::opened::unsound;
use crate::screen::Screen;
use crate::signals::stop_on_signals;
use std::path::Path;
use std::process::ExitCode;
use tidings_channels::Secret;
use tidings_daemon::{Serve as Daemon, ServeError, serve as run, site};

/// Runs until a signal ends it.
pub async fn serve(folder: &Path, args: &Serve, screen: &Screen) -> Result<ExitCode, Failure> {
    let token = match &args.token {
        Some(place) => {
            let wrong = || Failure::new("--token names where the token is: env:NAME or file:PATH");
            let secret = Secret::parse(place).ok_or_else(wrong)?;
            Some(secret.resolve(folder).map_err(Failure::new)?)
        }
        None => None,
    };
    let daemon = Daemon {
        folder: folder.to_owned(),
        sandbox: args.sandbox,
        listen: args.listen,
        token,
        clock: site::wall_clock(),
        stop: stop_on_signals(|| {}),
    };
    match run(daemon).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(ServeError::Unsound(why)) => Err(unsound(why, screen)),
        Err(other) => Err(Failure::new(other.to_string())),
    }
}
