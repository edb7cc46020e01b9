//! Reads the mailbox that a return path leads to: an mbox file or a Maildir. Nothing is forgotten before
//! [`Batch::finish`], so a mail that was read when the process died is read again.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How much of a mail is read, in bytes: a report stands at its beginning.
const MAIL: usize = 256 * 1024;
/// How many mails are read at once.
const MAILS: usize = 100;
/// How long an mbox must have rested before its last mail counts as whole, in seconds.
const REST: u64 = 60;

/// A mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox {
    path: PathBuf,
}

/// Some mails out of a mailbox.
#[derive(Debug, Default)]
pub struct Batch {
    /// The mails, each up to its first 256 kB.
    pub mails: Vec<Vec<u8>>,
    /// Where an mbox is read on: to be kept once these mails are dealt with, in bytes. 0 in a Maildir.
    pub next: u64,
    /// The files of a Maildir.
    files: Vec<PathBuf>,
}

impl Mailbox {
    /// The mailbox there; a folder is a Maildir, anything else an mbox.
    pub fn at(path: PathBuf) -> Mailbox {
        Mailbox { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next mails, 100 at most; none where the mailbox is not there yet. `from` is where an mbox was read to, in
    /// bytes; one that has become another file since is read from its beginning. `now` is in microseconds since 1970.
    pub fn read(&self, from: u64, now: i64) -> io::Result<Batch> {
        let read = if self.path.is_dir() { self.maildir() } else { self.mbox(from, now) };
        match read {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Batch::default()),
            read => read,
        }
    }

    fn maildir(&self) -> io::Result<Batch> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.path.join("new"))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
        files.sort_unstable();
        files.truncate(MAILS);
        let mut batch = Batch::default();
        for file in files {
            let mut mail = Vec::new();
            File::open(&file)?.take(MAIL as u64).read_to_end(&mut mail)?;
            batch.mails.push(mail);
            batch.files.push(file);
        }
        Ok(batch)
    }

    fn mbox(&self, from: u64, now: i64) -> io::Result<Batch> {
        let file = File::open(&self.path)?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now).unwrap_or(0));
        let written = file.metadata()?.modified()?;
        let rests = now.duration_since(written).is_ok_and(|rest| rest >= Duration::from_secs(REST));
        let end = file.metadata()?.len();
        let mut lines = BufReader::new(file);
        let mut at = begins_at(&mut lines, from, end)?;
        let mut batch = Batch { next: at, ..Batch::default() };
        let (mut mail, mut open, mut after_blank) = (Vec::new(), false, true);
        while batch.mails.len() < MAILS {
            let mut line = Vec::new();
            let length = next_line(&mut lines, &mut line)?;
            if after_blank && line.starts_with(b"From ") || length == 0 {
                if open && (length > 0 || rests) {
                    batch.mails.push(std::mem::take(&mut mail));
                    batch.next = at;
                }
                if length == 0 {
                    break;
                }
                (open, mail) = (true, Vec::new());
            } else if mail.len() + line.len() <= MAIL {
                mail.extend_from_slice(&line);
            }
            after_blank = matches!(line.as_slice(), b"\n" | b"\r\n");
            at += length;
        }
        Ok(batch)
    }
}

impl Batch {
    /// Says that these mails are dealt with: a Maildir's move from `new` to `cur`.
    pub fn finish(self) -> io::Result<()> {
        for file in self.files {
            let (Some(maildir), Some(name)) = (file.parent().and_then(Path::parent), file.file_name()) else {
                continue;
            };
            let mut name = name.to_owned();
            name.push(":2,S");
            match fs::rename(&file, maildir.join("cur").join(name)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound && !file.exists() => {}
                moved => moved?,
            }
        }
        Ok(())
    }
}

/// Goes to where a file was read to, if a mail begins or the file ends there, and otherwise to its beginning.
fn begins_at(file: &mut BufReader<File>, from: u64, end: u64) -> io::Result<u64> {
    let mut begin = Vec::new();
    if from < end {
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(5).read_to_end(&mut begin)?;
    }
    let at = if from == end || begin == b"From " { from } else { 0 };
    file.seek(SeekFrom::Start(at))?;
    Ok(at)
}

/// The next line up to a bound, and how long it is in all.
fn next_line(file: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = file.by_ref().take(MAIL as u64).read_until(b'\n', line)? as u64;
    while !line.is_empty() && !line.ends_with(b"\n") {
        let mut more = Vec::new();
        let read = file.by_ref().take(MAIL as u64).read_until(b'\n', &mut more)? as u64;
        length += read;
        if read == 0 || more.ends_with(b"\n") {
            break;
        }
    }
    Ok(length)
}
