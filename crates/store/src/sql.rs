//! Every statement that is put together from names. Names are quoted, values are always bound, and what
//! a value means is said nowhere here: columns, and whole rows in the table's own order.

use crate::customers::Mark;
use crate::customers::reader::{Ask, End, Kind, Lately, Part, Stored, Table};
use sqlx::AssertSqlSafe;

/// Every SQLite allows its functions so many arguments.
const ARGUMENTS: usize = 100;

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
            Part::All | Part::With(_) | Part::Lately(_) | Part::Greatest => (false, None),
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
        let since = self.since(ask, Road::Any);
        let lately = self.lately(ask);
        sql += &conditions([condition.as_deref(), Some(&ask.only), since.as_deref(), lately.as_deref()]);
        if let Some(most) = limit {
            sql += &format!(" LIMIT {most}");
        }
        AssertSqlSafe(sql)
    }

    /// Rows of a table of SQLite.
    pub(crate) fn lite_rows(self, ask: &Ask<'_>, condition: Option<Condition>, road: Road<'_>) -> String {
        let column = |column: Option<&Stored>| column.map_or_else(String::new, |c| self.column(c));
        let condition = condition.map(|condition| match condition {
            Condition::OneOf(values) => {
                format!("{} IN ({})", column(ask.columns.first()), placeholders(values))
            }
            Condition::Between(ranges) => {
                let column = column(ask.columns.last());
                let bounded = format!("{column} BETWEEN ? AND ? OR ").repeat(ranges.saturating_sub(1));
                format!("({bounded}{column} >= ?)")
            }
            Condition::Numbered(number) => format!("t.{number} BETWEEN ? AND ?"),
        });
        let (distinct, limit) = match ask.part {
            Part::First(most) => ("", Some(most)),
            Part::Different(most) => ("DISTINCT ", Some(most)),
            Part::Greatest | Part::All | Part::With(_) | Part::Lately(_) => ("", None),
        };
        let since = self.since(ask, road);
        let order = match (road, ask.part) {
            (Road::InOrder(number), Part::All | Part::With(_)) => format!(" ORDER BY t.{number}"),
            _ => String::new(),
        };
        let column = |c| match ask.part {
            Part::Greatest => format!("max({})", self.column(c)),
            _ => self.column(c),
        };
        let mut columns = ask.columns.iter().map(column).collect::<Vec<String>>().join(", ");
        // Only where rows come in the order in which they are gone through, since they are sorted after such calls.
        let gone_through = !matches!(road, Road::Any);
        if matches!(ask.part, Part::All) && gone_through && ask.columns.len() <= ARGUMENTS {
            columns = format!("tidings_take({columns})");
        }
        format!(
            "SELECT {distinct}{columns} FROM {} AS t{}{}{order}{}",
            self.table(ask.table),
            // An index would find what holds of most rows, and each of these one by one.
            if matches!((ask.part, road), (Part::All, Road::InOrder(_))) { " NOT INDEXED" } else { "" },
            conditions([condition.as_deref(), Some(&ask.only), since.as_deref()]),
            limit.map_or_else(String::new, |most| format!(" LIMIT {most}")),
        )
    }

    /// The first and the last number of a table of SQLite, by this name. Both at once would go through all of it.
    pub(crate) fn ends(self, table: &Table, number: &str) -> Statement {
        let end = |end: &str| format!("(SELECT {end}(t.{number}) FROM {} AS t)", self.table(table));
        AssertSqlSafe(format!("SELECT {}, {}", end("min"), end("max")))
    }

    /// How many rows of which a condition holds there are, or have something in a column.
    pub(crate) fn count(self, table: &Table, column: Option<&Stored>, only: &str) -> Statement {
        let what = column.map_or_else(|| "*".to_owned(), |c| format!("t.{}", self.quoted(&c.name)));
        let conditions = conditions([None, Some(only)]);
        AssertSqlSafe(format!("SELECT count({what}) FROM {} AS t{conditions}", self.table(table)))
    }

    /// How many different values a column has.
    pub(crate) fn different(self, table: &Table, column: &Stored) -> Statement {
        let column = self.quoted(&column.name);
        AssertSqlSafe(format!("SELECT count(DISTINCT t.{column}) FROM {} AS t", self.table(table)))
    }

    /// The rows that are deleted, or those that are not.
    pub(crate) fn deleted(self, column: &Stored, deleted: bool) -> String {
        let is = if deleted { "IS NOT NULL" } else { "IS NULL" };
        format!("t.{} {is}", self.quoted(&column.name))
    }

    /// A number that tells which numbers a column has after one and up to another: one that comes in among them, and one
    /// that goes, makes it another. Of each no more than a part is added, so that the sum never becomes too large.
    pub(crate) fn between(
        self,
        table: &Table,
        column: &Stored,
        (after, until): (i64, i64),
        only: &str,
    ) -> Statement {
        let column = format!("t.{}", self.quoted(&column.name));
        let whole = if matches!(self, Dialect::MySql) { "SIGNED" } else { "BIGINT" };
        let between = format!("{column} > {after} AND {column} <= {until}");
        AssertSqlSafe(format!(
            "SELECT CAST(coalesce(sum(({column} - ({after})) % 1000003 + 1), 0) AS {whole}) FROM {} AS t{}",
            self.table(table),
            conditions([Some(&between), Some(only)])
        ))
    }

    /// How many rows of SQLite come after a mark, as far as its column tells that.
    pub(crate) fn later(self, table: &Table, column: &Stored, mark: Mark) -> Statement {
        let later = mark.later(&format!("t.{}", self.quoted(&column.name)), false);
        self.count(table, None, later.first().map_or("", String::as_str))
    }

    /// The rows of a server in whose last column a moment of a stretch can be read, as far as its type can say that.
    fn lately(self, ask: &Ask<'_>) -> Option<String> {
        let (Part::Lately(Lately { since, ranges }), Some(column)) = (ask.part, ask.columns.last()) else {
            return None;
        };
        let name = format!("t.{}", self.quoted(&column.name));
        // Before 1970 the servers write moments in different ways.
        let mark = match column.kind {
            _ if *since < 0 => return None,
            Kind::Day | Kind::Civil => Mark::Civil(*since),
            Kind::Instant => Mark::Moment(*since),
            Kind::Int | Kind::Unsigned => {
                let between = |range: &(End, Option<End>)| match range {
                    (End::Number(from), Some(End::Number(to))) => {
                        Some(format!("{name} BETWEEN {from} AND {to}"))
                    }
                    _ => None,
                };
                let between: Vec<String> = ranges.iter().filter_map(between).collect();
                return Some(format!("({})", between.join(" OR ")));
            }
            _ => return None,
        };
        mark.later(&name, matches!(self, Dialect::MySql)).into_iter().next()
    }

    /// The rows that changed since a mark. Those without a value may have changed at any time.
    fn since(self, ask: &Ask<'_>, road: Road<'_>) -> Option<String> {
        let (column, mark) = ask.since.as_ref()?;
        let (column, table) = (format!("t.{}", self.quoted(&column.name)), self.table(ask.table));
        let mut any = mark.later(&column, matches!(self, Dialect::MySql));
        let later = any.first().cloned().unwrap_or_default();
        let middle = |rows: u64| {
            format!(
                "(SELECT {column} FROM {table} AS t WHERE {later} ORDER BY {column} LIMIT 1 OFFSET {rows})"
            )
        };
        match road {
            Road::ByIndex(_, Share::From(rows)) | Road::ByNumber(Share::From(rows)) => {
                any = vec![format!("{column} >= {}", middle(rows))];
            }
            Road::ByIndex(_, Share::Below(rows)) | Road::ByNumber(Share::Below(rows)) => {
                any.iter_mut()
                    .take(1)
                    .for_each(|later| *later += &format!(" AND {column} < {}", middle(rows)));
            }
            _ => {}
        }
        if !matches!(road, Road::ByNumber(_) | Road::ByIndex(_, Share::From(_))) {
            any.push(format!("{column} IS NULL"));
        }
        Some(match road {
            Road::ByIndex(number, _) => {
                let found = |holds: &String| format!("SELECT t.{number} FROM {table} AS t WHERE {holds}");
                let found: Vec<String> = any.iter().map(found).collect();
                format!("t.{number} IN ({})", found.join(" UNION ALL "))
            }
            _ => format!("({})", any.join(" OR ")),
        })
    }
}

/// All of some conditions.
fn conditions<const N: usize>(all: [Option<&str>; N]) -> String {
    let all: Vec<&str> = all.into_iter().flatten().filter(|c| !c.is_empty()).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// How SQLite comes to rows.
#[derive(Clone, Copy)]
pub(crate) enum Road<'a> {
    /// As it likes.
    Any,
    /// In the order of their numbers, which have this name.
    InOrder(&'a str),
    /// By their numbers, in order, which an index of the column has that tells changes.
    ByIndex(&'a str, Share),
    /// The column that tells changes is their number, and never empty.
    ByNumber(Share),
}

/// Which of the rows that may have changed, in the order of what tells it.
#[derive(Clone, Copy)]
pub(crate) enum Share {
    All,
    /// The first so many, and those of which it is not known.
    Below(u64),
    /// The others.
    From(u64),
}

/// What rows of SQLite have to have. Values are bound.
pub(crate) enum Condition {
    /// One of so many values in the first column.
    OneOf(usize),
    /// A value of the last column in one of so many ranges; the last one of them has no end.
    Between(usize),
    /// A row number, by this name, in a range.
    Numbered(&'static str),
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
