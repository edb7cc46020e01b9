//! `tidings send-test`

use crate::args::SendTest;
use crate::failure::Failure;
use crate::opened;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::trial::send_test as send;
use tidings_plan::Outcome;

/// Sends what a rule would send a customer to somebody else.
pub async fn send_test(folder: &Path, args: &SendTest, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.sandbox, screen)?;
    let (now, rule) = (opened::moment(&site, None)?, opened::rule(&site, &args.rule)?);
    let mut code = ExitCode::SUCCESS;
    for trial in send(&site, rule, &args.customer, &args.to, now).await? {
        let what = format!("{} by {}", trial.step, trial.channel);
        match trial.outcome {
            Outcome::Sent { .. } => screen.print(&format!("{what}: sent")),
            Outcome::Rejected(why) | Outcome::Again(why, _) | Outcome::Unknown(why) => {
                screen.print(&format!("{what}: not sent: {why}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    if site.sandbox {
        screen.print("Nothing left this machine: see `tidings sandbox list`");
    }
    Ok(code)
}
