//! Reading what changed.

use super::bytes_of;
use super::columns::Places;
use super::mark::{Mark, Told};
use crate::customers::error::StoreError;
use crate::customers::place::Place;
use crate::customers::reader::{Counting, Kind, Part, Reader};
use crate::customers::table::{self, Only, Read, Wanted};
use tidings_schema::{Attribute, Changes, Storage, StoredUnit, Type};

/// So many rows tell how long a table's texts are.
const SAMPLES: u32 = 250;

/// A table that is kept.
#[derive(Clone)]
pub(in crate::customers) struct Kept<'a> {
    pub(super) table: &'a str,
    /// The rows' keys, and before them those of their customers where they are a collection's.
    pub(super) keys: Vec<&'a str>,
    pub(in crate::customers) attributes: Vec<&'a Attribute>,
    pub(super) changes: &'a Changes,
}

impl<'a> Kept<'a> {
    /// How far it can be read now; none where it says nothing that could be compared in the store.
    pub(super) async fn newest(&self, reader: &mut Reader, at: i64) -> Result<Option<Told>, StoreError> {
        let Some(mark) = self.greatest(reader).await?.map(|mark| mark.by(at)) else { return Ok(None) };
        Ok(Some(Told { mark, behind: self.behind(reader, mark).await? }))
    }

    /// From which mark on rows are read, so that all are that came in since; none where all of the table has to be.
    pub(super) async fn since(
        &self,
        reader: &mut Reader,
        before: Option<Told>,
        now: Option<Told>,
    ) -> Result<Option<Mark>, StoreError> {
        let Some((before, now)) = before.zip(now).filter(|(before, now)| before.mark.may_become(now.mark))
        else {
            return Ok(None);
        };
        let behind =
            if before.mark == now.mark { now.behind } else { self.behind(reader, before.mark).await? };
        let none_came_late = behind.is_some() && behind == before.behind;
        Ok(Some(if none_came_late { before.mark.again() } else { before.mark.since() }))
    }

    /// What tells which rows there are behind a mark among which others may come late; none where rows change too, since
    /// one that does may keep its number.
    async fn behind(&self, reader: &mut Reader, mark: Mark) -> Result<Option<u64>, StoreError> {
        let column = self.changes.since.as_deref().filter(|_| self.changes.only_grows);
        let Some((column, ends)) = column.zip(mark.behind()) else { return Ok(None) };
        let only = Only::there(self.changes);
        let wanted = Wanted { keys: vec![column], attributes: Vec::new(), ..self.wanted(only) };
        table::between(reader, &wanted, ends).await
    }

    async fn greatest(&self, reader: &mut Reader) -> Result<Option<Mark>, StoreError> {
        let Some(column) = self.changes.since.as_deref() else { return Ok(None) };
        let wanted = Wanted {
            keys: vec![column],
            attributes: Vec::new(),
            part: Part::Greatest,
            ..self.wanted(Only::default())
        };
        let columns = table::find(reader, &wanted).await?.columns;
        let file = matches!(reader.place(), Place::File(_));
        let kind = columns.first().map_or(Kind::Shown, |column| column.kind);
        let comparable = matches!(kind, Kind::Int | Kind::Unsigned | Kind::Day | Kind::Civil | Kind::Instant);
        if !file && !comparable {
            return Ok(None);
        }
        let moment = moment(column);
        let wanted = Wanted { attributes: vec![&moment], ..wanted };
        let read = table::read(reader, &wanted, chrono_tz::UTC).await?;
        let written = read.keys.first().and_then(|keys| keys.get(0)).map(|key| key.to_string());
        let micros = read.columns.first().and_then(|column| column.time(0));
        Ok(match (kind, written.as_deref()) {
            (_, None) => None,
            (Kind::Int | Kind::Unsigned, Some(number)) => number.parse().ok().map(Mark::Whole),
            (Kind::Instant, _) => micros.map(Mark::Moment),
            (Kind::Civil | Kind::Day, _) => micros.map(Mark::Civil),
            (_, Some(text)) if begins_with_a_day(text) => micros.map(Mark::Written),
            // Numbers that are kept as texts are in the order of texts.
            _ if keeps_texts(columns.first().map_or("", |column| &column.declared)) => None,
            (_, Some(number)) => number.parse().ok().map(Mark::Whole),
        })
    }

    /// How many rows there are.
    pub(in crate::customers) async fn count(&self, reader: &mut Reader) -> Result<usize, StoreError> {
        Ok(usize::try_from(table::count(reader, &self.rows_there()).await?).unwrap_or(usize::MAX))
    }

    /// About how many bytes the texts of a row take: those of some rows, which are kept once where they are the same.
    pub(in crate::customers) async fn texts_a_row(&self, reader: &mut Reader) -> Result<usize, StoreError> {
        let texts = self.attributes.iter().filter(|a| matches!(a.ty, Type::Text | Type::Tags));
        let attributes: Vec<&Attribute> = texts.copied().collect();
        if attributes.is_empty() {
            return Ok(0);
        }
        let wanted = Wanted { attributes, part: Part::First(SAMPLES), ..self.rows_there() };
        let read = table::read(reader, &wanted, chrono_tz::UTC).await?;
        let rows: Vec<u32> = (0..read.rows as u32).collect();
        let bytes: usize = read.columns.iter().map(|column| bytes_of(&column.take(&rows))).sum();
        Ok(bytes / read.rows.max(1))
    }

    /// Begins to count them.
    pub(super) async fn counting(&self, reader: &mut Reader) -> Result<Counting, StoreError> {
        table::counting(reader, &self.rows_there()).await
    }

    fn rows_there(&self) -> Wanted<'a> {
        Wanted { keys: Vec::new(), attributes: Vec::new(), ..self.wanted(Only::there(self.changes)) }
    }

    /// The rows that there are: all, those that may have changed since a mark, or those with some first keys.
    pub(super) async fn rows(
        &self,
        reader: &mut Reader,
        since: Option<Mark>,
        part: Part<'_>,
        zone: chrono_tz::Tz,
    ) -> Result<Read, StoreError> {
        let since = self.changes.since.as_deref().zip(since);
        let wanted = Wanted { part, ..self.wanted(Only { since, ..Only::there(self.changes) }) };
        table::read(reader, &wanted, zone).await
    }

    /// The keys of rows that were deleted since a mark.
    pub(super) async fn gone(&self, reader: &mut Reader, since: Mark) -> Result<Vec<Box<str>>, StoreError> {
        let Some(deleted) = self.changes.deleted.as_deref() else { return Ok(Vec::new()) };
        let since = self.changes.since.as_deref().map(|column| (column, since));
        let wanted = Wanted {
            keys: self.keys.last().copied().into_iter().collect(),
            attributes: Vec::new(),
            ..self.wanted(Only { since, deleted: Some((deleted, true)) })
        };
        let read = table::read(reader, &wanted, chrono_tz::UTC).await?;
        let keys = read.keys.first().into_iter();
        Ok(keys
            .flat_map(|keys| (0..keys.len() as u32).filter_map(|row| keys.get(row)))
            .map(|key| key.to_string().into())
            .collect())
    }

    /// The columns of it that are not held, with its rows' own keys.
    pub(super) fn only(&self, places: &Places) -> Kept<'a> {
        let new = self.attributes.iter().zip(places).filter(|(_, held)| held.is_none());
        Kept {
            keys: self.keys.last().copied().into_iter().collect(),
            attributes: new.map(|(attribute, _)| *attribute).collect(),
            ..self.clone()
        }
    }

    /// All of its columns, of some of its rows.
    pub(super) fn wanted(&self, only: Only<'a>) -> Wanted<'a> {
        Wanted {
            table: self.table,
            owner: None,
            keys: self.keys.clone(),
            attributes: self.attributes.clone(),
            part: Part::All,
            only,
        }
    }
}

/// Whether SQLite makes texts of the numbers in a column that was declared so.
fn keeps_texts(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    !declared.contains("INT") && ["CHAR", "CLOB", "TEXT"].iter().any(|name| declared.contains(name))
}

fn begins_with_a_day(text: &str) -> bool {
    let form = text.bytes().take(10).map(|b| if b.is_ascii_digit() { b'0' } else { b });
    form.eq(*b"0000-00-00")
}

/// A column as a moment, which is in UTC where it does not say.
fn moment(column: &str) -> Attribute {
    Attribute {
        name: column.to_owned(),
        label: None,
        ty: Type::Moment,
        storage: Storage {
            column: column.to_owned(),
            minor: false,
            zone: None,
            unit: StoredUnit::Seconds,
            separator: None,
        },
        optional: true,
        yearly: false,
        kept: false,
    }
}
