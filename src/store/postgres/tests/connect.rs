//! Connections: to whom, how they are set up, and what becomes of broken ones.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use postgres_server::{Options, Server, Tls};
use tokio::time::timeout;

use super::{Place, connected, place};
use crate::{
    clock::{Clock, ManualClock, SystemClock},
    config,
    security::throwaway::{Authority, Names},
    store::{
        OpenError, StoreError,
        postgres::{
            PostgresStore,
            connect::{Client, Database},
        },
    },
};

async fn ask(client: &Client, sql: &str) -> Result<String, StoreError> {
    Ok(client.query_one(sql, &[]).await?.get(0))
}

async fn setting(client: &Client, name: &str) -> String {
    ask(client, &format!("SELECT current_setting('{name}')")).await.unwrap()
}

async fn read(database: &Database, sql: &str) -> Result<String, StoreError> {
    database.read(|client| async move { ask(&client, sql).await }).await
}

const PID: &str = "SELECT pg_backend_pid()::text";

/// Cuts off every connection to the database but this call's.
fn cut(place: &Place) {
    place.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_reads_is_set_up_for_reading() {
    let place = place();
    place.run(&format!("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'", place.name()));
    let database = connected(&place).await;
    let told = database
        .read(|client| async move {
            let mut told = Vec::new();
            for name in READER {
                told.push(setting(&client, name).await);
            }
            Ok(told)
        })
        .await
        .unwrap();
    assert_eq!(told, ["petition-gateway", "on", "30s", "30s", "30s", "read committed", "UTF8", "off", "1s"]);
    let refused = read(&database, "CREATE TABLE t (x int)").await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
}

const READER: [&str; 9] = [
    "application_name",
    "default_transaction_read_only",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "default_transaction_isolation",
    "client_encoding",
    "jit",
    "client_connection_check_interval",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_writes_raises_a_weak_synchronous_commit_and_lowers_none() {
    for (weak, is) in
        [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
    {
        let place = place();
        let alter = format!("ALTER DATABASE {} SET", place.name());
        place.run(&format!("{alter} synchronous_commit = {weak}"));
        place.run(&format!("{alter} statement_timeout = '1h'"));
        let client = connected(&place).await.writer().await.unwrap();
        assert_eq!(setting(&client, "synchronous_commit").await, is);
        let mut told = Vec::new();
        for name in
            ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_read_only"]
        {
            told.push(setting(&client, name).await);
        }
        assert_eq!(told, ["10s", "5s", "3s", "off"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_time_is_the_databases_from_the_start_whatever_the_machines() {
    let place = place();
    let years_ago: Timestamp = "2001-01-01T00:00:00Z".parse().unwrap();
    let settings = config::Postgres::at(&place.url());
    let store = PostgresStore::open(&settings, Arc::new(ManualClock::at(years_ago))).await.unwrap();
    let off = store.clock.now().duration_since(SystemClock.now());
    assert!(off.abs() < SignedDuration::from_secs(5), "{off}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_takes_too_long_is_cut_off() {
    let place = place();
    let settings =
        config::Postgres { statement_limit: Duration::from_millis(200), ..config::Postgres::at(&place.url()) };
    let database = Database::open(&settings).await.unwrap();
    let started = Instant::now();
    assert!(read(&database, "SELECT pg_sleep(60)::text").await.is_err());
    assert!(started.elapsed() < Duration::from_secs(10));
    read(&database, PID).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_is_lost_is_asked_once_more() {
    let place = place();
    let database = connected(&place).await;
    let asked = AtomicU32::new(0);
    let (place, asked) = (&place, &asked);
    let read = database.read(|client| async move {
        // The database breaks off the first time only, and the second time it always does.
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            tokio::task::block_in_place(|| cut(place));
        }
        ask(&client, PID).await
    });
    read.await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);

    let read = database.read(|client| async move {
        asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::block_in_place(|| cut(place));
        ask(&client, PID).await
    });
    assert!(matches!(read.await, Err(StoreError::Unavailable(_))));
    assert_eq!(asked.load(Ordering::Relaxed), 4, "once more, and not again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_broke_while_nobody_had_them_are_made_anew_without_a_word() {
    let place = place();
    let database = connected(&place).await;
    let first = read(&database, PID).await.unwrap();
    assert_eq!(read(&database, PID).await.unwrap(), first);
    cut(&place);
    assert_ne!(read(&database, PID).await.unwrap(), first);
    database.writer().await.unwrap().batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_let_go_of_in_the_middle_is_not_used_again() {
    let place = place();
    let database = connected(&place).await;
    let first = read(&database, PID).await.unwrap();
    let caller_who_leaves = timeout(Duration::from_millis(100), read(&database, "SELECT pg_sleep(60)::text"));
    assert!(caller_who_leaves.await.is_err());
    assert_ne!(read(&database, PID).await.unwrap(), first);

    let client = database.writer().await.unwrap();
    let (first, ()) = (ask(&client, PID).await.unwrap(), client.release());
    drop(client);
    let client = database.writer().await.unwrap();
    assert_eq!(ask(&client, PID).await.unwrap(), first);
    client.batch_execute("BEGIN").await.unwrap();
    drop(client);
    assert_ne!(ask(&database.writer().await.unwrap(), PID).await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_writer_had_to_connect_anew_no_older_connection_is_read_from() {
    let place = place();
    let database = connected(&place).await;
    let first = read(&database, PID).await.unwrap();
    // Not released: the next one is new.
    drop(database.writer().await.unwrap());
    drop(database.writer().await.unwrap());
    assert_ne!(read(&database, PID).await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_was_prepared_before_a_migration_is_prepared_again() {
    let place = place();
    place.run("CREATE TABLE letters (subject text); INSERT INTO letters VALUES ('a')");
    let database = connected(&place).await;
    let columns = || {
        database.read(|client| async move {
            let statement = client.prepare_cached("SELECT * FROM letters").await?;
            Ok(client.query_one(&statement, &[]).await?.len())
        })
    };
    assert_eq!(columns().await.unwrap(), 1);
    place.run("ALTER TABLE letters ADD COLUMN body text");
    assert_eq!(columns().await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_readers_than_connections_wait_their_turn() {
    let place = place();
    let settings = config::Postgres { connections_max: 2, ..config::Postgres::at(&place.url()) };
    let database = Database::open(&settings).await.unwrap();
    let reads = (0..20)
        .map(|_| read(&database, "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database()"));
    for count in futures::future::join_all(reads).await {
        assert!(count.unwrap().parse::<u32>().unwrap() <= 3);
    }
}

async fn open_error(settings: &config::Postgres) -> String {
    let started = Instant::now();
    let Err(refused) = Database::open(settings).await else { panic!("connected") };
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
    format!("{refused}: {}", std::error::Error::source(&refused).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_told_within_seconds_with_the_reason_of_each_server() {
    // Nobody listens on port 1, and nothing is in the folder.
    let told = open_error(&config::Postgres::at("postgres://gateway@127.0.0.1:1,%2Fnowhere/petitions")).await;
    assert_eq!(
        told,
        "the store postgres://127.0.0.1:1,/nowhere:5432/petitions cannot be reached: 127.0.0.1:1: Connection refused (os \
         error 111); /nowhere:5432: No such file or directory (os error 2)"
    );
    let place = place();
    let told = open_error(&config::Postgres::at(&place.url().replace(place.name(), "petitions"))).await;
    assert!(told.contains("database \"petitions\" does not exist (SQLSTATE 3D000)"), "{told}");

    let server = Server::start(Options::default());
    server.pause();
    let told = open_error(&config::Postgres::at(&server.url("postgres"))).await;
    assert!(told.contains("no answer within 3 seconds"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_not_held_up_by_a_server_that_fell_silent() {
    let server = Server::start(Options::default());
    let settings = config::Postgres {
        statement_limit: Duration::from_millis(500),
        ..config::Postgres::at(&server.url("postgres"))
    };
    let database = Database::open(&settings).await.unwrap();
    read(&database, PID).await.unwrap();
    server.pause();
    let started = Instant::now();
    let refused = read(&database, PID).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable("the database does not answer")), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(5));
    server.wake();
    read(&database, PID).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_server_is_the_primary_is_used() {
    let primary = Server::start(Options::default());
    let replica = primary.replica("second");
    let url = |server: &Server| config::Postgres::at(&server.url("postgres"));
    let servers = [url(&replica).servers, url(&primary).servers].concat();
    let database = Database::open(&config::Postgres { servers, ..url(&primary) }).await.unwrap();
    const IS_REPLICA: &str = "SELECT pg_is_in_recovery()::text";
    assert_eq!(read(&database, IS_REPLICA).await.unwrap(), "false");
    primary.kill();
    let refused = read(&database, IS_REPLICA).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable("the database cannot be reached")), "{refused}");
    replica.promote();
    assert_eq!(read(&database, IS_REPLICA).await.unwrap(), "false");
    database.writer().await.unwrap().batch_execute("CREATE TABLE t (x int)").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_on_a_primary_that_fell_silent_is_answered_by_the_next() {
    let primary = Server::start(Options::default());
    let replica = primary.replica("second");
    let url = |server: &Server| config::Postgres::at(&server.url("postgres"));
    let servers = [url(&primary).servers, url(&replica).servers].concat();
    let settings = config::Postgres { servers, connections_max: 2, ..url(&primary) };
    let database = Database::open(&settings).await.unwrap();
    // Every connection is there before, and good.
    let slow = || read(&database, "SELECT pg_sleep(0.2)::text || pg_is_in_recovery()");
    let (one, two) = tokio::join!(slow(), slow());
    assert!(one.is_ok() && two.is_ok());
    database.probe(|client| async move { ask(&client, PID).await }).await.unwrap();
    primary.pause();
    replica.promote();

    let writer = database.writer().await.unwrap();
    let look = async {
        // As the gateway's health does: each look has a second.
        let mut looks = 0;
        loop {
            looks += 1;
            let looked = database.probe(|client| async move { ask(&client, PID).await });
            if let Ok(Ok(_)) = timeout(Duration::from_secs(1), looked).await {
                return looks;
            }
        }
    };
    let (one, two, more, looks, ()) = tokio::join!(slow(), slow(), slow(), look, writer.superseded());
    assert!(one.is_ok() && two.is_ok() && more.is_ok(), "{one:?} {two:?} {more:?}");
    assert!(looks <= 5, "{looks}");
    drop(writer);
    database.writer().await.unwrap().batch_execute("CREATE TABLE t (x int)").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_caller_gives_up_the_other_connections_are_asked_before_they_are_used() {
    let server = Server::start(Options::default());
    let settings = config::Postgres { connections_max: 4, ..config::Postgres::at(&server.url("postgres")) };
    let database = Database::open(&settings).await.unwrap();
    let slow = || read(&database, "SELECT pg_sleep(0.2)::text || pg_backend_pid()");
    let before = futures::future::join_all((0..4).map(|_| slow())).await;
    let before: Vec<String> = before.into_iter().map(Result::unwrap).collect();
    server.pause();
    assert!(timeout(Duration::from_millis(200), slow()).await.is_err());
    // Of the three that are left the first is asked, and found silent; that tells it of all.
    let started = Instant::now();
    let refused = slow().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable("the database cannot be reached")), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    server.wake();
    assert!(!before.contains(&slow().await.unwrap()));

    let database = Database::open(&settings).await.unwrap();
    let before = futures::future::join_all((0..4).map(|_| slow())).await;
    assert!(timeout(Duration::from_millis(50), slow()).await.is_err());
    let after = futures::future::join_all((0..3).map(|_| read(&database, PID))).await;
    assert!(
        before.iter().chain(&after).all(Result::is_ok),
        "a caller who gives up does no harm to a server that answers"
    );
}

/// A file in a folder that goes away.
fn file(folder: &tempfile::TempDir, name: &str, pem: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, pem).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_certificate_and_its_name() {
    let (ours, others) = (Authority::new("ours").unwrap(), Authority::new("others").unwrap());
    let names = Names { common_name: "database", ips: &["127.0.0.1".parse().unwrap()], ..Names::default() };
    let issued = ours.issue(&names).unwrap();
    let tls = Tls { certificate: issued.certificate_pem, key: issued.key_pem };
    let server = Server::start(Options { tls: Some(tls), ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config::Postgres::at(&format!("postgres://gateway@{}/postgres", server.address()));
    settings.password = Some(server.password().into());

    let told = open_error(&settings).await;
    assert!(told.contains("no encryption"), "without [store.tls] loopback is spoken to in the clear: {told}");
    settings.servers[0].tls = true;
    settings.tls.ca = Some(file(&folder, "others.pem", others.pem()));
    let told = open_error(&settings).await;
    assert!(told.contains("invalid peer certificate: UnknownIssuer"), "{told}");
    settings.tls.ca = Some(file(&folder, "ours.pem", ours.pem()));
    let database = Database::open(&settings).await.unwrap();
    let sql = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(read(&database, sql).await.unwrap(), "true");

    settings.servers[0].host = tokio_postgres::config::Host::Tcp("localhost".to_owned());
    let told = open_error(&settings).await;
    assert!(told.contains("not valid for name"), "{told}");
    settings.servers[0].host = tokio_postgres::config::Host::Tcp("127.0.0.1".to_owned());
    settings.password = Some("wrong".into());
    let told = open_error(&settings).await;
    assert!(told.contains("password authentication failed"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_authority_counts_from_the_next_connection_on() {
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let names = Names { common_name: "database", ips: &["127.0.0.1".parse().unwrap()], ..Names::default() };
    let issued = new.issue(&names).unwrap();
    let tls = Tls { certificate: issued.certificate_pem, key: issued.key_pem };
    let server = Server::start(Options { tls: Some(tls), ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config::Postgres::at(&format!("postgres://gateway@{}/postgres", server.address()));
    settings.password = Some(server.password().into());
    settings.servers[0].tls = true;
    settings.tls.ca = Some(file(&folder, "ca.pem", old.pem()));
    let database = Database::new(&settings).unwrap();
    assert!(read(&database, PID).await.is_err());
    file(&folder, "ca.pem", new.pem());
    read(&database, PID).await.unwrap();
    file(&folder, "ca.pem", "not a certificate");
    drop(database.writer().await.unwrap());
    read(&database, PID).await.expect("what cannot be used leaves the old in use");
}
