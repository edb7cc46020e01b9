//! Values into columns. What is usual goes a short way without any memory of its own; all else goes through
//! [`Attribute::decode`], which says what a value means: the short ways say the same, only sooner.

use crate::customers::arena::Words;
use crate::customers::column::Column;
use crate::customers::lite::rows::Cell;
use chrono::offset::LocalResult;
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tidings_schema::calendar::{self, SECOND};
use tidings_schema::{Attribute, Raw, Type, money};

const DAY: i64 = 86_400 * SECOND;

/// What a column's values are decoded with.
pub(crate) struct Decode {
    attribute: Attribute,
    zone: Tz,
    /// Of money: how many of the minor unit make one of what is kept, and how many decimals that is.
    scale: Option<(i64, u32)>,
    clock: Clock,
    known: Known,
}

impl Decode {
    pub(crate) fn new(attribute: &Attribute, zone: Tz) -> Decode {
        let decimals = match attribute.ty {
            Type::Money(_) if attribute.storage.minor => Some(0),
            Type::Money(currency) => Some(money::decimals(currency)),
            _ => None,
        };
        let clock = Clock::new(attribute.storage.zone.unwrap_or(zone));
        let scale = decimals.map(|decimals| (10_i64.pow(decimals), decimals));
        Decode { attribute: attribute.clone(), zone, scale, clock, known: Known::new() }
    }

    /// Adds a value; none is text that is not UTF-8. One that is refused is missing: what was expected.
    #[inline]
    pub(crate) fn push(&mut self, column: &mut Column, raw: Option<Raw<'_>>) -> Option<String> {
        let Some(raw) = raw else {
            column.push(None);
            return Some("text in UTF-8".to_owned());
        };
        if self.soon(column, raw) {
            return None;
        }
        match self.attribute.decode(raw, self.zone) {
            Ok(value) => {
                column.push(value);
                self.known.learn(column, raw);
                None
            }
            Err(bad) => {
                column.push(None);
                Some(bad.expected)
            }
        }
    }

    /// The same of one of SQLite's, whose texts are not looked through where they came before.
    #[inline]
    pub(crate) fn push_cell(&mut self, column: &mut Column, cell: Cell<'_>) -> Option<String> {
        match cell {
            Cell::Text(text) | Cell::Bytes(text) if self.text(column, text) => None,
            cell => self.push(column, cell.raw()),
        }
    }

    /// Adds a value, if it is one of the usual.
    #[inline]
    fn soon(&mut self, column: &mut Column, raw: Raw<'_>) -> bool {
        match (column, raw) {
            (column, Raw::Null) => column.push(None),
            (column, Raw::Text(text)) => {
                return self.text(column, text.as_bytes()) || column.push_text(text);
            }
            (Column::Number(numbers), Raw::Real(x)) if x.is_finite() => numbers.push(Some(x)),
            (Column::Number(numbers), Raw::Int(n)) => numbers.push(Some(n as f64)),
            (Column::Truth(truths), Raw::Int(n @ 0..=1)) => truths.push(Some(n == 1)),
            (Column::Whole(whole), raw) => match (self.scale, raw) {
                (Some((scale, _)), Raw::Real(x)) => match rounded(x, scale) {
                    Some(amount) => whole.push(Some(amount)),
                    None => return false,
                },
                (Some((scale, _)), Raw::Int(n)) => match n.checked_mul(scale) {
                    Some(amount) => whole.push(Some(amount)),
                    None => return false,
                },
                (None, Raw::Civil(local)) if self.attribute.ty == Type::Moment && Clock::knows(local) => {
                    let (day, within) = (local.div_euclid(DAY) as i32, local.rem_euclid(DAY));
                    whole.push(Some(self.clock.instant(day, within)));
                }
                _ => return false,
            },
            _ => return false,
        }
        true
    }

    /// Adds a text, if it is one of the usual or came before.
    #[inline]
    fn text(&mut self, column: &mut Column, text: &[u8]) -> bool {
        match column {
            Column::Text(texts) => texts.again(text),
            Column::Date(days) => day(text).map(|day| days.push(Some(day))).is_some(),
            Column::Whole(whole) => {
                let value = match (self.scale, &self.attribute.ty) {
                    (Some((_, decimals)), _) => amount(text, decimals),
                    (None, Type::Moment) => civil(text).map(|(day, within)| self.clock.instant(day, within)),
                    _ => None,
                };
                value.map(|value| whole.push(Some(value))).is_some()
            }
            Column::Word(words) => self.known.get(text).map(|word| words.push(Some(word))).is_some(),
            Column::Tags(tags) => self.known.get(text).map(|list| tags.again(list)).is_some(),
            Column::Number(_) | Column::Truth(_) => false,
        }
    }
}

/// What texts meant that came before, as a column keeps it.
struct Known {
    texts: Words,
    meanings: Vec<u32>,
}

impl Known {
    fn new() -> Known {
        Known { texts: Words::new(), meanings: Vec::new() }
    }

    #[inline]
    fn get(&self, text: &[u8]) -> Option<u32> {
        self.meanings.get(self.texts.find(text)? as usize).copied()
    }

    /// What the last value of the column came from.
    fn learn(&mut self, column: &Column, raw: Raw<'_>) {
        let meaning = match column {
            Column::Word(words) => words.last(),
            Column::Tags(tags) => tags.last(),
            _ => None,
        };
        if let (Some(meaning), Raw::Text(text)) = (meaning, raw)
            && self.texts.are_few()
        {
            self.texts.code(text);
            self.meanings.push(meaning);
        }
    }
}

/// From local time to moments, with each day's offset looked up once by all clocks of a zone.
struct Clock {
    zone: Tz,
    days: Arc<[AtomicU64]>,
}

/// Of zones, by days: a day and its offset east of UTC in seconds, at the place of the day's last bits.
static OFFSETS: Mutex<BTreeMap<&'static str, Arc<[AtomicU64]>>> = Mutex::new(BTreeMap::new());

/// Days whose offset is remembered: eleven years.
const DAYS: usize = 4096;
/// Stands for the offset of a day on which it changes.
const UNEVEN: i32 = i32::MAX;
const NO_DAY: i32 = i32::MIN;

fn packed(day: i32, offset: i32) -> u64 {
    u64::from(day.cast_unsigned()) << 32 | u64::from(offset.cast_unsigned())
}

impl Clock {
    fn new(zone: Tz) -> Clock {
        let mut zones = OFFSETS.lock().unwrap_or_else(PoisonError::into_inner);
        let none = || (0..DAYS).map(|_| AtomicU64::new(packed(NO_DAY, UNEVEN))).collect();
        Clock { zone, days: zones.entry(zone.name()).or_insert_with(none).clone() }
    }

    /// Whether a local time lies in the years 1 to 9999.
    fn knows(local: i64) -> bool {
        (-62_135_596_800 * SECOND..253_402_300_800 * SECOND).contains(&local)
    }

    /// The moment at which it is that day and so much of it is over, in microseconds.
    #[inline]
    fn instant(&self, day: i32, within: i64) -> i64 {
        let local = i64::from(day) * DAY + within;
        let slot = self.days.get(day as usize % DAYS);
        let known = slot.map_or(packed(NO_DAY, UNEVEN), |slot| slot.load(Ordering::Relaxed));
        let offset = if known >> 32 == packed(day, 0) >> 32 {
            known as i32
        } else {
            let offset = offset(day, self.zone).unwrap_or(UNEVEN);
            slot.inspect(|slot| slot.store(packed(day, offset), Ordering::Relaxed));
            offset
        };
        match offset {
            UNEVEN => calendar::instant(calendar::civil(local, Tz::UTC), self.zone),
            seconds => local - i64::from(seconds) * SECOND,
        }
    }
}

/// The offset of a day, if it is the same at each of its hours, and those are neither left out nor twice. No zone
/// changed it and back within an hour.
fn offset(day: i32, zone: Tz) -> Option<i32> {
    let mut offsets = (0..=24).map(|hour| {
        let local = DateTime::from_timestamp(i64::from(day) * 86_400 + hour * 3_600, 0)?.naive_utc();
        match zone.from_local_datetime(&local) {
            LocalResult::Single(at) => Some(at.offset().fix().local_minus_utc()),
            _ => None,
        }
    });
    let first = offsets.next()??;
    offsets.all(|offset| offset == Some(first)).then_some(first)
}

/// The numbers of two digits in eight letters, each in the byte of its first one, where the other letters are so.
#[inline]
fn pairs(text: [u8; 8], form: [u8; 8]) -> Option<[u8; 8]> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Digits less those of the form, and nothing where both are the same sign.
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(form);
    let signs = u64::from_le_bytes(form.map(|b| if b == b'0' { 0 } else { 0xff }));
    let beyond = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & HIGH | digits & signs;
    (beyond == 0).then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
}

/// The day of a date that begins with eight letters as in 2026-06-02 and ends with two.
#[inline]
fn date(first: [u8; 8], [ten, one]: [u8; 2]) -> Option<i32> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let [century, _, year, _, _, month, _, _] = pairs(first, *b"0000-00-")?;
    let (year, month) = (u32::from(century) * 100 + u32::from(year), u32::from(month));
    let (ten, one) = (ten.wrapping_sub(b'0'), one.wrapping_sub(b'0'));
    let day = u32::from(ten) * 10 + u32::from(one);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = LENGTHS.get(month.wrapping_sub(1) as usize)? + u32::from(leap && month == 2);
    if ten > 9 || one > 9 || year == 0 || !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the day that comes and goes is their last; 1970 begins 719,468 days after year 0.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(days as i32 - 719_468)
}

/// A day that is written as 2026-06-02.
#[inline]
fn day(text: &[u8]) -> Option<i32> {
    let (first, rest) = text.split_first_chunk()?;
    date(*first, rest.try_into().ok()?)
}

/// A date and time that is written as 2026-06-02 10:00:00: the day, and how much of it is over, in microseconds.
#[inline]
fn civil(text: &[u8]) -> Option<(i32, i64)> {
    let (first, [ten, one, b' ' | b'T', time @ ..]) = text.split_first_chunk()? else { return None };
    let [hour, _, _, minute, _, _, second, _] = pairs(time.try_into().ok()?, *b"00:00:00")?;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    (hour < 24 && minute < 60 && second < 60).then_some(())?;
    Some((date(*first, [*ten, *one])?, seconds * SECOND))
}

/// An amount that is written as 19.90, in the minor unit.
fn amount(text: &[u8], decimals: u32) -> Option<i64> {
    const LONGEST: usize = 15;
    let (negative, text) = match text {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    };
    let point = text.iter().position(|b| *b == b'.');
    let (whole, fraction): (&[u8], &[u8]) = match point {
        Some(point) => (text.get(..point)?, text.get(point + 1..).filter(|fraction| !fraction.is_empty())?),
        None => (text, &[]),
    };
    if whole.is_empty() || text.len() > LONGEST || fraction.len() > decimals as usize {
        return None;
    }
    let mut minor = 0_i64;
    for b in whole.iter().chain(fraction) {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        minor = minor * 10 + i64::from(digit);
    }
    (fraction.len()..decimals as usize).for_each(|_| minor *= 10);
    Some(if negative { -minor } else { minor })
}

/// An amount that is kept as the number next to it, in the minor unit.
#[inline]
fn rounded(amount: f64, scale: i64) -> Option<i64> {
    const LARGEST: f64 = 1e9;
    let minor = amount * scale as f64;
    let whole = (minor + 0.5_f64.copysign(minor)) as i64;
    (minor.abs() < LARGEST && (minor - whole as f64).abs() <= 1e-6).then_some(whole)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use chrono::{NaiveDate, NaiveDateTime, Timelike};
    use proptest::prelude::*;
    use tidings_schema::{Currency, OneOf, Storage, StoredUnit, Word};

    const HARD: [Tz; 11] = [
        Tz::Asia__Shanghai,
        Tz::America__New_York,
        Tz::Australia__Lord_Howe,
        Tz::Pacific__Apia,
        Tz::Pacific__Kwajalein,
        Tz::Africa__Casablanca,
        Tz::America__Scoresbysund,
        Tz::Antarctica__Troll,
        Tz::Asia__Pyongyang,
        Tz::Africa__Monrovia,
        Tz::Europe__Dublin,
    ];

    fn zone() -> impl Strategy<Value = Tz> {
        prop_oneof![
            prop::sample::select(HARD.to_vec()),
            prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec())
        ]
    }

    fn ty() -> impl Strategy<Value = Type> {
        let word = |name: &str, stored: Option<&str>| Word {
            name: name.to_owned(),
            stored: stored.map(str::to_owned),
            label: None,
        };
        let list = OneOf {
            name: "x".to_owned(),
            ordered: false,
            words: vec![word("gold", None), word("silver", Some("2")), word("a", Some("gold"))],
        };
        prop::sample::select(vec![
            Type::Text,
            Type::Number,
            Type::Percent,
            Type::Money(Currency::CNY),
            Type::Money(Currency::JPY),
            Type::Money(Currency::KWD),
            Type::YesNo,
            Type::Date,
            Type::Moment,
            Type::Duration,
            Type::OneOf(list.into()),
            Type::Tags,
        ])
    }

    #[derive(Clone, Debug)]
    enum Owned {
        Int(i64),
        Real(f64),
        Text(String),
        Day(i32),
        Civil(i64),
        Instant(i64),
        Null,
    }

    impl Owned {
        fn raw(&self) -> Raw<'_> {
            match self {
                Owned::Null => Raw::Null,
                Owned::Int(n) => Raw::Int(*n),
                Owned::Real(x) => Raw::Real(*x),
                Owned::Text(text) => Raw::Text(text),
                Owned::Day(day) => Raw::Day(*day),
                Owned::Civil(micros) => Raw::Civil(*micros),
                Owned::Instant(micros) => Raw::Instant(*micros),
            }
        }
    }

    fn value() -> impl Strategy<Value = Owned> {
        let moment = (
            -3_000_000_000_i64..5_000_000_000,
            prop::sample::select(vec![" ", "T", "  "]),
            "(|Z|\\.5|\\+08:00| )",
        )
            .prop_map(|(seconds, between, after)| {
                let at = DateTime::from_timestamp(seconds, 0).unwrap();
                format!("{}{between}{}{after}", at.format("%Y-%m-%d"), at.format("%H:%M:%S"))
            });
        let day = "(0000|0001|19[0-9]{2}|20[0-9]{2}|9999)[-/][01][0-9][-/][0-3][0-9]";
        let text = prop_oneof![
            4 => moment,
            2 => day,
            1 => "(0000|0001|2024)-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]",
            4 => "-?[0-9]{0,12}(\\.[0-9]{0,5})?",
            1 => "[-+]?[0-9]{13,20}(\\.[0-9]{1,4})?",
            2 => "(gold|silver|2|a|GOLD|yes|no|是|true|| gold|null)",
            2 => "\\[(\"[ab]\"(, \"[abc]?\"){0,3})?\\]",
            1 => "[0-9]{1,2}( (hours|days)|:[0-9]{2})",
            1 => "\\PC{0,6}",
        ];
        prop_oneof![
            12 => text.prop_map(Owned::Text),
            1 => any::<i64>().prop_map(Owned::Int),
            2 => (-3..3_i64).prop_map(Owned::Int),
            1 => (1_000_000_000..2_000_000_000_i64).prop_map(Owned::Int),
            2 => any::<f64>().prop_map(Owned::Real),
            2 => (-100_000..100_000_i64).prop_map(|n| Owned::Real(n as f64 / 100.0)),
            1 => any::<i32>().prop_map(Owned::Day),
            1 => (-40_000..40_000_i32).prop_map(Owned::Day),
            3 => (-3_000_000_000_000_000..5_000_000_000_000_000_i64).prop_map(Owned::Civil),
            1 => any::<i64>().prop_map(Owned::Civil),
            1 => (0..5_000_000_000_000_000_i64).prop_map(Owned::Instant),
            1 => Just(Owned::Null),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_short_way_says_the_same(
            ty in ty(),
            (zone, own) in (zone(), prop::option::of(zone())),
            (minor, separator) in (any::<bool>(), prop::option::of(Just(", ".to_owned()))),
            values in proptest::collection::vec(value(), 1..40),
        ) {
            let storage = Storage { column: "x".to_owned(), minor, zone: own, unit: StoredUnit::Seconds, separator };
            let attribute = Attribute { name: "x".to_owned(), label: None, ty, storage, optional: true, yearly: false, kept: false };
            // Twice, since what came before is known the second time.
            let values: Vec<&Owned> = values.iter().chain(&values).collect();
            let mut slow = Column::new(&attribute.ty);
            let mut expected = Vec::new();
            for (row, value) in values.iter().enumerate() {
                slow.push(attribute.decode(value.raw(), zone).unwrap_or_else(|bad| {
                    expected.push((row, bad.expected));
                    None
                }));
            }
            let (mut fast, mut refused) = (Column::new(&attribute.ty), Vec::new());
            let mut decode = Decode::new(&attribute, zone);
            for (row, value) in values.iter().enumerate() {
                refused.extend(decode.push(&mut fast, Some(value.raw())).map(|expected| (row, expected)));
            }
            prop_assert_eq!(refused, expected);
            let rows: Vec<u32> = (0..values.len() as u32).collect();
            prop_assert_eq!(&fast.take(&rows), &slow.take(&rows));
        }
    }

    #[test]
    fn every_day_is_read() {
        let text = |year: u32, month: u32, day: u32| format!("{year:04}-{month:02}-{day:02}");
        for year in (0..=9999).step_by(3).chain([2000, 2024]) {
            for (month, of) in (0..=13).flat_map(|month| (0..=32).map(move |of| (month, of))) {
                let date = NaiveDate::from_ymd_opt(year as i32, month, of).filter(|_| year > 0);
                assert_eq!(day(text(year, month, of).as_bytes()), date.map(calendar::day_number));
            }
        }
    }

    #[test]
    fn what_is_no_digit_or_sign_is_seen_wherever_it_is() {
        for (at, letter) in (0..19).flat_map(|at| (0..=255_u8).map(move |letter| (at, letter))) {
            let mut text = *b"2026-06-02 10:00:00";
            *text.get_mut(at).unwrap() = letter;
            let slow = std::str::from_utf8(&text).ok();
            let slow = slow.and_then(|t| NaiveDateTime::parse_from_str(t, "%Y-%m-%d %H:%M:%S").ok());
            // A leap second goes the long way.
            let slow = slow.filter(|t| t.nanosecond() == 0);
            let like = |(a, b): (&u8, &u8)| a == b || (a.is_ascii_digit() && *b == b'0');
            let slow = slow.filter(|_| text.iter().zip(b"0000-00-00 00:00:00").all(like));
            let fast = civil(&text).map(|(day, within)| i64::from(day) * DAY + within);
            match letter {
                b'T' if at == 10 => assert!(fast.is_some()),
                _ => assert_eq!(fast, slow.map(|t| t.and_utc().timestamp_micros()), "{letter} at {at}"),
            }
        }
    }

    /// Every day of a quarter of a century, so that all days on which clocks change are among them.
    #[test]
    fn no_day_is_taken_for_even_that_is_not() {
        let mut uneven = 0;
        for zone in HARD {
            let clock = Clock::new(zone);
            for day in 8_600..20_454 {
                uneven += usize::from(offset(day, zone).is_none());
                for quarter in [1, 5, 9, 13, 92] {
                    let local = i64::from(day) * DAY + quarter * 900 * SECOND + 1;
                    let exact = calendar::instant(calendar::civil(local, Tz::UTC), zone);
                    assert_eq!(clock.instant(day, local - i64::from(day) * DAY), exact, "{zone}, day {day}");
                }
            }
        }
        assert!(uneven > 300, "clocks changed on {uneven} days only");
    }
}
