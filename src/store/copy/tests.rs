//! Moving a store with everything in it there and back, interrupted anywhere, and what is not allowed.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use postgres_server::{Database, Server};

use super::{
    run,
    shelf::{Mark, Place, Shelf, Walk},
    *,
};
use crate::{
    clock::SystemClock,
    store::{
        Committed, Store, StoreError, Write, Written,
        sqlite::SqliteStore,
        suite::{Bench, everything},
    },
};

/// A folder for stores of SQLite.
struct House(tempfile::TempDir);

impl House {
    fn new() -> House {
        House(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self, name: &str) -> config::Store {
        config::store_of_url(&format!("sqlite:{}", self.file(name).display())).unwrap()
    }

    /// A store with everything in it, and what it answers.
    async fn filled(&self, name: &str) -> (config::Store, Vec<String>) {
        let bench = bench(&self.file(name));
        everything::fill(&bench).await;
        (self.store(name), everything::answers(&*bench.store).await)
    }
}

fn bench(file: &Path) -> Bench {
    let clock = Bench::clock();
    let store = SqliteStore::open(file.to_str().unwrap(), clock.clone()).unwrap();
    Bench::new(store, clock, ())
}

async fn open(store: &config::Store) -> Result<Arc<dyn Store>, OpenError> {
    crate::store::open(store.clone(), Arc::new(SystemClock)).await
}

async fn answers(store: &config::Store) -> Vec<String> {
    everything::answers(&*open(store).await.unwrap()).await
}

fn postgres(database: &Database) -> config::Store {
    config::store_of_url(&database.url()).unwrap()
}

async fn moved(from: &config::Store, to: &config::Store) -> Report {
    copy(from, to, false, &mut |_| ()).await.unwrap()
}

async fn compared(one: &config::Store, other: &config::Store) -> Report {
    compare(one, other, &mut |_| ()).await.unwrap()
}

/// The tables in which two stores differ.
fn different(report: &Report) -> Vec<&'static str> {
    report.tables.iter().filter(|table| !table.is_equal()).map(|table| table.table).collect()
}

fn sums(report: &Report) -> Vec<Sum> {
    report.tables.iter().map(|table| table.to).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_everything_in_it_is_the_same_there_and_back_again() {
    let (house, database) = (House::new(), Server::shared().database());
    let (first, before) = house.filled("first").await;
    let there = postgres(&database);
    let going = moved(&first, &there).await;
    assert!(going.is_equal(), "{:?}", different(&going));
    assert!(going.tables.iter().all(|table| table.from.rows > 0), "{:?}", going.tables);
    assert_eq!((going.rows_before, going.unfindable), (0, 0));
    assert_eq!(answers(&there).await, before);
    let back = house.store("back");
    let coming = moved(&there, &back).await;
    assert!(coming.is_equal(), "{:?}", different(&coming));
    assert_eq!(sums(&going), sums(&coming));
    assert!(compared(&first, &back).await.is_equal());
    assert_eq!(answers(&back).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_is_moved_and_filled_afterwards() {
    let (house, database) = (House::new(), Server::shared().database());
    drop(bench(&house.file("empty")));
    let (there, back) = (postgres(&database), house.store("back"));
    assert!(moved(&house.store("empty"), &there).await.is_equal());
    let report = moved(&there, &back).await;
    assert_eq!((report.is_equal(), report.rows()), (true, 1), "the numbers alone");
    let bench = bench(&house.file("back"));
    everything::fill(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_move_is_numbered_on() {
    let (house, database) = (House::new(), Server::shared().database());
    let (first, _) = house.filled("first").await;
    moved(&first, &postgres(&database)).await;
    moved(&postgres(&database), &house.store("back")).await;
    let (old, new) = (bench(&house.file("first")), bench(&house.file("back")));
    for bench in [&old, &new] {
        // The first id of a new bench is one that the store has.
        let change = |number: u128| {
            let mut change = bench.new_petition(&format!("after {number}"));
            change.petition.id = crate::petition::PetitionId(uuid::Uuid::from_u128(number));
            change.events[0].petition_id = change.petition.id;
            change
        };
        let written = bench.store.write([Write::Change(Box::new(change(1)))].into()).await.unwrap();
        assert!(matches!(written[..], [Written::Committed(Committed::New { .. })]));
        let message = crate::store::suite::message("portal", "[]");
        bench.store.write([Write::Journal(message)].into()).await.unwrap();
    }
    assert_eq!(everything::answers(&*old.store).await, everything::answers(&*new.store).await);
}

/// A store that is lost at a certain write into it: before it is done, or after.
struct Frail {
    shelf: Box<dyn Shelf>,
    writes_left: AtomicUsize,
    is_done_first: bool,
}

impl Frail {
    fn break_down(&self) -> Result<(), CopyError> {
        match self.writes_left.fetch_sub(1, Ordering::SeqCst) {
            1 => Err(CopyError::of(self.name())(StoreError::Unavailable("it broke down"))),
            _ => Ok(()),
        }
    }

    async fn at_once(&self, write: impl Future<Output = Result<(), CopyError>>) -> Result<(), CopyError> {
        if !self.is_done_first {
            self.break_down()?;
            return write.await;
        }
        write.await?;
        self.break_down()
    }
}

#[async_trait]
impl Shelf for Frail {
    fn name(&self) -> &str {
        self.shelf.name()
    }
    async fn count(&self, table: &'static Table) -> Result<u64, StoreError> {
        self.shelf.count(table).await
    }
    async fn walk(&self, table: &'static Table) -> Result<Walk, StoreError> {
        self.shelf.walk(table).await
    }
    async fn findable_count(&self) -> Result<u64, StoreError> {
        self.shelf.findable_count().await
    }
    async fn mark(&self) -> Result<Option<Mark>, StoreError> {
        self.shelf.mark().await
    }
    async fn begin(&self, mark: &Mark) -> Result<(), CopyError> {
        self.at_once(self.shelf.begin(mark)).await
    }
    async fn put(&self, rows: Vec<Row>, from: Place, to: Place) -> Result<(), CopyError> {
        self.at_once(self.shelf.put(rows, from, to)).await
    }
    async fn finish(&self) -> Result<(), CopyError> {
        self.at_once(self.shelf.finish()).await
    }
    async fn clear(&self) -> Result<(), StoreError> {
        self.shelf.clear().await
    }
}

/// Breaks a copy off at its write `number`; whether it had so many.
async fn broken_off(from: &config::Store, to: &config::Store, number: usize, is_done_first: bool) -> bool {
    let source = shelf_open_source(from).await.unwrap();
    let shelf = shelf_open_target(to).await.unwrap();
    let target = Frail { shelf, writes_left: AtomicUsize::new(number), is_done_first };
    match run::copy(&*source, &target, false, &mut |_| ()).await {
        Err(CopyError::Store { source: StoreError::Unavailable("it broke down"), .. }) => true,
        Ok(report) => {
            assert!(report.is_equal());
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Breaks a copy off at every one of its writes in turn, into targets that `target` makes, and has it go on.
async fn is_broken_off_anywhere(from: &config::Store, target: impl Fn(usize) -> config::Store) {
    for is_done_first in [false, true] {
        for number in 1.. {
            let to = target(number + 100 * usize::from(is_done_first));
            if !broken_off(from, &to, number, is_done_first).await {
                assert!(number > TABLES.len(), "each table is a write or more");
                break;
            }
            match copy(from, &to, false, &mut |_| ()).await {
                Ok(report) => {
                    assert!(report.is_equal(), "{number}: {:?}", different(&report));
                    assert!(report.rows_before > 0 || number <= 2, "what was there is not copied again");
                }
                // Only its last word was lost.
                Err(CopyError::NotEmpty { .. }) => assert!(is_done_first && number > TABLES.len()),
                Err(error) => panic!("{number}: {error}"),
            }
            assert!(compared(from, &to).await.is_equal());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_broken_off_anywhere_goes_on_to_the_same_end_on_sqlite() {
    let house = House::new();
    let (from, _) = house.filled("from").await;
    is_broken_off_anywhere(&from, |number| house.store(&format!("to-{number}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_broken_off_anywhere_goes_on_to_the_same_end_on_postgres() {
    let house = House::new();
    let (from, _) = house.filled("from").await;
    let databases = std::sync::Mutex::new(Vec::new());
    let target = |_| {
        let database = Server::shared().database();
        let store = postgres(&database);
        databases.lock().unwrap().push(database);
        store
    };
    is_broken_off_anywhere(&from, target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_not_copied_whole_is_not_opened_nor_copied_from() {
    let (house, database) = (House::new(), Server::shared().database());
    let (from, _) = house.filled("from").await;
    for to in [house.store("to"), postgres(&database)] {
        assert!(broken_off(&from, &to, 4, false).await);
        let Err(refused) = open(&to).await else { panic!("it is opened") };
        assert!(refused.to_string().contains("unfinished copy of sqlite:"), "{refused}");
        let onward = copy(&to, &house.store("onward"), false, &mut |_| ()).await;
        assert!(matches!(onward, Err(CopyError::Unfinished { .. })), "{onward:?}");
        assert!(!house.file("onward").exists());
        assert!(!compared(&from, &to).await.is_equal());
        assert!(moved(&from, &to).await.is_equal());
    }
    open(&house.store("to")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_has_changed_is_not_mixed_with_what_it_was() {
    let (house, database) = (House::new(), Server::shared().database());
    let (from, _) = house.filled("from").await;
    for (number, to) in (1..).zip([house.store("to"), postgres(&database)]) {
        assert!(broken_off(&from, &to, 6, true).await);
        let bench = bench(&house.file("from"));
        let (channel, reason) = ("portal".to_owned(), format!("lần {number}"));
        bench.store.write([Write::Pause { channel, paused: true, reason }].into()).await.unwrap();
        drop(bench);
        let refused = copy(&from, &to, false, &mut |_| ()).await;
        assert!(matches!(refused, Err(CopyError::OfAnother { .. })), "{refused:?}");
        let report = copy(&from, &to, true, &mut |_| ()).await.unwrap();
        assert_eq!((report.is_equal(), report.rows_before, report.unfindable), (true, 0, 0));
        assert!(compared(&from, &to).await.is_equal());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_anything_in_it_is_refused_and_left_as_it_is() {
    let (house, database) = (House::new(), Server::shared().database());
    let (from, _) = house.filled("from").await;
    let (other, before) = house.filled("other").await;
    moved(&from, &postgres(&database)).await;
    for (to, start_over) in
        [(&other, false), (&postgres(&database), false), (&other, true), (&postgres(&database), true)]
    {
        let refused = copy(&from, to, start_over, &mut |_| ()).await;
        assert!(matches!(refused, Err(CopyError::NotEmpty { table: "petitions", .. })), "{refused:?}");
    }
    assert_eq!(answers(&other).await, before);
    assert!(compared(&from, &postgres(&database)).await.is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_in_use_is_neither_read_nor_filled() {
    const BEAT: &str = "INSERT INTO gateways (id, until, seen) VALUES (gen_random_uuid(), \
                        (extract(epoch FROM clock_timestamp() + interval '20 s') * 1000000)::bigint * 1000, '{}')";
    let (house, database) = (House::new(), Server::shared().database());
    let (sqlite, _) = house.filled("from").await;
    let there = postgres(&database);
    let held = bench(&house.file("from"));
    let refused = copy(&sqlite, &there, false, &mut |_| ()).await;
    assert!(matches!(refused, Err(CopyError::Open(OpenError::InUse(_)))), "{refused:?}");
    drop(held);
    moved(&sqlite, &there).await;
    database.run(BEAT);
    let empty = Server::shared().database();
    shelf_open_target(&postgres(&empty)).await.unwrap();
    empty.run(BEAT);
    for (from, to) in [(&there, &house.store("to")), (&sqlite, &postgres(&empty))] {
        match copy(from, to, false, &mut |_| ()).await {
            Err(CopyError::InUse { gateways: 1, seconds: 1..=20, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    database.run("UPDATE gateways SET until = 0");
    assert!(moved(&there, &house.store("to")).await.is_equal(), "dead gateways hold nothing up");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_store_is_copied_nobody_writes_to_it() {
    let (house, database) = (House::new(), Server::shared().database());
    let (sqlite, _) = house.filled("from").await;
    moved(&sqlite, &postgres(&database)).await;
    let held = shelf_open_source(&postgres(&database)).await.unwrap();
    let write = "SET lock_timeout = '100ms'; SELECT seq FROM counters FOR UPDATE";
    assert!(database.try_run(write).is_err(), "a writer's first statement");
    drop(held);
    let held = shelf_open_source(&sqlite).await.unwrap();
    assert!(matches!(open(&sqlite).await, Err(OpenError::InUse(_))));
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_store_is_not_copied_onto_itself_nor_a_store_that_is_not_there() {
    let (house, database) = (House::new(), Server::shared().database());
    let (from, _) = house.filled("from").await;
    moved(&from, &postgres(&database)).await;
    for store in [&from, &postgres(&database)] {
        let refused = copy(store, store, false, &mut |_| ()).await;
        assert!(matches!(refused, Err(CopyError::Same(_))), "{refused:?}");
    }
    let empty = Server::shared().database();
    for absent in [house.store("absent"), postgres(&empty)] {
        let refused = copy(&absent, &house.store("to"), false, &mut |_| ()).await;
        assert!(matches!(refused, Err(CopyError::Missing(_))), "{refused:?}");
    }
    assert!(!house.file("absent").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_is_found_out() {
    let (house, database) = (House::new(), Server::shared().database());
    let (from, _) = house.filled("from").await;
    let to = postgres(&database);
    moved(&from, &to).await;
    for (change, back, table) in [
        (
            "UPDATE events SET body = body || ' ' WHERE seq = 3",
            "UPDATE events SET body = rtrim(body) WHERE seq = 3",
            "events",
        ),
        (
            "UPDATE deliveries SET reason = 'x' WHERE n = (SELECT max(n) FROM deliveries WHERE reason IS NULL)",
            "UPDATE deliveries SET reason = NULL WHERE reason = 'x'",
            "deliveries",
        ),
        (
            "UPDATE petitions SET pk = pk + 1 WHERE external_id = 'PA-1'",
            "UPDATE petitions SET pk = pk - 1 WHERE external_id = 'PA-1'",
            "petitions",
        ),
        ("UPDATE counters SET message = message + 1", "UPDATE counters SET message = message - 1", "counters"),
        (
            "UPDATE messages SET body = body || '\\x00' WHERE id = 1",
            "UPDATE messages SET body = substr(body, 1, length(body) - 1) WHERE id = 1",
            "messages",
        ),
        ("INSERT INTO cursors VALUES ('x', 'y', 'z', 0)", "DELETE FROM cursors WHERE channel = 'x'", "cursors"),
    ] {
        database.run(change);
        let report = compared(&from, &to).await;
        assert_eq!(different(&report), [table]);
        assert_eq!(different(&compared(&to, &from).await), [table]);
        database.run(back);
    }
    database.run("DELETE FROM texts WHERE petition IN (SELECT petition FROM texts LIMIT 2)");
    let report = compared(&from, &to).await;
    assert_eq!((report.is_equal(), report.unfindable), (true, 2), "found by reading, and no longer by words");
}

/// What is copied into a table before the end is changed by somebody: the copy fails, and its target is not opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_target_is_not_the_same_in_the_end_keeps_its_mark() {
    let (house, database) = (House::new(), Server::shared().database());
    let (from, _) = house.filled("from").await;
    let to = postgres(&database);
    assert!(broken_off(&from, &to, 9, false).await);
    database.run("UPDATE events SET actor = 'kẻ lạ' WHERE seq = 1");
    let report = moved(&from, &to).await;
    assert_eq!(different(&report), ["events"]);
    assert!(matches!(open(&to).await, Err(OpenError::Unfinished { .. })));
    assert_eq!(different(&moved(&from, &to).await), ["events"], "the same again finds the same");
    assert!(copy(&from, &to, true, &mut |_| ()).await.unwrap().is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_goes_from_nothing_to_all_in_each_phase() {
    let house = House::new();
    let (from, _) = house.filled("from").await;
    let mut told = Vec::new();
    copy(&from, &house.store("to"), false, &mut |progress| told.push(progress)).await.unwrap();
    for phase in [Phase::Copy, Phase::Compare] {
        let of_phase: Vec<_> = told.iter().filter(|it| it.phase == phase).collect();
        assert!(of_phase.is_sorted_by_key(|it| it.rows));
        let (first, last) = (of_phase.first().unwrap(), of_phase.last().unwrap());
        assert_eq!((first.rows, last.rows), (0, last.rows_all));
    }
}
