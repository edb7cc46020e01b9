//! How long checking and formatting take, and how that grows: `cargo bench -p tidings-project --bench check`.
//!
//! Three sizes of everything: projects of 1,000, 3,000 and 10,000 rule files with three rules, a define and a
//! segment each, sound ones and ones with an error in every file; single files of as many declarations; YAML that
//! nests too deeply. Prints milliseconds, the fastest of three.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;
use tidings_project::Project;
use tidings_schema::{Currency, Settings};
use tidings_syntax::{FileId, format, parse};

const SIZES: [usize; 3] = [1_000, 3_000, 10_000];
const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    consent: yes/no
    city: text
    points: number
    birthday: {type: date, yearly: true}
contact:
  email: {address: email, consent: consent}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: date
      total: {type: money}
";

fn main() {
    println!("milliseconds for {SIZES:?}");
    for (what, rule) in [("sound", ""), ("an unknown name in each", " and ponts > 1"), ("broken", " and >")] {
        line(&format!("check files, {what}"), |files| {
            let folder = project(files, rule);
            fastest(|| check(folder.path()))
        });
    }
    for (what, text) in [
        ("defines", defines as fn(usize) -> String),
        ("defines of one another", chained),
        ("comments", comments),
        ("rules", rules),
        ("rules without sense", senseless),
    ] {
        line(&format!("check one file of {what}"), |many| {
            let folder = project(0, "");
            fs::write(folder.path().join("rules/one.tidings"), text(many)).unwrap();
            fastest(|| check(folder.path()))
        });
        line(&format!("format one file of {what}"), |many| {
            let parsed = parse(FileId(0), &text(many));
            fastest(|| drop(format(&parsed.file)))
        });
    }
    let settings = Settings { zone: chrono_tz::Tz::UTC, currency: Currency::CNY };
    for (what, open, close) in [("lists", "[", "]"), ("maps", "{a: ", "}"), ("items", "- ", "")] {
        line(&format!("YAML of so many {what} in one another"), |deep| {
            let text = format!("a: {}{}", open.repeat(deep), close.repeat(deep));
            fastest(|| drop(tidings_schema::load(&text, FileId(0), &settings)))
        });
    }
}

fn line(what: &str, measure: impl Fn(usize) -> f64) {
    let times: Vec<String> = SIZES.iter().map(|size| format!("{:>9.1}", measure(*size))).collect();
    println!("{what:>48}: {}", times.join(" "));
}

fn fastest(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1000.0
    };
    (0..3).map(time).fold(f64::INFINITY, f64::min)
}

fn check(folder: &Path) {
    let (mut project, _) = Project::load(folder);
    std::hint::black_box(project.check());
}

fn project(files: usize, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tidings.yaml"), "time_zone: UTC\ncurrency: CNY\n").unwrap();
    fs::write(folder.path().join("schema.yaml"), SCHEMA).unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    for i in 0..files {
        let below = folder.path().join(format!("rules/{}", i / 100));
        fs::create_dir_all(&below).unwrap();
        let mut text =
            format!("# File {i}.\n\ndefine spend-{i} = sum of orders.total in last {} days\n\n", i % 360 + 1);
        writeln!(text, "segment big-{i}\n  spend-{i} > {} CNY and city != \"x\"\nend\n", i % 1_000).unwrap();
        for (kind, condition) in [
            ("a", format!("for big-{i}\n  if points >= {i}{more}")),
            ("b", format!("if city = \"city {i}\" and days until next birthday < {} # soon", i % 360)),
            ("c", format!("if spend-{i} > {i} CNY or count of orders in last 30 days > 3")),
        ] {
            writeln!(text, "rule {kind}-{i} \"Rule {i}\"\n  every day at 10:00\n  {condition}\n  then send hello coupon\n  repeat every time\nend\n").unwrap();
        }
        fs::write(below.join(format!("{i}.tidings")), text).unwrap();
    }
    folder
}

fn defines(many: usize) -> String {
    (0..many).fold(String::new(), |text, i| text + &format!("define d{i} = points\n"))
}

fn chained(many: usize) -> String {
    let before = |i: usize| if i.is_multiple_of(50) { "points".to_owned() } else { format!("d{}", i - 1) };
    (0..many).fold(String::new(), |text, i| text + &format!("define d{i} = {}\n", before(i)))
}

fn comments(many: usize) -> String {
    (0..many).fold(String::new(), |text, i| text + &format!("# about {i}\n\n"))
        + "if points > 3 then send hello coupon\n"
}

/// As many as fit into a file.
fn rules(many: usize) -> String {
    let rule = |i: usize| format!("rule r{i} if points > {i} then send c coupon end\n");
    (0..many.min(5_000)).fold(String::new(), |text, i| text + &rule(i))
}

fn senseless(many: usize) -> String {
    let rule = |i: usize| format!("rule r{i} if pints > \"x\" then send c end\n");
    (0..many.min(5_000)).fold(String::new(), |text, i| text + &rule(i))
}
