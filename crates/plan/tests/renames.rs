//! A rule that would reach everybody once more under another name is found, whatever it says and whatever ran beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use shop::Shop;
use tidings_check::Program;
use tidings_plan::{Ran, unsaid};

fn program(rules: &[&str]) -> Program {
    let rule = |head: &&str| format!("rule {head} if email_ok then send a email end\n");
    Shop::new(&rules.iter().map(rule).collect::<String>(), &[]).program
}

/// Rules as they were noted, and whether each reached anybody.
fn ran(rules: &[(&str, bool)]) -> Vec<Ran> {
    let core = program(&["any"]).meanings()[0].core();
    let one = |(name, reached): &(&str, bool)| Ran {
        identity: (*name).to_owned(),
        name: (*name).to_owned(),
        core: core.clone(),
        reached: *reached,
    };
    rules.iter().map(one).collect()
}

/// The `was` that each refused rule should have.
fn refused(before: &[(&str, bool)], running: Option<&Program>, rules: &[&str]) -> Vec<String> {
    unsaid(&ran(before), running, &program(rules)).into_iter().map(|one| one.was).collect()
}

#[test]
fn a_name_that_never_ran_keeps_no_history() {
    let before = [("hello", true)];
    assert_eq!(refused(&before, None, &["greet"]), ["hello"]);
    assert_eq!(refused(&before, None, &["greet was helo"]), ["hello"], "a slip of the pen");
    let slip = unsaid(&ran(&before), None, &program(&["greet was helo"])).remove(0).words();
    assert!(slip.contains("it says `was helo`") && slip.contains("write `was hello` instead"), "{slip}");
    assert!(refused(&before, None, &["greet was hello"]).is_empty());
    assert!(refused(&before, None, &["greet was greet"]).is_empty(), "on purpose");
    assert!(refused(&before, None, &["hello", "greet was helo"]).is_empty(), "nothing is gone");
}

#[test]
fn a_copy_that_reached_nobody_is_not_known() {
    let before = [("greet", false), ("hello", true)];
    assert!(refused(&before, None, &["hello", "greet"]).is_empty());
    assert_eq!(refused(&before, None, &["greet"]), ["hello"]);
    assert!(refused(&[("greet", true), ("hello", true)], None, &["greet"]).is_empty(), "it sent on its own");
}

#[test]
fn what_runs_may_be_reaching_somebody_at_the_moment() {
    let before = [("hello", false)];
    assert!(refused(&before, None, &["greet"]).is_empty());
    assert_eq!(refused(&before, Some(&program(&["hello"])), &["greet"]), ["hello"]);
    assert!(refused(&before, Some(&program(&["other"])), &["greet"]).is_empty(), "it ran long ago");
}
