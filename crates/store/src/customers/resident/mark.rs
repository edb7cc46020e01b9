//! How far a table was read: the greatest value of the column that rises with its changes.

use chrono::DateTime;
use serde_json::{Value, json};

/// Rows become visible late: a transaction takes its number or its time long before it commits. So what lies so little
/// behind is read again. In microseconds.
const LATE: i64 = 600_000_000;
/// The same where numbers count rows.
const LATE_ROWS: i64 = 10_000;
/// The same where the zone of a time is not known, or its clock is put back in autumn.
const DAYS: i64 = 2 * 86_400_000_000;

/// The greatest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// A whole number: of rows, versions or some unit of time.
    Whole(i64),
    /// A moment, in microseconds since 1970 UTC.
    Moment(i64),
    /// A time of no known zone, as if it were UTC.
    Civil(i64),
    /// The same as a text.
    Written(i64),
}

impl Mark {
    /// After which value rows are read again. `at` is when the mark was read (microseconds since 1970 UTC): a time
    /// that lies after it is a mistake, and would hide whatever changes before it comes.
    pub(crate) fn since(self, at: i64) -> Mark {
        let before = |micros: i64, late: i64| micros.min(at).saturating_sub(late);
        match self {
            Mark::Whole(n) => Mark::Whole(n.saturating_sub(late(n))),
            Mark::Moment(micros) => Mark::Moment(before(micros, LATE)),
            Mark::Civil(micros) => Mark::Civil(before(micros, DAYS)),
            Mark::Written(micros) => Mark::Written(before(micros, DAYS)),
        }
    }

    /// What stands in a statement behind the column: made of a number, whatever the mark was read from. Rows without a
    /// value may have changed at any time. Texts that do not begin with a year may stand for any time too.
    pub(crate) fn condition(self, column: &str, mysql: bool) -> String {
        let written = |micros: i64, form: &str| {
            DateTime::from_timestamp_micros(micros).unwrap_or_default().format(form).to_string()
        };
        let after = match self {
            Mark::Whole(n) => format!("{column} > {n}"),
            Mark::Moment(micros) if mysql => {
                format!("{column} > FROM_UNIXTIME({})", micros.div_euclid(1_000_000).max(0))
            }
            Mark::Moment(micros) => format!("{column} > '{}+00'", written(micros, "%Y-%m-%d %H:%M:%S")),
            Mark::Civil(micros) => format!("{column} > '{}'", written(micros, "%Y-%m-%d %H:%M:%S")),
            Mark::Written(micros) => {
                format!("{column} > '{}' OR {column} < '19'", written(micros, "%Y-%m-%d"))
            }
        };
        format!("({after} OR {column} IS NULL)")
    }

    /// As a cache writes it.
    pub(super) fn written(self) -> Value {
        match self {
            Mark::Whole(n) => json!(["whole", n]),
            Mark::Moment(micros) => json!(["moment", micros]),
            Mark::Civil(micros) => json!(["civil", micros]),
            Mark::Written(micros) => json!(["written", micros]),
        }
    }

    /// What [`Mark::written`] wrote.
    pub(super) fn read(written: &Value) -> Option<Mark> {
        let number = written.get(1)?.as_i64()?;
        match written.get(0)?.as_str()? {
            "whole" => Some(Mark::Whole(number)),
            "moment" => Some(Mark::Moment(number)),
            "civil" => Some(Mark::Civil(number)),
            "written" => Some(Mark::Written(number)),
            _ => None,
        }
    }

    /// Whether one of the same kind is behind it: the table was put back to what it was before.
    pub(crate) fn is_behind(self, before: Mark) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&before) && self < before
    }
}

/// Ten minutes in whatever so large a number counts: milliseconds, microseconds, or the upper bits of an id that begins
/// with the time; a smaller one counts rows, or seconds.
fn late(number: i64) -> i64 {
    match number {
        100_000_000_000_000_000.. => (LATE / 1000) << 22,
        100_000_000_000_000.. => LATE,
        100_000_000_000.. => LATE / 1000,
        _ => LATE_ROWS,
    }
}
