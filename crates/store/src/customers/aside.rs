//! Rows of a table, put aside in a file as they came, by the chunks of their customers. The file has no name: it is gone with
//! whoever holds it, whatever happens to them.

use crate::customers::block::Block;
use crate::customers::keys::Key;
use crate::customers::reader::Kind;
use crate::customers::table::Owners;
use crate::private;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tidings_schema::Raw;

/// So many bytes a row of a chunk that is made takes beside its values, with all that is needed to make it.
pub(crate) const BYTES_A_ROW: usize = 100;

/// What rows are put into, and taken from chunk by chunk.
#[derive(Debug)]
pub(crate) struct Aside {
    file: Mutex<File>,
    /// The chunk of each customer, by place.
    chunk_of: Vec<u32>,
    /// About how many bytes each customer's rows take in a chunk, as far as a number goes.
    pub(crate) bytes_of: Vec<u32>,
    /// How many bytes may wait to be written.
    most: usize,
    waiting: usize,
    written: u64,
    chunks: Vec<OfChunk>,
    /// Rows of nobody in the customers' table.
    pub(crate) orphans: usize,
}

/// The rows of a chunk's customers.
#[derive(Clone, Debug)]
struct OfChunk {
    /// Those that are not written yet.
    piece: Piece,
    /// Where those that are lie in the file, and how long each of their columns is.
    written: Vec<(u64, usize, Vec<usize>)>,
}

/// Some rows, by column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) rows: usize,
    columns: Vec<Vec<u8>>,
}

impl OfChunk {
    fn new(columns: usize) -> OfChunk {
        OfChunk { piece: Piece { rows: 0, columns: vec![Vec::new(); columns] }, written: Vec::new() }
    }
}

/// The chunk of each customer, by place.
fn chunk_of<'a>(chunks: impl Iterator<Item = &'a Range<usize>>) -> Vec<u32> {
    chunks.zip(0..).flat_map(|(chunk, i)| std::iter::repeat_n(i, chunk.len())).collect()
}

impl Aside {
    /// For rows of so many columns, in a new file of a folder. They belong to the customers of these chunks, one behind the
    /// other by place; at most so many bytes wait in memory.
    pub(crate) fn new(
        folder: &Path,
        chunks: &[Range<usize>],
        columns: usize,
        most: usize,
    ) -> io::Result<Aside> {
        let chunk_of = chunk_of(chunks.iter());
        Ok(Aside {
            file: Mutex::new(nameless(folder)?),
            bytes_of: vec![0; chunk_of.len()],
            chunk_of,
            most,
            waiting: 0,
            written: 0,
            chunks: vec![OfChunk::new(columns); chunks.len()],
            orphans: 0,
        })
    }

    /// Puts rows in, whose first column has their customers' keys; those of nobody are counted.
    pub(crate) fn add(&mut self, block: &Block, kinds: &[Kind], owners: &Owners) -> io::Result<()> {
        let (mut whose, mut scratch) = (Vec::new(), String::new());
        for (i, kind) in kinds.iter().enumerate() {
            if i == 0 {
                block.each(i, *kind, |raw| {
                    let key = raw.and_then(|raw| Key::of_raw(raw, &mut scratch));
                    let place = key.and_then(|key| owners.places.get(key)).map(|place| place as usize);
                    let chunk = place.and_then(|place| self.chunk_of.get(place));
                    whose.push(place.zip(chunk.map(|chunk| *chunk as usize)));
                });
                for row in &whose {
                    match row.and_then(|(_, chunk)| self.chunks.get_mut(chunk)) {
                        Some(chunk) => chunk.piece.rows += 1,
                        None => self.orphans += 1,
                    }
                    self.weigh(*row, BYTES_A_ROW);
                }
            }
            let mut row = whose.iter();
            block.each(i, *kind, |raw| {
                let row = row.next().copied().flatten();
                let chunk = row.and_then(|(_, chunk)| self.chunks.get_mut(chunk));
                if let Some(column) = chunk.and_then(|chunk| chunk.piece.columns.get_mut(i)) {
                    let before = column.len();
                    push(column, raw);
                    let more = column.len() - before;
                    self.waiting += more;
                    self.weigh(row, more);
                }
            });
        }
        if self.waiting > self.most { self.write() } else { Ok(()) }
    }

    /// Takes in that a customer's rows take so many bytes more.
    fn weigh(&mut self, row: Option<(usize, usize)>, more: usize) {
        if let Some(bytes) = row.and_then(|(place, _)| self.bytes_of.get_mut(place)) {
            *bytes = bytes.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        }
    }

    /// Writes what waits.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.written))?;
        for chunk in self.chunks.iter_mut().filter(|chunk| chunk.piece.rows > 0) {
            let lengths: Vec<usize> = chunk.piece.columns.iter().map(Vec::len).collect();
            let (begin, rows) = (self.written, std::mem::take(&mut chunk.piece.rows));
            for column in &mut chunk.piece.columns {
                file.write_all(column)?;
                self.written += column.len() as u64;
                // Not kept for the next rows: all chunks together would keep more than may wait.
                *column = Vec::new();
            }
            chunk.written.push((begin, rows, lengths));
        }
        self.waiting = 0;
        Ok(())
    }

    /// The rows of a chunk's customers, in the order in which they came, read piece by piece. All have to be written.
    pub(crate) fn of_chunk(&self, i: usize) -> impl Iterator<Item = io::Result<Piece>> {
        let written = self.chunks.get(i).into_iter().flat_map(|chunk| &chunk.written);
        written.map(|written| self.read(written))
    }

    fn read(&self, (begin, rows, lengths): &(u64, usize, Vec<usize>)) -> io::Result<Piece> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(*begin))?;
        let columns = lengths.iter().map(|length| {
            let mut column = vec![0; *length];
            file.read_exact(&mut column).map(|()| column)
        });
        Ok(Piece { rows: *rows, columns: columns.collect::<io::Result<_>>()? })
    }

    /// Each chunk in parts of its customers; the rows of those that have several are written once more. All have to be
    /// written.
    pub(crate) fn divide(
        &mut self,
        parts: &[Vec<Range<usize>>],
        kinds: &[Kind],
        owners: &Owners,
    ) -> io::Result<()> {
        self.chunk_of = chunk_of(parts.iter().flatten());
        let mut divided = Vec::new();
        for (chunk, parts) in std::mem::take(&mut self.chunks).into_iter().zip(parts) {
            if let [_] = parts.as_slice() {
                self.chunks.push(chunk);
                continue;
            }
            for part in parts {
                self.chunks.push(OfChunk::new(kinds.len()));
                // They are weighed as they are put in.
                self.bytes_of.get_mut(part.clone()).into_iter().for_each(|bytes| bytes.fill(0));
            }
            divided.push(chunk);
        }
        for written in divided.iter().flat_map(|chunk| &chunk.written) {
            let piece = self.read(written)?;
            self.add(&Block::Aside(piece), kinds, owners)?;
        }
        self.write()
    }

    /// How many bytes are in the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.written
    }
}

/// A new file that only this program can read, and that nobody finds.
fn nameless(folder: &Path) -> io::Result<File> {
    private::make_folder(folder)?;
    let path = folder.join(format!("{:016x}.aside", rand::random::<u64>()));
    let file = private::new_file().read(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// What a value begins with.
const NULL: u8 = 0;
const INT: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const DAY: u8 = 4;
const CIVIL: u8 = 5;
const INSTANT: u8 = 6;
/// Text that is none.
const BROKEN: u8 = 7;

fn push(column: &mut Vec<u8>, raw: Option<Raw<'_>>) {
    let mut whole = |kind, number: i64| {
        column.push(kind);
        push_number(column, (number << 1 ^ number >> 63).cast_unsigned());
    };
    match raw {
        None => column.push(BROKEN),
        Some(Raw::Null) => column.push(NULL),
        Some(Raw::Int(number)) => whole(INT, number),
        Some(Raw::Day(day)) => whole(DAY, day.into()),
        Some(Raw::Civil(micros)) => whole(CIVIL, micros),
        Some(Raw::Instant(micros)) => whole(INSTANT, micros),
        Some(Raw::Real(real)) => {
            column.push(REAL);
            column.extend(real.to_le_bytes());
        }
        Some(Raw::Text(text)) => {
            column.push(TEXT);
            push_number(column, text.len() as u64);
            column.extend(text.as_bytes());
        }
    }
}

/// Seven bits a byte, the lowest first; all bytes but the last have the eighth.
fn push_number(column: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        column.push(number as u8 | 0x80);
        number >>= 7;
    }
    column.push(number as u8);
}

impl Piece {
    /// Calls back with every value of a column, in order; with none where a text or bytes are not UTF-8.
    pub(crate) fn each(&self, column: usize, mut take: impl FnMut(Option<Raw<'_>>)) {
        let mut rest = self.columns.get(column).map_or([].as_slice(), Vec::as_slice);
        for _ in 0..self.rows {
            let Ok(raw) = next(&mut rest) else { return };
            take(raw);
        }
    }
}

/// Takes the next value. It is as it was written, unless the file is not.
fn next<'a>(rest: &mut &'a [u8]) -> io::Result<Option<Raw<'a>>> {
    let cut = || io::Error::from(ErrorKind::UnexpectedEof);
    let kind = rest.split_off_first().ok_or_else(cut)?;
    let mut whole = || {
        let number = next_number(rest)?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    };
    let raw = match *kind {
        BROKEN => return Ok(None),
        NULL => Some(Raw::Null),
        INT => whole().map(Raw::Int),
        DAY => whole().and_then(|day| day.try_into().ok()).map(Raw::Day),
        CIVIL => whole().map(Raw::Civil),
        INSTANT => whole().map(Raw::Instant),
        REAL => rest.split_off(..8).and_then(|b| b.try_into().ok()).map(|b| Raw::Real(f64::from_le_bytes(b))),
        TEXT => next_number(rest)
            .and_then(|length| rest.split_off(..usize::try_from(length).ok()?))
            .and_then(|text| std::str::from_utf8(text).ok())
            .map(Raw::Text),
        _ => None,
    };
    raw.map(Some).ok_or_else(cut)
}

fn next_number(rest: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *rest.split_off_first()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            return Some(number);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Value {
        Raw(Option<Raw<'static>>),
        Text(String),
    }

    fn value() -> impl Strategy<Value = Value> {
        let raw = prop_oneof![
            Just(Some(Raw::Null)),
            Just(None),
            any::<i64>().prop_map(|n| Some(Raw::Int(n))),
            (-300..300_i64).prop_map(|n| Some(Raw::Int(n))),
            any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(|x| Some(Raw::Real(x))),
            any::<i32>().prop_map(|n| Some(Raw::Day(n))),
            any::<i64>().prop_map(|n| Some(Raw::Civil(n))),
            any::<i64>().prop_map(|n| Some(Raw::Instant(n))),
        ];
        prop_oneof![raw.prop_map(Value::Raw), "\\PC{0,200}".prop_map(Value::Text)]
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(values in proptest::collection::vec(value(), 0..50)) {
            let mut column = Vec::new();
            for value in &values {
                push(&mut column, match value {
                    Value::Raw(raw) => *raw,
                    Value::Text(text) => Some(Raw::Text(text)),
                });
            }
            let piece = Piece { rows: values.len(), columns: vec![column] };
            let mut back = Vec::new();
            piece.each(0, |raw| back.push(match raw {
                Some(Raw::Text(text)) => Value::Text(text.to_owned()),
                None => Value::Raw(None),
                Some(Raw::Null) => Value::Raw(Some(Raw::Null)),
                Some(Raw::Int(n)) => Value::Raw(Some(Raw::Int(n))),
                Some(Raw::Real(x)) => Value::Raw(Some(Raw::Real(x))),
                Some(Raw::Day(n)) => Value::Raw(Some(Raw::Day(n))),
                Some(Raw::Civil(n)) => Value::Raw(Some(Raw::Civil(n))),
                Some(Raw::Instant(n)) => Value::Raw(Some(Raw::Instant(n))),
            }));
            prop_assert_eq!(back, values);
        }
    }

    #[test]
    fn the_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("new");
        let aside = Aside::new(&inside, &[], 1, 0).unwrap();
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
        drop(aside);
    }
}
