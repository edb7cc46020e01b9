//! The plainest reads of the same columns: SQLite's own functions, and the servers' own clients.
#![allow(unsafe_code)]

use crate::shop::{Kind, Shop, reads};
use libsqlite3_sys as sqlite;
use std::ffi::CString;
use std::process::{Command, Stdio};
use std::ptr;
use url::Url;

pub struct Plain<'a>(&'a Shop);

impl<'a> Plain<'a> {
    pub fn new(shop: &'a Shop) -> Plain<'a> {
        Plain(shop)
    }

    pub fn name(&self) -> &'static str {
        match self.0.kind {
            Kind::Lite => "sqlite3_step and each column",
            Kind::Postgres => "psql's \\copy in binary",
            Kind::MySql => "mariadb --quick",
        }
    }

    pub fn read(&self) {
        for sql in reads() {
            match self.0.kind {
                Kind::Lite => step(self.0.url.strip_prefix("sqlite:").unwrap(), sql),
                Kind::Postgres => {
                    let copy = format!("\\copy ({sql}) TO /dev/null WITH (FORMAT binary)");
                    run(Command::new("psql").args([self.0.url.as_str(), "-q", "-c", &copy]));
                }
                Kind::MySql => {
                    let url = Url::parse(&self.0.url).unwrap();
                    let mut client = Command::new("mariadb");
                    client.arg(format!("-h{}", url.host_str().unwrap()));
                    client.arg(format!("-P{}", url.port().unwrap_or(3306)));
                    client.arg(format!("-u{}", url.username()));
                    client.env("MYSQL_PWD", url.password().unwrap_or_default());
                    run(client.args(["--quick", "-N", "-B", "-e", sql, url.path().trim_start_matches('/')]));
                }
            }
        }
    }
}

fn run(client: &mut Command) {
    assert!(client.stdout(Stdio::null()).status().unwrap().success());
}

/// Steps through all rows and takes every column as what it is.
fn step(path: &str, sql: &str) {
    let (path, sql) = (CString::new(path).unwrap(), CString::new(sql).unwrap());
    let mut sum = 0_i64;
    // SAFETY: the pointers come from SQLite and are closed at the end, and texts end with a zero.
    unsafe {
        let (mut database, mut statement) = (ptr::null_mut(), ptr::null_mut());
        let flags = sqlite::SQLITE_OPEN_READONLY | sqlite::SQLITE_OPEN_NOMUTEX;
        assert_eq!(sqlite::sqlite3_open_v2(path.as_ptr(), &mut database, flags, ptr::null()), 0);
        let end = ptr::null_mut();
        assert_eq!(sqlite::sqlite3_prepare_v2(database, sql.as_ptr(), -1, &mut statement, end), 0);
        let columns = sqlite::sqlite3_column_count(statement);
        while sqlite::sqlite3_step(statement) == sqlite::SQLITE_ROW {
            for i in 0..columns {
                match sqlite::sqlite3_column_type(statement, i) {
                    sqlite::SQLITE_INTEGER => sum ^= sqlite::sqlite3_column_int64(statement, i),
                    sqlite::SQLITE_FLOAT => sum ^= sqlite::sqlite3_column_double(statement, i) as i64,
                    sqlite::SQLITE_TEXT => {
                        sum ^= sqlite::sqlite3_column_text(statement, i) as i64;
                        sum ^= i64::from(sqlite::sqlite3_column_bytes(statement, i));
                    }
                    _ => {}
                }
            }
        }
        sqlite::sqlite3_finalize(statement);
        sqlite::sqlite3_close(database);
    }
    std::hint::black_box(sum);
}
