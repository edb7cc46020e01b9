//! What would have to be different is held against every set of comparisons: those that are told make the rule be for the
//! customer, and no smaller set does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod generate;
mod model;

use generate::Generator;
use model::chunk;
use std::collections::HashMap;
use tidings_engine::{Evaluator, Trace, Verdict, What, comparisons, turns};

const PROGRAMS: u64 = 400;
/// Of more comparisons not every set is looked at.
const FEW: usize = 9;

#[test]
fn those_comparisons_bring_it_about_and_no_fewer_do() {
    let (mut told, mut larger, mut hopeless) = (0, 0, 0);
    for seed in 0..PROGRAMS {
        let mut generator = Generator::new(seed);
        let customers = generator.customers(12);
        let (program, now) = (&generator.program, generator.now);
        let evaluator = Evaluator::compile(program);
        let all: Vec<usize> = (0..program.rules.len()).collect();
        let explainer = evaluator.explainer(program, &all);
        let populations =
            evaluator.populations(&[chunk(&program.vocabulary, evaluator.needs(), &customers)], now, 1);
        for customer in &customers {
            let alone = chunk(&program.vocabulary, evaluator.needs(), std::slice::from_ref(customer));
            for (rule, trace) in explainer.traces(&alone, now, &populations).iter().enumerate() {
                assert_eq!(evaluator.explain(program, rule, &alone, now, &populations).as_ref(), Some(trace));
                let parts = comparisons(trace);
                let plain = Plain::of(trace, &parts);
                assert_eq!(plain.verdict(trace, &HashMap::new()), trace.verdict, "seed {seed}");
                let ways = turns(trace);
                for way in &ways {
                    let said = |holds| if holds { Verdict::Yes } else { Verdict::No };
                    let turned: HashMap<usize, Verdict> =
                        way.iter().map(|turn| (turn.position, said(turn.holds))).collect();
                    assert_eq!(
                        plain.verdict(trace, &turned),
                        Verdict::Yes,
                        "seed {seed}, rule {rule}\n{trace:#?}"
                    );
                    told += 1;
                }
                if trace.verdict == Verdict::Yes || parts.len() > FEW {
                    continue;
                }
                let fewest = ways.first().map_or(parts.len() + 1, Vec::len);
                for set in 0..1_u32 << parts.len() {
                    let set: Vec<usize> = (0..parts.len()).filter(|i| set >> i & 1 == 1).collect();
                    if set.len() < fewest {
                        assert!(
                            !plain.some_turns_do(trace, &set),
                            "seed {seed}, rule {rule}: {set:?}\n{trace:#?}"
                        );
                    }
                }
                larger += usize::from(ways.first().is_some_and(|way| way.len() > 1));
                hopeless += usize::from(ways.is_empty());
            }
        }
    }
    assert!(told > 1_000 && larger > 100 && hopeless > 10, "{told} {larger} {hopeless}");
}

/// The verdicts of a rule, worked out once more from those of its comparisons.
struct Plain<'t> {
    parts: &'t [&'t Trace],
    behind: HashMap<&'t What, &'t Trace>,
}

impl<'t> Plain<'t> {
    fn of(trace: &'t Trace, parts: &'t [&'t Trace]) -> Plain<'t> {
        let mut plain = Plain { parts, behind: HashMap::new() };
        plain.name(trace);
        plain
    }

    fn name(&mut self, trace: &'t Trace) {
        if let (What::Define(_) | What::Segment(_), [behind]) = (&trace.what, trace.children.as_slice()) {
            self.behind.insert(&trace.what, behind);
        }
        if !self.parts.iter().any(|part| std::ptr::eq(*part, trace)) {
            trace.children.iter().for_each(|child| self.name(child));
        }
    }

    fn verdict(&self, trace: &Trace, turned: &HashMap<usize, Verdict>) -> Verdict {
        let behind = self.behind.get(&trace.what).copied();
        if let (What::Define(_), Some(behind)) = (&trace.what, behind) {
            return self.verdict(behind, turned);
        }
        if let (What::Segment(_), Some(behind)) = (&trace.what, behind) {
            return if self.verdict(behind, turned) == Verdict::Yes { Verdict::Yes } else { Verdict::No };
        }
        if let Some(i) = self.parts.iter().position(|part| std::ptr::eq(*part, trace)) {
            return turned.get(&i).copied().unwrap_or(trace.verdict);
        }
        let each: Vec<Verdict> = trace.children.iter().map(|child| self.verdict(child, turned)).collect();
        let decide = |ends: Verdict, else_: Verdict| {
            if each.contains(&ends) {
                ends
            } else if each.contains(&Verdict::Unknown) {
                Verdict::Unknown
            } else {
                else_
            }
        };
        match trace.what {
            What::Any => decide(Verdict::Yes, Verdict::No),
            What::Not => match each[0] {
                Verdict::Yes => Verdict::No,
                Verdict::No => Verdict::Yes,
                Verdict::Unknown => Verdict::Unknown,
            },
            _ => decide(Verdict::No, Verdict::Yes),
        }
    }

    /// Whether turning exactly these, each to yes or no, brings the rule about.
    fn some_turns_do(&self, trace: &Trace, set: &[usize]) -> bool {
        (0..1_u32 << set.len()).any(|answers| {
            let answer = |i: usize| if answers >> i & 1 == 1 { Verdict::Yes } else { Verdict::No };
            let turned: HashMap<usize, Verdict> =
                set.iter().enumerate().map(|(i, part)| (*part, answer(i))).collect();
            let constant = set.iter().any(|part| self.parts[*part].what == What::Constant);
            !constant && self.verdict(trace, &turned) == Verdict::Yes
        })
    }
}
