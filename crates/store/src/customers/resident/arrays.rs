//! Arrays that change a little: put together from pieces of two, compared row by row, their words made the same.

use crate::customers::keys::Key;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time32SecondType,
    UInt32Type,
};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int16Array, ListArray, PrimitiveArray, StringArray, make_array,
};
use arrow_data::ArrayData;
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use std::collections::HashMap;
use std::sync::Arc;
use tidings_schema::calendar::SECOND;

/// Some rows of one of several arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) source: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Adds rows to spans, behind the last ones where they follow them.
pub(super) fn add(spans: &mut Vec<Span>, source: usize, from: usize, to: usize) {
    match spans.last_mut() {
        _ if from >= to => {}
        Some(last) if last.source == source && last.to == from => last.to = to,
        _ => spans.push(Span { source, from, to }),
    }
}

/// The same as [`splice`]; where that is the first of the arrays, it is shared.
pub(super) fn renewed(sources: &[&ArrayRef], spans: &[Span]) -> Result<ArrayRef, ArrowError> {
    match sources.first().filter(|first| is_as_before(first, sources, spans)) {
        Some(first) => Ok((**first).clone()),
        None => splice(sources, spans),
    }
}

/// An array of the spans of some that are alike: see [`like`].
pub(super) fn splice(sources: &[&ArrayRef], spans: &[Span]) -> Result<ArrayRef, ArrowError> {
    let words: Vec<&DictionaryArray<Int16Type>> = sources.iter().filter_map(|a| words_of(a)).collect();
    if words.len() == sources.len()
        && let Some(longest) = words.iter().max_by_key(|w| w.values().len())
    {
        let codes: Vec<ArrayRef> = words.iter().map(|w| Arc::new(w.keys().clone()) as ArrayRef).collect();
        let spliced = splice(&codes.iter().collect::<Vec<_>>(), spans)?;
        let codes = spliced.as_primitive::<Int16Type>().clone();
        return Ok(Arc::new(DictionaryArray::try_new(codes, longest.values().clone())?));
    }
    if let Some(spliced) = splice_values(sources, spans) {
        return Ok(spliced);
    }
    let data: Vec<ArrayData> = sources.iter().map(|a| a.to_data()).collect();
    let rows = spans.iter().map(|s| s.to - s.from).sum();
    let mut spliced = MutableArrayData::try_new(data.iter().collect(), false, rows)?;
    for span in spans {
        spliced.try_extend(span.source, span.from, span.to)?;
    }
    Ok(make_array(spliced.freeze()))
}

/// Room for so many values more is asked for at once.
const STEP: usize = 4_096;

/// The same of values of a fixed size, none of them missing: that is most of what chunks have.
fn splice_values(sources: &[&ArrayRef], spans: &[Span]) -> Option<ArrayRef> {
    fn of<T: ArrowPrimitiveType>(sources: &[&ArrayRef], spans: &[Span]) -> Option<ArrayRef> {
        let typed = sources.iter().map(|array| array.as_primitive_opt::<T>());
        let whole = typed.map(|array| array.filter(|array| array.null_count() == 0));
        let sources: Vec<&PrimitiveArray<T>> = whole.collect::<Option<_>>()?;
        let rows: usize = spans.iter().map(|s| s.to - s.from).sum();
        // By steps: a column that grows a little fits where another one was before.
        let mut values: Vec<T::Native> = Vec::with_capacity(rows.next_multiple_of(STEP));
        for span in spans {
            values.extend_from_slice(sources.get(span.source)?.values().get(span.from..span.to)?);
        }
        Some(Arc::new(PrimitiveArray::<T>::new(values.into(), None)))
    }
    match sources.first()?.data_type() {
        DataType::Int64 => of::<Int64Type>(sources, spans),
        DataType::Int32 => of::<Int32Type>(sources, spans),
        DataType::Time32(TimeUnit::Second) => of::<Time32SecondType>(sources, spans),
        DataType::Int16 => of::<Int16Type>(sources, spans),
        DataType::Float64 => of::<Float64Type>(sources, spans),
        DataType::Date32 => of::<Date32Type>(sources, spans),
        DataType::UInt32 => of::<UInt32Type>(sources, spans),
        _ => None,
    }
}

/// Whether spans put nothing into an array but its own rows where they are, and others that are the same as those they
/// stand for: most changes of rows are of one column.
fn is_as_before(first: &ArrayRef, sources: &[&ArrayRef], spans: &[Span]) -> bool {
    let others: Vec<_> = sources.iter().map(|other| same(first, other)).collect();
    let mut at = 0;
    let as_before = spans.iter().all(|span| {
        let begin = at;
        at += span.to - span.from;
        match others.get(span.source) {
            Some(_) if span.source == 0 => span.from == begin,
            Some(same) if at <= first.len() => {
                (span.from..span.to).zip(begin..).all(|(new, old)| same(old, new))
            }
            _ => false,
        }
    });
    as_before && at == first.len()
}

/// The same of keys.
pub(super) fn renewed_keys(sources: &[&ArrayRef], spans: &[Span]) -> Result<ArrayRef, ArrowError> {
    renewed(&alike(sources).iter().collect::<Vec<_>>(), spans)
}

/// Keys as arrays of one type: where some take more room, or are texts, all do.
pub(super) fn alike(sources: &[&ArrayRef]) -> Vec<ArrayRef> {
    let same = sources.windows(2).all(|pair| matches!(pair, [a, b] if a.data_type() == b.data_type()));
    let whole = sources.iter().all(|keys| keys.data_type().is_integer());
    let one = |keys: &&ArrayRef| match (same, whole) {
        (true, _) => (*keys).clone(),
        (false, true) => as_wide(keys),
        (false, false) => as_texts(keys),
    };
    sources.iter().map(one).collect()
}

fn words_of(array: &ArrayRef) -> Option<&DictionaryArray<Int16Type>> {
    array.as_dictionary_opt::<Int16Type>()
}

/// The texts of an array that has them one by one, or as words.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let Some(words) = words_of(array) else { return Ok(array.clone()) };
    let texts = words.values().as_string::<i32>();
    let text = |code: Option<i16>| code.map(|c| texts.value(c as usize));
    Ok(Arc::new(words.keys().iter().map(text).collect::<StringArray>()))
}

/// Words only ever come in. With more than so many, all is read anew, so that none is kept that no row has.
const MOST_WORDS: usize = 4_096;

/// Makes a column that comes in like those that are held. Where these share words, new ones are added to them, and they
/// have to be given the new list with [`widened`]: codes stay what they were. So they have to be given more room where
/// numbers that come in need it.
pub(super) fn like(held: &ArrayRef, incoming: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if *held.data_type() == DataType::Int64 {
        return Ok(as_wide(incoming));
    }
    let Some(held) = words_of(held) else { return plain(incoming) };
    if incoming.is_empty() {
        return Ok(Arc::new(held.slice(0, 0)));
    }
    let known = held.values().as_string::<i32>();
    let mut codes: HashMap<&str, i16> = known.iter().flatten().zip(0..).collect();
    let mut more = Vec::new();
    let mut code = |text| {
        let next = codes.len() as i16;
        *codes.entry(text).or_insert_with(|| {
            more.push(text);
            next
        })
    };
    let shared = words_of(incoming);
    let texts = shared.map_or(incoming, |words| words.values()).as_string::<i32>();
    let coded: Int16Array = texts.iter().map(|text| text.map(&mut code)).collect();
    let rows = match shared {
        Some(words) => words.keys().iter().map(|i| coded.values().get(i? as usize).copied()).collect(),
        None => coded,
    };
    if codes.len() > MOST_WORDS {
        return Err(ArrowError::ComputeError("words came that nobody uses any more".to_owned()));
    }
    let words: ArrayRef = if more.is_empty() {
        held.values().clone()
    } else {
        Arc::new(StringArray::from_iter_values(known.iter().flatten().chain(more)))
    };
    Ok(Arc::new(DictionaryArray::try_new(rows, words)?))
}

/// A held column with the words, or the room, that one like it has.
pub(super) fn widened(held: &ArrayRef, like: &ArrayRef) -> ArrayRef {
    if *like.data_type() == DataType::Int64 {
        return as_wide(held);
    }
    match (words_of(held), words_of(like)) {
        (Some(held), Some(like)) if like.values().len() > held.values().len() => {
            Arc::new(held.with_values(like.values().clone()))
        }
        _ => held.clone(),
    }
}

/// Whether a row of one column is the same as one of another that is like it.
pub(super) fn same<'a>(a: &'a ArrayRef, b: &'a ArrayRef) -> Box<dyn Fn(usize, usize) -> bool + Sync + 'a> {
    fn valid<'a>(
        a: &'a dyn Array,
        b: &'a dyn Array,
        equal: impl Fn(usize, usize) -> bool + Sync + 'a,
    ) -> Box<dyn Fn(usize, usize) -> bool + Sync + 'a> {
        Box::new(move |i, j| match (a.is_valid(i), b.is_valid(j)) {
            (true, true) => equal(i, j),
            (one, other) => one == other,
        })
    }
    fn primitive<'a, T: ArrowPrimitiveType>(
        a: &'a ArrayRef,
        b: &'a ArrayRef,
    ) -> Box<dyn Fn(usize, usize) -> bool + Sync + 'a> {
        let (x, y) = (a.as_primitive::<T>(), b.as_primitive::<T>());
        valid(a, b, move |i, j| x.value(i) == y.value(j))
    }
    match (a.data_type(), b.data_type()) {
        (DataType::Int64, DataType::Int64) => primitive::<Int64Type>(a, b),
        (DataType::Int32, DataType::Int32) => primitive::<Int32Type>(a, b),
        (DataType::Time32(TimeUnit::Second), DataType::Time32(TimeUnit::Second)) => {
            primitive::<Time32SecondType>(a, b)
        }
        (DataType::Float64, DataType::Float64) => primitive::<Float64Type>(a, b),
        (DataType::Date32, DataType::Date32) => primitive::<Date32Type>(a, b),
        (DataType::UInt32, DataType::UInt32) => primitive::<UInt32Type>(a, b),
        (DataType::Boolean, DataType::Boolean) => {
            let (x, y) = (a.as_boolean(), b.as_boolean());
            valid(a, b, move |i, j| x.value(i) == y.value(j))
        }
        (DataType::Utf8, DataType::Utf8) => {
            let (x, y) = (a.as_string::<i32>(), b.as_string::<i32>());
            valid(a, b, move |i, j| x.value(i) == y.value(j))
        }
        (DataType::Dictionary(..), DataType::Dictionary(..)) => match (words_of(a), words_of(b)) {
            (Some(x), Some(y)) => {
                let (x, y) = (x.keys(), y.keys());
                valid(x, y, move |i, j| x.value(i) == y.value(j))
            }
            _ => Box::new(|_, _| false),
        },
        (DataType::List(_), DataType::List(_)) => {
            let (x, y) = (a.as_list::<i32>(), b.as_list::<i32>());
            let same = same(x.values(), y.values());
            let of = |lists: &ListArray, i: usize| {
                let ends = lists.value_offsets().get(i..i + 2).unwrap_or_default();
                ends.first().map_or(0, |e| *e as usize)..ends.last().map_or(0, |e| *e as usize)
            };
            valid(a, b, move |i, j| {
                let (mine, theirs) = (of(x, i), of(y, j));
                mine.len() == theirs.len() && mine.zip(theirs).all(|(i, j)| same(i, j))
            })
        }
        _ => valid(a, b, move |i, j| a.slice(i, 1).as_ref() == b.slice(j, 1).as_ref()),
    }
}

/// The key of a row, by the array that chunks have of them.
pub(super) fn key_at(keys: &ArrayRef, row: usize) -> Option<Key<'_>> {
    if keys.is_null(row) {
        return None;
    }
    match keys.data_type() {
        DataType::UInt32 => Some(Key::Whole(keys.as_primitive::<UInt32Type>().value(row).into())),
        DataType::Int64 => Some(Key::Whole(keys.as_primitive::<Int64Type>().value(row))),
        _ => keys.as_string_opt::<i32>().map(|texts| Key::of(texts.value(row))),
    }
}

/// Whole numbers with all the room that one may need.
fn as_wide(short: &ArrayRef) -> ArrayRef {
    fn of<T: ArrowPrimitiveType<Native: Into<i64>>>(short: &ArrayRef, unit: i64) -> ArrayRef {
        Arc::new(short.as_primitive::<T>().unary::<_, Int64Type>(|value| value.into() * unit))
    }
    match short.data_type() {
        DataType::UInt32 => of::<UInt32Type>(short, 1),
        DataType::Int32 => of::<Int32Type>(short, 1),
        DataType::Time32(TimeUnit::Second) => of::<Time32SecondType>(short, SECOND),
        _ => short.clone(),
    }
}

/// Keys as texts, for where numbers and texts meet.
fn as_texts(keys: &ArrayRef) -> ArrayRef {
    let text = |row| key_at(keys, row).map(|key| key.to_string());
    Arc::new((0..keys.len()).map(text).collect::<StringArray>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use crate::customers::column::Column;
    use crate::customers::keys::Keys;
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{
        BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, Time32SecondArray, UInt32Array,
    };
    use proptest::prelude::*;
    use tidings_engine::chunk::Whole;
    use tidings_schema::{Currency, Type, Value};

    /// The values as an array of each type.
    fn of_all_types(values: &[Option<i16>]) -> Vec<ArrayRef> {
        fn of<T, A: Array + FromIterator<Option<T>> + 'static>(
            values: &[Option<i16>],
            value: impl Fn(i16) -> T,
        ) -> ArrayRef {
            Arc::new(values.iter().map(|v| v.map(&value)).collect::<A>())
        }
        let mut tags = ListBuilder::new(StringBuilder::new());
        // None, a, b, and both.
        let words = |v: i16| ["a", "b"].into_iter().enumerate().filter(move |(i, _)| v >> i & 1 == 1);
        values.iter().for_each(|v| tags.append_option(v.map(|v| words(v).map(|(_, word)| Some(word)))));
        let codes = Int16Array::from(values.to_vec());
        let words: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z", "x y"]));
        vec![
            of::<i64, Int64Array>(values, i64::from),
            of::<i32, Int32Array>(values, i32::from),
            of::<i32, Time32SecondArray>(values, i32::from),
            of::<f64, Float64Array>(values, f64::from),
            of::<i32, Date32Array>(values, i32::from),
            of::<u32, UInt32Array>(values, |v| v.unsigned_abs().into()),
            of::<bool, BooleanArray>(values, |v| v == 1),
            of::<String, StringArray>(values, |v| v.to_string()),
            Arc::new(DictionaryArray::new(codes, words)),
            Arc::new(tags.finish()),
        ]
    }

    proptest! {
        #[test]
        fn rows_are_the_same_where_their_values_are(
            a in prop::collection::vec(prop::option::of(0..4_i16), 1..6),
            b in prop::collection::vec(prop::option::of(0..4_i16), 1..6),
        ) {
            for (a, b) in of_all_types(&a).into_iter().zip(of_all_types(&b)) {
                let same = same(&a, &b);
                for (i, j) in (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| (i, j))) {
                    prop_assert_eq!(same(i, j), a.slice(i, 1) == b.slice(j, 1), "{} {:?} {:?}", a.data_type(), a, b);
                }
            }
        }
    }

    /// Few and many numbers, and sometimes a text.
    fn some_keys() -> impl Strategy<Value = Vec<Option<String>>> {
        let most = i64::from(u32::MAX);
        let few = prop_oneof![0..5_i64, most - 1..=most];
        let many = prop_oneof![4 => few.clone(), 1 => -2..0_i64, 1 => most..most + 3];
        let text = prop_oneof![6 => many.prop_map(|n| n.to_string()), 1 => Just("a".to_owned())];
        let few = few.prop_map(|n| n.to_string());
        let list = |key: BoxedStrategy<String>| prop::collection::vec(prop::option::weighted(0.9, key), 0..6);
        prop_oneof![list(few.boxed()), list(text.boxed())]
    }

    proptest! {
        #[test]
        fn keys_are_what_they_were_however_much_room_they_take(a in some_keys(), b in some_keys()) {
            let array = |texts: &[Option<String>]| {
                let mut keys = Keys::default();
                texts.iter().for_each(|text| keys.push(text.as_deref().map(Key::of)));
                keys.take(&(0..texts.len() as u32).collect::<Vec<_>>())
            };
            let spans = [span(0, 0, a.len()), span(1, 0, b.len())];
            let both = renewed_keys(&[&array(&a), &array(&b)], &spans).unwrap();
            let found: Vec<_> = (0..both.len()).map(|row| key_at(&both, row).map(|key| key.to_string())).collect();
            prop_assert_eq!(found, [a, b].concat());
        }
    }

    /// Amounts or moments: those that fit in half the room, and sometimes others.
    fn some_numbers() -> impl Strategy<Value = (Type, [Vec<Option<i64>>; 2])> {
        let edges = [i64::from(i32::MIN), -1, 0, 1, i64::from(i32::MAX)];
        let list = |short: Vec<i64>, long: Vec<i64>| {
            let number = prop_oneof![9 => prop::sample::select(short), 1 => prop::sample::select(long)];
            prop::collection::vec(prop::option::weighted(0.9, number), 0..5)
        };
        let two = move |short: &[i64], long: &[i64]| {
            [list(short.to_vec(), long.to_vec()), list(short.to_vec(), long.to_vec())]
        };
        let beyond = [i64::MIN, edges[0] - 1, edges[4] + 1, i64::MAX];
        let seconds = edges.map(|second| second * SECOND);
        let between = [i64::MIN, seconds[0] - 1, -1, 1, SECOND + 1, seconds[4] + SECOND, i64::MAX];
        prop_oneof![
            (Just(Type::Money(Currency::CNY)), two(&edges, &beyond)),
            (Just(Type::Moment), two(&seconds, &between)),
        ]
    }

    proptest! {
        #[test]
        fn numbers_are_what_they_were_however_much_room_they_take((ty, lists) in some_numbers()) {
            let array = |values: &Vec<Option<i64>>| {
                let mut column = Column::new(&ty);
                let value = |v| if ty == Type::Moment { Value::Moment(v) } else { Value::Money(v) };
                values.iter().for_each(|v| column.push(v.map(value)));
                column.take(&(0..values.len() as u32).collect::<Vec<_>>())
            };
            let [held, incoming] = lists.each_ref().map(array);
            let incoming = like(&held, &incoming).unwrap();
            let held = widened(&held, &incoming);
            let spans = [span(0, 0, held.len()), span(1, 0, incoming.len())];
            let both = splice(&[&held, &incoming], &spans).unwrap();
            let whole = Whole::of(&both).unwrap();
            prop_assert_eq!((0..both.len()).map(|row| whole.at(row)).collect::<Vec<_>>(), lists.concat());
            let unit = if ty == Type::Moment { SECOND } else { 1 };
            let fits = |v: &i64| v % unit == 0 && i32::try_from(v / unit).is_ok();
            prop_assert_eq!(matches!(whole, Whole::Long(_)), !lists.iter().flatten().flatten().all(fits));
        }
    }

    fn span(source: usize, from: usize, to: usize) -> Span {
        Span { source, from, to }
    }

    #[test]
    fn values_are_put_together_as_whatever_else_is() {
        let old: ArrayRef = Arc::new(Int16Array::from(vec![1, 2, 3, 4]));
        let (new, holes): (ArrayRef, ArrayRef) =
            (Arc::new(Int16Array::from(vec![8, 9])), Arc::new(Int16Array::from(vec![None, Some(9)])));
        let spans = [span(0, 2, 4), span(1, 1, 2), span(0, 0, 1)];
        let expected: ArrayRef = Arc::new(Int16Array::from(vec![3, 4, 9, 1]));
        assert_eq!(&splice_values(&[&old, &new], &spans).unwrap(), &expected);
        assert_eq!(&splice(&[&old, &holes], &spans).unwrap(), &expected);
        assert!(splice_values(&[&old, &holes], &spans).is_none());
    }

    #[test]
    fn an_array_is_shared_where_nothing_in_it_changes_and_made_anew_where_something_does() {
        let old: ArrayRef = Arc::new(Int16Array::from(vec![Some(1), None, Some(3), Some(4)]));
        let new: ArrayRef = Arc::new(Int16Array::from(vec![None, Some(3), Some(9)]));
        let renewed = |spans: &[Span]| renewed(&[&old, &new], spans).unwrap();
        let plain = |values: Vec<Option<i16>>| -> ArrayRef { Arc::new(Int16Array::from(values)) };
        let shared = renewed(&[span(0, 0, 1), span(1, 0, 2), span(0, 3, 4)]);
        assert!(Arc::ptr_eq(&shared, &old));
        for (spans, values) in [
            (vec![span(0, 0, 2), span(1, 2, 3), span(0, 3, 4)], vec![Some(1), None, Some(9), Some(4)]),
            (vec![span(0, 0, 3)], vec![Some(1), None, Some(3)]),
            (vec![span(0, 0, 4), span(1, 0, 1)], vec![Some(1), None, Some(3), Some(4), None]),
            (vec![span(0, 1, 4), span(1, 2, 3)], vec![None, Some(3), Some(4), Some(9)]),
        ] {
            assert_eq!(&renewed(&spans), &plain(values));
        }
    }
}
