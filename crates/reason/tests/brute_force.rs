//! What reasoning says is held against every customer that there can be, over small domains: a rule is found to match
//! nobody, or everybody, exactly where it does; what is found to change nothing changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod everybody;
#[path = "../../engine/tests/model/mod.rs"]
mod model;
mod programs;

use everybody::Everybody;
use programs::Programs;
use tidings_check::Program;
use tidings_check::program::{Condition, ConditionKind};
use tidings_engine::{Bitmap, Matches, RuleMatches};
use tidings_reason::findings;
use tidings_syntax::allow::Allowances;
use tidings_syntax::{Diagnostic, Place};

const PROGRAMS: u64 = 2_000;

#[test]
fn findings_are_what_all_customers_say() {
    let everybody = Everybody::new();
    let mut found = [0; 5];
    for seed in 0..PROGRAMS {
        let (text, domain) = Programs::new(seed).text();
        let program = everybody.program(&text);
        let customers = everybody.customers(&domain);
        let matches = everybody.matches(&program, &customers);
        let findings = findings(&program, &[], &mut Allowances::default());
        let has = |code: &str, about: &str| {
            findings.iter().any(|d| d.code.id() == code && d.message.contains(&format!("`{about}`")))
        };
        let whole = |set: &Bitmap, of: &Bitmap| set.count() == of.count();
        for (rule, m) in program.rules.iter().zip(matches.rules()) {
            let nobody = m.then_count() == 0 && m.about().count() > 0;
            let everybody = m.about().count() > 0 && whole(&m.then(), m.about());
            assert_eq!(
                has("W030", &rule.name),
                nobody,
                "seed {seed}, rule {}\n{text}{findings:#?}",
                rule.name
            );
            assert_eq!(
                has("W031", &rule.name),
                everybody,
                "seed {seed}, rule {}\n{text}{findings:#?}",
                rule.name
            );
            found[0] += usize::from(nobody);
            found[1] += usize::from(everybody);
        }
        for (segment, members) in program.segments.iter().zip(&matches.segments) {
            assert_eq!(
                has("W030", &segment.name),
                members.count() == 0,
                "seed {seed}, segment {}\n{text}",
                segment.name
            );
        }
        for (stages, arms) in program.stages.iter().zip(&matches.stages) {
            for ((word, members), _) in stages.list.words.iter().zip(arms).zip(1..arms.len()) {
                let said = has("W030", &word.name) || has("W032", &word.name);
                assert_eq!(
                    said,
                    members.count() == 0,
                    "seed {seed}, stage {}\n{text}{findings:#?}",
                    word.name
                );
                found[2] += usize::from(has("W032", &word.name));
            }
        }
        for (stages, arms) in program.stages.iter().zip(&matches.stages) {
            let reaches = |m: &RuleMatches<'_>, arm: &Bitmap| m.then().count_both(arm) > 0;
            let there = arms.iter().filter(|arm| arm.count() > 0);
            let (treated, left): (Vec<&Bitmap>, Vec<&Bitmap>) =
                there.partition(|arm| matches.rules().any(|m| reaches(&m, arm)));
            let one_does_it = matches.rules().any(|m| treated.iter().all(|arm| reaches(&m, arm)));
            let some_are_left = (1..treated.len()).contains(&left.len()) && !one_does_it;
            let said =
                findings.iter().any(|d| d.code.id() == "W036" && d.message.contains(&stages.list.name));
            // Which stages rules speak of is left to whoever reads the rules.
            let named = text.split("rule r0").last().unwrap().contains(&stages.list.name);
            assert!(!said || some_are_left, "seed {seed}\n{text}{findings:#?}");
            assert!(said || !named || !some_are_left, "seed {seed}\n{text}{findings:#?}");
            found[4] += usize::from(said);
        }
        for finding in findings.iter().filter(|d| d.code.id() == "W033") {
            found[3] += 1;
            let same = everybody.matches(&without(&program, finding), &customers);
            assert_eq!(selected(&same), selected(&matches), "seed {seed}\n{text}{finding:#?}");
        }
    }
    // What never comes up is not tested.
    let [others @ .., untreated] = found;
    assert!(others.iter().all(|n| *n > 100) && untreated > 5, "{found:?}");
}

#[test]
fn tiers_that_all_get_the_same_are_told_from_those_that_do_not() {
    let everybody = Everybody::new();
    let rules = |rules: &[(&str, &str)]| {
        let mut text = "stages phase\n  s0 when visits > 3\n  s1 when visits > 1\n  rest otherwise\nend\n\
            score level = bands of visits at 1, 3\n"
            .to_owned();
        for (i, (condition, more)) in rules.iter().enumerate() {
            text += &format!("rule r{i}\n  if {condition}\n  {more}\nend\n");
        }
        findings(&everybody.program(&text), &[], &mut Allowances::default())
            .iter()
            .any(|d| d.code.id() == "W037")
    };
    let (same, other) = ("then send x coupon", "then send y coupon");
    assert!(rules(&[("phase = s0", same), ("phase in (s1, rest)", same)]));
    assert!(rules(&[("vip and phase = s0", same), ("phase != s0 and vip", same)]));
    assert!(rules(&[("level < 2", same), ("level = 2 and vip", other), ("level >= 2", same)]));
    assert!(!rules(&[("phase = s0", same), ("phase = s1", same)]), "the rest gets nothing");
    assert!(!rules(&[("phase = s0", same), ("phase != s0", other)]));
    assert!(!rules(&[("vip and phase = s0", same), ("phase != s0", same)]));
    for differs in
        ["repeat every time", "hold out 20%", "limit 5 customers", "priority 2", "expires 2030-01-01"]
    {
        let other = format!("{same} {differs}");
        assert!(!rules(&[("phase = s0", same), ("phase != s0", &other)]), "{differs}");
    }
}

#[test]
fn what_grows_beyond_looking_at_is_left() {
    let everybody = Everybody::new();
    let mut doubled = "define d0 = visits + visits\n".to_owned();
    (1..40).for_each(|i| doubled += &format!("define d{i} = d{} + d{}\n", i - 1, i - 1));
    let windows: Vec<String> = (1..2_000).map(|n| format!("count of orders in last {n} days >= 1")).collect();
    let texts: Vec<String> = (1..2_000).map(|n| format!("city contains \"{n}\"")).collect();
    for condition in ["d39 > 5", &windows.join(" or "), &windows.join(" and "), &texts.join(" or ")] {
        let text = format!("{doubled}rule r\n  if {condition}\n  then send x coupon\nend\n");
        assert!(findings(&everybody.program(&text), &[], &mut Allowances::default()).is_empty());
    }
}

/// Whom rules reach, and who is in which segment and stage.
fn selected(matches: &Matches) -> Vec<Bitmap> {
    let rules = matches.rules().flat_map(|m| [m.about().clone(), m.then()]);
    let places = matches.segments.iter().chain(matches.stages.iter().flatten());
    rules.chain(places.cloned()).collect()
}

/// The program without what a finding is about.
fn without(program: &Program, finding: &Diagnostic) -> Program {
    let mut program = program.clone();
    let rules = program.rules.iter_mut().filter_map(|r| r.condition.as_mut());
    let arms = program.stages.iter_mut().flat_map(|s| &mut s.arms);
    let segments = program.segments.iter_mut().map(|s| &mut s.condition);
    let taken: usize = rules.chain(arms).chain(segments).map(|c| take(c, finding.place)).sum();
    assert_eq!(taken, 1, "{finding:#?}");
    program
}

fn take(condition: &mut Condition, place: Place) -> usize {
    match &mut condition.kind {
        ConditionKind::All(parts) | ConditionKind::Any(parts) => {
            let before = parts.len();
            parts.retain(|part| part.place != place);
            before - parts.len() + parts.iter_mut().map(|part| take(part, place)).sum::<usize>()
        }
        ConditionKind::Not(inner) => take(inner, place),
        _ => 0,
    }
}
