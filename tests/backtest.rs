//! A backtest is what planning and running day by day comes to, to the row; and its figures are those that counting by
//! hand gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use chrono::Datelike;
use project::{Project, repository};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Every kind of repeat, caps that wait and that drop, hold-outs, a limit, a budget, stages, and rules that read what
/// others did.
const RULES: &str = r#"
define days_since = days since latest orders.placed_at

stages lifecycle
  active  when days_since <= 90
  dormant when days_since <= 200
  lost    otherwise
end

segment frequent count of orders in last 365 days >= 3 end

policy
  at most 1 messages per 3 days then wait
  at most 2 email per 10 days then skip
  quiet from 21:00 to 08:00 for sms
  hold out 5%
end

rule asleep
  if lifecycle = dormant and days_since > 100
  then
    send wake-up coupon
    send wake-up email or sms
    add tag "asleep"
  repeat at most once per 6 days
  hold out 10%
  priority 3
end

rule entering
  if entered lost in last 5 days
  then send birthday sms or email
  repeat on every entry
end

rule reminded
  if was sent wake-up and not (was sent new-releases in last 4 days)
  then send new-releases email
  repeat every time
  priority -1
end

rule weekly
  every monday at 09:00
  for frequent
  then send birthday email
  repeat every time
end

rule costly
  if spend > 150 USD
  then send second-order email with second-order coupon
  budget 90 USD per 5 days
end

rule few
  if tags contains "asleep" and lifecycle = dormant
  then
    notify "growth"
    set woken = true
  limit 40 customers
  repeat at most once per 3 days
end

rule doubted
  if tags contains "asleep" and lifecycle = dormant
  then set woken = false
  repeat at most once per 3 days
  priority 9
end

rule again
  if woken and holds wake-up coupon
  then send birthday email
  priority 5
end

define spend = sum of orders.total
"#;

const DAYS: [&str; 12] = [
    "1998-01-01",
    "1998-01-02",
    "1998-01-03",
    "1998-01-04",
    "1998-01-05",
    "1998-01-06",
    "1998-01-07",
    "1998-01-08",
    "1998-01-09",
    "1998-01-10",
    "1998-01-11",
    "1998-01-12",
];

/// Some of the people of the example, and what they bought.
fn shop() -> Project {
    let project = Project::example("cdnow");
    let schema = project.read("schema.yaml");
    let more = "    tags: {type: tags, kept: true}\n    woken: {type: yes/no, kept: true}\n\ncontact:";
    project.write("schema.yaml", &schema.replacen("\ncontact:", more, 1));
    std::fs::remove_dir_all(project.folder().join("rules")).unwrap();
    project.write("rules/all.tidings", RULES);
    let some = |file: &str, key: &dyn Fn(&str) -> Option<u32>| {
        let text = project.read(file);
        let lines = text.lines().filter(|line| key(line).is_none_or(|key| key % 40 == 0));
        let lines: Vec<&str> = lines.collect();
        project.write(file, &(lines.join("\n") + "\n"));
    };
    some("data/customers.csv", &|line| line.split(',').next()?.parse().ok());
    some("data/CDNOW_master.txt", &|line| line.split_whitespace().next()?.parse().ok());
    project.run(&["import", "data/customers.csv", "orders=data/CDNOW_master.txt"]);
    project
}

/// A send: when, rule, step, kind, subject, channel, customer, occasion, and whether it was sent or waits.
type Row = [String; 9];

#[test]
fn a_backtest_is_planning_and_running_day_by_day() {
    let project = shop();
    let file = project.folder().join("rows.csv");
    let (from, to) = (format!("{}T10:00", DAYS[0]), DAYS[DAYS.len() - 1]);
    let asked = ["backtest", "--from", &from, "--to", to, "--format", "json"];
    let backtest = project.json(&[&asked[..], &["--rows", file.to_str().unwrap()]].concat());
    assert!(!project.folder().join(".tidings/sandbox").exists(), "nothing is written");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "it says who is sent what");
    let lines = std::fs::read_to_string(&file).unwrap();
    let rows: BTreeSet<Row> = lines.lines().skip(1).map(row).collect();
    let mut days_cost = 0;

    let mut met = BTreeSet::new();
    let mut messages: BTreeMap<String, usize> = BTreeMap::new();
    for (day, step) in DAYS.iter().zip(backtest["steps"].as_array().unwrap()) {
        let at = format!("{day}T10:00");
        // It exits with 3 where a rule is over its limit.
        // What is due: 5 and 12 January 1998 were Mondays.
        let due = ["asleep", "entering", "reminded", "costly", "few", "doubted", "again", "weekly"];
        let due = &due[..if ["1998-01-05", "1998-01-12"].contains(day) { 8 } else { 7 }];
        let due: Vec<&str> = due.iter().flat_map(|rule| ["--rule", rule]).collect();
        let plan =
            project.output(&[&["plan", "--sandbox", "--at", &at, "--format", "json"], &due[..]].concat());
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        assert_eq!(step["at"], plan["at"]);
        assert_eq!(step["customers"], plan["customers"]);
        let cost = cost(rows.iter().filter(|row| row[0].starts_with(day)));
        assert_eq!(plan["totals"]["cost"]["USD"], rounded(cost), "{day}");
        days_cost += cost;
        for planned in plan["rules"].as_array().unwrap() {
            let replayed = step["rules"].as_array().unwrap().iter().find(|r| r["rule"] == planned["rule"]);
            let Some(replayed) = replayed else {
                assert_eq!(planned["matched"], 0, "{day}: {planned:#}");
                continue;
            };
            met.extend((planned["rule"] == "weekly").then(|| format!("weekly on {day}")));
            for part in ["matched", "planned", "held", "stopped"] {
                assert_eq!(replayed[part], planned[part], "{day}, {}: {part}", planned["rule"]);
            }
            let held = planned["held"].as_object().unwrap().keys();
            met.extend(held.map(|reason| format!("{} {reason}", planned["rule"].as_str().unwrap())));
        }
        project.output(&[&["run", "--sandbox", "--at", &at], &due[..]].concat());
    }
    let outbox = project.json(&["outbox", "--sandbox", "--limit", "1000000", "--format", "json"]);
    let sent: BTreeSet<Row> = outbox.as_array().unwrap().iter().map(outbox_row).collect();
    let (more, missing) =
        (rows.difference(&sent).collect::<Vec<_>>(), sent.difference(&rows).collect::<Vec<_>>());
    assert!(more.is_empty() && missing.is_empty(), "only replayed: {more:#?}\nonly run: {missing:#?}");
    for what in [
        "asleep already_sent",
        "asleep holdout",
        "costly over_limit",
        "few over_limit",
        "reminded capped",
        "entering already_sent",
        "asleep capped",
        "weekly on 1998-01-05",
        "weekly on 1998-01-12",
    ] {
        assert!(met.contains(what), "{what} was never met: {met:?}");
    }
    for rule in ["asleep", "entering", "reminded", "weekly", "costly", "few", "again"] {
        assert!(rows.iter().any(|row| row[1] == rule && row[8] == "sent"), "{rule} never sent anything");
    }

    // What it costs is counted from the rows, and rounded once.
    assert_eq!(cost(rows.iter()), days_cost);
    assert_eq!(backtest["cost"]["USD"], rounded(days_cost));
    let of_lines = lines.lines().skip(1).filter_map(|line| line.rsplit(',').nth(1).filter(|c| !c.is_empty()));
    assert_eq!(of_lines.map(ten_thousandths).sum::<u64>(), days_cost);
    let asked = ["backtest", "--from", &from, "--to", to, "--html", "page.html", "--format"];
    let csv = project.run(&[&asked[..], &["csv"]].concat());
    let of_steps = csv.lines().skip(1).filter_map(|line| line.rsplit(',').nth(1).filter(|c| !c.is_empty()));
    assert_eq!(of_steps.map(ten_thousandths).sum::<u64>(), days_cost);
    let told = [project.run(&[&asked[..], &["text"]].concat()), project.read("page.html")];
    assert!(told.iter().all(|text| text.contains(&format!("{} USD", rounded(days_cost)))), "{told:?}");

    // The figures are those of the rows.
    rows.iter().filter(|row| row[3] == "message" && row[8] == "sent").for_each(|row| {
        *messages.entry(row[6].clone()).or_default() += 1;
    });
    let had = backtest["messages"]["customers"].as_array().unwrap();
    for (n, customers) in had.iter().enumerate().skip(1) {
        assert_eq!(messages.values().filter(|had| **had == n).count() as u64, *customers, "{n} messages");
    }
    let granted = rows.iter().filter(|row| row[3] == "coupon" && row[8] == "sent");
    let granted = granted.filter(|row| row[4] == "second-order").count() as u64;
    let coupon =
        &backtest["coupons"].as_array().unwrap().iter().find(|c| c["coupon"] == "second-order").unwrap();
    assert_eq!((&coupon["granted"], &coupon["currency"]), (&Value::from(granted), &Value::from("USD")));
    assert_eq!(coupon["worth"].as_str().unwrap().parse::<f64>().unwrap(), 3.0 * granted as f64);
}

/// What messages that were sent cost, in ten thousandths of a dollar: the prices of the example.
fn cost<'a>(rows: impl Iterator<Item = &'a Row>) -> u64 {
    let messages = rows.filter(|row| row[3] == "message" && row[8] == "sent");
    messages.map(|row| if row[5] == "email" { 4 } else { 125 }).sum()
}

/// As dollars and whole cents.
fn rounded(ten_thousandths: u64) -> String {
    let cents = (ten_thousandths + 50) / 100;
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Reads `0.0125`.
fn ten_thousandths(dollars: &str) -> u64 {
    let (whole, rest) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{rest:0<4}").parse().unwrap()
}

/// A line without what the send cost.
fn row(line: &str) -> Row {
    let parts: Vec<String> = line.split(',').take(9).map(str::to_owned).collect();
    parts.try_into().unwrap_or_else(|parts| panic!("{parts:?}"))
}

fn outbox_row(row: &Value) -> Row {
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    let outcome = match text("state").as_str() {
        "sent" => "sent".to_owned(),
        "pending" => "waits".to_owned(),
        other => panic!("{other}: {row:#}"),
    };
    let names = ["at", "rule", "step", "kind", "subject", "channel", "customer", "occasion"];
    let [at, rule, step, kind, subject, channel, customer, occasion] = names.map(text);
    [at, rule, step, kind, subject, channel, customer, occasion, outcome]
}

#[test]
fn half_a_year_of_the_example_is_what_counting_by_hand_gives() {
    let project = Project::purchases("date: moment\nevents:\n  purchase: purchases\n");
    project.write(
        "rules/quiet.tidings",
        "define gap = days since latest purchases.date\n\
         stages life\n  awake when gap <= 90\n  quiet otherwise\nend\n\
         rule quiet\n  if gap > 90\n  then send wake-up coupon\nend\n\
         rule entry\n  if gap > 90\n  then send back coupon\n  repeat on every entry\nend\n\
         rule monthly\n  if gap > 90\n  then send month coupon\n  repeat at most once per 30 days\nend\n\
         rule thanks\n  on purchase\n  then send thanks coupon\n  repeat every time\nend\n\
         rule fridays\n  every friday at 09:00\n  if gap > 90\n  then send friday coupon\n  repeat every time\nend\n",
    );
    project.import_purchases();
    let asked = ["backtest", "--from", "1998-01-01", "--to", "1998-06-30", "--format", "json"];
    let backtest = project.json(&[&asked[..], &["--html", "page.html"]].concat());
    let page = project.read("page.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("Customers in the stages of life"));
    for outside in ["<script", "http", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page needs {outside}");
    }
    assert_eq!(
        page.matches("<svg").count(),
        page.matches("role=\"img\"").count(),
        "each drawing says what it is"
    );
    let steps = backtest["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 181);

    let mut bought: BTreeMap<String, BTreeSet<chrono::NaiveDate>> = BTreeMap::new();
    let data = repository().join("examples/cdnow/data/CDNOW_master.txt");
    for line in std::fs::read_to_string(data).unwrap().lines().skip(1) {
        let mut words = line.split_whitespace();
        let (customer, day) = (words.next().unwrap(), words.next().unwrap());
        let day = chrono::NaiveDate::parse_from_str(day, "%Y%m%d").unwrap();
        bought.entry(customer.to_owned()).or_default().insert(day);
    }
    let first = chrono::NaiveDate::from_ymd_opt(1998, 1, 1).unwrap();
    let mut expected = vec![[0_u64; 7]; steps.len()];
    for days in bought.values() {
        let (mut ever, mut inside, mut last) = (false, false, None);
        for (i, today) in first.iter_days().take(steps.len()).enumerate() {
            let latest = days.range(..today).next_back();
            let quiet = latest.is_some_and(|latest| (today - *latest).num_days() > 90);
            let monthly = quiet && last.is_none_or(|last: chrono::NaiveDate| (today - last).num_days() >= 30);
            expected[i][0] += u64::from(quiet);
            expected[i][1] += u64::from(quiet && !ever);
            expected[i][2] += u64::from(quiet && !inside);
            expected[i][3] += u64::from(monthly);
            expected[i][4] += u64::from(i > 0 && quiet != inside);
            let yesterday = today.pred_opt().unwrap();
            expected[i][5] += u64::from(days.contains(&yesterday));
            expected[i][6] += u64::from(quiet && yesterday.weekday() == chrono::Weekday::Fri);
            (ever, inside, last) = (ever || quiet, quiet, if monthly { Some(today) } else { last });
        }
    }
    for (i, step) in steps.iter().enumerate() {
        let sent = |rule: &str| {
            let rules = step["rules"].as_array().unwrap().iter();
            rules.filter(|r| r["rule"] == rule).map(|r| r["planned"].as_u64().unwrap()).sum::<u64>()
        };
        let counted = [
            step["stages"]["life"]["quiet"].as_u64().unwrap(),
            sent("quiet"),
            sent("entry"),
            sent("monthly"),
            step["moved"]["life"].as_u64().unwrap(),
            sent("thanks"),
            sent("fridays"),
        ];
        assert_eq!(counted, expected[i], "{}", step["at"]);
    }
    let moves = &backtest["flows"][0]["moves"];
    let moved: u64 = moves
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(moved, expected.iter().map(|day| day[4]).sum::<u64>());
}
