//! Whether the data is as `expect` says, found out over the same chunks as the plan itself: a decision on stale or empty
//! data takes everybody for dormant.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type};
use arrow_buffer::NullBuffer;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use tidings_engine::chunk::Whole;
use tidings_engine::{Chunk, Chunks, Needs};
use tidings_schema::calendar::{day_of, start_of_day};
use tidings_schema::show::{count, counted, verb};
use tidings_schema::{
    CollectionId, Expectation, Expected, FieldId, Now, Subject, Type, Value, Vocabulary, show,
};
use xxhash_rust::xxh3::xxh3_128;

/// In microseconds.
const MINUTE: i64 = 60_000_000;

/// An expectation, held against the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is of: `customers`, `email`, `orders.placed_at`.
    pub of: String,
    /// What is expected, as `schema.yaml` has it.
    pub expected: String,
    /// What was found, in words; of the customers no more than a key.
    pub found: String,
    /// Whether it is as expected.
    pub met: bool,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, and `{}` is expected", self.of, self.found, self.expected)
    }
}

/// The columns that expectations look at.
pub fn needs(vocabulary: &Vocabulary) -> Needs {
    let mut needs = Needs::default();
    for expectation in &vocabulary.expectations {
        match expectation.of {
            Subject::Customers => {}
            Subject::Attribute(id) => needs.want(id),
            Subject::Collection(id) => want(&mut needs, vocabulary, id, None),
            Subject::Field(id, field) => want(&mut needs, vocabulary, id, Some(field)),
        }
        // Who is not there yet does not count.
        vocabulary.customer.created.into_iter().for_each(|created| needs.want(created));
    }
    needs
}

fn want(needs: &mut Needs, vocabulary: &Vocabulary, id: CollectionId, field: Option<FieldId>) {
    let time = vocabulary.collection(id).map(|c| c.time);
    time.into_iter().chain(field).for_each(|field| needs.want_field(id, field));
}

/// Holds all expectations of a vocabulary against everybody, loaded with at least its [`needs`]. Rows at now and after
/// it, and customers who are not there yet, do not count.
pub fn evidence(vocabulary: &Vocabulary, needs: &Needs, chunks: &[Chunk], now: Now) -> Vec<Evidence> {
    let Ok(evidence) = evidence_of(vocabulary, needs, chunks, now);
    evidence
}

/// The same of chunks that may have to be made.
pub fn evidence_of<C: Chunks + ?Sized>(
    vocabulary: &Vocabulary,
    needs: &Needs,
    chunks: &C,
    now: Now,
) -> Result<Vec<Evidence>, C::Error> {
    let look = Look { vocabulary, needs, now };
    let mut tallies: Vec<Tally> = vocabulary.expectations.iter().map(|_| Tally::default()).collect();
    if tallies.is_empty() {
        return Ok(Vec::new());
    }
    for i in 0..chunks.count() {
        let chunk = chunks.chunk(i)?;
        let there = look.customers(&chunk);
        for (expectation, tally) in vocabulary.expectations.iter().zip(&mut tallies) {
            look.at(&chunk, &there, expectation, tally);
        }
    }
    Ok(vocabulary.expectations.iter().zip(tallies).map(|(e, tally)| look.judge(e, &tally)).collect())
}

/// What was counted for an expectation.
#[derive(Default)]
struct Tally {
    rows: u64,
    known: u64,
    /// The latest day or moment.
    latest: Option<i64>,
    /// Values outside a range, or there again.
    wrong: u64,
    /// The key of the first customer who has such a value.
    first: Option<String>,
    seen: HashSet<u128>,
}

struct Look<'a> {
    vocabulary: &'a Vocabulary,
    needs: &'a Needs,
    now: Now,
}

impl Look<'_> {
    /// Which customers are there.
    fn customers(&self, chunk: &Chunk) -> Vec<bool> {
        let created = self.vocabulary.customer.created.and_then(|id| self.needs.attribute(id));
        let created = created.and_then(|i| chunk.attributes.get(i)).map(|array| Cells::of(array));
        let there =
            |i| created.as_ref().and_then(|c| c.whole(i).map(|at| at <= self.last(c))).unwrap_or(true);
        (0..chunk.len()).map(there).collect()
    }

    /// The last day or moment that there is.
    fn last(&self, cells: &Cells<'_>) -> i64 {
        let before = self.now.micros - 1;
        if matches!(cells.values, Values::Whole(Whole::Days(_))) {
            day_of(before, self.now.zone).into()
        } else {
            before
        }
    }

    fn at(&self, chunk: &Chunk, there: &[bool], expectation: &Expectation, tally: &mut Tally) {
        let (id, field) = match expectation.of {
            Subject::Customers => {
                tally.rows += there.iter().filter(|there| **there).count() as u64;
                return;
            }
            Subject::Attribute(id) => {
                let column = self.needs.attribute(id).and_then(|i| chunk.attributes.get(i));
                let Some(cells) = column.map(|array| Cells::of(array)) else { return };
                for i in (0..chunk.len()).filter(|i| there.get(*i) == Some(&true)) {
                    self.count(expectation, tally, &cells, i, chunk.keys.value(i));
                }
                return;
            }
            Subject::Collection(id) => (id, None),
            Subject::Field(id, field) => (id, Some(field)),
        };
        let collection = self.vocabulary.collection(id);
        let place = self.needs.collection(id);
        let Some((collection, place)) = collection.zip(place) else { return };
        let wanted = self.needs.collections.get(place).map_or([].as_slice(), |c| c.fields.as_slice());
        let Some(rows) = chunk.collections.get(place) else { return };
        let column = |id: FieldId| {
            let array = rows.fields.get(wanted.iter().position(|f| *f == id)?)?;
            Some(Cells::of(array))
        };
        let Some((times, cells)) = column(collection.time).zip(column(field.unwrap_or(collection.time)))
        else {
            return;
        };
        let last = self.last(&times);
        let ends = rows.offsets.iter().zip(rows.offsets.iter().skip(1)).enumerate();
        for (i, (from, to)) in ends.filter(|(i, _)| there.get(*i) == Some(&true)) {
            let rows: Range<usize> = *from as usize..*to as usize;
            for row in rows.filter(|row| times.whole(*row).is_some_and(|at| at <= last)) {
                self.count(expectation, tally, &cells, row, chunk.keys.value(i));
            }
        }
    }

    /// Counts a value of a customer or of one of their rows.
    fn count(&self, expectation: &Expectation, tally: &mut Tally, cells: &Cells<'_>, i: usize, key: &str) {
        tally.rows += 1;
        if !cells.is_known(i) {
            return;
        }
        tally.known += 1;
        let wrong = match expectation.what {
            Expected::Rows(_) | Expected::Known(_) => false,
            Expected::Fresh(_) => {
                tally.latest = tally.latest.max(cells.whole(i).filter(|at| *at <= self.last(cells)));
                false
            }
            Expected::Range(bounds) => cells.number(i).is_some_and(|n| !bounds.contains(n)),
            Expected::Unique => !tally.seen.insert(cells.hash(i)),
        };
        if wrong {
            tally.wrong += 1;
            tally.first.get_or_insert_with(|| key.to_owned());
        }
    }

    fn judge(&self, expectation: &Expectation, tally: &Tally) -> Evidence {
        let &Tally { rows, known, wrong, .. } = tally;
        let first = tally.first.as_ref().map(|key| format!(", first at customer {key}")).unwrap_or_default();
        let of = |n, all, base| format!("{} of {} {}", count(n), counted(all, "value"), verb(n, base));
        let (found, met) = match expectation.what {
            Expected::Rows(bounds) => {
                let what = if expectation.of == Subject::Customers { "customer" } else { "row" };
                (format!("there {} {}", verb(rows, "are"), counted(rows, what)), bounds.contains(rows as f64))
            }
            Expected::Known(share) => {
                // What is short of the share does not read as it.
                let hundredths = (known * 10_000).checked_div(rows).unwrap_or(0);
                let percent = format!("{}.{:02}%", hundredths / 100, hundredths % 100);
                let met = rows > 0 && known as f64 >= share * rows as f64 - 1e-6;
                (format!("{} known, {percent}", of(known, rows, "are")), met)
            }
            Expected::Fresh(seconds) => self.freshness(expectation.of, tally.latest, seconds),
            Expected::Range(_) => (format!("{} outside{first}", of(wrong, known, "are")), wrong == 0),
            Expected::Unique => (format!("{} an earlier one{first}", of(wrong, known, "repeat")), wrong == 0),
        };
        let of = expectation.of.name(self.vocabulary);
        Evidence { of, expected: expectation.written.clone(), found, met }
    }

    fn freshness(&self, of: Subject, latest: Option<i64>, seconds: i64) -> (String, bool) {
        let Some(latest) = latest else { return ("there is none".to_owned(), false) };
        let attribute = match of {
            Subject::Attribute(id) => self.vocabulary.attribute(id),
            Subject::Field(id, field) => self.vocabulary.collection(id).and_then(|c| c.field(field)),
            _ => None,
        };
        let Now { micros: now, zone } = self.now;
        let (shown, counts_until) = match (attribute.map(|a| &a.ty), i32::try_from(latest)) {
            (Some(Type::Date), Ok(day)) => {
                (show::show(&Type::Date, &Value::Date(day), zone), start_of_day(day.saturating_add(1), zone))
            }
            _ => (show::show(&Type::Moment, &Value::Moment(latest), zone), latest),
        };
        let age = now.saturating_sub(counts_until).max(0);
        let moment = show::show(&Type::Moment, &Value::Moment(now / MINUTE * MINUTE), zone);
        let met = age <= seconds.saturating_mul(1_000_000);
        (format!("the latest is of {shown}, {} before {moment}", length(age)), met)
    }
}

/// A length of time, roughly.
fn length(micros: i64) -> String {
    let minutes = micros / MINUTE;
    let (count, unit) = match minutes {
        0..120 => (minutes, "minute"),
        120..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A column of a chunk.
struct Cells<'a> {
    values: Values<'a>,
    nulls: Option<NullBuffer>,
}

enum Values<'a> {
    Whole(Whole<'a>),
    Numbers(&'a [f64]),
    Texts(&'a arrow_array::StringArray),
    /// Texts by their places in a list.
    Coded(&'a [i16], &'a arrow_array::StringArray),
    /// Of which no more is asked than whether they are there.
    Others,
}

impl<'a> Cells<'a> {
    fn of(array: &'a dyn Array) -> Cells<'a> {
        let nulls = array.logical_nulls();
        let coded = array.as_dictionary_opt::<Int16Type>();
        let coded =
            coded.and_then(|c| Some((c.keys().values().as_ref(), c.values().as_string_opt::<i32>()?)));
        let values = if let Some(whole) = Whole::of(array) {
            Values::Whole(whole)
        } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            Values::Numbers(numbers.values())
        } else if let Some(texts) = array.as_string_opt::<i32>() {
            Values::Texts(texts)
        } else if let Some((codes, texts)) = coded {
            Values::Coded(codes, texts)
        } else {
            Values::Others
        };
        Cells { values, nulls }
    }

    fn is_known(&self, i: usize) -> bool {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(i))
    }

    fn whole(&self, i: usize) -> Option<i64> {
        match &self.values {
            Values::Whole(whole) => whole.at(i),
            _ => None,
        }
    }

    fn number(&self, i: usize) -> Option<f64> {
        match &self.values {
            Values::Numbers(numbers) => numbers.get(i).copied(),
            _ => self.whole(i).map(|n| n as f64),
        }
    }

    /// What tells a value that is known from others.
    fn hash(&self, i: usize) -> u128 {
        let text = match &self.values {
            Values::Texts(texts) if i < texts.len() => texts.value(i),
            Values::Coded(codes, texts) => {
                let code = codes.get(i).and_then(|code| usize::try_from(*code).ok());
                code.filter(|code| *code < texts.len()).map_or("", |code| texts.value(code))
            }
            // Zero has one sign only.
            Values::Numbers(numbers) => {
                return xxh3_128(&(numbers.get(i).copied().unwrap_or_default() + 0.0).to_le_bytes());
            }
            _ => return xxh3_128(&self.whole(i).unwrap_or_default().to_le_bytes()),
        };
        xxh3_128(text.as_bytes())
    }
}
