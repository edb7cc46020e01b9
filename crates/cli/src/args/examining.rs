//! What `tidings doctor` can be asked.

use super::TextOrJson;
use clap::Args;

/// Look at everything that a run depends on.
#[derive(Debug, Args)]
#[command(after_help = EXAMINING)]
pub struct Doctor {
    /// Ask no mail server and no service
    #[arg(long)]
    pub offline: bool,
    /// As if every send were caught in the sandbox, with the sandbox's own state
    #[arg(long)]
    pub sandbox: bool,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

const EXAMINING: &str = "\
It reads the project, the customers and the state, logs in to mail servers without a mail, and asks HTTP services for the \
headers of `/` without any secret. Each look is ok, warn or fail, with what to do about it.

  tidings doctor                  # before the first run, and whenever something is odd
  tidings doctor --offline        # where the outside cannot be reached, such as a build machine

Exit codes: 0 nothing fails, 1 something does, 2 the command line has errors.";
