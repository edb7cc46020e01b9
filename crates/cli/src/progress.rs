//! Progress on the standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar up to `total`, or a spinner where that is not known. Invisible where nobody looks.
pub fn bar(total: Option<u64>, doing: &'static str) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos} {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(doing);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
