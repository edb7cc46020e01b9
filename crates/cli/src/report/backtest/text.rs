//! A backtest for a terminal.

use super::Figures;
use super::chart::{axis, bar, columns};
use super::figures::Series;
use crate::report::totals::{self, money_of};
use crate::report::{count, counted, few, moment, percent};
use crate::screen::Screen;
use comfy_table::{Cell, CellAlignment, Color};
use tidings_daemon::backtest::Flows;
use tidings_plan::Reason;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many rules are shown; all are in the other forms.
const RULES: usize = 30;

/// The charts and the tables.
pub fn text(figures: &Figures<'_>, screen: &Screen) -> String {
    let (width, step) = (screen.width(), figures.step());
    let mut out = format!("Backtest from {}\n", extent(figures));
    let mut chart = |title: &str, rows: Vec<&Series>, figure: &dyn Fn(&Series) -> String| {
        if !rows.is_empty() {
            let lines = lines(figures, &rows, width, figure);
            out += &format!("\n{}\n{lines}", screen.paint(title, Color::White));
        }
    };
    let total = |row: &Series| totals(figures, row);
    chart(&format!("Messages per {step}, by channel"), figures.channels.iter().collect(), &total);
    let (shown, more) = figures.sends.split_at(RULES.min(figures.sends.len()));
    chart(&format!("Sends per {step}, by rule"), shown.iter().collect(), &total);
    let title = format!("Held back per {step}: customers and rules, each {step} anew");
    chart(&title, figures.held.iter().map(|(_, series)| series).collect(), &total);
    let level = |row: &Series| row.ends().map(count).join(" → ");
    chart("Customers in segments", figures.segments.iter().collect(), &level);
    for (flows, stages) in &figures.stages {
        chart(&format!("Customers in the stages of {}", flows.name), stages.iter().collect(), &level);
    }
    figures.stages.iter().for_each(|(flows, _)| out += &flow(flows, screen));
    out += &costs(figures, screen);
    out += &coupons(figures, screen);
    out += &messages(figures, screen, width);
    if !more.is_empty() {
        let (lines, sends) = (counted(more.len() as u64, "line"), more.iter().map(Series::total).sum());
        let sends = counted(sends, "send");
        out += &format!("\n{lines} more, of rules that sent less: {sends}; --format json has all of them");
    }
    for remark in remarks(figures) {
        out += &format!("\n{} {remark}", screen.paint("!", Color::Yellow));
    }
    out
}

/// From when to when, over how many steps and customers, and how many messages that makes.
pub fn extent(figures: &Figures<'_>) -> String {
    let ends = [figures.moments.first(), figures.moments.last()].into_iter().flatten();
    let ends: Vec<String> = ends.map(|now| moment(*now)).collect();
    format!(
        "{}: {}, {}, {}",
        ends.join(" to "),
        counted(figures.moments.len() as u64, figures.step()),
        counted(figures.customers, "customer"),
        counted(figures.channels.iter().map(Series::total).sum(), "message")
    )
}

/// All steps together, and the most of one.
fn totals(figures: &Figures<'_>, row: &Series) -> String {
    match row.most() {
        (_, 0) => "0".to_owned(),
        (at, most) => {
            format!("{:>10}  most {} on {}", count(row.total()), count(most), figures.at(at))
        }
    }
}

/// A line a series: its name, a column a step, and its figures; and one with the dates.
fn lines(
    figures: &Figures<'_>,
    rows: &[&Series],
    width: usize,
    figure: &dyn Fn(&Series) -> String,
) -> String {
    let longest = rows.iter().map(|row| row.name.width() + 1 + row.by.width()).max().unwrap_or(0);
    let wide = longest.min(width / 3).max(8);
    let room = width.saturating_sub(wide + 46).clamp(10, 120);
    let line =
        |row: &&Series| format!("  {}  {}  {}\n", label(row, wide), columns(&row.values, room), figure(row));
    let dates = axis(|step| figures.at(step), figures.moments.len(), room);
    let below = format!("  {}  {dates}\n", " ".repeat(wide));
    rows.iter().map(line).chain([below]).collect()
}

/// A series' name, as wide as that on a terminal: what is too long is cut before the channel.
fn label(row: &Series, wide: usize) -> String {
    let by = if row.by.is_empty() { String::new() } else { format!(" {}", row.by) };
    let by = cut(&by, wide);
    let label = cut(&row.name, wide - by.width()).to_owned() + by;
    let blank = wide - label.width();
    label + &" ".repeat(blank)
}

/// As much of a text as is no wider than that.
fn cut(text: &str, wide: usize) -> &str {
    let mut room = wide;
    let too_much = text.char_indices().find(|(_, sign)| match room.checked_sub(sign.width().unwrap_or(0)) {
        Some(rest) => {
            room = rest;
            false
        }
        None => true,
    });
    text.get(..too_much.map_or(text.len(), |(end, _)| end)).unwrap_or_default()
}

fn costs(figures: &Figures<'_>, screen: &Screen) -> String {
    let Some(together) = totals::cost(&figures.cost).filter(|_| !figures.costs.is_empty()) else {
        return String::new();
    };
    let mut out = format!("\n{}: {together}\n", screen.paint("What messages cost", Color::White));
    for of in &figures.costs {
        let cost = match of.minor() {
            Some((minor, currency)) => format!("cost {}", money_of(minor, currency.code())),
            None => "no price".to_owned(),
        };
        out += &format!("  {}: {}, {cost}\n", of.channel, count(of.messages));
    }
    out
}

fn coupons(figures: &Figures<'_>, screen: &Screen) -> String {
    if figures.coupons.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", screen.paint("Coupons granted", Color::White));
    for coupon in &figures.coupons {
        let worth = match coupon.worth() {
            Some((minor, currency)) => format!(", worth {}", money_of(minor, currency.code())),
            None => String::new(),
        };
        out.push_str(&format!("  {}: {}{worth}\n", coupon.name, count(coupon.granted)));
    }
    out
}

fn messages(figures: &Figures<'_>, screen: &Screen, width: usize) -> String {
    let (rows, most) = figures.received();
    let largest = rows.iter().map(|(_, customers)| *customers).max().unwrap_or(0);
    let title = screen.paint("Messages a customer would have had", Color::White);
    let mut out = format!("\n{title}; the most is {most}\n");
    for (messages, customers) in rows {
        let bar = bar(customers, largest, width.saturating_sub(45).clamp(10, 60));
        let share = percent(customers, figures.customers);
        out.push_str(&format!("  {messages:>9}  {:>11}  {share:>6}  {bar}\n", count(customers)));
    }
    out
}

/// From where to where customers moved between the first step and the last, and how many moved out in between.
fn flow(flows: &Flows, screen: &Screen) -> String {
    let there = |place: usize| {
        let row = flows.ends.get(place).into_iter().flatten().any(|n| *n > 0);
        row || flows.ends.iter().any(|row| row.get(place).is_some_and(|n| *n > 0))
    };
    let shown: Vec<usize> = (0..flows.places.len()).filter(|place| there(*place)).collect();
    let name = |place: &usize| flows.places.get(*place).cloned().unwrap_or_default();
    let mut table = screen.table();
    let head = ["first ↓  last →".to_owned()].into_iter().chain(shown.iter().map(name));
    table.set_header(head.chain(["moved out, all steps".to_owned()]));
    for from in &shown {
        let numbers = flows.ends.get(*from).map_or(&[][..], Vec::as_slice);
        let numbers = shown.iter().map(|to| numbers.get(*to).copied().unwrap_or(0));
        let moves: u64 = flows.moves.get(*from).into_iter().flatten().sum();
        let cells = numbers.chain([moves]).map(|n| Cell::new(count(n)).set_alignment(CellAlignment::Right));
        table.add_row([Cell::new(name(from))].into_iter().chain(cells));
    }
    format!("{table}\n")
}

/// What a person should know of the figures.
pub fn remarks(figures: &Figures<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    if figures.dropped.total() > 0 {
        let lost = count(figures.dropped.total());
        remarks.push(format!(
            "of those held back by a cap, {lost} lost it for good; the others were tried again"
        ));
    }
    for (rule, steps, why) in &figures.stopped {
        let times = if *steps == 1 { "once".to_owned() } else { format!("at {}", counted(*steps, "step")) };
        remarks.push(format!("{rule} was stopped {times}; the first time: {why}"));
    }
    match figures.silent.as_slice() {
        [] => {}
        few if few.len() <= 10 => remarks.push(format!("nothing was sent by {}", few.join(", "))),
        many => remarks.push(format!("nothing was sent by {}", counted(many.len() as u64, "rule"))),
    }
    if figures.held.iter().any(|(reason, series)| *reason == Reason::Quiet && series.total() > 0) {
        let time = figures.moments.first().map(|now| now.civil().format("%H:%M").to_string());
        remarks.push(format!(
            "each {} is decided at {}; where hours of silence hold then, --from can name another time",
            figures.step(),
            time.unwrap_or_default()
        ));
    }
    remarks.extend(of_schedules(figures));
    let unknown = &figures.unknown;
    if !unknown.contacts.is_empty() {
        let names = unknown.contacts.join(", ");
        remarks.push(format!(
            "whether customers can be written to is as of today ({names}, and who said no since)"
        ));
    }
    let rules = unknown.rules.iter().map(|(rule, names)| format!("{rule} ({})", names.join(", ")));
    let rules: Vec<String> = rules.collect();
    if !rules.is_empty() {
        remarks.push(format!(
            "the store has no history of attributes, so these rules read the values of today: {}",
            few(&rules, 10)
        ));
    }
    if figures.reads_rows {
        remarks.push(
            "the fields of rows are as of today too: a status set later was so from the start".to_owned(),
        );
    }
    remarks
}

/// Where steps see less than schedules would.
fn of_schedules(figures: &Figures<'_>) -> Vec<String> {
    let step = figures.step();
    let remark =
        |rules: &[&str], what: String| (!rules.is_empty()).then(|| format!("{what}: {}", few(rules, 10)));
    let remarks = [
        remark(&figures.several, format!("these come several times per {step} and are decided once in it")),
        remark(
            &figures.on_the_day,
            format!("of one {step} these see only those whose day is that of the step, --step day sees all"),
        ),
        remark(
            &figures.on_events,
            format!("these see the latest event a customer had in one {step}, no earlier one"),
        ),
    ];
    remarks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_wide_as_they_look_and_keep_their_channel() {
        let label = |name: &str, by: &str| {
            label(&Series { name: name.into(), by: by.into(), values: Vec::new() }, 12)
        };
        assert_eq!(label("沉睡客户唤醒", "sms"), "沉睡客户 sms");
        assert_eq!(label("沉睡客", "email"), "沉睡客 email");
        assert_eq!(label("a沉睡客户", "sms"), "a沉睡客 sms ");
        assert_eq!(label("short", ""), "short       ");
    }
}
