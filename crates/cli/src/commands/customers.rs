//! `tidings customers`

use crate::args::{Customers, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::{count, counted, moment, percent, remarks, rfc3339};
use crate::screen::{Screen, aside};
use comfy_table::{Cell, CellAlignment};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use tidings_engine::{Bitmap, Matches};

/// Some customers: a stage of a partition, or a segment.
struct Part {
    partition: Option<String>,
    name: String,
    label: Option<String>,
    customers: u64,
}

/// Prints how many customers are in each stage and segment.
pub async fn customers(folder: &Path, args: &Customers, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, false, screen)?;
    let now = opened::moment(&site, args.at.as_deref())?;
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let decision = site.decider(&customers, state.as_ref()).decide(now, Some(Vec::new())).await?;
    remarks::all(&site.program, &decision).iter().for_each(|r| aside(&format!("note: {r}")));

    let total = |of: &dyn Fn(&Matches) -> Option<usize>| {
        decision.matches.iter().filter_map(of).map(|n| n as u64).sum()
    };
    let mut parts = Vec::new();
    for (s, stages) in site.program.stages.iter().enumerate() {
        for (a, word) in stages.list.words.iter().enumerate() {
            let customers = total(&|m| m.stages.get(s)?.get(a).map(Bitmap::count));
            parts.push(Part {
                partition: Some(stages.list.name.clone()),
                name: word.name.clone(),
                label: word.label.clone(),
                customers,
            });
        }
    }
    for (i, segment) in site.program.segments.iter().enumerate() {
        let customers = total(&|m| m.segments.get(i).map(Bitmap::count));
        parts.push(Part {
            partition: None,
            name: segment.name.clone(),
            label: segment.label.clone(),
            customers,
        });
    }
    let all = decision.plan.customers;
    match args.format {
        TextOrJson::Json => {
            let part = |p: &Part| json!({"stages": p.partition, "name": p.name, "label": p.label, "customers": p.customers});
            let parts: Vec<Value> = parts.iter().map(part).collect();
            screen.print_json(&json!({"at": rfc3339(now), "customers": all, "parts": parts}));
        }
        TextOrJson::Text => {
            screen.print(&format!("{} at {}", counted(all, "customer"), moment(now)));
            screen.print(&if parts.is_empty() {
                "The rules declare no stages and no segments.".to_owned()
            } else {
                table(&parts, all, screen)
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(parts: &[Part], all: u64, screen: &Screen) -> String {
    let mut table = screen.table();
    table.set_header(["of", "name", "customers", "share", ""]);
    for part in parts {
        let bar = if all == 0 { 0 } else { (part.customers * 40).div_ceil(all) };
        let name = part.label.as_ref().map_or_else(|| part.name.clone(), |l| format!("{} {l}", part.name));
        table.add_row([
            Cell::new(part.partition.as_deref().unwrap_or("segment")),
            Cell::new(name),
            Cell::new(count(part.customers)).set_alignment(CellAlignment::Right),
            Cell::new(percent(part.customers, all)).set_alignment(CellAlignment::Right),
            Cell::new("█".repeat(bar as usize)),
        ]);
    }
    table.to_string()
}
