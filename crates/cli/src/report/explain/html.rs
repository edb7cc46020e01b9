//! Explanations as one page for a browser: all text is escaped, and nothing is loaded from elsewhere.

use super::{Told, verdict_word};
use crate::report::escaped;
use tidings_engine::trace::{Trace, Verdict};
use tidings_syntax::Sources;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
summary{cursor:pointer}details{margin:.2rem 0 .2rem 1.2rem}.leaf{margin:.2rem 0 .2rem 2.2rem}\
.yes,.planned{color:#1a7f37}.no,.not_matched{color:#cf222e}.unknown,.held,.waits{color:#7d5a00}.seen{color:#57606a}code{font-size:.95em}\
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}.yes,.planned{color:#3fb950}\
.no,.not_matched{color:#ff7b72}.unknown,.held,.waits{color:#d29922}.seen{color:#9aa4ae}}";

/// A page, as far as it is written.
pub struct Page {
    out: String,
}

impl Page {
    /// One with a title.
    pub fn new(title: &str) -> Page {
        let title = escaped(title);
        Page {
            out: format!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
                 <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            ),
        }
    }

    /// The whole page.
    pub fn done(mut self) -> String {
        self.out.push_str("</body>\n</html>\n");
        self.out
    }

    /// A line of text.
    pub fn line(&mut self, text: &str) {
        self.out.push_str(&format!("<p>{}</p>\n", with_code(text)));
    }

    /// A piece of markup from this module.
    pub fn push(&mut self, markup: &Markup) {
        self.out.push_str(&markup.0);
    }

    /// What can be folded away below a title.
    pub fn fold(&mut self, class: &str, title: &str, more: &str, inside: impl FnOnce(&mut Page)) {
        self.out.push_str(&format!(
            "<details><summary><span class=\"{}\">{}</span> <span class=\"seen\">{}</span></summary>\n",
            escaped(class),
            escaped(title),
            with_code(more)
        ));
        inside(self);
        self.out.push_str("</details>\n");
    }

    /// The conditions of a rule, each with its parts inside of it.
    pub fn conditions(&mut self, rule: &Trace, sources: &Sources) {
        self.out.push_str("<h2>Conditions</h2>\n");
        if rule.children.is_empty() {
            self.line("the rule has no condition");
        }
        let told = Told { sources };
        rule.children.iter().for_each(|child| self.condition(child, &told));
    }

    fn condition(&mut self, trace: &Trace, told: &Told<'_>) {
        let (text, shown, seen) = told.line(trace);
        let word = verdict_word(trace.verdict);
        let (text, seen) = (escaped(&text), escaped(&seen.join(", ")));
        let line =
            format!("<b class=\"{word}\">{word}</b> <code>{text}</code> <span class=\"seen\">{seen}</span>");
        if shown.children.is_empty() {
            self.out.push_str(&format!("<div class=\"leaf\">{line}</div>\n"));
        } else {
            self.out.push_str(&format!("<details open><summary>{line}</summary>\n"));
            shown.children.iter().for_each(|child| self.condition(child, told));
            self.out.push_str("</details>\n");
        }
    }
}

/// Text, escaped, with what stands between backticks as code.
fn with_code(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    // A backtick without another one is only itself.
    if pieces.len().is_multiple_of(2) {
        return escaped(text);
    }
    let piece = |(i, text): (usize, &&str)| match i % 2 {
        0 => escaped(text),
        _ => format!("<code>{}</code>", escaped(text)),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Text that is escaped already.
pub struct Markup(String);

/// A list with a title; nothing where it is empty.
pub fn items(title: &str, lines: &[(Verdict, String)]) -> Markup {
    if lines.is_empty() {
        return Markup(String::new());
    }
    let item = |(mark, line): &(Verdict, String)| {
        format!("<li class=\"{}\">{}</li>\n", verdict_word(*mark), with_code(line))
    };
    let all: String = lines.iter().map(item).collect();
    Markup(format!("<h2>{}</h2>\n<ul>\n{all}</ul>\n", escaped(title)))
}
