//! Each send of a backtest as a line of a CSV file, written as they come; and how far it is.

use super::csv::cost;
use crate::report::plan_csv::quoted;
use crate::report::rfc3339;
use chrono_tz::Tz;
use indicatif::ProgressBar;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use tidings_check::Program;
use tidings_daemon::Watch;
use tidings_daemon::backtest::Tally;
use tidings_plan::Page;
use tidings_schema::Now;
use tidings_schema::money::Price;
use tidings_store::private::emptied_file;

/// What looks on while a backtest goes.
pub struct Rows {
    file: Option<PathBuf>,
    out: Option<BufWriter<File>>,
    /// The names of rules, by what they are known as in sends.
    names: HashMap<String, String>,
    /// What a message costs, by channel.
    prices: BTreeMap<String, Price>,
    failed: io::Result<()>,
    zone: Tz,
    bar: ProgressBar,
}

impl Rows {
    /// Into a file that only its owner looks into, where one is wanted: what it held before is lost with the first step.
    pub fn new(
        file: Option<PathBuf>,
        program: &Program,
        prices: &BTreeMap<String, Price>,
        bar: ProgressBar,
    ) -> Rows {
        let names = program.rules.iter().map(|rule| (rule.identity().to_owned(), rule.name.clone()));
        let (names, prices) = (names.collect(), prices.clone());
        Rows { file, out: None, names, prices, failed: Ok(()), zone: program.vocabulary.zone, bar }
    }

    /// All of it is written.
    pub fn finish(mut self) -> io::Result<()> {
        self.bar.finish_and_clear();
        self.failed?;
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    fn begin(&mut self) -> io::Result<()> {
        if let (Some(file), None) = (&self.file, &self.out) {
            let mut out = BufWriter::new(emptied_file().open(file)?);
            writeln!(out, "at,rule,step,kind,subject,channel,customer,occasion,outcome,cost,currency")?;
            self.out = Some(out);
        }
        Ok(())
    }

    fn write(&mut self, page: &Page) -> io::Result<()> {
        self.begin()?;
        let Some(out) = &mut self.out else { return Ok(()) };
        let outcome = if page.hold.is_some() { "waits" } else { "sent" };
        for row in &page.intents {
            let at = rfc3339(Now { micros: row.at, zone: self.zone });
            let name = self.names.get(&row.rule).unwrap_or(&row.rule);
            let parts = [name, &row.step, &row.subject, &row.channel, &row.customer, &row.occasion];
            let [rule, step, subject, channel, customer, occasion] = parts.map(|part| quoted(part));
            let (kind, sent) = (row.kind.name(), u64::from(page.hold.is_none()));
            let cost = cost(&self.prices, row.kind, &row.channel, sent);
            writeln!(
                out,
                "{at},{rule},{step},{kind},{subject},{channel},{customer},{occasion},{outcome},{cost}"
            )?;
        }
        Ok(())
    }
}

impl Watch for Rows {
    fn step(&mut self, _: &Tally) {
        self.bar.inc(1);
        if self.failed.is_ok() {
            self.failed = self.begin();
        }
    }

    fn page(&mut self, page: &Page) {
        if self.failed.is_ok() {
            self.failed = self.write(page);
        }
    }

    fn wants_pages(&self) -> bool {
        self.file.is_some()
    }

    fn has_enough(&self) -> bool {
        self.failed.is_err()
    }
}
