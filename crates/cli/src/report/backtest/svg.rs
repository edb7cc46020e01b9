//! Drawings for a page: lines over steps, and bars. Colours can be told apart without seeing red and green, and dashes
//! tell lines apart on paper.

use crate::report::{count, escaped};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 24.0;
/// After Okabe and Ito; they stand on light and on dark paper.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a00", "#7f7f7f"];
const DASHES: [&str; 8] = ["none", "7 3", "2 3", "9 3 2 3", "none", "7 3", "2 3", "9 3 2 3"];

/// A line for each of some series of values, one a step.
pub fn lines(title: &str, steps: &[String], series: &[(String, &[u64])]) -> String {
    let most = series.iter().flat_map(|(_, values)| values.iter().copied()).max().unwrap_or(0).max(1);
    // The last line of it has letters that hang below.
    let legend = 18.0 * series.len().div_ceil(3) as f64 + 6.0;
    let x = |step: usize| LEFT + (WIDTH - LEFT - 10.0) * step as f64 / (steps.len().max(2) - 1) as f64;
    let y = |value: u64| 8.0 + (HEIGHT - BOTTOM - 8.0) * (1.0 - value as f64 / most as f64);
    let mut out = opened(title, HEIGHT + legend);
    for part in [0, most / 2, most] {
        let at = y(part);
        out += &format!(
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"var(--line)\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            count(part)
        );
    }
    let last = steps.len().saturating_sub(1);
    for (step, anchor) in [(0, "start"), (last / 2, "middle"), (last, "end")] {
        let label = steps.get(step).map_or("", String::as_str);
        let (at, below) = (x(step), HEIGHT - 6.0);
        out += &format!("<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"{anchor}\">{label}</text>");
    }
    for (i, (name, values)) in series.iter().enumerate() {
        let points: Vec<String> =
            values.iter().enumerate().map(|(step, n)| format!("{:.1},{:.1}", x(step), y(*n))).collect();
        let style = format!(
            "fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-dasharray=\"{}\"",
            COLOURS.get(i).copied().unwrap_or("gray"),
            DASHES.get(i).copied().unwrap_or("none")
        );
        let (name, points) = (escaped(name), points.join(" "));
        let (at, below) = (LEFT + 270.0 * (i % 3) as f64, HEIGHT + 12.0 + 18.0 * (i / 3) as f64);
        out += &format!(
            "<polyline points=\"{points}\" {style}><title>{name}</title></polyline>\
             <line x1=\"{at}\" x2=\"{}\" y1=\"{below}\" y2=\"{below}\" {style}/><text x=\"{}\" y=\"{}\">{name}</text>",
            at + 26.0,
            at + 32.0,
            below + 4.0
        );
    }
    out + "</svg>"
}

/// A bar for each of some numbers.
pub fn bars(title: &str, rows: &[(String, u64)]) -> String {
    let most = rows.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let mut out = opened(title, 26.0 * rows.len() as f64);
    for (i, (name, n)) in rows.iter().enumerate() {
        let (top, wide) = (26.0 * i as f64, (WIDTH - LEFT - 110.0) * *n as f64 / most as f64);
        let (name, number, middle) = (escaped(name), count(*n), top + 16.0);
        out += &format!(
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{wide:.1}\" height=\"20\" fill=\"{}\"><title>{name}: {number}</title></rect>\
             <text x=\"{:.1}\" y=\"{middle}\">{number}</text>",
            LEFT - 6.0,
            COLOURS[0],
            LEFT + wide + 6.0
        );
    }
    out + "</svg>"
}

fn opened(title: &str, height: f64) -> String {
    let title = escaped(title);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    )
}
