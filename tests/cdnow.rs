//! The figures that are known of the CDNOW purchase histories come out, in the example and in a project with
//! rules of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::Project;

/// Computed with two other tools, as of 1998-07-01: `examples/cdnow/README.md`.
const QUIET_OVER_90: u64 = 20_269;
const QUIET_EXACTLY_90: u64 = 19;
const ONE_DAY_ONLY: u64 = 12_054;

#[test]
fn a_project_of_its_own_gives_the_published_figures() {
    let project = Project::purchases("date: date\n      number_of_cds: number\n      dollar_value: money\n");
    let quiet = |name: &str, test: &str| {
        format!(
            "rule {name}\n  if days since latest purchases.date {test}\n  then send wake-up coupon\nend\n"
        )
    };
    let rules = [quiet("over", "> 90"), quiet("from", ">= 90"), quiet("exactly", "= 90")].concat();
    project.write("rules/quiet.tidings", &rules);
    project
        .write("rules/one-day.tidings", "if number of distinct purchases.date = 1 then send second coupon\n");
    project.import_purchases();

    let asked = ["plan", "--at", "1998-07-01", "--format", "json", "--customers"];
    let plan = project.json(&asked);
    assert_eq!(plan["customers"], 23_570);
    assert_eq!(plan["timings"], serde_json::Value::Null);
    let timed = project.json(&[&asked[..], &["--timings"]].concat());
    assert!(timed["timings"]["rows"].as_u64().unwrap() > 23_570, "customers and what they bought");
    let parts = timed["timings"]["milliseconds"].as_object().unwrap();
    let took = |part: &str| parts[part].as_f64().unwrap_or_else(|| panic!("{part}"));
    assert!(took("reading_and_checking") > 0.0 && took("loading") > 0.0 && took("reporting") > 0.0);
    let rules: Vec<(&str, u64)> = plan["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["rule"].as_str().unwrap(), r["matched"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        rules,
        [
            ("one-day", ONE_DAY_ONLY),
            ("over", QUIET_OVER_90),
            ("from", QUIET_OVER_90 + QUIET_EXACTLY_90),
            ("exactly", QUIET_EXACTLY_90)
        ]
    );
    for rule in plan["rules"].as_array().unwrap() {
        let held: u64 = rule["held"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(rule["matched"].as_u64().unwrap(), rule["planned"].as_u64().unwrap() + held);
        assert_eq!(rule["customers"].as_array().unwrap().len() as u64, rule["matched"].as_u64().unwrap());
    }
}

#[test]
fn the_example_plans_and_sends_what_it_planned() {
    let project = Project::example("cdnow");
    project.run(&["import", "data/customers.csv", "orders=data/CDNOW_master.txt"]);
    let at = ["--at", "1998-07-01T10:00", "--format", "json"];
    let parts = project.json(&[&["customers"], &at[..]].concat());
    let one_time =
        parts["parts"].as_array().unwrap().iter().find(|p| p["name"] == "one-time-buyers").unwrap();
    assert_eq!(one_time["customers"], ONE_DAY_ONLY);

    let plan = project.json(&[&["plan"], &at[..]].concat());
    let run = project.json(&[&["run"], &at[..]].concat());
    for (planned, ran) in plan["rules"].as_array().unwrap().iter().zip(run["rules"].as_array().unwrap()) {
        for part in ["rule", "matched", "planned", "held"] {
            assert_eq!(planned[part], ran[part], "the preview is the run");
        }
    }
    // A message with a coupon of its own is two sends.
    let sends = plan["rules"].as_array().unwrap().iter().flat_map(|r| r["sends"].as_array().unwrap());
    let sends: u64 =
        sends.map(|s| s["planned"].as_u64().unwrap() * if s["coupon"].is_null() { 1 } else { 2 }).sum();
    let caught = std::fs::read_dir(project.folder().join(".tidings/sandbox/caught")).unwrap();
    let caught =
        caught.filter(|f| !f.as_ref().unwrap().file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(caught as u64, sends, "each planned send is one caught file");
    assert_eq!(run["dispatched"]["sent"], sends);

    let again = project.json(&[&["run"], &at[..]].concat());
    assert_eq!(again["new"], 0, "running it again sends nothing again");
    assert_eq!(again["rules"][2]["held"]["already_sent"], plan["rules"][2]["planned"]);

    // Under another name it would reach them all once more: so it says which one it was, or nothing runs.
    let file = project.folder().join("rules/wake-up.tidings");
    let rules = std::fs::read_to_string(&file).unwrap();
    let named = "rule wake-up \"Wake up customers who have gone quiet\"";
    assert!(rules.contains(named));
    let renamed = |was: &str| rules.replace(named, &format!("rule called-back {was}"));
    std::fs::write(&file, renamed("")).unwrap();
    let refused = project.output(&[&["run"], &at[..]].concat());
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("`called-back`") && said.contains("was wake-up"), "{said}");
    std::fs::write(&file, renamed("was wake-up")).unwrap();
    let after = project.json(&[&["run"], &at[..]].concat());
    assert_eq!(after["new"], 0, "nothing is sent again");
    assert_eq!(after["rules"][2]["held"]["already_sent"], plan["rules"][2]["planned"]);
}
