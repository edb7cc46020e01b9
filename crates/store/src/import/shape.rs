//! What the columns of a file are, by the schema or by a guess, and what of a row goes into the table.

use crate::import::error::ImportError;
use crate::import::records::{Record, Records};
use std::collections::HashMap;
use std::path::Path;
use tidings_schema::guess::{self, ColumnInfo};
use tidings_schema::load::Settings;
use tidings_schema::{Attribute, Raw, RowSource, Type, Value, Vocabulary, calendar};
use tidings_syntax::suggest::nearest;

/// Rows that a guess looks at.
const SAMPLES: usize = 1000;
/// A row of more lines than this has probably lost a quotation mark.
const LONG_ROW: u64 = 200;
/// Names of the column that holds a customer's key in a table that no schema declares.
const CUSTOMER_COLUMNS: [&str; 8] =
    ["customer_id", "customerid", "customer", "user_id", "member_id", "client_id", "客户编号", "会员编号"];

/// A file's columns as the table has them.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) columns: Vec<Column>,
    /// The column that identifies a row.
    pub(crate) key: Option<usize>,
    /// The columns of the customer and the time, for an index.
    pub(crate) by_customer: Option<(usize, usize)>,
    /// Whether no schema declares the table.
    pub(crate) guessed: bool,
    /// Whether the table holds its key unique already, so that it is no guess.
    pub(crate) kept: bool,
    /// The lines of the first two rows so far that have one key.
    pub(crate) double_key: Option<(u64, u64)>,
    zone: chrono_tz::Tz,
}

/// A column of a file.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether all its numbers so far are whole.
    pub(crate) whole: bool,
    /// How many of its values were refused so far.
    pub(crate) refused: u64,
}

#[derive(Clone)]
pub(crate) enum Kind {
    /// A key: text, always there.
    Key,
    /// Values that must fit all of these, and whether they must be there.
    Typed { attributes: Vec<Attribute>, needed: bool },
    /// Text that nothing is known of.
    Text,
}

/// A value on its way into the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Int(i64),
    Real(f64),
}

/// What the schema says of a table.
#[derive(Default)]
struct Declared<'a> {
    key: Option<&'a str>,
    customer: Option<&'a str>,
    times: Vec<&'a str>,
    attributes: Vec<&'a Attribute>,
}

impl<'a> Declared<'a> {
    fn find(table: &str, vocabulary: &'a Vocabulary) -> Option<Declared<'a>> {
        let mut declared = Declared::default();
        let mut found = false;
        if vocabulary.customer.table.eq_ignore_ascii_case(table) {
            found = true;
            declared.key = Some(&vocabulary.customer.key);
            declared.attributes.extend(vocabulary.customer.attributes.iter().filter(|a| !a.kept));
        }
        for collection in &vocabulary.collections {
            let RowSource::Table { table: name, customer, key, .. } = &collection.source else { continue };
            if name.eq_ignore_ascii_case(table) {
                found = true;
                declared.key = declared.key.or(key.as_deref());
                declared.customer = Some(customer);
                declared.times.extend(collection.field(collection.time).map(|t| t.storage.column.as_str()));
                declared.attributes.extend(&collection.fields);
            }
        }
        found.then_some(declared)
    }

    fn columns(&self) -> impl Iterator<Item = &'a str> {
        let attributes = self.attributes.iter().map(|a| a.storage.column.as_str());
        self.key.into_iter().chain(self.customer).chain(attributes)
    }

    fn kind(&self, name: &str) -> Kind {
        let is = |other: &&str| other.eq_ignore_ascii_case(name);
        let attributes: Vec<Attribute> =
            self.attributes.iter().filter(|a| is(&a.storage.column.as_str())).map(|a| (*a).clone()).collect();
        if self.key.iter().chain(&self.customer).any(is) {
            Kind::Key
        } else if attributes.is_empty() {
            Kind::Text
        } else {
            let needed = self.times.iter().any(is) || attributes.iter().any(|a| !a.optional);
            Kind::Typed { attributes, needed }
        }
    }
}

impl Shape {
    /// By the schema where it declares the table, else by the file's first rows.
    pub(crate) fn of(
        path: &Path,
        table: &str,
        records: &mut Records,
        vocabulary: Option<&Vocabulary>,
        settings: &Settings,
    ) -> Result<Shape, ImportError> {
        let header = records.header.clone();
        let Some(declared) = vocabulary.and_then(|v| Declared::find(table, v)) else {
            return Shape::guess(table, records, settings);
        };
        let at = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
        let mut missing: Vec<(String, Option<String>)> = Vec::new();
        for column in declared.columns().filter(|c| at(c).is_none()) {
            if !missing.iter().any(|(known, _)| known == column) {
                let near = nearest(column, header.iter().map(String::as_str));
                missing.push((column.to_owned(), near.map(str::to_owned)));
            }
        }
        if !missing.is_empty() {
            return Err(ImportError::Missing { path: path.to_owned(), table: table.to_owned(), missing });
        }
        let columns = header.iter().map(|name| Column::new(name, declared.kind(name))).collect();
        let by_customer = declared.customer.and_then(at).zip(declared.times.first().and_then(|t| at(t)));
        let key = declared.key.and_then(at);
        let zone = settings.zone;
        Ok(Shape { columns, key, by_customer, guessed: false, kept: false, double_key: None, zone })
    }

    fn guess(table: &str, records: &mut Records, settings: &Settings) -> Result<Shape, ImportError> {
        let mut samples: Vec<Vec<Option<String>>> = vec![Vec::new(); records.header.len()];
        for _ in 0..SAMPLES {
            let Some(record) = records.next()? else { break };
            for (column, field) in samples.iter_mut().zip(&record.fields) {
                column.push(Some(field.to_owned()).filter(|f| !f.trim().is_empty()));
            }
        }
        let stem = table.to_lowercase();
        let stem = stem.strip_suffix('s').unwrap_or(&stem);
        let identifies = |name: &str| {
            let name = name.to_lowercase();
            name == "id"
                || name == format!("{stem}_id")
                || name == format!("{stem}id")
                || name == format!("{stem}编号")
        };
        let customer =
            records.header.iter().position(|h| CUSTOMER_COLUMNS.contains(&h.to_lowercase().as_str()));
        let key = records.header.iter().position(|h| identifies(h));
        let customer = customer.filter(|c| Some(*c) != key);
        let columns: Vec<Column> = records
            .header
            .iter()
            .zip(samples)
            .enumerate()
            .map(|(i, (name, samples))| {
                let kind = if Some(i) == key || Some(i) == customer {
                    Kind::Key
                } else {
                    guessed(name, samples, settings)
                };
                Column::new(name, kind)
            })
            .collect();
        let timed = |c: &Column| {
            matches!(&c.kind, Kind::Typed { attributes, .. }
                if attributes.iter().any(|a| matches!(a.ty, Type::Date | Type::Moment) && !a.yearly))
        };
        let time = columns.iter().position(timed);
        let by_customer = customer.zip(time);
        let zone = settings.zone;
        Ok(Shape { columns, key, by_customer, guessed: true, kept: false, double_key: None, zone })
    }

    /// Takes the column that the table holds unique for the key, unless the schema names another.
    pub(crate) fn keep(&mut self, key: &str) {
        let at = self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(key));
        let Some(column) = at.and_then(|i| self.columns.get_mut(i)) else { return };
        if self.guessed || self.key.is_none() || self.key == at {
            column.kind = Kind::Key;
            (self.key, self.kept) = (at, true);
        }
    }

    /// The values of a row for the table, or why there are none. `seen` holds the keys of the rows before it.
    pub(crate) fn row(
        &mut self,
        record: &Record,
        seen: &mut HashMap<String, u64>,
    ) -> Result<Vec<Cell>, String> {
        let (has, needs) = (record.fields.len(), self.columns.len());
        if record.lines > LONG_ROW {
            return Err(format!(
                "the row goes over {} lines: a quotation mark is probably not closed",
                record.lines
            ));
        }
        if has != needs {
            return Err(format!("the row has {has} columns, the first line {needs}"));
        }
        let zone = self.zone;
        let mut cells = Vec::with_capacity(needs);
        let mut wrong = None;
        for (column, field) in self.columns.iter_mut().zip(&record.fields) {
            match column.cell(field, zone) {
                Ok(cell) => cells.push(cell),
                // The others are looked at all the same, so that each column's refusals are counted.
                Err(why) => {
                    column.refused += 1;
                    wrong = wrong.or(Some(format!("`{}`: {why}", column.name)));
                }
            }
        }
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        if let Some(Cell::Text(key)) = self.key.and_then(|i| cells.get(i)) {
            if let Some(line) = seen.get(key) {
                self.double_key = self.double_key.or(Some((*line, record.line)));
                return Err(format!("line {line} has the same key"));
            }
            seen.insert(key.clone(), record.line);
        }
        Ok(cells)
    }
}

/// The columns of the customers' table: all that the schema declares, or only a key.
pub(crate) fn customer_columns(vocabulary: Option<&Vocabulary>) -> (String, Vec<Column>) {
    let Some((vocabulary, declared)) =
        vocabulary.and_then(|v| Declared::find(&v.customer.table, v).map(|declared| (v, declared)))
    else {
        return ("customers".to_owned(), vec![Column::new("id", Kind::Key)]);
    };
    let mut columns: Vec<Column> = Vec::new();
    for name in declared.columns() {
        if !columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)) {
            columns.push(Column { whole: false, ..Column::new(name, declared.kind(name)) });
        }
    }
    (vocabulary.customer.table.clone(), columns)
}

fn guessed(name: &str, samples: Vec<Option<String>>, settings: &Settings) -> Kind {
    let info = ColumnInfo { name: name.to_owned(), samples, ..ColumnInfo::default() };
    let attribute = guess::column(&info, None, settings).attribute;
    // Numbers that name something are names.
    let names_something = ["id", "编号", "code"].iter().any(|end| name.to_lowercase().ends_with(end));
    match attribute.ty {
        Type::Text => Kind::Text,
        Type::Number | Type::Money(_) if names_something => Kind::Text,
        _ => Kind::Typed { attributes: vec![attribute], needed: false },
    }
}

impl Column {
    fn new(name: &str, kind: Kind) -> Column {
        Column { name: name.to_owned(), kind, whole: true, refused: 0 }
    }

    /// The type that the table's column is declared with.
    pub(crate) fn sql_type(&self) -> &'static str {
        match &self.kind {
            Kind::Typed { attributes, .. } => match attributes.as_slice() {
                [Attribute { ty: Type::Number | Type::Percent, .. }] if !self.whole => "REAL",
                [Attribute { ty: Type::Number | Type::Percent | Type::YesNo, .. }] => "INTEGER",
                _ => "TEXT",
            },
            Kind::Key | Kind::Text => "TEXT",
        }
    }

    /// What it is, as people say it.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Key => "a key".to_owned(),
            Kind::Text => "text".to_owned(),
            Kind::Typed { attributes, .. } => {
                attributes.first().map(|a| a.ty.to_string()).unwrap_or_default()
            }
        }
    }

    fn cell(&mut self, field: &str, zone: chrono_tz::Tz) -> Result<Cell, String> {
        match &self.kind {
            Kind::Key if field.trim().is_empty() => Err("the key is missing".to_owned()),
            Kind::Key => Ok(Cell::Text(field.trim().to_owned())),
            Kind::Text => Ok(if field.is_empty() { Cell::Null } else { Cell::Text(field.to_owned()) }),
            Kind::Typed { attributes, needed, .. } => {
                let cell = typed(field, attributes, zone);
                match &cell {
                    Ok(Cell::Null) if *needed => {
                        return Err("a value is missing that must be there".to_owned());
                    }
                    Ok(Cell::Real(_)) => self.whole = false,
                    _ => {}
                }
                cell
            }
        }
    }
}

/// The value as the table keeps it, so that it decodes to what the file says: numbers as numbers, dates
/// as ISO dates, everything else as it is written, money above all.
fn typed(field: &str, attributes: &[Attribute], zone: chrono_tz::Tz) -> Result<Cell, String> {
    let mut value = None;
    for attribute in attributes {
        let decoded = if field.is_empty() { Raw::Null } else { Raw::Text(field) };
        value = attribute.decode(decoded, zone).map_err(|bad| bad.to_string())?;
    }
    let written = || if field.is_empty() { Cell::Null } else { Cell::Text(field.to_owned()) };
    Ok(match value {
        // A column that several attributes read differently stays as it is.
        _ if attributes.len() > 1 => written(),
        None => Cell::Null,
        Some(Value::Number(n)) => number(n),
        Some(Value::Truth(truth)) => Cell::Int(i64::from(truth)),
        Some(Value::Date(day)) => Cell::Text(calendar::date(day).to_string()),
        Some(Value::Text(_)) => written(),
        Some(_) => Cell::Text(field.trim().to_owned()),
    })
}

/// A number, as a whole one where it is: up to 2^53 both are the same.
fn number(n: f64) -> Cell {
    let negative_zero = n == 0.0 && n.is_sign_negative();
    if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 && !negative_zero {
        Cell::Int(n as i64)
    } else {
        Cell::Real(n)
    }
}
