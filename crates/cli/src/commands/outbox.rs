//! `tidings outbox`

use crate::args::{Outbox, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::count;
use crate::screen::Screen;
use comfy_table::{Cell, CellAlignment};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// Prints how many sends of each rule are in which state.
pub async fn outbox(folder: &Path, args: &Outbox, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let counts = match site.state_so_far().await? {
        Some(state) => state.outbox_counts(None).await?,
        None => Vec::new(),
    };
    match args.format {
        TextOrJson::Json => {
            let rows = counts.iter().map(|c| {
                json!({"rule": c.rule, "kind": c.outlet.kind.name(), "channel": c.outlet.channel, "state": c.status.name(), "rows": c.rows})
            });
            screen.print_json(&rows.collect::<Value>());
        }
        TextOrJson::Text => {
            let mut table = screen.table();
            table.set_header(["rule", "what", "through", "state", "sends"]);
            for c in &counts {
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
    Ok(ExitCode::SUCCESS)
}
