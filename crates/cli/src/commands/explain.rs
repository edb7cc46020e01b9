//! `tidings explain`

use crate::args::{Explain, ExplainFormat};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::report::explain::Explanation;
use crate::report::explain::all_rules::AllRules;
use crate::report::explain::outlook::{Ahead, DAYS, Outlook};
use crate::report::explain::whole::Whole;
use crate::report::remarks;
use crate::screen::{Screen, aside};
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::{Decision, Site};
use tidings_engine::{Chunk, Explainer, Trace};
use tidings_plan::{Situation, situation};
use tidings_store::LedgerRow;

/// Prints why a customer is, or is not, sent something by a rule or by all: a part of the same plan that `plan` prints.
pub async fn explain(folder: &Path, args: &Explain, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.sandbox, screen)?;
    let now = opened::moment(&site, args.at.as_deref())?;
    let (rules, key): (Vec<usize>, &str) = match (&args.all_rules, &args.rule, &args.customer) {
        (None, Some(rule), Some(customer)) => (vec![opened::rule(&site, rule)?], customer),
        (all, ..) => ((0..site.program.rules.len()).collect(), all.as_deref().unwrap_or_default()),
    };
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let cache = Cache::of(&site, !args.no_cache);
    let decider = Cache::used(cache.as_ref(), site.decider(&customers, state.as_ref()));
    let decision = decider.decide_about(now, &rules, key).await?;
    Cache::keep(cache.as_ref(), &decision);
    remarks::all(&site.program, &decision).iter().for_each(|r| aside(&format!("note: {r}")));
    let nobody = || Failure::new(format!("there is no customer `{key}` in {}", site.project.config.store));
    let chunk = decision.customer(key)?.ok_or_else(nobody)?;
    let mut ledger = match &state {
        Some(state) => state.ledger(key).await?,
        None => Vec::new(),
    };
    ledger.reverse();
    let explainer = &site.evaluator().explainer(&site.program, &rules);
    let asked = Asked { site: &site, decision: &decision, explainer, key, chunk: &chunk, ledger: &ledger };
    let seen = asked.seen(&rules);
    // How customers will be ranked is not known beforehand.
    let days = if args.all_rules.is_some() || site.evaluator().ranks() { 0 } else { DAYS };
    let mut wholes = asked.wholes(&rules, &seen, days);
    if args.all_rules.is_some() {
        let all = AllRules::new(key, now, wholes);
        match args.format {
            ExplainFormat::Text => screen.print(&all.text(screen)),
            ExplainFormat::Json => screen.print_json(&all.json()),
            ExplainFormat::Html => screen.print(&all.html()),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let whole = wholes.pop().ok_or_else(nobody)?;
    match args.format {
        ExplainFormat::Text => screen.print(&whole.text(screen)),
        ExplainFormat::Json => screen.print_json(&whole.json()),
        ExplainFormat::Html => screen.print(&whole.html()),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is explained, and from what.
struct Asked<'a> {
    site: &'a Site,
    decision: &'a Decision<'a>,
    explainer: &'a Explainer<'a>,
    key: &'a str,
    chunk: &'a Chunk,
    ledger: &'a [LedgerRow],
}

impl<'a> Asked<'a> {
    /// The trace and the situation of each rule.
    fn seen(&self, rules: &[usize]) -> Vec<(Trace, Situation)> {
        let Asked { decision, key, chunk, .. } = self;
        let question = decision.question();
        let traces = self.explainer.traces(chunk, decision.now, &decision.populations);
        let situations = rules.iter().map(|rule| situation(&question, &decision.plan, *rule, key));
        traces
            .into_iter()
            .zip(situations)
            .filter_map(|(trace, situation)| Some((trace, situation?)))
            .collect()
    }

    /// Each rule as a whole, with a look at so many days ahead.
    fn wholes(&self, rules: &[usize], seen: &'a [(Trace, Situation)], days: u32) -> Vec<Whole<'a>> {
        let Asked { site, decision, explainer, key, chunk, ledger } = *self;
        let sources = &site.project.sources;
        let whole = |(position, (trace, situation)): (&usize, &'a (Trace, Situation))| {
            let plan = &decision.plan;
            let planned = plan.rules.iter().find(|r| r.rule == *position)?;
            let rule = site.program.rules.get(*position)?;
            // When the event comes nobody can tell.
            let days = if situation.event == Some(None) { 0 } else { days };
            let (now, expires) = (decision.now, rule.expires);
            let ahead = Ahead { explainer, rule: *position, chunk, now, days, expires };
            Some(Whole {
                of: Explanation { plan, rule: planned, customer: key, trace, situation, sources },
                rule,
                outlook: Outlook::of(trace, sources, &ahead),
                ledger: ledger.iter().filter(|row| row.rule == planned.identity).cloned().collect(),
            })
        };
        rules.iter().zip(seen).filter_map(whole).collect()
    }
}
