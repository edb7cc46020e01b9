//! Which table holds the customers, and which hold what customers have many of.

use super::column::stored;
use super::words::{Words, free, rule_name, singular};
use super::{Catalogue, ChildTable, ColumnInfo, CustomerTable, RowKey, TableInfo, Tables};
use crate::load::Settings;
use crate::types::Type;
use crate::vocabulary::Attribute;
use std::collections::HashSet;

/// What tables of customers are called, the likeliest first.
const CUSTOMERS: [&str; 16] = [
    "customers",
    "customer",
    "客户",
    "顾客",
    "会员",
    "members",
    "member",
    "users",
    "user",
    "用户",
    "subscribers",
    "clients",
    "contacts",
    "accounts",
    "people",
    "persons",
];
const CREATED: &[&str] =
    &["created", "registered", "signup", "signed", "joined", "join", "registration", "注册", "创建", "入会"];
/// What the time of a row is called, the likeliest first.
const TIMES: [&[&str]; 3] = [
    &["placed", "ordered", "purchased", "occurred", "happened", "paid", "下单", "购买"],
    &["date", "time", "created", "timestamp", "ts", "日期", "时间"],
    &["at", "on", "when", "day"],
];
const ZONE: &[&str] = &["timezone", "tz", "时区"];

/// Finds them; none where no table could hold customers.
pub(super) fn find(catalogue: &Catalogue, settings: &Settings, notes: &mut Vec<String>) -> Option<Tables> {
    let (table, why) = customer_table(catalogue)?;
    notes.push(format!("customers are in {}, because {why}", table.name));
    let key = key(table, catalogue)?;
    notes.push(format!("{} identifies a customer", key.name));
    let mut taken = HashSet::new();
    let attributes = attributes(table, &[&key.name], settings, &mut taken, notes);
    let created = attributes.iter().find(|a| is_time(a) && Words::of(&a.storage.column).has(CREATED));
    let zone = attributes
        .iter()
        .find(|a| a.ty == Type::Text && ZONE.contains(&Words::of(&a.storage.column).joined().as_str()));
    let customer = CustomerTable {
        table: table.name.clone(),
        key: key.name.clone(),
        created: created.map(|a| a.name.clone()),
        zone: zone.map(|a| a.name.clone()),
        attributes: attributes.clone(),
    };
    let others = catalogue.tables.iter().filter(|t| t.name != table.name);
    let children = others.filter_map(|t| child(t, table, key, settings, &mut taken, notes)).collect();
    Some(Tables { customer, children })
}

fn customer_table(catalogue: &Catalogue) -> Option<(&TableInfo, &'static str)> {
    let with_columns = || catalogue.tables.iter().filter(|t| !t.columns.is_empty());
    let named = |name: &str| with_columns().find(|t| t.name.to_lowercase() == name);
    if let Some(table) = CUSTOMERS.iter().find_map(|name| named(name)) {
        return Some((table, "of its name"));
    }
    let ends = |name: &str| {
        with_columns().find(|t| {
            Words::of(&t.name)
                .iter()
                .last()
                .is_some_and(|w| w == name || !name.is_ascii() && w.contains(name))
        })
    };
    if let Some(table) = CUSTOMERS.iter().find_map(|name| ends(name)) {
        return Some((table, "of its name"));
    }
    let references = |table: &TableInfo| {
        let all = catalogue.tables.iter().flat_map(|t| &t.columns);
        all.filter(|c| c.references.as_ref().is_some_and(|(t, _)| *t == table.name)).count()
    };
    let most = with_columns().map(|t| (references(t), t)).reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    if most.0 > 0 {
        return Some((most.1, "most other tables refer to it"));
    }
    let email =
        with_columns().find(|t| t.columns.iter().any(|c| Words::of(&c.name).has(&["email", "mail", "邮箱"])));
    email.map(|t| (t, "it has email addresses")).or(Some((most.1, "nothing else could hold them")))
}

/// The column that identifies a row of the customer table.
fn key<'a>(table: &'a TableInfo, catalogue: &Catalogue) -> Option<&'a ColumnInfo> {
    let referred = catalogue.tables.iter().flat_map(|t| &t.columns).find_map(|c| {
        let (_, column) = c.references.as_ref().filter(|(t, _)| *t == table.name)?;
        table.columns.iter().find(|c| c.name == *column)
    });
    let own = format!("{}id", singular(&Words::of(&table.name).joined()));
    let named = |c: &&ColumnInfo| {
        let name = Words::of(&c.name).joined();
        name == "id" || name == own || name == "customerid" || name.contains("编号")
    };
    let primary = table.columns.iter().find(|c| c.primary_key);
    primary.or(referred).or_else(|| table.columns.iter().find(named)).or(table.columns.first())
}

fn child(
    table: &TableInfo,
    customers: &TableInfo,
    key: &ColumnInfo,
    settings: &Settings,
    taken: &mut HashSet<String>,
    notes: &mut Vec<String>,
) -> Option<ChildTable> {
    let Some(customer) = customer_column(table, customers, key) else {
        notes.push(format!("{} is left out: no column of it names the customer", table.name));
        return None;
    };
    let row_key = row_key(table, customer);
    let hidden: Vec<&String> = row_key.iter().map(|c| &c.name).chain([&customer.name]).collect();
    let mut found = Vec::new();
    let fields = attributes(table, &hidden, settings, &mut HashSet::new(), &mut found);
    let named =
        |words: &&[&str]| fields.iter().find(|f| is_time(f) && Words::of(&f.storage.column).has(words));
    let Some(time) = TIMES.iter().find_map(named).or_else(|| fields.iter().find(|f| is_time(f) && !f.yearly))
    else {
        notes.push(format!("{} is left out: no column of it says when a row happened", table.name));
        return None;
    };
    let name = free(rule_name(&table.name), taken);
    notes.push(format!(
        "{name}: rows of a customer by {}, at the time of {}",
        customer.name, time.storage.column
    ));
    notes.extend(found);
    notes.extend(row_key.map(|c| {
        let why = if c.primary_key { "it is the primary key" } else { "no value of it comes twice" };
        format!("{name}: {} identifies a row, because {why}", c.name)
    }));
    let (time, key) = (time.name.clone(), row_key.map(RowKey::of));
    Some(ChildTable { name, table: table.name.clone(), customer: customer.name.clone(), key, time, fields })
}

impl RowKey {
    fn of(column: &ColumnInfo) -> RowKey {
        let mut values = column.samples.iter().flatten().peekable();
        let numbers = values.peek().is_some() && values.all(|v| v.parse::<i64>().is_ok());
        RowKey { column: column.name.clone(), numbers }
    }
}

/// From so many rows on, that no value comes twice says something of a column whose name says little.
const TELLING_ROWS: u64 = 50;

/// The column that identifies a row: the primary key, else one that is called so and never has a value twice.
fn row_key<'a>(table: &'a TableInfo, customer: &ColumnInfo) -> Option<&'a ColumnInfo> {
    let others = || table.columns.iter().filter(|c| c.name != customer.name);
    // Among few rows, what only numbers them on a page has no value twice either.
    let vague = |name: &str| ["key", "no", "number"].contains(&Words::of(name).joined().as_str());
    let enough = table.row_count.is_some_and(|rows| rows >= TELLING_ROWS);
    others().find(|c| c.primary_key).or_else(|| {
        others().find(|c| c.unique && names_a_row(&table.name, &c.name) && (enough || !vague(&c.name)))
    })
}

/// Whether a column is called as what identifies a row of its table: `id`, or `order_no` in `orders`.
pub fn names_a_row(table: &str, column: &str) -> bool {
    let (own, name) = (singular(&Words::of(table).joined()), Words::of(column).joined());
    let ends = ["id", "key", "no", "number", "uuid"];
    ends.iter().any(|end| name == *end || name == format!("{own}{end}"))
        || name == "编号"
        || name == format!("{own}编号")
}

/// The column of a table that holds the customer's key.
fn customer_column<'a>(
    table: &'a TableInfo,
    customers: &TableInfo,
    key: &ColumnInfo,
) -> Option<&'a ColumnInfo> {
    let refers = |c: &&ColumnInfo| c.references.as_ref().is_some_and(|(t, _)| *t == customers.name);
    let own = singular(&Words::of(&customers.name).joined());
    let people = ["customer", "user", "member", "client", "cust", "buyer", "subscriber", "account", &own];
    let named = |c: &&ColumnInfo| {
        let name = Words::of(&c.name).joined();
        let stem = ["id", "key", "no", "code"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        people.contains(&stem)
            || ["客户", "会员", "用户", "顾客"]
                .iter()
                .any(|p| name.starts_with(p) && name.len() <= p.len() + 6)
    };
    let same = |c: &&ColumnInfo| c.name == key.name && Words::of(&key.name).joined() != "id";
    let find = |test: &dyn Fn(&&ColumnInfo) -> bool| table.columns.iter().find(|c| test(c));
    find(&refers).or_else(|| find(&same)).or_else(|| find(&named))
}

fn attributes(
    table: &TableInfo,
    hidden: &[&String],
    settings: &Settings,
    taken: &mut HashSet<String>,
    notes: &mut Vec<String>,
) -> Vec<Attribute> {
    let shown = table.columns.iter().filter(|c| !hidden.contains(&&c.name));
    let guessed = shown.map(|c| {
        let guess = stored(c, table.row_count, settings);
        notes.push(format!("{}.{}: {}, because {}", table.name, c.name, guess.attribute.ty, guess.why));
        Attribute { name: free(guess.attribute.name.clone(), taken), ..guess.attribute }
    });
    guessed.collect()
}

fn is_time(attribute: &Attribute) -> bool {
    matches!(attribute.ty, Type::Date | Type::Moment) && !attribute.yearly
}
