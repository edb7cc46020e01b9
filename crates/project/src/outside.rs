//! The parts of `tidings.yaml` that say what sends go through and what they cost: channels, prices, coupons, providers,
//! webhooks, teams.

use std::collections::BTreeMap;
use tidings_channels::config::{SandboxConfig, SmtpConfig};
use tidings_channels::{ChannelConfig, CouponConfig, Delivery, HttpConfig, check_http, check_smtp};
use tidings_schema::money::Price;
use tidings_schema::yaml::{Fields, Node};
use tidings_schema::{Currency, names};
use tidings_syntax::suggest::nearest;
use tidings_syntax::{Code, Diagnostic, Place};

/// The JSON body of a request: where it stands, and what it is sent for.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub place: Place,
    pub json: serde_json::Value,
    pub of: Purpose,
}

/// What a request is sent for, which decides what its body can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Purpose {
    Message,
    Coupon,
    Other,
}

/// All that they say.
pub(crate) struct Outside {
    pub delivery: Delivery,
    pub bodies: Vec<Body>,
    /// What a message of a channel costs, and where its name stands.
    pub prices: BTreeMap<String, (Price, Place)>,
}

/// Reads them all. Prices are in the project's currency, where that could be read.
pub(crate) fn read(fields: &Fields<'_>, currency: Option<Currency>, out: &mut Vec<Diagnostic>) -> Outside {
    let mut reader = Reader { out, bodies: Vec::new() };
    let coupons = fields.get("coupons");
    let mut delivery = Delivery {
        channels: reader.each(fields.get("channels"), Reader::channel),
        coupon_providers: reader.each(fields.get("providers"), Reader::provider),
        coupons: reader.each(coupons.clone(), |reader, node| node.typed(&[], reader.out)),
        webhooks: reader.each(fields.get("webhooks"), |reader, node| reader.http(node, Purpose::Other)),
        teams: BTreeMap::new(),
    };
    if let Some(node) = fields.get("notify") {
        delivery.teams = reader.teams(&node);
    }
    let prices = reader.each(fields.get("prices"), |reader, node| reader.price(node, currency));
    // Without channels everything goes to the sandbox, and no provider is asked; of parts that cannot be read it is told
    // already.
    let names = |node: Node<'_>| -> Option<Vec<String>> {
        Some(node.entries(&mut Vec::new())?.iter().map(|(name, _)| names::normal(name)).collect())
    };
    if let Some(coupons) = coupons
        && fields.get("channels").and_then(names).is_some()
        && let Some(providers) = fields.get("providers").map_or(Some(Vec::new()), names)
    {
        reader.providers(&coupons, &delivery.coupons, &providers);
    }
    Outside { delivery, bodies: reader.bodies, prices }
}

struct Reader<'o> {
    out: &'o mut Vec<Diagnostic>,
    bodies: Vec<Body>,
}

impl Reader<'_> {
    /// The entries of a part, by names that rules can write.
    fn each<T>(
        &mut self,
        part: Option<Node<'_>>,
        read: impl Fn(&mut Self, &Node<'_>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let mut all = BTreeMap::new();
        for (name, node) in part.and_then(|n| n.entries(self.out)).unwrap_or_default() {
            let name = names::normal(&name);
            if !names::is_name(&name) {
                let finding = Diagnostic::new(
                    Code::UNWRITABLE_NAME,
                    node.key_place(),
                    format!("rules could not write the name `{name}`"),
                );
                self.out.push(
                    finding.help(
                        "names have letters, digits, `_` and single `-` inside, and begin with a letter",
                    ),
                );
            }
            all.extend(read(self, &node).map(|value| (name, value)));
        }
        all
    }

    fn channel(&mut self, node: &Node<'_>) -> Option<ChannelConfig> {
        let kind = self.kind(node, &["smtp", "http", "sandbox"])?;
        match kind {
            "smtp" => self.smtp(node).map(ChannelConfig::Smtp),
            "http" => self.http(node, Purpose::Message).map(ChannelConfig::Http),
            _ => self.typed::<SandboxConfig>(node).map(ChannelConfig::Sandbox),
        }
    }

    /// What a message costs, and where the channel's name stands.
    fn price(&mut self, node: &Node<'_>, currency: Option<Currency>) -> Option<(Price, Place)> {
        let Some(price) = Price::parse(&node.text(self.out)?) else {
            let example = currency.unwrap_or(Currency::USD).code();
            return node
                .wrong_shape(&format!("a price with its currency, such as `0.045 {example}`"), self.out);
        };
        if let Some(own) = currency.filter(|own| *own != price.currency()) {
            let [own, other] = [own.code(), price.currency().code()];
            let message = format!("this price is in {other}, and the project's currency is {own}");
            let help = format!("write what it is in {own}, or `currency: {other}` for the project");
            self.out.push(node.finding(Code::CURRENCY, message).help(help));
            return None;
        }
        Some((price, node.key_place()))
    }

    /// What kind of service it is.
    fn kind(&mut self, node: &Node<'_>, kinds: &[&'static str]) -> Option<&'static str> {
        let entries = node.entries(self.out)?;
        let Some((_, kind)) = entries.into_iter().find(|(key, _)| key == "kind") else {
            let finding = Diagnostic::new(
                Code::MISSING_KEY,
                node.key_place(),
                format!("`kind` is missing in `{}`", node.key()),
            );
            self.out.push(finding.help(format!("write `kind: {}`", kinds.join("`, or `kind: "))));
            return None;
        };
        let written = kind.text(self.out)?;
        let known = kinds.iter().find(|k| **k == written);
        if known.is_none() {
            let finding = kind.finding(Code::BAD_CHANNEL, format!("there is no kind `{written}`"));
            self.out.push(finding.help(format!("it is one of {}", kinds.join(", "))));
        }
        known.copied()
    }

    fn typed<T: for<'de> serde::Deserialize<'de>>(&mut self, node: &Node<'_>) -> Option<T> {
        let mut found = Vec::new();
        let read = node.typed(&["kind"], &mut found);
        // A secret that was written out has been found already.
        let known = self.out.iter().any(|d| d.code == Code::LITERAL_SECRET);
        let secret = |d: &Diagnostic| d.message.contains("secret");
        self.out.extend(
            found
                .into_iter()
                .filter(|d| !(known && secret(d)))
                .map(|d| if secret(&d) { Diagnostic { code: Code::LITERAL_SECRET, ..d } } else { d }),
        );
        read
    }

    fn smtp(&mut self, node: &Node<'_>) -> Option<SmtpConfig> {
        let smtp: SmtpConfig = self.typed(node)?;
        if let Err(problem) = check_smtp(&smtp) {
            let entries = node.entries(self.out).unwrap_or_default();
            let at = entries.iter().find(|(key, _)| problem.starts_with(&format!("{key}: ")));
            self.wrong(at.map_or(node, |(_, part)| part).key_place(), &problem);
        }
        Some(smtp)
    }

    fn wrong(&mut self, place: Place, problem: &str) {
        let (message, help) = problem.split_once("; ").unwrap_or((problem, "see docs/project.md"));
        self.out.push(Diagnostic::new(Code::BAD_CHANNEL, place, message).help(help));
    }

    fn http(&mut self, node: &Node<'_>, purpose: Purpose) -> Option<HttpConfig> {
        let http: HttpConfig = self.typed(node)?;
        self.request(node, &http, purpose);
        Some(http)
    }

    fn provider(&mut self, node: &Node<'_>) -> Option<HttpConfig> {
        self.kind(node, &["http"])?;
        let provider: HttpConfig = self.typed(node)?;
        self.request(node, &provider, Purpose::Coupon);
        Some(provider)
    }

    /// The address and the body of a request.
    fn request(&mut self, node: &Node<'_>, http: &HttpConfig, of: Purpose) {
        let entries = node.entries(self.out).unwrap_or_default();
        let find = |wanted: &str| entries.iter().find(|(key, _)| key == wanted).map(|(_, n)| n);
        // An account in the address has been found already.
        if let (Some(url), false) = (find("url"), http.url.contains('@'))
            && let Err(problem) = check_http(http)
        {
            self.wrong(url.place(), &problem);
        }
        if let (Some(code), true) = (find("code"), of != Purpose::Coupon) {
            self.wrong(code.key_place(), "only a coupon provider answers with a `code`; take it out");
        }
        if let (Some(body), Some(json)) = (find("body"), &http.body) {
            self.bodies.push(Body { place: body.key_place(), json: json.clone(), of });
        }
    }

    /// `notify: {url: …}` for every team, or one entry a team.
    fn teams(&mut self, node: &Node<'_>) -> BTreeMap<String, HttpConfig> {
        let entries = node.entries(self.out).unwrap_or_default();
        if entries.iter().any(|(key, _)| key == "url") {
            let all = self.http(node, Purpose::Other).map(|http| ("notify".to_owned(), http));
            return all.into_iter().collect();
        }
        entries
            .into_iter()
            .filter_map(|(team, node)| Some((team, self.http(&node, Purpose::Other)?)))
            .collect()
    }

    /// Every coupon's provider is declared, however that went.
    fn providers(&mut self, node: &Node<'_>, coupons: &BTreeMap<String, CouponConfig>, providers: &[String]) {
        for (name, node) in node.entries(self.out).unwrap_or_default() {
            let Some(coupon) = coupons.get(&names::normal(&name)) else { continue };
            let provider = &coupon.provider;
            if providers.contains(provider) {
                continue;
            }
            let message = format!("nothing grants the coupon `{name}`: there is no provider `{provider}`");
            let finding = Diagnostic::new(Code::NOTHING_THERE, node.key_place(), message);
            self.out.push(match nearest(provider, providers.iter().map(String::as_str)) {
                Some(near) => finding.help(format!("perhaps `{near}` was meant")),
                None => finding
                    .help(format!("declare it: `providers: {{{provider}: {{kind: http, url: https://…}}}}`")),
            });
        }
    }
}
