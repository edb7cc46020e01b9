//! A project that is ready to be worked with: read, checked, its databases found.

use crate::failure::Failure;
use crate::report::findings;
use crate::screen::Screen;
use serde_json::Value;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_channels::{Carriers, ChannelConfig, Surroundings, body_variables};
use tidings_check::Program;
use tidings_check::program::Action;
use tidings_daemon::{Decider, Dispatcher};
use tidings_engine::Needs;
use tidings_plan::{Kind, Supplies, Terms};
use tidings_project::Project;
use tidings_schema::{AttributeId, Now, money};
use tidings_store::{CustomerStore, Outlet, State, path_of};
use tidings_syntax::Diagnostic;

/// A project without errors.
pub struct Opened {
    /// Its files.
    pub project: Project,
    /// Its rules.
    pub program: Program,
    /// Whether what is sent is caught: asked for, or because no channel is declared.
    pub sandbox: bool,
    /// What sends leave through.
    pub carriers: Carriers,
}

impl Opened {
    /// Reads and checks a project. Its errors go to the standard error and are a failure; warnings are counted.
    pub fn open(folder: &Path, sandbox: bool, screen: &Screen) -> Result<Opened, Failure> {
        let (mut project, mut found) = Project::load(folder);
        let checked = project.check();
        found.extend(checked.diagnostics);
        let warnings = found.iter().filter(|d| !d.is_error()).count();
        if warnings > 0 {
            eprintln!("note: `tidings check` has {warnings} warnings");
        }
        let shown: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
        if !shown.is_empty() {
            eprint!("{}", findings::text(&shown, &project.sources, screen));
        }
        let Some(program) = checked.program.filter(|_| shown.is_empty()) else {
            return Err(Failure::new(
                "the project has errors, so nothing is planned or sent; `tidings check` shows them all",
            ));
        };
        let place = Surroundings {
            folder: folder.to_owned(),
            sandbox: caught(folder),
            zone: project.config.zone,
            clock: Arc::new(|| chrono::Utc::now().timestamp_micros()),
        };
        let carriers =
            Carriers::build(&project.config.delivery, Arc::clone(&project.templates), sandbox, &place)
                .map_err(|e| Failure::new(e.join("\n")))?;
        Ok(Opened { sandbox: carriers.is_sandbox(), project, program, carriers })
    }

    /// The customers' database.
    pub async fn customers(&self) -> Result<CustomerStore, Failure> {
        Ok(CustomerStore::open(&self.project.config.store, &self.project.folder).await?)
    }

    /// The engine's own database, made where there is none.
    pub async fn state(&self) -> Result<State, Failure> {
        Ok(State::open_file(&self.state_file()?).await?)
    }

    /// The engine's own database, where it was made already: looking makes none.
    pub async fn state_so_far(&self) -> Result<Option<State>, Failure> {
        if self.state_file()?.exists() { Ok(Some(self.state().await?)) } else { Ok(None) }
    }

    /// What was only caught must not count as sent: the sandbox has a state of its own.
    fn state_file(&self) -> Result<PathBuf, Failure> {
        let folder = &self.project.folder;
        if self.sandbox {
            return Ok(folder.join(".tidings/sandbox/state.db"));
        }
        Ok(path_of(&self.project.config.state, folder)?)
    }

    /// The moment that was asked for.
    pub fn now(&self, at: Option<&str>) -> Result<Now, Failure> {
        let zone = self.project.config.zone;
        match at {
            None => Ok(Now::new(chrono::Utc::now(), zone)),
            Some(text) => Now::parse(text, zone).ok_or_else(|| {
                Failure::new(format!(
                    "`{text}` is no moment; write 2026-11-11, 2026-11-11T10:00 or 2026-11-11T10:00:00+08:00"
                ))
            }),
        }
    }

    /// The rules that were asked for, by their positions; none is all of them.
    pub fn only(&self, names: &[String]) -> Result<Option<Vec<usize>>, Failure> {
        let find = |name: &String| self.rule(name);
        if names.is_empty() { Ok(None) } else { names.iter().map(find).collect::<Result<_, _>>().map(Some) }
    }

    /// The position of a rule.
    pub fn rule(&self, name: &str) -> Result<usize, Failure> {
        if let Some((position, _)) = self.program.find_rule(name) {
            return Ok(position);
        }
        let names = self.program.rules.iter().map(|r| r.name.as_str());
        Err(Failure::new(match tidings_syntax::suggest::nearest(name, names.clone()) {
            Some(near) => format!("there is no rule `{name}`; `{near}` was probably meant"),
            None => format!("there is no rule `{name}`; there are {}", names.collect::<Vec<_>>().join(", ")),
        }))
    }

    /// What plans are made from.
    pub fn decider<'a>(
        &'a self,
        customers: &'a CustomerStore,
        state: Option<&'a State>,
        shown: &'a Needs,
    ) -> Decider<'a> {
        Decider {
            program: &self.program,
            project: &self.project.config.name,
            customers,
            state,
            addresses: self.carriers.addresses(),
            shown,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// The attributes that templates, bodies and webhooks show.
    pub fn shown(&self) -> Needs {
        let mut needs = Needs::default();
        let supplies = self.supplies();
        for id in supplies.shown.values().flatten().chain(&supplies.in_bodies) {
            needs.want(*id);
        }
        needs
    }

    /// What names this state of the rules: the same for the same files.
    pub fn fingerprint(&self) -> String {
        let mut files = std::hash::DefaultHasher::new();
        for (_, source) in self.project.sources.iter() {
            source.path.hash(&mut files);
            source.text.hash(&mut files);
        }
        format!("{:016x}", files.finish())
    }

    /// What the sends need to know beyond the plan.
    pub fn supplies(&self) -> Supplies {
        let config = &self.project.config;
        let terms = |c: &tidings_channels::CouponConfig| Terms {
            provider: c.provider.clone(),
            value: c.value.clone(),
            worth: money::parse(&c.value).map(|(minor, _)| minor),
            label: c.label.clone(),
            valid_for: c.valid_for.and_then(|l| i64::try_from(l.0).ok()),
        };
        let delivery = &config.delivery;
        let others = delivery.webhooks.values().chain(delivery.teams.values());
        let others = others.chain(delivery.coupon_providers.values().map(|p| &p.http));
        let in_bodies = others.filter_map(|http| http.body.as_ref()).flat_map(body_variables).collect();
        let mut supplies = Supplies {
            in_bodies: self.attributes(&in_bodies),
            coupons: delivery.coupons.iter().map(|(name, c)| (name.clone(), terms(c))).collect(),
            shop: serde_json::json!(config.shop),
            ..Supplies::default()
        };
        for (template, channel) in self.project.templates.names() {
            let mut names: BTreeSet<String> =
                self.project.templates.variables(template, channel).into_iter().map(str::to_owned).collect();
            names.extend(self.body(channel).into_iter().flat_map(body_variables));
            let name = (template.to_owned(), channel.to_owned());
            if names.iter().any(|n| n.starts_with("coupon.")) {
                supplies.with_coupon.insert(name.clone());
            }
            supplies.shown.insert(name, self.attributes(&names));
        }
        supplies
    }

    /// The body of an HTTP channel's requests.
    fn body(&self, channel: &str) -> Option<&Value> {
        match self.project.config.delivery.channels.get(channel)? {
            ChannelConfig::Http(http) => http.body.as_ref(),
            _ => None,
        }
    }

    fn attributes(&self, names: &BTreeSet<String>) -> Vec<AttributeId> {
        let attributes = names.iter().filter_map(|n| n.strip_prefix("customer."));
        attributes.filter_map(|a| self.program.vocabulary.find_attribute(a)).map(|(id, _)| id).collect()
    }

    /// Takes what the rules send, and what earlier runs left, to where it goes.
    pub async fn dispatcher(&self, state: &State) -> Result<Dispatcher, Failure> {
        let mut outlets = state.outlets().await?;
        let steps = self.program.rules.iter().flat_map(|r| r.then.iter().chain(&r.otherwise));
        for step in steps {
            let outlet = |kind, channel: &str| Outlet { kind, channel: channel.to_owned() };
            let coupon = |name: &String| outlet(Kind::Coupon, self.provider(name));
            match &step.action {
                Action::Message { channels, coupon: with, .. } => {
                    outlets.extend(channels.iter().map(|c| outlet(Kind::Message, c)));
                    outlets.extend(with.iter().map(coupon));
                }
                Action::Coupon(name) => outlets.push(coupon(name)),
                Action::Webhook(name) => outlets.push(outlet(Kind::Webhook, name)),
                Action::Notify(team) => outlets.push(outlet(Kind::Notify, team)),
                Action::AddTag(..) | Action::RemoveTag(..) | Action::Set(..) => {}
            }
        }
        let carrier = |o: Outlet| {
            // A project may have one place for all teams.
            let channel = if o.kind == Kind::Notify { "notify" } else { &o.channel };
            self.carriers.get(o.kind, channel, &o.channel).map(Arc::clone).map(|c| (o, c))
        };
        let worker = format!("{}-{}", std::env::var("HOSTNAME").unwrap_or_default(), std::process::id());
        Ok(Dispatcher::new(state.clone(), outlets.into_iter().filter_map(carrier).collect(), &worker))
    }

    fn provider(&self, coupon: &str) -> &str {
        self.project.config.delivery.coupons.get(coupon).map_or("coupon", |c| c.provider.as_str())
    }
}

/// The folder of what the sandbox caught.
pub fn caught(folder: &Path) -> PathBuf {
    folder.join(".tidings/sandbox/caught")
}
