//! A project in a folder of its own, and the binary that works on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A project folder that goes away with it.
pub struct Project {
    folder: tempfile::TempDir,
}

#[allow(dead_code, reason = "each test file uses some of it")]
impl Project {
    /// An empty one.
    pub fn new() -> Project {
        Project { folder: tempfile::tempdir().unwrap() }
    }

    /// A copy of an example of the repository.
    pub fn example(name: &str) -> Project {
        Project::shipped(&format!("examples/{name}"))
    }

    /// A copy of a folder of the repository.
    pub fn shipped(folder: &str) -> Project {
        let project = Project::new();
        copy(&repository().join(folder), project.folder());
        project
    }

    /// A project for the purchase histories of CDNOW, with these fields of theirs, the last part of its schema.
    pub fn purchases(fields: &str) -> Project {
        let project = Project::new();
        project.write("tidings.yaml", "name: own\nstore: sqlite:own.db\ntime_zone: UTC\ncurrency: USD\n");
        project.write(
            "schema.yaml",
            &format!(
                "customer: {{table: customers, key: customer_id}}\n\
                 collections:\n  purchases:\n    table: purchases\n    customer: customer_id\n    time: date\n    fields:\n      {fields}"
            ),
        );
        project
    }

    /// Imports the histories.
    pub fn import_purchases(&self) {
        let data = repository().join("examples/cdnow/data/CDNOW_master.txt");
        let purchases = format!("purchases={}", data.display());
        self.run(&["import", &purchases, "--customers-from", "purchases.customer_id"]);
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The same, as it is written in a command.
    pub fn path(&self) -> &str {
        self.folder().to_str().unwrap()
    }

    /// What one of its files says.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Writes one of its files.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// So many customers with a mail address who say yes to mail, by keys of five digits, imported.
    pub fn mail_customers(&self, customers: usize) {
        let rows = (0..customers).map(|i| format!("{i:05},customer-{i}@example.com,yes\n"));
        self.customers(&rows.collect::<String>());
    }

    /// Customers by rows of `KEY,ADDRESS,CONSENT`, described and imported.
    pub fn customers(&self, rows: &str) {
        self.write(
            "schema.yaml",
            "customer:\n  table: customers\n  key: id\n  attributes:\n    email: text\n    consent: yes/no\n\
             contact:\n  email: {address: email, consent: consent}\n",
        );
        self.write("customers.csv", &format!("id,email,consent\n{rows}"));
        self.run(&["import", "customers.csv"]);
    }

    /// The binary, about to work on it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.current_dir(self.folder()).args(args);
        command
    }

    /// What the binary says, whatever its exit code.
    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The binary in the background, with nobody who listens to it.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Why the binary refuses; it must end with 1.
    pub fn refused(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What the binary prints; it must succeed.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {}\n{out}\n{err}", output.status);
        out.into_owned()
    }

    /// What the binary prints, as JSON; it must succeed.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.run(args)).unwrap()
    }

    /// The states of the outbox's rows, each with how many there are.
    pub fn states(&self) -> Vec<(String, u64)> {
        let rows = self.json(&["outbox", "--format", "json"]);
        let state =
            |r: &serde_json::Value| (r["state"].as_str().unwrap().to_owned(), r["rows"].as_u64().unwrap());
        let mut states: Vec<_> = rows.as_array().unwrap().iter().map(state).collect();
        states.sort();
        states
    }
}

/// The repository.
#[allow(dead_code, reason = "each test file uses some of it")]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == ".tidings" {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
