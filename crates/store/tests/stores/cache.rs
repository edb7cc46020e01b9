//! The cache file gives what a cold load gives, or it counts as nothing.

use super::grow;
use super::resident::{TOLD, World, told};
use super::servers::Kind;
use crate::shop::{everything, vocabulary};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tidings_engine::chunk::Needs;
use tidings_schema::Vocabulary;
use tidings_store::{CustomerStore, EngineRows, Loaded, Refreshed, Resident, Selection};

/// Long after whatever the test writes.
const LATER: i64 = 4_000_000_000_000_000;

async fn command(file: &Path, store: &CustomerStore, vocabulary: &Vocabulary) -> (Loaded, Refreshed, bool) {
    command_of(file, store, vocabulary, &everything(vocabulary)).await
}

async fn command_of(
    file: &Path,
    store: &CustomerStore,
    vocabulary: &Vocabulary,
    needs: &Needs,
) -> (Loaded, Refreshed, bool) {
    let mut resident = Resident::cached(file);
    let loaded = resident.load(store, vocabulary, needs, &EngineRows::default(), LATER).await;
    let (loaded, took) = loaded.unwrap();
    (loaded, took, resident.save(file).unwrap())
}

#[tokio::test]
async fn what_one_command_read_the_next_one_need_not() {
    for kind in Kind::ALL {
        let Some(mut world) = World::new(kind, 3).await else { continue };
        world.day += 9;
        world.changes(5, true).await;
        let (vocabulary, store) = (vocabulary(TOLD), world.shop.store().await);
        let file = world.shop.folder.path().join("customers.cache");
        let (cold, took, saved) = command(&file, &store, &vocabulary).await;
        assert!(took.saved == 0 && saved);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions()) & 0o777,
            0o600
        );
        let (warm, took, _) = command(&file, &store, &vocabulary).await;
        assert_eq!(told(&warm), told(&cold));
        assert!(took.saved > 0 && (kind != Kind::Lite || took.read == 0), "{kind:?}: {took:?}");
        for _ in 0..3 {
            world.day += 3;
            world.changes(4, false).await;
            let (warm, ..) = command(&file, &store, &vocabulary).await;
            assert_eq!(told(&warm), told(&world.shop.load(&vocabulary, Selection::All).await.unwrap()));
        }
        let left = fs::read_dir(world.shop.folder.path()).unwrap();
        let left = left.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains(".cache"));
        assert_eq!(left.count(), 1, "nothing is left beside it");
    }
}

#[tokio::test]
async fn a_column_that_a_command_came_to_need_is_there_for_the_next_one() {
    for kind in Kind::ALL {
        let Some(world) = World::settled(kind).await else { continue };
        let (vocabulary, store) = (vocabulary(grow::SCHEMA), world.shop.store().await);
        let file = world.shop.folder.path().join("customers.cache");
        let needs = |names: &[&str]| grow::needs(&vocabulary, names);
        let few = needs(&["points", "orders.size", "returns.reason"]);
        let more = needs(&["points", "score", "orders.size", "orders.note", "returns.reason"]);
        for (needs, grown) in [(&few, 0), (&more, 2), (&few, 0), (&more, 0)] {
            let (loaded, took, _) = command_of(&file, &store, &vocabulary, needs).await;
            assert_eq!(took.grown / 300, grown, "{kind:?}: {took:?}");
            let cold = store.load(&vocabulary, needs, Selection::All, &EngineRows::default()).await;
            assert_eq!(told(&loaded), told(&cold.unwrap()));
        }
        assert!(kind != Kind::Lite || command_of(&file, &store, &vocabulary, &more).await.1.read == 0);
    }
}

#[tokio::test]
async fn a_file_that_is_not_just_what_was_written_is_none() {
    let world = World::new(Kind::Lite, 5).await.unwrap();
    let (vocabulary, store) = (vocabulary(TOLD), world.shop.store().await);
    let file = world.shop.folder.path().join("customers.cache");
    let (cold, ..) = command(&file, &store, &vocabulary).await;
    let whole = fs::read(&file).unwrap();
    let refused = async |content: &[u8], what: &str| {
        fs::write(&file, content).unwrap();
        let (loaded, took, saved) = command(&file, &store, &vocabulary).await;
        assert!(took.saved == 0 && saved, "{what}: {took:?}");
        assert_eq!(told(&loaded), told(&cold), "{what}");
    };
    for at in (0..64).chain((64..whole.len()).step_by(whole.len() / 60)) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&flipped, &format!("byte {at}")).await;
    }
    for length in [0, 1, 63, 64, 65, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..length], &format!("{length} bytes")).await;
    }
    refused(&[whole.as_slice(), b"x"].concat(), "one byte more").await;
    refused(&[b"tidings cache 0\n".as_slice(), &whole[16..]].concat(), "an older format").await;
}

#[tokio::test]
async fn a_cache_of_another_schema_or_store_is_none() {
    let (one, other) = (World::new(Kind::Lite, 5).await.unwrap(), World::new(Kind::Lite, 6).await.unwrap());
    let (schema, changed) = (vocabulary(TOLD), vocabulary(&TOLD.replace("points: number", "points: text")));
    let file = one.shop.folder.path().join("customers.cache");
    let store = one.shop.store().await;
    command(&file, &store, &schema).await;
    let written = fs::read(&file).unwrap();
    for (store, schema) in [(&store, &changed), (&other.shop.store().await, &schema)] {
        fs::write(&file, &written).unwrap();
        let (loaded, took, _) = command(&file, store, schema).await;
        assert_eq!(took.saved, 0);
        let cold =
            store.load(schema, &everything(schema), Selection::All, &EngineRows::default()).await.unwrap();
        assert_eq!(told(&loaded), told(&cold));
    }
    // In memory too: a copy of the file, in which something changed that its table does not tell.
    let mut resident = Resident::cached(&file);
    let (needs, engine) = (everything(&schema), EngineRows::default());
    resident.load(&store, &schema, &needs, &engine, LATER).await.unwrap();
    fs::copy(one.shop.folder.path().join("shop.db"), other.shop.folder.path().join("shop.db")).unwrap();
    other.shop.execute("UPDATE customers SET city = 'elsewhere'").await;
    let copy = other.shop.store().await;
    let (kept, _) = resident.load(&copy, &schema, &needs, &engine, LATER).await.unwrap();
    assert_eq!(told(&kept), told(&copy.load(&schema, &needs, Selection::All, &engine).await.unwrap()));
    fs::write(&file, &written).unwrap();
    assert!(command(&file, &store, &schema).await.1.saved > 0, "and its own is one");
}

/// A copy keeps the time of what it is of, and another file of the same statements counts as many changes.
#[tokio::test]
async fn a_file_in_place_of_another_of_the_same_size_and_time_is_another() {
    let cities = ["x1", "x2"];
    let worlds = [World::new(Kind::Lite, 5).await.unwrap(), World::new(Kind::Lite, 5).await.unwrap()];
    let databases = worlds.each_ref().map(|world| world.shop.folder.path().join("shop.db"));
    for ((world, database), city) in worlds.iter().zip(&databases).zip(cities) {
        world.shop.execute(&format!("UPDATE customers SET city = '{city}'")).await;
        let file = fs::File::options().write(true).open(database).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    }
    let schema = vocabulary("customer: {table: customers, key: id, attributes: {city: text}}");
    let (file, store) = (worlds[0].shop.folder.path().join("customers.cache"), worlds[0].shop.store().await);
    let first = command(&file, &store, &schema).await.0;
    assert!(command(&file, &store, &schema).await.1.saved > 0, "as long as it is the same");
    fs::rename(&databases[1], &databases[0]).unwrap();
    let second = command(&file, &store, &schema).await.0;
    let cold =
        store.load(&schema, &everything(&schema), Selection::All, &EngineRows::default()).await.unwrap();
    assert_eq!(told(&second), told(&cold));
    assert_ne!(told(&second), told(&first));
}
