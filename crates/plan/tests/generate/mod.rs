//! Rules, policies and customers by chance.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::shop::Customer;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The moment of a [`crate::shop::Shop`].
pub const NOW: i64 = 1_794_391_200_000_000;
pub const MINUTE: i64 = 60_000_000;

pub fn pick<'t>(draw: &mut StdRng, from: &[&'t str]) -> &'t str {
    from.choose(draw).unwrap()
}

pub fn program(draw: &mut StdRng) -> String {
    let mut text = String::from("segment some phone is known end\n");
    let mut policy = String::new();
    for _ in 0..draw.random_range(0..3) {
        let (most, what) = (draw.random_range(0..4), pick(draw, &["messages", "email", "sms"]));
        let (days, then) = (draw.random_range(1..9), pick(draw, &["", "then wait", "then skip"]));
        policy += &format!("  at most {most} {what} per {days} days {then}\n");
    }
    for _ in 0..draw.random_range(0..2) {
        let hours = pick(draw, &["09:00 to 11:00", "21:00 to 08:00", "10:00 to 10:00", "18:00 to 20:00"]);
        let (whom, unknown) =
            (pick(draw, &["", " for sms", " for email"]), pick(draw, &["", ", unknown zones wait"]));
        policy += &format!("  quiet from {hours}{whom}{unknown}\n");
    }
    if draw.random_bool(0.3) {
        policy += "  hold out 10%\n";
    }
    if !policy.is_empty() {
        text += &format!("policy\n{policy}end\n");
    }
    // Now and then more than are decided together.
    let rules = if draw.random_bool(0.02) { 60 } else { draw.random_range(1..6) };
    (0..rules).for_each(|i| text += &rule(draw, i));
    text
}

fn rule(draw: &mut StdRng, i: usize) -> String {
    let mut text = format!("rule r{i}\n");
    let mut say = |clause: &str| text += &format!("  {clause}\n");
    say(pick(draw, &["", "every day at 09:00", "every 2 hours", "on order", "on signup"]));
    let segment = draw.random_bool(0.3);
    if segment {
        say("for some");
    }
    say(pick(
        draw,
        &[
            "if email is known",
            "if place = \"UTC\"",
            "if place != \"UTC\" or phone is known",
            "if count of orders in last 1 day >= 1",
            "",
        ],
    ));
    say(&format!("then {}", steps(draw)));
    if segment && draw.random_bool(0.5) {
        say(&format!("else {}", steps(draw)));
    }
    say(pick(draw, &["", "repeat every time", "repeat on every entry", "repeat at most once per 5 days"]));
    if draw.random_bool(0.2) {
        say("hold out 30%");
    }
    if draw.random_bool(0.3) {
        say(pick(draw, &["limit 3 customers", "limit 40% of customers", "limit 0 customers"]));
    }
    if text.contains(" coupon") && !text.contains("split") && draw.random_bool(0.3) {
        text += "  budget 100 CNY per 7 days\n";
    }
    if draw.random_bool(0.5) {
        text += &format!("  priority {}\n", draw.random_range(-2..3));
    }
    if draw.random_bool(0.1) {
        text += &format!("  expires 2026-11-1{}\n", draw.random_range(0..3));
    }
    text + "end\n"
}

/// No two of a rule alike.
fn steps(draw: &mut StdRng) -> String {
    let mut all = [
        "send a email",
        "send b sms",
        "send c email or sms",
        "send a sms or email",
        "send x coupon",
        "send b email with x coupon",
    ];
    rand::seq::SliceRandom::shuffle(&mut all[..], draw);
    if draw.random_bool(0.05) {
        return "split 50% x: send x coupon 50% y: send a sms end".to_owned();
    }
    all[..*[1, 1, 2, 3].choose(draw).unwrap()].join("\n    ")
}

pub fn customer(draw: &mut StdRng) -> Customer {
    let ago = |draw: &mut StdRng| NOW - draw.random_range(-20..120) * MINUTE;
    let mut orders: Vec<i64> = (0..draw.random_range(0..3)).map(|_| ago(draw)).collect();
    orders.sort_unstable();
    Customer {
        email: *[Some("a@x.example"), Some("b@x.example"), Some(" "), None].choose(draw).unwrap(),
        phone: *[Some("+861"), Some("+862"), None].choose(draw).unwrap(),
        email_ok: *[Some(true), Some(true), Some(false), None].choose(draw).unwrap(),
        sms_ok: *[Some(true), Some(true), Some(false), None].choose(draw).unwrap(),
        zone: *[Some("Asia/Tokyo"), Some("UTC"), Some("nowhere"), None].choose(draw).unwrap(),
        joined: draw.random_bool(0.5).then(|| ago(draw)),
        orders,
    }
}
