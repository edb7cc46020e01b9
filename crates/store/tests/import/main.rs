//! Files into the store and back out of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cells;
#[path = "../shop/texts.rs"]
mod texts;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type};
use chrono_tz::Tz;
use proptest::prelude::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use texts::texts;
use tidings_engine::chunk::{Needs, Whole};
use tidings_schema::load::{Settings, load};
use tidings_schema::{AttributeId, CollectionId, Currency, FieldId, Vocabulary};
use tidings_store::import::Options;
use tidings_store::{
    CustomerStore, Delimiter, EngineRows, FileReport, Import, ImportError, Report, Selection, Source,
};
use tidings_syntax::FileId;

const SETTINGS: Settings = Settings { zone: Tz::Asia__Shanghai, currency: Currency::USD };
const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes: {name: text, city: text, points: number, vip: yes/no}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: {type: date, column: date}
      cds: {type: number, column: number_of_cds}
      total: {type: money, column: dollar_value}
";

fn vocabulary() -> Vocabulary {
    let (vocabulary, findings) = load(SCHEMA, FileId(0), &SETTINGS);
    vocabulary.unwrap_or_else(|| panic!("{findings:?}"))
}

fn options() -> Options {
    Options::new(SETTINGS)
}

/// A folder with files.
struct Shop(TempDir);

impl Shop {
    fn new() -> Shop {
        Shop(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Source {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        Source::parse(path.to_str().unwrap())
    }

    async fn import(
        &self,
        sources: &[Source],
        vocabulary: Option<&Vocabulary>,
        options: &Options,
    ) -> Result<Report, ImportError> {
        let store = ("sqlite:.tidings/store.db", self.0.path());
        let import = Import::plan_into(store, sources, vocabulary, options, &mut |_| {}).await?;
        import.run(store.0, store.1, &mut |_| {}).await
    }

    async fn one(&self, source: Source, vocabulary: Option<&Vocabulary>) -> FileReport {
        self.import(&[source], vocabulary, &options()).await.unwrap().files.remove(0)
    }

    fn database(&self) -> PathBuf {
        self.0.path().join(".tidings/store.db")
    }

    async fn connection(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.database()).connect().await.unwrap()
    }

    /// Rows of text, as another program would read them.
    async fn rows(&self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut self.connection().await)
            .await
            .unwrap()
    }

    async fn store(&self) -> CustomerStore {
        CustomerStore::open("sqlite:.tidings/store.db", self.0.path()).await.unwrap()
    }
}

fn counts(report: &FileReport) -> (u64, u64, u64, u64) {
    (report.inserted, report.updated, report.unchanged, report.rejected)
}

fn cdnow() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cdnow/data/CDNOW_master.txt")
}

#[tokio::test]
async fn real_purchases_come_in_and_load_as_they_are_written() {
    let shop = Shop::new();
    let source = Source { table: "orders".to_owned(), path: cdnow() };
    let mut options = options();
    options.customers_from = Some(("orders".to_owned(), "customer_id".to_owned()));
    let vocabulary = vocabulary();
    let import =
        Import::plan(std::slice::from_ref(&source), Some(&vocabulary), &options, &mut |_| {}).unwrap();
    let dry = import.dry().next().unwrap();
    assert_eq!((dry.rows, dry.accepted, dry.delimiter), (69_659, 69_659, Delimiter::Blanks));
    let mut last = None;
    let report = import
        .run("sqlite:.tidings/store.db", shop.0.path(), &mut |p| last = Some((p.done, p.total)))
        .await
        .unwrap();
    assert_eq!(last, Some((69_659, 69_659)));
    assert_eq!(counts(&report.files[0]), (69_659, 0, 0, 0));
    assert_eq!(report.customers_added, Some(23_570));

    let mut expected: BTreeMap<String, Vec<(String, f64, i64)>> = BTreeMap::new();
    for line in std::fs::read_to_string(cdnow()).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let cents = fields[3].replace('.', "").parse().unwrap();
        let row = (fields[1].to_owned(), fields[2].parse().unwrap(), cents);
        expected.entry(fields[0].to_owned()).or_default().push(row);
    }
    expected.values_mut().for_each(|rows| rows.sort_by(|a, b| a.0.cmp(&b.0)));
    let mut needs = Needs::default();
    (0..3).for_each(|f| needs.want_field(CollectionId(0), FieldId(f)));
    let loaded =
        shop.store().await.load(&vocabulary, &needs, Selection::All, &EngineRows::default()).await.unwrap();
    assert_eq!(loaded.stats.customers, 23_570);
    let mut found = BTreeMap::new();
    for chunk in &loaded.chunks {
        let rows = &chunk.collections[0];
        let days = rows.fields[0].as_primitive::<Date32Type>();
        let cds = rows.fields[1].as_primitive::<Float64Type>();
        let totals = Whole::of(&rows.fields[2]).unwrap();
        for (i, key) in chunk.keys.iter().enumerate() {
            let range = rows.offsets[i] as usize..rows.offsets[i + 1] as usize;
            let day = |r| tidings_schema::calendar::date(days.value(r)).format("%Y%m%d").to_string();
            let rows: Vec<_> = range.map(|r| (day(r), cds.value(r), totals.at(r).unwrap())).collect();
            found.insert(key.unwrap().to_owned(), rows);
        }
    }
    assert!(found == expected);

    let again = shop.import(std::slice::from_ref(&source), Some(&vocabulary), &options).await;
    assert!(matches!(again, Err(ImportError::Twice { .. })));
    options.again = true;
    let report = shop.import(&[source], Some(&vocabulary), &options).await.unwrap();
    assert_eq!((report.files[0].inserted, report.customers_added), (69_659, Some(0)));
}

#[tokio::test]
async fn without_a_schema_types_are_guessed_and_keys_stay_text() {
    let shop = Shop::new();
    let source = Source { table: "orders".to_owned(), path: cdnow() };
    shop.one(source, None).await;
    let columns = shop.rows("SELECT name || ' ' || type FROM pragma_table_info('orders')").await;
    assert_eq!(columns, ["customer_id TEXT", "date TEXT", "number_of_cds INTEGER", "dollar_value TEXT"]);
    let first = "SELECT customer_id || ' ' || date || ' ' || number_of_cds || ' ' || dollar_value FROM orders LIMIT 1";
    assert_eq!(shop.rows(first).await, ["00001 1997-01-01 1 11.77"]);

    // A column that is not what it looks like at first is text, not a thousand rejected rows.
    let mut text = "id,level\n".to_owned();
    (0..2000).for_each(|i| text += &format!("{i},{}\n", if i < 1500 { "7" } else { "none" }));
    let report = shop.one(shop.write("people.csv", text), None).await;
    assert_eq!(counts(&report), (2000, 0, 0, 0));
    assert_eq!(shop.rows("SELECT DISTINCT level FROM people ORDER BY 1").await, ["7", "none"]);
}

#[tokio::test]
async fn rows_with_a_key_are_brought_up_to_date() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    let first = "id,name,city,points,vip,extra\n007,Ann,Paris,1,yes,x\n8,Bo,,2.5,no,\n9,Cy,Rome,,1,z\n";
    let report = shop.one(shop.write("customers.csv", first), Some(&vocabulary)).await;
    assert_eq!(counts(&report), (3, 0, 0, 0));
    let second = "vip;points;name;city;id;more\r\nyes;1;Ann;Paris;007;\r\nno;3;Bo;\"Oslo; old\r\ntown\";8;m\r\ntrue;;Di;Bern;7;\r\n";
    let report = shop.one(shop.write("customers.csv", second), Some(&vocabulary)).await;
    assert_eq!(counts(&report), (1, 1, 1, 0));
    let rows = shop
        .rows("SELECT concat_ws('|', id, name, city, points, vip, extra, more) FROM customers ORDER BY id")
        .await;
    assert_eq!(
        rows,
        ["007|Ann|Paris|1.0|1|x", "7|Di|Bern|1", "8|Bo|Oslo; old\r\ntown|3.0|0|m", "9|Cy|Rome|1|z"]
    );
}

#[tokio::test]
async fn what_an_import_kept_unique_identifies_rows_where_the_schema_names_no_key() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    let first =
        "id,customer_id,date,number_of_cds,dollar_value\n1,a,2026-01-01,1,5.00\n2,a,2026-01-02,1,6.00\n";
    assert_eq!(counts(&shop.one(shop.write("orders.csv", first), None).await), (2, 0, 0, 0));
    let grown = first.replace("6.00", "7.00") + "3,b,2026-01-03,1,8.00\n";
    for expected in [(1, 1, 1, 0), (0, 0, 3, 0)] {
        let report = shop.one(shop.write("orders.csv", &grown), Some(&vocabulary)).await;
        assert_eq!(counts(&report), expected);
    }
    assert_eq!(
        shop.rows("SELECT id || dollar_value FROM orders ORDER BY 1").await,
        ["15.00", "27.00", "38.00"]
    );
}

#[tokio::test]
async fn rows_without_a_key_of_their_own_do_not_go_over_others_where_keys_are_unique() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    let header = "customer_id,date,number_of_cds,dollar_value\n";
    let all = "SELECT id || dollar_value FROM orders ORDER BY 1";
    let first = format!("id,{header}1,a,2026-01-01,1,5.00\n2,a,2026-01-02,1,6.00\n");
    shop.one(shop.write("orders.csv", &first), None).await;

    let doubled = format!("ID,{header}2,a,2026-01-02,1,7.00\n3,b,2026-01-03,1,8.00\n3,b,2026-01-04,1,9.00\n");
    let source = shop.write("orders.csv", &doubled);
    let refused = shop.import(std::slice::from_ref(&source), None, &options()).await.unwrap_err().to_string();
    assert!(refused.contains("lines 3 and 4 have the same") && refused.contains("NAME=FILE"), "{refused}");
    assert_eq!(shop.rows(all).await, ["15.00", "26.00"]);
    for expected in [(1, 1, 0, 1), (0, 0, 2, 1)] {
        assert_eq!(counts(&shop.one(source.clone(), Some(&vocabulary)).await), expected);
    }

    let empty = format!("id,{header},a,2026-01-02,1,7.00\n");
    let source = shop.write("orders.csv", &empty);
    let refused = shop.import(std::slice::from_ref(&source), None, &options()).await.unwrap_err().to_string();
    assert!(refused.contains("1 of 1 rows have none"), "{refused}");
    assert_eq!(counts(&shop.one(source.clone(), Some(&vocabulary)).await), (0, 0, 0, 1));
    assert_eq!(shop.rows(all).await, ["15.00", "27.00", "38.00"]);

    let other = doubled.replace("9.00", "9.50");
    let plain = Import::plan(&[shop.write("orders.csv", other)], None, &options(), &mut |_| {}).unwrap();
    let refused = plain.run("sqlite:.tidings/store.db", shop.0.path(), &mut |_| {}).await.unwrap_err();
    assert!(refused.to_string().contains("Import it again"), "checked before the key was held: {refused}");
    let pair = [shop.write("visits.csv", &first), shop.write("again.csv", &doubled)];
    let pair = pair.map(|source| Source { table: "visits".to_owned(), ..source });
    let refused = shop.import(&pair, None, &options()).await.unwrap_err().to_string();
    assert!(refused.contains("lines 3 and 4"), "one after the other in one go: {refused}");
}

#[tokio::test]
async fn another_key_than_was_kept_says_how_to_go_on() {
    let shop = Shop::new();
    let keyed = |key: &str| {
        let schema = SCHEMA.replace("    time: placed_at", &format!("    key: {key}\n    time: placed_at"));
        load(&schema, FileId(0), &SETTINGS).0.unwrap()
    };
    let first = "id,no,customer_id,date,number_of_cds,dollar_value\n1,x,a,2026-01-01,1,5.00\n2,y,a,2026-01-02,1,6.00\n";
    shop.one(shop.write("orders.csv", first), Some(&keyed("id"))).await;
    let refused = async |text: &str, key: &str| {
        let source = [shop.write("orders.csv", text)];
        shop.import(&source, Some(&keyed(key)), &options()).await.unwrap_err().to_string()
    };
    let said = refused(&first.replace("2,y", "2,z"), "no").await;
    assert!(said.contains("the same `id` as another") && said.contains("Write `key: id`"), "{said}");
    let said = refused(&first.replace("2,y", "3,z"), "customer_id").await;
    assert!(
        !said.contains("UNIQUE") && said.contains("the same `customer_id`") && said.contains("`key:`"),
        "{said}"
    );
    assert_eq!(shop.rows("SELECT id || no FROM orders ORDER BY 1").await, ["1x", "2y"]);
}

#[tokio::test]
async fn what_the_shop_itself_holds_unique_is_named_as_it_is() {
    let shop = Shop::new();
    let lines = "id,order.no,line,customer_id,date\n1,7,1,a,2026-01-01\n2,7,2,a,2026-01-01\n";
    let import = async |text: &str| {
        let source = Source { table: "lines".to_owned(), ..shop.write("lines.csv", text) };
        shop.import(&[source], None, &options()).await
    };
    import(lines).await.unwrap();
    shop.rows("CREATE UNIQUE INDEX own ON lines (\"order.no\", line)").await;
    let said = import(&lines.replace("2,7,2", "3,7,1")).await.unwrap_err().to_string();
    assert!(
        said.contains("`order.no`, `line`") && !said.contains("key:") && !said.contains("UNIQUE"),
        "{said}"
    );
    shop.rows("DROP INDEX own").await;
    shop.rows("DELETE FROM lines WHERE id = 2").await;
    shop.rows("CREATE UNIQUE INDEX one ON lines (\"order.no\")").await;
    let said =
        import(&lines.replace("1,7,1", "1,8,1").replace("2,7,2", "3,8,2")).await.unwrap_err().to_string();
    assert!(said.contains("the same `order.no` as another"), "{said}");
}

#[tokio::test]
async fn customers_of_one_key_are_told_with_what_was_imported() {
    let shop = Shop::new();
    let orders = shop.write("orders.csv", "customer_id,date\na,2026-01-01\nb,2026-01-02\n");
    // Without a schema, a column of which values come twice is no key.
    let customers = shop.write("customers.csv", "id,name\na,Ann\na,Bob\n");
    let from = Some(("orders".to_owned(), "customer_id".to_owned()));
    let options = Options { customers_from: from, ..options() };
    let said = shop.import(&[orders, customers], None, &options).await.unwrap_err().to_string();
    let told =
        ["more than one row of `customers` has the same `id`", "orders.csv, ", "customers.csv were imported"];
    assert!(told.iter().all(|part| said.contains(part)) && !said.contains("UNIQUE"), "{said}");
    assert_eq!(shop.rows("SELECT id || name FROM customers ORDER BY 1").await, ["aAnn", "aBob"]);
}

#[tokio::test]
async fn where_no_customers_can_be_made_it_is_told_what_was_imported() {
    let shop = Shop::new();
    let orders = shop.write("orders.csv", "customer_id,date\na,2026-01-01\n");
    shop.import(std::slice::from_ref(&orders), None, &options()).await.unwrap();
    shop.rows("CREATE VIEW customers AS SELECT DISTINCT customer_id AS id FROM orders").await;
    let from = Some(("orders".to_owned(), "customer_id".to_owned()));
    let options = Options { customers_from: from, again: true, ..options() };
    let said = shop.import(&[orders], None, &options).await.unwrap_err().to_string();
    assert!(said.contains("no customers were made") && said.contains("orders.csv was imported"), "{said}");
}

#[tokio::test]
async fn rejected_rows_are_kept_with_their_reasons() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    let text = "id,name,city,points,vip\n1,a,b,2,yes\n1,double,b,2,yes\n,nobody,b,2,yes\n2,a,b,NaN,yes\n3,a,b,1e400,yes\n4,a,b,2\n5,a,b,2,perhaps\n6,a,b,-0.0,no\n";
    let report = shop.one(shop.write("customers.csv", text), Some(&vocabulary)).await;
    assert_eq!(counts(&report), (2, 0, 0, 6));
    let kept = report.rejected_file.unwrap();
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&kept.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "they are customers' data: {mode:o}");
    }
    let kept = std::fs::read_to_string(kept).unwrap();
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(lines[0], "id,name,city,points,vip,line,reason");
    assert_eq!(lines[1], "1,double,b,2,yes,3,line 2 has the same key");
    assert_eq!(lines[2], ",nobody,b,2,yes,4,`id`: the key is missing");
    assert_eq!(lines[3], "2,a,b,NaN,yes,5,`points`: expected a number such as 12.5");
    assert_eq!(lines[5], "4,a,b,2,,7,\"the row has 4 columns, the first line 5\"");
    assert!(lines[6].starts_with("5,a,b,2,perhaps,8,\"`vip`: expected yes or no"), "{}", lines[6]);

    let orders = "customer_id,date,number_of_cds,dollar_value\n1,2026-01-01,1,9.90\n1,,1,9.90\n1,2026-02-30,1,9.90\n1,2026-01-01,1,9.999\n";
    let report = shop.one(shop.write("orders.csv", orders), Some(&vocabulary)).await;
    assert_eq!(counts(&report), (1, 0, 0, 3));
}

#[tokio::test]
async fn files_that_cannot_be_imported_say_why() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    let said = async |name: &str, text: &[u8], vocabulary: Option<&Vocabulary>| {
        let source = shop.write(name, text);
        shop.import(&[source], vocabulary, &options()).await.unwrap_err().to_string()
    };
    let gb18030 = b"id,name\n1,\xd5\xc5\xc8\xfd\n";
    assert!(
        said("a.csv", gb18030, None)
            .await
            .contains("a.csv, line 2: this is not UTF-8; it looks like GB18030")
    );
    assert!(said("a.csv", b"id,name\n1,Ren\xe9\n", None).await.contains("WINDOWS-1252"));
    assert!(said("a.csv", b"\xff\xfei\0d\0\n\0", None).await.contains("UTF-16"));
    assert!(said("a.csv", b"", None).await.contains("the file is empty"));
    assert!(said("a.csv", b"id,,x\n", None).await.contains("column 2 has no name"));
    assert!(said("a.csv", b"id,x,ID\n", None).await.contains("two columns are called `ID`"));
    assert!(said("tidings_outbox.csv", b"id\n1\n", None).await.contains("cannot be called"));
    let missing = said("customers.csv", b"id,nmae,points,vip\n", Some(&vocabulary)).await;
    assert!(missing.contains("`name` (the file has `nmae`), `city`."), "{missing}");
    let pipe = Import::plan(&[Source::parse("a=/dev/null")], None, &options(), &mut |_| {}).err().unwrap();
    assert!(pipe.to_string().contains("more than once"), "a pipe is not waited for: {pipe}");
    assert!(!shop.database().exists(), "nothing was made for a file that cannot be imported");
}

#[tokio::test]
async fn byte_order_marks_and_delimiters_are_understood() {
    let shop = Shop::new();
    for (i, text) in ["\u{feff}a,b\n1,\"x,\ty\"\n", "a;b\n1;x,\ty\n", "a\tb\n1\t\"x,\ty\"\n", "a b\n1 x\n"]
        .iter()
        .enumerate()
    {
        shop.one(shop.write(&format!("t{i}.csv"), text), None).await;
        let expected = if i == 3 { "1|x" } else { "1|x,\ty" };
        assert_eq!(shop.rows(&format!("SELECT a || '|' || b FROM t{i}")).await, [expected], "{text}");
    }
    let mut forced = options();
    forced.delimiter = Delimiter::from_name(";");
    shop.import(&[shop.write("t4.csv", "a,b\n1,x\n")], None, &forced).await.unwrap();
    assert_eq!(shop.rows("SELECT \"a,b\" FROM t4").await, ["1,x"]);
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_leaves_nothing() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    let source = shop.write("customers.csv", "id,name,city,points,vip\n1,a,b,2,yes\n");
    let import =
        Import::plan(std::slice::from_ref(&source), Some(&vocabulary), &options(), &mut |_| {}).unwrap();
    let change = &mut |_: tidings_store::Progress<'_>| std::fs::write(&source.path, "id\n2\n").unwrap();
    let error = import.run("sqlite:.tidings/store.db", shop.0.path(), change).await.unwrap_err();
    assert!(matches!(error, ImportError::Changed { .. }), "{error}");
    assert_eq!(shop.rows("SELECT name FROM sqlite_schema WHERE name = 'customers'").await, [""; 0]);
}

const SHOP_OF_THE_DYING: &str = "TIDINGS_TEST_DIES_IN";

/// Not a test of its own: the process of the next one that is killed.
#[tokio::test]
async fn dies_in_the_middle() {
    let Some(folder) = std::env::var_os(SHOP_OF_THE_DYING).map(PathBuf::from) else { return };
    let source = Source { table: "customers".to_owned(), path: folder.join("second.csv") };
    let import = Import::plan(&[source], Some(&vocabulary()), &options(), &mut |_| {}).unwrap();
    let die = &mut |p: tidings_store::Progress<'_>| {
        if p.done > 50_000 {
            std::process::abort()
        }
    };
    import.run("sqlite:.tidings/store.db", &folder, die).await.unwrap();
}

#[tokio::test]
async fn an_import_that_is_killed_leaves_the_store_as_it_was() {
    let (shop, vocabulary) = (Shop::new(), vocabulary());
    shop.one(shop.write("customers.csv", "id,name,city,points,vip\n1,a,b,2,yes\n"), Some(&vocabulary)).await;
    let mut text = "id,name,city,points,vip\n".to_owned();
    (0..100_000).for_each(|i| text += &format!("{i},new,{},1,no\n", "x".repeat(100)));
    shop.write("second.csv", text);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "dies_in_the_middle"]).env(SHOP_OF_THE_DYING, shop.0.path());
    assert!(!child.output().unwrap().status.success());

    let needs = Needs { attributes: vec![AttributeId(0)], collections: Vec::new() };
    let store = shop.store().await;
    let loaded = store.load(&vocabulary, &needs, Selection::All, &EngineRows::default()).await.unwrap();
    assert_eq!(texts(&loaded.chunks[0].attributes[0]), [Some("a")]);
}

#[tokio::test]
async fn customers_can_only_be_taken_from_what_is_there() {
    let shop = Shop::new();
    let mut options = options();
    options.customers_from = Some(("orders".to_owned(), "customer".to_owned()));
    let source = shop.write("orders.csv", "customer_id,date\n1,2026-01-01\n");
    let said = shop.import(std::slice::from_ref(&source), None, &options).await.unwrap_err().to_string();
    assert!(said.contains("`orders.customer`") && said.contains("Nothing was imported"), "{said}");
    // So it can be imported as it should have been; and from what is in the store already.
    options.customers_from = Some(("Orders".to_owned(), "Customer_ID".to_owned()));
    let report = shop.import(&[source], None, &options).await.unwrap();
    assert_eq!((report.files[0].inserted, report.customers_added), (1, Some(1)));
    let names = shop.write("names.csv", "id,name\n1,Ann\n");
    assert_eq!(shop.import(&[names], None, &options).await.unwrap().customers_added, Some(0));
}

#[test]
fn a_source_may_name_its_table() {
    let source = |table: &str, path: &str| Source { table: table.to_owned(), path: PathBuf::from(path) };
    assert_eq!(Source::parse("data/orders.csv"), source("orders", "data/orders.csv"));
    assert_eq!(Source::parse("orders=data/2026.csv"), source("orders", "data/2026.csv"));
    assert_eq!(Source::parse("data/a=b.csv"), source("a=b", "data/a=b.csv"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever text a file has, the store gives it back.
    #[test]
    fn what_goes_in_comes_out(
        names in prop::collection::vec("\\PC{0,12}|[a-z\r\n\"',;\t\u{202e}]{0,9}|' OR 1=1--|NULL|1e400", 1..40),
        delimiter in prop::sample::select(vec![(b',', Delimiter::Comma), (b';', Delimiter::Semicolon), (b'\t', Delimiter::Tab)]),
    ) {
        let shop = Shop::new();
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter.0).from_writer(Vec::new());
        writer.write_record(["id", "name", "city", "points", "vip"]).unwrap();
        for (i, name) in names.iter().enumerate() {
            writer.write_record([&format!("{i:03}"), name, "", &format!("{}", i as f64 / 7.0), "no"]).unwrap();
        }
        let source = shop.write("customers.csv", writer.into_inner().unwrap());
        let vocabulary = vocabulary();
        let forced = Options { delimiter: Some(delimiter.1), ..options() };
        let loaded = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            let report = shop.import(&[source], Some(&vocabulary), &forced).await.unwrap();
            assert_eq!(counts(&report.files[0]), (names.len() as u64, 0, 0, 0));
            let needs = Needs { attributes: vec![AttributeId(0), AttributeId(2)], collections: Vec::new() };
            shop.store().await.load(&vocabulary, &needs, Selection::All, &EngineRows::default()).await.unwrap()
        });
        let [chunk] = loaded.chunks.as_slice() else { panic!() };
        let (found, points) = (texts(&chunk.attributes[0]), chunk.attributes[1].as_primitive::<Float64Type>());
        for (i, name) in names.iter().enumerate() {
            prop_assert_eq!(chunk.keys.value(i), format!("{i:03}"));
            prop_assert_eq!(found[i].unwrap_or(""), name);
            prop_assert_eq!(points.value(i).to_bits(), (i as f64 / 7.0).to_bits());
        }
    }
}

#[tokio::test]
async fn files_go_into_files_only() {
    let shop = Shop::new();
    let (files, options) = ([shop.write("t.csv", "id\n1\n")], options());
    let (server, folder) = ("postgres://me:hunter2@127.0.0.1/shop", shop.0.path());
    // A dry run says so too.
    let looked = Import::plan_into((server, folder), &files, None, &options, &mut |_| {}).await.err();
    let import = Import::plan(&files, None, &options, &mut |_| {}).unwrap();
    for error in [looked.unwrap(), import.run(server, folder, &mut |_| {}).await.unwrap_err()] {
        assert!(matches!(error, ImportError::NotOurs) && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_written_to() {
    let shop = Shop::new();
    std::fs::create_dir(shop.0.path().join(".tidings")).unwrap();
    std::fs::write(shop.database(), "precious").unwrap();
    let error = shop.import(&[shop.write("t.csv", "id\n1\n")], None, &options()).await.unwrap_err();
    assert!(matches!(error, ImportError::NoStore { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(shop.database()).unwrap(), "precious");
    let names: BTreeSet<_> =
        std::fs::read_dir(shop.0.path().join(".tidings")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 1);
}
