//! Reading columns of one table.

use crate::customers::block::Block;
use crate::customers::column::Column;
use crate::customers::error::StoreError;
use crate::customers::reader::{Ask, Kind, Part, Reader, Stored, Table};
use chrono_tz::Tz;
use tidings_schema::{Attribute, Raw};
use tidings_syntax::suggest::nearest as near;
use tokio::sync::mpsc;

/// What is wanted of a table.
pub(crate) struct Wanted<'a> {
    pub(crate) table: &'a str,
    /// Columns wanted as text, whatever the store has. The last one names rows in reports.
    pub(crate) keys: Vec<&'a str>,
    pub(crate) attributes: Vec<&'a Attribute>,
    /// Where it names keys, those are in the first of the columns.
    pub(crate) part: Part<'a>,
}

/// What was read of a table, a value a row everywhere.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rows: usize,
    pub(crate) keys: Vec<Vec<Option<Box<str>>>>,
    pub(crate) columns: Vec<Column>,
    pub(crate) bad: Vec<BadColumn>,
}

/// A column in which some values are not what the schema says: they are missing to all rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// How many values.
    pub count: usize,
    /// What the schema says, in plain words with an article: "a date such as 2026-11-11".
    pub expected: String,
    /// The key of the first such row: the row's own if it has one, else its customer's. The value is never
    /// shown, since it may be personal.
    pub first_key: Option<String>,
}

/// Reads what is wanted. Decoding goes on while the database fetches the next block.
pub(crate) async fn read(reader: &mut Reader, wanted: &Wanted<'_>, zone: Tz) -> Result<Read, StoreError> {
    let (table, columns) = find(reader, wanted).await?;
    let ask = Ask { table: &table, columns: &columns, part: wanted.part };
    let (send, mut receive) = mpsc::channel(2);
    let decode = async {
        let mut decoder = Decoder::new(wanted, zone);
        let mut whole = true;
        while let Some(block) = receive.recv().await {
            whole &= decoder.add(&block, &columns);
        }
        (decoder, whole)
    };
    let (fetched, (decoder, whole)) = tokio::join!(reader.read(&ask, send), decode);
    fetched.map_err(|e| reader.failed(&e))?;
    if !whole {
        let message = format!("the rows of `{}` did not arrive whole", wanted.table);
        return Err(StoreError::Database { place: reader.place().to_string(), message });
    }
    Ok(decoder.finish(wanted))
}

/// The table and the columns that are wanted of it, as the database has them.
async fn find(reader: &mut Reader, wanted: &Wanted<'_>) -> Result<(Table, Vec<Stored>), StoreError> {
    let place = reader.place().clone();
    let failed = |e: sqlx::Error| StoreError::of(&place, &e);
    let tables = reader.tables().await.map_err(failed)?;
    let Some(table) = named(tables, wanted.table, |t| &t.name).cloned() else {
        let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
        return Err(StoreError::NoTable {
            place: place.to_string(),
            table: wanted.table.to_owned(),
            there: instead(wanted.table, &names),
        });
    };
    let stored = reader.columns(&table).await.map_err(failed)?;
    let column = |name: &str| {
        named(&stored, name, |c| &c.name).cloned().ok_or_else(|| {
            let names: Vec<&str> = stored.iter().map(|c| c.name.as_str()).collect();
            StoreError::NoColumn {
                table: wanted.table.to_owned(),
                column: name.to_owned(),
                there: instead(name, &names),
            }
        })
    };
    let columns = wanted.columns().into_iter().map(column).collect::<Result<_, _>>()?;
    Ok((table, columns))
}

/// The one of that name, or else the one that is written so but for capitals.
fn named<'a, T>(list: &'a [T], name: &str, name_of: impl Fn(&T) -> &String) -> Option<&'a T> {
    let exact = list.iter().find(|item| name_of(item) == name);
    exact.or_else(|| list.iter().find(|item| name_of(item).eq_ignore_ascii_case(name)))
}

/// What is there instead of what a schema names: the one that was probably meant, or else all there are.
fn instead(name: &str, names: &[&str]) -> String {
    const MOST: usize = 20;
    if let Some(near) = near(name, names.iter().copied()) {
        return format!("; `{near}` was probably meant");
    }
    let listed: Vec<String> = names.iter().take(MOST).map(|n| format!("`{n}`")).collect();
    match names.len().saturating_sub(MOST) {
        _ if names.is_empty() => "; it has none at all".to_owned(),
        0 => format!("; it has {}", listed.join(", ")),
        more => format!("; it has {} and {more} more", listed.join(", ")),
    }
}

impl<'a> Wanted<'a> {
    fn columns(&self) -> Vec<&'a str> {
        self.keys.iter().copied().chain(self.attributes.iter().map(|a| a.storage.column.as_str())).collect()
    }
}

/// How many rows have something in a column.
pub(crate) async fn count(reader: &mut Reader, table: &str, column: &str) -> Result<u64, StoreError> {
    let wanted = Wanted { table, keys: vec![column], attributes: Vec::new(), part: Part::All };
    let (table, columns) = find(reader, &wanted).await?;
    reader.count(&table, columns.first()).await.map_err(|e| reader.failed(&e))
}

/// Takes blocks apart into columns.
struct Decoder<'a> {
    attributes: Vec<&'a Attribute>,
    zone: Tz,
    rows: usize,
    keys: Vec<Vec<Option<Box<str>>>>,
    columns: Vec<Column>,
    refused: Vec<Refused>,
}

/// The refused values of an attribute.
#[derive(Clone, Default)]
struct Refused {
    count: usize,
    first_row: usize,
    expected: String,
}

impl Refused {
    fn add(&mut self, row: usize, expected: impl FnOnce() -> String) {
        if self.count == 0 {
            (self.first_row, self.expected) = (row, expected());
        }
        self.count += 1;
    }
}

impl<'a> Decoder<'a> {
    fn new(wanted: &Wanted<'a>, zone: Tz) -> Decoder<'a> {
        Decoder {
            attributes: wanted.attributes.clone(),
            zone,
            rows: 0,
            keys: wanted.keys.iter().map(|_| Vec::new()).collect(),
            columns: wanted.attributes.iter().map(|a| Column::new(&a.ty)).collect(),
            refused: vec![Refused::default(); wanted.attributes.len()],
        }
    }

    /// Adds a block; false if its columns are not equally long.
    fn add(&mut self, block: &Block, stored: &[Stored]) -> bool {
        let kind = |i: usize| stored.get(i).map_or(Kind::Shown, |c| c.kind);
        let before = self.rows;
        let mut count = None;
        let mut whole = true;
        let mut same = |n: usize| whole &= *count.get_or_insert(n) == n;
        for (i, keys) in self.keys.iter_mut().enumerate() {
            block.each(i, kind(i), |raw| keys.push(raw.and_then(key_text)));
            same(keys.len() - before);
        }
        let first = self.keys.len();
        let columns = self.columns.iter_mut().zip(&self.attributes).zip(&mut self.refused);
        for (i, ((column, attribute), refused)) in columns.enumerate() {
            let mut row = before;
            block.each(first + i, kind(first + i), |raw| {
                column.push(match raw.map(|raw| attribute.decode(raw, self.zone)) {
                    Some(Ok(value)) => value,
                    Some(Err(bad)) => {
                        refused.add(row, || bad.expected);
                        None
                    }
                    None => {
                        refused.add(row, || "text in UTF-8".to_owned());
                        None
                    }
                });
                row += 1;
            });
            same(row - before);
        }
        self.rows += count.unwrap_or(0);
        whole
    }

    fn finish(self, wanted: &Wanted<'_>) -> Read {
        let names = self.keys.last();
        let bad = self.attributes.iter().zip(self.refused).filter(|(_, refused)| refused.count > 0);
        let bad = bad
            .map(|(attribute, refused)| BadColumn {
                table: wanted.table.to_owned(),
                column: attribute.storage.column.clone(),
                count: refused.count,
                expected: refused.expected,
                first_key: names
                    .and_then(|n| n.get(refused.first_row))
                    .and_then(|k| k.as_deref())
                    .map(str::to_owned),
            })
            .collect();
        Read { rows: self.rows, keys: self.keys, columns: self.columns, bad }
    }
}

/// A key as text. A real number without a fraction reads as a whole one: tools that know no missing whole
/// numbers write keys that way.
pub(crate) fn key_text(raw: Raw<'_>) -> Option<Box<str>> {
    match raw {
        Raw::Null => None,
        Raw::Text(text) => Some(text.into()),
        other => Some(other.to_string().into_boxed_str()),
    }
}
