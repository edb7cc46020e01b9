//! Progress on the standard error, where that is a terminal.

use crate::report::count;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A bar up to `total`, or a spinner where that is not known. Invisible where nobody looks.
pub fn bar(total: Option<u64>, doing: &'static str) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg} {wide_bar} {human_pos}/{human_len} {pace} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos} {elapsed}"),
    };
    let pace = |state: &ProgressState, out: &mut dyn Write| {
        write!(out, "{} a second", count(state.per_sec() as u64)).ok();
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("pace", pace));
    }
    bar.set_message(doing);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A spinner beside the rows that were read so far, and how many a second. Invisible where nobody looks.
pub fn rows(read: Arc<AtomicU64>, doing: &'static str) -> ProgressBar {
    let bar = bar(None, doing);
    let said = move |state: &ProgressState, out: &mut dyn Write| {
        let rows = read.load(Ordering::Relaxed);
        let rate = rows as f64 / state.elapsed().as_secs_f64().max(0.1);
        write!(out, "{} rows, {} a second", count(rows), count(rate as u64)).ok();
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {rows} {elapsed}") {
        bar.set_style(style.with_key("rows", said));
    }
    bar
}
