//! What a backtest comes to, as series over its steps: what the text and the page show.

use std::collections::BTreeMap;
use tidings_check::Program;
use tidings_check::program::{Rule, Schedule};
use tidings_daemon::backtest::{Flows, RuleTally, StepOf, Tally, Unknown, Way, unknown};
use tidings_daemon::{Backtest, Span};
use tidings_plan::{Cost, Kind, Reason};
use tidings_schema::money::{Price, rounded};
use tidings_schema::{Currency, Now, RowSource};

/// The figures.
pub struct Figures<'a> {
    /// When.
    pub span: &'a Span,
    /// The steps' moments.
    pub moments: Vec<Now>,
    /// How many customers there are at the last step.
    pub customers: u64,
    /// Messages by channel, the most first.
    pub channels: Vec<Series>,
    /// What each rule sent by each channel, the most first.
    pub sends: Vec<Series>,
    /// How often customers were held back from a rule, by reason, as it was at each step.
    pub held: Vec<(Reason, Series)>,
    /// How many of those whom a cap held back lost it for good.
    pub dropped: Series,
    /// What the messages of each channel cost, the most messages first; nothing where no channel has a price.
    pub costs: Vec<CostOf>,
    /// What they cost together.
    pub cost: Cost,
    /// What was granted of each coupon.
    pub coupons: Vec<Coupon>,
    /// How many customers had each number of messages.
    pub messages: &'a [u64],
    /// How many customers are in each segment.
    pub segments: Vec<Series>,
    /// By partition, how many are in each of its stages.
    pub stages: Vec<(&'a Flows, Vec<Series>)>,
    /// Rules that waited for a person, or did nothing: how often, and why the first time.
    pub stopped: Vec<(&'a str, u64, String)>,
    /// Rules that sent nothing.
    pub silent: Vec<&'a str>,
    /// Rules whose schedules come several times in a step.
    pub several: Vec<&'a str>,
    /// Such rules that are about customers' own days.
    pub on_the_day: Vec<&'a str>,
    /// Rules that wait for events.
    pub on_events: Vec<&'a str>,
    /// What cannot be known.
    pub unknown: Unknown,
    /// Whether rules can read rows of the shop, whose fields are as of today.
    pub reads_rows: bool,
}

/// A number for each step.
pub struct Series {
    /// What it is of.
    pub name: String,
    /// The rest of its name, where it has two parts: a channel, a provider.
    pub by: String,
    /// One a step.
    pub values: Vec<u64>,
}

/// What the messages of a channel cost.
pub struct CostOf {
    /// The channel.
    pub channel: String,
    /// How many messages.
    pub messages: u64,
    /// What one costs, where it is known.
    pub price: Option<Price>,
}

impl CostOf {
    /// What they cost together, in minor units.
    pub fn minor(&self) -> Option<(i64, Currency)> {
        let price = self.price?;
        Some((rounded(price.times(self.messages), price.currency()), price.currency()))
    }
}

/// What was granted of a coupon.
pub struct Coupon {
    /// Its name.
    pub name: String,
    /// How many.
    pub granted: u64,
    /// What one is worth in minor units, where that is money.
    each: Option<(i64, Currency)>,
}

impl Coupon {
    /// What they are worth together, in minor units.
    pub fn worth(&self) -> Option<(i64, Currency)> {
        let (each, currency) = self.each?;
        Some((each.saturating_mul(i64::try_from(self.granted).unwrap_or(i64::MAX)), currency))
    }
}

impl Series {
    fn new(name: impl Into<String>, by: impl Into<String>, steps: usize) -> Series {
        Series { name: name.into(), by: by.into(), values: vec![0; steps] }
    }

    fn add(&mut self, step: usize, n: u64) {
        self.values.get_mut(step).into_iter().for_each(|value| *value += n);
    }

    /// The first value and the last.
    pub fn ends(&self) -> [u64; 2] {
        [self.values.first(), self.values.last()].map(|value| value.copied().unwrap_or(0))
    }

    /// All steps together.
    pub fn total(&self) -> u64 {
        self.values.iter().sum()
    }

    /// The most of a step, and which step that is.
    pub fn most(&self) -> (usize, u64) {
        let most = self.values.iter().copied().max().unwrap_or(0);
        (self.values.iter().position(|n| *n == most).unwrap_or(0), most)
    }
}

/// What is summed up step by step.
struct Sums<'a> {
    program: &'a Program,
    backtest: &'a Backtest,
    sends: Vec<Series>,
    /// By rule and channel, where its sends are.
    places: BTreeMap<(usize, &'a str), usize>,
    channels: BTreeMap<&'a str, Series>,
    coupons: BTreeMap<&'a str, Coupon>,
    held: BTreeMap<Reason, Series>,
    dropped: Series,
    stopped: BTreeMap<usize, (u64, String)>,
}

impl<'a> Sums<'a> {
    fn of(program: &'a Program, backtest: &'a Backtest) -> Sums<'a> {
        let mut sums = Sums {
            program,
            backtest,
            sends: Vec::new(),
            places: BTreeMap::new(),
            channels: BTreeMap::new(),
            coupons: BTreeMap::new(),
            held: BTreeMap::new(),
            dropped: Series::new("lost for good", "", backtest.steps.len()),
            stopped: BTreeMap::new(),
        };
        for (at, step) in backtest.steps.iter().enumerate() {
            step.rules.iter().for_each(|rule| sums.take(at, rule));
        }
        sums
    }

    fn take(&mut self, at: usize, rule: &RuleTally) {
        let steps = self.backtest.steps.len();
        self.dropped.add(at, rule.dropped);
        for (reason, n) in &rule.held {
            self.held.entry(*reason).or_insert_with(|| Series::new(reason.name(), "", steps)).add(at, *n);
        }
        if let Some(why) = &rule.stopped {
            self.stopped.entry(rule.rule).or_insert_with(|| (0, why.clone())).0 += 1;
        }
        for (way, n) in &rule.sent {
            if let Some(way) = self.backtest.ways.get(*way) {
                self.send(at, way, *n);
            }
        }
    }

    fn send(&mut self, at: usize, way: &'a Way, n: u64) {
        let steps = self.backtest.steps.len();
        let place = *self.places.entry((way.rule, &way.channel)).or_insert_with(|| {
            self.sends.push(Series::new(rule_name(self.program, way.rule), &way.channel, steps));
            self.sends.len() - 1
        });
        self.sends.get_mut(place).into_iter().for_each(|sends| sends.add(at, n));
        match way.kind {
            Kind::Message => {
                let channel = self.channels.entry(&way.channel);
                channel.or_insert_with(|| Series::new(&way.channel, "", steps)).add(at, n);
            }
            Kind::Coupon => {
                let coupon = self.coupons.entry(&way.subject);
                let none = || Coupon { name: way.subject.clone(), granted: 0, each: way.worth };
                coupon.or_insert_with(none).granted += n;
            }
            Kind::Webhook | Kind::Notify | Kind::Change => {}
        }
    }
}

fn rule_name(program: &Program, rule: usize) -> &str {
    program.rules.get(rule).map_or("", |rule| &rule.name)
}

impl<'a> Figures<'a> {
    /// What a backtest comes to, with what a message costs by channel.
    pub fn of(
        program: &'a Program,
        span: &'a Span,
        backtest: &'a Backtest,
        prices: &BTreeMap<String, Price>,
    ) -> Figures<'a> {
        let steps = &backtest.steps;
        let Sums { sends, places, channels, coupons, held, dropped, stopped, .. } =
            Sums::of(program, backtest);
        let names = program.rules.iter().enumerate();
        let silent = names.filter(|(i, _)| !places.keys().any(|(rule, _)| rule == i));
        let silent = silent.map(|(_, rule)| rule.name.as_str()).collect();
        let on_events = program.rules.iter().filter(|rule| rule.awaits_events());
        let several = backtest.several.iter().filter_map(|rule| program.rules.get(*rule));
        let (on_the_day, several): (Vec<_>, Vec<_>) =
            several.partition(|rule| matches!(rule.schedule, Schedule::OnTheDay(_)));
        let names = |rules: Vec<&'a Rule>| rules.into_iter().map(|rule| rule.name.as_str()).collect();
        let stopped = stopped.into_iter().map(|(rule, (n, why))| (rule_name(program, rule), n, why));
        let channels = most_first(channels.into_values().collect());
        let mut cost = Cost::none(prices);
        channels.iter().for_each(|channel| cost.messages(&channel.name, channel.total(), prices));
        let of = |channel: &Series| CostOf {
            channel: channel.name.clone(),
            messages: channel.total(),
            price: prices.get(&channel.name).copied(),
        };
        let costs = channels.iter().filter(|_| !prices.is_empty()).map(of).collect();
        Figures {
            span,
            moments: steps.iter().map(|step| step.now).collect(),
            customers: steps.last().map_or(0, |step| step.customers),
            channels,
            sends: most_first(sends),
            held: held.into_iter().collect(),
            dropped,
            costs,
            cost,
            coupons: coupons.into_values().collect(),
            messages: &backtest.messages,
            segments: segments(program, backtest),
            stages: stages(backtest),
            stopped: stopped.collect(),
            silent,
            several: names(several),
            on_the_day: names(on_the_day),
            on_events: names(on_events.collect()),
            unknown: unknown(program),
            reads_rows: program
                .vocabulary
                .collections
                .iter()
                .any(|c| matches!(c.source, RowSource::Table { .. })),
        }
    }

    /// What a step is called.
    pub fn step(&self) -> &'static str {
        match self.span.step {
            StepOf::Hour => "hour",
            StepOf::Day => "day",
            StepOf::Week => "week",
            StepOf::Month => "month",
        }
    }

    /// A step's moment, as short as can be.
    pub fn at(&self, step: usize) -> String {
        let Some(now) = self.moments.get(step) else { return String::new() };
        let form = if self.span.step == StepOf::Hour { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d" };
        now.civil().format(form).to_string()
    }

    /// The numbers of messages, how many customers had each, the last for all from there on; and the most of all.
    pub fn received(&self) -> (Vec<(String, u64)>, usize) {
        const SHOWN: usize = 5;
        let (few, many) = self.messages.split_at(SHOWN.min(self.messages.len()));
        let mut rows: Vec<(String, u64)> = few.iter().enumerate().map(|(n, c)| (n.to_string(), *c)).collect();
        if many.iter().any(|n| *n > 0) {
            rows.push((format!("{SHOWN} or more"), many.iter().sum()));
        }
        (rows, self.messages.iter().rposition(|n| *n > 0).unwrap_or(0))
    }
}

fn most_first(mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by_key(|series| std::cmp::Reverse(series.total()));
    series
}

fn segments(program: &Program, backtest: &Backtest) -> Vec<Series> {
    let of = |(i, name): (usize, &str)| Series {
        name: name.to_owned(),
        by: String::new(),
        values: backtest.steps.iter().map(|step| step.segments.get(i).copied().unwrap_or(0)).collect(),
    };
    program.segments.iter().map(|s| s.name.as_str()).enumerate().map(of).collect()
}

fn stages(backtest: &Backtest) -> Vec<(&Flows, Vec<Series>)> {
    backtest.flows.iter().enumerate().map(|(part, flows)| (flows, arms(backtest, part, flows))).collect()
}

/// How many customers are in each stage of a partition.
fn arms(backtest: &Backtest, part: usize, flows: &Flows) -> Vec<Series> {
    let of = |(arm, name): (usize, &String)| {
        let at = |step: &Tally| step.stages.get(part).and_then(|arms| arms.get(arm)).copied().unwrap_or(0);
        Series { name: name.clone(), by: String::new(), values: backtest.steps.iter().map(at).collect() }
    };
    flows.stages().iter().enumerate().map(of).collect()
}
