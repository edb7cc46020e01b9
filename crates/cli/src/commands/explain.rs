//! `tidings explain`

use crate::args::{Explain, TextOrJson};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::report::explain::Explanation;
use crate::report::remarks;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_plan::situation;

/// Prints why a customer is, or is not, sent something by a rule: a part of the same plan that `plan` prints.
pub async fn explain(folder: &Path, args: &Explain, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.sandbox, screen)?;
    let (now, rule) = (opened::moment(&site, args.at.as_deref())?, opened::rule(&site, &args.rule)?);
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let cache = Cache::of(&site, !args.no_cache);
    let decider = Cache::used(cache.as_ref(), site.decider(&customers, state.as_ref()));
    let decision = decider.decide_about(now, rule, &args.customer).await?;
    Cache::keep(cache.as_ref(), &decision);
    remarks::all(&site.program, &decision).iter().for_each(|r| eprintln!("note: {r}"));
    let nobody =
        || Failure::new(format!("there is no customer `{}` in {}", args.customer, site.project.config.store));
    let chunk = decision.customer(&args.customer)?.ok_or_else(nobody)?;
    let (question, plan) = (decision.question(), &decision.plan);
    let trace = site
        .evaluator()
        .explain(&site.program, rule, &chunk, now, &decision.populations)
        .ok_or_else(nobody)?;
    let explanation = Explanation {
        plan,
        rule: plan.rules.iter().find(|r| r.rule == rule).ok_or_else(nobody)?,
        customer: &args.customer,
        trace: &trace,
        situation: &situation(&question, plan, rule, &args.customer).ok_or_else(nobody)?,
        sources: &site.project.sources,
    };
    match args.format {
        TextOrJson::Text => screen.print(&explanation.text(screen)),
        TextOrJson::Json => screen.print_json(&explanation.json()),
    }
    Ok(ExitCode::SUCCESS)
}
