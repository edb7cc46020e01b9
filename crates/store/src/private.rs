//! Files and folders that only their owner looks into: they have personal data.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes a folder, and those above it that are not there. What is there keeps its rights.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Makes a folder of which nothing goes under version control, unless what is there says otherwise.
pub fn make_unversioned(folder: &Path) -> io::Result<()> {
    make_folder(folder)?;
    let ignored = folder.join(".gitignore");
    match fs::metadata(&ignored) {
        Ok(there) if there.len() > 0 => Ok(()),
        _ => fs::write(ignored, "*\n"),
    }
}

/// What a new file is made with.
pub(crate) fn new_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What a file is made with, or emptied. What is there keeps its rights.
pub fn emptied_file() -> OpenOptions {
    let mut options = new_file();
    options.create_new(false).create(true).truncate(true);
    options
}

/// Makes an empty file, and its folder, where there is none. SQLite takes it for a new database, whose log gets the same
/// rights.
pub(crate) fn make_database(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    match new_file().open(file) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}
