//! `tidings next`

use crate::args::{Next, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::{moment, rfc3339};
use crate::screen::Screen;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use tidings_check::program::{Rule, Schedule};
use tidings_plan::schedule::{Occurrence, occurrences};
use tidings_schema::{Now, calendar};

/// Prints what runs when, over all rules.
pub fn next(folder: &Path, args: &Next, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, false, screen)?;
    let now = opened::moment(&site, args.at.as_deref())?;
    let mut coming: Vec<(Occurrence, &Rule)> = Vec::new();
    for rule in &site.program.rules {
        let end = rule.expires.map(|day| calendar::start_of_day(calendar::day_number(day), now.zone) - 1);
        let until = end.unwrap_or(i64::MAX);
        let first = occurrences(&rule.schedule, now.zone, now.micros, until).take(args.count);
        coming.extend(first.map(|o| (o, rule)));
    }
    // Rules of the same moment are decided together.
    coming.sort_by_key(|(o, _)| o.at);
    coming.truncate(args.count);
    let on: Vec<(&str, &str)> = site.program.rules.iter().filter_map(on_event).collect();
    match args.format {
        TextOrJson::Json => {
            let run = |(o, rule): &(Occurrence, &Rule)| json!({"at": rfc3339(at(o, now)), "rule": rule.name, "occurrence": o.name});
            let on = on.iter().map(|(rule, event)| json!({"rule": rule, "event": event}));
            screen.print_json(
                &json!({"runs": coming.iter().map(run).collect::<Value>(), "on": on.collect::<Value>()}),
            );
        }
        TextOrJson::Text => {
            let mut table = screen.table();
            table.set_header(["at", "rule"]);
            for (o, rule) in &coming {
                table.add_row([&moment(at(o, now)), &rule.name]);
            }
            screen.print(&if coming.is_empty() {
                "Nothing runs at a time.".to_owned()
            } else {
                table.to_string()
            });
            on.iter().for_each(|(rule, event)| screen.print(&format!("{rule} runs on {event}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn at(occurrence: &Occurrence, now: Now) -> Now {
    Now { micros: occurrence.at, zone: now.zone }
}

fn on_event(rule: &Rule) -> Option<(&str, &str)> {
    match &rule.schedule {
        Schedule::On(event) => Some((&rule.name, event)),
        _ => None,
    }
}
