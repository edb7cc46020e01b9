//! What is held as record batches: one section of the customers, a batch a chunk, one of each collection's rows, and one of
//! the keys of what was left out. Each is a stream of Arrow's IPC format, and is used where it lies.

use super::arrays::alike;
use crate::customers::held::{HeldChunk, HeldRows};
use crate::customers::keys::{Key, Keys};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema};
use std::io::Write;
use std::sync::Arc;
use tidings_engine::chunk::Rows;

/// The sections of chunks: the customers, and each collection.
pub(super) fn sections(chunks: &[HeldChunk]) -> usize {
    1 + chunks.first().map_or(0, |chunk| chunk.collections.len())
}

/// Writes one of them. All batches of a section have one schema, so the rows' keys are made of one type.
pub(super) fn write(out: &mut impl Write, chunks: &[HeldChunk], section: usize) -> Result<(), ArrowError> {
    let keys = |chunk| -> Option<&ArrayRef> { rows_of(chunk, section)?.keys.as_ref() };
    let keys = chunks.iter().map(keys).collect::<Option<Vec<_>>>().map_or(Vec::new(), |keys| alike(&keys));
    let keys = keys.into_iter().map(Some).chain(std::iter::repeat(None));
    write_all(out, chunks.iter().zip(keys).map(|(chunk, keys)| columns(chunk, section, keys)))
}

/// The rows that a section is of, unless it is of the customers.
fn rows_of(chunk: &HeldChunk, section: usize) -> Option<&HeldRows> {
    chunk.collections.get(section.checked_sub(1)?)
}

/// Writes lists of keys.
pub(super) fn write_keys(out: &mut impl Write, all: &[&Keys]) -> Result<(), ArrowError> {
    let batches = all.iter().map(|keys| -> Vec<ArrayRef> {
        let rows: Vec<u32> = (0..keys.len() as u32).collect();
        vec![Arc::new(keys.texts(&rows))]
    });
    write_all(out, batches)
}

fn columns(chunk: &HeldChunk, section: usize, keys: Option<ArrayRef>) -> Vec<ArrayRef> {
    match rows_of(chunk, section) {
        None => {
            let keys: ArrayRef = Arc::new(chunk.keys.clone());
            let counts = chunk.collections.iter().map(|held| -> ArrayRef {
                Arc::new(held.rows.offsets.lengths().map(|n| n as i32).collect::<Int32Array>())
            });
            [keys].into_iter().chain(chunk.attributes.iter().cloned()).chain(counts).collect()
        }
        Some(held) => held.rows.fields.iter().cloned().chain(keys).collect(),
    }
}

fn write_all(
    out: &mut impl Write,
    mut batches: impl Iterator<Item = Vec<ArrayRef>>,
) -> Result<(), ArrowError> {
    let Some(first) = batches.next() else { return Ok(()) };
    let field = |(i, column): (usize, &ArrayRef)| Field::new(i.to_string(), column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(first.iter().enumerate().map(field).collect::<Vec<Field>>()));
    let mut writer = StreamWriter::try_new(out, &schema)?;
    for columns in [first].into_iter().chain(batches) {
        writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
    }
    writer.finish()
}

/// Reads a section; nothing where it is no such thing.
pub(super) fn read(mut section: Buffer) -> Option<Vec<Vec<ArrayRef>>> {
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !section.is_empty() {
        if let Some(batch) = decoder.decode(&mut section).ok()? {
            batches.push(batch.columns().to_vec());
        }
    }
    decoder.finish().ok()?;
    Some(batches)
}

/// The keys of a section that [`write_keys`] wrote.
pub(super) fn read_keys(section: Buffer) -> Option<Vec<Keys>> {
    let lists = read(section)?.into_iter().map(|columns| {
        let texts = columns.first()?.as_string_opt::<i32>()?.clone();
        let mut keys = Keys::default();
        texts.iter().for_each(|text| keys.push(text.map(Key::of)));
        Some(keys)
    });
    lists.collect()
}

/// Chunks from their sections; `shape` is how many attributes they have, and for each collection how many fields and
/// whether its rows have keys.
pub(super) fn chunks(
    sections: Vec<Vec<Vec<ArrayRef>>>,
    (attributes, collections): (usize, &[(usize, bool)]),
) -> Option<Vec<HeldChunk>> {
    let mut sections = sections.into_iter().map(Vec::into_iter);
    let customers = sections.next()?;
    let mut rows: Vec<_> = sections.collect();
    let chunks = customers.map(|columns| {
        if columns.len() != 1 + attributes + collections.len() || rows.len() != collections.len() {
            return None;
        }
        let (keys, columns) = columns.split_first()?;
        let (columns, counts) = columns.split_at_checked(attributes)?;
        let keys: StringArray = keys.as_string_opt::<i32>().filter(|keys| keys.null_count() == 0)?.clone();
        let held = rows.iter_mut().zip(counts).zip(collections).map(|((rows, counts), (fields, keyed))| {
            let mut fields_and_keys = rows.next()?;
            if fields_and_keys.len() != fields + usize::from(*keyed) {
                return None;
            }
            let keys = if *keyed { fields_and_keys.pop() } else { None };
            let counts = counts.as_primitive_opt::<Int32Type>()?;
            let lengths = counts.values().iter().map(|n| usize::try_from(*n).ok());
            let lengths: Vec<usize> = lengths.collect::<Option<_>>()?;
            let all = lengths.iter().sum::<usize>();
            if fields_and_keys.iter().chain(&keys).any(|column| column.len() != all) {
                return None;
            }
            let offsets = OffsetBuffer::from_lengths(lengths);
            Some(HeldRows { rows: Rows { offsets, fields: fields_and_keys }, keys })
        });
        let held = held.collect::<Option<Vec<HeldRows>>>()?;
        Some(HeldChunk { keys, attributes: columns.to_vec(), collections: held })
    });
    chunks.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::customers::resident::arrays::key_at;
    use arrow_array::{Int64Array, UInt32Array};

    #[test]
    fn keys_are_read_as_they_were_where_chunks_have_them_in_different_room() {
        let big = i64::from(u32::MAX) + 1;
        let kept: [ArrayRef; 4] = [
            Arc::new(UInt32Array::from(vec![1, 2])),
            Arc::new(UInt32Array::from(Vec::<u32>::new())),
            Arc::new(Int64Array::from(vec![big, -1])),
            Arc::new(StringArray::from(vec!["a"])),
        ];
        for some in [&kept[..2], &kept[..3], &kept[..]] {
            let chunk = |keys: &ArrayRef| HeldChunk {
                keys: StringArray::from(vec!["c"]),
                attributes: Vec::new(),
                collections: vec![HeldRows {
                    rows: Rows { offsets: OffsetBuffer::from_lengths([keys.len()]), fields: Vec::new() },
                    keys: Some(keys.clone()),
                }],
            };
            let chunks: Vec<HeldChunk> = some.iter().map(chunk).collect();
            let mut written = Vec::new();
            write(&mut written, &chunks, 1).unwrap();
            let read = read(Buffer::from(written)).unwrap();
            let keys = |keys: &ArrayRef| -> Vec<_> {
                (0..keys.len()).map(|row| key_at(keys, row).unwrap().to_string()).collect()
            };
            assert!(read.iter().map(|columns| keys(columns.first().unwrap())).eq(some.iter().map(keys)));
        }
    }
}
