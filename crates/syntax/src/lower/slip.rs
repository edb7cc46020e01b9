//! Values as other tools write them: `1,000`, `90d`, `¥500`, `2026/11/11`, `'text'`.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule};
use crate::span::{Place, Spanned};
use crate::tree::Literal;
use chrono::NaiveDate;

/// What the place of a slip wants.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    Value,
    Length,
    Date,
    Time,
}

impl Lower<'_> {
    /// Reports a slip with what to write instead.
    pub(super) fn slip(&mut self, pair: &Pair<'_>, wanted: Wanted) -> Option<Spanned<Literal>> {
        let (text, place) = (pair.as_str(), self.place(pair));
        let found = match pair.as_rule() {
            Rule::thousands => thousands(text, place),
            Rule::dotted => Diagnostic::new(Code::BAD_NUMBER, place, "a number begins with a digit").fix(
                "write the zero",
                place,
                text.replacen('.', "0.", 1),
            ),
            Rule::money_sign => money_sign(text, place),
            Rule::date_slip => date_slip(text, place),
            Rule::single_quoted => {
                let inside = text.trim_matches('\'').replace('"', "\\\"");
                Diagnostic::new(Code::BAD_QUOTES, place, "text stands in double quotes")
                    .label("single quotes")
                    .fix("write double quotes", place, format!("\"{inside}\""))
            }
            Rule::number => bare(text, place, wanted),
            _ => glued(text, place, wanted),
        };
        self.report(found);
        None
    }
}

fn thousands(text: &str, place: Place) -> Diagnostic {
    let found = Diagnostic::new(Code::BAD_NUMBER, place, "a number has no commas inside")
        .label("a comma separates two values")
        .fix("write the digits together", place, text.replace(',', ""));
    let several = text.split(',').all(|part| !part.starts_with('0'));
    if several {
        found.fix("or, for several numbers, put a blank after the comma", place, text.replace(',', ", "))
    } else {
        found
    }
}

fn money_sign(text: &str, place: Place) -> Diagnostic {
    let amount: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let currencies: &[&str] = match text.chars().find(|c| !c.is_ascii()).unwrap_or('$') {
        '¥' => &["CNY", "JPY"],
        '€' => &["EUR"],
        '£' => &["GBP"],
        '₹' => &["INR"],
        '₩' => &["KRW"],
        _ => &["USD"],
    };
    let found = Diagnostic::new(Code::MONEY_SIGN, place, "money is an amount and the code of its currency")
        .label("some signs stand for more than one currency");
    currencies.iter().fold(found, |f, c| f.fix(format!("in {c}"), place, format!("{amount} {c}")))
}

fn date_slip(text: &str, place: Place) -> Diagnostic {
    let parts: Vec<&str> = text.split(['/', '.']).collect();
    let found = Diagnostic::new(Code::BAD_DATE, place, "a date is year, month and day with `-` between")
        .label("not in this form");
    let date = |y: &str, m: &str, d: &str| {
        let year = y.parse().ok().filter(|_| y.len() == 4)?;
        NaiveDate::from_ymd_opt(year, m.parse().ok()?, d.parse().ok()?)
    };
    let [a, b, c] = parts.as_slice() else { return found };
    let mut meant: Vec<NaiveDate> =
        [date(a, b, c), date(c, b, a), date(c, a, b)].into_iter().flatten().collect();
    meant.dedup();
    if meant.is_empty() {
        return found.help("such as `2026-11-30`");
    }
    meant.iter().fold(found, |f, d| f.fix(format!("for {}", d.format("%-d %B %Y")), place, d.to_string()))
}

/// A number where something with a unit belongs.
fn bare(text: &str, place: Place, wanted: Wanted) -> Diagnostic {
    match wanted {
        Wanted::Time => {
            let found =
                Diagnostic::new(Code::BAD_DATE, place, "a time is hours and minutes").label("only a number");
            match text.parse::<u32>() {
                Ok(hour) if hour < 24 => found.fix("write the minutes too", place, format!("{hour:02}:00")),
                _ => found.help("write a time from `00:00` to `23:59`"),
            }
        }
        _ => Diagnostic::new(Code::NO_UNIT, place, "a length of time needs its unit")
            .label("minutes, hours, days, weeks, months or years?")
            .fix("for days", place, format!("{text} days")),
    }
}

/// Digits with letters behind them.
fn glued(text: &str, place: Place, wanted: Wanted) -> Diagnostic {
    let split = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).unwrap_or(text.len());
    let (number, letters) = text.split_at_checked(split).unwrap_or((text, ""));
    let small = letters.to_lowercase();
    if let Some(date) = chinese_date(text) {
        return Diagnostic::new(Code::BAD_DATE, place, "a date is year, month and day with `-` between").fix(
            "write the date so",
            place,
            date.to_string(),
        );
    }
    if let (Wanted::Time, Ok(hour @ 0..=12), "am" | "pm") = (wanted, number.parse::<u32>(), small.as_str()) {
        let hour = hour % 12 + if small == "pm" { 12 } else { 0 };
        return Diagnostic::new(Code::BAD_DATE, place, "a time is hours and minutes, from 00:00 to 23:59")
            .fix("write the time on a clock of 24 hours", place, format!("{hour:02}:00"));
    }
    let units: &[&str] = match small.as_str() {
        "min" | "mins" | "minute" | "minutes" | "分钟" => &["minutes"],
        "h" | "hr" | "hrs" | "hour" | "hours" | "小时" => &["hours"],
        "d" | "day" | "days" | "天" | "日" => &["days"],
        "w" | "wk" | "wks" | "week" | "weeks" | "周" => &["weeks"],
        "mo" | "mon" | "month" | "months" | "月" | "个月" => &["months"],
        "y" | "yr" | "yrs" | "year" | "years" | "年" => &["years"],
        "m" => &["minutes", "months"],
        _ => &[],
    };
    if !units.is_empty() {
        let found =
            Diagnostic::new(Code::NO_UNIT, place, "a length of time is a number, a blank and a whole word")
                .label(if units.len() > 1 {
                    format!("`{letters}` can be minutes or months")
                } else {
                    format!("`{letters}` stands too close, or is not the whole word")
                });
        return units.iter().fold(found, |f, u| f.fix(format!("in {u}"), place, format!("{number} {u}")));
    }
    let currency = match small.as_str() {
        "元" | "块" | "rmb" | "cny" | "yuan" => "CNY",
        "usd" | "dollars" => "USD",
        "eur" | "euro" | "euros" => "EUR",
        "gbp" => "GBP",
        "jpy" | "yen" | "円" => "JPY",
        _ => "",
    };
    if !currency.is_empty() {
        return Diagnostic::new(
            Code::MONEY_SIGN,
            place,
            "money is an amount, a blank and the code of its currency",
        )
        .fix(format!("in {currency}"), place, format!("{number} {currency}"));
    }
    let found = Diagnostic::new(Code::BAD_NUMBER, place, format!("`{text}` is neither a number nor a name"))
        .label("a number ends where letters begin");
    let zeros = match small.as_str() {
        "k" | "千" => "000",
        "万" => "0000",
        _ => "",
    };
    if letters.starts_with('_') && letters.chars().all(|c| c.is_ascii_digit() || c == '_') {
        return found.fix("write the digits together", place, text.replace('_', ""));
    }
    if zeros.is_empty() || number.contains('.') {
        return found.help(
            "put a blank between a number and a word; a name that begins with a digit stands in back-ticks",
        );
    }
    found.fix("write the number out", place, format!("{number}{zeros}"))
}

/// `2026年11月11日`
fn chinese_date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('年')?;
    let (month, day) = rest.split_once('月')?;
    let day = day.trim_end_matches(['日', '号']);
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}
