//! `tidings.yaml`: where the customers are, and what sends go through.

use crate::outside::{self, Body, Outside};
use crate::secrets;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use tidings_channels::{Delivery, Secret};
use tidings_reason::Lint;
use tidings_schema::load::{currency, zone};
use tidings_schema::money::Price;
use tidings_schema::yaml::{Document, Fields, Node};
use tidings_schema::{Currency, Settings, names};
use tidings_syntax::{Code, Diagnostic, FileId, Place};

/// Where everything is kept that nobody keeps elsewhere, relative to the project.
const OWN_STORE: &str = "sqlite:.tidings/store.db";

const KEYS: [&str; 16] = [
    "name",
    "store",
    "state",
    "cache",
    "memory",
    "rules",
    "lints",
    "time_zone",
    "currency",
    "shop",
    "channels",
    "prices",
    "coupons",
    "providers",
    "webhooks",
    "notify",
];

/// What `tidings.yaml` says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The project's name, a part of every send's key. It never depends on the folder, which may move.
    pub name: String,
    /// The customers' database: a URL, a relative path of which is the project's, or where one is kept, as `env:NAME`
    /// or `file:PATH`.
    pub store: String,
    /// The database of what the engine itself decided: a URL, or where one is kept, as `env:NAME` or `file:PATH`.
    pub state: String,
    /// Whether the command line keeps what it read of the customers in a file.
    pub cache: bool,
    /// How many bytes the customers may take in memory. Without it, as many as they need.
    pub memory: Option<u64>,
    /// The folder of the rule files, relative to the project.
    pub rules: String,
    /// What every rule should say.
    pub lints: Vec<Lint>,
    /// Days begin and end in it.
    pub zone: Tz,
    /// The currency of money that does not say its own.
    pub currency: Currency,
    /// What templates show as `shop.…`.
    pub shop: BTreeMap<String, String>,
    /// What sends go through.
    pub delivery: Delivery,
    /// What a message costs, by channel, in the project's currency.
    pub prices: BTreeMap<String, Price>,
    /// Whether it names the currency; what cannot be read is not blamed for it.
    pub says_currency: bool,
    /// The channels that are declared, by name. What is wrong with one is told there, and not of each rule that names it.
    pub channels: Vec<String>,
    /// The coupons likewise; without a word about them any name is one.
    pub coupons: Option<Vec<String>>,
    /// The webhooks likewise.
    pub webhooks: Option<Vec<String>>,
    pub(crate) bodies: Vec<Body>,
    /// The channels that have a price, where that stands.
    pub(crate) priced: Vec<(String, Place)>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            name: "project".to_owned(),
            store: OWN_STORE.to_owned(),
            state: OWN_STORE.to_owned(),
            cache: true,
            memory: None,
            rules: "rules".to_owned(),
            lints: Vec::new(),
            zone: Tz::UTC,
            currency: Currency::USD,
            shop: BTreeMap::new(),
            delivery: Delivery::default(),
            prices: BTreeMap::new(),
            says_currency: true,
            channels: Vec::new(),
            coupons: None,
            webhooks: None,
            bodies: Vec::new(),
            priced: Vec::new(),
        }
    }
}

impl Config {
    /// What the vocabulary needs to know.
    pub fn settings(&self) -> Settings {
        Settings { zone: self.zone, currency: self.currency }
    }
}

/// Reads the file. The second value is its text as it may be shown: without secrets that were written out.
pub(crate) fn read(text: &str, file: FileId, out: &mut Vec<Diagnostic>) -> (Config, String) {
    let mut config = Config::default();
    let mut shown = text.to_owned();
    if let Some(document) = Document::read(text, file, out) {
        let root = document.root();
        shown = secrets::masked(text, &secrets::literal(&root, out));
        if let Some(fields) = root.fields(&KEYS, out) {
            fill(&mut config, &fields, out);
        }
    }
    (config, shown)
}

fn fill(config: &mut Config, fields: &Fields<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(name) = fields.text("name", out) {
        config.name = name;
    }
    if let Some(store) = fields.get("store").and_then(|n| database(&n, &CUSTOMERS, out)) {
        config.store = store;
    }
    if let Some(state) = fields.get("state").and_then(|n| database(&n, &OWN, out)) {
        config.state = state;
    }
    if let Some(cache) = fields.get("cache").and_then(|n| n.truth(out)) {
        config.cache = cache;
    }
    config.memory = fields.get("memory").and_then(|n| memory(&n, out));
    if let Some(rules) = fields.text("rules", out) {
        config.rules = rules;
    }
    for item in fields.get("lints").and_then(|n| n.items(out)).unwrap_or_default() {
        let lint = lint(&item, out).filter(|lint| !config.lints.contains(lint));
        config.lints.extend(lint);
    }
    match fields.get("time_zone") {
        Some(node) => config.zone = zone(&node, out).unwrap_or(Tz::UTC),
        None => out.push(default_zone(fields)),
    }
    let currency = fields.get("currency").map(|n| currency(&n, out));
    config.currency = currency.flatten().unwrap_or(config.currency);
    for (key, node) in fields.get("shop").and_then(|n| n.entries(out)).unwrap_or_default() {
        config.shop.extend(node.text(out).map(|text| (key, text)));
    }
    config.says_currency = currency.is_some();
    let declared = |part: &str| {
        let entries = fields.get(part)?.entries(&mut Vec::new())?;
        Some(entries.into_iter().map(|(name, _)| names::normal(&name)).collect())
    };
    config.channels = declared("channels").unwrap_or_default();
    (config.coupons, config.webhooks) = (declared("coupons"), declared("webhooks"));
    let prices_in = currency.unwrap_or(Some(config.currency));
    let Outside { delivery, bodies, prices } = outside::read(fields, prices_in, out);
    config.priced = prices.iter().map(|(channel, (_, place))| (channel.clone(), *place)).collect();
    config.prices = prices.into_iter().map(|(channel, (price, _))| (channel, price)).collect();
    (config.delivery, config.bodies) = (delivery, bodies);
}

fn lint(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Lint> {
    let name = node.text(out)?;
    let known = Lint::ALL.into_iter().find(|lint| lint.name() == name);
    if known.is_none() {
        let message = format!("`{name}` is nothing that rules can be asked for");
        out.push(node.finding(Code::WRONG_SHAPE, message).help("write `owner`, `goal` or `expiry`"));
    }
    known
}

fn default_zone(fields: &Fields<'_>) -> Diagnostic {
    let place = fields.node().key_place();
    Diagnostic::new(Code::NO_ZONE, place, "there is no time zone, so days begin and end in UTC")
        .help("write `time_zone: Asia/Shanghai`, or another continent and city")
}

/// So much memory, written as `500 MB` or `2 GB`, in bytes.
fn memory(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<u64> {
    let text = node.text(out)?;
    let bytes = text.trim().split_once(char::is_whitespace).and_then(|(number, unit)| {
        let unit = match unit.trim() {
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
    });
    bytes.or_else(|| node.wrong_shape("an amount of memory with its unit, such as `500 MB` or `2 GB`", out))
}

/// Kinds of databases that the engine's own can be on, and those that customers can.
const OWN: [&str; 2] = ["postgres", "postgresql"];
const CUSTOMERS: [&str; 4] = ["postgres", "postgresql", "mysql", "mariadb"];

/// The address of a database: a file, a server of some kinds, or where the address is kept.
fn database(node: &Node<'_>, servers: &[&str], out: &mut Vec<Diagnostic>) -> Option<String> {
    let url = node.text(out)?;
    let problem = match url.split_once(':') {
        _ if Secret::parse(&url).is_some() => return Some(url),
        Some(("sqlite", "" | "//")) => "it names no file".to_owned(),
        Some(("sqlite", path)) if path.starts_with(":memory:") => {
            "a database in memory is gone after every command".to_owned()
        }
        Some(("sqlite", _)) => return Some(url),
        Some(("files", "" | "//")) => "it names no folder".to_owned(),
        Some(("files", _)) if servers.contains(&"mysql") => return Some(url),
        Some(("files", _)) => "nothing can be written to a folder of files".to_owned(),
        Some((scheme, rest)) if servers.contains(&scheme) && rest.starts_with("//") => return Some(url),
        Some((scheme, _)) if servers.contains(&scheme) => format!("it does not begin with `{scheme}://`"),
        Some((scheme, _)) if CUSTOMERS.contains(&scheme) => {
            format!("this can be on SQLite or PostgreSQL, and not on `{scheme}`")
        }
        _ if servers.contains(&"mysql") => {
            "it begins with none of `sqlite:`, `files:`, `postgres:` and `mysql:`".to_owned()
        }
        _ => "it begins neither with `sqlite:` nor with `postgres:`".to_owned(),
    };
    let finding = node.finding(Code::BAD_STORE, format!("`{}` cannot be used: {problem}", node.key()));
    out.push(
        finding
            .help(format!("write `{}: sqlite:shop.db`, with the path from the project's folder", node.key())),
    );
    None
}
