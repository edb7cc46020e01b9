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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_mapped_stays_as_long_as_somebody_has_a_part_of_it() {
        let mut on_disk = tempfile::tempfile().unwrap();
        assert!(file(&on_disk).is_none(), "nothing to map");
        let bytes: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        on_disk.write_all(&bytes).unwrap();
        let all = file(&on_disk).unwrap();
        let end = all.slice(39_990);
        drop((all, on_disk));
        let end = std::thread::spawn(move || end.to_vec()).join().unwrap();
        assert_eq!(Some(end.as_slice()), bytes.get(39_990..));
    }
}
