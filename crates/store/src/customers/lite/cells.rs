//! Some rows of SQLite, by column.

use crate::customers::lite::rows::Cell;
use tidings_schema::Raw;

/// In a block.
pub(super) const ROWS: usize = 4096;
pub(crate) struct Cells {
    pub(super) columns: Vec<Column>,
    /// How long all texts are together.
    pub(super) bytes: usize,
    /// How long they may be: where they are long, rows are fewer.
    most: usize,
}

/// A column's values, each of the kind that it has.
pub(super) struct Column {
    kinds: Vec<Kind>,
    /// Whole numbers, the bits of real ones, and where texts end.
    words: Vec<u64>,
    texts: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    Null,
    Int,
    Real,
    Text,
}

impl Cells {
    pub(super) fn new(columns: usize, most: usize) -> Cells {
        let column =
            || Column { kinds: Vec::with_capacity(ROWS), words: Vec::with_capacity(ROWS), texts: Vec::new() };
        Cells { columns: (0..columns).map(|_| column()).collect(), bytes: 0, most }
    }

    /// How many there are.
    pub(crate) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.kinds.len())
    }

    /// Whether it is time to send them on.
    pub(super) fn are_enough(&self) -> bool {
        self.rows() >= ROWS || self.bytes > self.most
    }

    /// Calls back with every value of a column, in order; with none where a text or bytes are not UTF-8.
    #[inline]
    pub(crate) fn each(&self, column: usize, mut take: impl FnMut(Option<Raw<'_>>)) {
        let Some(column) = self.columns.get(column) else { return };
        // A piece of UTF-8 that is cut between its letters is UTF-8.
        let whole = std::str::from_utf8(&column.texts).ok();
        let mut begin = 0;
        for (kind, word) in column.kinds.iter().zip(&column.words) {
            take(match kind {
                Kind::Null => Some(Raw::Null),
                Kind::Int => Some(Raw::Int(word.cast_signed())),
                Kind::Real => Some(Raw::Real(f64::from_bits(*word))),
                Kind::Text => {
                    let end = *word as usize;
                    let text = match whole.and_then(|whole| whole.get(begin..end)) {
                        None => column.texts.get(begin..end).and_then(|text| std::str::from_utf8(text).ok()),
                        text => text,
                    };
                    begin = end;
                    text.map(Raw::Text)
                }
            });
        }
    }
}

impl Column {
    /// Adds a value, and says how long its text is.
    #[inline]
    pub(super) fn push(&mut self, cell: Cell<'_>) -> usize {
        let before = self.texts.len();
        let (kind, word) = match cell {
            Cell::Null => (Kind::Null, 0),
            Cell::Int(whole) => (Kind::Int, whole.cast_unsigned()),
            Cell::Real(real) => (Kind::Real, real.to_bits()),
            // Some programs keep text as bytes.
            Cell::Text(text) | Cell::Bytes(text) => {
                self.texts.extend_from_slice(text);
                (Kind::Text, self.texts.len() as u64)
            }
        };
        self.kinds.push(kind);
        self.words.push(word);
        self.texts.len() - before
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn half_a_letter_is_no_text_whatever_comes_behind_it() {
        let mut cells = Cells::new(1, 0);
        let rows: [&[u8]; 4] = ["中".as_bytes(), &[0xe4], &[0xb8, 0xad], b"x"];
        for row in rows {
            cells.columns[0].push(Cell::Bytes(row));
        }
        let mut seen = Vec::new();
        cells.each(0, |raw| seen.push(raw.map(|raw| raw.to_string())));
        assert_eq!(seen, [Some("中".to_owned()), None, None, Some("x".to_owned())]);
    }
}
