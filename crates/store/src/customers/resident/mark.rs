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

/// How far a table was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) mark: Mark,
    /// Of a table whose rows only come in: what tells which numbers there were so little behind the mark that others may
    /// come among them, see [`Mark::behind`].
    pub(super) behind: Option<u64>,
}

impl Told {
    /// As a cache writes it.
    pub(super) fn written(self) -> Value {
        json!([self.mark.written(), self.behind])
    }

    /// What [`Told::written`] wrote.
    pub(super) fn read(written: &Value) -> Option<Told> {
        let behind = match written.get(1)? {
            Value::Null => None,
            behind => Some(behind.as_u64()?),
        };
        Some(Told { mark: Mark::read(written.get(0)?)?, behind })
    }
}

impl Mark {
    /// The mark at a moment of the clock (microseconds since 1970 UTC): a time that lies after it is a mistake, and would
    /// hide whatever changes before it comes.
    pub(crate) fn by(self, at: i64) -> Mark {
        match self {
            Mark::Whole(n) => Mark::Whole(unit(n).map_or(n, |unit| n.min(at / unit))),
            Mark::Moment(micros) => Mark::Moment(micros.min(at)),
            Mark::Civil(micros) => Mark::Civil(micros.min(at.saturating_add(DAYS / 2))),
            Mark::Written(micros) => Mark::Written(micros.min(at.saturating_add(DAYS / 2))),
        }
    }

    /// After which value rows are read again.
    pub(crate) fn since(self) -> Mark {
        match self {
            Mark::Whole(n) => Mark::Whole(n.saturating_sub(late(n))),
            Mark::Moment(micros) => Mark::Moment(micros.saturating_sub(LATE)),
            Mark::Civil(micros) => Mark::Civil(micros.saturating_sub(DAYS)),
            Mark::Written(micros) => Mark::Written(micros.saturating_sub(DAYS)),
        }
    }

    /// What a statement says of the column, one of which holds of every later value: made of a number, whatever the mark
    /// was read from. Texts that do not begin with a year, and numbers beside texts, may stand for any time.
    pub(crate) fn later(self, column: &str, mysql: bool) -> Vec<String> {
        let written = |micros: i64, form: &str| {
            DateTime::from_timestamp_micros(micros).unwrap_or_default().format(form).to_string()
        };
        let after = match self {
            Mark::Whole(n) => n.to_string(),
            Mark::Moment(micros) if mysql => {
                format!("FROM_UNIXTIME({})", micros.div_euclid(1_000_000).max(0))
            }
            Mark::Moment(micros) => format!("'{}+00'", written(micros, "%Y-%m-%d %H:%M:%S")),
            Mark::Civil(micros) => format!("'{}'", written(micros, "%Y-%m-%d %H:%M:%S")),
            Mark::Written(micros) => format!("'{}'", written(micros, "%Y-%m-%d")),
        };
        let mut later = vec![format!("{column} > {after}")];
        if let Mark::Written(_) = self {
            // Numbers come before all texts, and bytes after them. What reads as a number would be compared as one.
            later.push(format!("{column} < '19-'"));
        }
        later
    }

    /// After which value rows are read where none came late: the last number may be another row's by now, since SQLite
    /// gives it again once its row is gone.
    pub(super) fn again(self) -> Mark {
        match self {
            Mark::Whole(n) => Mark::Whole(n.saturating_sub(1)),
            other => other.since(),
        }
    }

    /// The numbers behind it that rows may still come in with: those after the first, up to the second.
    pub(super) fn behind(self) -> Option<(i64, i64)> {
        match (self, self.since()) {
            (Mark::Whole(mark), Mark::Whole(since)) => Some((since, mark)),
            _ => None,
        }
    }

    fn written(self) -> Value {
        match self {
            Mark::Whole(n) => json!(["whole", n]),
            Mark::Moment(micros) => json!(["moment", micros]),
            Mark::Civil(micros) => json!(["civil", micros]),
            Mark::Written(micros) => json!(["written", micros]),
        }
    }

    /// What [`Mark::written`] wrote.
    fn read(written: &Value) -> Option<Mark> {
        let number = written.get(1)?.as_i64()?;
        match written.get(0)?.as_str()? {
            "whole" => Some(Mark::Whole(number)),
            "moment" => Some(Mark::Moment(number)),
            "civil" => Some(Mark::Civil(number)),
            "written" => Some(Mark::Written(number)),
            _ => None,
        }
    }

    /// Whether it can be told what came between it and another one: that is of the same kind and not before it, as where
    /// the table was put back to what it was.
    pub(crate) fn may_become(self, later: Mark) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&later) && self <= later
    }
}

/// How many microseconds one is, where so large a number may count the time since 1970. That a number of rows may be as
/// large does no harm: more is read than need be.
fn unit(number: i64) -> Option<i64> {
    match number {
        100_000_000_000_000_000.. => None,
        100_000_000_000_000.. => Some(1),
        100_000_000_000.. => Some(1_000),
        1_000_000_000.. => Some(1_000_000),
        _ => None,
    }
}

/// Ten minutes in what a number counts, or in the upper bits of an id that begins with the time; a smaller one counts
/// rows.
fn late(number: i64) -> i64 {
    match (number, unit(number)) {
        (100_000_000_000_000_000.., _) => (LATE / 1000) << 22,
        (_, Some(unit @ ..1_000_000)) => LATE / unit,
        _ => LATE_ROWS,
    }
}
