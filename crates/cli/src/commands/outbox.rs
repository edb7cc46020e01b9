//! `tidings outbox`

use crate::args::{Filter, Outbox, OutboxCommand, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::{count, ledger};
use crate::screen::Screen;
use comfy_table::{Cell, CellAlignment};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use tidings_plan::Status;
use tidings_store::{Count, RowFilter, State};

/// How many rows are shown where nobody says.
const ROWS: u32 = 50;

/// Prints how many sends of each rule are in which state, or some of them; or gives some another try.
pub async fn outbox(folder: &Path, args: &Outbox, screen: &Screen) -> Result<ExitCode, Failure> {
    if let Some(OutboxCommand::Retry { keys, of }) = &args.command {
        let site = opened::open(folder, of.sandbox, screen)?;
        return retry(&site.state().await?, keys, screen).await;
    }
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let state = site.state_so_far().await?;
    let Filter { state: status, rule, channel, customer, limit } = &args.filter;
    let asked = [status, rule, channel, customer].into_iter().any(Option::is_some) || limit.is_some();
    if !asked {
        let counts = match state {
            Some(state) => state.outbox_counts(None).await?,
            None => Vec::new(),
        };
        show_counts(&counts, args.format, screen);
        return Ok(ExitCode::SUCCESS);
    }
    let filter = RowFilter {
        status: status.as_deref().map(named).transpose()?,
        rule: rule.clone(),
        channel: channel.clone(),
        customer: customer.clone(),
    };
    let rows = match state {
        Some(state) => state.outbox_rows(&filter, limit.unwrap_or(ROWS)).await?,
        None => Vec::new(),
    };
    match args.format {
        TextOrJson::Json => {
            screen.print_json(&rows.iter().map(|r| ledger::row_json(r, site.zone())).collect())
        }
        TextOrJson::Text => screen.print(&ledger::rows_text(&rows, site.zone(), screen)),
    }
    Ok(ExitCode::SUCCESS)
}

fn named(name: &str) -> Result<Status, Failure> {
    let all = || Status::ALL.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
    Status::from_name(name)
        .ok_or_else(|| Failure::new(format!("there is no state `{name}`; there are {}", all())))
}

fn show_counts(counts: &[Count], format: TextOrJson, screen: &Screen) {
    match format {
        TextOrJson::Json => {
            let rows = counts.iter().map(|c| {
                json!({"rule": c.rule, "kind": c.outlet.kind.name(), "channel": c.outlet.channel, "state": c.status.name(), "rows": c.rows})
            });
            screen.print_json(&rows.collect::<Value>());
        }
        TextOrJson::Text => {
            let mut table = screen.table();
            table.set_header(["rule", "what", "through", "state", "sends"]);
            for c in counts {
                table.add_row([
                    Cell::new(&c.rule),
                    Cell::new(c.outlet.kind.name()),
                    Cell::new(&c.outlet.channel),
                    Cell::new(c.status.name()),
                    Cell::new(count(c.rows)).set_alignment(CellAlignment::Right),
                ]);
            }
            screen.print(&if counts.is_empty() {
                "The outbox is empty.".to_owned()
            } else {
                table.to_string()
            });
        }
    }
}

/// Keys may be written as far as they are told apart.
async fn retry(state: &State, keys: &[String], screen: &Screen) -> Result<ExitCode, Failure> {
    let filter = RowFilter { status: Some(Status::Quarantined), ..RowFilter::default() };
    let quarantined = state.outbox_rows(&filter, u32::MAX).await?;
    let mut found = Vec::new();
    for key in keys {
        let mut fitting = quarantined.iter().map(|row| row.key).filter(|k| k.to_string().starts_with(key));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => found.push(one),
            (None, _) => {
                return Err(Failure::new(format!("nothing quarantined has a key that begins with `{key}`")));
            }
            _ => {
                return Err(Failure::new(format!("more than one key begins with `{key}`; write more of it")));
            }
        }
    }
    let moves = state.retry(&found).await?;
    let again = moves.to.get(&Status::Pending).copied().unwrap_or(0);
    screen.print(&format!("{} of {} wait for another try; what may have left stays", again, found.len()));
    Ok(if moves.stale == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
