//! A folder of files as a customer store: `files:data`. Each file is a table, and a folder in it one of several files. They
//! are brought into an SQLite file beside the project's state, anew whenever one of them changed, and read from there.

use crate::customers::error::StoreError;
use crate::import::{Import, Options, Source};
use crate::private;
use std::fs::{self, TryLockError};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tidings_schema::load::Settings;
use tidings_schema::show::counted;
use tidings_schema::{Currency, Vocabulary};
use xxhash_rust::xxh3::Xxh3Default;

/// Changes with the way in which files are brought in.
const VERSION: u32 = 1;
/// What can be read.
const ENDINGS: [&str; 6] = ["csv", "tsv", "txt", "parquet", "xlsx", "xlsm"];
/// How many files stay that were made, the newest first: databases, notes, rejected rows.
const KEPT: usize = 12;
/// How often it is begun anew where files change meanwhile.
const ATTEMPTS: usize = 3;
/// How long whoever waits for others to bring files in looks away.
const PAUSE: Duration = Duration::from_millis(20);

/// The folder that a URL names.
pub(crate) fn folder_of(url: &str, base: &Path) -> Option<PathBuf> {
    let path = url.strip_prefix("files:")?;
    Some(base.join(path.strip_prefix("//").unwrap_or(path)))
}

/// The SQLite file with what the files hold now, kept below `base`, and what there is to say about them.
pub(crate) async fn brought_in(
    folder: &Path,
    base: &Path,
    vocabulary: Option<&Vocabulary>,
) -> Result<(PathBuf, Vec<String>), StoreError> {
    let kept = base.join(".tidings/files");
    let failed = |why| StoreError::Unreadable { path: kept.clone(), why };
    make_private(&kept).map_err(failed)?;
    // One brings them in, and the others read what it made: nobody may replace what somebody reads.
    let mut alone = None;
    for _ in 0..=ATTEMPTS {
        let files = files(folder)?;
        let state = state(&files, vocabulary);
        let (database, notes) =
            (kept.join(format!("{state:032x}.db")), kept.join(format!("{state:032x}.notes")));
        if database.exists() {
            let said = fs::read_to_string(notes).unwrap_or_default();
            return Ok((database, said.lines().map(str::to_owned).collect()));
        }
        if alone.is_none() {
            alone = Some(lock(&kept.with_extension("lock")).await.map_err(failed)?);
            continue;
        }
        let new = kept.join(format!("{:016x}.new", rand::random::<u64>()));
        let said = bring_in(&files, &new, &kept, vocabulary).await;
        if state_is(folder, vocabulary, state) {
            let said = said?;
            fs::write(&notes, said.join("\n")).map_err(failed)?;
            fs::rename(&new, &database).map_err(failed)?;
            tidy(&kept);
            return Ok((database, said));
        }
        drop(fs::remove_file(&new));
    }
    Err(StoreError::Busy { path: folder.to_owned() })
}

/// Waits until nobody else holds a lock, in this process or another, and holds it until the file is dropped.
async fn lock(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::options().create(true).append(true).open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            Err(TryLockError::Error(why)) => return Err(why),
        }
    }
}

/// A folder that only its owner looks into, whatever it was before.
fn make_private(folder: &Path) -> io::Result<()> {
    private::make_folder(folder)?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

struct File {
    table: String,
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
    /// What else tells one state of it from another, where the system knows: a copy may keep the time.
    more: [i64; 3],
}

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Result<Vec<File>, StoreError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |why: io::Error| match why.kind() {
            io::ErrorKind::NotFound => StoreError::NoFolder { path },
            _ => StoreError::Unreadable { path, why },
        }
    };
    let mut found = Vec::new();
    let mut list = |within: &Path, table: Option<&str>| -> Result<Vec<PathBuf>, StoreError> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(within).map_err(unreadable(within))? {
            let path = entry.map_err(unreadable(within))?.path();
            let data = path.metadata().map_err(unreadable(&path))?;
            // What other programs lay beside a file: `.~lock.orders.csv#`, `~$orders.xlsx`, `._orders.csv`.
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || name.starts_with("~$") {
                continue;
            }
            let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
            if data.is_dir() {
                folders.push(path);
            } else if ending.is_some_and(|e| ENDINGS.contains(&e.as_str())) {
                let stem = || path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let table = table.map_or_else(stem, str::to_owned);
                let (length, modified) = (data.len(), data.modified().ok());
                found.push(File { table, length, modified, more: more(&data), path });
            }
        }
        Ok(folders)
    };
    for inner in list(folder, None)? {
        let table = inner.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        list(&inner, Some(&table))?;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

#[cfg(unix)]
fn more(data: &fs::Metadata) -> [i64; 3] {
    use std::os::unix::fs::MetadataExt;
    [data.ino().cast_signed(), data.ctime(), data.ctime_nsec()]
}

#[cfg(not(unix))]
fn more(_: &fs::Metadata) -> [i64; 3] {
    [0; 3]
}

/// What tells one state of the files, read by one schema, from another.
fn state(files: &[File], vocabulary: Option<&Vocabulary>) -> u128 {
    let mut hash = Xxh3Default::new();
    (VERSION, format!("{vocabulary:?}")).hash(&mut hash);
    for file in files {
        (&file.path, file.length, file.modified, file.more).hash(&mut hash);
        hash.write_u8(0);
    }
    hash.digest128()
}

fn state_is(folder: &Path, vocabulary: Option<&Vocabulary>, before: u128) -> bool {
    files(folder).is_ok_and(|files| state(&files, vocabulary) == before)
}

async fn bring_in(
    files: &[File],
    database: &Path,
    kept: &Path,
    vocabulary: Option<&Vocabulary>,
) -> Result<Vec<String>, StoreError> {
    let sources: Vec<Source> =
        files.iter().map(|f| Source { table: f.table.clone(), path: f.path.clone() }).collect();
    let settings = match vocabulary {
        Some(vocabulary) => Settings { zone: vocabulary.zone, currency: vocabulary.currency },
        None => Settings { zone: chrono_tz::UTC, currency: Currency::USD },
    };
    let options = Options { again: true, rejected_in: Some(kept.to_owned()), ..Options::new(settings) };
    let failed = |e| StoreError::Files(Box::new(e));
    let import = Import::plan(&sources, vocabulary, &options, &mut |_| {}).map_err(failed)?;
    drop(fs::remove_file(database));
    let url = format!("sqlite:{}", database.display());
    let report = import.run(&url, Path::new(""), &mut |_| {}).await.map_err(failed)?;
    let rejected = report.files.iter().filter_map(|f| Some((f, f.rejected_file.as_ref()?)));
    let note = |(file, list): (&crate::import::FileReport, &PathBuf)| {
        format!(
            "{} of {} cannot be read; {} says why",
            counted(file.rejected, "row"),
            file.path.display(),
            list.display()
        )
    };
    Ok(rejected.map(note).collect())
}

/// Removes what earlier states left but for the last few, which somebody may still read.
fn tidy(kept: &Path) {
    let entries = fs::read_dir(kept).into_iter().flatten().flatten();
    let mut old: Vec<(Option<SystemTime>, PathBuf)> = entries
        .map(|entry| (entry.metadata().ok().and_then(|data| data.modified().ok()), entry.path()))
        .collect();
    old.sort_unstable_by(|a, b| b.cmp(a));
    old.into_iter().skip(KEPT).for_each(|(_, path)| drop(fs::remove_file(path)));
}
