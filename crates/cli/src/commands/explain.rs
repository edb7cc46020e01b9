//! `tidings explain`

use crate::args::{Explain, TextOrJson};
use crate::failure::Failure;
use crate::opened::Opened;
use crate::report::explain::Explanation;
use crate::report::remarks;
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;
use tidings_plan::{customer, situation};

/// Prints why a customer is, or is not, sent something by a rule: a part of the same plan that `plan` prints.
pub async fn explain(folder: &Path, args: &Explain, screen: &Screen) -> Result<ExitCode, Failure> {
    let opened = Opened::open(folder, args.sandbox, screen)?;
    let (now, rule) = (opened.now(args.at.as_deref())?, opened.rule(&args.rule)?);
    let (customers, state) = (opened.customers().await?, opened.state_so_far().await?);
    let shown = opened.shown();
    // Scores, caps and limits depend on everybody and on every rule, so the whole plan is made.
    let decision = opened.decider(&customers, state.as_ref(), &shown).decide(now, None).await?;
    remarks::all(&opened.program, &decision).iter().for_each(|r| eprintln!("note: {r}"));
    let nobody = || {
        Failure::new(format!("there is no customer `{}` in {}", args.customer, opened.project.config.store))
    };
    let chunk = customer(&decision.chunks, &args.customer).ok_or_else(nobody)?;
    let (question, plan) = (decision.question(), &decision.plan);
    let trace = decision
        .evaluator
        .explain(&opened.program, rule, &chunk, now, &decision.populations)
        .ok_or_else(nobody)?;
    let explanation = Explanation {
        plan,
        rule: plan.rules.iter().find(|r| r.rule == rule).ok_or_else(nobody)?,
        customer: &args.customer,
        trace: &trace,
        situation: &situation(&question, plan, rule, &args.customer).ok_or_else(nobody)?,
        sources: &opened.project.sources,
    };
    match args.format {
        TextOrJson::Text => screen.print(&explanation.text(screen)),
        TextOrJson::Json => screen.print_json(&explanation.json()),
    }
    Ok(ExitCode::SUCCESS)
}
