//! Mails in MJML: made HTML once, when they are read, and filled in by Liquid for everybody after that.

use super::front::html;
use super::language::{Fault, Program};
use super::scan::{Scanned, line_of, scan};
use mrml::prelude::parser::{Error, Span};
use mrml::prelude::render::RenderOptions;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use tidings_syntax::Code;

/// How deep elements may stand in one another: MJML is read and written with one call deeper for each.
const DEPTH: usize = 64;

/// What stands for Liquid while MJML is converted, before a number and an `x`: letters and digits only, which are left
/// as they are in texts and attributes alike.
const SLOT: &str = "tidingsbrace";

/// Compiles MJML with Liquid in it. What stands in braces is kept from the conversion, which knows nothing of it.
pub(super) fn compile(source: &str) -> Result<Program, Fault> {
    let Scanned { variables, braces, .. } = scan(source, "")?;
    let covered = Covered::new(source, &braces);
    if let Some(at) = too_deep(&covered.text) {
        return Err(covered.fault(at, "elements stand too deep in one another".into(), "write it flatter"));
    }
    let (converted, kept) = covered.uncovered(&covered.converted()?);
    if let Some((_, part)) = braces.iter().enumerate().find(|(i, _)| !kept.contains(i)) {
        let lost = source.get(part.clone()).unwrap_or_default();
        let message = format!("`{lost}` would be lost when this becomes HTML");
        let help = "put it into a text, or into <mj-raw> where it stands around sections";
        return Err(wrong(line_of(source, part.start), message, help));
    }
    Ok(html(&converted)?.written(variables))
}

/// MJML with a word in each place where Liquid was.
struct Covered<'a> {
    text: String,
    parts: Vec<&'a str>,
}

impl<'a> Covered<'a> {
    fn new(source: &'a str, braces: &[Range<usize>]) -> Covered<'a> {
        let (mut text, mut at, mut parts) = (String::with_capacity(source.len()), 0, Vec::new());
        for (i, part) in braces.iter().enumerate() {
            text.push_str(source.get(at..part.start).unwrap_or_default());
            text.push_str(&format!("{SLOT}{i}x"));
            parts.push(source.get(part.clone()).unwrap_or_default());
            at = part.end;
        }
        text.push_str(source.get(at..).unwrap_or_default());
        Covered { text, parts }
    }

    /// The text with Liquid in its places again, and which parts of it came back.
    fn uncovered(&self, text: &str) -> (String, BTreeSet<usize>) {
        let mut words = text.split(SLOT);
        let (mut out, mut kept) = (words.next().unwrap_or_default().to_owned(), BTreeSet::new());
        for word in words {
            let slot = word.split_once('x').and_then(|(i, rest)| Some((i.parse().ok()?, rest)));
            match slot.and_then(|(i, rest): (usize, _)| Some((i, self.parts.get(i)?, rest))) {
                Some((i, part, rest)) => {
                    kept.insert(i);
                    out.push_str(part);
                    out.push_str(rest);
                }
                None => {
                    out.push_str(SLOT);
                    out.push_str(word);
                }
            }
        }
        (out, kept)
    }

    fn converted(&self) -> Result<String, Fault> {
        let read = mrml::parse(&self.text).map_err(|error| {
            let (at, message) = told(&error);
            let help = "see https://documentation.mjml.io for what stands where";
            self.fault(at.unwrap_or(self.text.trim_end().len()), message, help)
        })?;
        if let Some(warning) = read.warnings.first() {
            let help = "see https://documentation.mjml.io for the attributes of each element";
            return Err(self.fault(warning.span.start, format!("this is no MJML: {}", warning.kind), help));
        }
        // Without the fonts that would be fetched from others whenever somebody opens the mail.
        let options = RenderOptions { fonts: HashMap::new(), ..RenderOptions::default() };
        let html = read.element.render(&options);
        let html = html.map_err(|e| self.fault(0, format!("this cannot become HTML: {e}"), ""))?;
        // An element that MJML does not know is left as it is.
        let Some((_, strange)) = html.split_once("<mj-") else { return Ok(html) };
        let name: String = strange.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let at = self.text.find(&format!("<mj-{name}")).unwrap_or_default();
        Err(self.fault(
            at,
            format!("there is no element <mj-{name}> here"),
            "see https://documentation.mjml.io",
        ))
    }

    /// A fault at a place of the covered text.
    fn fault(&self, at: usize, message: String, help: &str) -> Fault {
        let (before, _) = self.uncovered(self.text.get(..at).unwrap_or(&self.text));
        wrong(line_of(&before, before.len()), message, help)
    }
}

fn wrong(line: usize, message: String, help: &str) -> Fault {
    Fault { code: Code::BAD_MJML, ..Fault::new(line, message).help(help) }
}

/// Where something is wrong, and what; none where it is the end.
fn told(error: &Error) -> (Option<usize>, String) {
    let at = |place: &Span, message: &str| (Some(place.start), message.to_owned());
    match error {
        Error::UnexpectedElement { position, .. } => at(position, "this element does not belong here"),
        Error::UnexpectedToken { position, .. } => at(position, "this does not belong here"),
        Error::MissingAttribute { name, position, .. } => {
            at(position, &format!("the attribute `{name}` is missing here"))
        }
        Error::InvalidAttribute { position, .. } => at(position, "this attribute has no such value"),
        Error::InvalidFormat { position, .. } => at(position, "this is not well formed"),
        Error::IncludeLoaderError { position, .. } => {
            at(position, "nothing is included from other files; write it here")
        }
        Error::EndOfStream { .. } => (None, "the mail ends before its elements do".to_owned()),
        Error::SizeLimit { .. } => (None, "this is too long".to_owned()),
        Error::ParserError { source, .. } => (None, format!("this is not well formed: {source}")),
        Error::NoRootNode => (Some(0), "there is no <mjml> element".to_owned()),
    }
}

/// Where elements stand too deep in one another.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, _) in text.match_indices('<') {
        let tag = text.get(at + 1..).unwrap_or_default();
        let name: String = tag.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        let closed = || tag.split('>').next().is_some_and(|inside| inside.ends_with('/'));
        match name.to_ascii_lowercase().as_str() {
            "" if tag.starts_with('/') => depth = depth.saturating_sub(1),
            "" | "br" | "img" | "hr" | "meta" | "link" | "col" | "input" | "area" | "base" | "wbr" => {}
            _ if closed() => {}
            _ => depth += 1,
        }
        if depth > DEPTH {
            return Some(at);
        }
    }
    None
}
