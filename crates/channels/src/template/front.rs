//! Mails: `subject:` and `preheader:`, a line `---`, and HTML or MJML.

use super::language::{Escape, Fault, Program};
use super::{Known, MAIL, MailText, SUBJECT, TemplateError, unknown};
use liquid_core::Object;
use std::path::{Path, PathBuf};

/// How many letters of a subject are sent.
const LETTERS: usize = 250;
/// How wide text parts are, in columns.
const WIDTH: usize = 76;
/// How deep HTML elements may stand in one another: making the text part takes the square of it.
const ELEMENTS: usize = 1_000;

pub(super) struct Mail {
    /// With the lines before it.
    subject: (Program, usize),
    preheader: Option<(Program, usize)>,
    html: (Program, usize),
    /// Its own file.
    pub text: Option<(PathBuf, Program)>,
}

/// Whether a source begins as a mail does.
pub(super) fn begins_with_one(source: &str) -> bool {
    source.strip_prefix("---\n").unwrap_or(source).starts_with("subject:")
}

impl Mail {
    /// Reads a mail; `body` compiles what stands below its head.
    pub fn compile(source: &str, body: fn(&str) -> Result<Program, Fault>) -> Result<Mail, Fault> {
        let (mut subject, mut preheader) = (None, None);
        let mut at = 0;
        for (before, line) in source.split_inclusive('\n').enumerate() {
            at += line.len();
            let text = line.trim_end();
            if text == "---" && before > 0 {
                let html = shifted(body(source.get(at..).unwrap_or_default()), before + 1)?;
                let subject = subject.ok_or_else(no_subject)?;
                return Ok(Mail { subject, preheader, html, text: None });
            }
            match text.split_once(':') {
                _ if text.is_empty() || text == "---" => {}
                Some(("subject", value)) => {
                    subject = Some(shifted(Program::compile(value.trim(), Escape::Plain), before)?);
                }
                Some(("preheader", value)) => preheader = Some(shifted(html(value.trim()), before)?),
                Some((name, _)) if name.len() < 30 && !name.contains(['<', ' ']) => {
                    return Err(Fault::new(before + 1, format!("a mail has no `{name}`"))
                        .help("there are `subject` and `preheader`; the HTML begins after a line ---"));
                }
                _ => return Err(no_subject()),
            }
        }
        Err(no_subject())
    }

    /// Its content with these values.
    pub fn render(&self, values: &Object) -> Result<MailText, String> {
        let subject =
            one_line(&self.subject.0.render(values, SUBJECT).map_err(|e| format!("the subject: {e}"))?);
        let subject = shortened(subject);
        if subject.is_empty() {
            return Err("the subject is empty for this customer; give its values a `default`".into());
        }
        let html = self.html.0.render(values, MAIL)?;
        let text = match &self.text {
            Some((_, program)) => program.render(values, MAIL).map_err(|e| format!("the text part: {e}"))?,
            None => text_of(&html)?,
        };
        let html = match &self.preheader {
            Some((program, _)) => with_preheader(&html, &program.render(values, SUBJECT)?),
            None => html,
        };
        Ok(MailText { subject, html, text })
    }

    /// Every part that shows values.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        let parts = [Some(&self.subject), self.preheader.as_ref(), Some(&self.html)];
        parts
            .into_iter()
            .flatten()
            .map(|(program, _)| program)
            .chain(self.text.as_ref().map(|(_, program)| program))
    }

    pub fn unknown(&self, file: &Path, known: Known<'_>) -> Vec<TemplateError> {
        let parts = [Some(&self.subject), self.preheader.as_ref(), Some(&self.html)];
        let mut errors: Vec<TemplateError> = parts
            .into_iter()
            .flatten()
            .flat_map(|(program, before)| unknown(program, file, *before, known))
            .collect();
        if let Some((file, program)) = &self.text {
            errors.extend(unknown(program, file, 0, known));
        }
        errors
    }
}

fn no_subject() -> Fault {
    Fault::new(1, "this mail has no subject")
        .help("begin it with `subject: …`, then a line ---, then the HTML")
}

/// Compiles HTML with Liquid in it.
pub(super) fn html(source: &str) -> Result<Program, Fault> {
    Program::compile(source, Escape::Html)
}

/// A part that begins after some lines.
fn shifted(program: Result<Program, Fault>, before: usize) -> Result<(Program, usize), Fault> {
    Ok((program.map_err(|f| Fault { line: f.line + before, ..f })?, before))
}

/// Text for a header: no line breaks, no controls, nothing that turns the reading direction.
pub(crate) fn one_line(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean: String =
        text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As much of a subject as anybody reads; a line of a mail's head cannot be of any length.
fn shortened(subject: String) -> String {
    match subject.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", subject.get(..end).unwrap_or_default()),
        None => subject,
    }
}

/// The text part of a mail that has none of its own.
fn text_of(html: &str) -> Result<String, String> {
    let (mut depth, mut deepest) = (0_usize, 0);
    for after in html.split('<').skip(1) {
        let name: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
        match name.to_ascii_lowercase().as_str() {
            "" if after.starts_with('/') => depth = depth.saturating_sub(1),
            "" | "br" | "img" | "hr" | "meta" | "link" | "col" | "input" | "p" | "li" | "tr" | "td" => {}
            _ => depth += 1,
        }
        deepest = deepest.max(depth);
    }
    if deepest > ELEMENTS {
        return Err(format!("more than {ELEMENTS} HTML elements are open inside one another; close them"));
    }
    html2text::config::plain()
        .string_from_read(html.as_bytes(), WIDTH)
        .map_err(|e| format!("no text part can be made from the HTML: {e}"))
}

/// Puts the text that mail programs show beside the subject in front of everything, unseen.
fn with_preheader(html: &str, preheader: &str) -> String {
    let hidden = format!("<div style=\"display:none;max-height:0;overflow:hidden\">{preheader}</div>");
    let lower = html.to_ascii_lowercase();
    let body = lower.find("<body").and_then(|start| lower.get(start..)?.find('>').map(|end| start + end + 1));
    let (before, after) = html.split_at_checked(body.unwrap_or(0)).unwrap_or(("", html));
    format!("{before}{hidden}{after}")
}
