//! Why a file cannot be imported, in plain words with a way out.

use crate::customers::StoreError;
use std::path::PathBuf;

/// Why a file as a whole cannot be imported. Single rows that cannot are rejected instead.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The file is not UTF-8.
    #[error(
        "{}, line {line}: this is not UTF-8; it looks like {encoding}. Convert it first, for instance with \
         `iconv -f {encoding} -t UTF-8 FILE > NEW-FILE`, or in Excel save it as \"CSV UTF-8\"",
        path.display()
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Where the first such line is.
        line: u64,
        /// What it probably is.
        encoding: &'static str,
    },
    /// The file is not what its name says, or holds what no table can.
    #[error("{}: {why}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The first line does not name the columns.
    #[error("{}: {why}. The first line has to name the columns, each by a name of its own", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Columns that the schema declares are missing.
    #[error(
        "{}: the schema declares columns of `{table}` that the file does not have: {}. Name the columns in the \
         file's first line as in the schema, or correct the schema",
        path.display(),
        missing.iter().map(describe).collect::<Vec<_>>().join(", ")
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// Each with the file's column that was probably meant.
        missing: Vec<(String, Option<String>)>,
    },
    /// The table's name is not free for customers' data.
    #[error("{}: a table cannot be called `{table}`. Give it another name: `NAME={}`", path.display(), path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The name.
        table: String,
    },
    /// The very same file was imported before, and its rows have no key to tell them apart.
    #[error(
        "{}: this very file is already in `{table}`, and its rows have no key: importing it again would double \
         them. `--again` does so all the same",
        path.display()
    )]
    Twice {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// The file was changed between the check and the import.
    #[error("{}: the file changed while it was imported; nothing of it was kept. Import it again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Where customers are to be taken from is not to be found.
    #[error(
        "customers cannot be taken from `{column}`: there is no such column, neither in the files nor in the store. Nothing \
         was imported. Write TABLE.COLUMN, such as `orders.customer_id`"
    )]
    CustomersFrom {
        /// The table and the column.
        column: String,
    },
    /// What the store says of new rows in the customers' table.
    #[error(
        "no customers were made: {why}. {} imported all the same. Customers go into `{table}`, which has to be a table that \
         takes rows with nothing but a key",
        were(files)
    )]
    NoCustomers {
        /// The customers' table.
        table: String,
        /// What the store says.
        why: Box<StoreError>,
        /// The files whose rows are in the store now.
        files: Vec<PathBuf>,
    },
    /// Rows of the customers' table have the same key, so that customers cannot be told apart by it.
    #[error(
        "no customers were made: more than one row of `{table}` has the same `{key}`, which has to tell customers apart. \
         {} imported all the same. Leave one row of each customer in the file that `{table}` comes from, and import all files \
         into a new file, named by `store`",
        were(files)
    )]
    DoubleCustomers {
        /// The customers' table.
        table: String,
        /// What identifies a customer.
        key: String,
        /// The files whose rows are in the store now.
        files: Vec<PathBuf>,
    },
    /// The store is somebody's server.
    #[error(
        "files are only imported into an SQLite file, and the project's `store` is something else, which is only ever \
         read. Load the files with that database's own tools, put them into the folder that `files:` names, or write `store: sqlite:` and a path in tidings.yaml"
    )]
    NotOurs,
    /// What `store` names is there and cannot be opened as one.
    #[error(
        "{} cannot be imported into: {why}. Name another file in tidings.yaml, as `store: sqlite:` and a path; where there is \
         none yet, it is made",
        path.display()
    )]
    NoStore {
        /// The path.
        path: PathBuf,
        /// What is there.
        why: String,
    },
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

/// Whoever reads customers from something that is no database is told of `tidings import`, which is no way out of an import.
impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> ImportError {
        let (path, why) = match error {
            StoreError::NotADatabase { path } if path.is_dir() => (path, "it is a folder".to_owned()),
            StoreError::NotADatabase { path } => (path, "it is no SQLite database".to_owned()),
            StoreError::Unreadable { path, why } => (path, why.to_string()),
            other => return ImportError::Store(other),
        };
        ImportError::NoStore { path, why }
    }
}

fn describe((column, near): &(String, Option<String>)) -> String {
    match near {
        Some(near) => format!("`{column}` (the file has `{near}`)"),
        None => format!("`{column}`"),
    }
}

fn were(files: &[PathBuf]) -> String {
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    format!("{} {}", files.join(", "), if files.len() == 1 { "was" } else { "were" })
}
