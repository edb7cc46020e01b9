//! What is printed on: whether it is a terminal, how wide, and whether it has colours.

use crate::args::Colour;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Color, ContentArrangement, Table};
use std::io::{IsTerminal, Write};

/// The standard output.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether a person is likely to look at it now.
    pub terminal: bool,
}

impl Screen {
    /// Looks at the standard output; `NO_COLOR` counts.
    pub fn new(colour: Colour) -> Screen {
        let terminal = std::io::stdout().is_terminal();
        let wanted = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                terminal && !dumb && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
            }
        };
        Screen { colour: wanted, terminal }
    }

    /// Prints a text and a line's end. A reader that has gone away, as `head` does, is no error.
    pub fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let written =
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        if let Err(e) = written
            && e.kind() != std::io::ErrorKind::BrokenPipe
        {
            aside(&format!("{} what was to be printed could not be written: {e}", self.error_mark()));
            std::process::exit(1);
        }
    }

    /// Prints JSON, indented.
    pub fn print_json(&self, value: &serde_json::Value) {
        self.print(&format!("{value:#}"));
    }

    /// What stands before an error.
    pub fn error_mark(&self) -> String {
        let coloured = self.colour && std::io::stderr().is_terminal();
        Screen { colour: coloured, ..*self }.paint("error:", Color::Red)
    }

    /// A text in a colour, where colours are wanted.
    pub fn paint(&self, text: &str, colour: Color) -> String {
        let code = match colour {
            Color::Green => 32,
            Color::Yellow => 33,
            Color::Red => 31,
            _ => 1,
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// How many signs wide it is; 160 where it is no terminal.
    pub fn width(&self) -> usize {
        self.table().width().map_or(80, usize::from)
    }

    /// A table as wide as the terminal; wide enough for its content where there is none.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        let width = if self.terminal { table.width() } else { Some(160) };
        width.map(|width| table.set_width(width));
        // Left to itself it looks for a terminal, and prints bold on it whether or not that is wanted.
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }
}

/// Prints a text and a line's end beside the answer, on the standard error. Where that is full or nobody reads it, what is
/// being done is more than what is said of it.
pub fn aside(text: &str) {
    let mut out = std::io::stderr().lock();
    out.write_all(text.strip_suffix('\n').unwrap_or(text).as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .ok();
}
