//! Some rows of a table as they came, to be read column by column.

use crate::customers::aside::Piece;
use crate::customers::lite::cells::Cells;
use crate::customers::postgres::tuples::Tuples;
use crate::customers::reader::Kind;
use crate::customers::{mysql, postgres};
use sqlx::mysql::MySqlRow;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidings_schema::Raw;
use tokio::sync::mpsc;

/// Some rows.
pub(crate) enum Block {
    Lite(Cells),
    Postgres(Tuples),
    MySql(Vec<MySqlRow>),
    /// From any of them, and put aside for a while.
    Aside(Piece),
}

impl Block {
    /// How many there are.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Block::Lite(cells) => cells.rows(),
            Block::Postgres(rows) => rows.rows(),
            Block::MySql(rows) => rows.len(),
            Block::Aside(piece) => piece.rows,
        }
    }

    /// Calls back with every value of a column, in order; with none where a text or bytes are not UTF-8.
    pub(crate) fn each(&self, column: usize, kind: Kind, mut take: impl FnMut(Option<Raw<'_>>)) {
        let mut scratch = String::new();
        match self {
            Block::Lite(cells) => cells.each(column, take),
            Block::Aside(piece) => piece.each(column, take),
            Block::Postgres(rows) => rows.each(column, |value| match value {
                Some(bytes) => take(postgres::value::raw(kind, bytes, &mut scratch)),
                None => take(Some(Raw::Null)),
            }),
            Block::MySql(rows) => rows.iter().for_each(|row| match mysql::value::bytes(row, column) {
                Some(bytes) => take(mysql::value::raw(kind, bytes, &mut scratch)),
                None => take(Some(Raw::Null)),
            }),
        }
    }
}

/// Where blocks go to, how long to wait for what they are made of, and how many rows there were.
pub(crate) struct Blocks {
    send: mpsc::Sender<Block>,
    silence: Duration,
    rows: Arc<AtomicU64>,
    /// How many bytes of texts one has at most, but for those of its last row.
    pub(crate) most: usize,
}

/// The most where memory is not short.
pub(crate) const TEXTS: usize = 1 << 23;

impl Blocks {
    /// `silence`: how long a server may say nothing. Rows are counted in `rows`.
    pub(crate) fn new(send: mpsc::Sender<Block>, silence: Duration, rows: Arc<AtomicU64>) -> Blocks {
        Blocks { send, silence, rows, most: TEXTS }
    }

    /// An error where nobody waits for it any more.
    pub(crate) async fn send(&self, block: Block) -> Result<(), sqlx::Error> {
        self.rows.fetch_add(block.rows() as u64, Ordering::Relaxed);
        self.send.send(block).await.map_err(|_| sqlx::Error::WorkerCrashed)
    }

    /// The same from a thread that may wait.
    pub(crate) fn send_waiting(&self, block: Block) -> Result<(), sqlx::Error> {
        self.rows.fetch_add(block.rows() as u64, Ordering::Relaxed);
        self.send.blocking_send(block).map_err(|_| sqlx::Error::WorkerCrashed)
    }

    /// What a server answers, if it answers before it is taken for dead.
    pub(crate) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let silent = || {
            let why =
                format!("it fell silent in the middle of reading, for {} seconds", self.silence.as_secs());
            sqlx::Error::Io(std::io::Error::new(ErrorKind::TimedOut, why))
        };
        tokio::time::timeout(self.silence, answer).await.unwrap_or_else(|_| Err(silent()))
    }
}
