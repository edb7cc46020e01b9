//! The compiled evaluator and the plain one say the same of every customer, over programs, customers and
//! moments by chance.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod generate;
mod model;
mod reference;

use generate::Generator;
use model::{Customer, Form, chunk_of};
use reference::{Scene, World};
use tidings_check::Program;
use tidings_check::program::{Body, Condition, ConditionKind, SegmentId, StagesId, Term, TermKind};
use tidings_engine::{Evaluator, Matches, Trace, Verdict};
use tidings_schema::Now;
use tidings_schema::show::show;

/// Programs, each with two populations at two moments.
const PROGRAMS: u64 = 2_600;

#[test]
fn the_compiled_evaluator_is_the_plain_one() {
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let cases: u64 = std::thread::scope(|scope| {
        let seeds = |worker| (worker..PROGRAMS).step_by(workers as usize);
        let worker = |worker| scope.spawn(move || seeds(worker).map(program_of).sum::<u64>());
        (0..workers).map(worker).collect::<Vec<_>>().into_iter().map(|w| w.join().unwrap()).sum()
    });
    assert!(cases >= 10_000, "{cases} cases are too few");
}

fn program_of(seed: u64) -> u64 {
    let mut generator = Generator::new(seed);
    let evaluator = Evaluator::compile(&generator.program);
    // Some reach beyond a word of 64, and a few beyond the 512 that are placed together.
    let large = match seed {
        seed if seed.is_multiple_of(260) => 1_100,
        seed if seed.is_multiple_of(40) => 70,
        _ => 6,
    };
    let sizes = [1 + seed as usize % 9, large];
    for size in sizes {
        let customers = generator.customers(size);
        let now = generator.now;
        for now in [now, Now { micros: now.micros + 3_600_000_000 * (1 + seed as i64 % 30), ..now }] {
            Case { seed, program: &generator.program, evaluator: &evaluator, customers: &customers, now }
                .check();
        }
    }
    sizes.len() as u64 * 2
}

struct Case<'a> {
    seed: u64,
    program: &'a Program,
    evaluator: &'a Evaluator,
    customers: &'a [Customer],
    now: Now,
}

impl Case<'_> {
    fn check(&self) {
        let (program, evaluator) = (self.program, self.evaluator);
        let size = if self.seed.is_multiple_of(3) { 2 } else { 600 };
        let form = [Form::Plain, Form::Coded, Form::Sparse][self.seed as usize % 5 % 3];
        let chunk = |some: &[Customer]| chunk_of(&program.vocabulary, evaluator.needs(), some, form);
        let chunks: Vec<_> = self.customers.chunks(size).map(chunk).collect();
        let populations = evaluator.populations(&chunks, self.now, 1 + self.seed as usize % 2);
        let matches = evaluator.evaluate_all(&chunks, self.now, &populations, 1 + self.seed as usize % 3);
        let world = World::new(program, self.customers, self.now);
        for customer in 0..self.customers.len() {
            let scene = Scene { customer, days_ago: 0 };
            self.check_customer(&world, &matches[customer / size], customer % size, scene);
        }
        // One customer tells enough: explaining compiles a rule anew.
        let customer = self.seed as usize % self.customers.len();
        let scene = Scene { customer, days_ago: 0 };
        let alone = chunk(&self.customers[customer..=customer]);
        for (i, rule) in program.rules.iter().enumerate() {
            let trace = evaluator.explain(program, i, &alone, self.now, &populations).unwrap();
            let matches = matches[customer / size].rule(i).unwrap();
            let verdict = match (
                matches.then().contains(customer % size),
                matches.undecided().contains(customer % size),
            ) {
                (true, _) => Verdict::Yes,
                (_, true) => Verdict::Unknown,
                _ => Verdict::No,
            };
            assert_eq!(trace.verdict, verdict, "the trace of rule {i} {}", self.story(customer));
            // Nothing is said of the parts where the customer is not there yet.
            if let Some(condition) = &rule.condition
                && world.exists(scene)
            {
                self.check_trace(&world, condition, trace.children.last().unwrap(), scene);
            }
        }
    }

    fn check_customer(&self, world: &World<'_>, matches: &Matches, i: usize, scene: Scene) {
        let story = || self.story(scene.customer);
        let exists = world.exists(scene);
        assert_eq!(matches.existing.contains(i), exists, "existing {}", story());
        for (id, rule) in self.program.rules.iter().enumerate() {
            let expected = world.rule(rule, scene);
            let found = matches.rule(id).unwrap();
            let sets =
                [found.then().contains(i), found.otherwise().contains(i), found.undecided().contains(i)];
            let then = expected == Some(Some(true));
            assert_eq!(
                sets,
                [then, expected.is_some() && !then, expected == Some(None)],
                "rule {id} (then, otherwise, undecided) {}",
                story()
            );
        }
        for (id, segment) in matches.segments.iter().enumerate() {
            let expected = exists && world.segment(SegmentId(id as u32), scene);
            assert_eq!(segment.contains(i), expected, "segment {id} {}", story());
        }
        for (id, arms) in matches.stages.iter().enumerate() {
            let found: Vec<usize> = (0..arms.len()).filter(|arm| arms[*arm].contains(i)).collect();
            let expected: Vec<usize> =
                exists.then(|| world.stage(StagesId(id as u32), scene)).into_iter().collect();
            assert_eq!(found, expected, "stage of {id} {}", story());
        }
    }

    /// Every part of a trace has the verdict and shows the values that the plain evaluator finds.
    fn check_trace(&self, world: &World<'_>, condition: &Condition, trace: &Trace, scene: Scene) {
        let verdict = match world.condition(condition, scene, None) {
            Some(true) => Verdict::Yes,
            Some(false) => Verdict::No,
            None => Verdict::Unknown,
        };
        assert_eq!(trace.verdict, verdict, "the trace of {condition:?} {}", self.story(scene.customer));
        match &condition.kind {
            ConditionKind::All(parts) | ConditionKind::Any(parts) => {
                parts
                    .iter()
                    .zip(&trace.children)
                    .for_each(|(part, child)| self.check_trace(world, part, child, scene));
            }
            ConditionKind::Not(inner) => self.check_trace(world, inner, &trace.children[0], scene),
            ConditionKind::Define(id) => {
                if let (Body::Condition(body), Some(child)) =
                    (&self.program.defines[id.0 as usize].body, trace.children.first())
                {
                    self.check_trace(world, body, child, scene);
                }
            }
            ConditionKind::Segment(id) => {
                if let Some(child) = trace.children.first() {
                    self.check_trace(world, &self.program.segments[id.0 as usize].condition, child, scene);
                }
            }
            ConditionKind::Compare(_, left, right) => self.check_values(world, &[left, right], trace, scene),
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _) => {
                self.check_values(world, &[term], trace, scene);
            }
            _ => {}
        }
    }

    fn check_values(&self, world: &World<'_>, terms: &[&Term], trace: &Trace, scene: Scene) {
        let terms: Vec<&Term> =
            terms.iter().filter(|t| !matches!(t.kind, TermKind::Constant(_))).copied().collect();
        if terms.iter().any(|t| matches!(t.kind, TermKind::Score(_))) {
            return;
        }
        let expected: Vec<Option<String>> =
            terms.iter().map(|t| Some(show(&t.ty, &world.term(t, scene, None)?, self.now.zone))).collect();
        let found: Vec<Option<String>> = trace.values.iter().map(|seen| seen.text.clone()).collect();
        assert_eq!(found, expected, "the values of {terms:?} {}", self.story(scene.customer));
    }

    fn story(&self, customer: usize) -> String {
        let Program { defines, scores, stages, segments, rules, vocabulary, .. } = self.program;
        let rules: Vec<_> = rules.iter().map(|r| (&r.segment, &r.condition)).collect();
        format!(
            "differs for customer {customer} of seed {}\nnow: {:?}, {}\ncreated: {:?}\ncustomer: {:#?}\ndefines: {defines:#?}\n\
             scores: {scores:#?}\nstages: {stages:#?}\nsegments: {segments:#?}\nrules: {rules:#?}",
            self.seed,
            self.now,
            self.now.civil(),
            vocabulary.customer.created,
            self.customers[customer],
        )
    }
}
