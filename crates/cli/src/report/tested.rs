//! What came of tests.

use super::explain::{Explanation, conditions};
use super::{count, escaped, moment, rfc3339};
use crate::screen::Screen;
use comfy_table::Color;
use serde_json::{Value, json};
use std::fmt::Write;
use tidings_rehearse::{Coverage, Difference, Failure, Seen, Survivors, Test, TestFile, What, Why};
use tidings_syntax::{Place, Sources};

/// A test that was carried out.
pub struct Told<'t, 'd> {
    /// Its file.
    pub file: &'t TestFile<'d>,
    /// The test.
    pub test: &'t Test<'d>,
    /// What is not as it is expected.
    pub failures: Vec<Failure<'d>>,
}

/// All of them.
pub struct Report<'r, 't, 'd> {
    /// In the order of files and tests.
    pub told: &'r [Told<'t, 'd>],
    /// What they saw, where that was asked for.
    pub coverage: Option<&'r Coverage>,
    /// Which changes to the rules they do not notice, likewise.
    pub survivors: Option<&'r Survivors<'r>>,
    /// The files.
    pub sources: &'r Sources,
}

impl Report<'_, '_, '_> {
    /// How many tests are not as it is expected.
    pub fn failed(&self) -> usize {
        self.told.iter().filter(|t| !t.failures.is_empty()).count()
    }

    /// For people: what failed, each with the explanation of its first difference, and the counts.
    pub fn text(&self, screen: &Screen) -> String {
        let mut out = String::new();
        for told in self.told.iter().filter(|t| !t.failures.is_empty()) {
            let mark = screen.paint("failed", Color::Red);
            _ = writeln!(out, "{mark} {}: {}", told.file.path, told.test.name);
            self.failures(told, screen, &mut out);
            out.push('\n');
        }
        let (all, failed) = (self.told.len(), self.failed());
        let passed = format!("{} passed", count((all - failed) as u64));
        let verdict = match failed {
            0 => screen.paint(&passed, Color::Green),
            n => format!("{passed}, {}", screen.paint(&format!("{} failed", count(n as u64)), Color::Red)),
        };
        let tests = if all == 1 { "test" } else { "tests" };
        _ = writeln!(out, "{} {tests}: {verdict}", count(all as u64));
        self.coverage.into_iter().for_each(|coverage| self.unseen(coverage, screen, &mut out));
        self.survivors.into_iter().for_each(|survivors| self.unnoticed(survivors, screen, &mut out));
        out
    }

    fn unseen(&self, coverage: &Coverage, screen: &Screen, out: &mut String) {
        for seen in coverage.missing() {
            let place = self.at(seen.place);
            _ = writeln!(out, "{} {place}: {}", screen.paint("unseen", Color::Yellow), self.words(seen));
        }
        let missing = coverage.missing().count();
        let colour = if missing == 0 { Color::Green } else { Color::Yellow };
        let both = coverage.all.len() - missing;
        let verdict =
            format!("{} of {} seen both ways", count(both as u64), count(coverage.all.len() as u64));
        _ = writeln!(out, "coverage: {}", screen.paint(&verdict, colour));
    }

    /// What is missing of what was seen.
    fn words(&self, seen: &Seen) -> String {
        let (what, holds) = match &seen.what {
            What::Then(rule) => (format!("rule {rule}"), "somebody for whom it is"),
            What::Else(rule) => (format!("`else` of rule {rule}"), "somebody for whom it is"),
            What::Stage(stages, stage) => (format!("{stages} = {stage}"), "somebody who is"),
            What::Segment(segment) => (format!("in {segment}"), "somebody who is"),
            What::Comparison => (self.line(seen.place), "somebody for whom it holds"),
        };
        let fails = match seen.what {
            What::Then(_) | What::Else(_) => "somebody for whom it is not",
            What::Stage(..) | What::Segment(_) => "somebody who is not",
            What::Comparison => "somebody for whom it does not hold",
        };
        match (seen.yes, seen.no) {
            (false, false) => format!("{what}: no test has seen it"),
            (false, true) => format!("{what}: no test has seen {holds}"),
            (true, _) => format!("{what}: no test has seen {fails}"),
        }
    }

    fn line(&self, place: Place) -> String {
        self.sources.text(place).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn unnoticed(&self, survivors: &Survivors<'_>, screen: &Screen, out: &mut String) {
        for mutant in &survivors.left {
            let mark = screen.paint("unnoticed", Color::Red);
            _ = writeln!(out, "{mark} {}", self.at(mutant.place));
            _ = writeln!(out, "  - {}", mutant.before);
            _ = writeln!(out, "  + {}", mutant.after);
        }
        let (noticed, left) = (survivors.noticed, survivors.left.len());
        let colour = if left == 0 { Color::Green } else { Color::Red };
        let verdict = format!("{} of {} noticed", count(noticed as u64), count((noticed + left) as u64));
        _ = writeln!(out, "changes: {}", screen.paint(&verdict, colour));
    }

    fn failures(&self, told: &Told<'_, '_>, screen: &Screen, out: &mut String) {
        for failure in &told.failures {
            _ = writeln!(out, "  step {}, {}", failure.step + 1, moment(failure.now));
            for (i, difference) in failure.differences.iter().enumerate() {
                let Difference { customer, name, expected, actual, .. } = difference;
                _ = writeln!(out, "    {customer}, {name}: expected {expected}, got {actual}");
                _ = writeln!(out, "      at {}", self.place(difference));
                let why = failure.why.as_ref().filter(|_| i == 0);
                let why = why.map(|why| self.explanation(why, difference, screen)).unwrap_or_default();
                why.lines().for_each(|line| _ = writeln!(out, "{}", format!("      {line}").trim_end()));
            }
        }
    }

    fn explanation(&self, why: &Why, of: &Difference<'_>, screen: &Screen) -> String {
        let rule = why.rule.as_ref().and_then(|(rule, situation)| {
            Some((why.plan.rules.iter().find(|r| r.rule == *rule)?, situation))
        });
        match rule {
            Some((rule, situation)) => {
                let (plan, customer, trace) = (&why.plan, &of.customer, &why.trace);
                Explanation { plan, rule, customer, trace, situation, sources: self.sources }.text(screen)
            }
            None => conditions(&why.trace, self.sources, screen),
        }
    }

    fn place(&self, difference: &Difference<'_>) -> String {
        self.at(difference.node.key_place())
    }

    fn at(&self, place: Place) -> String {
        let (line, column) = self.sources.line_column(place.file, place.span.start);
        let file = self.sources.get(place.file).map_or("", |s| s.path.as_str());
        format!("{file}:{line}:{column}")
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let difference = |d: &Difference<'_>| json!({"customer": d.customer, "of": d.name, "expected": d.expected, "got": d.actual.to_string(), "place": self.place(d)});
        let failure = |f: &Failure<'_>| {
            let first = f.why.as_ref().zip(f.differences.first());
            let why = first.map(|(why, of)| self.explanation(why, of, &PLAIN));
            json!({
                "step": f.step + 1,
                "at": rfc3339(f.now),
                "differences": f.differences.iter().map(difference).collect::<Value>(),
                "why": why,
            })
        };
        let test = |t: &Told<'_, '_>| {
            let failures = t.failures.iter().map(failure).collect::<Value>();
            json!({"file": t.file.path, "test": t.test.name, "passed": t.failures.is_empty(), "failures": failures})
        };
        let tests = self.told.iter().map(test).collect::<Value>();
        let coverage = self.coverage.map(|coverage| {
            let missing = coverage.missing().map(|seen| {
                json!({"place": self.at(seen.place), "yes": seen.yes, "no": seen.no, "said": self.words(seen)})
            });
            json!({"all": coverage.all.len(), "missing": missing.collect::<Value>()})
        });
        let survivors = self.survivors.map(|survivors| {
            let left = survivors
                .left
                .iter()
                .map(|m| json!({"place": self.at(m.place), "before": m.before, "after": m.after}));
            json!({"noticed": survivors.noticed, "unnoticed": left.collect::<Value>()})
        });
        json!({
            "passed": self.told.len() - self.failed(),
            "failed": self.failed(),
            "tests": tests,
            "coverage": coverage,
            "changes": survivors,
        })
    }

    /// For build servers: one suite a file.
    pub fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        _ = writeln!(out, "<testsuites tests=\"{}\" failures=\"{}\">", self.told.len(), self.failed());
        for suite in self.told.chunk_by(|a, b| a.file.path == b.file.path) {
            let name = suite.first().map_or("", |t| t.file.path.as_str());
            let failed = suite.iter().filter(|t| !t.failures.is_empty()).count();
            let (name, all) = (escaped(name), suite.len());
            _ = writeln!(out, "  <testsuite name=\"{name}\" tests=\"{all}\" failures=\"{failed}\">");
            for told in suite {
                let test = escaped(&told.test.name);
                if told.failures.is_empty() {
                    _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{test}\"/>");
                    continue;
                }
                let first = told.failures.iter().flat_map(|f| &f.differences).next();
                let message = first.map(|d| {
                    format!("{}, {}: expected {}, got {}", d.customer, d.name, d.expected, d.actual)
                });
                let mut text = String::new();
                self.failures(told, &PLAIN, &mut text);
                _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{test}\">");
                _ = writeln!(
                    out,
                    "      <failure message=\"{}\">\n{}</failure>",
                    escaped(&message.unwrap_or_default()),
                    escaped(&text)
                );
                out.push_str("    </testcase>\n");
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}

/// What machines read has no colours.
const PLAIN: Screen = Screen { colour: false, terminal: false };

#[cfg(test)]
mod tests {
    #[test]
    fn names_cannot_break_out_of_their_xml() {
        assert_eq!(super::escaped("a<b>&\"\u{1b}[31m"), "a&lt;b&gt;&amp;&quot;[31m");
    }
}
