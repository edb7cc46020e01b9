//! Regions of what a variable can be, and the cells into which all regions that are asked for cut it: within a cell
//! nothing that is asked makes a difference.

use std::cmp::Ordering;
use tidings_schema::Value;

/// A value by which a variable is cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Point {
    Real(f64),
    Whole(i64),
    Text(String),
}

impl Point {
    /// The point of a constant; tags have none.
    pub(crate) fn of(value: &Value) -> Option<Point> {
        Some(match value {
            Value::Number(n) => Point::Real(*n),
            Value::Money(i) | Value::Moment(i) | Value::Count(i) => Point::Whole(*i),
            Value::Date(day) => Point::Whole(i64::from(*day)),
            Value::Word(word) => Point::Whole(i64::from(*word)),
            Value::Truth(yes) => Point::Whole(i64::from(*yes)),
            Value::Text(text) => Point::Text(text.clone()),
            Value::Tags(_) => return None,
        })
    }

    /// In a fixed order; only points of one kind meet.
    pub(crate) fn order(&self, other: &Point) -> Ordering {
        match (self, other) {
            // Zero has two signs and is one number.
            (Point::Real(a), Point::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Point::Whole(a), Point::Whole(b)) => a.cmp(b),
            (Point::Text(a), Point::Text(b)) => a.cmp(b),
            (Point::Real(_), _) | (Point::Whole(_), Point::Text(_)) => Ordering::Less,
            (Point::Text(_), _) | (Point::Whole(_), Point::Real(_)) => Ordering::Greater,
        }
    }
}

/// Some of the values that a variable can have, or its being missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Region {
    Missing,
    /// Below a point, or at it (`true`).
    Below(Point, bool),
    /// Above a point, or at it.
    Above(Point, bool),
    /// At one of some points.
    At(Vec<Point>),
    /// At none of them, and not missing.
    NotAt(Vec<Point>),
}

impl Region {
    pub(crate) fn points(&self) -> &[Point] {
        match self {
            Region::Missing => &[],
            Region::Below(point, _) | Region::Above(point, _) => std::slice::from_ref(point),
            Region::At(points) | Region::NotAt(points) => points,
        }
    }
}

/// What a variable can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) kind: Kind,
    pub(crate) can_be_missing: bool,
}

/// What values a variable has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Numbers in order, perhaps only whole ones, perhaps from some number to another.
    Numbers { whole: bool, least: Option<Point>, most: Option<Point> },
    /// So many words, `Point::Whole` of each position, in their order.
    Words(u32),
    /// Texts, of which any other is like any other.
    Texts,
}

/// Which cells of a variable are left: one bit each, the last for missing.
pub(crate) type Cells = Vec<u64>;

/// A variable's range cut at some points. With n points of numbers the cells are the gap before the first, the first, the gap
/// before the second, … and the gap behind the last; of texts, the points and any other. Missing comes last.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    range: Range,
    points: Vec<Point>,
}

impl Cut {
    pub(crate) fn new(range: &Range, mut points: Vec<Point>) -> Cut {
        match &range.kind {
            Kind::Numbers { least, most, .. } => points.extend(least.iter().chain(most).cloned()),
            Kind::Words(count) => points = (0..i64::from(*count)).map(Point::Whole).collect(),
            Kind::Texts => {}
        }
        points.sort_by(Point::order);
        points.dedup_by(|a, b| a.order(b).is_eq());
        Cut { range: range.clone(), points }
    }

    fn missing(&self) -> usize {
        match self.range.kind {
            Kind::Numbers { .. } => 2 * self.points.len() + 1,
            Kind::Words(_) => self.points.len(),
            Kind::Texts => self.points.len() + 1,
        }
    }

    /// The cells that there are.
    pub(crate) fn all(&self) -> Cells {
        self.cells(|cell| self.is_there(cell))
    }

    /// The cells that lie in a region (`inside`) or outside of it.
    pub(crate) fn within(&self, region: &Region, inside: bool) -> Cells {
        let missing = self.missing();
        let mut cells = vec![0; missing / 64 + 1];
        match region {
            Region::Missing => flip(&mut cells, missing..missing + 1),
            Region::Below(end, with) => {
                let behind = match self.find(end) {
                    Ok(i) => self.cell(i) + usize::from(*with),
                    // Up to the point before it.
                    Err(i) => i.checked_sub(1).map_or(0, |before| self.cell(before) + 1),
                };
                flip(&mut cells, 0..behind);
            }
            Region::Above(end, with) => {
                // Any other text is neither below nor above.
                let all = if self.range.kind == Kind::Texts { self.points.len() } else { missing };
                let first = match self.find(end) {
                    Ok(i) => self.cell(i) + usize::from(!with),
                    Err(i) => self.cell(i),
                };
                flip(&mut cells, first..all);
            }
            Region::At(points) | Region::NotAt(points) => {
                for point in points {
                    if let Ok(i) = self.find(point) {
                        let (word, bit) = (self.cell(i) / 64, self.cell(i) % 64);
                        cells.get_mut(word).into_iter().for_each(|word| *word |= 1 << bit);
                    }
                }
            }
        }
        if matches!(region, Region::NotAt(_)) {
            flip(&mut cells, 0..missing);
        }
        if !inside {
            flip(&mut cells, 0..missing + 1);
        }
        cells
    }

    /// The cell that a point is.
    fn cell(&self, point: usize) -> usize {
        if let Kind::Numbers { .. } = self.range.kind { 2 * point + 1 } else { point }
    }

    /// Where a point stands among those of the cut, or would stand.
    fn find(&self, point: &Point) -> Result<usize, usize> {
        self.points.binary_search_by(|p| p.order(point))
    }

    /// Whether a value, or its being missing, lies in some cells.
    pub(crate) fn has(&self, cells: &Cells, value: Option<&Point>) -> bool {
        let Some(value) = value else { return has(cells, self.missing()) };
        let below = self.points.partition_point(|p| p.order(value).is_lt());
        let at = self.points.get(below).is_some_and(|p| p.order(value).is_eq());
        has(
            cells,
            match self.range.kind {
                Kind::Numbers { .. } => 2 * below + usize::from(at),
                Kind::Words(_) | Kind::Texts => {
                    if at {
                        below
                    } else {
                        self.points.len()
                    }
                }
            },
        )
    }

    fn cells(&self, which: impl Fn(usize) -> bool) -> Cells {
        let mut cells = vec![0; self.missing() / 64 + 1];
        for cell in (0..=self.missing()).filter(|cell| which(*cell)) {
            cells.get_mut(cell / 64).into_iter().for_each(|word| *word |= 1 << (cell % 64));
        }
        cells
    }

    /// The point that a cell is, or the points between which it lies.
    fn bounds(&self, cell: usize) -> (Option<&Point>, Option<&Point>) {
        match self.range.kind {
            Kind::Numbers { .. } if cell.is_multiple_of(2) => {
                (cell.checked_sub(2).and_then(|i| self.points.get(i / 2)), self.points.get(cell / 2))
            }
            Kind::Numbers { .. } => (self.points.get(cell / 2), self.points.get(cell / 2)),
            Kind::Words(_) | Kind::Texts => (self.points.get(cell), self.points.get(cell)),
        }
    }

    fn is_point(&self, cell: usize) -> bool {
        match self.range.kind {
            Kind::Numbers { .. } => !cell.is_multiple_of(2),
            Kind::Words(_) | Kind::Texts => cell < self.points.len(),
        }
    }

    fn is_there(&self, cell: usize) -> bool {
        if cell == self.missing() {
            return self.range.can_be_missing;
        }
        let Kind::Numbers { whole, least, most } = &self.range.kind else { return true };
        let (from, to) = self.bounds(cell);
        let beyond = |point: Option<&Point>, end: &Option<Point>, past: Ordering| match (point, end) {
            (None, Some(_)) => true,
            (Some(point), Some(end)) => point.order(end) == past,
            (_, None) => false,
        };
        // A gap that ends at the least point, or begins at the greatest, lies outside.
        let outside = if self.is_point(cell) {
            beyond(from, least, Ordering::Less) || beyond(to, most, Ordering::Greater)
        } else {
            let at = |point: Option<&Point>, end: &Option<Point>, past: Ordering| {
                end.as_ref().is_some_and(|end| point.is_none_or(|p| p.order(end) == past))
            };
            at(from, least, Ordering::Less) || at(to, most, Ordering::Greater)
        };
        !outside && (!whole || self.has_whole(cell))
    }

    /// Whether a cell has a whole number.
    fn has_whole(&self, cell: usize) -> bool {
        match (self.is_point(cell), self.bounds(cell)) {
            (true, (Some(Point::Real(x)), _)) => x.fract() == 0.0,
            (false, (Some(Point::Real(a)), Some(Point::Real(b)))) => a.floor() + 1.0 < *b,
            (false, (Some(Point::Whole(a)), Some(Point::Whole(b)))) => {
                a.checked_add(1).is_some_and(|a| a < *b)
            }
            _ => true,
        }
    }

    /// Takes those cells away from `low` that lie above all of `high`, and from `high` those below all of `low`.
    /// Whether anything went. Missing counts for neither.
    pub(crate) fn put_in_order(low: (&Cut, &mut Cells), high: (&Cut, &mut Cells)) -> bool {
        let ((low, lows), (high, highs)) = (low, high);
        let all = |cut: &Cut, cells: &Cells| -> Vec<usize> {
            (0..cut.missing()).filter(|c| has(cells, *c)).collect()
        };
        let (of_low, of_high) = (all(low, lows), all(high, highs));
        let fits = |a: usize, b: usize| match (low.bounds(a).0, high.bounds(b).1) {
            (Some(from), Some(to)) => match from.order(to) {
                Ordering::Less => true,
                Ordering::Equal => low.is_point(a) && high.is_point(b),
                Ordering::Greater => false,
            },
            _ => true,
        };
        let mut gone = false;
        let mut drop = |cells: &mut Cells, cell: usize| {
            cells.get_mut(cell / 64).into_iter().for_each(|word| *word &= !(1 << (cell % 64)));
            gone = true;
        };
        if let Some(most) = of_high.last() {
            of_low.iter().filter(|a| !fits(**a, *most)).for_each(|a| drop(lows, *a));
        }
        if let Some(least) = of_low.first() {
            of_high.iter().filter(|b| !fits(*least, **b)).for_each(|b| drop(highs, *b));
        }
        gone
    }
}

fn has(cells: &Cells, cell: usize) -> bool {
    cells.get(cell / 64).is_some_and(|word| word >> (cell % 64) & 1 == 1)
}

/// Turns a range of cells around, a word at a time.
fn flip(cells: &mut Cells, range: std::ops::Range<usize>) {
    let (first, last) = (range.start / 64, range.end / 64);
    for (i, word) in cells.iter_mut().enumerate().take(last + 1).skip(first) {
        let from = if i == first { u64::MAX << (range.start % 64) } else { u64::MAX };
        let to = if i == last { !(u64::MAX << (range.end % 64)) } else { u64::MAX };
        *word ^= from & to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Cell by cell, in the words of the regions.
    impl Cut {
        fn lies_in(&self, cell: usize, region: &Region) -> bool {
            if cell == self.missing() {
                return *region == Region::Missing;
            }
            let (from, to) = self.bounds(cell);
            let point = self.is_point(cell);
            let among =
                |points: &[Point]| point && from.is_some_and(|at| points.iter().any(|p| p.order(at).is_eq()));
            match region {
                Region::Missing => false,
                Region::At(points) => among(points),
                Region::NotAt(points) => !among(points),
                Region::Below(end, with) => to.is_some_and(|to| match to.order(end) {
                    Ordering::Less => true,
                    Ordering::Equal => !point || *with,
                    Ordering::Greater => false,
                }),
                Region::Above(end, with) => from.is_some_and(|from| match from.order(end) {
                    Ordering::Greater => true,
                    Ordering::Equal => !point || *with,
                    Ordering::Less => false,
                }),
            }
        }
    }

    fn points() -> impl Strategy<Value = Vec<Point>> {
        prop::collection::vec((0..120_i64).prop_map(Point::Whole), 0..90)
    }

    fn range() -> impl Strategy<Value = Range> {
        let end = || prop::option::of((0..120_i64).prop_map(Point::Whole));
        let numbers = (any::<bool>(), end(), end()).prop_map(|(whole, least, most)| Kind::Numbers {
            whole,
            least,
            most,
        });
        let kind = prop_oneof![numbers, (0..140_u32).prop_map(Kind::Words), Just(Kind::Texts)];
        (kind, any::<bool>()).prop_map(|(kind, can_be_missing)| Range { kind, can_be_missing })
    }

    fn region() -> impl Strategy<Value = Region> {
        let point = || (-2..125_i64).prop_map(Point::Whole);
        prop_oneof![
            Just(Region::Missing),
            (point(), any::<bool>()).prop_map(|(end, with)| Region::Below(end, with)),
            (point(), any::<bool>()).prop_map(|(end, with)| Region::Above(end, with)),
            points().prop_map(Region::At),
            points().prop_map(Region::NotAt),
        ]
    }

    proptest! {
        #[test]
        fn the_cells_of_a_region_are_those_that_lie_in_it_one_by_one(
            (range, points, region, inside) in (range(), points(), region(), any::<bool>())
        ) {
            let cut = Cut::new(&range, points);
            let plain = cut.cells(|cell| cut.lies_in(cell, &region) == inside);
            prop_assert_eq!(cut.within(&region, inside), plain);
        }
    }
}
