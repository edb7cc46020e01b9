//! `tidings init`

use crate::args::Init;
use crate::failure::Failure;
use crate::screen::Screen;
use chrono_tz::Tz;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::site::open_customers;
use tidings_project::has_password;
use tidings_schema::guess::guess;
use tidings_schema::{Currency, Settings};
use tidings_store::private::make_unversioned;

const OWN_STORE: &str = "sqlite:.tidings/store.db";

/// Looks at a database, writes tidings.yaml and schema.yaml, and says what was guessed and why.
pub async fn init(folder: &Path, args: &Init, screen: &Screen) -> Result<ExitCode, Failure> {
    let zone: Tz = args.time_zone.parse().map_err(|_| {
        Failure::new(format!("there is no time zone `{}`; write one such as Asia/Shanghai", args.time_zone))
    })?;
    let currency = Currency::from_code(&args.currency).ok_or_else(|| {
        Failure::new(format!(
            "there is no currency `{}`; write its ISO 4217 code, such as CNY",
            args.currency
        ))
    })?;
    let store = args.store.as_deref().unwrap_or(OWN_STORE);
    let files = ["tidings.yaml", "schema.yaml"];
    if let Some(there) = files.iter().find(|f| folder.join(f).exists() && !args.force) {
        return Err(Failure::new(format!("{there} is there already; `--force` writes over it")));
    }
    if has_password(store) {
        return Err(Failure::new(
            "the address carries a password, which has no place in tidings.yaml: put the address into an environment \
             variable, or a file, and write `--store env:DATABASE_URL`, or `--store file:PATH`",
        ));
    }
    let customers = open_customers(store, folder).await.map_err(|e| match &args.store {
        Some(_) => Failure::new(e),
        None => {
            Failure::new(format!("{e}\nname a database with --store, or `tidings import` some files first"))
        }
    })?;
    let guessed = guess(&customers.catalogue().await?, &Settings { zone, currency });
    let guessed = guessed.ok_or_else(|| Failure::new(format!("{store} has no tables to describe")))?;

    std::fs::create_dir_all(folder.join("rules"))?;
    std::fs::create_dir_all(folder.join("templates"))?;
    make_unversioned(&folder.join(".tidings"))?;
    std::fs::write(folder.join("tidings.yaml"), settings(folder, store, zone, currency))?;
    std::fs::write(folder.join("schema.yaml"), &guessed.yaml)?;
    guessed.notes.iter().for_each(|note| screen.print(&format!("  {note}")));
    // The project is written by now: whatever is wrong with this file does not end it.
    let note = ignored(folder).unwrap_or_else(|why| {
        let lines = PRIVATE.join(" and ");
        Some(format!(".gitignore: cannot be read or written ({why}); write {lines} into it: customers' data"))
    });
    note.iter().for_each(|note| screen.print(&format!("  {note}")));
    screen.print(
        "Wrote tidings.yaml and schema.yaml from these guesses: read them through and mend what is wrong.",
    );
    screen.print("Next: write rules/wake-up.tidings, then `tidings check` and `tidings plan`.");
    Ok(ExitCode::SUCCESS)
}

/// Customers' data that has no place in version control.
const PRIVATE: [&str; 2] = [".tidings/", "*.rejected.csv"];

/// Leaves customers' data out of version control; a file that is there is the person's own, who is told what to write.
fn ignored(folder: &Path) -> io::Result<Option<String>> {
    let file = folder.join(".gitignore");
    let there = match std::fs::read(&file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return std::fs::write(file, format!("{}\n", PRIVATE.join("\n"))).map(|()| None);
        }
        read => read?,
    };
    // Names of files may be in any encoding.
    let there = String::from_utf8_lossy(&there);
    let missing = PRIVATE.into_iter().filter(|line| !there.lines().any(|other| other.trim() == *line));
    let missing: Vec<String> = missing.map(|line| format!("`{line}`")).collect();
    let note = || format!(".gitignore: write {} into it: customers' data", missing.join(" and "));
    Ok((!missing.is_empty()).then(note))
}

fn settings(folder: &Path, store: &str, zone: Tz, currency: Currency) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = folder.file_name().map_or_else(|| "shop".into(), |n| n.to_string_lossy());
    // JSON strings are YAML strings.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "# The project's name is part of every send's key: it stays as it is.\n\
         name: {}\n\
         store: {}\n\
         state: sqlite:.tidings/state.db\n\
         time_zone: {}\n\
         currency: {}\n\
         # Without `channels:` everything that is sent is caught in a sandbox; see docs/project.md.\n",
        quoted(&name),
        quoted(store),
        zone.name(),
        currency.code()
    )
}
