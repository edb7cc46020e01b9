//! The compiled program, and what it says of a chunk of customers.

use crate::chunk::{Chunk, Needs};
use crate::compile::{Compiler, Ranked};
use crate::eval::{Inputs, evaluate};
use crate::graph::{BitsId, ColumnNode, Graph, NodeId};
use crate::matches::Matches;
use crate::parallel::{self, Chunks};
use crate::pass::{NodeMap, Pass};
use crate::population::Populations;
use crate::results::Results;
use crate::score::{Cuts, Sample};
use crate::verdicts::Jury;
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::{Entrance, SegmentId, StagesId};
use tidings_schema::{Now, Vocabulary};

/// All rules, segments and stages of a program, compiled into one graph.
#[derive(Clone, Debug)]
pub struct Evaluator {
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) graph: Graph,
    needs: Needs,
    existing: BitsId,
    jury: Jury,
    segments: Vec<BitsId>,
    stages: Vec<Vec<BitsId>>,
    pass: Pass,
    levels: Vec<Level>,
}

/// Scores over the population that can be computed together, once those before them are.
#[derive(Clone, Debug)]
struct Level {
    scores: Vec<Ranked>,
    pass: Pass,
}

impl Evaluator {
    /// Compiles all rules, segments and stages of a program.
    pub fn compile(program: &Program) -> Evaluator {
        let mut compiler = Compiler::new(program, Graph::new());
        let existing = compiler.existing(0);
        let rules = program.rules.iter().map(|rule| compiler.rule(rule)).collect();
        let segments = (0..program.segments.len() as u32)
            .map(|i| compiler.inside(Entrance::Segment(SegmentId(i)), 0))
            .collect();
        let stages = (0u32..)
            .zip(&program.stages)
            .map(|(i, stages)| {
                let arms = 0..stages.arms.len() as u32;
                arms.map(|arm| compiler.inside(Entrance::Stage(StagesId(i), arm), 0)).collect()
            })
            .collect();
        let Compiler { graph, needs, ranked, .. } = compiler;
        let mut evaluator = Evaluator {
            vocabulary: program.vocabulary.clone(),
            levels: levels(&graph, ranked),
            pass: Pass::new(&graph, []),
            graph,
            needs,
            existing,
            jury: Jury::new(rules),
            segments,
            stages,
        };
        evaluator.pass = Pass::new(&evaluator.graph, evaluator.roots());
        evaluator
    }

    /// The same evaluator for chunks that have these columns, its own among them.
    #[must_use]
    pub fn reading(mut self, layout: &Needs) -> Evaluator {
        self.needs = self.needs.union(layout);
        self
    }

    /// The columns that one rule of a program reads, by its position: none beyond the last.
    pub fn reads(program: &Program, rule: usize) -> Needs {
        let mut compiler = Compiler::new(program, Graph::new());
        program.rules.get(rule).into_iter().for_each(|rule| {
            compiler.rule(rule);
        });
        compiler.needs
    }

    /// The columns that chunks have.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Whether what is said of one customer depends on all: there are scores over the population.
    pub fn ranks(&self) -> bool {
        !self.levels.is_empty()
    }

    /// What the scores know of all customers: the chunks are all there are.
    pub fn populations(&self, chunks: &[Chunk], now: Now, threads: usize) -> Populations {
        let Ok(populations) = self.populations_of(chunks, now, threads);
        populations
    }

    /// The same of chunks that may have to be made.
    pub fn populations_of<C: Chunks + ?Sized>(
        &self,
        chunks: &C,
        now: Now,
        threads: usize,
    ) -> Result<Populations, C::Error> {
        let mut populations = Populations::default();
        for level in &self.levels {
            let parts = parallel::each(
                chunks,
                threads,
                || Results::new(&self.graph),
                |chunk, results| {
                    self.run(chunk, now, &populations, &level.pass, results);
                    let sample = |s: &Ranked| Sample::of(results.column(s.of), results.bits(s.existing));
                    level.scores.iter().map(sample).collect::<Vec<_>>()
                },
            )?;
            let together = parts.into_iter().reduce(|mut all, part| {
                all.iter_mut().zip(part).for_each(|(sample, more)| sample.extend(more));
                all
            });
            for (score, sample) in level.scores.iter().zip(together.into_iter().flatten()) {
                let cuts = Cuts::of_population(sample, score.shares, score.lowest_first);
                populations.insert(score.score, score.shift, cuts);
            }
        }
        Ok(populations)
    }

    /// Whom the rules are for, who is in which segment and stage.
    pub fn evaluate(&self, chunk: &Chunk, now: Now, populations: &Populations) -> Matches {
        self.matches(chunk, now, populations, &mut Results::new(&self.graph))
    }

    fn matches(&self, chunk: &Chunk, now: Now, populations: &Populations, results: &mut Results) -> Matches {
        self.run(chunk, now, populations, &self.pass, results);
        let set = |id: &BitsId| results.bits(*id).clone();
        let existing = set(&self.existing);
        let segments = self.segments.iter().map(set).collect();
        let stages = self.stages.iter().map(|arms| arms.iter().map(set).collect()).collect();
        Matches { existing, segments, stages, rules: self.jury.verdicts(chunk.len(), results) }
    }

    /// The same for each of some chunks, on several threads; the results are in the chunks' order.
    pub fn evaluate_all(
        &self,
        chunks: &[Chunk],
        now: Now,
        populations: &Populations,
        threads: usize,
    ) -> Vec<Matches> {
        let Ok(matches) = self.evaluate_each(chunks, now, populations, threads, |_, matches| matches);
        matches
    }

    /// The same for chunks that may have to be made, each of which is handed on with its result, and then let go of.
    pub fn evaluate_each<C: Chunks + ?Sized, R: Send>(
        &self,
        chunks: &C,
        now: Now,
        populations: &Populations,
        threads: usize,
        then: impl Fn(&Chunk, Matches) -> R + Sync,
    ) -> Result<Vec<R>, C::Error> {
        let desk = || Results::new(&self.graph);
        parallel::each(chunks, threads, desk, |chunk, results| {
            then(chunk, self.matches(chunk, now, populations, results))
        })
    }

    fn run(&self, chunk: &Chunk, now: Now, populations: &Populations, pass: &Pass, results: &mut Results) {
        let Evaluator { vocabulary, graph, needs, .. } = self;
        evaluate(Inputs { graph, vocabulary, needs, chunk, now, populations }, pass, results);
    }

    fn roots(&self) -> impl Iterator<Item = NodeId> {
        let places = self.segments.iter().chain(self.stages.iter().flatten()).copied();
        self.jury.roots().chain(places).chain([self.existing]).map(NodeId::Bits)
    }
}

/// Puts each score after those that its value depends on.
fn levels(graph: &Graph, ranked: Vec<Ranked>) -> Vec<Level> {
    let mut depth = NodeMap::new(graph, 0);
    for node in &graph.order {
        let below = graph.inputs(*node).into_iter().map(|input| depth.get(input)).max().unwrap_or(0);
        let own =
            matches!(node, NodeId::Column(id) if matches!(graph.column_node(*id), ColumnNode::Ranked { .. }));
        depth.set(*node, below + usize::from(own));
    }
    let mut levels: Vec<Vec<Ranked>> = Vec::new();
    for score in ranked {
        let level = depth.get(score.of.into());
        levels.resize_with(levels.len().max(level + 1), Vec::new);
        if let Some(scores) = levels.get_mut(level) {
            scores.push(score);
        }
    }
    let level = |scores: Vec<Ranked>| {
        let roots = scores.iter().flat_map(|s| [NodeId::Column(s.of), NodeId::Bits(s.existing)]);
        Level { pass: Pass::new(graph, roots), scores }
    };
    levels.into_iter().map(level).collect()
}
