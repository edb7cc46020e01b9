//! A file as memory.
//!
//! Besides the reading of SQLite's rows, this file alone of the store has `unsafe`: a mapped file is memory that changes
//! where somebody writes to the file. Nobody does: a cache is written beside and renamed, never changed in place, and it is
//! its owner's alone. What is mapped is hashed before it is believed.
#![allow(unsafe_code)]

use arrow_buffer::Buffer;
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::File;

/// All of a file, read when it is looked at. None where it cannot be mapped, or is empty.
pub(super) fn file(file: &File) -> Option<Buffer> {
    // SAFETY: the file is only ever replaced as a whole, so what is mapped stays what it is.
    let map = unsafe { Mmap::map(file) }.ok()?;
    (!map.is_empty()).then(|| Buffer::from(Bytes::from_owner(map)))
}
