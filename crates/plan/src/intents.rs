//! From a plan to the rows that the outbox takes: pages, each with all of a customer's sends in one rule.

use crate::history::{Entry, Hold, Occasion, Page};
use crate::make::Question;
use crate::outbox::{Fallback, Intent, Key, Kind};
use crate::plan::{Audience, Plan, RulePlan, StepPlan, Verdict};
use crate::reach::Reach;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use tidings_check::program::{Action, Lateness, Rule};
use tidings_engine::Chunk;
use tidings_schema::money::Price;
use tidings_schema::{AttributeId, Currency, Value, calendar};

/// How long a message waits, in seconds.
const STALE: i64 = 86_400;
/// How many customers' sends a page holds.
const PAGE: usize = 500;

/// What the sends need to know beyond the plan.
#[derive(Clone, Debug, Default)]
pub struct Supplies {
    /// By template and channel, the customer attributes that it shows.
    pub shown: HashMap<(String, String), Vec<AttributeId>>,
    /// The customer attributes that the bodies of coupon requests, webhooks and notifications show.
    pub in_bodies: Vec<AttributeId>,
    /// Templates and channels that show the coupon of their rule.
    pub with_coupon: HashSet<(String, String)>,
    /// The declared coupons. Others are granted by the provider `coupon`, on no terms.
    pub coupons: HashMap<String, Terms>,
    /// What a message costs, by channel.
    pub prices: BTreeMap<String, Price>,
    /// What templates show of the shop, as a JSON object.
    pub shop: Json,
    /// Whether the rows expire, with their rule and with time. The outbox holds that against the real clock, so a run for another
    /// moment than the present has none that do.
    pub expiring: bool,
}

/// What a coupon is worth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// Who grants it.
    pub provider: String,
    /// What it is worth, as people read it: `20 CNY`.
    pub value: String,
    /// What people call it.
    pub label: Option<String>,
    /// The same in minor units, where it is money.
    pub worth: Option<(i64, Currency)>,
    /// For how many seconds from the run it can be used.
    pub valid_for: Option<i64>,
}

/// The plan as pages for the outbox, rule by rule, the higher priority first: whatever is made of the pages that are written
/// by some moment, of two changes of one value the later is always the one that has the last word.
pub fn pages<'a>(
    plan: &'a Plan,
    question: &'a Question<'a>,
    supplies: &'a Supplies,
) -> impl Iterator<Item = Page> + use<'a> {
    let mut rules: Vec<&RulePlan> = plan.rules.iter().collect();
    rules.sort_by_key(|rule| question.program.turn(rule.rule));
    rules.into_iter().flat_map(move |rule| {
        let (pages, page) = (Vec::new(), Page::default());
        let hold = hold(rule);
        let mut paging =
            Paging { question, supplies, plan: rule, pages, page, hold, customers: 0, reach: HashMap::new() };
        paging.rule();
        paging.pages
    })
}

/// What a rule waits for a person for.
fn hold(plan: &RulePlan) -> Option<Hold> {
    let customers = plan.waiting();
    let reason = plan.stopped.clone().filter(|_| customers > 0)?;
    Some(Hold { rule: plan.identity.clone(), reason, customers })
}

struct Paging<'a> {
    question: &'a Question<'a>,
    supplies: &'a Supplies,
    plan: &'a RulePlan,
    pages: Vec<Page>,
    page: Page,
    hold: Option<Hold>,
    customers: usize,
    /// By chunk and channel, where somebody was asked for who may be reached there in place of another channel.
    reach: HashMap<(usize, String), Reach>,
}

impl Paging<'_> {
    fn rule(&mut self) {
        let Some(rule) = self.question.program.rules.get(self.plan.rule) else { return };
        let plan = self.plan;
        let mut only_entered = plan.entered.clone();
        for audience in &plan.audiences {
            for (c, (chunk, outcome)) in self.question.chunks.iter().zip(&audience.outcome).enumerate() {
                let mut whom = outcome.sent();
                if let Some(mut used_up) = plan.used_up.get(c).cloned() {
                    used_up.and(&outcome.members());
                    whom.or(&used_up);
                }
                for customer in whom.iter() {
                    self.member(&Member { rule, audience, chunk, chunk_index: c, customer });
                }
                only_entered.get_mut(c).into_iter().for_each(|entered| entered.without(&whom));
            }
        }
        for (c, (chunk, entered)) in self.question.chunks.iter().zip(&only_entered).enumerate() {
            entered.iter().for_each(|customer| self.entry(c, chunk, customer, true));
        }
        for (c, (chunk, left)) in self.question.chunks.iter().zip(&plan.left).enumerate() {
            left.iter().for_each(|customer| self.entry(c, chunk, customer, false));
        }
        for (customer, entry) in &plan.gone {
            self.page.entries.push((plan.identity.clone(), customer.clone(), *entry));
        }
        self.turn();
    }

    /// That a customer enters the rule's audience, or leaves it.
    fn entry(&mut self, c: usize, chunk: &Chunk, customer: usize, inside: bool) {
        let (plan, key) = (self.plan, chunk.keys.value(customer));
        let before = plan.occasion.ordinals.get(c).and_then(|ordinals| ordinals.of(customer)).unwrap_or(0);
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let entry = Entry { ordinal: before.saturating_add(u32::from(inside)), inside };
        self.page.entries.push((plan.identity.clone(), key.to_owned(), entry));
    }

    fn turn(&mut self) {
        if self.page != Page::default() {
            self.page.hold = self.hold.clone();
            self.page.cursor = format!("{}/{}", self.plan.identity, self.pages.len() + 1);
            self.pages.push(std::mem::take(&mut self.page));
        }
        self.customers = 0;
    }

    fn member(&mut self, member: &Member<'_>) {
        let occasion = self.plan.occasion.of(member.chunk_index, member.customer);
        let mut coupon = None;
        for step in &member.audience.steps {
            if let Some(Verdict::Planned(channel) | Verdict::Waits(channel)) =
                step.verdict(member.chunk_index, member.customer)
            {
                self.step(member, &step.id, &step.action, usize::from(channel), &occasion, &mut coupon);
            }
        }
        // An entry is written with what it brings, or it would be used up without it.
        if self.plan.entered.get(member.chunk_index).is_some_and(|e| e.contains(member.customer)) {
            self.entry(member.chunk_index, member.chunk, member.customer, true);
        }
        self.page.occasions.push(Occasion {
            rule: self.plan.identity.clone(),
            customer: member.key().to_owned(),
            occasion,
            at: self.question.now.micros,
        });
        self.customers += 1;
        if self.customers >= PAGE {
            self.turn();
        }
    }

    /// The rows of one step; `coupon` is the grant that later messages of the same customer may show.
    fn step(
        &mut self,
        member: &Member<'_>,
        id: &str,
        action: &Action,
        channel: usize,
        occasion: &str,
        coupon: &mut Option<Key>,
    ) {
        let zone = self.question.reaching().zone(member.chunk, member.customer).map(str::to_owned);
        let fallback = match action {
            Action::Message { template, channels, .. } => {
                self.fallback(member, id, template, channels.get(channel + 1..).unwrap_or_default(), occasion)
            }
            _ => Vec::new(),
        };
        let make = |step: &str, kind, channel: &str, subject: &str, values: Json| {
            let q = self.question;
            Intent {
                key: self.key(member, step, occasion),
                rule: self.plan.identity.clone(),
                step: step.to_owned(),
                customer: member.key().to_owned(),
                occasion: occasion.to_owned(),
                kind,
                channel: channel.to_owned(),
                subject: subject.to_owned(),
                address: None,
                values: values.to_string(),
                after: None,
                at: q.now.micros,
                priority: member.rule.priority,
                expires: self.expires(member),
                zone: zone.clone(),
                worth: None,
                fallback: Vec::new(),
            }
        };
        let grant = |step: &str, coupon: &str| {
            let terms = self.supplies.coupons.get(coupon);
            let provider = terms.map_or("coupon", |t| t.provider.as_str());
            let mut values = self.values(member, &self.supplies.in_bodies);
            if let (Some(terms), Some(values)) = (terms, values.as_object_mut()) {
                values.insert("coupon".to_owned(), self.terms(terms));
            }
            let worth = terms.and_then(|t| t.worth).map(|(minor, _)| minor);
            Intent { worth, ..make(step, Kind::Coupon, provider, coupon, values) }
        };
        let rows = match action {
            Action::Coupon(name) => {
                let grant = grant(id, name);
                *coupon = Some(grant.key);
                vec![grant]
            }
            Action::Message { template, channels, coupon: with } => {
                let Some(channel) = channels.get(channel) else { return };
                let mut rows = Vec::new();
                if let Some(name) = with {
                    let grant = grant(&format!("{id} with coupon {name}"), name);
                    *coupon = Some(grant.key);
                    rows.push(grant);
                }
                let name = (template.clone(), channel.clone());
                let mut message = make(id, Kind::Message, channel, template, self.shown(member, &name));
                message.address = self.address(member, channel);
                message.fallback = fallback;
                if with.is_some() || self.supplies.with_coupon.contains(&name) {
                    message.after = *coupon;
                }
                rows.push(message);
                rows
            }
            Action::Webhook(name) => {
                vec![make(id, Kind::Webhook, name, name, self.values(member, &self.supplies.in_bodies))]
            }
            Action::Notify(team) => {
                vec![make(id, Kind::Notify, team, team, self.values(member, &self.supplies.in_bodies))]
            }
            Action::AddTag(attribute, tag) => {
                vec![make(id, Kind::Change, "state", &self.name(*attribute), json!({"add": tag}))]
            }
            Action::RemoveTag(attribute, tag) => {
                vec![make(id, Kind::Change, "state", &self.name(*attribute), json!({"remove": tag}))]
            }
            Action::Set(attribute, value) => {
                vec![make(
                    id,
                    Kind::Change,
                    "state",
                    &self.name(*attribute),
                    json!({"set": self.stored(*attribute, value)}),
                )]
            }
        };
        self.page.intents.extend(rows);
    }

    fn key(&self, member: &Member<'_>, step: &str, occasion: &str) -> Key {
        let q = self.question;
        Key::new(&q.standing.secret, q.project, &self.plan.identity, step, member.key(), occasion)
    }

    /// The message through those of the channels that could reach the customer too. Hours of silence and caps are
    /// looked at when one of them leaves.
    fn fallback(
        &mut self,
        member: &Member<'_>,
        id: &str,
        template: &str,
        channels: &[String],
        occasion: &str,
    ) -> Vec<Fallback> {
        let mut fallback = Vec::new();
        for channel in channels {
            if !self.reaches(member, channel) {
                continue;
            }
            let Some(address) = self.address(member, channel) else { continue };
            let step = format!("{id} by {channel}");
            let values = self.shown(member, &(template.to_owned(), channel.clone())).to_string();
            let key = self.key(member, &step, occasion);
            fallback.push(Fallback { key, step, channel: channel.clone(), address, values });
        }
        fallback
    }

    fn reaches(&mut self, member: &Member<'_>, channel: &str) -> bool {
        let question = self.question;
        let Some(contact) = question.program.vocabulary.contact(channel) else { return false };
        let of_chunk = self.reach.entry((member.chunk_index, channel.to_owned()));
        let reach = of_chunk.or_insert_with(|| question.reaching().of(member.chunk, contact));
        let i = member.customer;
        reach.address.contains(i) && reach.consent.contains(i) && !reach.suppressed.contains(i)
    }

    /// What a template shows in a channel.
    fn shown(&self, member: &Member<'_>, name: &(String, String)) -> Json {
        self.values(member, self.supplies.shown.get(name).map_or(&[][..], Vec::as_slice))
    }

    /// From when on a customer's rows are not let out any more: a message, and what comes with it, is stale a day
    /// after its run, where the rule says nothing else about what is late.
    fn expires(&self, member: &Member<'_>) -> Option<i64> {
        if !self.supplies.expiring {
            return None;
        }
        let now = self.question.now;
        let rule = member.rule;
        let message = |s: &StepPlan| matches!(s.action, Action::Message { .. });
        let life = match rule.late {
            Some(Lateness::Seconds(seconds)) => Some(seconds),
            Some(Lateness::Any) => None,
            None => member.audience.steps.iter().any(message).then_some(STALE),
        };
        let life = life.map(|seconds| now.micros.saturating_add(seconds.saturating_mul(1_000_000)));
        let day = rule.expires.map(|day| calendar::start_of_day(calendar::day_number(day), now.zone));
        day.into_iter().chain(life).min()
    }

    fn terms(&self, terms: &Terms) -> Json {
        let micros = terms.valid_for.map(|seconds| seconds.saturating_mul(1_000_000));
        let expires = micros.map(|m| self.question.now.micros.saturating_add(m));
        json!({"value": terms.value, "label": terms.label, "expires": expires})
    }

    fn name(&self, id: AttributeId) -> String {
        self.question.program.vocabulary.attribute(id).map(|a| a.name.clone()).unwrap_or_default()
    }

    fn address(&self, member: &Member<'_>, channel: &str) -> Option<String> {
        let contact = self.question.program.vocabulary.contact(channel)?;
        self.question.reaching().address(member.chunk, contact, member.customer)
    }

    /// A value as a text column of the store would have it.
    fn stored(&self, id: AttributeId, value: &Value) -> String {
        self.question.program.vocabulary.attribute(id).map(|a| a.encode(value)).unwrap_or_default()
    }

    /// What templates show: the shop, the rule, and these attributes of the customer.
    fn values(&self, member: &Member<'_>, shown: &[AttributeId]) -> Json {
        let vocabulary = &self.question.program.vocabulary;
        let mut customer = Map::new();
        customer.insert("id".to_owned(), json!(member.key()));
        for id in shown {
            let column = self.question.needs.attribute(*id).and_then(|c| member.chunk.attributes.get(c));
            if let (Some(column), Some(attribute)) = (column, vocabulary.attribute(*id)) {
                let value = tidings_engine::value_at(&attribute.ty, column, member.customer);
                customer.insert(attribute.name.clone(), shown_as(&attribute.ty, value, vocabulary.zone));
            }
        }
        let rule = json!({"name": member.rule.name, "label": member.rule.label});
        json!({"customer": customer, "rule": rule, "shop": self.supplies.shop})
    }
}

/// A value as templates get it: numbers, truth and lists as such, everything else as people read it.
fn shown_as(ty: &tidings_schema::Type, value: Option<Value>, zone: chrono_tz::Tz) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Text(text)) => Json::String(text),
        Some(Value::Truth(truth)) => Json::Bool(truth),
        Some(Value::Tags(tags)) => json!(tags),
        Some(Value::Number(n)) if *ty == tidings_schema::Type::Number => json!(n),
        Some(value) => Json::String(tidings_schema::show::show(ty, &value, zone)),
    }
}

/// One customer in an audience.
struct Member<'a> {
    rule: &'a Rule,
    audience: &'a Audience,
    chunk: &'a Chunk,
    chunk_index: usize,
    customer: usize,
}

impl Member<'_> {
    fn key(&self) -> &str {
        self.chunk.keys.value(self.customer)
    }
}
