//! Every statement that is put together from names. Names are quoted, values are always bound, and what
//! a value means is said nowhere here: columns, and whole rows in the table's own order.

use crate::customers::Mark;
use crate::customers::reader::{Ask, Kind, Part, Stored, Table};
use sqlx::AssertSqlSafe;

/// A statement made here, of quoted names only.
pub(crate) type Statement = AssertSqlSafe<String>;

/// A name as SQL writes it, whatever is in it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names, quoted and parted by commas, each behind a prefix.
fn list(prefix: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("{prefix}{}", quoted(name))).collect::<Vec<_>>().join(", ")
}

/// Whose SQL it is.
#[derive(Clone, Copy)]
pub(crate) enum Dialect {
    Lite,
    Postgres,
    MySql,
}

impl Dialect {
    /// A name as it is written, whatever is in it.
    fn quoted(self, name: &str) -> String {
        match self {
            Dialect::MySql => format!("`{}`", name.replace('`', "``")),
            Dialect::Lite | Dialect::Postgres => quoted(name),
        }
    }

    fn table(self, table: &Table) -> String {
        match &table.within {
            Some((schema, name)) => format!("{}.{}", self.quoted(schema), self.quoted(name)),
            None => self.quoted(&table.name),
        }
    }

    /// A column as it comes from the server.
    fn column(self, column: &Stored) -> String {
        let (before, after) = column.cast;
        format!("{before}t.{}{after}", self.quoted(&column.name))
    }

    /// The same where values are told apart, which the engine does by their bytes.
    fn by_bytes(self, column: &Stored) -> String {
        let written = self.column(column);
        match (self, column.kind) {
            (Dialect::Postgres, Kind::Text) => format!("{written} COLLATE \"C\""),
            (Dialect::MySql, Kind::Text) => format!("CAST(CONVERT({written} USING utf8mb4) AS BINARY)"),
            _ => written,
        }
    }

    /// Rows of a table on a server. What a condition compares is the first column, whose value follows it.
    pub(crate) fn rows(self, ask: &Ask<'_>, condition: Option<&str>) -> Statement {
        let (distinct, limit) = match ask.part {
            Part::First(most) => (false, Some(most)),
            Part::Different(most) => (true, Some(most)),
            Part::All | Part::With(_) | Part::Between(_) | Part::Greatest => (false, None),
        };
        let column = |c| match ask.part {
            _ if distinct => self.by_bytes(c),
            Part::Greatest => format!("max({})", self.column(c)),
            _ => self.column(c),
        };
        let columns: Vec<String> = ask.columns.iter().map(column).collect();
        let mut sql = format!(
            "SELECT {}{} FROM {} AS t",
            if distinct { "DISTINCT " } else { "" },
            columns.join(", "),
            self.table(ask.table)
        );
        let condition =
            condition.zip(ask.columns.first()).map(|(c, first)| format!("{} {c}", self.column(first)));
        sql += &conditions([condition.as_deref(), Some(&ask.only)]);
        if let Some(most) = limit {
            sql += &format!(" LIMIT {most}");
        }
        AssertSqlSafe(sql)
    }

    /// How many rows of which a condition holds there are, or have something in a column.
    pub(crate) fn count(self, table: &Table, column: Option<&Stored>, only: &str) -> Statement {
        let what = column.map_or_else(|| "*".to_owned(), |c| format!("t.{}", self.quoted(&c.name)));
        let conditions = conditions([None, Some(only)]);
        AssertSqlSafe(format!("SELECT count({what}) FROM {} AS t{conditions}", self.table(table)))
    }

    /// The rows that are deleted, or those that are not.
    pub(crate) fn deleted(self, column: &Stored, deleted: bool) -> String {
        let is = if deleted { "IS NOT NULL" } else { "IS NULL" };
        format!("t.{} {is}", self.quoted(&column.name))
    }

    /// The rows that changed since a mark.
    pub(crate) fn since(self, column: &Stored, mark: Mark) -> String {
        mark.condition(&format!("t.{}", self.quoted(&column.name)), matches!(self, Dialect::MySql))
    }
}

/// All of some conditions.
fn conditions<const N: usize>(all: [Option<&str>; N]) -> String {
    let all: Vec<&str> = all.into_iter().flatten().filter(|c| !c.is_empty()).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// What rows of a table are wanted as blocks, see [`blocks`].
pub(crate) enum Rows {
    /// At most as many as the second value bound, from the row number on that is bound first. The name is
    /// the one by which this table calls its row numbers.
    From(&'static str),
    /// All of them, a block for each so many rows: for views and tables without row numbers.
    Whole(u32),
    /// The first ones, as one block; how many is bound.
    First,
    /// The first different ones, as one block; how many is bound.
    Different,
    /// Those with one of some bound values in the first column, as one block.
    With(usize),
    /// The greatest value of each column, as one block.
    Greatest,
    /// Those with a value of the last column in one of so many ranges, as one block: the ends are bound, and the last one
    /// has none.
    Between(usize),
}

/// Rows of SQLite as blocks: the last row number of each, then a JSON array for each column.
///
/// In the arrays a text begins with `t`, a real number, in as many digits as it needs, with `r`, and bytes, in
/// hexadecimal, with `b`; whole numbers and nulls are themselves.
pub(crate) fn blocks(ask: &Ask<'_>, rows: &Rows) -> Statement {
    let table = Dialect::Lite.table(ask.table);
    let columns: Vec<String> = ask.columns.iter().map(|c| Dialect::Lite.column(c)).collect();
    let inner: String = columns.iter().enumerate().map(|(i, c)| format!(", {c} AS c{i}")).collect();
    let outer: String = (0..columns.len())
        .map(|i| {
            format!(
                ", json_group_array(CASE typeof(c{i}) WHEN 'text' THEN 't' || c{i} WHEN 'real' THEN 'r' || quote(c{i}) \
                 WHEN 'blob' THEN 'b' || hex(c{i}) ELSE c{i} END)"
            )
        })
        .collect();
    let from = |condition: Option<&str>| format!("{table} AS t{}", conditions([condition, Some(&ask.only)]));
    AssertSqlSafe(match rows {
        Rows::From(row) => format!(
            "SELECT max(r){outer} FROM (SELECT t.{row} AS r{inner} FROM {} ORDER BY t.{row} LIMIT ?)",
            from(Some(&format!("t.{row} >= ?")))
        ),
        Rows::Whole(rows) => format!(
            "SELECT b{outer} FROM (SELECT (row_number() OVER () - 1) / {rows} AS b{inner} FROM {}) GROUP BY b",
            from(None)
        ),
        Rows::First => format!("SELECT 0{outer} FROM (SELECT 0{inner} FROM {} LIMIT ?)", from(None)),
        Rows::Different => {
            format!("SELECT 0{outer} FROM (SELECT DISTINCT 0{inner} FROM {} LIMIT ?)", from(None))
        }
        Rows::Greatest => {
            let greatest: String =
                columns.iter().enumerate().map(|(i, c)| format!(", max({c}) AS c{i}")).collect();
            format!("SELECT 0{outer} FROM (SELECT 0{greatest} FROM {})", from(None))
        }
        Rows::With(values) => {
            let first = columns.first().map_or("", String::as_str);
            let among = format!("{first} IN ({})", placeholders(*values));
            format!("SELECT 0{outer} FROM (SELECT 0{inner} FROM {})", from(Some(&among)))
        }
        Rows::Between(ranges) => {
            let column = columns.last().map_or("", String::as_str);
            let bounded = format!("{column} BETWEEN ? AND ? OR ").repeat(ranges.saturating_sub(1));
            let within = format!("({bounded}{column} >= ?)");
            format!("SELECT 0{outer} FROM (SELECT 0{inner} FROM {})", from(Some(&within)))
        }
    })
}

fn placeholders(n: usize) -> String {
    vec!["?"; n].join(", ")
}

/// How many rows there are.
pub(crate) fn count_rows(table: &str) -> Statement {
    AssertSqlSafe(format!("SELECT count(*) FROM {}", quoted(table)))
}

/// A new table, of columns with their types.
pub(crate) fn create_table(table: &str, columns: &[(&str, &str)]) -> Statement {
    let columns: Vec<String> = columns.iter().map(|(name, ty)| format!("{} {ty}", quoted(name))).collect();
    AssertSqlSafe(format!("CREATE TABLE {} ({})", quoted(table), columns.join(", ")))
}

/// One more column.
pub(crate) fn add_column(table: &str, (name, ty): (&str, &str)) -> Statement {
    AssertSqlSafe(format!("ALTER TABLE {} ADD COLUMN {} {ty}", quoted(table), quoted(name)))
}

/// An index, if it is not there yet.
pub(crate) fn index(table: &str, columns: &[&str], unique: bool) -> Statement {
    let name = quoted(&format!("tidings_{table}_{}", columns.join("_")));
    let unique = if unique { "UNIQUE " } else { "" };
    AssertSqlSafe(format!(
        "CREATE {unique}INDEX IF NOT EXISTS {name} ON {} ({})",
        quoted(table),
        list("", columns)
    ))
}

/// Rows, to be bound one after the other. Those with a key that is already there change that row, and
/// count as a change only if they do.
pub(crate) fn insert(table: &str, columns: &[&str], key: Option<&str>, rows: usize) -> Statement {
    let row = format!("({})", placeholders(columns.len()));
    let mut sql = format!(
        "INSERT INTO {} AS old ({}) VALUES {}",
        quoted(table),
        list("", columns),
        vec![row.as_str(); rows].join(", ")
    );
    if let Some(key) = key {
        let others: Vec<&str> = columns.iter().copied().filter(|c| *c != key).collect();
        let set: Vec<String> = others.iter().map(|c| format!("{0} = excluded.{0}", quoted(c))).collect();
        sql += &format!(" ON CONFLICT ({}) ", quoted(key));
        sql += &if others.is_empty() {
            "DO NOTHING".to_owned()
        } else {
            let (old, new) = (list("old.", &others), list("excluded.", &others));
            format!("DO UPDATE SET {} WHERE ({old}) IS NOT ({new})", set.join(", "))
        };
    }
    AssertSqlSafe(sql)
}

/// The keys that a column of another table has, as rows of their own.
pub(crate) fn insert_keys(table: &str, key: &str, from: &str, column: &str) -> Statement {
    let (key, column) = (quoted(key), quoted(column));
    AssertSqlSafe(format!(
        "INSERT INTO {} ({key}) SELECT DISTINCT CAST({column} AS TEXT) FROM {} WHERE {column} IS NOT NULL \
         ON CONFLICT ({key}) DO NOTHING",
        quoted(table),
        quoted(from)
    ))
}
