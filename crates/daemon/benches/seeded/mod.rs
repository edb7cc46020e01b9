//! A seeded project: a shop of customers with orders over two years, and rules of 2 to 6 comparisons over about 30 features,
//! one a file, that give out coupons; and a store of SQLite with all of it.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tidings_project::Project;
use tidings_store::import::{Import, Options, Source};

const SETTINGS: &str = "
name: bench
store: sqlite:shop.db
time_zone: Asia/Shanghai
currency: CNY
coupons:
  hello: {value: 10 CNY, valid_for: 30 days}
";

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    consent: yes/no
    city: {type: one of, values: [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9]}
    country: text
    signed_up: date
    birthday: {type: date, yearly: true}
    points: number
    visits: number
    balance: {type: money}
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
      status: {type: one of, values: [paid, cancelled, returned]}
      category: text
";

/// Makes the project in a folder.
pub async fn make(folder: &Path, customers: usize, orders: usize, rules: usize) {
    fs::create_dir_all(folder.join("rules")).unwrap();
    fs::write(folder.join("tidings.yaml"), SETTINGS).unwrap();
    fs::write(folder.join("schema.yaml"), SCHEMA).unwrap();
    write_rules(&folder.join("rules"), rules);
    write_files(folder, customers, orders);
    import(folder).await;
}

async fn import(folder: &Path) {
    let (project, _) = Project::load(folder);
    let files = ["customers", "orders"].map(|table| (table, folder.join(format!("{table}.csv"))));
    let sources = files.clone().map(|(table, path)| Source { table: table.into(), path });
    let options = Options::new(project.config.settings());
    let import = Import::plan(&sources, project.vocabulary.as_deref(), &options, &mut |_| {}).unwrap();
    import.run(&project.config.store, folder, &mut |_| {}).await.unwrap();
    files.iter().for_each(|(_, path)| fs::remove_file(path).unwrap());
}

/// Seeded rules of 2 to 6 comparisons.
fn write_rules(folder: &Path, rules: usize) {
    let mut draw = StdRng::seed_from_u64(2);
    for i in 0..rules {
        let tests: Vec<String> = (0..draw.random_range(2..7)).map(|_| comparison(&mut draw)).collect();
        let joined = tests.join(if draw.random_bool(0.7) { " and " } else { " or " });
        let text = format!("rule r{i}\n  if {joined}\n  then send hello coupon\nend\n");
        fs::write(folder.join(format!("r{i}.tidings")), text).unwrap();
    }
}

fn comparison(draw: &mut StdRng) -> String {
    let window = [30, 90, 180, 365][draw.random_range(0..4)];
    let op = ["<", "<=", ">", ">="][draw.random_range(0..4)];
    match draw.random_range(0..12) {
        0 => format!("count of orders in last {window} days {op} {}", draw.random_range(0..8)),
        1 => format!("sum of orders.total in last {window} days {op} {} CNY", draw.random_range(0..5_000)),
        2 => {
            format!("average of orders.total in last {window} days {op} {} CNY", draw.random_range(100..800))
        }
        3 => format!("max of orders.total in last {window} days {op} {} CNY", draw.random_range(100..900)),
        4 => format!(
            "count of orders where status = paid in last {window} days {op} {}",
            draw.random_range(0..6)
        ),
        5 => format!(
            "number of distinct orders.category in last {window} days {op} {}",
            draw.random_range(0..6)
        ),
        6 => format!("days since latest orders.placed_at {op} {}", draw.random_range(0..700)),
        7 => format!("city in (c{}, c{})", draw.random_range(0..5), draw.random_range(5..10)),
        8 => format!("country = \"{}\"", ["CN", "JP", "KR", "US"][draw.random_range(0..4)]),
        9 => format!("points {op} {}", draw.random_range(0..10_000)),
        10 => format!("balance {op} {} CNY", draw.random_range(0..2_000)),
        _ => format!("days until next birthday {op} {}", draw.random_range(0..360)),
    }
}

fn write_files(folder: &Path, customers: usize, orders: usize) {
    let mut draw = StdRng::seed_from_u64(1);
    let mut text = String::from("id,email,consent,city,country,signed_up,birthday,points,visits,balance\n");
    for i in 0..customers {
        let birthday = if draw.random_bool(0.7) { day(&mut draw, 1960, 40) } else { String::new() };
        writeln!(
            text,
            "{i:07},c{i}@example.com,{},c{},{},{},{birthday},{},{},{}.{:02}",
            u8::from(draw.random_bool(0.8)),
            draw.random_range(0..10),
            ["CN", "JP", "KR", "US", ""][draw.random_range(0..5)],
            day(&mut draw, 2022, 4),
            draw.random_range(0..10_000),
            draw.random_range(0..300),
            draw.random_range(0..2_000),
            draw.random_range(0..100)
        )
        .unwrap();
    }
    fs::write(folder.join("customers.csv"), text).unwrap();
    let mut text = String::from("customer_id,placed_at,total,status,category\n");
    for _ in 0..orders {
        // Few customers have many orders.
        let skewed = draw.random::<f64>().powi(3);
        writeln!(
            text,
            "{:07},{},{}.{:02},{},k{}",
            (skewed * customers as f64) as usize,
            day(&mut draw, 2025, 2),
            draw.random_range(1..900),
            draw.random_range(0..100),
            ["paid", "paid", "paid", "cancelled", "returned"][draw.random_range(0..5)],
            draw.random_range(0..20)
        )
        .unwrap();
    }
    fs::write(folder.join("orders.csv"), text).unwrap();
}

fn day(draw: &mut StdRng, from: i32, years: i32) -> String {
    format!(
        "{}-{:02}-{:02}",
        from + draw.random_range(0..years),
        draw.random_range(1..13),
        draw.random_range(1..29)
    )
}
