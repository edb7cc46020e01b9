//! A folder of files as a customer store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tidings_engine::chunk::Needs;
use tidings_schema::{AttributeId, CollectionId, Currency, FieldId, Settings, Vocabulary, load};
use tidings_store::{CustomerStore, EngineRows, LoadStats, Selection, StoreError};
use tidings_syntax::FileId;
use tokio::time::timeout;

const SCHEMA: &str = "
customer: {table: customers, key: id, attributes: {city: text, visits: number}}
collections:
  orders: {table: orders, customer: customer, time: placed_at, fields: {placed_at: moment, total: money}}
";

/// What is loaded: each customer's key and city, and the number of all their orders.
async fn read(base: &Path) -> Result<(Vec<String>, LoadStats), StoreError> {
    let vocabulary: Vocabulary =
        load(SCHEMA, FileId(0), &Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::CNY })
            .0
            .unwrap();
    let mut needs = Needs::default();
    needs.want(AttributeId(0));
    needs.want(AttributeId(1));
    needs.want_field(CollectionId(0), FieldId(0));
    needs.want_field(CollectionId(0), FieldId(1));
    let store = CustomerStore::open_as("files:data", base, &vocabulary).await?;
    let loaded = store.load(&vocabulary, &needs, Selection::All, &EngineRows::default()).await?;
    let said = loaded.chunks.iter().flat_map(|chunk| {
        (0..chunk.len()).map(|i| {
            let city = tidings_engine::value_at(&tidings_schema::Type::Text, &chunk.attributes[0], i);
            let orders = chunk.collections[0].offsets[i + 1] - chunk.collections[0].offsets[i];
            format!("{} {city:?} {orders}", chunk.keys.value(i))
        })
    });
    Ok((said.collect(), loaded.stats))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_bring_the_same_files_in() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    fs::create_dir_all(&data).unwrap();
    let rows: String = (0..20_000).map(|i| format!("c{i},Wuhan,{i}\n")).collect();
    fs::write(data.join("customers.csv"), format!("id,city,visits\n{rows}")).unwrap();
    fs::write(data.join("orders.csv"), "customer,placed_at,total\n").unwrap();
    // While another program brings them in, everybody waits for it.
    fs::create_dir_all(base.path().join(".tidings")).unwrap();
    let other = fs::File::create(base.path().join(".tidings/files.lock")).unwrap();
    other.lock().unwrap();
    assert!(timeout(Duration::from_secs(2), read(base.path())).await.is_err());
    assert!(kept(base.path()).is_empty());
    drop(other);

    let all = [(); 4].map(|()| {
        let base = base.path().to_owned();
        tokio::spawn(async move { (read(&base).await.unwrap().0.len(), made(&base)) })
    });
    let mut saw = Vec::new();
    for one in all {
        saw.push(one.await.unwrap());
    }
    // What one of them reads is not replaced by another.
    assert_eq!(saw, vec![(20_000, made(base.path())); 4]);
    assert_eq!(read(base.path()).await.unwrap().0.len(), 20_000);
}

/// What tells each database that was made from one that replaced it.
fn made(base: &Path) -> Vec<Option<SystemTime>> {
    kept(base).iter().map(|database| database.metadata().unwrap().modified().ok()).collect()
}

/// The databases that were made.
fn kept(base: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(base.join(".tidings/files")).unwrap();
    let databases = entries.map(|entry| entry.unwrap().path().join("store.db"));
    databases.filter(|database| database.exists()).collect()
}

#[tokio::test]
async fn files_are_read_as_they_are_now() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    fs::create_dir_all(data.join("orders")).unwrap();
    fs::write(data.join("customers.csv"), "id,city,visits\nmo,Wuhan,3\nlin,Shanghai,many\n").unwrap();
    fs::write(data.join("orders/2025.csv"), "customer,placed_at,total\nlin,2025-03-01 10:00,19.90\n")
        .unwrap();
    fs::write(
        data.join("orders/2026.csv"),
        "customer,placed_at,total\nlin,2026-03-01 10:00,5\nlin,2026-03-01 10:00,5\n",
    )
    .unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", data.join("gone.csv")).unwrap();
    for other in ["read me.md", "~$customers.csv", "._orders.csv"] {
        fs::write(data.join(other), "not a table").unwrap();
    }

    let (first, stats) = read(base.path()).await.unwrap();
    // A row that cannot be read is said, and kept with its reason.
    assert_eq!(first, ["mo Some(Text(\"Wuhan\")) 0"]);
    assert_eq!(stats.notes.len(), 1, "{stats:?}");
    assert!(stats.notes[0].starts_with("1 row of") && stats.collections[0].orphans == 3, "{stats:?}");
    let made = kept(base.path());
    assert_eq!(
        (read(base.path()).await.unwrap(), kept(base.path())),
        ((first, stats), made.clone()),
        "nothing is made anew"
    );

    fs::write(data.join("customers.csv"), "id,city,visits\nmo,Wuhan,3\nlin,Shanghai,12\n").unwrap();
    let (now, stats) = read(base.path()).await.unwrap();
    assert_eq!(now, ["lin Some(Text(\"Shanghai\")) 3", "mo Some(Text(\"Wuhan\")) 0"]);
    assert!(stats.notes.is_empty(), "{stats:?}");
    assert_eq!(kept(base.path()).len(), 2, "whoever still reads the old one can");
    for visits in 0..20 {
        let text = format!("id,city,visits\nmo,Wuhan,{visits}\nlin,Shanghai,12\n");
        fs::write(data.join("customers.csv"), text).unwrap();
        read(base.path()).await.unwrap();
    }
    assert_eq!(kept(base.path()).len(), 4, "old ones go");
    assert_eq!(fs::read_to_string(base.path().join(".tidings/.gitignore")).unwrap(), "*\n");
    CustomerStore::forget_files(base.path()).await.unwrap();
    assert!(!base.path().join(".tidings/files").exists());
    assert_eq!(read(base.path()).await.unwrap().0.len(), 2, "they are there again for whoever asks");

    fs::remove_dir_all(&data).unwrap();
    let gone = read(base.path()).await.unwrap_err().to_string();
    assert!(gone.contains("there is no folder") && gone.contains("data"), "{gone}");
}

#[tokio::test]
async fn whatever_was_rejected_is_kept_by_itself() {
    let base = tempfile::tempdir().unwrap();
    let folders = [("customers", "id,city,visits\n"), ("orders", "customer,placed_at,total\n")];
    for (folder, header) in folders {
        let folder = base.path().join("data").join(folder);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..20 {
            let row = format!("{}-{i},bad,bad\n", folder.file_name().unwrap().to_str().unwrap());
            fs::write(folder.join(format!("part-{i}.csv")), format!("{header}{row}")).unwrap();
        }
    }
    let (_, stats) = read(base.path()).await.unwrap();
    let list = |note: &String| note.split("; ").nth(1).unwrap().replace(" says why", "");
    let rows = stats
        .notes
        .iter()
        .map(|note| fs::read_to_string(list(note)).unwrap().lines().nth(1).unwrap().to_owned());
    let mut keys: Vec<String> = rows.map(|row| row.split(',').next().unwrap().to_owned()).collect();
    let mut all: Vec<String> =
        folders.iter().flat_map(|(of, _)| (0..20).map(move |i| format!("{of}-{i}"))).collect();
    keys.sort();
    all.sort();
    assert_eq!(keys, all);
}

/// Within so long another change may have the same time.
#[tokio::test]
async fn a_time_in_whole_seconds_is_waited_for() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("orders.csv"), "customer,placed_at,total\n").unwrap();
    fs::write(data.join("customers.csv"), "id,city,visits\nmo,Wuhan,3\n").unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
    fs::File::options().write(true).open(data.join("customers.csv")).unwrap().set_modified(now).unwrap();
    read(base.path()).await.unwrap();
    assert!(SystemTime::now() >= now + Duration::from_secs(2));
}
