//! A folder of files as a customer store: `files:data`. Each file is a table, and a folder in it one of several files. They
//! are brought into an SQLite file beside the project's state, anew whenever one of them changed, and read from there.

use crate::customers::error::StoreError;
use crate::customers::seen;
use crate::import::{Import, Options, Source};
use crate::private;
use std::ffi::OsStr;
use std::fs::{self, TryLockError};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidings_schema::load::Settings;
use tidings_schema::show::counted;
use tidings_schema::{Currency, Vocabulary};
use xxhash_rust::xxh3::Xxh3Default;

/// Changes with the way in which files are brought in.
const VERSION: u32 = 2;
/// Where that is kept, below the project's folder.
const PLACE: &str = ".tidings/files";
/// What is there of each state, beside rejected rows; and a state before all of it is there.
const DATABASE: &str = "store.db";
const NOTES: &str = "notes";
const NEW: &str = "new";
/// What can be read.
const ENDINGS: [&str; 6] = ["csv", "tsv", "txt", "parquet", "xlsx", "xlsm"];
/// How many states stay that files were in, the newest first: somebody may still read them.
const KEPT: usize = 4;
/// How often files are looked at that change meanwhile, or just did.
const ATTEMPTS: usize = 4;
/// How long whoever waits for others to bring files in looks away.
const PAUSE: Duration = Duration::from_millis(20);
/// A file whose time is in whole seconds may change once more with the same one; some systems count every other second.
const BLUR: Duration = Duration::from_secs(2);

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
    let kept = base.join(PLACE);
    if let Some(there) = made(&kept.join(state(&files(folder)?, vocabulary))) {
        return Ok(there);
    }
    let failed = |why| StoreError::Unreadable { path: kept.clone(), why };
    make_private(&kept).map_err(failed)?;
    private::make_unversioned(&base.join(".tidings")).map_err(failed)?;
    // One brings them in, and the others read what it made: nobody may replace what somebody reads.
    let _alone = lock(&kept).await.map_err(failed)?;
    make(folder, &kept, vocabulary).await.inspect_err(|_| tidy(&kept))
}

/// What was made of a state, if it was.
fn made(state: &Path) -> Option<(PathBuf, Vec<String>)> {
    let database = state.join(DATABASE);
    let said = || fs::read_to_string(state.join(NOTES)).unwrap_or_default();
    database.exists().then(|| (database, said().lines().map(str::to_owned).collect()))
}

/// Makes what the files hold, unless it was made meanwhile. Whoever calls it holds the lock.
async fn make(
    folder: &Path,
    kept: &Path,
    vocabulary: Option<&Vocabulary>,
) -> Result<(PathBuf, Vec<String>), StoreError> {
    let failed = |why| StoreError::Unreadable { path: kept.to_owned(), why };
    let new = kept.join(NEW);
    for _ in 0..ATTEMPTS {
        let files = files(folder)?;
        let whole = kept.join(state(&files, vocabulary));
        if let Some(there) = made(&whole) {
            return Ok(there);
        }
        tidy(kept);
        private::make_folder(&new).map_err(failed)?;
        let now = new.metadata().and_then(|data| data.modified()).map_err(failed)?;
        if let Some(wait) = files.iter().filter_map(|file| file.unsettled(now)).max() {
            tokio::time::sleep(wait).await;
            continue;
        }
        let said = bring_in(&files, &new, &whole, vocabulary).await;
        if self::files(folder).is_ok_and(|files| kept.join(state(&files, vocabulary)) == whole) {
            let said = said?;
            fs::write(new.join(NOTES), said.join("\n")).map_err(failed)?;
            fs::rename(&new, &whole).map_err(failed)?;
            return Ok((whole.join(DATABASE), said));
        }
    }
    Err(StoreError::Changing { path: folder.to_owned() })
}

/// Removes all that is kept below `base` of what files held.
pub(crate) async fn forget(base: &Path) -> io::Result<()> {
    let kept = base.join(PLACE);
    if !kept.exists() {
        return Ok(());
    }
    let _alone = lock(&kept).await?;
    fs::remove_dir_all(&kept)
}

/// Waits until nobody else brings files in, in this process or another; nobody does until what is returned is dropped.
async fn lock(kept: &Path) -> io::Result<fs::File> {
    let file = fs::File::options().create(true).append(true).open(kept.with_extension("lock"))?;
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
            // What other programs lay beside a file: `.~lock.orders.csv#`, `~$orders.xlsx`, `._orders.csv`.
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || name.starts_with("~$") {
                continue;
            }
            let data = match path.metadata() {
                // A link to nothing, or gone since it was listed.
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                data => data.map_err(unreadable(&path))?,
            };
            let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
            if data.is_dir() {
                folders.push(path);
            } else if ending.is_some_and(|e| ENDINGS.contains(&e.as_str())) {
                let stem = || path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let table = table.map_or_else(stem, str::to_owned);
                let (length, modified) = (data.len(), data.modified().ok());
                found.push(File { table, length, modified, more: seen::more(&data), path });
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

impl File {
    /// For how long its time may still be that of another state.
    fn unsettled(&self, now: SystemTime) -> Option<Duration> {
        let modified = self.modified?;
        let whole = modified.duration_since(UNIX_EPOCH).ok()?.subsec_nanos() == 0;
        let age = now.duration_since(modified).ok()?;
        (whole && age < BLUR).then(|| BLUR - age)
    }
}

/// What tells one state of the files, read by one schema, from another.
fn state(files: &[File], vocabulary: Option<&Vocabulary>) -> String {
    let mut hash = Xxh3Default::new();
    (VERSION, format!("{vocabulary:?}")).hash(&mut hash);
    for file in files {
        (&file.path, file.length, file.modified, file.more).hash(&mut hash);
        hash.write_u8(0);
    }
    format!("{:032x}", hash.digest128())
}

/// Makes a folder what it will be as `whole`.
async fn bring_in(
    files: &[File],
    new: &Path,
    whole: &Path,
    vocabulary: Option<&Vocabulary>,
) -> Result<Vec<String>, StoreError> {
    let sources: Vec<Source> =
        files.iter().map(|f| Source { table: f.table.clone(), path: f.path.clone() }).collect();
    let settings = match vocabulary {
        Some(vocabulary) => Settings { zone: vocabulary.zone, currency: vocabulary.currency },
        None => Settings { zone: chrono_tz::UTC, currency: Currency::USD },
    };
    let options = Options { again: true, rejected_in: Some(new.to_owned()), ..Options::new(settings) };
    let failed = |e| StoreError::Files(Box::new(e));
    let import = Import::plan(&sources, vocabulary, &options, &mut |_| {}).map_err(failed)?;
    let url = format!("sqlite:{}", new.join(DATABASE).display());
    let report = import.run(&url, Path::new(""), &mut |_| {}).await.map_err(failed)?;
    let rejected = report.files.iter().filter_map(|f| Some((f, f.rejected_file.as_ref()?.file_name()?)));
    let note = |(file, list): (&crate::import::FileReport, &OsStr)| {
        format!(
            "{} of {} cannot be read; {} says why",
            counted(file.rejected, "row"),
            file.path.display(),
            whole.join(list).display()
        )
    };
    Ok(rejected.map(note).collect())
}

/// Removes what earlier states left but for the last few, which somebody may still read, and what was never made whole.
fn tidy(kept: &Path) {
    let mut states = Vec::new();
    for entry in fs::read_dir(kept).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata().and_then(|data| data.modified()) {
            Ok(modified) if path.join(DATABASE).exists() && entry.file_name() != NEW => {
                states.push((modified, path));
            }
            _ => remove(&path),
        }
    }
    states.sort_unstable_by(|a, b| b.cmp(a));
    states.into_iter().skip(KEPT - 1).for_each(|(_, path)| remove(&path));
}

fn remove(path: &Path) {
    drop(fs::remove_dir_all(path).or_else(|_| fs::remove_file(path)));
}
