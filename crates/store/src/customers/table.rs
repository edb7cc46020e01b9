//! Reading columns of one table.

use crate::customers::Mark;
use crate::customers::apart::{self, Lane};
use crate::customers::aside::{Aside, Piece};
use crate::customers::block::Block;
use crate::customers::column::Column;
use crate::customers::error::StoreError;
use crate::customers::held;
use crate::customers::keys::{Key, Keys, Places};
use crate::customers::order::threads;
use crate::customers::reader::{Ask, Counting, Kind, Part, Reader, Stored, Table};
use crate::customers::stream::Room;
use chrono_tz::Tz;
use std::ops::Range;
use std::sync::Arc;
use tidings_schema::{Attribute, Changes};
use tidings_syntax::suggest::nearest as near;
use tokio::sync::mpsc;

/// What is wanted of a table.
pub(crate) struct Wanted<'a> {
    pub(crate) table: &'a str,
    /// A column with customers' keys, which are looked up as they come.
    pub(crate) owner: Option<(&'a str, Owners)>,
    /// Columns wanted as keys, whatever the store has. The last one names rows in reports; without any, the owner does.
    pub(crate) keys: Vec<&'a str>,
    pub(crate) attributes: Vec<&'a Attribute>,
    /// Where it names keys, those are in the first of the columns.
    pub(crate) part: Part<'a>,
    pub(crate) only: Only<'a>,
}

/// What else has to hold of rows that are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Only<'a> {
    /// The column that has a value in deleted rows, and whether those are wanted, or the others.
    pub(crate) deleted: Option<(&'a str, bool)>,
    /// Those that may have changed since a mark of a column.
    pub(crate) since: Option<(&'a str, Mark)>,
}

impl<'a> Only<'a> {
    /// The rows that are there.
    pub(crate) fn there(changes: &'a Changes) -> Only<'a> {
        Only { deleted: changes.deleted.as_deref().map(|column| (column, false)), ..Only::default() }
    }
}

/// Whose a row can be.
#[derive(Clone)]
pub(crate) struct Owners {
    /// The customers that there are.
    pub(crate) places: Arc<Places>,
    /// Those that were asked for, where not everybody was.
    pub(crate) wanted: Option<Arc<Places>>,
}

/// Stands for the place of a row's customer where there is none: it counts as an orphan.
pub(crate) const NOBODY: u32 = u32::MAX;
/// The same where nobody asked for that customer.
pub(crate) const UNASKED: u32 = u32::MAX - 1;

impl Owners {
    /// A customer's place, or [`NOBODY`], or [`UNASKED`].
    pub(crate) fn place(&self, key: Option<Key<'_>>) -> u32 {
        if let Some(place) = key.and_then(|key| self.places.get(key)) {
            return place;
        }
        let asked = |wanted: &Arc<Places>| key.is_some_and(|key| wanted.get(key).is_some());
        if self.wanted.as_ref().is_none_or(asked) { NOBODY } else { UNASKED }
    }
}

/// What was read of a table, a value a row everywhere.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rows: usize,
    /// Places, or [`NOBODY`], or [`UNASKED`]; none at all where no owner was wanted.
    pub(crate) owners: Vec<u32>,
    pub(crate) keys: Vec<Keys>,
    pub(crate) columns: Vec<Column>,
    /// One a column.
    pub(crate) refused: Vec<Refused>,
}

/// The rows whose value of a column is not what the schema says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    pub(crate) rows: Vec<u32>,
    expected: String,
    pub(crate) first_key: Option<String>,
}

impl Refused {
    /// Adds those among some rows of another table, the first of which is that row here.
    pub(crate) fn append(&mut self, other: &Refused, rows: Range<usize>, first: usize) {
        let within = other.rows.iter().filter(|row| rows.contains(&(**row as usize)));
        let mut within = within.map(|row| (*row as usize - rows.start + first) as u32).peekable();
        if self.rows.is_empty() && within.peek().is_some() {
            self.expected.clone_from(&other.expected);
            self.first_key.clone_from(&other.first_key);
        }
        self.rows.extend(within);
    }

    /// Adds a row, and what its value was expected to be.
    pub(crate) fn add(&mut self, row: u32, expected: String) {
        if self.rows.is_empty() {
            self.expected = expected;
        }
        self.rows.push(row);
    }
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

/// Blocks that may wait to be decoded: enough that neither thread stands still whenever the other one does.
const BLOCKS_AHEAD: usize = 8;

/// Reads what is wanted. Decoding goes on, on threads of its own, while the database fetches the next block.
pub(crate) async fn read(reader: &mut Reader, wanted: &Wanted<'_>, zone: Tz) -> Result<Read, StoreError> {
    let found = find(reader, wanted).await?;
    let kinds = kinds(&found.columns);
    let lane = || Lane::of_all(wanted, &kinds, zone);
    if let Some(read) = reader.take(&found.ask(wanted.part), &lane).await {
        return read.map_err(|error| reader.failed(&error));
    }
    let much = matches!(wanted.part, Part::All) && wanted.only.since.is_none();
    let lanes = Lane::dealt(wanted, &kinds, zone, if much { threads() } else { 1 });
    let decode = move |blocks| apart::all(blocks, lanes);
    fetch(reader, wanted, found, decode).await?.ok_or_else(|| torn(wanted.table))
}

/// Reads what is wanted of rows with owners, and puts it aside by chunks of these. What its columns come as is of use to
/// [`read_aside`].
pub(crate) async fn put_aside(
    reader: &mut Reader,
    wanted: &Wanted<'_>,
    owners: &Owners,
    room: &Room,
) -> Result<(Aside, Vec<Kind>), StoreError> {
    let no_room = |why| StoreError::NoRoom { folder: room.folder.clone(), why };
    let found = find(reader, wanted).await?;
    let kinds = kinds(&found.columns);
    let chunks = held::ranges(owners.places.len(), reader.customers_a_chunk);
    let mut aside = Aside::new(&room.folder, &chunks, kinds.len(), room.waiting()).map_err(no_room)?;
    let (columns, owners) = (kinds.clone(), owners.clone());
    let put = move |mut blocks: mpsc::Receiver<Block>| {
        while let Some(block) = blocks.blocking_recv() {
            aside.add(&block, &columns, &owners)?;
        }
        aside.write().map(|()| aside)
    };
    let aside = fetch(reader, wanted, found, put).await?.map_err(no_room)?;
    Ok((aside, kinds))
}

/// What was wanted of a table, of which some rows were put aside.
pub(crate) fn read_aside(
    mut pieces: impl Iterator<Item = Result<Piece, StoreError>>,
    wanted: &Wanted<'_>,
    kinds: &[Kind],
    zone: Tz,
) -> Result<Read, StoreError> {
    let mut lanes = Lane::dealt(wanted, kinds, zone, 1);
    let mut add = |block| lanes.iter_mut().fold(true, |whole, lane| whole & lane.add(&block));
    let whole = pieces.try_fold(true, |whole, piece| Ok(whole & add(Block::Aside(piece?))))?;
    whole.then(|| apart::together(lanes)).ok_or_else(|| torn(wanted.table))
}

fn torn(table: &str) -> StoreError {
    let message = format!("the rows of `{table}` did not arrive whole. Please try again");
    StoreError::Database { place: "of the customers".to_owned(), message }
}

fn kinds(columns: &[Stored]) -> Vec<Kind> {
    columns.iter().map(|column| column.kind).collect()
}

/// Reads rows, which are taken as they come on a thread of its own.
async fn fetch<T: Send + 'static>(
    reader: &mut Reader,
    wanted: &Wanted<'_>,
    found: Found,
    take: impl FnOnce(mpsc::Receiver<Block>) -> T + Send + 'static,
) -> Result<T, StoreError> {
    let ask = found.ask(wanted.part);
    let (send, receive) = mpsc::channel::<Block>(BLOCKS_AHEAD);
    let taking = tokio::task::spawn_blocking(move || take(receive));
    let sending = send.clone();
    let read = reader.read(&ask, send).await;
    let taken = !sending.is_closed();
    drop(sending);
    match read {
        // Nobody takes any more, and says why.
        Err(sqlx::Error::WorkerCrashed) if !taken => taking.await.map_err(|_| torn(wanted.table)),
        Ok(()) => taking.await.map_err(|_| torn(wanted.table)),
        Err(error) => Err(reader.failed(&error)),
    }
}

/// What is wanted of a table, as the database has it.
pub(crate) struct Found {
    table: Table,
    pub(crate) columns: Vec<Stored>,
    /// What has to hold of its rows.
    only: String,
    since: Option<(Stored, Mark)>,
}

impl Found {
    fn ask<'a>(&'a self, part: Part<'a>) -> Ask<'a> {
        let Found { table, columns, only, since } = self;
        Ask { table, columns, part, only: only.clone(), since: since.clone() }
    }
}

/// Finds the table and the columns that are wanted of it.
pub(crate) async fn find(reader: &mut Reader, wanted: &Wanted<'_>) -> Result<Found, StoreError> {
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
    let (dialect, Only { deleted, since }) = (reader.dialect(), wanted.only);
    let deleted = deleted.map(|(name, deleted)| Ok(dialect.deleted(&column(name)?, deleted))).transpose()?;
    let since = since.map(|(name, mark)| Ok((column(name)?, mark))).transpose()?;
    Ok(Found { table, columns, only: deleted.unwrap_or_default(), since })
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
    pub(crate) fn columns(&self) -> Vec<&'a str> {
        let owner = self.owner.iter().map(|(column, _)| *column);
        let attributes = self.attributes.iter().map(|a| a.storage.column.as_str());
        owner.chain(self.keys.iter().copied()).chain(attributes).collect()
    }
}

/// Begins to count the rows that are wanted.
pub(crate) async fn counting(reader: &mut Reader, wanted: &Wanted<'_>) -> Result<Counting, StoreError> {
    let Found { table, columns, only, .. } = find(reader, wanted).await?;
    reader.counting(&table, columns.first(), &only).await.map_err(|e| reader.failed(&e))
}

/// What tells which numbers the rows that are wanted have in their first column, after one and up to another.
pub(crate) async fn between(
    reader: &mut Reader,
    wanted: &Wanted<'_>,
    ends: (i64, i64),
) -> Result<Option<u64>, StoreError> {
    let Found { table, columns, only, .. } = find(reader, wanted).await?;
    let Some(column) = columns.first() else { return Ok(None) };
    reader.between(&table, column, ends, &only).await.map(Some).map_err(|e| reader.failed(&e))
}

/// How many of the rows that are wanted there are, or how many that have something in their first column.
pub(crate) async fn count(reader: &mut Reader, wanted: &Wanted<'_>) -> Result<u64, StoreError> {
    let Found { table, columns, only, .. } = find(reader, wanted).await?;
    reader.count(&table, columns.first(), &only).await.map_err(|e| reader.failed(&e))
}

impl Read {
    /// For each column, for a report, whether it has refused values.
    pub(crate) fn bad(&self, table: &str, attributes: &[&Attribute]) -> Vec<Option<BadColumn>> {
        let bad = attributes.iter().zip(&self.refused).map(|(attribute, refused)| {
            (!refused.rows.is_empty()).then(|| BadColumn {
                table: table.to_owned(),
                column: attribute.storage.column.clone(),
                count: refused.rows.len(),
                expected: refused.expected.clone(),
                first_key: refused.first_key.clone(),
            })
        });
        bad.collect()
    }

    /// The columns from some position on, apart from the others, with the same keys.
    pub(crate) fn split_off(&mut self, at: usize) -> Read {
        Read {
            rows: self.rows,
            owners: Vec::new(),
            keys: self.keys.clone(),
            columns: self.columns.split_off(at),
            refused: self.refused.split_off(at),
        }
    }
}
