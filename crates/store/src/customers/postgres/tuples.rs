//! Rows as PostgreSQL's binary COPY has them: one behind the other, each value with its length before it.

/// What a COPY begins with, before some flags and the length of what may follow those.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// How much is taken apart at once.
const BYTES: usize = 1 << 18;

/// Some rows.
pub(crate) struct Tuples {
    bytes: Vec<u8>,
    /// Where each value begins and how long it is, row by row.
    cells: Vec<Option<(u32, u32)>>,
    columns: usize,
}

impl Tuples {
    pub(super) fn new(columns: usize) -> Tuples {
        Tuples { bytes: Vec::new(), cells: Vec::new(), columns: columns.max(1) }
    }

    /// Adds the next value of a row.
    pub(super) fn push(&mut self, value: Option<&[u8]>) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.cells.push(value.map(|value| (begin as u32, value.len() as u32)));
    }

    /// How many there are.
    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }

    /// Whether it is time to send them on.
    pub(super) fn are_enough(&self) -> bool {
        self.bytes.len() >= BYTES
    }

    /// The values of a column, none where there is nothing.
    #[inline]
    pub(crate) fn each(&self, column: usize, mut take: impl FnMut(Option<&[u8]>)) {
        for cell in self.cells.iter().skip(column).step_by(self.columns) {
            take(cell.and_then(|(begin, length)| {
                let begin = begin as usize;
                self.bytes.get(begin..begin + length as usize)
            }));
        }
    }
}

/// A COPY while it comes in, in pieces of any length.
pub(super) struct Copy {
    rows: Tuples,
    /// Up to here it was taken apart.
    at: usize,
    place: Place,
}

enum Place {
    Before,
    Among,
    After,
}

/// It is not what a COPY looks like.
#[derive(Debug)]
pub(super) struct Garbled;

impl Copy {
    pub(super) fn new(columns: usize) -> Copy {
        Copy { rows: Tuples::new(columns), at: 0, place: Place::Before }
    }

    /// Takes the next piece, and hands out rows once they are enough.
    pub(super) fn add(&mut self, piece: &[u8]) -> Result<Option<Tuples>, Garbled> {
        self.rows.bytes.extend_from_slice(piece);
        while self.next()? {}
        Ok((self.at >= BYTES).then(|| self.take()))
    }

    /// The rows that are left, if it came whole.
    pub(super) fn finish(mut self) -> Result<Tuples, Garbled> {
        let whole = matches!(self.place, Place::After) && self.at == self.rows.bytes.len();
        whole.then(|| self.take()).ok_or(Garbled)
    }

    /// The rows so far; what is there of the next one stays.
    fn take(&mut self) -> Tuples {
        let mut next = Tuples::new(self.rows.columns);
        next.bytes.reserve(BYTES * 2);
        next.bytes.extend_from_slice(self.rows.bytes.get(self.at..).unwrap_or_default());
        next.cells.reserve(self.rows.cells.len());
        self.at = 0;
        std::mem::replace(&mut self.rows, next)
    }

    /// Takes the next row apart, or what stands before or after all rows; false if it is not there yet.
    fn next(&mut self) -> Result<bool, Garbled> {
        let rest = self.rows.bytes.get(self.at..).unwrap_or_default();
        match self.place {
            Place::Before => {
                let Some((signature, rest)) = rest.split_at_checked(SIGNATURE.len() + 4) else {
                    return Ok(false);
                };
                let Some(length) = rest.first_chunk().map(|l| u32::from_be_bytes(*l) as usize) else {
                    return Ok(false);
                };
                if !signature.starts_with(SIGNATURE) {
                    return Err(Garbled);
                }
                if rest.len() < 4 + length {
                    return Ok(false);
                }
                self.at += signature.len() + 4 + length;
                self.place = Place::Among;
                Ok(true)
            }
            Place::Among => match rest.first_chunk().map(|count| i16::from_be_bytes(*count)) {
                None => Ok(false),
                Some(-1) => {
                    self.at += 2;
                    self.place = Place::After;
                    Ok(true)
                }
                Some(count) if usize::try_from(count) == Ok(self.rows.columns) => self.row(),
                Some(_) => Err(Garbled),
            },
            Place::After if rest.is_empty() => Ok(false),
            Place::After => Err(Garbled),
        }
    }

    fn row(&mut self) -> Result<bool, Garbled> {
        let (before, mut at) = (self.rows.cells.len(), self.at + 2);
        for _ in 0..self.rows.columns {
            let Some(length) = self.rows.bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
                self.rows.cells.truncate(before);
                return Ok(false);
            };
            at += 4;
            self.rows.cells.push(match i32::from_be_bytes(*length) {
                -1 => None,
                length => {
                    let begin = at;
                    at += usize::try_from(length).map_err(|_| Garbled)?;
                    Some((begin as u32, length as u32))
                }
            });
        }
        if at > self.rows.bytes.len() {
            self.rows.cells.truncate(before);
            return Ok(false);
        }
        self.at = at;
        Ok(true)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = Vec<Option<Vec<u8>>>;

    fn copied(rows: &[Row]) -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0; 4], &2_u32.to_be_bytes(), b"xy"].concat();
        for row in rows {
            bytes.extend((row.len() as i16).to_be_bytes());
            for value in row {
                bytes.extend(value.as_ref().map_or(-1, |v| v.len() as i32).to_be_bytes());
                bytes.extend(value.iter().flatten());
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    fn read(pieces: &[&[u8]]) -> Result<Vec<Row>, Garbled> {
        let mut copy = Copy::new(3);
        let mut some = Vec::new();
        for piece in pieces {
            some.extend(copy.add(piece)?);
        }
        some.push(copy.finish()?);
        let mut rows = Vec::new();
        for tuples in some {
            let first = rows.len();
            rows.resize(first + tuples.cells.len() / 3, Vec::new());
            for column in 0..3 {
                let mut rows = rows.iter_mut().skip(first);
                tuples.each(column, |value| rows.next().unwrap().push(value.map(<[u8]>::to_vec)));
            }
        }
        Ok(rows)
    }

    proptest! {
        #[test]
        fn rows_are_whole_wherever_a_copy_is_cut(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 3), 0..9),
            sizes in prop::collection::vec(1..40_usize, 1..9),
            long in any::<bool>(),
        ) {
            let mut rows = rows;
            if long {
                rows.push(vec![None, Some(vec![7; BYTES]), Some(Vec::new())]);
                rows.extend(rows.clone());
            }
            let bytes = copied(&rows);
            let mut rest = bytes.as_slice();
            let mut pieces = Vec::new();
            for size in sizes.iter().cycle().take(200) {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(read(&pieces).unwrap(), rows);
            for end in 0..bytes.len().min(100) {
                prop_assert!(read(&[bytes.get(..end).unwrap()]).is_err(), "cut short");
            }
            prop_assert!(read(&[&bytes, b"x"]).is_err(), "something comes after");
        }
    }
}
