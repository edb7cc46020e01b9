//! What is kept, in a file for the next command. The file holds personal data, so nobody but its owner may read it; it is
//! written beside and then renamed, so that it is there whole or not at all; and whatever is in it that is not just
//! what was written, of this store and this vocabulary, is as if it were not there.
//!
//! A line of 64 bytes: the format, a hash of all that follows, and how much that is. Then the sections, each at a multiple of
//! 64 and with a line of its length behind it, so that none has to be in memory as a whole to be written: what is
//! known of the whole as JSON, the keys of what was left out, the columns.

use super::mapped;
use super::mark::Told;
use super::sections;
use super::stamp::Stamp;
use super::{Marks, Resident, State};
use crate::customers::held::{Held, Left};
use crate::customers::keys::Keys;
use crate::customers::table::BadColumn;
use crate::private;
use arrow_buffer::Buffer;
use arrow_schema::ArrowError;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use tidings_engine::chunk::{CollectionNeeds, Needs};
use tidings_schema::{AttributeId, CollectionId, FieldId, Vocabulary};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

/// What the file begins with; another format has another number.
const FORMAT: &[u8; 16] = b"tidings cache 6\n";
const LINE: usize = 64;
/// So many bytes of small arrays are written at once.
const BUFFER: usize = 1 << 20;
/// What values were read by: another version may read them otherwise, and other time zones do.
const READ_BY: [&str; 2] = [env!("CARGO_PKG_VERSION"), chrono_tz::IANA_TZDB_VERSION];

impl Resident {
    /// One that begins with what a file keeps of its store, once it is used; with nothing where the file is not there,
    /// or is of anything else.
    pub fn cached(file: &Path) -> Resident {
        Resident { cache: Some(file.to_owned()), ..Resident::default() }
    }

    /// Takes in what the cache has.
    pub(super) fn begin(&mut self, store: u128, vocabulary: &Vocabulary) {
        if let Some(file) = self.cache.take() {
            self.kept = read(&file).and_then(|content| restored(content, store, vocabulary));
            self.from_cache = self.kept.is_some();
        }
    }

    /// Removes what commands left beside a cache that were killed while they wrote it, and (`all`) the cache itself.
    pub fn forget(file: &Path, all: bool) -> io::Result<()> {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Ok(()) };
        let ours = |path: &Path| {
            let beside = path.extension().is_some_and(|e| e.len() == 16) && path.file_stem() == Some(name);
            beside || all && path.file_name() == Some(name)
        };
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if ours(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Writes it down, unless the file says nearly the same already: what little came since is read again the next time.
    pub fn save(&self, file: &Path) -> io::Result<bool> {
        let Some(kept) = &self.kept else { return Ok(false) };
        // What cannot be brought up to date is of no use to the next command.
        if kept.stamp.is_none() && !kept.marks.any() {
            return Ok(false);
        }
        let few = kept.changed.saturating_mul(200) <= kept.rows();
        if self.from_cache && few || kept.held.chunks.is_empty() {
            return Ok(false);
        }
        Resident::forget(file, false)?;
        let mut beside = file.as_os_str().to_owned();
        beside.push(format!(".{:016x}", rand::random::<u64>()));
        let beside = Path::new(&beside);
        let written = write(beside, kept).and_then(|()| fs::rename(beside, file));
        if written.is_err() {
            fs::remove_file(beside).ok();
        }
        written.map(|()| true)
    }
}

fn write(file: &Path, kept: &State) -> io::Result<()> {
    fs::remove_file(file).ok();
    let mut file = private::new_file().open(file)?;
    file.write_all(&[0; LINE])?;
    let mut content =
        Hashed { out: BufWriter::with_capacity(BUFFER, &file), hash: Xxh3Default::new(), length: 0 };
    write_content(&mut content, kept).map_err(io::Error::other)?;
    content.flush()?;
    let mut line = FORMAT.to_vec();
    line.extend(content.hash.digest128().to_le_bytes());
    line.extend(content.length.to_le_bytes());
    drop(content);
    file.rewind()?;
    file.write_all(&line)
}

/// What is written, with what is known of it so far.
struct Hashed<W> {
    out: W,
    hash: Xxh3Default,
    length: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hash.update(bytes.get(..taken).unwrap_or_default());
        self.length += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// All behind the first line.
fn write_content<W: Write>(out: &mut Hashed<W>, kept: &State) -> Result<(), ArrowError> {
    let about = about(kept).to_string();
    section(out, |out| Ok(out.write_all(about.as_bytes())?))?;
    let lefts = || [&kept.held.customers].into_iter().chain(&kept.held.collections);
    let keys: Vec<&Keys> = lefts()
        .flat_map(|left| [&left.orphan_keys, &left.without_time_keys].into_iter().chain(&left.bad_keys))
        .collect();
    section(out, |out| sections::write_keys(out, &keys))?;
    for i in 0..sections::sections(&kept.held.chunks) {
        section(out, |out| sections::write(out, &kept.held.chunks, i))?;
    }
    Ok(())
}

fn section<W: Write>(
    out: &mut Hashed<W>,
    write: impl FnOnce(&mut Hashed<W>) -> Result<(), ArrowError>,
) -> Result<(), ArrowError> {
    let begin = out.length;
    write(out)?;
    let length = out.length - begin;
    let mut line = [0; LINE];
    line.first_chunk_mut().into_iter().for_each(|begin| *begin = length.to_le_bytes());
    let gap = length.next_multiple_of(LINE as u64) - length;
    io::copy(&mut io::repeat(0).take(gap), out)?;
    Ok(out.write_all(&line)?)
}

/// All behind the first line, if it is what was written.
fn read(file: &Path) -> Option<Buffer> {
    let mut file = File::open(file).ok()?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.metadata().ok()?.permissions()) & 0o077 != 0 {
        // Others may write to what would be mapped.
        return None;
    }
    let mut line = [0; LINE];
    file.read_exact(&mut line).ok()?;
    let (format, rest) = line.split_first_chunk::<16>()?;
    let (hash, rest) = rest.split_first_chunk::<16>()?;
    let (length, zeros) = rest.split_first_chunk::<8>()?;
    let (hash, length) = (u128::from_le_bytes(*hash), u64::from_le_bytes(*length));
    let there = file.metadata().ok()?.len().checked_sub(LINE as u64)?;
    if format != FORMAT || length != there || zeros.iter().any(|b| *b != 0) {
        return None;
    }
    let content = mapped::file(&file)?.slice(LINE);
    (xxh3_128(content.as_slice()) == hash).then_some(content)
}

fn restored(content: Buffer, store: u128, vocabulary: &Vocabulary) -> Option<State> {
    let mut sections = Vec::new();
    let mut end = content.len();
    while end > 0 {
        let line = end.checked_sub(LINE)?;
        let length = content.as_slice().get(line..)?.first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        end = line.checked_sub(length.checked_next_multiple_of(LINE)?)?;
        sections.push(content.slice_with_length(end, length));
    }
    let mut sections = sections.into_iter().rev();
    let about: Value = serde_json::from_slice(sections.next()?.as_slice()).ok()?;
    if about.get("read_by")? != &json!(READ_BY)
        || about.get("store")?.as_str()? != hex(store)
        || about.get("vocabulary")?.as_str()? != identity(vocabulary)
    {
        return None;
    }
    let needs = needs(about.get("needs")?)?;
    let mut keys = sections::read_keys(sections.next()?)?.into_iter();
    let mut lefts = about.get("left")?.as_array()?.iter().map(|written| left(written, &mut keys));
    let customers = lefts.next()??;
    let collections = lefts.collect::<Option<Vec<Left>>>()?;
    let (table, tables) = super::tables(vocabulary, &needs);
    let shape: Vec<(usize, bool)> =
        tables.iter().map(|(_, table)| (table.attributes.len(), table.keys.len() > 1)).collect();
    let columns = sections.map(sections::read).collect::<Option<Vec<_>>>()?;
    let chunks = sections::chunks(columns, (table.attributes.len(), &shape))?;
    let mut marks = about.get("marks")?.as_array()?.iter().map(mark);
    let (customers_mark, collections_marks) = (marks.next()??, marks.collect::<Option<_>>()?);
    // Who deleted a row looks at once what became of it.
    let marks = Marks { customers: customers_mark, collections: collections_marks, counted_at: i64::MIN };
    if collections.len() != shape.len() || marks.collections.len() != shape.len() || keys.next().is_some() {
        return None;
    }
    let held = Held { chunks, customers, collections };
    let stamp = Stamp::read(about.get("stamp")?);
    let (whole_at, patched) = (about.get("whole_at")?.as_i64()?, about.get("patched")?.as_bool()?);
    Some(State {
        store,
        vocabulary: vocabulary.clone(),
        needs,
        held,
        marks,
        stamp,
        changed: 0,
        whole_at,
        patched,
    })
}

fn about(kept: &State) -> Value {
    let collections = kept
        .needs
        .collections
        .iter()
        .map(|c| json!([c.id.0, c.fields.iter().map(|f| f.0).collect::<Vec<_>>()]));
    let marks = [&kept.marks.customers].into_iter().chain(&kept.marks.collections);
    let left = [&kept.held.customers].into_iter().chain(&kept.held.collections).map(|left| {
        let bad = left
            .bad
            .iter()
            .map(|bad| bad.as_ref().map(|b| json!([b.table, b.column, b.count, b.expected, b.first_key])));
        json!({"without_key": left.without_key, "without_time": left.without_time, "orphans": left.orphans,
            "bad": bad.collect::<Vec<_>>()})
    });
    json!({
        "read_by": READ_BY,
        "store": hex(kept.store),
        "vocabulary": identity(&kept.vocabulary),
        "needs": {
            "attributes": kept.needs.attributes.iter().map(|a| a.0).collect::<Vec<_>>(),
            "collections": collections.collect::<Vec<_>>(),
        },
        "marks": marks.map(|mark| mark.map(Told::written)).collect::<Vec<_>>(),
        "whole_at": kept.whole_at,
        "patched": kept.patched,
        "stamp": kept.stamp.as_ref().map(Stamp::written),
        "left": left.collect::<Vec<_>>(),
    })
}

fn hex(number: u128) -> String {
    format!("{number:032x}")
}

/// What tells a vocabulary from others.
fn identity(vocabulary: &Vocabulary) -> String {
    hex(xxh3_128(format!("{vocabulary:?}").as_bytes()))
}

fn needs(written: &Value) -> Option<Needs> {
    let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    let numbers = |value: &Value| value.as_array()?.iter().map(number).collect::<Option<Vec<u32>>>();
    let collections = written.get("collections")?.as_array()?.iter().map(|c| {
        let fields = numbers(c.get(1)?)?.into_iter().map(FieldId).collect();
        Some(CollectionNeeds { id: CollectionId(number(c.get(0)?)?), fields })
    });
    let attributes = numbers(written.get("attributes")?)?.into_iter().map(AttributeId).collect();
    Some(Needs { attributes, collections: collections.collect::<Option<_>>()? })
}

fn left(written: &Value, keys: &mut impl Iterator<Item = Keys>) -> Option<Left> {
    let count = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    let bad = written.get("bad")?.as_array()?.iter().map(|b| {
        if b.is_null() {
            return Some(None);
        }
        Some(Some(BadColumn {
            table: b.get(0)?.as_str()?.to_owned(),
            column: b.get(1)?.as_str()?.to_owned(),
            count: count(b.get(2)?)?,
            expected: b.get(3)?.as_str()?.to_owned(),
            first_key: b.get(4)?.as_str().map(str::to_owned),
        }))
    });
    let bad: Vec<Option<BadColumn>> = bad.collect::<Option<_>>()?;
    let (orphan_keys, without_time_keys) = (keys.next()?, keys.next()?);
    let bad_keys: Vec<Keys> = keys.take(bad.len()).collect();
    Some(Left {
        without_key: count(written.get("without_key")?)?,
        without_time: count(written.get("without_time")?)?,
        orphans: count(written.get("orphans")?)?,
        orphan_keys,
        without_time_keys,
        bad_keys: (bad_keys.len() == bad.len()).then_some(bad_keys)?,
        bad,
    })
}

fn mark(written: &Value) -> Option<Option<Told>> {
    if written.is_null() { Some(None) } else { Told::read(written).map(Some) }
}
