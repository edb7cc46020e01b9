//! A database while it is read: what the three kinds of databases have in common, and where each goes its own way.

use crate::customers::Mark;
use crate::customers::apart::Lane;
use crate::customers::block::{Block, Blocks, TEXTS};
use crate::customers::error::StoreError;
use crate::customers::order::threads;
use crate::customers::place::Place;
use crate::customers::table::Read;
use crate::customers::{lite, mysql, postgres};
use crate::sql::{Dialect, Statement};
use sqlx::{Connection, MySqlConnection, PgConnection};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long a server may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that only reads, and sees one moment of the database from beginning to end.
pub(crate) struct Reader {
    place: Place,
    session: Session,
    tables: Option<Vec<Table>>,
    /// The columns of tables that were asked for, by the tables' names.
    columns: HashMap<String, Vec<Stored>>,
    silence: Duration,
    /// How many customers chunks have that are made of what it reads.
    pub(crate) customers_a_chunk: usize,
    /// Counts rows as they come.
    rows: Arc<AtomicU64>,
    /// How many bytes of texts a block of rows may have.
    pub(crate) texts_a_block: usize,
}

enum Session {
    Lite(lite::open::Session),
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

/// A table or view.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// As schemas write it.
    pub(crate) name: String,
    /// The schema that it is in and its name there, where its name alone does not find it.
    pub(crate) within: Option<(String, String)>,
    /// Whether this user may read it, as far as that is known beforehand.
    pub(crate) readable: bool,
    /// Whether SQLite numbers its rows.
    pub(crate) numbered: bool,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Its type in the database's own words.
    pub(crate) declared: String,
    pub(crate) kind: Kind,
    /// What the statement writes around it, so that it comes as its kind.
    pub(crate) cast: (&'static str, &'static str),
}

/// How values of a column come from the server. SQLite's values each say what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Truth,
    Int,
    Unsigned,
    Real,
    Decimal,
    /// Some bits, as a number.
    Bits,
    Day,
    /// A date and time without a zone.
    Civil,
    /// A date and time that stand for a moment.
    Instant,
    /// A time of day.
    Clock,
    /// A length of time.
    Span,
    Text,
    /// Text that is filled up with blanks.
    Padded,
    /// Bytes, which may be text.
    Bytes,
    Uuid,
    /// Whatever else, as the database writes it.
    Shown,
}

/// What a table is linked by: its columns, whether each alone is the primary key, and the table and column that it
/// refers to.
pub(crate) type Link = (String, bool, Option<(String, String)>);

/// Which rows of a table are wanted.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    All,
    /// So many, whichever they are.
    First(u32),
    /// The first different ones, of which letters in capitals are others.
    Different(u32),
    /// Those that have one of these texts as the first column, and perhaps others.
    With(&'a [&'a str]),
    /// Those with a value of the last column that can be read as a moment of a stretch, and perhaps others.
    Lately(&'a Lately),
    /// One row of the greatest value of each column.
    Greatest,
}

/// Where values lie that can be read as a moment of a stretch.
pub(crate) struct Lately {
    /// What columns of moments have in it, and after it.
    pub(crate) since: i64,
    /// In one of these ranges they lie whatever they are kept as; the last of them has no end.
    pub(crate) ranges: Vec<(End, Option<End>)>,
}

/// The end of a range, in SQLite's order: texts come after all numbers.
pub(crate) enum End {
    Number(f64),
    Text(String),
}

/// A count that may not be there yet.
pub(crate) enum Counting {
    Done(u64),
    Going(JoinHandle<Result<u64, sqlx::Error>>),
}

impl Counting {
    pub(crate) async fn done(self) -> Result<u64, sqlx::Error> {
        match self {
            Counting::Done(count) => Ok(count),
            Counting::Going(counting) => counting.await.map_err(|_| sqlx::Error::WorkerCrashed)?,
        }
    }
}

/// What is wanted of a table.
pub(crate) struct Ask<'a> {
    pub(crate) table: &'a Table,
    pub(crate) columns: &'a [Stored],
    pub(crate) part: Part<'a>,
    /// What else has to hold of the rows; empty where nothing does.
    pub(crate) only: String,
    /// Of which column, and from where on, where only rows are wanted that may have changed.
    pub(crate) since: Option<(Stored, Mark)>,
}

impl Reader {
    /// `silence`: how long a server may say nothing while rows are read.
    pub(crate) async fn open(
        place: &Place,
        silence: Duration,
        customers_a_chunk: usize,
        rows: Arc<AtomicU64>,
    ) -> Result<Reader, StoreError> {
        let session = match place {
            Place::File(path) => Session::Lite(lite::open::Session::open(path).await?),
            Place::Postgres(options) => Session::Postgres(in_time(place, postgres::open(options)).await?),
            Place::MySql(options) => Session::MySql(in_time(place, mysql::open(options)).await?),
        };
        Ok(Reader {
            place: place.clone(),
            session,
            tables: None,
            columns: HashMap::new(),
            silence,
            customers_a_chunk,
            rows,
            texts_a_block: TEXTS,
        })
    }

    /// Reads whole tables with as many connections as there are processors, where that is faster. Only before anything is
    /// read.
    pub(crate) async fn widen(&mut self) -> Result<(), StoreError> {
        const MOST: usize = 4;
        match &mut self.session {
            Session::Lite(session) => session.widen(threads().min(MOST)).await.map_err(|e| self.failed(&e)),
            // Servers are the slower side.
            Session::Postgres(_) | Session::MySql(_) => Ok(()),
        }
    }

    /// What an error of the driver's means here.
    pub(crate) fn failed(&self, error: &sqlx::Error) -> StoreError {
        StoreError::of(&self.place, error)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whose SQL it speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        match self.session {
            Session::Lite(_) => Dialect::Lite,
            Session::Postgres(_) => Dialect::Postgres,
            Session::MySql(_) => Dialect::MySql,
        }
    }

    /// Lets go of the database and hands back what was read of it: nothing where it was disturbed, see
    /// [`lite::open::Session::finish`].
    pub(crate) async fn finish<T>(self, read: T) -> Option<T> {
        // What was read is read, so a failure to close says nothing, nor does a server that has fallen silent.
        let closing = async {
            match self.session {
                Session::Lite(session) => return Some(session),
                // A pooler keeps its connection to the server only where the transaction was ended.
                Session::Postgres(mut connection) => {
                    sqlx::raw_sql("COMMIT").execute(&mut connection).await.ok();
                    connection.close().await.ok();
                }
                Session::MySql(connection) => drop(connection.close().await),
            }
            None
        };
        match tokio::time::timeout(self.silence.min(PATIENCE), closing).await {
            Ok(Some(session)) => session.finish(read).await,
            _ => Some(read),
        }
    }

    /// All tables and views, in the order of their names.
    pub(crate) async fn tables(&mut self) -> Result<&[Table], sqlx::Error> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => match &mut self.session {
                Session::Lite(session) => lite::tables(&mut *session.connection.lock().await).await?,
                Session::Postgres(connection) => postgres::tables(connection).await?,
                Session::MySql(connection) => mysql::tables(connection).await?,
            },
        };
        Ok(self.tables.insert(tables))
    }

    /// The columns of a table, in its order.
    pub(crate) async fn columns(&mut self, table: &Table) -> Result<Vec<Stored>, sqlx::Error> {
        if let Some(columns) = self.columns.get(&table.name) {
            return Ok(columns.clone());
        }
        let columns = match &mut self.session {
            Session::Lite(session) => lite::columns(&mut *session.connection.lock().await, table).await?,
            Session::Postgres(connection) => postgres::columns(connection, table).await?,
            Session::MySql(connection) => mysql::columns(connection, table).await?,
        };
        self.columns.insert(table.name.clone(), columns.clone());
        Ok(columns)
    }

    pub(crate) async fn links(&mut self, table: &Table) -> Result<Vec<Link>, sqlx::Error> {
        match &mut self.session {
            Session::Lite(session) => lite::links(&mut *session.connection.lock().await, table).await,
            Session::Postgres(connection) => postgres::links(connection, table).await,
            Session::MySql(connection) => mysql::links(connection, table).await,
        }
    }

    /// The first columns of a table's indexes; nothing for a view.
    pub(crate) async fn indexed(&mut self, table: &Table) -> Result<Option<Vec<String>>, sqlx::Error> {
        let mut found = match &mut self.session {
            Session::Lite(session) => lite::indexed(&mut *session.connection.lock().await, table).await?,
            Session::Postgres(connection) => postgres::indexed(connection, table).await?,
            Session::MySql(connection) => mysql::indexed(connection, table).await?,
        };
        let of_a_table = found.iter().any(String::is_empty);
        found.retain(|column| !column.is_empty());
        Ok(of_a_table.then_some(found))
    }

    /// Version, time zone, encoding and clock (microseconds since 1970 UTC), each in a line.
    pub(crate) async fn about(&mut self) -> Result<String, sqlx::Error> {
        match &mut self.session {
            Session::Lite(session) => {
                sqlx::query_scalar(lite::ABOUT).fetch_one(&mut *session.connection.lock().await).await
            }
            Session::Postgres(connection) => {
                sqlx::query_scalar(postgres::ABOUT).persistent(false).fetch_one(connection).await
            }
            Session::MySql(connection) => sqlx::query_scalar(mysql::ABOUT).fetch_one(connection).await,
        }
    }

    /// How many rows of which some condition holds there are, or how many that have something in a column.
    pub(crate) async fn count(
        &mut self,
        table: &Table,
        column: Option<&Stored>,
        only: &str,
    ) -> Result<u64, sqlx::Error> {
        let statement = self.dialect().count(table, column, only);
        self.number(statement).await
    }

    /// How many different values a column has.
    pub(crate) async fn different(&mut self, table: &Table, column: &Stored) -> Result<u64, sqlx::Error> {
        let statement = self.dialect().different(table, column);
        self.number(statement).await
    }

    /// What tells which numbers a column has after one and up to another, see [`Dialect::between`].
    pub(crate) async fn between(
        &mut self,
        table: &Table,
        column: &Stored,
        ends: (i64, i64),
        only: &str,
    ) -> Result<u64, sqlx::Error> {
        let statement = self.dialect().between(table, column, ends, only);
        self.number(statement).await
    }

    async fn number(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        let count: i64 = match &mut self.session {
            Session::Lite(session) => {
                sqlx::query_scalar(statement).fetch_one(&mut *session.connection.lock().await).await?
            }
            Session::Postgres(connection) => {
                sqlx::query_scalar(statement).persistent(false).fetch_one(connection).await?
            }
            // It stays prepared: what says that it need not has no answer, and keeps the next statement waiting for 40 ms.
            Session::MySql(connection) => sqlx::query_scalar(statement).fetch_one(connection).await?,
        };
        Ok(count.unsigned_abs())
    }

    /// The same beside whatever is read meanwhile, where there is another connection for it.
    pub(crate) async fn counting(
        &mut self,
        table: &Table,
        column: Option<&Stored>,
        only: &str,
    ) -> Result<Counting, sqlx::Error> {
        let statement = self.dialect().count(table, column, only);
        let other = match &self.session {
            Session::Lite(session) => session.connections().nth(1).cloned(),
            Session::Postgres(_) | Session::MySql(_) => None,
        };
        let Some(other) = other else { return self.count(table, column, only).await.map(Counting::Done) };
        let mut other = other.lock_owned().await;
        Ok(Counting::Going(tokio::spawn(async move {
            let count: i64 = sqlx::query_scalar(statement).fetch_one(&mut *other).await?;
            Ok(count.unsigned_abs())
        })))
    }

    /// Takes rows straight into lanes of all columns, where it steps through them itself: of a file.
    pub(crate) async fn take(
        &mut self,
        ask: &Ask<'_>,
        lane: &(dyn Fn() -> Lane + Sync),
    ) -> Option<Result<Read, sqlx::Error>> {
        match &self.session {
            Session::Lite(session) => Some(lite::straight::read(session, ask, lane, &self.rows).await),
            Session::Postgres(_) | Session::MySql(_) => None,
        }
    }

    /// Sends rows on, a block at a time, in the table's order where it has one and they are not few.
    pub(crate) async fn read(&mut self, ask: &Ask<'_>, send: mpsc::Sender<Block>) -> Result<(), sqlx::Error> {
        let mut blocks = Blocks::new(send, self.silence, self.rows.clone());
        blocks.most = self.texts_a_block;
        match &mut self.session {
            Session::Lite(session) => lite::read(session, ask, blocks).await,
            Session::Postgres(connection) => postgres::read(connection, ask, &blocks).await,
            Session::MySql(connection) => mysql::read(connection, ask, &blocks).await,
        }
    }
}

async fn in_time<T>(
    place: &Place,
    opening: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, opening).await {
        Ok(opened) => opened.map_err(|e| StoreError::of(place, &e)),
        Err(_) => Err(StoreError::Unreachable {
            place: place.to_string(),
            why: format!("it did not answer within {} seconds", PATIENCE.as_secs()),
        }),
    }
}
