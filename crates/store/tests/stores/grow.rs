//! Columns that come to be needed later are read alone, and all is then what a cold load gives.

use super::resident::{World, told};
use super::servers::Kind;
use crate::shop::{everything, vocabulary};
use tidings_engine::chunk::Needs;
use tidings_schema::Vocabulary;
use tidings_store::{CustomerStore, EngineRows, Loaded, Refreshed, Resident, Selection, StoreError};

/// Columns that more than one attribute reads, most with refused values; a collection whose rows have keys, and one
/// over the same table whose rows have none.
pub const SCHEMA: &str = "
customer:
  table: customers
  key: id
  updated_at: told
  deleted_at: gone
  attributes:
    city: text
    letters: {type: text, column: points}
    level: {type: one of, values: [city 1, city 2, city 3], column: city}
    labels: {type: tags, separator: ' ', column: city}
    points: number
    score: {type: number, column: points}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    key: id
    updated_at: version
    deleted_at: gone
    fields:
      kind: {type: one of, values: [note 1, note 2, new 3], column: note}
      note: text
      placed_at: moment
      size: {type: number, column: note}
      total: money
  returns:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: moment
      reason: {type: number, column: note}
      total: money
  visits:
    table: visits
    customer: customer_id
    time: day
    key: id
    append_only: id
    fields:
      day: date
      page: text
";

/// Ways to tell changes: all tables, not the customers', not the orders'; and none at all.
fn schema(way: usize) -> String {
    match way {
        0 => SCHEMA.to_owned(),
        1 => SCHEMA.replace("  updated_at: told\n", "").replace("updated_at: version", "updated_at: at"),
        2 => SCHEMA.replace("append_only: id", "append_only: told").replace("    updated_at: version\n", ""),
        _ => SCHEMA
            .lines()
            .filter(|l| !l.contains("updated_at") && !l.contains("append_only"))
            .flat_map(|l| [l, "\n"])
            .collect(),
    }
}

/// Some columns by their names, each `ATTRIBUTE` or `COLLECTION.FIELD`.
pub fn needs(vocabulary: &Vocabulary, names: &[&str]) -> Needs {
    let all = everything(vocabulary);
    let mut needs = Needs::default();
    for name in names {
        let Some((collection, field)) = name.split_once('.') else {
            let named = |id: &&_| vocabulary.attribute(**id).unwrap().name == *name;
            needs.want(*all.attributes.iter().find(named).unwrap());
            continue;
        };
        let named = |c: &&tidings_engine::chunk::CollectionNeeds| {
            vocabulary.collection(c.id).unwrap().name == collection
        };
        let own = all.collections.iter().find(named).unwrap();
        let collection = vocabulary.collection(own.id).unwrap();
        let named = |id: &&_| collection.field(**id).unwrap().name == field;
        needs.want_field(own.id, *own.fields.iter().find(named).unwrap());
        needs.want_field(own.id, collection.time);
    }
    needs
}

const NAMES: [&str; 15] = [
    "city",
    "letters",
    "level",
    "labels",
    "points",
    "score",
    "orders.kind",
    "orders.note",
    "orders.placed_at",
    "orders.size",
    "orders.total",
    "returns.reason",
    "returns.total",
    "visits.day",
    "visits.page",
];

/// Long after whatever the test writes.
const LATER: i64 = 4_000_000_000_000_000;

async fn cold(store: &CustomerStore, vocabulary: &Vocabulary, needs: &Needs) -> Loaded {
    store.load(vocabulary, needs, Selection::All, &EngineRows::default()).await.unwrap()
}

async fn held(
    resident: &mut Resident,
    store: &CustomerStore,
    vocabulary: &Vocabulary,
    needs: &Needs,
    at: i64,
) -> Result<(Loaded, Refreshed), StoreError> {
    resident.load(store, vocabulary, needs, &EngineRows::default(), at).await
}

#[tokio::test]
async fn whatever_is_needed_next_it_is_what_a_cold_load_gives() {
    let mut grown = 0;
    for kind in Kind::ALL {
        for seed in 0..if kind == Kind::Lite { 16 } else { 4 } {
            let way = seed as usize % 4;
            let Some(mut world) = World::new(kind, 70 + seed).await else { continue };
            let vocabulary = vocabulary(&schema(way));
            let mut resident = Resident::default().whole_every(i64::MAX);
            let mut names = vec!["city"];
            for step in 0..if kind == Kind::Lite { 12 } else { 6 } {
                world.day += [0, 1, 3][world.below(3) as usize];
                let many = world.below(4);
                world.changes(many, false).await;
                if world.below(3) == 0 {
                    let (points, told) = (["1", "many"][world.below(2) as usize], world.moment(world.now()));
                    let nobody =
                        format!("INSERT INTO customers VALUES (NULL, 'city 9', '{points}', 0, {told}, NULL)");
                    world.shop.execute(&nobody).await;
                }
                for _ in 0..world.below(3) {
                    names.push(NAMES[world.below(NAMES.len() as u64) as usize]);
                }
                // A decision that needs less sees no more.
                let wanted = if world.below(4) == 0 { &names[names.len() / 2..] } else { &names[..] };
                let (needs, store) = (needs(&vocabulary, wanted), world.shop.store().await);
                // A file is known to be what it was only where the clock says that it was not just written.
                let at = if seed % 3 == 0 { LATER } else { world.now() * 1_000_000 };
                let (kept, took) = held(&mut resident, &store, &vocabulary, &needs, at).await.unwrap();
                let cold = cold(&store, &vocabulary, &needs).await;
                assert_eq!(
                    told(&kept),
                    told(&cold),
                    "{kind:?}, way {way}, seed {seed}, step {step}: {wanted:?}"
                );
                let types = |loaded: &Loaded| -> Vec<_> {
                    let columns = loaded.chunks.iter().flat_map(|chunk| &chunk.attributes);
                    columns.map(|column| column.data_type().clone()).collect()
                };
                assert_eq!(types(&kept), types(&cold));
                grown += took.grown;
            }
        }
    }
    assert!(grown > 0);
}

/// What is read to have columns beside those that are held, and whether all is then what a cold load gives.
async fn reads(
    resident: &mut Resident,
    world: &World,
    schema: &str,
    names: &[&str],
    at: i64,
) -> (usize, usize) {
    let (vocabulary, store) = (vocabulary(schema), world.shop.store().await);
    let needs = needs(&vocabulary, names);
    let (kept, took) = held(resident, &store, &vocabulary, &needs, at).await.unwrap();
    assert_eq!(told(&kept), told(&cold(&store, &vocabulary, &needs).await), "{names:?}");
    (took.read, took.grown)
}

#[tokio::test]
async fn only_the_columns_that_are_new_are_read() {
    for kind in Kind::ALL {
        let Some(world) = World::settled(kind).await else { continue };
        let (mut resident, at) = (Resident::default(), world.now() * 1_000_000);
        reads(&mut resident, &world, SCHEMA, &["city", "orders.total"], at).await;
        for (names, tables) in [
            (&["city", "orders.total", "points"][..], (0, 1)),
            (&["orders.total", "points", "letters", "level"], (0, 1)),
            (&["score", "orders.note", "orders.kind"], (0, 2)),
            (&["visits.page", "city"], (1, 0)),
            (&["visits.page", "city", "letters", "orders.note"], (0, 0)),
            // Rows without keys are read anew, each time.
            (&["returns.total"], (1, 0)),
            (&["labels"], (1, 1)),
        ] {
            let (read, grown) = reads(&mut resident, &world, SCHEMA, names, at).await;
            assert_eq!((read / 300, grown / 300), tables, "{kind:?}, {names:?}: {read} {grown}");
        }
    }
}

#[tokio::test]
async fn of_a_file_that_is_what_it_was_nothing_else_is_read() {
    let world = World::settled(Kind::Lite).await.unwrap();
    let (schema, mut resident) = (schema(3), Resident::default());
    reads(&mut resident, &world, &schema, &["city", "orders.total", "returns.total"], LATER).await;
    for (names, expected) in [
        (&["points", "orders.total"][..], (0, 1)),
        (&["letters", "orders.note"], (0, 2)),
        (&["returns.reason"], (1, 0)),
        (&["visits.page"], (1, 0)),
        (&["city", "points", "orders.note", "returns.reason"], (0, 0)),
    ] {
        let (read, grown) = reads(&mut resident, &world, &schema, names, LATER).await;
        assert_eq!((read / 300, grown / 300), expected, "{names:?}: {read} {grown}");
    }
    world.shop.execute("UPDATE customers SET city = 'z', points = '7'").await;
    let (read, _) = reads(&mut resident, &world, &schema, &["labels", "score"], LATER).await;
    assert!(read >= 300, "nothing tells what changed");
}

/// What a table does not tell is not seen, but nothing is put beside the wrong rows.
#[tokio::test]
async fn columns_are_put_beside_the_rows_that_they_are_of_or_all_is_read_anew() {
    for kind in Kind::ALL {
        let Some(world) = World::settled(kind).await else { continue };
        let new = format!(
            "INSERT INTO visits VALUES (99000000, '300', '2026-01-02', 'x', {})",
            world.moment(world.now())
        );
        let nobody = "INSERT INTO customers SELECT NULL, city, points, number, told, NULL FROM customers WHERE id = '300'";
        for (way, before, silent) in [
            (0, "SELECT 1", "UPDATE customers SET id = '301x' WHERE id = '301'"),
            (0, nobody, "UPDATE customers SET id = '301x' WHERE id IS NULL"),
            (0, "SELECT 1", "UPDATE orders SET id = 'o301x' WHERE id = 'o301'"),
            (
                0,
                "UPDATE orders SET customer_id = 'later 9' WHERE id = 'o301'",
                "UPDATE orders SET id = 'o301x', customer_id = '301' WHERE id = 'o301'",
            ),
            (0, "UPDATE orders SET id = 'o302', note = 'y' WHERE id = 'o301'", "SELECT 1"),
            (0, "SELECT 1", "DELETE FROM visits WHERE id = 301"),
            (
                2,
                &new,
                "INSERT INTO visits SELECT NULL, customer_id, day, page, told FROM visits WHERE id = 301",
            ),
            (
                2,
                &new,
                "INSERT INTO visits SELECT 77, customer_id, day, page, told FROM visits WHERE id = 301",
            ),
        ] {
            let Some(world) = World::settled(kind).await else { continue };
            let (schema, mut resident, at) = (schema(way), Resident::default(), world.now() * 1_000_000);
            let (few, more) =
                (["city", "orders.total", "visits.day"], ["points", "orders.note", "visits.page"]);
            world.shop.execute(before).await;
            reads(&mut resident, &world, &schema, &few, at).await;
            world.shop.execute(silent).await;
            reads(&mut resident, &world, &schema, &[few, more].concat(), at).await;
        }
    }
}

/// Somebody who holds the file lets a command look at it, and writes before it can read.
#[tokio::test]
async fn a_file_that_is_written_before_it_is_read_is_read_anew() {
    let world = World::settled(Kind::Lite).await.unwrap();
    let (vocabulary, store) = (vocabulary(&schema(3)), world.shop.store().await);
    let (few, more) = (needs(&vocabulary, &["city"]), needs(&vocabulary, &["city", "points"]));
    let mut resident = Resident::default();
    held(&mut resident, &store, &vocabulary, &few, LATER).await.unwrap();
    let mut writer = world.shop.writer().await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut writer).await.unwrap();
    let writing = async {
        tokio::task::yield_now().await;
        let sql = "UPDATE customers SET city = 'z', points = '7'; COMMIT";
        sqlx::raw_sql(sql).execute(&mut writer).await.unwrap();
    };
    let (kept, ()) = tokio::join!(held(&mut resident, &store, &vocabulary, &more, LATER), writing);
    assert_eq!(told(&kept.unwrap().0), told(&cold(&store, &vocabulary, &more).await));
}

#[tokio::test]
async fn a_column_that_is_not_there_takes_nothing_away() {
    for kind in Kind::ALL {
        let Some(world) = World::settled(kind).await else { continue };
        let (mut resident, at) = (Resident::default(), world.now() * 1_000_000);
        let schema = SCHEMA.replace("column: note}\n      total", "column: nothing}\n      total");
        let (vocabulary, store) = (vocabulary(&schema), world.shop.store().await);
        reads(&mut resident, &world, &schema, &["city", "orders.total"], at).await;
        let wrong = needs(&vocabulary, &["points", "orders.total", "orders.size"]);
        let failed = held(&mut resident, &store, &vocabulary, &wrong, at).await;
        assert!(matches!(failed, Err(StoreError::NoColumn { .. })));
        let (read, grown) =
            reads(&mut resident, &world, &schema, &["city", "points", "orders.total"], at).await;
        assert!(read < 60 && grown == 0, "{kind:?}: {read} {grown}");
    }
}
