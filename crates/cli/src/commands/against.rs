//! `tidings plan --against`

use crate::args::{PlanArgs, PlanFormat};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::progress;
use crate::report::changes::{Days, Report};
use crate::report::plan_table::over_limit;
use crate::report::{changes_json, changes_markdown, changes_table, remarks};
use crate::screen::{Screen, aside};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use tidings_check::Program;
use tidings_daemon::against::one_line;
use tidings_daemon::site::worths_and_prices;
use tidings_daemon::{Beside, Decision, Earlier};
use tidings_plan::against::{Side, changes};
use tidings_plan::{Plan, Totals};
use tidings_project::{Project, Version, differences};
use tidings_store::State;
use tidings_syntax::Place;

/// How many customers are named, with the comparison that made the difference, of those whom a change moves.
const NAMED: usize = 100;

/// Prints what the project as it is changes against another version; exits with 2 where it changes something, with 3
/// where a rule is over its limit then, and with 1 where a rule was renamed and does not say so.
pub async fn against(
    folder: &Path,
    args: &PlanArgs,
    reference: &str,
    screen: &Screen,
) -> Result<ExitCode, Failure> {
    if args.format == PlanFormat::Csv {
        return Err(Failure::new("a comparison is printed as table, json or markdown, and not as csv"));
    }
    let site = opened::open(folder, args.asked.sandbox, screen)?;
    let now = opened::moment(&site, args.asked.at.as_deref())?;
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let earlier = earlier(folder, reference, state.as_ref(), screen).await?;
    let only = only(&site.program, &earlier.program, &args.asked.rules)?;
    let beside = Beside::of(&site, &earlier);
    let loading = progress::bar(None, "reading customers");
    let cache = Cache::of(&site, !args.asked.no_cache);
    let of = (&customers, state.as_ref());
    let (before, after) =
        beside.decide(of, now, only, |decider| Cache::used(cache.as_ref(), decider)).await?;
    loading.finish_and_clear();
    Cache::keep(cache.as_ref(), &after);
    let remarks = remarks::all(&site.program, &after);
    remarks::journeys(&site.program).iter().chain(&remarks).for_each(|r| aside(&format!("note: {r}")));
    remarks::unmet(&after).iter().for_each(|r| aside(&format!("warning: {r}")));

    let named = if args.customers { usize::MAX } else { NAMED };
    let (words_before, words_after) =
        (|place: Place| earlier.words(place), |place: Place| one_line(site.project.sources.text(place)));
    let of = |decision, evaluator, words| side(decision, evaluator, words);
    let changes =
        changes(&of(&before, &beside.before, &words_before), &of(&after, &beside.after, &words_after), named);
    let reckoning = progress::bar(None, "looking ahead");
    let days = match args.days {
        0 => None,
        days => Some(Days {
            days,
            totals: [
                ahead(&before, &earlier.project, days, &reckoning).await?,
                ahead(&after, &site.project, days, &reckoning).await?,
            ],
        }),
    };
    reckoning.finish_and_clear();
    let report = Report {
        against: reference,
        title: &Version::title(folder, reference),
        changes: &changes,
        plans: [&before.plan, &after.plan],
        files: &differences(&earlier.project, &site.project, reference == RUNNING),
        totals: [(&before, &earlier.project), (&after, &site.project)]
            .map(|(decision, project)| Totals::of(&decision.plan, &worths_and_prices(&project.config))),
        days,
        waiting: waiting(state.as_ref()).await?,
        reached: after
            .history()
            .rules
            .iter()
            .map(|(rule, h)| (rule.clone(), h.reached.len() as u64))
            .collect(),
    };
    match args.format {
        PlanFormat::Json => screen.print_json(&changes_json::json(&report)),
        PlanFormat::Markdown => screen.print(&changes_markdown::markdown(&report)),
        PlanFormat::Table | PlanFormat::Csv => {
            screen.print(&changes_table::table(&report, args.customers, screen));
        }
    }
    Ok(match () {
        () if !changes.unsaid.is_empty() => ExitCode::FAILURE,
        () if over_limit(&after.plan) => ExitCode::from(3),
        () if report.no_change() => ExitCode::SUCCESS,
        () => ExitCode::from(2),
    })
}

/// What is compared with what a daemon runs.
const RUNNING: &str = "running";

/// The other version: what a daemon runs, a folder, or what git has.
async fn earlier(
    folder: &Path,
    reference: &str,
    state: Option<&State>,
    screen: &Screen,
) -> Result<Earlier, Failure> {
    let other = Path::new(reference);
    let read = if reference == RUNNING {
        let files = match state {
            Some(state) => state.running().await?,
            None => Vec::new(),
        };
        if files.is_empty() {
            return Err(Failure::new(
                "no `tidings serve` has run this project yet, so nothing is running to compare with",
            ));
        }
        let files = files.iter().map(|(path, text)| (path.as_str(), text.as_bytes()));
        Earlier::of(Version::of_files(files)?)
    } else if other.join("tidings.yaml").is_file() {
        Earlier::open(other)
    } else {
        Earlier::of(Version::of_commit(folder, reference)?)
    };
    read.map_err(|unsound| {
        opened::unsound(unsound, screen);
        Failure::new(format!(
            "the project as `{reference}` has it has errors, so nothing can be compared with it"
        ))
    })
}

/// Positions of the rules that were asked for, in the earlier and the later program; none is all of them.
type Positions = (Option<Vec<usize>>, Option<Vec<usize>>);

fn only(later: &Program, earlier: &Program, names: &[String]) -> Result<Positions, Failure> {
    if names.is_empty() {
        return Ok((None, None));
    }
    let mut identities = Vec::new();
    for name in names {
        let known = [later, earlier].into_iter().find_map(|program| program.find_rule(name));
        let (_, rule) = known.ok_or_else(|| Failure::new(format!("neither version has a rule `{name}`")))?;
        identities.push(rule.identity());
    }
    let of = |program: &Program| {
        let rules = program.rules.iter().enumerate();
        rules.filter(|(_, rule)| identities.contains(&rule.identity())).map(|(i, _)| i).collect()
    };
    Ok((Some(of(earlier)), Some(of(later))))
}

fn side<'a>(
    decision: &'a Decision<'_>,
    evaluator: &'a tidings_engine::Evaluator,
    words: &'a dyn Fn(Place) -> String,
) -> Side<'a> {
    let (question, populations, plan) = (decision.question(), &decision.populations, &decision.plan);
    Side { evaluator, question, populations, plan, words }
}

/// What a version sends day by day, all days together.
async fn ahead(
    decision: &Decision<'_>,
    project: &Project,
    days: u32,
    bar: &ProgressBar,
) -> Result<Totals, Failure> {
    let (supplies, mut sum) = (worths_and_prices(&project.config), Totals::default());
    let add = |plan: &Plan| {
        sum.add(&Totals::of(plan, &supplies));
        bar.inc(1);
    };
    decision.days_ahead(days, &supplies, add).await?;
    Ok(sum)
}

/// By rule, the rows that are not settled yet, by state.
async fn waiting(state: Option<&State>) -> Result<BTreeMap<String, BTreeMap<&'static str, u64>>, Failure> {
    let mut waiting: BTreeMap<String, BTreeMap<&'static str, u64>> = BTreeMap::new();
    let Some(state) = state else { return Ok(waiting) };
    for count in state.outbox_counts(None).await?.into_iter().filter(|count| !count.status.ended()) {
        *waiting.entry(count.rule).or_default().entry(count.status.name()).or_default() += count.rows;
    }
    Ok(waiting)
}
