//! The behaviour suite on SQLite, and what is this engine's own: its file, its lock, its schema, its plans.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{SqliteStore, petition::hash_of};
use crate::{
    clock::SystemClock,
    petition::{Seq, Status},
    store::{
        Beat, Claim, Committed, DeliveryId, GatewayAbout, ItemState, NewDelivery, OpenError, PetitionQuery, RequestKey,
        Sort, Store, StoreError, Write, Written,
        suite::{self, sqlite_bench},
    },
};

fn day() -> jiff::Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

fn open(place: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(place.to_str().unwrap(), Arc::new(SystemClock))
}

async fn bench() -> suite::Bench {
    sqlite_bench()
}

suite::run_on!(bench);

/// A store with one petition in it, in a folder of its own.
async fn filled() -> (tempfile::TempDir, PathBuf, SqliteStore, crate::petition::Petition) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("made/on/the/way/store.sqlite");
    let store = open(&place).unwrap();
    let change = sqlite_bench().new_petition("PA-1");
    let petition = change.petition.clone();
    store.write([Write::Change(Box::new(change))].into()).await.unwrap();
    (folder, place, store, petition)
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_stop() {
    let (_folder, place, store, petition) = filled().await;
    drop(store);
    let again = SqliteStore::open(&format!("sqlite://{}", place.display()), Arc::new(SystemClock)).unwrap();
    assert_eq!(again.petition_get(petition.id).await.unwrap(), Some(petition));
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_kill() {
    let (folder, place, store, petition) = filled().await;
    // What a kill leaves: the files as they are, nothing closed, the log not moved into the database.
    let image = folder.path().join("image.sqlite");
    for suffix in ["", "-wal"] {
        let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        std::fs::copy(with(&place), with(&image)).unwrap();
    }
    let again = open(&image).unwrap();
    assert_eq!(again.petition_get(petition.id).await.unwrap(), Some(petition));
    assert_eq!(again.seq_last().await.unwrap(), Seq(1));
    drop(store);
}

#[tokio::test]
async fn a_beat_reaches_the_disk_though_it_changes_nothing() {
    let (_folder, place, store, _) = filled().await;
    // It moves with each transaction that another connection has put into the log, whatever is in it.
    let conn = rusqlite::Connection::open(&place).unwrap();
    let version = || conn.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
    let about = GatewayAbout { node: "cổng 1".to_owned(), version: "1.0.0".to_owned(), since: day() };
    let (channels, seen) = Default::default();
    let beat = Beat { lease: Duration::from_secs(9), about, channels, seen };
    let before = version();
    store.write([Write::Beat(beat)].into()).await.unwrap();
    assert_ne!(version(), before);
    assert_eq!(store.seq_last().await.unwrap(), Seq(1));
}

#[tokio::test]
async fn a_second_gateway_is_kept_out_until_the_first_is_gone() {
    let (_folder, place, store, _) = filled().await;
    assert!(matches!(open(&place), Err(OpenError::InUse(_))));
    drop(store);
    assert!(open(&place).is_ok());
}

#[tokio::test]
async fn a_store_of_a_newer_schema_and_a_foreign_file_are_refused_and_left_alone() {
    let (folder, place, store, _) = filled().await;
    drop(store);
    let conn = rusqlite::Connection::open(&place).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let Err(newer) = open(&place) else { panic!("a newer schema was opened") };
    assert!(newer.to_string().contains("schema version 99"), "{newer}");

    let foreign = folder.path().join("foreign.sqlite");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(open(&foreign), Err(OpenError::Foreign(_))));
    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "không phải cơ sở dữ liệu; ".repeat(50)).unwrap();
    assert!(matches!(open(&text), Err(OpenError::Foreign(_))));
    assert!(std::fs::read(&text).unwrap().starts_with("không".as_bytes()));
}

#[tokio::test]
async fn lists_come_out_of_an_index_in_order_and_sort_nothing() {
    let (_folder, place, store, _) = filled().await;
    drop(store);
    let conn = rusqlite::Connection::open(place).unwrap();
    let text = Some("hồ sơ".to_owned());
    let received = vec![Status::Received];
    for sort in [Sort::ReceivedNewest, Sort::ReceivedOldest, Sort::DueSoonest] {
        for statuses in [Vec::new(), received.clone()] {
            let query =
                PetitionQuery { sort, statuses, channels: vec!["portal".to_owned()], ..PetitionQuery::default() };
            assert_sorts_nothing(&conn, &query);
        }
    }
    assert_sorts_nothing(&conn, &PetitionQuery { text, ..PetitionQuery::default() });
}

fn assert_sorts_nothing(conn: &rusqlite::Connection, query: &PetitionQuery) {
    for plan in super::petition_list::plans(conn, query) {
        assert!(!plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
    }
}

#[tokio::test]
async fn claims_read_the_index_of_what_is_due() {
    let (_folder, place, store, _) = filled().await;
    drop(store);
    let conn = rusqlite::Connection::open(place).unwrap();
    let plan = super::petition_list::plan(&conn, super::delivery::DUE_LIST, rusqlite::params!["portal", 1, 1]);
    assert!(plan.contains("deliveries_due") && !plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn what_is_unfinished_reads_the_index_of_that_and_no_message() {
    let (_folder, place, store, _) = filled().await;
    drop(store);
    let conn = rusqlite::Connection::open(place).unwrap();
    let plan = super::petition_list::plan(&conn, super::message::UNFINISHED, [1]);
    assert!(plan.contains("COVERING INDEX messages_unfinished") && !plan.contains("TEMP B-TREE"), "{plan}");
}

#[tokio::test]
async fn the_quarantine_comes_out_of_its_index_in_both_orders() {
    let (_folder, place, store, _) = filled().await;
    drop(store);
    let conn = rusqlite::Connection::open(place).unwrap();
    for oldest_first in [true, false] {
        let sql = super::message::quarantine_page(ItemState::Quarantined, oldest_first);
        let values = rusqlite::params![1, 1, "portal", "missing", "danhSach", "PA-1", "pakn", 1, 2, 9];
        let plan = super::petition_list::plan(&conn, &sql, values);
        assert!(plan.contains("items_in_quarantine") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn keys_made_later_stand_later_in_their_index_and_each_principal_has_its_own() {
    let made = |second: u64| uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, second, 0));
    let hashes = [1_700_000_000, 1_700_000_001, 2_000_000_000].map(|second| hash_of(made(second), "a"));
    assert!(hashes.is_sorted() && hashes[0] > 0, "{hashes:?}");
    let (random, late) = (uuid::Uuid::from_u128(7), made(9_000_000_000));
    assert!(hash_of(random, "a") <= i64::from(u32::MAX), "an id that tells no time has the digest alone");
    assert!(hash_of(late, "a") >= 0);
    assert_ne!(hash_of(random, "a"), hash_of(random, "b"));
}

#[tokio::test]
async fn a_key_that_was_kept_under_its_digest_alone_is_still_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.sqlite")).unwrap();
    let mut change = sqlite_bench().new_petition("PA-1");
    let key = RequestKey { principal: "a".to_owned(), id: uuid::Uuid::now_v7(), fingerprint: [1; 32] };
    change.request = Some(key.clone());
    store.write([Write::Change(Box::new(change))].into()).await.unwrap();
    let conn = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
    conn.execute("UPDATE requests SET hash = hash & 4294967295", []).unwrap();
    assert!(matches!(store.request_get(&key).await.unwrap(), Some(Committed::Duplicate { .. })));
}

/// Three deliveries, the first two in one lane, claimed after the first's errand was made into `body`.
fn claimed_beside(body: Option<&str>) -> (rusqlite::Connection, tempfile::TempDir, Vec<DeliveryId>, Vec<DeliveryId>) {
    let folder = tempfile::tempdir().unwrap();
    let conn = super::schema::open_writer(&folder.path().join("store.sqlite")).unwrap();
    let mut change = sqlite_bench().new_petition_with_delivery("PA-1");
    let deliveries = (1..=3).map(|number| NewDelivery {
        id: DeliveryId(uuid::Uuid::from_u128(number)),
        lane: (number < 3).then(|| "lane".to_owned()),
        ..change.deliveries[0].clone()
    });
    change.deliveries = deliveries.collect();
    let ids = change.deliveries.iter().map(|delivery| delivery.id).collect();
    super::writer::write(&conn, &[Write::Change(Box::new(change))], day()).unwrap();
    match body {
        Some(body) => conn.execute("UPDATE errands SET body = ?1 WHERE delivery = 1", [body]).unwrap(),
        None => conn.execute("DELETE FROM errands WHERE delivery = 1", []).unwrap(),
    };
    let claimed = claim(&conn);
    (conn, folder, ids, claimed)
}

#[tokio::test]
async fn whoever_opens_the_file_need_not_wait_for_the_leases_of_whoever_had_it_before() {
    let (_folder, place, store, _) = filled().await;
    let bench = sqlite_bench();
    // Every bench draws the same ids: the first are in the store already.
    for known in 0..16 {
        drop(bench.new_petition(&format!("PA-0-{known}")));
    }
    let change = bench.new_petition_with_delivery("PA-2");
    store.write([Write::Change(Box::new(change))].into()).await.unwrap();
    let room_of = std::collections::BTreeMap::new;
    let claim = || Write::Claim(Claim { lease: Duration::from_secs(300), limit: 9, room_of: room_of() });
    let claimed = async |store: &SqliteStore| match store.write(Arc::new([claim()])).await.unwrap().pop() {
        Some(Written::Claimed(claimed)) => claimed.len(),
        other => panic!("a claim was answered by {other:?}"),
    };
    let under_way = claimed(&store).await;
    assert!(under_way > 0);
    assert_eq!(claimed(&store).await, 0, "under lease");
    drop(store);
    let store = open(&place).unwrap();
    assert_eq!(claimed(&store).await, under_way, "free at once");
    let conn = rusqlite::Connection::open(place).unwrap();
    let plan = super::petition_list::plan(&conn, super::delivery::LEASE_END_ALL, [0_i64]);
    assert!(plan.contains("deliveries_due"), "{plan}");
}

fn claim(conn: &rusqlite::Connection) -> Vec<DeliveryId> {
    let claim = Claim { lease: Duration::from_secs(60), limit: 9, room_of: std::collections::BTreeMap::new() };
    let written = super::writer::write(conn, &[Write::Claim(claim)], day()).unwrap();
    let [Written::Claimed(claimed)] = &written[..] else { panic!("a claim was answered by {written:?}") };
    claimed.iter().map(|claimed| claimed.delivery.id).collect()
}

#[test]
fn an_errand_that_cannot_be_read_is_a_dead_letter_and_holds_nothing_up() {
    for body in [Some(r#"{"errand": "teleport", "to": "mặt trăng"}"#), Some("{"), None] {
        let (conn, _folder, ids, claimed) = claimed_beside(body);
        assert_eq!(claimed, [ids[2]], "{body:?}");
        assert_eq!(claim(&conn), [ids[1]], "its lane goes on");
        let (state, reason): (i64, String) = conn
            .query_row("SELECT state, reason FROM deliveries WHERE n = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((state, reason.as_str()), (2, "không đọc được (a stored errand cannot be read)"));
        let counts = super::channel::counts(&conn).unwrap();
        assert_eq!((counts.pending, counts.dead_letters), (2, 1));
        let attempts = super::delivery_list::attempt_list(&conn, ids[0]).unwrap();
        assert_eq!((attempts.len(), attempts[0].verdict.as_str()), (1, "reject"));
    }
}

#[tokio::test]
async fn lists_of_deliveries_by_state_read_the_index_of_that_state() {
    let (_folder, place, store, _) = filled().await;
    drop(store);
    let conn = rusqlite::Connection::open(place).unwrap();
    for (state, index) in [(0, "deliveries_pending"), (2, "deliveries_dead")] {
        let sql = format!("SELECT * FROM deliveries d WHERE TRUE AND d.state = {state} ORDER BY d.n DESC LIMIT 9");
        let plan = super::petition_list::plan(&conn, &sql, []);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn a_full_disk_is_told_as_such_and_once_there_is_room_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let conn = super::schema::open_writer(&folder.path().join("store.sqlite")).unwrap();
    let small = Write::Journal(suite::message("portal", "[]"));
    super::writer::write(&conn, &[small], day()).unwrap();
    let pages: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    conn.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let large = || {
        let body = bytes::Bytes::from(vec![7; 100_000]);
        [Write::Journal(crate::store::NewMessage { body, ..suite::message("portal", "") })]
    };
    let full = super::writer::write(&conn, &large(), day());
    assert!(matches!(full, Err(StoreError::Unavailable("the disk is full"))), "{full:?}");
    conn.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    let written = super::writer::write(&conn, &large(), day()).unwrap();
    assert_eq!(written, [Written::Message(crate::store::MessageId(2))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_although_there_is_always_somebody_who_reads() {
    let (_folder, place, store, _) = filled().await;
    let is_over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> =
        (0..4).map(|_| std::thread::spawn(read_on_and_on(place.clone(), Arc::clone(&is_over)))).collect();
    let log = PathBuf::from(format!("{}-wal", place.display()));
    let mut longest = 0;
    for _ in 0..150 {
        let body = bytes::Bytes::from(vec![7; 1024 * 1024]);
        let message = crate::store::NewMessage { body, ..suite::message("portal", "") };
        store.write([Write::Journal(message)].into()).await.unwrap();
        longest = longest.max(std::fs::metadata(&log).unwrap().len());
    }
    is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    let reads: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(reads > 100, "{reads}");
    assert!(longest < 100 * 1024 * 1024, "150 MiB were written, and the log has grown to {longest} bytes");
}

/// Reads as watchers and lists do, one snapshot after the other, each held for some milliseconds; how many there were.
fn read_on_and_on(place: PathBuf, is_over: Arc<std::sync::atomic::AtomicBool>) -> impl FnOnce() -> u64 {
    move || {
        let conn = super::schema::open_reader(&place).unwrap();
        let mut reads = 0;
        while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
            let snapshot = conn.unchecked_transaction().unwrap();
            super::event::seq_last(&snapshot).unwrap();
            std::thread::sleep(Duration::from_millis(5));
            snapshot.finish().unwrap();
            reads += 1;
        }
        reads
    }
}
