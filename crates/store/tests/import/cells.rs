//! Files of cells, Parquet and spreadsheets, whole and damaged.

use super::{SETTINGS, Shop, counts, options};
use std::path::Path;
use tidings_schema::load::load;
use tidings_store::import::Options;
use tidings_store::{Delimiter, Import, Source};
use tidings_syntax::FileId;

/// A file that another program wrote, see ../files/make.py, as the table that it names.
fn file(name: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name);
    Source { table: "customers".to_owned(), path }
}

const WHOLE: &str = "
customer:
  table: customers
  key: id
  attributes:
    city: text
    name: text
    points: number
    small: number
    spent: money
    vip: yes/no
    born: date
    seen: moment
    left: moment
    tags: tags
    level: number
";

#[tokio::test]
async fn parquet_files_come_in_as_they_are() {
    let (vocabulary, _) = load(WHOLE, FileId(0), &SETTINGS);
    let shop = Shop::new();
    let report = shop.one(file("customers.parquet"), vocabulary.as_ref()).await;
    assert_eq!(counts(&report), (3, 0, 0, 0));
    let rows = shop
        .rows(
            "SELECT concat_ws('|', id, ifnull(city, '-'), ifnull(name, '-'), ifnull(points, '-'), ifnull(small, '-'),
                 ifnull(spent, '-'), ifnull(vip, '-'), ifnull(born, '-'), ifnull(seen, '-'), ifnull(\"left\", '-'),
                 ifnull(tags, '-'), ifnull(level, '-')) FROM customers",
        )
        .await;
    assert_eq!(
        rows,
        [
            "10|北京|a|0.1|0.1|19.9|1|1990-02-28|2026-01-01 00:00:00.000005Z|2026-01-01 08:00:00|[\"a\",\"乙\"]|200",
            "9|-|-|-|-|-1234567890.05|0|-|-|-|[]|-",
            "100|🎁|c|-|2.5|-|-|1960-01-01|-|-|-|3",
        ]
    );
    let again = shop.one(file("customers.parquet"), vocabulary.as_ref()).await;
    assert_eq!(counts(&again), (0, 0, 3, 0));
}

#[tokio::test]
async fn spreadsheets_come_in_as_they_look() {
    let schema = "customer: {table: customers, key: id, attributes: {name: text, points: number, vip: yes/no, born: date, seen: moment, spent: money}}";
    let (vocabulary, _) = load(schema, FileId(0), &SETTINGS);
    let shop = Shop::new();
    let options = Options { rejected_in: Some(shop.0.path().to_owned()), ..options() };
    let import = Import::plan(&[file("customers.xlsx")], vocabulary.as_ref(), &options, &mut |_| {}).unwrap();
    let dry = import.dry().next().unwrap();
    assert_eq!((dry.rows, dry.accepted, dry.delimiter), (4, 1, Delimiter::Cells));
    let lines: Vec<u64> = dry.listed.iter().map(|r| r.line).collect();
    assert_eq!(lines, [4, 5, 1_048_576], "numbered as in the sheet: {:?}", dry.listed);
    let report = shop.import(&[file("customers.xlsx")], vocabulary.as_ref(), &options).await.unwrap();
    assert_eq!(counts(&report.files[0]), (1, 0, 0, 3));
    let rows =
        shop.rows("SELECT concat_ws('|', id, name, points, vip, born, seen, spent) FROM customers").await;
    assert_eq!(rows, ["007|北京 🎁|1.5|1|1990-02-28|2026-01-01 08:30:15|19.9"]);
    let rejected = std::fs::read_to_string(report.files[0].rejected_file.as_ref().unwrap()).unwrap();
    assert!(rejected.contains("43,,#DIV/0!,,2026-01-01,2026-01-01,20,5,"), "{rejected}");
}

#[test]
fn files_of_cells_that_cannot_be_read_say_why() {
    let shop = Shop::new();
    let plan = |source: Source| match Import::plan(&[source], None, &options(), &mut |_| {}) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it is taken"),
    };
    let whole = std::fs::read(file("customers.parquet").path).unwrap();
    for bytes in [&b"id\n1\n"[..], &whole[..whole.len() / 2], &whole[20..]] {
        let error = plan(shop.write("customers.parquet", bytes));
        assert!(error.contains("no Parquet file that can be read"), "{error}");
        let error = plan(shop.write("customers.xlsx", bytes));
        assert!(error.contains("no spreadsheet that can be read"), "{error}");
    }
    for (name, column) in [("places", "place"), ("waits", "waited")] {
        let error = plan(file(&format!("{name}.parquet")));
        let holds = format!("the column `{column}` holds");
        assert!(error.contains(&holds) && error.contains("no place in a table"), "{error}");
    }
    assert!(plan(shop.write("customers.xls", "x")).contains("Save it as xlsx"));
    assert!(plan(file("none.parquet")).contains("No such file"));
    assert!(plan(file("none.xlsx")).contains("No such file"));
}

/// Wherever a byte of a file is wrong, that is an error or another value, and never a crash.
#[test]
fn damaged_files_end_nothing() {
    let shop = Shop::new();
    for name in ["customers.parquet", "customers.xlsx"] {
        let whole = std::fs::read(file(name).path).unwrap();
        for at in (0..whole.len()).step_by(61) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            Import::plan(&[shop.write(name, bytes)], None, &options(), &mut |_| {}).ok();
        }
    }
}
