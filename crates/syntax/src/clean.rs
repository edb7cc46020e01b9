//! What is looked at before the grammar: size, depth, characters that nobody sees, typographic signs, comments.
//!
//! One linear scan that knows strings, quoted names and comments. Its text has only plain signs, so the grammar
//! needs no second spelling of anything; [`Clean::span`] leads back to what was written.

use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Place, Span};
use crate::tree::Comment;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// How deeply parentheses, groups and `if` blocks may nest, all together.
pub const MAX_DEPTH: usize = 64;

/// A text with plain signs only, and the way back to the original.
#[derive(Debug, Default)]
pub(crate) struct Clean {
    /// What the grammar reads.
    pub text: String,
    /// Where an offset of `text` stops being as far from the original as before: (clean, original), both ascending.
    shifts: Vec<(usize, usize)>,
    /// Every comment, in order.
    pub comments: Vec<Comment>,
    /// What the scan found.
    pub diagnostics: Vec<Diagnostic>,
    /// How deeply it nests at most.
    pub deepest: usize,
}

impl Clean {
    /// Where in the original something of the clean text stands.
    pub fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.original(start), self.original(end))
    }

    fn original(&self, clean: usize) -> usize {
        let after = self.shifts.partition_point(|(c, _)| *c <= clean);
        let (c, o) = after.checked_sub(1).and_then(|i| self.shifts.get(i)).copied().unwrap_or((0, 0));
        o + (clean - c)
    }
}

/// Scans a file that is not too large.
pub(crate) fn clean(file: FileId, text: &str) -> Clean {
    let (clean, depth) = (Clean::default(), Depth::default());
    let mut scan = Scan { file, text, at: 0, line_end: 0, last_quote: None, clean, depth };
    if text.starts_with('\u{feff}') {
        scan.replace('\u{feff}'.len_utf8(), "");
    }
    while let Some(c) = scan.rest().chars().next() {
        scan.step(c);
    }
    scan.word_ends();
    scan.clean
}

struct Scan<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    /// Where the line at hand ends; found once a line, so that a line full of quotes costs no more than another.
    line_end: usize,
    /// Where on it the last single quote stands that could close another.
    last_quote: Option<usize>,
    clean: Clean,
    depth: Depth,
}

/// How deep the scan stands in blocks and parentheses.
#[derive(Default)]
struct Depth {
    parentheses: usize,
    blocks: usize,
    /// Where in the clean text the word begins that is being read.
    word: Option<usize>,
    /// The words before, in lower case, the nearest last.
    before: [String; 3],
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn step(&mut self, c: char) {
        if self.at >= self.line_end {
            self.begin_line();
        }
        match class(c) {
            Class::Word => _ = self.depth.word.get_or_insert(self.clean.text.len()),
            Class::Unseen => {}
            Class::Blank | Class::Sign => self.word_ends(),
        }
        match c {
            '#' | '＃' => self.comment(c),
            '"' => self.quoted(c, &['"'], &['”', '“'], "text"),
            '“' | '”' | '„' => self.quoted(c, &['”', '“', '"'], &[], "text"),
            '‘' | '’' if self.closes() => self.quoted(c, &['’', '\''], &[], "text"),
            '\'' if self.closes() && self.line().contains('\'') => self.single_quoted(),
            '`' => self.quoted(c, &['`'], &[], "quoted name"),
            _ => self.sign(c),
        }
    }

    /// The rest of the line after the character at hand.
    fn line(&self) -> &str {
        let first = self.rest().chars().next().map_or(0, char::len_utf8);
        self.text.get(self.at + first..self.line_end).unwrap_or("")
    }

    /// Whether a single quote at hand can be closed on its line.
    fn closes(&self) -> bool {
        self.last_quote.is_some_and(|last| last > self.at)
    }

    fn begin_line(&mut self) {
        let length = self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
        self.line_end = self.at + length;
        let line = self.text.get(self.at..self.line_end).unwrap_or("");
        self.last_quote = line.rfind(['\'', '’']).map(|last| self.at + last);
    }

    fn sign(&mut self, c: char) {
        match c {
            '(' | '（' => {
                self.depth.parentheses += 1;
                self.check_depth();
            }
            ')' | '）' => self.depth.parentheses = self.depth.parentheses.saturating_sub(1),
            _ => {}
        }
        if class(c) == Class::Unseen {
            self.invisible();
        } else if plain(c).is_some() {
            self.typographic();
        } else {
            self.copy(c.len_utf8());
        }
    }

    /// A run of signs that have a plain spelling.
    fn typographic(&mut self) {
        let start = self.at;
        let from = self.clean.text.len();
        let kind = self.rest().chars().next().map_or(Class::Blank, class);
        while let Some((c, to)) = self.rest().chars().next().and_then(|c| plain(c).map(|to| (c, to))) {
            // Parentheses are counted and words are watched one by one.
            if self.at > start && (class(c) != kind || matches!(c, '（' | '）' | '＃')) {
                break;
            }
            self.replace(c.len_utf8(), &to);
        }
        let written = self.text.get(start..self.at).unwrap_or("").to_owned();
        let plain = self.clean.text.get(from..).unwrap_or("").to_owned();
        let blank = kind == Class::Blank;
        let message =
            if blank { "an unusual blank".to_owned() } else { format!("`{written}` is written `{plain}`") };
        let place = self.place(start, self.at);
        let label = if blank { "not the blank of the space bar" } else { "understood" };
        self.report(Diagnostic::new(Code::FULL_WIDTH, place, message).label(label).fix(
            "write the plain sign",
            place,
            plain,
        ));
    }

    /// A text or a name in quotes, up to a closing sign on the same line.
    fn quoted(&mut self, open: char, close: &[char], curly: &[char], what: &str) {
        let start = self.at;
        let from = self.clean.text.len();
        let plain = if open == '`' { '`' } else { '"' };
        let line = self.line();
        let end = end_of_quoted(line, close).or_else(|| end_of_quoted(line, curly));
        let inside = end.and_then(|e| line.get(..e)).unwrap_or(line).to_owned();
        let closing = end.and_then(|e| line.get(e..)).and_then(|l| l.chars().next());
        self.replace_same(open, plain);
        self.inside(&inside, plain);
        match closing {
            Some(c) => self.replace_same(c, plain),
            None => {
                self.shift();
                self.clean.text.push(plain);
                self.shift();
                let place = self.place(start, self.at);
                self.report(
                    Diagnostic::new(Code::UNCLOSED, place, format!("this {what} is not closed"))
                        .label("it begins here, and the line ends before it does")
                        .help(format!("write `{plain}` where it ends, on the same line")),
                );
            }
        }
        if closing.is_some_and(|c| c != plain || open != plain) {
            let place = self.place(start, self.at);
            let written = self.clean.text.get(from..).unwrap_or("").to_owned();
            self.report(
                Diagnostic::new(Code::FULL_WIDTH, place, "text stands in straight quotes")
                    .label("understood")
                    .fix("write straight quotes", place, written),
            );
        }
    }

    /// The inside of quotes as it is, but for what would end it and what nobody sees.
    fn inside(&mut self, inside: &str, plain: char) {
        let mut escaped = false;
        for c in inside.chars() {
            if invisible(c) {
                self.invisible_one(c);
            } else if c == '"' && plain == '"' && !escaped {
                self.replace(1, "\\\"");
            } else {
                self.copy(c.len_utf8());
            }
            escaped = c == '\\' && !escaped;
        }
        // A lone back-slash before the end would swallow the closing quote.
        if escaped && plain == '"' {
            self.shift();
            self.clean.text.push('\\');
            self.shift();
        }
    }

    /// Left to the grammar, which knows it only to say what to write.
    fn single_quoted(&mut self) {
        let length = self.line().find('\'').map_or(0, |e| e + 1);
        self.copy(1);
        for c in self.rest().get(..length).unwrap_or("").to_owned().chars() {
            if invisible(c) { self.invisible_one(c) } else { self.copy(c.len_utf8()) }
        }
    }

    fn comment(&mut self, hash: char) {
        if hash == '＃' {
            let place = self.place(self.at, self.at + hash.len_utf8());
            self.report(
                Diagnostic::new(Code::FULL_WIDTH, place, "`＃` is written `#`").label("understood").fix(
                    "write the plain sign",
                    place,
                    "#",
                ),
            );
        }
        let start = self.at;
        let before = self.text.get(..start).unwrap_or("");
        let own_line = before
            .rsplit(['\n', '\r'])
            .next()
            .is_none_or(|l| l.chars().all(|c| c.is_whitespace() || c == '\u{feff}'));
        self.replace(hash.len_utf8(), "#");
        let text = self.rest().split(['\n', '\r']).next().unwrap_or("").to_owned();
        for c in text.chars() {
            if invisible(c) { self.invisible_one(c) } else { self.copy(c.len_utf8()) }
        }
        let text = text.chars().filter(|c| !invisible(*c)).collect::<String>();
        let text = text.trim_end();
        let span = Span::new(start, self.at);
        let mut after = self.rest().lines().map(|l| l.trim().is_empty());
        let paragraph = after.next().is_some() && after.next() == Some(true);
        self.clean.comments.push(Comment { text: text.to_owned(), span, own_line, paragraph });
    }

    fn invisible(&mut self) {
        let start = self.at;
        let mut first = None;
        while let Some(c) = self.rest().chars().next() {
            if class(c) != Class::Unseen {
                break;
            }
            first.get_or_insert(c);
            self.replace(c.len_utf8(), "");
        }
        self.report_invisible(start, first.unwrap_or('\0'));
    }

    fn invisible_one(&mut self, c: char) {
        let start = self.at;
        self.replace(c.len_utf8(), "");
        self.report_invisible(start, c);
    }

    fn report_invisible(&mut self, start: usize, c: char) {
        let place = self.place(start, self.at);
        self.report(
            Diagnostic::new(
                Code::INVISIBLE,
                place,
                format!("a character that cannot be seen, U+{:04X}", c as u32),
            )
            .label("here")
            .fix("take it out", place, ""),
        );
    }

    fn word_ends(&mut self) {
        let Some(start) = self.depth.word.take() else { return };
        let word = self.clean.text.get(start..).unwrap_or("");
        let word = if word.len() <= 8 { word.to_ascii_lowercase() } else { String::new() };
        match (self.depth.before.each_ref().map(String::as_str), word.as_str()) {
            ([_, _, "all" | "any" | "none"], "of") => self.depth.blocks += 1,
            (_, "if") => self.depth.blocks += 1,
            // These are about runs, and open no block.
            ([_, "if", "late"], "by")
            | ([_, "if", "still"], "running")
            | (["if", "missed", "then"], "skip" | "run") => {
                self.depth.blocks = self.depth.blocks.saturating_sub(1);
            }
            // No parenthesis reaches over it, so one that is not closed counts no further.
            (_, "then") => self.depth.parentheses = 0,
            (_, "end") => self.depth.blocks = self.depth.blocks.saturating_sub(1),
            _ => {}
        }
        self.depth.before.rotate_left(1);
        self.depth.before[2] = word;
        self.check_depth();
    }

    fn check_depth(&mut self) {
        let depth = self.depth.parentheses + self.depth.blocks;
        let before = self.clean.deepest;
        self.clean.deepest = before.max(depth);
        if depth > MAX_DEPTH && before <= MAX_DEPTH {
            let place = self.place(self.at, self.at);
            self.report(
                Diagnostic::new(
                    Code::TOO_DEEP,
                    place,
                    format!("more than {MAX_DEPTH} parentheses and blocks inside one another"),
                )
                .label("here it goes too deep")
                .help("give a part of it a name with `define`, and use the name"),
            );
        }
    }

    fn copy(&mut self, bytes: usize) {
        let end = self.at + bytes;
        self.clean.text.push_str(self.text.get(self.at..end).unwrap_or(""));
        self.at = end;
    }

    fn replace(&mut self, bytes: usize, with: &str) {
        self.shift();
        self.clean.text.push_str(with);
        self.at += bytes;
        self.shift();
    }

    fn replace_same(&mut self, c: char, plain: char) {
        if c == plain {
            self.copy(c.len_utf8());
        } else {
            self.replace(c.len_utf8(), plain.encode_utf8(&mut [0; 4]));
        }
    }

    /// From here on, the clean text and the original are this far apart.
    fn shift(&mut self) {
        let here = (self.clean.text.len(), self.at);
        self.clean.shifts.pop_if(|(clean, _)| *clean == here.0);
        self.clean.shifts.push(here);
    }

    fn place(&self, start: usize, end: usize) -> Place {
        Place { file: self.file, span: Span::new(start, end) }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.clean.diagnostics.push(diagnostic);
    }
}

/// Whether a text is spelt in plain signs already.
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| plain(c).is_none() && class(c) != Class::Unseen)
}

/// What a character does outside quotes and comments.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Blank,
    Word,
    Sign,
    Unseen,
}

fn class(c: char) -> Class {
    match plain(c).and_then(|p| p.chars().next()).unwrap_or(c) {
        c if invisible(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{ad}') => Class::Unseen,
        c if c.is_whitespace() => Class::Blank,
        c if c.is_alphanumeric() || matches!(c, '_' | '-') => Class::Word,
        _ => Class::Sign,
    }
}

/// Where a quoted text ends; a sign after a back-slash does not end it.
fn end_of_quoted(line: &str, close: &[char]) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in line.char_indices() {
        if !escaped && close.contains(&c) {
            return Some(i);
        }
        escaped = c == '\\' && !escaped && !close.contains(&'`');
    }
    None
}

/// Controls, and marks that turn the reading direction or have no width.
fn invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The plain spelling of a full-width or typographic sign.
fn plain(c: char) -> Option<String> {
    Some(match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0)?.to_string(),
        '、' => ",".to_owned(),
        '￥' => "¥".to_owned(),
        '≥' => ">=".to_owned(),
        '≤' => "<=".to_owned(),
        '≠' => "!=".to_owned(),
        '×' => "*".to_owned(),
        '÷' => "/".to_owned(),
        '−' | '–' => "-".to_owned(),
        _ if c.is_whitespace() && !c.is_ascii() => " ".to_owned(),
        _ => return None,
    })
}
