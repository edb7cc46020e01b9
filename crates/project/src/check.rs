//! The rules of a project against its vocabulary, its templates and what it can send through.

use crate::Project;
use crate::files::relative;
use crate::outside::Purpose;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use tidings_channels::{
    ChannelConfig, Known, OF_BODIES, OF_GRANTS, OF_PROVIDERS, OF_ROWS, OF_UNSUBSCRIBE, TemplateError,
    body_variables, check_body,
};
use tidings_check::program::Action;
use tidings_check::{Program, RuleFile, World};
use tidings_schema::{Vocabulary, money};
use tidings_syntax::allow::Allowances;
use tidings_syntax::{Code, Diagnostic, Place, Source, Sources, Span, parse};

/// What came of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The program, where nothing in it is wrong.
    pub program: Option<Program>,
    /// Every finding in the rules, the templates and the bodies of requests.
    pub diagnostics: Vec<Diagnostic>,
}

impl Project {
    /// Checks every rule file, template and request body. Findings of [`Project::load`] are not repeated.
    pub fn check(&mut self) -> Checked {
        let mut out = Vec::new();
        let files = self.parse(&mut out);
        let all_parsed = !out.iter().any(Diagnostic::is_error);
        let Some(vocabulary) = self.vocabulary.clone() else {
            return Checked { program: None, diagnostics: out };
        };
        out.extend(self.check_templates(&vocabulary));
        out.extend(self.check_bodies(&vocabulary));
        let checked = tidings_check::check(&files, Arc::clone(&vocabulary), &self.world(), &self.sources);
        // What did not parse may be what uses it.
        let counts = |found: &Diagnostic| all_parsed || found.code != Code::UNUSED;
        out.extend(checked.diagnostics.into_iter().filter(counts));
        out.extend(checked.program.iter().flat_map(|program| self.check_coupons(program)));
        let mut allowances = Allowances::read(&self.sources);
        let reasoned =
            checked.program.as_ref().map(|program| tidings_reason::findings(program, &out, &mut allowances));
        out.extend(reasoned.into_iter().flatten());
        out.extend(
            checked.program.iter().flat_map(|program| tidings_reason::lints(program, &self.config.lints)),
        );
        let mut out = allowances.without(out);
        out.sort_by_key(|d| d.place);
        let program = checked.program.filter(|_| self.sound && !out.iter().any(Diagnostic::is_error));
        Checked { program, diagnostics: out }
    }

    /// Every rule file as a tree.
    fn parse(&self, out: &mut Vec<Diagnostic>) -> Vec<RuleFile> {
        let texts = self.rules.iter().filter_map(|rule| Some((rule, self.sources.get(rule.id)?)));
        let files = texts.map(|(rule, source)| {
            let parsed = parse(rule.id, &source.text);
            out.extend(parsed.diagnostics);
            RuleFile { id: rule.id, name: rule.name.clone(), tree: parsed.file, broken: parsed.broken }
        });
        files.collect()
    }

    /// What rules can send.
    pub fn world(&self) -> World {
        let delivery = &self.config.delivery;
        let coupons = self.config.coupons.iter().flatten();
        World {
            channels: (!delivery.is_empty()).then(|| self.config.channels.clone()),
            coupons: self.config.coupons.clone(),
            worths: delivery
                .coupons
                .iter()
                .filter_map(|(name, coupon)| Some((name.clone(), money::parse(&coupon.value)?)))
                .collect(),
            broken_coupons: coupons.filter(|name| !delivery.coupons.contains_key(*name)).cloned().collect(),
            webhooks: self.config.webhooks.clone(),
            // A broken template has its own error, and rules may name it.
            templates: self
                .templates
                .names()
                .chain(self.templates.broken())
                .map(|(t, c)| (t.to_owned(), c.to_owned()))
                .collect(),
        }
    }

    fn check_templates(&mut self, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
        let values = self.known(vocabulary, &[&OF_GRANTS, &OF_UNSUBSCRIBE]);
        let known = |channel| Known { channel, values: &values, unsubscribes: self.unsubscribes(channel) };
        let errors = self.templates.check(known);
        errors.into_iter().map(|e| template_error(&self.folder, &mut self.sources, e)).collect()
    }

    /// Whether mails of a channel have a link to unsubscribe. Of a channel that is not set up yet it is taken for granted.
    fn unsubscribes(&self, channel: &str) -> bool {
        match self.config.delivery.channels.get(channel) {
            Some(ChannelConfig::Smtp(smtp)) => smtp.unsubscribe.is_some(),
            Some(ChannelConfig::Http(_)) => false,
            Some(ChannelConfig::Sandbox(_)) | None => true,
        }
    }

    /// A message that shows a coupon needs one: its own, or one that the rule sent before it.
    fn check_coupons(&self, program: &Program) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        for steps in program.rules.iter().flat_map(|rule| [&rule.then, &rule.otherwise]) {
            let mut granted = false;
            for step in steps {
                match &step.action {
                    Action::Coupon(_) => granted = true,
                    Action::Message { template, channels, coupon } => {
                        granted |= coupon.is_some();
                        if let Some(what) =
                            channels.iter().find_map(|c| self.shows_coupon(template, c)).filter(|_| !granted)
                        {
                            let message =
                                format!("{what} shows a coupon, and the rule grants none before it");
                            let finding = Diagnostic::new(Code::BAD_TEMPLATE, step.place, message);
                            out.push(finding.help("add `with NAME coupon`, or `send NAME coupon` before it"));
                        }
                    }
                    _ => {}
                }
            }
        }
        out
    }

    /// What shows a coupon in a message: its template, or the body of its channel's requests.
    fn shows_coupon(&self, template: &str, channel: &str) -> Option<String> {
        let coupon = |name: &str| name.starts_with("coupon.");
        if self.templates.variables(template, channel).into_iter().any(coupon) {
            return Some(format!("the {channel} template `{template}`"));
        }
        let ChannelConfig::Http(http) = self.config.delivery.channels.get(channel)? else { return None };
        let shown = http.body.as_ref().map(body_variables).unwrap_or_default();
        shown.iter().any(|name| coupon(name)).then(|| format!("the body of `{channel}`"))
    }

    fn check_bodies(&self, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
        let problems = self.config.bodies.iter().flat_map(|body| {
            let more: &[&[&str]] = match body.of {
                Purpose::Message => &[&OF_BODIES, &OF_GRANTS],
                Purpose::Coupon => &[&OF_PROVIDERS],
                Purpose::Other => &[],
            };
            let problems = check_body(&body.json, &self.known(vocabulary, more));
            problems.into_iter().map(|problem| {
                let (message, help) = problem.split_once("; ").unwrap_or((&problem, "look at the braces"));
                Diagnostic::new(Code::BAD_TEMPLATE, body.place, message).help(help)
            })
        });
        problems.collect()
    }

    /// What templates and bodies can show.
    fn known(&self, vocabulary: &Vocabulary, more: &[&[&str]]) -> BTreeSet<String> {
        let fixed =
            OF_ROWS.iter().chain(more.iter().copied().flatten()).chain(&["customer.id", "rule.label"]);
        let attributes = vocabulary.customer.attributes.iter().map(|a| format!("customer.{}", a.name));
        let shop = self.config.shop.keys().map(|key| format!("shop.{key}"));
        fixed.map(|name| (*name).to_owned()).chain(attributes).chain(shop).collect()
    }
}

/// A template's error at its line.
pub(crate) fn template_error(folder: &Path, sources: &mut Sources, error: TemplateError) -> Diagnostic {
    let path = relative(folder, &error.file);
    let known: HashMap<&str, _> =
        sources.iter().map(|(id, source): (_, &Source)| (source.path.as_str(), id)).collect();
    let file = match known.get(path.as_str()) {
        Some(id) => *id,
        None => {
            let bytes = crate::files::read(&error.file).unwrap_or_default();
            sources.add(path, String::from_utf8_lossy(&bytes))
        }
    };
    let text = sources.get(file).map_or("", |s| s.text.as_str());
    let start: usize = text.split_inclusive('\n').take(error.line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let place = Place { file, span: Span::new(start, start + line.trim_end().len()) };
    let finding = Diagnostic::new(error.code, place, error.message);
    match error.help {
        Some(help) => finding.help(help),
        None => finding,
    }
}
