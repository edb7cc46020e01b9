//! Each send of a backtest as a line of a CSV file, written as they come; and how far it is.

use crate::report::plan_csv::quoted;
use crate::report::rfc3339;
use chrono_tz::Tz;
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tidings_daemon::Watch;
use tidings_daemon::backtest::Tally;
use tidings_plan::Page;
use tidings_schema::Now;

/// What looks on while a backtest goes.
pub struct Rows {
    out: Option<BufWriter<File>>,
    failed: io::Result<()>,
    zone: Tz,
    bar: ProgressBar,
}

impl Rows {
    /// Into a file, where one is wanted.
    pub fn new(file: Option<&Path>, zone: Tz, bar: ProgressBar) -> io::Result<Rows> {
        let mut out = file.map(File::create).transpose()?.map(BufWriter::new);
        if let Some(out) = &mut out {
            writeln!(out, "at,rule,step,kind,subject,channel,customer,occasion,outcome")?;
        }
        Ok(Rows { out, failed: Ok(()), zone, bar })
    }

    /// All of it is written.
    pub fn finish(mut self) -> io::Result<()> {
        self.bar.finish_and_clear();
        self.failed?;
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }

    fn write(&mut self, page: &Page) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let outcome = if page.hold.is_some() { "waits" } else { "sent" };
        for row in &page.intents {
            let at = rfc3339(Now { micros: row.at, zone: self.zone });
            let parts = [&row.rule, &row.step, &row.subject, &row.channel, &row.customer, &row.occasion];
            let [rule, step, subject, channel, customer, occasion] = parts.map(|part| quoted(part));
            let kind = row.kind.name();
            writeln!(out, "{at},{rule},{step},{kind},{subject},{channel},{customer},{occasion},{outcome}")?;
        }
        Ok(())
    }
}

impl Watch for Rows {
    fn step(&mut self, _: &Tally) {
        self.bar.inc(1);
    }

    fn page(&mut self, page: &Page) {
        if self.failed.is_ok() {
            self.failed = self.write(page);
        }
    }

    fn wants_pages(&self) -> bool {
        self.out.is_some()
    }
}
