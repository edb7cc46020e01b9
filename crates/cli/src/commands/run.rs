//! `tidings run`

use crate::args::{Run, TextOrJson};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::progress;
use crate::report::{outcome, plan_table, remarks};
use crate::screen::{Screen, aside};
use crate::signals::stop_on_signals;
use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tidings_daemon::site::caught;
use tidings_daemon::{RunOf, renames, run as carry_out};
use tidings_plan::{Page, pages};

const MEND: &str = "nothing was sent or used up: bring the data up to date and run again, or mend `expect` in \
    schema.yaml; `tidings doctor` shows all that is expected, and --despite-expectations goes ahead";

/// Makes the plan and carries it out, earlier runs' leftovers included; exits with 3 where a rule is over its
/// limit, with 1 where something could not be sent.
pub async fn run(folder: &Path, args: &Run, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.asked.sandbox, screen)?;
    let (now, only) =
        (opened::moment(&site, args.asked.at.as_deref())?, opened::only(&site, &args.asked.rules)?);
    if site.sandbox {
        let folder = caught(folder);
        let unusable = |e| Failure::new(format!("the sandbox cannot use {}: {e}", folder.display()));
        tidings_store::private::make_folder(&folder).map_err(unusable)?;
    } else if now.micros > chrono::Utc::now().timestamp_micros() + 60_000_000 {
        return Err(Failure::new(
            "--at lies in the future: `plan` shows what would be sent then, and `run --sandbox` catches it",
        ));
    }
    let (customers, state) = (site.customers().await?, site.state().await?);
    opened::known_again(&site, &state).await?;
    let mut supplies = site.supplies();
    supplies.expiring = args.asked.at.is_none();
    let loading = progress::rows(customers.rows_read(), "reading customers");
    let cache = Cache::of(&site, !args.asked.no_cache);
    let decider = Cache::used(cache.as_ref(), site.decider(&customers, Some(&state)));
    let decision = decider.decide(now, only).await?;
    loading.finish_and_clear();
    Cache::keep(cache.as_ref(), &decision);
    let remarks = remarks::not_run(&site.program).into_iter().chain(remarks::all(&site.program, &decision));
    remarks.for_each(|r| aside(&format!("note: {r}")));
    let sound = decision.sound(args.despite_expectations);
    sound.map_err(|unmet| Failure::new(format!("{unmet}\n{MEND}")))?;
    renames::note(&site, &state).await?;
    decision.recheck(&state).await?;

    let mut dispatcher = site.dispatcher(&state).await?;
    dispatcher.lease = Duration::from_secs(args.lease);
    dispatcher.stop = stop_on_signals(|| {
        aside("stopping: what is on its way is seen through; once more ends at once");
    });
    let planned: u64 = decision.plan.rules.iter().map(|r| r.tally().planned).sum();
    let (enqueuing, sending) = (progress::bar(Some(planned), "planning"), progress::bar(None, "sending"));
    let (question, bar, reached) = (decision.question(), sending.clone(), Cell::new(0));
    let written = |page: &Page| {
        reached.set(reached.get() + page.occasions.len() as u64);
        enqueuing.set_position(reached.get());
    };
    // Pages are made while they are written, so that the rows are never all in memory.
    let pages = pages(&decision.plan, &question, &supplies).inspect(written);
    let of = RunOf { at: now.micros, cause: "by hand", program: &site.fingerprint() };
    let summary =
        carry_out(&dispatcher, of, pages, |_| {}, move |moves| bar.set_position(moves.to.values().sum()))
            .await?;
    enqueuing.finish_and_clear();
    sending.finish_and_clear();

    let caught = site.sandbox.then(|| caught(folder));
    let person = outcome::ForAPerson::after(&summary, &state).await?;
    match args.format {
        TextOrJson::Json => {
            screen.print_json(&outcome::json(&decision.plan, &summary, &person, caught.as_deref()))
        }
        TextOrJson::Text => {
            screen.print(&outcome::text(&decision.plan, &summary, &person, caught.as_deref(), screen))
        }
    }
    Ok(if plan_table::over_limit(&decision.plan) {
        ExitCode::from(3)
    } else if outcome::failed(&summary) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
