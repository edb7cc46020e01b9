//! The page that a file is written on, line by line, with its comments put back where they belong.

use crate::tree::Comment;
use unicode_width::UnicodeWidthStr;

/// How wide a line may be before it is broken, in columns.
pub(super) const WIDTH: usize = 100;

/// How many columns a text takes; Chinese signs take two.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

pub(super) struct Page<'f> {
    lines: Vec<String>,
    line: String,
    /// How far in the next line begins, in steps of two.
    pub indent: usize,
    comments: &'f [Comment],
    /// How many comments stand on the page already.
    written: usize,
}

impl<'f> Page<'f> {
    pub fn new(comments: &'f [Comment]) -> Page<'f> {
        Page { lines: Vec::new(), line: String::new(), indent: 0, comments, written: 0 }
    }

    /// The whole text, with every comment that is left at its end.
    pub fn finish(mut self) -> String {
        if self.next_comment(u32::MAX).is_some() {
            self.blank_line();
        }
        self.before(u32::MAX);
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        self.lines.iter().map(|l| format!("{l}\n")).collect()
    }

    /// Adds a word to the line, with a blank before it.
    pub fn word(&mut self, word: &str) {
        if !self.line.is_empty() && !self.line.ends_with('(') {
            self.line.push(' ');
        }
        self.push(word);
    }

    /// Adds text to the line as it is.
    pub fn push(&mut self, text: &str) {
        if self.line.is_empty() {
            self.line = "  ".repeat(self.indent);
        }
        self.line.push_str(text);
    }

    /// Adds a word and fills it up with blanks.
    pub fn padded(&mut self, word: &str, columns: usize) {
        self.word(word);
        self.line.push_str(&" ".repeat(columns.saturating_sub(width(word))));
    }

    /// How many columns are left on the line.
    pub fn room(&self) -> usize {
        let used = if self.line.is_empty() { self.indent * 2 } else { width(&self.line) + 1 };
        WIDTH.saturating_sub(used)
    }

    /// Ends the line; a comment that stood behind it in the file, before `next`, stands behind it here.
    pub fn end_line(&mut self, next: u32) {
        if let Some(comment) = self.next_comment(next).filter(|c| !c.own_line) {
            self.line.push_str("  #");
            self.line.push_str(&comment.text);
            self.written += 1;
        }
        self.break_line();
    }

    /// Ends the line as it is.
    fn break_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.lines.push(line.trim_end().to_owned());
    }

    /// An empty line, unless there is one.
    pub fn blank_line(&mut self) {
        if self.lines.last().is_some_and(|l| !l.is_empty()) {
            self.lines.push(String::new());
        }
    }

    /// Writes all comments that stood before `start` above the line at hand.
    pub fn before(&mut self, start: u32) {
        while let Some(comment) = self.next_comment(start) {
            self.lines.push(format!("{}#{}", "  ".repeat(self.indent), comment.text));
            if comment.paragraph && self.indent == 0 && self.line.is_empty() {
                self.lines.push(String::new());
            }
            self.written += 1;
        }
    }

    /// Whether a comment stands before `start` that is not written yet.
    pub fn comment_before(&self, start: u32) -> bool {
        self.next_comment(start).is_some()
    }

    fn next_comment(&self, start: u32) -> Option<&'f Comment> {
        self.comments.get(self.written).filter(|c| c.span.start < start)
    }
}
