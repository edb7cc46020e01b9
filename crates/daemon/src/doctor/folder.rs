//! The folder of what Tidings itself keeps: room, and who may read it.

use super::{Part, Sheet};
use crate::site::{Site, cache};
use std::path::{Path, PathBuf};

/// In bytes.
const MEGABYTE: u64 = 1 << 20;
/// Below this it is time to do something, and below the second the state cannot grow for long.
const ROOM: (u64, u64) = (1024 * MEGABYTE, 64 * MEGABYTE);

/// How deep it is looked; links may lead in a circle.
const DEPTH: u8 = 8;

pub(super) fn look(site: &Site, sheet: &mut Sheet) {
    let folder = site.kept_in();
    // What is not there yet is made in the nearest one that is.
    let Some(folder) = folder.ancestors().find(|f| f.exists()) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    room(folder, sheet);
    let cache = cache(&site.project.folder);
    if let Ok(file) = std::fs::metadata(&cache) {
        sheet.fine(Part::Folder, format!("the cache of customers has {} MB", file.len().div_ceil(MEGABYTE)));
        if others(&file) & 0o077 != 0 {
            let said =
                format!("others than its owner can read {}, which holds customers' data", cache.display());
            sheet.broken(Part::Folder, said, "take their rights away with `chmod 600`, or delete it");
        }
    }
    let own = site.project.folder.join(".tidings");
    if let Some(seen) = seen_by_everybody(&own, DEPTH).filter(|seen| *seen != cache) {
        let said =
            format!("everybody on this machine can read {}, which may hold customers' data", seen.display());
        let mend = format!("take that right away with `chmod -R o-rwx {}`", own.display());
        sheet.broken(Part::Folder, said, &mend);
    }
    if std::fs::metadata(folder).is_ok_and(|f| others(&f) & 0o002 != 0) {
        let said = format!("everybody on this machine can write in {}", folder.display());
        sheet.broken(Part::Folder, said, "take that right away with `chmod o-w`");
    }
}

/// The first file under a folder that everybody can get at and read, but for those that only say something of the folder.
fn seen_by_everybody(folder: &Path, depth: u8) -> Option<PathBuf> {
    let lets_in = std::fs::metadata(folder).is_ok_and(|f| others(&f) & 0o001 != 0);
    let entries = std::fs::read_dir(folder).ok().filter(|_| lets_in && depth > 0)?;
    entries.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")).find_map(
        |entry| {
            let file = std::fs::metadata(entry.path()).ok()?;
            if file.is_dir() {
                return seen_by_everybody(&entry.path(), depth - 1);
            }
            (others(&file) & 0o004 != 0).then(|| entry.path())
        },
    )
}

#[cfg(unix)]
fn room(folder: &Path, sheet: &mut Sheet) {
    use rustix::fs::{Access, access, statvfs};
    let shown = folder.display();
    if access(folder, Access::WRITE_OK).is_err() {
        let mend = "give the account that runs Tidings the right to write there";
        sheet.broken(Part::Folder, format!("nothing can be written in {shown}"), mend);
    }
    let Ok(disk) = statvfs(folder) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let said = format!("{} MB are free in {shown}", free / MEGABYTE);
    let mend = "free some space: on a full disk nothing is lost, and nothing is sent";
    match free {
        free if free < ROOM.1 => sheet.broken(Part::Folder, said, mend),
        free if free < ROOM.0 => sheet.warn(Part::Folder, said, mend),
        _ => sheet.fine(Part::Folder, said),
    }
}

#[cfg(not(unix))]
fn room(_: &Path, _: &mut Sheet) {}

/// What others may do with a file.
#[cfg(unix)]
fn others(file: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions())
}

#[cfg(not(unix))]
fn others(_: &std::fs::Metadata) -> u32 {
    0
}
