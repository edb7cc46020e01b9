//! A backtest as one page that needs nothing else: charts as drawings, each with its figures in a table beside it.

use super::Figures;
use super::figures::Series;
use super::svg::{bars, lines};
use super::text::{extent, remarks};
use crate::report::totals::{self, money_of};
use crate::report::{count, escaped, percent};
use tidings_daemon::backtest::Flows;

/// How many rules are drawn; all of them are in the table.
const DRAWN: usize = 8;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d1d9e0;--paper:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--paper:#0d1117}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.2rem;border-top:1px solid var(--line);padding-top:1rem}\
p.soft,figcaption,details{color:var(--soft)}figure{margin:0;overflow-x:auto}svg{width:100%;min-width:40rem;height:auto}svg text{fill:var(--soft);font-size:11px}\
table{display:block;overflow-x:auto;border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{text-align:right;white-space:nowrap;padding:.15rem .7rem;border-bottom:1px solid var(--line)}\
th:first-child,td:first-child{text-align:left}\
@media print{:root{--ink:#000;--soft:#333;--line:#999;--paper:#fff}body{margin:0;max-width:none}h2,figure,tr{break-inside:avoid}}";

/// The page.
pub fn html(figures: &Figures<'_>, project: &str) -> String {
    let (step, title) = (figures.step(), format!("Backtest of {}", escaped(project)));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n\
         <p>From {}.</p>\n",
        escaped(&extent(figures)),
    );
    let mut section = |title: String, series: &[&Series], summed: bool| {
        if !series.is_empty() {
            out += &part(figures, &title, series, summed);
        }
    };
    section(format!("Messages per {step}, by channel"), &figures.channels.iter().collect::<Vec<_>>(), true);
    section(format!("Sends per {step}, by rule"), &figures.sends.iter().collect::<Vec<_>>(), true);
    let held: Vec<&Series> = figures.held.iter().map(|(_, series)| series).collect();
    section(format!("Held back per {step}: customers and rules, each {step} anew"), &held, true);
    section("Customers in segments".to_owned(), &figures.segments.iter().collect::<Vec<_>>(), false);
    for (flows, stages) in &figures.stages {
        section(
            format!("Customers in the stages of {}", flows.name),
            &stages.iter().collect::<Vec<_>>(),
            false,
        );
    }
    figures.stages.iter().for_each(|(flows, _)| out += &flow(flows));
    out += &costs(figures);
    out += &coupons(figures);
    out += &messages(figures);
    let remarks: String =
        remarks(figures).iter().map(|remark| format!("<li>{}</li>\n", escaped(remark))).collect();
    if !remarks.is_empty() {
        out += &format!("<h2>To know</h2>\n<ul>{remarks}</ul>\n");
    }
    out + "</body></html>\n"
}

/// A drawing of the largest series, and all of them in tables: in total and step by step.
fn part(figures: &Figures<'_>, title: &str, series: &[&Series], summed: bool) -> String {
    let drawn: Vec<(String, &[u64])> =
        series.iter().take(DRAWN).map(|s| (name(s), s.values.as_slice())).collect();
    let steps: Vec<String> = (0..figures.moments.len()).map(|step| figures.at(step)).collect();
    let head = if summed { "<th>total</th><th>most</th><th>on</th>" } else { "<th>first</th><th>last</th>" };
    let row = |s: &&Series| {
        let figures = match (summed, s.most(), s.ends()) {
            (true, (at, most), _) => {
                let on = steps.get(at).map_or("", String::as_str);
                format!("<td>{}</td><td>{}</td><td>{on}</td>", count(s.total()), count(most))
            }
            (false, _, ends) => ends.map(|n| format!("<td>{}</td>", count(n))).concat(),
        };
        format!("<tr><td>{}</td>{figures}</tr>\n", escaped(&name(s)))
    };
    let rows: String = series.iter().map(row).collect();
    let (title, drawing) = (escaped(title), lines(title, &steps, &drawn));
    let more = match series.len() - drawn.len() {
        0 => String::new(),
        more => format!("<figcaption>{more} more are in the table.</figcaption>"),
    };
    format!(
        "<h2>{title}</h2>\n<figure>{drawing}{more}</figure>\n<table><tr><th></th>{head}</tr>\n{rows}</table>\n{}",
        by_step(figures, &drawn, &steps)
    )
}

/// What is drawn, as numbers.
fn by_step(figures: &Figures<'_>, drawn: &[(String, &[u64])], steps: &[String]) -> String {
    let head: String = drawn.iter().map(|(name, _)| format!("<th>{}</th>", escaped(name))).collect();
    let row = |(step, at): (usize, &String)| {
        let cells = drawn.iter().map(|(_, values)| values.get(step).copied().unwrap_or(0));
        let cells: String = cells.map(|n| format!("<td>{}</td>", count(n))).collect();
        format!("<tr><td>{at}</td>{cells}</tr>\n")
    };
    let rows: String = steps.iter().enumerate().map(row).collect();
    let step = figures.step();
    format!(
        "<details><summary>The same {step} by {step}</summary><table><tr><th>{step}</th>{head}</tr>\n{rows}</table></details>\n"
    )
}

fn name(series: &Series) -> String {
    format!("{} {}", series.name, series.by).trim_end().to_owned()
}

fn flow(flows: &Flows) -> String {
    let head: String = flows.places.iter().map(|place| format!("<th>{}</th>", escaped(place))).collect();
    let table = |counts: &[Vec<u64>], caption: &str| {
        let row = |(place, numbers): (&String, &Vec<u64>)| {
            let cells: String = numbers.iter().map(|n| format!("<td>{}</td>", count(*n))).collect();
            format!("<tr><td>{}</td>{cells}</tr>\n", escaped(place))
        };
        let rows: String = flows.places.iter().zip(counts).map(row).collect();
        format!("<p class=\"soft\">{caption}</p><table><tr><th>from ↓ to →</th>{head}</tr>\n{rows}</table>\n")
    };
    format!(
        "<h2>Moves between the stages of {}</h2>\n{}{}",
        escaped(&flows.name),
        table(&flows.ends, "Where those of the first step are at the last."),
        table(&flows.moves, "All moves from one step to the next, summed.")
    )
}

fn costs(figures: &Figures<'_>) -> String {
    let Some(total) = totals::cost(&figures.cost).filter(|_| !figures.costs.is_empty()) else {
        return String::new();
    };
    let row = |of: &super::figures::CostOf| {
        let cost = of.minor().map(|(minor, currency)| money_of(minor, currency.code()));
        let (channel, messages) = (escaped(&of.channel), count(of.messages));
        format!(
            "<tr><td>{channel}</td><td>{messages}</td><td>{}</td></tr>\n",
            cost.unwrap_or("no price".to_owned())
        )
    };
    let rows: String = figures.costs.iter().map(row).collect();
    format!(
        "<h2>What messages cost</h2>\n<p>In total {}.</p>\n\
         <table><tr><th></th><th>messages</th><th>cost</th></tr>\n{rows}</table>\n",
        escaped(&total)
    )
}

fn coupons(figures: &Figures<'_>) -> String {
    if figures.coupons.is_empty() {
        return String::new();
    }
    let row = |coupon: &super::figures::Coupon| {
        let worth = coupon.worth().map(|(minor, currency)| money_of(minor, currency.code()));
        let (name, granted) = (escaped(&coupon.name), count(coupon.granted));
        format!("<tr><td>{name}</td><td>{granted}</td><td>{}</td></tr>\n", worth.unwrap_or_default())
    };
    let rows: String = figures.coupons.iter().map(row).collect();
    format!(
        "<h2>Coupons granted</h2>\n<table><tr><th></th><th>granted</th><th>worth</th></tr>\n{rows}</table>\n"
    )
}

fn messages(figures: &Figures<'_>) -> String {
    let (rows, most) = figures.received();
    let title = "Messages a customer would have had";
    let cells = |(messages, customers): &(String, u64)| {
        let share = percent(*customers, figures.customers);
        format!("<tr><td>{messages}</td><td>{}</td><td>{share}</td></tr>\n", count(*customers))
    };
    let table: String = rows.iter().map(cells).collect();
    format!(
        "<h2>{title}</h2>\n<p>The most is {most}.</p>\n<figure>{}</figure>\n\
         <table><tr><th>messages</th><th>customers</th><th>of all</th></tr>\n{table}</table>\n",
        bars(title, &rows)
    )
}
