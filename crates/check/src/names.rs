//! The names that rule files declare: unique over the project, found by name, checked once, never in a cycle.

use crate::program::{
    Define, DefineId, NotRun, Program, Score, ScoreId, Segment, SegmentId, Stages, StagesId,
};
use crate::{Checker, RuleFile};
use std::collections::{HashMap, HashSet};
use tidings_schema::AttributeId;
use tidings_schema::CollectionId;
use tidings_syntax::tree::{self, Item};
use tidings_syntax::{Code, Diagnostic, FileId, Place, Spanned, suggest};

/// How long a chain of declarations that need one another may be.
const LONGEST_CHAIN: usize = 64;

/// How many unknown names are compared with all others; whoever mends those sees the next.
const MOST_COMPARED: usize = 100;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Named {
    Attribute(AttributeId),
    Collection(CollectionId),
    Define(DefineId),
    Score(ScoreId),
    Stages(StagesId),
    Segment(SegmentId),
    Rule,
    Journey,
    /// A declaration that could not be read: an error of its own, which was reported.
    Broken,
}

/// A declaration and what the checker has made of it.
struct Slot<'a, T, P> {
    file: FileId,
    tree: &'a T,
    state: State<P>,
}

enum State<P> {
    Untouched,
    UnderWay,
    Done(Box<P>),
    Failed,
}

impl<'a, T, P> Slot<'a, T, P> {
    fn new(file: FileId, tree: &'a T) -> Slot<'a, T, P> {
        Slot { file, tree, state: State::Untouched }
    }

    fn done(&self) -> Option<&P> {
        match &self.state {
            State::Done(p) => Some(p),
            _ => None,
        }
    }
}

/// All declared names.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// What expressions can name; the vocabulary's names have no place.
    by_name: HashMap<String, (Named, Option<Place>)>,
    /// Rules and journeys.
    senders: HashMap<String, (Named, Option<Place>)>,
    used: HashSet<Named>,
    /// How many names nothing had.
    unknown: usize,
    /// What declarations say that is not run yet: whoever uses them says it too.
    not_run: HashMap<Named, Vec<NotRun>>,
    /// The declarations that are being checked, each needed by the one before it.
    chain: Vec<(Named, Place)>,
    defines: Vec<Slot<'a, tree::Define, Define>>,
    scores: Vec<Slot<'a, tree::Score, Score>>,
    stages: Vec<Slot<'a, tree::Stages, Stages>>,
    segments: Vec<Slot<'a, tree::Segment, Segment>>,
}

type Finished = (Vec<Define>, Vec<Score>, Vec<Stages>, Vec<Segment>);

impl Names<'_> {
    /// All declarations, or none where one of them failed.
    pub(crate) fn finished(&mut self) -> Option<Finished> {
        fn all<T, P>(slots: &mut Vec<Slot<'_, T, P>>) -> Option<Vec<P>> {
            slots.drain(..).map(|s| if let State::Done(p) = s.state { Some(*p) } else { None }).collect()
        }
        Some((
            all(&mut self.defines)?,
            all(&mut self.scores)?,
            all(&mut self.stages)?,
            all(&mut self.segments)?,
        ))
    }
}

/// The four kinds of declarations that can need one another are resolved alike: `$get` checks the
/// declaration of an id at its first use and remembers what came of it.
macro_rules! resolver {
    ($get:ident, $slots:ident, $id:ident, $named:expr, $check:ident, $made:ty) => {
        pub(crate) fn $get(&mut self, id: $id, from: Place) -> Option<&$made> {
            let index = id.0 as usize;
            let slot = self.names.$slots.get_mut(index)?;
            match slot.state {
                State::Done(_) | State::Failed => {}
                State::UnderWay => return self.report_cycle($named(id), from),
                State::Untouched => {
                    slot.state = State::UnderWay;
                    let (file, tree) = (slot.file, slot.tree);
                    let made = self.deeper($named(id), from, file, |checker| checker.$check(tree));
                    if let Some(slot) = self.names.$slots.get_mut(index) {
                        slot.state = made.map_or(State::Failed, |m| State::Done(Box::new(m)));
                    }
                }
            }
            let inherited = self.names.not_run.get(&$named(id)).cloned();
            self.not_run.extend(inherited.into_iter().flatten());
            self.names.$slots.get(index)?.done()
        }
    };
}

impl<'a> Checker<'a> {
    resolver!(define, defines, DefineId, Named::Define, check_define, Define);
    resolver!(score, scores, ScoreId, Named::Score, check_score, Score);
    resolver!(stages, stages, StagesId, Named::Stages, check_stages, Stages);
    resolver!(segment, segments, SegmentId, Named::Segment, check_segment, Segment);

    fn deeper<P>(
        &mut self,
        named: Named,
        from: Place,
        file: FileId,
        check: impl FnOnce(&mut Self) -> Option<P>,
    ) -> Option<P> {
        if self.names.chain.len() >= LONGEST_CHAIN {
            return self.report(
                Diagnostic::new(
                    Code::TOO_DEEP,
                    from,
                    format!("more than {LONGEST_CHAIN} declarations need one another in a chain"),
                )
                .help("write some of them out where they are used"),
            );
        }
        let outer = (self.file, self.in_journey);
        (self.file, self.in_journey) = (file, false);
        self.names.chain.push((named, from));
        let outer_not_run = std::mem::take(&mut self.not_run);
        let made = check(self);
        let not_run = std::mem::replace(&mut self.not_run, outer_not_run);
        self.names.not_run.insert(named, not_run);
        self.names.chain.pop();
        (self.file, self.in_journey) = outer;
        made
    }

    fn report_cycle<T>(&mut self, named: Named, from: Place) -> Option<T> {
        let start = self.names.chain.iter().position(|(n, _)| *n == named).unwrap_or(0);
        let links: Vec<Place> = self.names.chain.iter().skip(start + 1).map(|(_, place)| *place).collect();
        let mut diagnostic =
            Diagnostic::new(Code::CYCLE, from, format!("`{}` needs itself", self.sources.text(from)))
                .label("which is where it began")
                .help("say one of them in terms of the customer's own attributes");
        for place in links {
            diagnostic = diagnostic.also(place, "which needs this");
        }
        self.report(diagnostic)
    }

    /// Declares the vocabulary's names, then the files'.
    pub(crate) fn declare_all(&mut self, files: &'a [RuleFile]) {
        let vocabulary = self.vocabulary;
        for (i, a) in vocabulary.customer.attributes.iter().enumerate() {
            self.names.by_name.insert(a.name.clone(), (Named::Attribute(AttributeId(i as u32)), None));
        }
        for (i, c) in vocabulary.collections.iter().enumerate() {
            self.names.by_name.insert(c.name.clone(), (Named::Collection(CollectionId(i as u32)), None));
        }
        for file in files {
            self.file = file.id;
            for item in &file.tree.items {
                self.declare_item(&item.node);
            }
            for name in &file.broken {
                self.declare(name, Named::Broken);
            }
            if let Some(sentence) = &file.tree.sentence {
                self.declare(&Spanned::new(file.name.clone(), sentence.span), Named::Rule);
            }
        }
    }

    fn declare_item(&mut self, item: &'a Item) {
        let file = self.file;
        match item {
            Item::Define(d) => {
                self.declare(&d.name, Named::Define(DefineId(self.names.defines.len() as u32)));
                self.names.defines.push(Slot::new(file, d));
            }
            Item::Score(s) => {
                self.declare(&s.name, Named::Score(ScoreId(self.names.scores.len() as u32)));
                self.names.scores.push(Slot::new(file, s));
            }
            Item::Stages(s) => {
                self.declare(&s.name, Named::Stages(StagesId(self.names.stages.len() as u32)));
                self.names.stages.push(Slot::new(file, s));
            }
            Item::Segment(s) => {
                self.declare(&s.name, Named::Segment(SegmentId(self.names.segments.len() as u32)));
                self.names.segments.push(Slot::new(file, s));
            }
            Item::Rule(r) => self.declare(&r.name, Named::Rule),
            Item::Journey(j) => self.declare(&j.name, Named::Journey),
            Item::Policy(_) => {}
        }
    }

    fn declare(&mut self, name: &tree::Name, named: Named) {
        let place = self.place(name.span);
        // No expression names a rule or a journey, so `rule birthday` may stand beside the attribute.
        let sends = matches!(named, Named::Rule | Named::Journey);
        let word = self.names.by_name.get(&name.node).filter(|(_, place)| !sends || place.is_some());
        let earlier = word.or(self.names.senders.get(&name.node)).map(|(_, place)| *place);
        if let Some(earlier) = earlier {
            let d =
                Diagnostic::new(Code::DUPLICATE_NAME, place, format!("the name `{}` is taken", name.node));
            let d = d.help("names are unique over all files of the project: choose another one");
            self.diagnostics.push(match earlier {
                Some(place) => d.also(place, "declared here first"),
                None => d.help("schema.yaml has it already"),
            });
            return;
        }
        let names = if sends { &mut self.names.senders } else { &mut self.names.by_name };
        names.insert(name.node.clone(), (named, Some(place)));
    }

    /// What a name stands for, noted as used.
    pub(crate) fn look_up(&mut self, name: &str) -> Option<Named> {
        let (named, _) = *self.names.by_name.get(name)?;
        self.names.used.insert(named);
        Some(named)
    }

    /// The rule or journey of that name.
    pub(crate) fn sender(&self, name: &str) -> Option<Named> {
        self.names.senders.get(name).map(|(named, _)| *named)
    }

    /// Whether a name stands for anything.
    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.names.by_name.contains_key(name)
    }

    /// Reports a name that nothing has, with the nearest one of those that would fit.
    pub(crate) fn unknown<T>(
        &mut self,
        name: &tree::Name,
        what: &str,
        fits: impl Fn(Named) -> bool,
    ) -> Option<T> {
        if self.look_up(&name.node) == Some(Named::Broken) {
            return None;
        }
        // Put back below: a report needs all of the checker, and a copy of all names is long.
        let names = std::mem::take(&mut self.names.by_name);
        let senders = std::mem::take(&mut self.names.senders);
        let all = names.iter().chain(&senders).filter(|(_, (n, _))| fits(*n)).map(|(name, _)| name.as_str());
        let nothing = self.unknown_among(Code::UNKNOWN_NAME, name, what, all);
        (self.names.by_name, self.names.senders) = (names, senders);
        nothing
    }

    /// Reports a name that is not among `candidates`, with the nearest of them.
    pub(crate) fn unknown_among<'c, T>(
        &mut self,
        code: Code,
        name: &tree::Name,
        what: &str,
        candidates: impl Iterator<Item = &'c str>,
    ) -> Option<T> {
        let place = self.place(name.span);
        let mut d = Diagnostic::new(code, place, format!("there is no {what} called `{}`", name.node));
        self.names.unknown += 1;
        if self.names.unknown > MOST_COMPARED {
            return self.report(d);
        }
        let mut candidates: Vec<&str> = candidates.collect();
        candidates.sort_unstable();
        d = match suggest::nearest(&name.node, candidates.iter().copied()) {
            Some(near) => d.fix(format!("`{near}` was probably meant"), place, near),
            None if candidates.is_empty() => d.help(format!("no {what} is declared")),
            None if candidates.len() <= 12 => d.help(format!("there are: {}", candidates.join(", "))),
            None => d,
        };
        self.report(d)
    }

    /// Checks every declaration, used or not.
    pub(crate) fn check_declarations(&mut self) {
        for i in 0..self.names.defines.len() {
            self.define(DefineId(i as u32), Place::default());
        }
        for i in 0..self.names.scores.len() {
            self.score(ScoreId(i as u32), Place::default());
        }
        for i in 0..self.names.stages.len() {
            self.stages(StagesId(i as u32), Place::default());
        }
        for i in 0..self.names.segments.len() {
            self.segment(SegmentId(i as u32), Place::default());
        }
    }

    /// The words of a partition, known before it is checked: its arms' names.
    pub(crate) fn arms(&self, id: StagesId) -> impl Iterator<Item = &'a str> + use<'a> {
        let tree = self.names.stages.get(id.0 as usize).map(|s| s.tree);
        tree.into_iter().flat_map(|t| t.arms.iter().map(|a| a.node.name.node.as_str()))
    }

    /// Every partition.
    pub(crate) fn all_stages(&self) -> impl Iterator<Item = (StagesId, &'a str)> + use<'a> {
        let names: Vec<&'a str> = self.names.stages.iter().map(|s| s.tree.name.node.as_str()).collect();
        names.into_iter().enumerate().map(|(i, n)| (StagesId(i as u32), n))
    }

    /// Segments and defines that nothing uses.
    pub(crate) fn warn_unused(&mut self) {
        let defines = self.names.defines.iter().enumerate();
        let defines = defines.map(|(i, s)| (Named::Define(DefineId(i as u32)), s.file, &s.tree.name));
        let segments = self.names.segments.iter().enumerate();
        let segments = segments.map(|(i, s)| (Named::Segment(SegmentId(i as u32)), s.file, &s.tree.name));
        let unused: Vec<(Place, &str)> = defines
            .chain(segments)
            .filter(|(named, _, _)| !self.names.used.contains(named))
            // A name that was taken is reported already.
            .filter(|(named, _, name)| self.names.by_name.get(&name.node).is_some_and(|(n, _)| n == named))
            .map(|(_, file, name)| (Place { file, span: name.span }, name.node.as_str()))
            .collect();
        for (place, name) in unused {
            self.diagnostics.push(
                Diagnostic::new(Code::UNUSED, place, format!("nothing uses `{name}`"))
                    .help("use it or delete it"),
            );
        }
    }
}

impl Program {
    /// The rule of that name and its position.
    pub fn find_rule(&self, name: &str) -> Option<(usize, &crate::program::Rule)> {
        self.rules.iter().enumerate().find(|(_, r)| r.name == name)
    }
}
