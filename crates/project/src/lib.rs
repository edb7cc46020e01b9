//! A project on disk: `tidings.yaml`, `schema.yaml`, `rules/`, `templates/`, read and checked together.

mod check;
pub mod config;
mod differences;
pub mod files;
mod outside;
mod secrets;
pub mod version;

pub use check::Checked;
pub use config::Config;
pub use differences::{Differs, differences};
pub use files::RuleText;
pub use secrets::has_password;
pub use version::{Version, VersionError};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_channels::Templates;
use tidings_schema::{Type, Vocabulary};
use tidings_syntax::suggest::nearest;
use tidings_syntax::{Code, Diagnostic, FileId, Place, Sources};

/// A project as it was read.
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// What `tidings.yaml` says; its defaults where it cannot be read.
    pub config: Config,
    /// What `schema.yaml` says; none where it has an error.
    pub vocabulary: Option<Arc<Vocabulary>>,
    /// The rule files, in the order of their paths.
    pub rules: Vec<RuleText>,
    /// The templates that can be used.
    pub templates: Arc<Templates>,
    /// Every file that findings can point at.
    pub sources: Sources,
    /// Whether reading it found no error: otherwise there is no program, whatever the rules say.
    sound: bool,
}

impl Project {
    /// Reads a project's folder, and finds what is wrong with its files before any rule is looked at.
    pub fn load(folder: &Path) -> (Project, Vec<Diagnostic>) {
        let mut loading = Loading { folder, sources: Sources::default(), out: Vec::new() };
        let config = loading.config();
        let vocabulary = loading.vocabulary(&config);
        let rules = files::rules(folder, &config.rules, &mut loading.sources, &mut loading.out);
        let templates = loading.templates();
        let project = Project {
            folder: folder.to_owned(),
            config,
            vocabulary: vocabulary.map(Arc::new),
            rules,
            templates: Arc::new(templates),
            sources: loading.sources,
            sound: !loading.out.iter().any(Diagnostic::is_error),
        };
        (project, loading.out)
    }

    /// Reads the files of tests, `tests/*.yaml`, and adds them to the sources, in the order of their paths.
    pub fn tests(&mut self) -> (Vec<FileId>, Vec<Diagnostic>) {
        let mut out = Vec::new();
        let files = files::tests(&self.folder, &mut self.sources, &mut out);
        (files, out)
    }
}

struct Loading<'p> {
    folder: &'p Path,
    sources: Sources,
    out: Vec<Diagnostic>,
}

impl Loading<'_> {
    fn config(&mut self) -> Config {
        // The first source is this file: its text is added after it was read, with secrets covered.
        match files::needed(
            self.folder,
            "tidings.yaml",
            "`tidings init` writes a first one, or choose the folder with --project",
        ) {
            Ok(text) => {
                let (config, shown) = config::read(&text, FileId(0), &mut self.out);
                self.sources.add("tidings.yaml", shown);
                config
            }
            Err(problem) => {
                self.missing("tidings.yaml", problem);
                Config::default()
            }
        }
    }

    fn vocabulary(&mut self, config: &Config) -> Option<Vocabulary> {
        let text = match files::needed(
            self.folder,
            "schema.yaml",
            "`tidings init --store sqlite:shop.db` writes a first one from the database",
        ) {
            Ok(text) => text,
            Err(problem) => {
                self.missing("schema.yaml", problem);
                return None;
            }
        };
        let file = self.sources.add("schema.yaml", &text);
        let (vocabulary, found) = tidings_schema::load(&text, file, &config.settings());
        self.out.extend(found);
        if let Some(vocabulary) = &vocabulary {
            self.prices(config, vocabulary);
            if !config.says_currency {
                self.default_currency(vocabulary);
            }
        }
        vocabulary
    }

    /// Prices of channels that reach nobody.
    fn prices(&mut self, config: &Config, vocabulary: &Vocabulary) {
        for (channel, place) in
            config.priced.iter().filter(|(channel, _)| vocabulary.contact(channel).is_none())
        {
            let message = format!("a price for `{channel}`, which is no channel that reaches customers");
            let help =
                match nearest(channel, vocabulary.contacts.iter().map(|contact| contact.channel.as_str())) {
                    Some(near) => format!("perhaps `{near}` was meant"),
                    None => format!(
                        "add it to schema.yaml under `contact:`, as `{channel}: {{address: …, consent: …}}`"
                    ),
                };
            self.out.push(Diagnostic::new(Code::NOTHING_THERE, *place, message).help(help));
        }
    }

    /// Money without a currency of its own, in a project that does not name one.
    fn default_currency(&mut self, vocabulary: &Vocabulary) {
        let fields = vocabulary.collections.iter().flat_map(|c| &c.fields);
        let default = Type::Money(vocabulary.currency);
        if let Some(attribute) = vocabulary.customer.attributes.iter().chain(fields).find(|a| a.ty == default)
        {
            let code = vocabulary.currency.code();
            let message =
                format!("there is no currency, so `{}` and other money is in {code}", attribute.name);
            self.out.push(
                Diagnostic::new(Code::NO_CURRENCY, Place::default(), message)
                    .help(format!("write `currency: {code}`, or another one")),
            );
        }
    }

    fn missing(&mut self, name: &str, (code, message, help): (Code, String, String)) {
        let file = self.sources.add(name, "");
        self.out.push(Diagnostic::new(code, Place { file, ..Place::default() }, message).help(help));
    }

    fn templates(&mut self) -> Templates {
        let (templates, errors) = Templates::load(&self.folder.join("templates"));
        for error in errors {
            self.out.push(check::template_error(self.folder, &mut self.sources, error));
        }
        templates
    }
}
