//! The comparison that made the difference between two versions of a rule for one customer.

use tidings_engine::trace::{Trace, Verdict, What};
use tidings_syntax::Place;

/// The first comparison that came to something else, or that only one version has.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// As the earlier version has it.
    pub before: Option<Test>,
    /// As the later one has it.
    pub after: Option<Test>,
    /// Whether it came to the same, and what its customers get is what one version alone has: an `else`.
    pub otherwise: bool,
}

/// A comparison, and what it came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// As it is written, on one line.
    pub text: String,
    /// What it came to.
    pub verdict: Verdict,
    /// The values that it saw: what is written, and the value as people read it; nothing where it is missing.
    pub saw: Vec<(String, Option<String>)>,
}

type Words<'a> = &'a dyn Fn(Place) -> String;

/// A part of a rule with the words of its files.
#[derive(Clone, Copy)]
struct Part<'a> {
    trace: &'a Trace,
    words: Words<'a>,
}

/// Two parts that answer for one another; one of them may be missing.
type Pair<'a> = (Option<Part<'a>>, Option<Part<'a>>);

/// For whom only the `else` of one version is: what leads there.
pub(super) fn otherwise(trace: &Trace, words: Words<'_>, is_later: bool) -> Difference {
    let test = Some(Part { trace, words }.deciding().test());
    let (before, after) = if is_later { (None, test) } else { (test, None) };
    Difference { before, after, otherwise: true }
}

/// What made the difference between two traces of one rule; nothing where all comparisons came to the same.
pub(super) fn difference(
    (before, before_words): (&Trace, Words<'_>),
    (after, after_words): (&Trace, Words<'_>),
) -> Option<Difference> {
    let before = Part { trace: before, words: before_words };
    let after = Part { trace: after, words: after_words };
    within(before, after)
}

/// The first difference among the parts of two parts.
fn within(before: Part<'_>, after: Part<'_>) -> Option<Difference> {
    pairs(before, after).into_iter().find_map(|pair| match pair {
        (Some(b), Some(a)) if b.trace.verdict == a.trace.verdict => None,
        (Some(b), Some(a)) => {
            let deeper = (b.divides() || a.divides()).then(|| within(b, a)).flatten();
            Some(deeper.unwrap_or_else(|| Difference {
                before: Some(b.test()),
                after: Some(a.test()),
                otherwise: false,
            }))
        }
        // A part that is only there once made the difference where it says what the whole came to.
        (Some(b), None) => (b.trace.verdict == before.trace.verdict).then(|| Difference {
            before: Some(b.deciding().test()),
            after: None,
            otherwise: false,
        }),
        (None, Some(a)) => (a.trace.verdict == after.trace.verdict).then(|| Difference {
            before: None,
            after: Some(a.deciding().test()),
            otherwise: false,
        }),
        (None, None) => None,
    })
}

/// The parts of two parts, each with the one that answers for it: those of the same words, then the others in their
/// order, then what is left over.
fn pairs<'a>(before: Part<'a>, after: Part<'a>) -> Vec<Pair<'a>> {
    let alike = before.kind() == after.kind();
    let parts = |part: Part<'a>, other: Part<'a>| {
        // One comparison beside a list of them is a list of one.
        if alike || part.gathers() || !other.gathers() { part.parts() } else { vec![part] }
    };
    let mut earlier: Vec<Option<Part<'a>>> = parts(before, after).into_iter().map(Some).collect();
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for part in parts(after, before) {
        let same = |other: &Option<Part<'a>>| other.is_some_and(|other| other.text() == part.text());
        let found = earlier.iter_mut().find(|other| same(other)).and_then(Option::take);
        pairs.push((found, Some(part)));
    }
    let mut rest = earlier.into_iter().flatten();
    for (before, _) in pairs.iter_mut().filter(|(before, _)| before.is_none()) {
        *before = rest.next();
    }
    pairs.extend(rest.map(|part| (Some(part), None)));
    // What has a counterpart tells more than what has none.
    pairs.sort_by_key(|(before, after)| before.is_none() || after.is_none());
    pairs
}

impl<'a> Part<'a> {
    fn parts(self) -> Vec<Part<'a>> {
        self.trace.children.iter().map(|trace| Part { trace, words: self.words }).collect()
    }

    fn text(self) -> String {
        match &self.trace.what {
            What::Rule(_) => String::new(),
            What::Segment(name) => format!("in {name}"),
            What::Define(name) => name.clone(),
            What::Stage { stage, .. } => format!("{stage} when {}", (self.words)(self.trace.place)),
            _ => (self.words)(self.trace.place),
        }
    }

    fn kind(self) -> std::mem::Discriminant<What> {
        std::mem::discriminant(&self.trace.what)
    }

    /// Whether it is a list of others.
    fn gathers(self) -> bool {
        matches!(self.trace.what, What::All | What::Any)
    }

    /// Whether its parts say more about it than itself: not those of a comparison, which are what stands behind names.
    fn divides(self) -> bool {
        !matches!(self.trace.what, What::Test | What::Known | What::Entered(_))
            && !self.trace.children.is_empty()
    }

    /// The one part that decides, and so on; itself where several do.
    fn deciding(self) -> Part<'a> {
        let same = |part: &Part<'a>| part.trace.verdict == self.trace.verdict;
        let parts = self.parts();
        let one = match (&self.trace.what, self.trace.verdict) {
            (What::All, Verdict::Yes) | (What::Any, Verdict::No) if parts.len() > 1 => None,
            _ if !self.divides() => None,
            (What::Not, _) => parts.first().copied(),
            _ => parts.into_iter().find(same),
        };
        one.map_or(self, Part::deciding)
    }

    fn test(self) -> Test {
        // A name whose whole test is one comparison saw what that saw.
        let told = match self.trace.children.as_slice() {
            [only] if only.place == self.trace.place => only,
            _ => self.trace,
        };
        let value = |seen: &tidings_engine::Seen| ((self.words)(seen.place), seen.text.clone());
        Test { text: self.text(), verdict: self.trace.verdict, saw: told.values.iter().map(value).collect() }
    }
}
