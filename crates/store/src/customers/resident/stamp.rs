//! Whether somebody wrote to an SQLite file.

use crate::customers::lite::first::first;
use crate::customers::seen;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A file changes its time of change only so often; what changed later than this before it was looked at (in
/// microseconds) may change once more with the same one.
const BLUR: i128 = 2_000_000;

/// A database file and its write-ahead log as they were at a moment. Two that are the same are of the same content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: i128,
    /// See [`seen::more`].
    more: [i64; 3],
    /// The beginning of the file, which counts changes where there is no log.
    head: Vec<u8>,
    /// What the log's index says of the last transaction, where there is a log.
    log: Option<Vec<u8>>,
}

impl Stamp {
    /// Looks at a file at a moment (microseconds since 1970 UTC). None where it cannot be told for certain.
    pub(crate) fn of(path: &Path, at: i64) -> Option<Stamp> {
        // What lies beside it lies beside the file itself, not beside a link to it.
        let path = &path.canonicalize().ok()?;
        let data = path.metadata().ok()?;
        let modified = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos() as i128;
        if modified / 1000 + BLUR > i128::from(at) {
            return None;
        }
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            name
        };
        // What a journal beside it will undo is not known.
        if Path::new(&beside("-journal")).metadata().is_ok_and(|journal| journal.len() > 0) {
            return None;
        }
        // Without its index, a log may have been written by anybody.
        let log = match Path::new(&beside("-wal")).metadata() {
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Ok(log) if log.len() == 0 => None,
            Ok(_) => Some(beginning(Path::new(&beside("-shm")), 48)?),
            Err(_) => return None,
        };
        Some(Stamp {
            length: data.len(),
            modified,
            more: seen::more(&data),
            head: beginning(path, 100)?,
            log,
        })
    }
}

impl Stamp {
    /// As a cache writes it.
    pub(super) fn written(&self) -> Value {
        let modified = self.modified.to_string();
        json!([self.length, modified, self.more, hex::encode(&self.head), self.log.as_ref().map(hex::encode)])
    }

    /// What [`Stamp::written`] wrote.
    pub(super) fn read(written: &Value) -> Option<Stamp> {
        let log = match written.get(4)? {
            Value::Null => None,
            log => Some(hex::decode(log.as_str()?).ok()?),
        };
        let modified = written.get(1)?.as_str()?.parse().ok()?;
        Some(Stamp {
            length: written.get(0)?.as_u64()?,
            modified,
            more: serde_json::from_value(written.get(2)?.clone()).ok()?,
            head: hex::decode(written.get(3)?.as_str()?).ok()?,
            log,
        })
    }
}

fn beginning(path: &Path, bytes: usize) -> Option<Vec<u8>> {
    first(path, bytes).ok().filter(|first| first.len() == bytes)
}
