//! Why a rule is for one customer or is not: the shape of the rule's own text, with what each part saw.
//!
//! The trace is read off the results of the same kinds of nodes that decide for everybody: a rule's conditions are
//! compiled once more, into a graph of their own.

use crate::chunk::Chunk;
use crate::compile::Compiler;
use crate::eval::{Inputs, evaluate, shifted};
use crate::evaluator::Evaluator;
use crate::graph::{BitsId, Graph};
use crate::pass::Pass;
use crate::population::Populations;
use crate::results::Results;
use crate::sketch::{Sight, Sketch, Sketcher};
use tidings_check::Program;
use tidings_schema::show::show;
use tidings_schema::{Now, Type, Value};
use tidings_syntax::Place;

/// A part of a rule, and what it came to for one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Where it was written.
    pub place: Place,
    /// What it is.
    pub what: What,
    /// What it came to.
    pub verdict: Verdict,
    /// The values that it saw.
    pub values: Vec<Seen>,
    /// Its parts, and for a name what stands behind it. What stands behind a name is told the first time only.
    pub children: Vec<Trace>,
}

/// What a part of a rule is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A rule, by name. Yes is `then`; its parts are its segment and its condition.
    Rule(String),
    /// Whether the customer is there yet. Told only where not.
    Created,
    /// Always the same.
    Constant,
    /// All of its parts.
    All,
    /// One of its parts at least.
    Any,
    /// The opposite of its part.
    Not,
    /// A test of values: a comparison, `in`, `contains`, a yes/no value.
    Test,
    /// Whether a value is there.
    Known,
    /// A define, by name.
    Define(String),
    /// Whether the customer is in a segment, by name. Never unknown, though its part can be.
    Segment(String),
    /// A stage of a partition: its test. The first yes is where the customer is.
    Stage {
        /// The partition.
        partition: String,
        /// The stage.
        stage: String,
    },
    /// Whether the customer entered a stage or segment, by name; the value seen is the latest day of an entry.
    Entered(String),
}

/// What a condition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Definitely true.
    Yes,
    /// Definitely false.
    No,
    /// Neither: something is missing.
    Unknown,
}

/// A value that a condition saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Where its term was written.
    pub place: Place,
    /// As people read it, see [`show`]; nothing where the value is missing.
    pub text: Option<String>,
}

impl Evaluator {
    /// Why a rule (its position in [`Program::rules`]) is for the one customer of a chunk, or is not. The program is
    /// the one that was compiled; a position beyond its rules has no trace.
    pub fn explain(
        &self,
        program: &Program,
        rule: usize,
        chunk: &Chunk,
        now: Now,
        populations: &Populations,
    ) -> Option<Trace> {
        self.explainer(program, &[rule]).trace(rule, chunk, now, populations)
    }

    /// Explains some rules, by their positions, for any customer and moment: they are compiled once.
    pub fn explainer(&self, program: &Program, rules: &[usize]) -> Explainer<'_> {
        let mut sketcher = Sketcher::new(Compiler::new(program, Graph::new()));
        let sketched =
            rules.iter().filter_map(|rule| Some((*rule, sketcher.rule(program.rules.get(*rule)?))));
        let sketches: Vec<(usize, Sketch)> = sketched.collect();
        let graph = sketcher.compiler.graph;
        let mut roots = Vec::new();
        sketches.iter().for_each(|(_, sketch)| sketch.roots(&mut roots));
        Explainer { evaluator: self, pass: Pass::new(&graph, roots), graph, sketches }
    }
}

/// Some rules, compiled so that each part can be told.
#[derive(Debug)]
pub struct Explainer<'e> {
    evaluator: &'e Evaluator,
    graph: Graph,
    pass: Pass,
    sketches: Vec<(usize, Sketch)>,
}

impl Explainer<'_> {
    /// Why a rule is for the one customer of a chunk, or is not. None for a rule that was not asked for.
    pub fn trace(&self, rule: usize, chunk: &Chunk, now: Now, populations: &Populations) -> Option<Trace> {
        self.read(chunk, now, populations, |(of, _)| *of == rule).pop()
    }

    /// The same for all rules that were asked for, in their order.
    pub fn traces(&self, chunk: &Chunk, now: Now, populations: &Populations) -> Vec<Trace> {
        self.read(chunk, now, populations, |_| true)
    }

    fn read(
        &self,
        chunk: &Chunk,
        now: Now,
        populations: &Populations,
        which: impl Fn(&&(usize, Sketch)) -> bool,
    ) -> Vec<Trace> {
        let Explainer { evaluator, graph, pass, sketches } = self;
        let (vocabulary, needs) = (&evaluator.vocabulary, evaluator.needs());
        let mut results = Results::new(graph);
        evaluate(Inputs { graph, vocabulary, needs, chunk, now, populations }, pass, &mut results);
        let reader = Reader { results: &results, now };
        sketches.iter().filter(which).map(|(_, sketch)| reader.trace(sketch)).collect()
    }
}

/// Reads the results for the first customer of a chunk.
struct Reader<'a> {
    results: &'a Results,
    now: Now,
}

impl Reader<'_> {
    fn trace(&self, sketch: &Sketch) -> Trace {
        let told = |child: &&Sketch| child.told.is_none_or(|told| self.is_in(told));
        let values = sketch.values.iter().map(|value| self.seen(value));
        let entry =
            self.latest_entry(&sketch.inside).map(|day| Seen { place: sketch.place, text: Some(day) });
        Trace {
            place: sketch.place,
            what: sketch.what.clone(),
            verdict: match (self.is_in(sketch.yes), self.is_in(sketch.no)) {
                (true, _) => Verdict::Yes,
                (false, true) => Verdict::No,
                (false, false) => Verdict::Unknown,
            },
            values: values.chain(entry).collect(),
            children: sketch.children.iter().filter(told).map(|child| self.trace(child)).collect(),
        }
    }

    fn is_in(&self, set: BitsId) -> bool {
        self.results.bits(set).contains(0)
    }

    fn seen(&self, sight: &Sight) -> Seen {
        let value = self.results.column(sight.column).value(0, &sight.ty);
        Seen { place: sight.place, text: value.map(|value| show(&sight.ty, &value, self.now.zone)) }
    }

    /// The last day on which the customer was inside and had not been on the day before.
    fn latest_entry(&self, inside: &[BitsId]) -> Option<String> {
        let entered =
            |pair: &[BitsId]| matches!(pair, [on, before] if self.is_in(*on) && !self.is_in(*before));
        let days_ago = inside.windows(2).position(entered)?;
        let day = shifted(self.now, days_ago as u32).today();
        Some(show(&Type::Date, &Value::Date(day), self.now.zone))
    }
}
