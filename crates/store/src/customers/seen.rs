//! What tells one state of a file from another beside its length and time, which a copy may keep.

use std::fs::Metadata;

/// A file's number, and when anything about it last changed (seconds since 1970 UTC, and nanoseconds), where the system
/// knows.
#[cfg(unix)]
pub(crate) fn more(data: &Metadata) -> [i64; 3] {
    use std::os::unix::fs::MetadataExt;
    [data.ino().cast_signed(), data.ctime(), data.ctime_nsec()]
}

#[cfg(not(unix))]
pub(crate) fn more(_: &Metadata) -> [i64; 3] {
    [0; 3]
}
