//! What a column probably holds, from its declared type, its name and some of its values.

use super::ColumnInfo;
use super::words::Words;
use crate::decode::Raw;
use crate::load::Settings;
use crate::types::{OneOf, Type, Word};
use crate::vocabulary::{Attribute, Storage, StoredUnit};
use iso_currency::Currency;
use std::sync::Arc;

/// What a column probably holds, and what says so.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnGuess {
    /// As it could be declared.
    pub attribute: Attribute,
    /// Why, in a few words: "its values are dates".
    pub why: String,
}

const FREE_TEXT: &[&str] = &[
    "id",
    "uuid",
    "sku",
    "code",
    "zip",
    "postcode",
    "postal",
    "phone",
    "mobile",
    "tel",
    "telephone",
    "fax",
    "email",
    "mail",
    "手机",
    "电话",
    "编号",
    "邮编",
    "邮箱",
    "账号",
];
/// Names of what has few values today and others tomorrow.
const OPEN_LISTS: &[&str] = &[
    "name", "city", "country", "province", "region", "street", "address", "note", "comment", "title", "url",
    "城市", "省", "国家", "地区", "姓名", "名称", "备注", "地址",
];
const MONEY: &[&str] = &[
    "amount", "price", "revenue", "spend", "spent", "paid", "fee", "subtotal", "金额", "价格", "单价",
    "消费", "余额", "总额", "货款",
];
const PERHAPS_MONEY: &[&str] = &["total", "value", "cost", "balance", "discount", "worth", "ltv", "合计"];
const COUNTS: &[&str] = &[
    "count", "number", "qty", "quantity", "items", "units", "orders", "visits", "points", "days", "age",
    "数量", "次数", "积分", "件数", "年龄",
];
const MINOR: &[&str] = &["cents", "minor", "fen", "pence", "分"];
const SAYS_YES: &[&str] = &[
    "is",
    "has",
    "consent",
    "opt",
    "optin",
    "subscribed",
    "active",
    "enabled",
    "verified",
    "allowed",
    "agreed",
    "是否",
    "同意",
    "订阅",
];
const TIMES: &[&str] = &[
    "at",
    "on",
    "time",
    "timestamp",
    "ts",
    "date",
    "day",
    "created",
    "updated",
    "when",
    "时间",
    "日期",
    "日",
];
const BIRTH: &[&str] = &["birth*", "bday", "dob", "anniversary", "生日", "出生"];
const TAGS: &[&str] = &["tags", "labels", "interests", "标签", "兴趣"];

struct Seen<'a> {
    name: Words,
    declared: String,
    samples: Vec<&'a str>,
    /// Every value that occurs, where that is known.
    values: Option<Vec<&'a str>>,
    settings: &'a Settings,
}

/// Guesses what a column holds. `rows` is how many rows its table has, where that is known.
pub fn column(column: &ColumnInfo, rows: Option<u64>, settings: &Settings) -> ColumnGuess {
    let seen = Seen::new(column, rows, settings);
    let guess = [yes_no, date, moment, money, percent, number, tags, one_of]
        .iter()
        .find_map(|guess| guess(&seen).filter(|(draft, _)| seen.fits(draft)));
    let (draft, why) = guess.unwrap_or((Draft::of(Type::Text), "nothing says otherwise"));
    let mut attribute = draft.attribute(&column.name);
    attribute.name = super::words::rule_name(&column.name);
    if let Type::OneOf(list) = &attribute.ty {
        attribute.ty = Type::OneOf(Arc::new(OneOf { name: attribute.name.clone(), ..list.as_ref().clone() }));
    }
    ColumnGuess { attribute, why: why.to_owned() }
}

/// Guesses what a column of a table that is there holds. A few values that are no times, or no amounts, do not make texts
/// of the others: as such they count as missing, and are told.
pub(super) fn stored(column: &ColumnInfo, rows: Option<u64>, settings: &Settings) -> ColumnGuess {
    let seen = Seen::new(column, rows, settings);
    // Of digits alone, any would do as a moment: only those count that are written as a day.
    let day = |s: &str| seen.is_day(s);
    let times = || seen.mostly(column, |s| s.contains(['-', '/', ':']) && day(s), day);
    // Of other numbers, one that is none may say that they are codes.
    let is_money = |guess: &ColumnGuess| matches!(guess.attribute.ty, Type::Money(_));
    let amounts = || seen.mostly(column, is_numeric, is_numeric).filter(is_money);
    times().or_else(amounts).unwrap_or_else(|| self::column(column, rows, settings))
}

/// A type and how it is stored.
struct Draft {
    ty: Type,
    yearly: bool,
    minor: bool,
    unit: StoredUnit,
    separator: Option<String>,
}

impl Draft {
    fn of(ty: Type) -> Draft {
        Draft { ty, yearly: false, minor: false, unit: StoredUnit::Seconds, separator: None }
    }

    fn attribute(&self, column: &str) -> Attribute {
        let storage = Storage {
            column: column.to_owned(),
            minor: self.minor,
            zone: None,
            unit: self.unit,
            separator: self.separator.clone(),
        };
        let (name, ty) = (column.to_owned(), self.ty.clone());
        Attribute { name, label: None, ty, storage, optional: true, yearly: self.yearly, kept: false }
    }
}

type Guessed = Option<(Draft, &'static str)>;

impl<'a> Seen<'a> {
    fn new(column: &'a ColumnInfo, rows: Option<u64>, settings: &'a Settings) -> Seen<'a> {
        let samples: Vec<&str> =
            column.samples.iter().flatten().map(|s| s.trim()).filter(|s| !s.is_empty()).collect();
        let mut values = samples.clone();
        values.sort_unstable();
        values.dedup();
        let complete = match column.distinct {
            Some(distinct) => distinct == values.len() as u64,
            None => rows.is_some_and(|r| r <= column.samples.len() as u64),
        };
        let declared = column.declared_type.to_lowercase();
        Seen {
            name: Words::of(&column.name),
            declared,
            samples,
            values: complete.then_some(values),
            settings,
        }
    }

    fn declared(&self, parts: &[&str]) -> bool {
        parts.iter().any(|p| self.declared.contains(p))
    }

    fn all(&self, test: impl Fn(&str) -> bool) -> bool {
        !self.samples.is_empty() && self.samples.iter().all(|s| test(s))
    }

    fn fits(&self, draft: &Draft) -> bool {
        let attribute = draft.attribute("");
        self.samples.iter().all(|s| attribute.decode(Raw::Text(s), self.settings.zone).is_ok())
    }

    /// What the column holds by those of its values that are surely of a kind, where others are not, and how many of all
    /// are none of it or cannot be read as such. None where those are many.
    fn mostly(
        &self,
        column: &ColumnInfo,
        surely: impl Fn(&str) -> bool,
        perhaps: impl Fn(&str) -> bool,
    ) -> Option<ColumnGuess> {
        let samples = self.samples.iter().filter(|s| surely(s)).map(|s| Some((*s).to_owned()));
        let samples: Vec<Option<String>> = samples.collect();
        if samples.is_empty() || samples.len() == self.samples.len() {
            return None;
        }
        let guess = self::column(&ColumnInfo { samples, ..column.clone() }, None, self.settings);
        let reads = |s: &str| perhaps(s) && guess.attribute.decode(Raw::Text(s), self.settings.zone).is_ok();
        let (all, strays) = (self.samples.len(), self.samples.iter().filter(|s| !reads(s)).count());
        match strays {
            0 => Some(guess),
            _ if strays * 20 > all => None,
            _ => Some(ColumnGuess { why: format!("{}, but for {strays} of {all}", guess.why), ..guess }),
        }
    }

    fn is_day(&self, value: &str) -> bool {
        Draft::of(Type::Date).attribute("").decode(Raw::Text(value), self.settings.zone).is_ok()
    }

    fn numeric(&self) -> bool {
        self.all(is_numeric)
            || self.samples.is_empty() && self.declared(&["int", "real", "num", "dec", "double", "float"])
    }

    fn decimals(&self) -> bool {
        self.declared(&["dec", "num", "real", "double", "float", "money"])
            || self.samples.iter().any(|s| s.contains('.'))
    }
}

/// A number with a leading zero or a plus is a code.
fn is_numeric(value: &str) -> bool {
    let coded =
        value.starts_with('+') || value.starts_with('0') && value.len() > 1 && !value.starts_with("0.");
    value.len() <= 15 && !coded && value.parse::<f64>().is_ok_and(f64::is_finite)
}

fn yes_no(seen: &Seen<'_>) -> Guessed {
    let draft = Some(Draft::of(Type::YesNo));
    let digits = seen.all(|s| s == "0" || s == "1");
    let asked = seen.name.has(SAYS_YES) && !seen.samples.is_empty();
    let both = seen.samples.contains(&"0") && seen.samples.contains(&"1") && seen.samples.len() >= 4;
    if seen.declared(&["bool"]) {
        draft.map(|d| (d, "it is declared so"))
    } else if digits && (asked || both && !seen.name.has(COUNTS)) {
        draft.map(|d| (d, "its values are 0 and 1"))
    } else if !digits && (asked || seen.samples.iter().any(|s| says_so(s))) {
        draft.map(|d| (d, "its values say so"))
    } else {
        None
    }
}

/// Whether a value says yes or no whatever its column is called.
fn says_so(value: &str) -> bool {
    ["true", "false", "yes", "no", "是", "否"].contains(&value.to_lowercase().as_str())
}

fn date(seen: &Seen<'_>) -> Guessed {
    let yearly = seen.name.has(BIRTH);
    let draft = Draft { yearly, ..Draft::of(Type::Date) };
    let timed = seen.samples.iter().any(|s| s.contains(':'));
    let compact = seen.all(|s| s.len() == 8 && (s.starts_with("19") || s.starts_with("20")));
    let dated = seen.all(|s| !s.bytes().all(|b| b.is_ascii_digit()));
    if yearly && (dated || compact) {
        Some((draft, "its name says that it comes round every year"))
    } else if compact && !seen.name.has(FREE_TEXT) {
        Some((draft, "its values are dates written YYYYMMDD"))
    } else if dated && !timed {
        Some((draft, "its values are dates"))
    } else if seen.samples.is_empty() && seen.declared.trim() == "date" {
        Some((draft, "it is declared so"))
    } else {
        None
    }
}

fn moment(seen: &Seen<'_>) -> Guessed {
    let draft = |unit| Draft { unit, ..Draft::of(Type::Moment) };
    let digits = |least: usize, most: usize| {
        seen.all(|s| (least..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit()))
    };
    let declared = seen.declared(&["timestamp", "datetime"]);
    if seen.all(|s| s.contains(':')) {
        Some((draft(StoredUnit::Seconds), "its values are dates with a time"))
    } else if seen.all(|s| s.starts_with(|c: char| c.is_ascii_digit()) && s.contains(['-', '/', ':'])) {
        Some((draft(StoredUnit::Seconds), "its values are dates, some with a time"))
    } else if (declared || seen.name.has(TIMES)) && digits(9, 10) {
        Some((draft(StoredUnit::Seconds), "its name and its values look like seconds since 1970"))
    } else if (declared || seen.name.has(TIMES)) && digits(12, 13) {
        Some((draft(StoredUnit::Milliseconds), "its name and its values look like milliseconds since 1970"))
    } else if (declared || seen.name.has(TIMES)) && digits(15, 16) {
        Some((draft(StoredUnit::Microseconds), "its name and its values look like microseconds since 1970"))
    } else if declared && seen.samples.is_empty() {
        Some((draft(StoredUnit::Seconds), "it is declared so"))
    } else {
        None
    }
}

fn money(seen: &Seen<'_>) -> Guessed {
    let named = seen.name.has(MONEY) || seen.name.has(PERHAPS_MONEY) && seen.decimals();
    let minor = seen.name.has(MINOR);
    if seen.name.has(FREE_TEXT)
        || seen.name.has(COUNTS)
        || !seen.numeric()
        || !(named || minor || seen.declared(&["money"]))
    {
        return None;
    }
    let currency =
        seen.name.iter().find_map(|w| COMMON.iter().find(|c| c.code().eq_ignore_ascii_case(w)).copied());
    let draft = Draft { minor, ..Draft::of(Type::Money(currency.unwrap_or(seen.settings.currency))) };
    let why = if minor {
        "its name says that it counts the smallest unit"
    } else {
        "its name and its values look like amounts"
    };
    Some((draft, why))
}

const COMMON: [Currency; 12] = [
    Currency::USD,
    Currency::EUR,
    Currency::CNY,
    Currency::GBP,
    Currency::JPY,
    Currency::HKD,
    Currency::TWD,
    Currency::SGD,
    Currency::AUD,
    Currency::CAD,
    Currency::CHF,
    Currency::INR,
];

fn percent(seen: &Seen<'_>) -> Guessed {
    seen.all(|s| s.ends_with('%')).then(|| (Draft::of(Type::Percent), "its values are percentages"))
}

fn number(seen: &Seen<'_>) -> Guessed {
    (seen.numeric() && !seen.name.has(FREE_TEXT)).then(|| (Draft::of(Type::Number), "its values are numbers"))
}

fn tags(seen: &Seen<'_>) -> Guessed {
    if seen.all(|s| s.starts_with('[')) {
        return Some((Draft::of(Type::Tags), "its values are JSON lists"));
    }
    let separator =
        [";", "|", ",", "，", "、"].iter().find(|sep| seen.samples.iter().any(|s| s.contains(**sep)))?;
    let draft = Draft { separator: Some((*separator).to_owned()), ..Draft::of(Type::Tags) };
    seen.name.has(TAGS).then_some((draft, "its name and its values look like tags"))
}

fn one_of(seen: &Seen<'_>) -> Guessed {
    let values = seen.values.as_ref()?;
    let short = |v: &&str| {
        v.chars().count() <= 24 && !v.contains(['`', '"', '@']) && !v.chars().any(char::is_control)
    };
    let few = (2..=12).contains(&values.len()) && seen.samples.len() >= 3 * values.len();
    let open = seen.name.has(OPEN_LISTS) || seen.name.has(FREE_TEXT);
    let words: Vec<Word> =
        values.iter().map(|v| Word { name: crate::names::normal(v), stored: None, label: None }).collect();
    let distinct = words.iter().enumerate().all(|(i, w)| !words.iter().take(i).any(|o| o.name == w.name));
    let list = OneOf { name: String::new(), words, ordered: false };
    (few && distinct && !open && values.iter().all(short))
        .then(|| (Draft::of(Type::OneOf(Arc::new(list))), "it has few different values"))
}
