//! The store of the customers, and whether its data is as expected.

use super::{Part, Sheet};
use crate::site::Site;
use std::time::{Duration, Instant};
use tidings_channels::Clock;
use tidings_engine::Chunks;
use tidings_plan::{Evidence, evidence_of};
use tidings_schema::Now;
use tidings_schema::show::counted;
use tidings_store::{CustomerStore, EngineRows, LoadStats, LookedFor, State};

const STORE: &str = "look at `store` in tidings.yaml, and whether the database runs";
const SCHEMA: &str =
    "name in schema.yaml what the store has, or let `tidings init` write it anew in another folder";

/// What there was to remark on while loading; none where nothing was loaded.
pub(super) async fn look(
    site: &Site,
    state: Option<&State>,
    clock: &Clock,
    sheet: &mut Sheet,
) -> Option<LoadStats> {
    let start = Instant::now();
    let customers = match site.customers().await {
        Ok(customers) => customers,
        Err(error) => {
            sheet.broken(Part::Customers, error.to_string(), STORE);
            return None;
        }
    };
    settings(site, &customers, start, clock, sheet).await;
    let (vocabulary, needs) = (&site.program.vocabulary, site.evaluator().needs());
    let start = Instant::now();
    let read = site.decider(&customers, state).read(needs, None, &EngineRows::default()).await;
    let everybody = match read {
        Ok((everybody, _)) => everybody,
        Err(error) => {
            sheet.broken(Part::Customers, error.to_string(), SCHEMA);
            return None;
        }
    };
    // What does not fit into memory is made by asking for it.
    if let Err(error) = (0..everybody.count()).try_for_each(|i| everybody.chunk(i).map(drop)) {
        sheet.broken(Part::Customers, error.to_string(), STORE);
        return None;
    }
    let stats = everybody.stats();
    let rows: usize = stats.collections.iter().map(|c| c.rows).sum();
    let (customers, rows) = (counted(stats.customers as u64, "customer"), counted(rows as u64, "row"));
    let took = milliseconds(start.elapsed());
    sheet.fine(Part::Customers, format!("{customers} and {rows} of theirs were read in {took}"));
    if stats.customers == 0 {
        nobody(state, sheet).await;
    }
    let now = Now { micros: clock(), zone: site.zone() };
    match evidence_of(vocabulary, needs, &everybody, now) {
        Ok(evidence) => evidence.iter().for_each(|evidence| expected(evidence, sheet)),
        Err(error) => sheet.broken(Part::Customers, error.to_string(), STORE),
    }
    Some(stats)
}

fn expected(evidence: &Evidence, sheet: &mut Sheet) {
    if evidence.met {
        let said = format!("{}: {} (`{}`)", evidence.of, evidence.found, evidence.expected);
        sheet.fine(Part::Expectations, said);
    } else {
        let mend = "bring the data up to date, or mend `expect` in schema.yaml; no run starts before";
        sheet.broken(Part::Expectations, evidence.to_string(), mend);
    }
}

async fn settings(site: &Site, customers: &CustomerStore, start: Instant, clock: &Clock, sheet: &mut Sheet) {
    let facts = match customers.facts(&site.program.vocabulary).await {
        Ok(facts) => facts,
        Err(error) => return sheet.broken(Part::Customers, error.to_string(), STORE),
    };
    let took = milliseconds(start.elapsed());
    let zone = if facts.zone.is_empty() { String::new() } else { format!(", time zone {}", facts.zone) };
    sheet.fine(Part::Customers, format!("{}, {}{zone}, answered in {took}", facts.server, facts.encoding));
    sheet.clock(Part::Customers, "the clock of the customers' database", facts.now - clock());
    for (table, column, what) in &facts.unindexed {
        let (says, wanted) = match what {
            LookedFor::Customers => ("says whose rows these are", "one customer"),
            LookedFor::Changes => ("says what changed", "what is new"),
        };
        let said = format!("{table}.{column} {says}, and no index begins with it");
        let mend = format!("add one: without it the whole table is searched for {wanted}");
        sheet.warn(Part::Customers, said, &mend);
    }
    if !facts.whole.is_empty() {
        let tables = facts.whole.join(", ");
        let said = format!("read whole each time: {tables} (`append_only` or `updated_at` keep that short)");
        sheet.fine(Part::Customers, said);
    }
}

/// Fine where nobody was reached before: a shop may begin empty.
async fn nobody(state: Option<&State>, sheet: &mut Sheet) {
    let reached = match state {
        Some(state) => state.has_reached_anybody().await.unwrap_or(false),
        None => false,
    };
    if reached {
        let mend = "fill the table again: no run starts before, since all would be taken for new";
        sheet.broken(Part::Expectations, "there is no customer, though rules have reached some before", mend);
    } else {
        sheet.warn(Part::Customers, "there is no customer yet", "look whether `store` is the right one");
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
