//! Templates: one Liquid file for each template and channel, `wake-up.email.liquid`, `wake-up.sms.liquid`.
//!
//! A mail begins with its `subject:` (and perhaps `preheader:`), a line `---`, and then HTML, or MJML in a
//! `wake-up.email.mjml`, which becomes HTML when it is read; its text part is made from the HTML unless there is a `wake-up.email.text.liquid`. Every value that HTML shows is
//! escaped, there is no way around it. Files, values, loops and output are bounded.

mod front;
mod language;
mod mjml;
mod scan;
#[cfg(test)]
mod tests;
mod token;

use crate::context::OF_UNSUBSCRIBE;
pub(crate) use front::one_line;
pub(crate) use language::{Escape, escaped};
use language::{Fault, Program};
use liquid_core::Object;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use tidings_syntax::Code;

pub(crate) use language::Program as Text;

/// How long a template file may be, in bytes.
const FILE: u64 = 256 * 1024;
/// How long a mail's part may get, in bytes.
const MAIL: usize = 1024 * 1024;
/// How long another message may get, in bytes.
const MESSAGE: usize = 2 * 1024;
/// How long a subject may get, in bytes.
const SUBJECT: usize = 16 * 1024;

/// A project's templates.
#[derive(Default)]
pub struct Templates {
    /// By template and channel.
    files: BTreeMap<(String, String), Template>,
    /// Those that are there and cannot be used, each with an error of its own.
    broken: BTreeSet<(String, String)>,
    /// What every subject and text begins with.
    mark: String,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Which kind of error it is.
    pub code: Code,
}

/// A template for a channel.
struct Template {
    file: PathBuf,
    content: Content,
}

enum Content {
    Mail(Box<front::Mail>),
    Message(Program),
}

/// A mail's content, rendered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MailText {
    pub subject: String,
    pub html: String,
    pub text: String,
}

/// The values that a template shows.
pub(crate) struct Values(pub Object);

impl Values {
    /// From a JSON object.
    pub fn new(json: &serde_json::Map<String, serde_json::Value>) -> Result<Values, String> {
        liquid_core::to_object(json).map(Values).map_err(|_| "its values cannot be shown".into())
    }
}

impl Templates {
    /// Reads the templates of a folder, and everything that is wrong with them. A folder that is not there
    /// has none.
    pub fn load(folder: &Path) -> (Templates, Vec<TemplateError>) {
        let (mut templates, mut errors) = (Templates::default(), Vec::new());
        let mut texts = Vec::new();
        for file in template_files(folder) {
            let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            let parts: Vec<&str> = name.split('.').collect();
            let loaded = match parts.as_slice() {
                [template, channel, kind @ ("liquid" | "mjml")] => {
                    let key = ((*template).to_owned(), (*channel).to_owned());
                    match templates.content(&key, kind, &file) {
                        Ok(content) => {
                            templates.files.insert(key, Template { file: file.clone(), content });
                            Ok(())
                        }
                        Err(error) => {
                            templates.broken.insert(key);
                            Err(error)
                        }
                    }
                }
                [template, channel, "text", "liquid"] => {
                    texts.push(((*template).to_owned(), (*channel).to_owned(), file.clone()));
                    Ok(())
                }
                _ => Err(Fault::new(1, "the file's name does not say its template and channel")
                    .help("name it wake-up.email.liquid or wake-up.sms.liquid")
                    .of(&file)),
            };
            errors.extend(loaded.err());
        }
        for (template, channel, file) in texts {
            errors.extend(templates.add_text(template, channel, &file).err());
        }
        (templates, errors)
    }

    fn content(&self, key: &(String, String), kind: &str, file: &Path) -> Result<Content, TemplateError> {
        let source = read(file)?;
        if let Some(other) = self.files.get(key) {
            let other = other.file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            return Err(Fault::new(1, format!("this mail is there twice: {other}"))
                .help("take one of the two out")
                .of(file));
        }
        let mail = |body| front::Mail::compile(&source, body).map(|mail| Content::Mail(Box::new(mail)));
        let content = match key.1.as_str() {
            _ if kind == "mjml" => mail(mjml::compile),
            channel if channel == "email" || front::begins_with_one(&source) => mail(front::html),
            _ => Program::compile(&source, Escape::Plain).map(Content::Message),
        };
        content.map_err(|fault| fault.of(file))
    }

    /// The same templates, with a mark at the beginning of every subject, and of every text that has none: what is
    /// only a test says so.
    pub fn marked(self, mark: &str) -> Templates {
        Templates { mark: mark.to_owned(), ..self }
    }

    /// Adds the text part of a mail.
    fn add_text(&mut self, template: String, channel: String, file: &Path) -> Result<(), TemplateError> {
        let source = read(file)?;
        let text = Program::compile(&source, Escape::Plain).map_err(|fault| fault.of(file))?;
        match self.files.get_mut(&(template.clone(), channel.clone())).map(|t| &mut t.content) {
            Some(Content::Mail(mail)) => {
                mail.text = Some((file.to_owned(), text));
                Ok(())
            }
            _ => Err(Fault::new(1, "this is the text part of a mail that is not there")
                .help(format!("write {template}.{channel}.liquid, or take this file out"))
                .of(file)),
        }
    }

    /// Whether there is such a template for a channel.
    pub fn has(&self, template: &str, channel: &str) -> bool {
        self.get(template, channel).is_some()
    }

    /// The templates and their channels.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.keys().map(|(template, channel)| (template.as_str(), channel.as_str()))
    }

    /// The values that a template shows or asks for, such as `customer.city`; empty where there is no such template.
    pub fn variables(&self, template: &str, channel: &str) -> BTreeSet<&str> {
        let programs: Vec<&Program> = match self.get(template, channel).map(|t| &t.content) {
            Some(Content::Message(text)) => vec![text],
            Some(Content::Mail(mail)) => mail.programs().collect(),
            None => Vec::new(),
        };
        programs.into_iter().flat_map(Program::variables).map(|(path, _)| path.as_str()).collect()
    }

    /// The templates that are there and cannot be used, with their channels.
    pub fn broken(&self) -> impl Iterator<Item = (&str, &str)> {
        self.broken.iter().map(|(template, channel)| (template.as_str(), channel.as_str()))
    }

    /// What the templates show that is not among the values that are known in their channel.
    pub fn check<'k>(&'k self, known: impl Fn(&'k str) -> Known<'k>) -> Vec<TemplateError> {
        self.files.iter().flat_map(|((_, channel), template)| template.unknown(known(channel))).collect()
    }

    fn get(&self, template: &str, channel: &str) -> Option<&Template> {
        self.files.get(&(template.to_owned(), channel.to_owned()))
    }

    fn find(&self, template: &str, channel: &str) -> Result<&Template, String> {
        let missing = || format!("there is no template {template}.{channel}.liquid; write it");
        self.get(template, channel).ok_or_else(missing)
    }

    /// A mail's content.
    pub(crate) fn mail(&self, template: &str, channel: &str, values: &Values) -> Result<MailText, String> {
        let found = self.find(template, channel)?;
        match &found.content {
            Content::Mail(mail) => {
                let mut mail =
                    mail.render(&values.0).map_err(|e| format!("{}: {e}", found.file.display()))?;
                mail.subject.insert_str(0, &self.mark);
                Ok(mail)
            }
            Content::Message(_) => Err(format!(
                "{} has no subject; begin it with `subject: …` and a line ---",
                found.file.display()
            )),
        }
    }

    /// Another message's text.
    pub(crate) fn message(&self, template: &str, channel: &str, values: &Values) -> Result<String, String> {
        let found = self.find(template, channel)?;
        let rendered = match &found.content {
            Content::Message(text) => text.render(&values.0, MESSAGE),
            Content::Mail(_) => {
                Err("it is a mail, and this channel sends plain text; take its subject out".into())
            }
        };
        let text = rendered.map_err(|e| format!("{}: {e}", found.file.display()))?;
        Ok(format!("{}{}", self.mark, text.trim_end_matches('\n')))
    }

    /// Whether the template for that channel is a mail.
    pub(crate) fn is_mail(&self, template: &str, channel: &str) -> bool {
        self.get(template, channel).is_some_and(|t| matches!(t.content, Content::Mail(_)))
    }
}

impl Template {
    fn unknown(&self, known: Known<'_>) -> Vec<TemplateError> {
        match &self.content {
            Content::Message(text) => unknown(text, &self.file, 0, known),
            Content::Mail(mail) => mail.unknown(&self.file, known),
        }
    }
}

/// The values that templates of a channel can show.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// The channel.
    pub channel: &'k str,
    /// `shop.*` knows everything in `shop`.
    pub values: &'k BTreeSet<String>,
    /// Whether its messages have a link to unsubscribe. Where they have none, a template may ask for it all the same, and
    /// show it where there is one.
    pub unsubscribes: bool,
}

/// The values that a program shows and nobody knows.
fn unknown(program: &Program, file: &Path, lines_before: usize, known: Known<'_>) -> Vec<TemplateError> {
    let is_link = |path: &str| OF_UNSUBSCRIBE.contains(&path);
    let links = program.variables().iter().filter(|(path, _)| is_link(path));
    let missing = links.filter(|(path, _)| !known.unsubscribes && !program.asks(path));
    let mut strange: Vec<_> = program.unknown(known.values).chain(missing).collect();
    strange.sort_by_key(|(_, line)| *line);
    strange
        .into_iter()
        .map(|(path, line)| {
            let help = match is_link(path) {
                true => format!(
                    "messages of `{}` have none: show it only `{{% if {path} %}}`; a channel of `kind: smtp` can have `unsubscribe:`",
                    known.channel
                ),
                false => nearest(path, known.values),
            };
            Fault::new(line + lines_before, unknown_message(path)).help(help).of(file)
        })
        .collect()
}

pub(crate) fn unknown_message(path: &str) -> String {
    format!("nothing is known as `{path}`")
}

/// The known value that was probably meant, or those that are nearest, of the same thing first.
pub(crate) fn nearest(path: &str, known: &BTreeSet<String>) -> String {
    const MOST: usize = 6;
    // Its code is the nearest, and not what is meant by a name.
    if path == "coupon.name" {
        return "only coupon providers are told the coupon's name; messages can show its label, `coupon.label`".to_owned();
    }
    let root = |name: &str| name.split('.').next().map(str::to_owned);
    let mut near: Vec<(bool, usize, &str)> = known
        .iter()
        .map(|k| (root(k) != root(path), strsim::damerau_levenshtein(path, k), k.as_str()))
        .collect();
    if let Some((_, distance, name)) = near.iter().min_by_key(|(_, distance, name)| (*distance, *name))
        && *distance <= 3
        && distance * 3 <= path.chars().count()
    {
        return format!("`{name}` is probably meant");
    }
    near.sort_unstable();
    let list: Vec<&str> = near.iter().take(MOST).map(|(_, _, name)| *name).collect();
    let list = list.join(", ");
    match near.len().saturating_sub(MOST) {
        0 => format!("known are {list}"),
        more => format!("known are {list} and {more} more"),
    }
}

fn template_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "liquid" || e == "mjml")).collect();
    files.sort_unstable();
    files
}

fn read(file: &Path) -> Result<String, TemplateError> {
    let length = std::fs::metadata(file).map(|m| m.len()).unwrap_or_default();
    if length > FILE {
        return Err(
            Fault::new(1, format!("the file has {length} bytes, and a template at most {FILE}")).of(file)
        );
    }
    std::fs::read_to_string(file).map_err(|e| Fault::new(1, format!("the file cannot be read: {e}")).of(file))
}

impl Fault {
    fn new(line: usize, message: impl Into<String>) -> Fault {
        Fault { line, message: message.into(), help: String::new(), code: Code::BAD_TEMPLATE }
    }

    fn help(self, help: impl Into<String>) -> Fault {
        Fault { help: help.into(), ..self }
    }

    fn of(self, file: &Path) -> TemplateError {
        let help = Some(self.help).filter(|h| !h.is_empty());
        TemplateError { file: file.to_owned(), line: self.line, message: self.message, help, code: self.code }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TemplateError {}
