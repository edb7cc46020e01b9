//! Values into columns. What is usual goes a short way without any memory of its own; all else goes through
//! [`Attribute::decode`], which says what a value means: the short ways say the same, only sooner.

use crate::customers::arena::Words;
use crate::customers::column::Column;
use chrono::offset::LocalResult;
use chrono::{DateTime, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;
use tidings_schema::{Attribute, Raw, Type, calendar, money};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// What a column's values are decoded with.
pub(crate) struct Decode {
    attribute: Attribute,
    zone: Tz,
    /// Of money, in the unit that is kept.
    decimals: Option<u32>,
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
        Decode { attribute: attribute.clone(), zone, decimals, clock, known: Known::new() }
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

    /// Adds a value, if it is one of the usual.
    #[inline]
    fn soon(&mut self, column: &mut Column, raw: Raw<'_>) -> bool {
        match (column, raw) {
            (column, Raw::Null) => column.push(None),
            (Column::Text(texts), Raw::Text(text)) => texts.push(Some(text)),
            (Column::Number(numbers), Raw::Real(x)) if x.is_finite() => numbers.push(Some(x)),
            (Column::Number(numbers), Raw::Int(n)) => numbers.push(Some(n as f64)),
            (Column::Truth(truths), Raw::Int(n @ 0..=1)) => truths.push(Some(n == 1)),
            (Column::Date(days), Raw::Text(text)) => match day(text.as_bytes()) {
                Some(day) => days.push(Some(day)),
                None => return false,
            },
            (Column::Whole(whole), raw) => match (self.decimals, raw, &self.attribute.ty) {
                (Some(decimals), Raw::Text(text), _) => match amount(text.as_bytes(), decimals) {
                    Some(amount) => whole.push(Some(amount)),
                    None => return false,
                },
                (Some(decimals), Raw::Real(x), _) => match rounded(x, decimals) {
                    Some(amount) => whole.push(Some(amount)),
                    None => return false,
                },
                (None, Raw::Text(text), Type::Moment) => match civil(text.as_bytes()) {
                    Some(local) => whole.push(Some(self.clock.instant(local))),
                    None => return false,
                },
                (None, Raw::Civil(local), Type::Moment) if Clock::knows(local) => {
                    whole.push(Some(self.clock.instant(local)));
                }
                _ => return false,
            },
            (Column::Word(words), Raw::Text(text)) => match self.known.get(text) {
                Some(word) => words.push(Some(word)),
                None => return false,
            },
            (Column::Tags(tags), Raw::Text(text)) => match self.known.get(text) {
                Some(list) => tags.again(list),
                None => return false,
            },
            _ => return false,
        }
        true
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

    fn get(&self, text: &str) -> Option<u32> {
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

/// From local time to moments, with each day's offset looked up once.
struct Clock {
    zone: Tz,
    /// A day and its offset east of UTC in seconds, at the place of the day's last bits.
    days: Vec<(i32, i32)>,
}

/// Days whose offset is remembered: eleven years.
const DAYS: usize = 4096;
/// Stands for the offset of a day on which it changes.
const UNEVEN: i32 = i32::MAX;
const NO_DAY: i32 = i32::MIN;

impl Clock {
    fn new(zone: Tz) -> Clock {
        Clock { zone, days: Vec::new() }
    }

    /// Whether a local time lies in the years 1 to 9999.
    fn knows(local: i64) -> bool {
        (-62_135_596_800 * SECOND..253_402_300_800 * SECOND).contains(&local)
    }

    fn instant(&mut self, local: i64) -> i64 {
        let day = local.div_euclid(DAY) as i32;
        if self.days.is_empty() {
            self.days.resize(DAYS, (NO_DAY, UNEVEN));
        }
        let offset = match self.days.get_mut(day as usize % DAYS) {
            Some(known) if known.0 == day => known.1,
            Some(known) => {
                *known = (day, offset(day, self.zone).unwrap_or(UNEVEN));
                known.1
            }
            None => UNEVEN,
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

/// So many digits as a number.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |sum, b| {
        let digit = b.wrapping_sub(b'0');
        (digit < 10).then(|| sum * 10 + u32::from(digit))
    })
}

/// A day that is written as 2026-06-02.
fn day(text: &[u8]) -> Option<i32> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return None };
    let (year, month, day) = (digits(&[*y0, *y1, *y2, *y3])?, digits(&[*m0, *m1])?, digits(&[*d0, *d1])?);
    let date = NaiveDate::from_ymd_opt(year as i32, month, day).filter(|_| year > 0)?;
    Some(calendar::day_number(date))
}

/// A date and time that is written as 2026-06-02 10:00:00, in microseconds since 1970 of that clock.
fn civil(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let [b' ' | b'T', h0, h1, b':', m0, m1, b':', s0, s1] = time else { return None };
    let (hour, minute, second) = (digits(&[*h0, *h1])?, digits(&[*m0, *m1])?, digits(&[*s0, *s1])?);
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    (hour < 24 && minute < 60 && second < 60).then_some(())?;
    Some(i64::from(day(date)?) * DAY + seconds * SECOND)
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
fn rounded(amount: f64, decimals: u32) -> Option<i64> {
    const LARGEST: f64 = 1e9;
    let minor = amount * f64::from(10_u32.checked_pow(decimals)?);
    let whole = (minor + 0.5_f64.copysign(minor)) as i64;
    (minor.abs() < LARGEST && (minor - whole as f64).abs() <= 1e-6).then_some(whole)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
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

    /// Every day of a quarter of a century, so that all days on which clocks change are among them.
    #[test]
    fn no_day_is_taken_for_even_that_is_not() {
        let mut uneven = 0;
        for zone in HARD {
            let mut clock = Clock::new(zone);
            for day in 8_600..20_454 {
                uneven += usize::from(offset(day, zone).is_none());
                for quarter in [1, 5, 9, 13, 92] {
                    let local = i64::from(day) * DAY + quarter * 900 * SECOND + 1;
                    let exact = calendar::instant(calendar::civil(local, Tz::UTC), zone);
                    assert_eq!(clock.instant(local), exact, "{zone}, day {day}");
                }
            }
        }
        assert!(uneven > 300, "clocks changed on {uneven} days only");
    }
}
