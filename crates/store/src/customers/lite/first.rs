//! The first bytes of a file that SQLite may have open.
//!
//! On unix, who closes a file lets go of all locks that the program has on it, whoever in the program took them; and
//! SQLite keeps others away by such locks. So a file that was looked into stays open for as long as it is there.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// So many bytes, or as many as there are.
#[cfg(unix)]
pub(crate) fn first(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::sync::{Mutex, PoisonError};

    /// By device and number there.
    static OPEN: Mutex<BTreeMap<(u64, u64), Vec<File>>> = Mutex::new(BTreeMap::new());

    let there = path.metadata()?;
    if there.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut which = (there.dev(), there.ino());
    if !open.contains_key(&which) {
        // Of one that was deleted nobody needs the locks.
        let there = |file: &File| file.metadata().is_ok_and(|file| file.nlink() > 0);
        open.retain(|_, files| files.iter().any(there));
        let file = File::open(path)?;
        // Another one may have taken its place just now, and may be open already: then it is so twice.
        let opened = file.metadata()?;
        which = (opened.dev(), opened.ino());
        open.entry(which).or_default().push(file);
    }
    let Some(file) = open.get(&which).and_then(|files| files.first()) else {
        return Err(ErrorKind::NotFound.into());
    };
    let mut first = vec![0; bytes];
    let mut length = 0;
    while let Some(rest) = first.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    first.truncate(length);
    Ok(first)
}

/// So many bytes, or as many as there are.
#[cfg(not(unix))]
pub(crate) fn first(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    use std::io::Read;

    if path.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut first = Vec::new();
    File::open(path)?.take(bytes as u64).read_to_end(&mut first)?;
    Ok(first)
}
