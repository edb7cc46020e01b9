//! Databases on the PostgreSQL server that TIDINGS_POSTGRES names (`tests/witness/postgres.sh start` makes one).

use std::process::Command;

/// A new, empty database's URL, where there is a server. Without one a test has nothing to say about PostgreSQL, and
/// says so; where CI runs it fails.
pub fn database(name: &str) -> Option<String> {
    let Ok(server) = std::env::var("TIDINGS_POSTGRES") else {
        assert!(std::env::var_os("CI").is_none(), "CI must name a PostgreSQL server in TIDINGS_POSTGRES");
        eprintln!("PASSED OVER on PostgreSQL: TIDINGS_POSTGRES is not set");
        return None;
    };
    let name = format!("{name}_{}", std::process::id());
    let made = Command::new("psql")
        .args([&server, "--quiet", "--command", &format!("DROP DATABASE IF EXISTS {name}"), "--command"])
        .arg(format!("CREATE DATABASE {name}"))
        .status();
    assert!(made.unwrap().success(), "psql makes a database");
    Some(server.replacen("/postgres", &format!("/{name}"), 1))
}

/// The databases on which a promise has to hold: SQLite always, and PostgreSQL where there is one.
pub fn databases(name: &str) -> Vec<String> {
    ["sqlite:state.db".to_owned()].into_iter().chain(database(name)).collect()
}
