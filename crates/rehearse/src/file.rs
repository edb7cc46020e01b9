//! A file of tests: customers, a clock, and for each test what happens step by step.

use crate::clock::Length;
use crate::customers::{People, Reader, unknown};
use crate::expect::{Expected, expectations};
use std::collections::HashSet;
use tidings_check::Program;
use tidings_engine::Person;
use tidings_plan::EngineRows;
use tidings_schema::Now;
use tidings_schema::yaml::{Document, Fields, Node};
use tidings_syntax::{Code, Diagnostic};

/// The tests of a file.
#[derive(Clone, Debug)]
pub struct TestFile<'d> {
    /// Its path in the project.
    pub path: String,
    /// Its tests.
    pub tests: Vec<Test<'d>>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test<'d> {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub node: Node<'d>,
    /// The rules that take part, by position; none is all of them.
    pub only: Option<Vec<usize>>,
    /// Whether limits and budgets stop rules.
    pub limits: bool,
    /// Whether customers are held out, by the draw that holds them out of runs.
    pub holdouts: bool,
    /// What happens, one after another.
    pub steps: Vec<Step<'d>>,
}

/// One moment of a test: all of its rules run, and then it is looked at what they did.
#[derive(Clone, Debug)]
pub struct Step<'d> {
    /// The moment.
    pub now: Now,
    /// The customers as they are now, but for what the engine did and keeps.
    pub people: Vec<Person>,
    /// What the engine did and keeps besides what the test's own steps did; rows of earlier steps are not repeated.
    pub before: EngineRows,
    /// Values that rules set and that are missing from now on, by customer and attribute.
    pub gone: Vec<(String, String)>,
    /// What is expected of them.
    pub expected: Vec<Expected<'d>>,
}

const FILE: &[&str] = &["at", "everyone", "customers", "rules", "limits", "holdouts", "tests"];
const TEST: &[&str] = &["name", "at", "customers", "rules", "limits", "holdouts", "steps", "expect"];
const STEP: &[&str] = &["at", "after", "customers", "expect"];

impl<'d> TestFile<'d> {
    /// Reads a file's tests. What is wrong with it goes to `out`; then the tests cannot be trusted.
    pub fn read(
        path: &str,
        document: &'d Document<'_>,
        program: &Program,
        out: &mut Vec<Diagnostic>,
    ) -> TestFile<'d> {
        let (root, before) = (document.root(), out.len());
        let tests = root.fields(FILE, out).and_then(|file| {
            let tests = file.need("tests", "tests: [{name: …, expect: …}]", out)?.items(out)?;
            Some((file, tests))
        });
        let (file, nodes) = tests.unzip();
        let reading = file.map(|file| Reading { program, file });
        let mut names = HashSet::new();
        let mut tests = Vec::new();
        for (reading, node) in reading.iter().flat_map(|r| nodes.iter().flatten().map(move |n| (r, n))) {
            let Some(test) = reading.test(node, out) else { continue };
            if !names.insert(test.name.clone()) {
                let message = format!("two tests are called `{}`", test.name);
                out.push(
                    Diagnostic::new(Code::DUPLICATE_KEY, node.key_place(), message)
                        .help("rename one of them"),
                );
            }
            tests.push(test);
        }
        // What the file says for all of its tests is read for each, and what is wrong with it is said once.
        let mut said = HashSet::new();
        let found = out.split_off(before);
        out.extend(found.into_iter().filter(|f| said.insert((f.code, f.place, f.message.clone()))));
        TestFile { path: path.to_owned(), tests }
    }
}

/// A file that is being read.
struct Reading<'p, 'd> {
    program: &'p Program,
    file: Fields<'d>,
}

impl<'d> Reading<'_, 'd> {
    fn test(&self, node: &Node<'d>, out: &mut Vec<Diagnostic>) -> Option<Test<'d>> {
        let before = out.len();
        let test = node.fields(TEST, out)?;
        let name = test.need("name", "name: who is dormant is woken", out)?.text(out)?;
        let start = match test.get("at").or_else(|| self.file.get("at")) {
            Some(at) => self.moment(&at, out)?,
            None => {
                self.file.need("at", "at: 2026-03-01T10:00", out)?;
                return None;
            }
        };
        let rules = test.get("rules").or_else(|| self.file.get("rules"));
        let only = rules.map(|rules| self.rules(&rules, out));
        let mut whether = |key: &str, usually: bool| {
            let said = test.get(key).or_else(|| self.file.get(key));
            said.map_or(Some(usually), |said| said.truth(out))
        };
        let (limits, holdouts) = (whether("limits", false)?, whether("holdouts", true)?);
        let mut people = People::default();
        for customers in [self.file.get("customers"), test.get("customers")].into_iter().flatten() {
            self.customers(&customers, start, &mut people, out);
        }
        let (steps, whole) = (test.get("steps"), test.get("expect"));
        let (steps, whole): (Vec<Fields<'d>>, bool) = match (steps, whole) {
            (Some(steps), None) => {
                let steps = steps.items(out)?;
                (steps.iter().map(|step| step.fields(STEP, out)).collect::<Option<_>>()?, false)
            }
            // A test of one step is the step itself.
            (None, Some(_)) => (vec![test], true),
            (Some(_), Some(both)) => {
                let message = "a test has either `steps` or one `expect`";
                out.push(
                    Diagnostic::new(Code::MISFIT_KEY, both.key_place(), message).help("put it into a step"),
                );
                return None;
            }
            (None, None) => {
                test.need("expect", "expect: {ann: {wake-up: wake-up email}}", out)?;
                return None;
            }
        };
        let mut now = start;
        let mut read = Vec::new();
        for fields in steps {
            if !whole {
                now = self.step_moment(&fields, now, !read.is_empty(), out)?;
                if let Some(customers) = fields.get("customers") {
                    self.customers(&customers, now, &mut people, out);
                }
            }
            let is_customer = |key: &str| people.by_key.contains_key(key);
            let expected = fields
                .get("expect")
                .map(|node| expectations(self.program, only.as_deref(), &node, is_customer, out));
            read.push(Step {
                now,
                people: people.by_key.values().cloned().collect(),
                before: std::mem::take(&mut people.before),
                gone: std::mem::take(&mut people.gone),
                expected: expected.unwrap_or_default(),
            });
        }
        if out.len() == before && read.iter().all(|step| step.expected.is_empty()) {
            let message = format!("the test `{name}` expects nothing of anybody, so it would always pass");
            out.push(
                Diagnostic::new(Code::NOTHING_THERE, node.key_place(), message)
                    .help("write what is expected: `expect: {ann: {wake-up: wake-up email}}`"),
            );
        }
        Some(Test { name, node: node.clone(), only, limits, holdouts, steps: read })
    }

    fn customers(&self, node: &Node<'_>, now: Now, people: &mut People, out: &mut Vec<Diagnostic>) {
        let reader = Reader { vocabulary: &self.program.vocabulary, now };
        reader.customers(node, self.file.get("everyone").as_ref(), people, out);
    }

    fn rules(&self, node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Vec<usize> {
        let mut rules = Vec::new();
        for item in node.items(out).unwrap_or_default() {
            let Some(name) = item.text(out) else { continue };
            match self.program.find_rule(&name) {
                Some((rule, _)) => rules.push(rule),
                None => {
                    let known = self.program.rules.iter().map(|r| r.name.as_str()).collect();
                    out.push(unknown(item.place(), &name, format!("there is no rule `{name}`"), known));
                }
            }
        }
        rules
    }

    fn moment(&self, node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Now> {
        let text = node.text(out)?;
        let now = Now::parse(&text, self.program.vocabulary.zone);
        if now.is_none() {
            return node.wrong_shape("a moment, such as 2026-03-01T10:00", out);
        }
        now
    }

    /// The moment of a step: its own, or so long after the one before; without either it is the test's.
    fn step_moment(
        &self,
        step: &Fields<'_>,
        before: Now,
        later: bool,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Now> {
        let (now, node) = match (step.get("at"), step.get("after")) {
            (Some(at), None) => (self.moment(&at, out)?, at),
            (None, Some(after)) => {
                let text = after.text(out)?;
                match Length::parse(&text).and_then(|length| length.after(before)) {
                    Some(now) => (now, after),
                    None => return after.wrong_shape("a length of time, such as `1 day` or `2 hours`", out),
                }
            }
            (None, None) if !later => return Some(before),
            (_, Some(node)) => {
                let message = "a step says `at` or `after`, and not both";
                out.push(
                    Diagnostic::new(Code::MISFIT_KEY, node.key_place(), message).help("keep one of them"),
                );
                return None;
            }
            (None, None) => {
                step.need("after", "after: 1 day", out)?;
                return None;
            }
        };
        if later && now.micros <= before.micros {
            let message = "a step has to be later than the one before";
            out.push(node.finding(Code::MISFIT_KEY, message).help("the clock of a test only goes forward"));
            return None;
        }
        Some(now)
    }
}
