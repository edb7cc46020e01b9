//! A project that is ready to be worked with: read, checked, its databases found, its carriers made.

use crate::decide::Decider;
use crate::dispatch::Dispatcher;
use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tidings_channels::{
    Carriers, ChannelConfig, Clock, CouponConfig, Secret, Surroundings, Templates, body_variables,
};
use tidings_check::Program;
use tidings_check::program::Action;
use tidings_engine::{Evaluator, Needs};
use tidings_plan::{Carrier, Door, Kind, Supplies, Terms};
use tidings_project::{Config, Project};
use tidings_schema::{AttributeId, Vocabulary, money};
use tidings_store::{CustomerStore, Outlet, Room, State, StateError, StoreError, path_of};
use tidings_syntax::{Diagnostic, Sources};

/// A project without errors.
pub struct Site {
    /// Its files.
    pub project: Project,
    /// Its rules.
    pub program: Program,
    /// Whether what is sent is caught: asked for, or because no channel is declared.
    pub sandbox: bool,
    /// What sends leave through.
    pub carriers: Carriers,
    /// How many warnings `tidings check` has.
    pub warnings: usize,
    store: SecretString,
    state: Place,
    place: Surroundings,
    /// How much memory the customers may take, where `tidings.yaml` says it.
    room: Option<Room>,
    evaluator: OnceLock<Evaluator>,
}

/// Where the engine's own database is.
enum Place {
    /// In a file.
    File(PathBuf),
    /// On a server, by its URL.
    Server(SecretString),
}

impl Place {
    /// Reads what `tidings.yaml` says, an address that is kept elsewhere included.
    fn of(written: &str, folder: &Path) -> Result<Place, String> {
        let url = address(written, folder).map_err(|e| format!("state: {e}"))?;
        if url.expose_secret().starts_with("postgres") {
            return Ok(Place::Server(url));
        }
        path_of(url.expose_secret(), folder).map(Place::File).map_err(|e| e.to_string())
    }
}

/// What is written, or what is kept where it says.
fn address(written: &str, folder: &Path) -> Result<SecretString, String> {
    match Secret::parse(written) {
        Some(secret) => secret.resolve(folder),
        None => Ok(written.to_owned().into()),
    }
}

/// The customers' database as `tidings.yaml` writes it, an address that is kept elsewhere included.
pub async fn open_customers(written: &str, folder: &Path) -> Result<CustomerStore, String> {
    let url = address(written, folder).map_err(|e| format!("store: {e}"))?;
    CustomerStore::open(url.expose_secret(), folder).await.map_err(|e| e.to_string())
}

/// Why a project cannot be worked with.
pub struct Unsound {
    /// Its errors.
    pub errors: Vec<Diagnostic>,
    /// The files that they are in.
    pub sources: Sources,
    /// What is wrong around it: secrets that are not set, certificates that cannot be read. For people.
    pub problems: Vec<String>,
    /// The folder of its rule files.
    pub rules: String,
}

/// How many errors of a project are told where each is one line.
const MOST: usize = 20;

impl Unsound {
    /// The first errors, each in a line with its code and place.
    pub fn lines(&self) -> Vec<String> {
        let line = |error: &Diagnostic| {
            let (line, column) = self.sources.line_column(error.place.file, error.place.span.start);
            let file = self.sources.get(error.place.file).map_or("", |s| s.path.as_str());
            format!("{} {file}:{line}:{column}: {}", error.code.id(), error.message)
        };
        self.errors.iter().map(line).chain(self.problems.iter().cloned()).take(MOST).collect()
    }
}

impl Site {
    /// Reads and checks a project and makes its carriers. With `sandbox`, and where no channel is declared,
    /// everything is caught.
    pub fn open(folder: &Path, sandbox: bool, clock: Clock) -> Result<Site, Unsound> {
        Site::read(folder, sandbox, clock, |_| {})
    }

    fn read(
        folder: &Path,
        sandbox: bool,
        clock: Clock,
        before: impl FnOnce(&mut Project),
    ) -> Result<Site, Unsound> {
        let (mut project, mut found) = Project::load(folder);
        before(&mut project);
        let checked = project.check();
        found.extend(checked.diagnostics);
        let (errors, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(Diagnostic::is_error);
        let Some(program) = checked.program.filter(|_| errors.is_empty()) else {
            return Err(unsound(errors, Vec::new(), project));
        };
        let site = Site::around(project, program, sandbox, clock)?;
        Ok(Site { warnings: warnings.len(), ..site })
    }

    /// A project whose rules are only looked at: neither the secrets of its store nor those of its channels have to be
    /// there.
    pub fn offline(folder: &Path, clock: Clock) -> Result<Site, Unsound> {
        Site::read(folder, true, clock, |project| project.config.store = Config::default().store)
    }

    /// A project whose rules, templates or `schema.yaml` have errors, for what needs none of them: its state, who
    /// unsubscribes, what comes back. Nothing where `tidings.yaml` cannot be used either.
    pub fn without_rules(folder: &Path, sandbox: bool, clock: Clock) -> Option<Site> {
        let (project, found) = Project::load(folder);
        let settings = |d: &Diagnostic| {
            project.sources.get(d.place.file).is_some_and(|source| source.path == "tidings.yaml")
        };
        if found.iter().any(|d| d.is_error() && settings(d)) {
            return None;
        }
        let program = Program::without_rules(Arc::new(Vocabulary::empty(&project.config.settings())));
        Site::around(project, program, sandbox, clock).ok()
    }

    /// Makes carriers for a project and finds its databases.
    fn around(project: Project, program: Program, sandbox: bool, clock: Clock) -> Result<Site, Unsound> {
        let folder = project.folder.as_path();
        let place = Surroundings {
            folder: folder.to_owned(),
            sandbox: caught(folder),
            zone: project.config.zone,
            clock,
        };
        let (delivery, templates) = (&project.config.delivery, Arc::clone(&project.templates));
        let carriers = match Carriers::build(delivery, templates, sandbox, &place) {
            Ok(carriers) => carriers,
            Err(problems) => return Err(unsound(Vec::new(), problems, project)),
        };
        let sandbox = carriers.is_sandbox();
        // What was only caught must not count as sent: the sandbox has a state of its own.
        let state = if sandbox {
            Ok(Place::File(folder.join(".tidings/sandbox/state.db")))
        } else {
            Place::of(&project.config.state, folder)
        };
        let store = address(&project.config.store, folder).map_err(|e| format!("store: {e}"));
        let (store, state) = match (store, state) {
            (Ok(store), Ok(state)) => (store, state),
            (store, state) => {
                let problems = [store.err(), state.err()].into_iter().flatten().collect();
                return Err(unsound(Vec::new(), problems, project));
            }
        };
        let aside = |memory| Room { memory, folder: folder.join(".tidings"), threads: threads() };
        let room = project.config.memory.map(aside);
        Ok(Site {
            project,
            program,
            sandbox,
            carriers,
            warnings: 0,
            store,
            state,
            place,
            room,
            evaluator: OnceLock::new(),
        })
    }

    /// The site, unless something keeps it from being worked with.
    pub(crate) fn unless(self, problems: Vec<String>) -> Result<Site, Unsound> {
        if problems.is_empty() { Ok(self) } else { Err(unsound(Vec::new(), problems, self.project)) }
    }

    /// The folder of what Tidings itself keeps.
    pub fn kept_in(&self) -> PathBuf {
        match &self.state {
            Place::File(file) => file.parent().map_or_else(PathBuf::new, Path::to_owned),
            Place::Server(_) => self.project.folder.join(".tidings"),
        }
    }

    /// Whether another version of the project keeps its state in the same place.
    pub fn same_state(&self, other: &Site) -> bool {
        match (&self.state, &other.state) {
            (Place::File(one), Place::File(other)) => one == other,
            (Place::Server(one), Place::Server(other)) => one.expose_secret() == other.expose_secret(),
            _ => false,
        }
    }

    /// The channel and the customer of an unsubscribe link's token, if one of the channels made it.
    pub fn unsubscriber(&self, token: &str) -> Option<(String, String)> {
        self.carriers.unsubscribes(token)
    }

    /// The same carriers, with a mark on everything that they send.
    pub fn test_carriers(&self, mark: &str) -> Result<Carriers, Vec<String>> {
        // What is wrong with a template was found before.
        let (templates, _) = Templates::load(&self.project.folder.join("templates"));
        let (delivery, templates) = (&self.project.config.delivery, Arc::new(templates.marked(mark)));
        Carriers::build(delivery, templates, self.sandbox, &self.place)
    }

    /// The project's time zone.
    pub fn zone(&self) -> Tz {
        self.project.config.zone
    }

    /// The customers' database.
    pub async fn customers(&self) -> Result<CustomerStore, StoreError> {
        let (url, folder) = (self.store.expose_secret(), &self.project.folder);
        CustomerStore::open_as(url, folder, &self.program.vocabulary).await
    }

    /// The file that keeps what the command line read of the customers, unless the project wants none.
    pub fn cache(&self) -> Option<PathBuf> {
        self.project.config.cache.then(|| cache(&self.project.folder))
    }

    /// The engine's own database, made where there is none.
    pub async fn state(&self) -> Result<State, StateError> {
        match &self.state {
            Place::File(file) => State::open_file(file).await,
            Place::Server(url) => State::open(url.expose_secret()).await,
        }
    }

    /// The engine's own database, where it was made already: looking makes none.
    pub async fn state_so_far(&self) -> Result<Option<State>, StateError> {
        match &self.state {
            Place::File(file) if !file.exists() => Ok(None),
            _ => self.state().await.map(Some),
        }
    }

    /// What plans are made from.
    pub fn decider<'a>(&'a self, customers: &'a CustomerStore, state: Option<&'a State>) -> Decider<'a> {
        Decider {
            program: &self.program,
            project: &self.project.config.name,
            customers,
            resident: None,
            room: self.room.as_ref(),
            state,
            addresses: self.carriers.addresses(),
            evaluator: self.evaluator(),
            threads: threads(),
            since: &[],
            beside: None,
            sparing: false,
        }
    }

    /// The compiled rules, reading all columns that plans and sends need. They are compiled once.
    pub fn evaluator(&self) -> &Evaluator {
        self.evaluator.get_or_init(|| {
            let needs = tidings_plan::needs(&self.program).union(&self.shown());
            let needs = needs.union(&tidings_plan::data::needs(&self.program.vocabulary));
            Evaluator::compile(&self.program).reading(&needs)
        })
    }

    /// The attributes that templates, bodies and webhooks show.
    fn shown(&self) -> Needs {
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
        let delivery = &config.delivery;
        let others = delivery.webhooks.values().chain(delivery.teams.values());
        let others = others.chain(delivery.coupon_providers.values());
        let in_bodies = others.filter_map(|http| http.body.as_ref()).flat_map(body_variables).collect();
        let mut supplies = Supplies {
            in_bodies: self.attributes(&in_bodies),
            shop: serde_json::json!(config.shop),
            ..worths_and_prices(config)
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
    pub async fn dispatcher(&self, state: &State) -> Result<Dispatcher, StateError> {
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
        let carriers = outlets.into_iter().filter_map(|o| self.carrier(&o).map(|c| (o, c))).collect();
        let mut dispatcher = Dispatcher::new(state.clone(), carriers, &worker());
        // What is caught wakes nobody: there the plan's word stands, made for the moment that was asked for.
        if !self.sandbox {
            dispatcher.door = Door::new(&self.program, &self.project.config.name);
        }
        Ok(dispatcher)
    }

    /// What takes the sends of an outlet; nothing where it is not configured.
    pub fn carrier(&self, outlet: &Outlet) -> Option<Arc<dyn Carrier>> {
        // A project may have one place for all teams.
        let channel = if outlet.kind == Kind::Notify { "notify" } else { &outlet.channel };
        self.carriers.get(outlet.kind, channel, &outlet.channel).map(Arc::clone)
    }

    fn provider(&self, coupon: &str) -> &str {
        self.project.config.delivery.coupons.get(coupon).map_or("coupon", |c| c.provider.as_str())
    }
}

/// What the declared coupons are worth and what messages cost, all that counting what is sent needs of the supplies.
pub fn worths_and_prices(config: &Config) -> Supplies {
    let terms = |c: &CouponConfig| Terms {
        provider: c.provider.clone(),
        value: c.value.clone(),
        worth: money::parse(&c.value),
        label: c.label.clone(),
        valid_for: c.valid_for.and_then(|l| i64::try_from(l.0).ok()),
    };
    let coupons = config.delivery.coupons.iter().map(|(name, c)| (name.clone(), terms(c))).collect();
    Supplies { coupons, prices: config.prices.clone(), ..Supplies::default() }
}

fn unsound(errors: Vec<Diagnostic>, problems: Vec<String>, project: Project) -> Unsound {
    Unsound { errors, problems, rules: project.config.rules, sources: project.sources }
}

/// This process among all workers. In containers every process is number 1, so the moment of its start parts it
/// from the one before.
pub fn worker() -> String {
    static STARTED: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    let started = STARTED.get_or_init(|| chrono::Utc::now().timestamp_micros());
    format!("{}-{}-{started}", std::env::var("HOSTNAME").unwrap_or_default(), std::process::id())
}

/// The file that keeps what the command line read of the customers.
pub fn cache(folder: &Path) -> PathBuf {
    folder.join(".tidings/customers.cache")
}

/// The folder of what the sandbox caught.
pub fn caught(folder: &Path) -> PathBuf {
    folder.join(".tidings/sandbox/caught")
}

/// How many threads evaluate.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The wall clock, in microseconds since 1970 UTC.
pub fn wall_clock() -> Clock {
    Arc::new(|| chrono::Utc::now().timestamp_micros())
}
