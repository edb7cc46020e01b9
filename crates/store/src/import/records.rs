//! The rows of a file. Of a text file: its encoding, what parts its columns, its lines.

use crate::import::error::ImportError;
use crate::import::parquet::ParquetRows;
use crate::import::sheet::SheetRows;
use csv::{ByteRecord, StringRecord};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How much of a file is looked at to see what it is.
const FIRST_LOOK: u64 = 64 * 1024;

/// What parts the columns of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// One or more blanks.
    Blanks,
    /// Nothing: a Parquet file, or a spreadsheet, has cells of its own.
    Cells,
}

impl Delimiter {
    /// By its sign or its name: `,`, `comma`, `;`, `semicolon`, `tab`, `blanks`.
    pub fn from_name(name: &str) -> Option<Delimiter> {
        Some(match name {
            "," | "comma" => Delimiter::Comma,
            ";" | "semicolon" => Delimiter::Semicolon,
            "\t" | "\\t" | "tab" => Delimiter::Tab,
            " " | "blank" | "blanks" => Delimiter::Blanks,
            _ => return None,
        })
    }

    fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
            Delimiter::Blanks | Delimiter::Cells => b' ',
        }
    }

    fn count(self, line: &str) -> usize {
        match self {
            Delimiter::Blanks => line.split_whitespace().count().saturating_sub(1),
            other => {
                let mut quoted = false;
                let outside = line.bytes().filter(|b| {
                    quoted ^= *b == b'"';
                    !quoted && *b == other.byte()
                });
                outside.count()
            }
        }
    }

    /// By the header, and blanks only if the first row has as many.
    fn detect(start: &str) -> Delimiter {
        let mut lines = start.lines().filter(|l| !l.trim().is_empty());
        let (header, row) = (lines.next().unwrap_or(""), lines.next());
        let signs = [Delimiter::Tab, Delimiter::Comma, Delimiter::Semicolon];
        let most =
            signs.into_iter().map(|d| (d.count(header), d)).reduce(|a, b| if b.0 > a.0 { b } else { a });
        match most {
            Some((1.., delimiter)) => delimiter,
            _ if Delimiter::Blanks.count(header) > 0
                && row.is_none_or(|row| Delimiter::Blanks.count(row) == Delimiter::Blanks.count(header)) =>
            {
                Delimiter::Blanks
            }
            _ => Delimiter::Comma,
        }
    }
}

/// A file's rows, one after the other.
pub(crate) struct Records {
    pub(crate) header: Vec<String>,
    pub(crate) delimiter: Delimiter,
    path: PathBuf,
    rows: Rows,
    record: ByteRecord,
}

enum Rows {
    Parted(Box<csv::Reader<File>>),
    Blanks { lines: BufReader<File>, line: u64 },
    Parquet { rows: Box<ParquetRows>, line: u64 },
    Sheet { rows: SheetRows, line: u64 },
}

/// A row and where it is.
pub(crate) struct Record {
    pub(crate) fields: StringRecord,
    /// Its first line; the header's is 1.
    pub(crate) line: u64,
    /// How many lines it has.
    pub(crate) lines: u64,
}

impl Records {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path, delimiter: Option<Delimiter>) -> Result<Records, ImportError> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let (rows, delimiter) = match extension.as_str() {
            "parquet" => {
                (Rows::Parquet { rows: Box::new(ParquetRows::open(path)?), line: 0 }, Delimiter::Cells)
            }
            "xlsx" | "xlsm" => (Rows::Sheet { rows: SheetRows::open(path)?, line: 0 }, Delimiter::Cells),
            "xls" | "xlsb" | "ods" => {
                let why = format!("{extension} files cannot be read. Save it as xlsx, or as CSV in UTF-8");
                return Err(ImportError::Table { path: path.to_owned(), why });
            }
            _ => Records::text(path, delimiter)?,
        };
        let mut records =
            Records { header: Vec::new(), delimiter, path: path.to_owned(), rows, record: ByteRecord::new() };
        records.header = records.read_header()?;
        Ok(records)
    }

    fn text(path: &Path, delimiter: Option<Delimiter>) -> Result<(Rows, Delimiter), ImportError> {
        let failed = |why| ImportError::File { path: path.to_owned(), why };
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        file.by_ref().take(FIRST_LOOK).read_to_end(&mut start).map_err(failed)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(ImportError::Encoding { path: path.to_owned(), line: 1, encoding: "UTF-16" });
        }
        let mark = if start.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        file.seek(SeekFrom::Start(mark)).map_err(failed)?;
        let look = String::from_utf8_lossy(start.get(mark as usize..).unwrap_or_default());
        let delimiter = delimiter.unwrap_or_else(|| Delimiter::detect(&look));
        let rows = match delimiter {
            Delimiter::Blanks => Rows::Blanks { lines: BufReader::new(file), line: 0 },
            parted => Rows::Parted(Box::new(
                csv::ReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .delimiter(parted.byte())
                    .from_reader(file),
            )),
        };
        Ok((rows, delimiter))
    }

    fn read_header(&mut self) -> Result<Vec<String>, ImportError> {
        let wrong = |path: &Path, why: String| ImportError::Header { path: path.to_owned(), why };
        let Some(first) = self.next()? else { return Err(wrong(&self.path, "the file is empty".to_owned())) };
        let names: Vec<String> = first.fields.iter().map(|name| name.trim().to_owned()).collect();
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(wrong(&self.path, format!("column {} has no name", i + 1)));
            }
            if name.contains('\0') {
                return Err(wrong(
                    &self.path,
                    format!("the name of column {} has a sign that cannot be written", i + 1),
                ));
            }
            // The database does not tell capitals from small letters in names.
            if names.iter().take(i).any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(wrong(&self.path, format!("two columns are called `{name}`")));
            }
        }
        Ok(names)
    }

    /// The next row that is not blank.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ImportError> {
        let path = self.path.clone();
        let failed = |why: io::Error| ImportError::File { path: path.clone(), why };
        let not_utf8 = |line, bytes: &[u8]| ImportError::Encoding {
            path: path.clone(),
            line,
            encoding: encoding(bytes),
        };
        match &mut self.rows {
            Rows::Parted(reader) => {
                if !reader.read_byte_record(&mut self.record).map_err(|e| failed(e.into()))? {
                    return Ok(None);
                }
                let line = self.record.position().map_or(0, csv::Position::line);
                let lines = reader.position().line().saturating_sub(line).max(1);
                let fields = StringRecord::from_byte_record(std::mem::take(&mut self.record))
                    .map_err(|e| not_utf8(line, e.into_byte_record().as_slice()))?;
                Ok(Some(Record { fields, line, lines }))
            }
            Rows::Blanks { lines, line } => loop {
                let mut bytes = Vec::new();
                if lines.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
                    return Ok(None);
                }
                *line += 1;
                let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8(*line, &bytes))?;
                let fields: StringRecord = text.split_whitespace().collect();
                if !fields.is_empty() {
                    return Ok(Some(Record { fields, line: *line, lines: 1 }));
                }
            },
            Rows::Parquet { rows, line } => {
                *line += 1;
                Ok(rows.next()?.map(|fields| Record { fields, line: *line, lines: 1 }))
            }
            Rows::Sheet { rows, line } => Ok(rows.next().map(|(fields, number)| {
                *line = number;
                Record { fields, line: number, lines: 1 }
            })),
        }
    }

    /// How far reading has come, in bytes of so many.
    pub(crate) fn position(&mut self, total: u64) -> u64 {
        let share = |line: u64, rows: u64| total.saturating_mul(line) / rows.max(1);
        match &mut self.rows {
            Rows::Parquet { rows, line } => share(*line, rows.total).min(total),
            Rows::Sheet { rows, line } => share(*line, rows.total).min(total),
            Rows::Parted(reader) => reader.position().byte(),
            Rows::Blanks { lines, .. } => lines.stream_position().unwrap_or(0),
        }
    }
}

/// What bytes that are not UTF-8 probably are: in GB18030 each byte above 127 has another one behind it.
fn encoding(bytes: &[u8]) -> &'static str {
    let mut rest = bytes.iter();
    while let Some(byte) = rest.find(|b| **b >= 0x80) {
        let second = rest.next().is_some_and(|b| matches!(b, 0x30..=0x39 | 0x40..=0x7e | 0x80..=0xfe));
        if !second || !(0x81..=0xfe).contains(byte) {
            return "WINDOWS-1252";
        }
    }
    "GB18030"
}

/// A fingerprint of a file's bytes.
pub(crate) fn fingerprint(path: &Path) -> Result<String, ImportError> {
    let failed = |why| ImportError::File { path: path.to_owned(), why };
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
    let mut hash = Sha256::new();
    loop {
        let bytes = file.fill_buf().map_err(failed)?;
        if bytes.is_empty() {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(bytes);
        let read = bytes.len();
        file.consume(read);
    }
}
