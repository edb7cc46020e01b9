//! What a backtest comes to, as series over its steps: what the text and the page show.

use std::collections::BTreeMap;
use tidings_check::Program;
use tidings_daemon::backtest::{Flows, StepOf, Tally, Unknown, unknown};
use tidings_daemon::{Backtest, Span};
use tidings_plan::{Kind, Reason};
use tidings_schema::{Currency, Now};

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
    /// What cannot be known.
    pub unknown: Unknown,
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

/// What was granted of a coupon.
pub struct Coupon {
    /// Its name.
    pub name: String,
    /// How many.
    pub granted: u64,
    /// What they are worth in minor units, where that is money.
    pub worth: Option<(i64, Currency)>,
}

impl Series {
    fn new(name: impl Into<String>, by: impl Into<String>, steps: usize) -> Series {
        Series { name: name.into(), by: by.into(), values: vec![0; steps] }
    }

    fn add(&mut self, step: usize, n: u64) {
        self.values.get_mut(step).into_iter().for_each(|value| *value += n);
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

impl<'a> Figures<'a> {
    /// What a backtest comes to.
    pub fn of(program: &'a Program, span: &'a Span, backtest: &'a Backtest) -> Figures<'a> {
        let steps = &backtest.steps;
        let series = |name: &str| Series::new(name, "", steps.len());
        let mut sent: Vec<Series> = Vec::new();
        let mut by_way: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let (mut channels, mut granted) = (BTreeMap::new(), BTreeMap::new());
        let mut held: BTreeMap<Reason, Series> = BTreeMap::new();
        let mut stopped: BTreeMap<usize, (u64, String)> = BTreeMap::new();
        let mut dropped = series("lost for good");
        for (at, step) in steps.iter().enumerate() {
            for rule in &step.rules {
                dropped.add(at, rule.dropped);
                for (reason, n) in &rule.held {
                    held.entry(*reason).or_insert_with(|| series(reason.name())).add(at, *n);
                }
                if let Some(why) = &rule.stopped {
                    stopped.entry(rule.rule).or_insert_with(|| (0, why.clone())).0 += 1;
                }
                for (way, n) in &rule.sent {
                    let Some(way) = backtest.ways.get(*way) else { continue };
                    let place = *by_way.entry((way.rule, &way.channel)).or_insert_with(|| {
                        let name = program.rules.get(way.rule).map_or("", |rule| &rule.name);
                        sent.push(Series::new(name, &way.channel, steps.len()));
                        sent.len() - 1
                    });
                    sent.get_mut(place).into_iter().for_each(|sent| sent.add(at, *n));
                    match way.kind {
                        Kind::Message => {
                            channels.entry(&way.channel).or_insert_with(|| series(&way.channel)).add(at, *n);
                        }
                        Kind::Coupon => {
                            granted.entry(&way.subject).or_insert((0, way.worth)).0 += n;
                        }
                        Kind::Webhook | Kind::Notify | Kind::Change => {}
                    }
                }
            }
        }
        let all = |(name, (granted, worth)): (&String, (u64, Option<(i64, Currency)>))| Coupon {
            name: name.clone(),
            granted,
            worth: worth.map(|(one, currency)| {
                (one.saturating_mul(i64::try_from(granted).unwrap_or(i64::MAX)), currency)
            }),
        };
        let names = program.rules.iter().enumerate();
        let silent = names.filter(|(i, _)| !by_way.keys().any(|(rule, _)| rule == i));
        let silent = silent.map(|(_, rule)| rule.name.as_str()).collect();
        let name = |rule: usize| program.rules.get(rule).map_or("", |rule| rule.name.as_str());
        Figures {
            span,
            moments: steps.iter().map(|step| step.now).collect(),
            customers: steps.last().map_or(0, |step| step.customers),
            channels: most_first(channels.into_values().collect()),
            sends: most_first(sent),
            held: held.into_iter().collect(),
            dropped,
            coupons: granted.into_iter().map(all).collect(),
            messages: &backtest.messages,
            segments: segments(program, backtest),
            stages: stages(backtest),
            stopped: stopped.into_iter().map(|(rule, (n, why))| (name(rule), n, why)).collect(),
            silent,
            unknown: unknown(program),
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
