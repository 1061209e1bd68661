//! Steps forward: on an empty database, twice at once, beside older and newer gateways, and on what is none of ours.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use postgres_server::Server;

use super::{Place, connected, place};
use crate::{
    clock::SystemClock,
    config,
    store::{
        OpenError,
        postgres::{
            PostgresStore,
            schema::{STEPS, check_by, migrate_by, oldest_of, open_by},
        },
    },
};

/// A gateway's schema, the next that lets older gateways go on, and the next that does not.
const MADE_UP: [&str; 3] = [
    "-- oldest: 1\nCREATE TABLE letters (n bigint);\nCREATE INDEX letters_by_n ON letters (n)",
    "-- oldest: 1\nALTER TABLE letters ADD COLUMN colour text",
    "-- oldest: 3\nALTER TABLE letters DROP COLUMN n",
];
const FIRST: &[&str] = MADE_UP.split_at(1).0;
const SECOND: &[&str] = MADE_UP.split_at(2).0;
const THIRD: &[&str] = &MADE_UP;

async fn open(place: &Place) -> Result<PostgresStore, OpenError> {
    PostgresStore::open(&config::Postgres::at(&place.url()), Arc::new(SystemClock)).await
}

fn versions(place: &Place) -> String {
    let rows = place.run("SELECT version FROM petition_gateway_schema ORDER BY version");
    rows.concat().join(" ")
}

#[test]
fn every_step_says_in_its_first_line_how_old_a_gateway_may_be() {
    for (number, step) in (1_i64..).zip(STEPS) {
        assert!((1..=number).contains(&oldest_of(step)), "step {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_becomes_a_store_and_is_opened_again() {
    let place = place();
    open(&place).await.unwrap();
    open(&place).await.unwrap();
    assert_eq!(
        place.run("SELECT version, oldest FROM petition_gateway_schema ORDER BY 1"),
        [["0", "0"], ["1", "1"], ["2", "2"], ["3", "3"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_open_an_empty_database_at_once_make_one_schema() {
    let place = place();
    for opened in join_all((0..6).map(|_| open(&place))).await {
        opened.unwrap();
    }
    assert_eq!(versions(&place), "0 1 2 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_brought_forward_twice_at_once_goes_forward_once() {
    let place = place();
    open_by(FIRST, &connected(&place).await).await.unwrap();
    let done = join_all((0..4).map(|_| async { migrate_by(THIRD, &connected(&place).await).await })).await;
    for migrated in done {
        let migrated = migrated.unwrap();
        assert!((1..=3).contains(&migrated.before));
        assert_eq!((migrated.schema.found, migrated.schema.oldest), (3, 3));
    }
    assert_eq!(versions(&place), "0 1 2 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_is_left_alone_and_the_way_forward_told() {
    let place = place();
    let database = connected(&place).await;
    open_by(FIRST, &database).await.unwrap();
    let refused = open_by(SECOND, &database).await.unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 1, known: 2, .. }), "{refused}");
    assert!(refused.to_string().contains("`petition-gateway migrate`"), "{refused}");
    assert_eq!(versions(&place), "0 1");
    assert!(check_by(SECOND, &database).await.unwrap().is_behind());
    migrate_by(SECOND, &database).await.unwrap();
    open_by(SECOND, &database).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_gateway_works_on_a_newer_schema_as_long_as_that_allows_it() {
    let place = place();
    let database = connected(&place).await;
    migrate_by(SECOND, &database).await.unwrap();
    open_by(FIRST, &database).await.unwrap();
    assert_eq!(migrate_by(FIRST, &database).await.unwrap().schema.found, 2, "an older gateway changes nothing");

    migrate_by(THIRD, &database).await.unwrap();
    let refused = open_by(FIRST, &database).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 3, known: 1, .. }), "{refused}");
    assert!(migrate_by(SECOND, &database).await.is_err());
    assert!(check_by(SECOND, &database).await.unwrap().is_too_new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_something_else_is_refused_and_left_alone() {
    let foreign = [
        "CREATE TABLE letters (of_somebody text)",
        "CREATE TABLE petition_gateway_schema (of_somebody text)",
        "CREATE VIEW letters AS SELECT 1 AS one",
    ];
    for sql in foreign {
        let place = place();
        place.run(sql);
        let database = connected(&place).await;
        for refused in [open_by(FIRST, &database).await, migrate_by(FIRST, &database).await.map(drop)] {
            assert!(matches!(refused, Err(OpenError::Foreign(_))), "{sql}: {refused:?}");
        }
        assert_eq!(place.run("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), [["1"]]);
    }
    let place = place();
    place.run("CREATE TABLE invoices (number bigint)");
    open(&place).await.expect("tables with other names may stand beside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_a_little_for_a_lock_and_comes_again() {
    let place = place();
    let database = connected(&place).await;
    open_by(FIRST, &database).await.unwrap();
    // A gateway in the middle of a batch that takes long.
    let (holder, held) = (connected(&place).await, tokio::sync::Notify::new());
    let hold = async {
        let client = holder.writer().await.unwrap();
        client
            .batch_execute("SET idle_in_transaction_session_timeout = 0; BEGIN; INSERT INTO letters VALUES (1)")
            .await
            .unwrap();
        held.notify_one();
        tokio::time::sleep(Duration::from_secs(3)).await;
        client.batch_execute("COMMIT").await.unwrap();
    };
    let migrate = async {
        held.notified().await;
        migrate_by(SECOND, &database).await
    };
    let ((), migrated) = tokio::join!(hold, migrate);
    assert_eq!(migrated.unwrap().schema.found, 2);
    assert_eq!(place.run("SELECT count(*) FROM letters"), [["1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_leaves_the_step_before() {
    let place = place();
    let steps = [MADE_UP[0], "-- oldest: 1\nCREATE TABLE more (n bigint); SELECT 1 / 0"];
    let refused = migrate_by(&steps, &connected(&place).await).await.unwrap_err();
    assert!(matches!(refused, OpenError::Engine(_)), "{refused}");
    assert_eq!(versions(&place), "0 1");
    assert_eq!(place.run("SELECT to_regclass('more') IS NULL"), [["t"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_a_store_is_told_why() {
    let place = place();
    let weak = format!("weak_{}", place.name());
    place.run(&format!("CREATE ROLE {weak} LOGIN"));
    let url = place.url().replace("//gateway@", &format!("//{weak}@"));
    let refused = PostgresStore::open(&config::Postgres::at(&url), Arc::new(SystemClock)).await.err().unwrap();
    assert!(refused.to_string().contains("GRANT CREATE"), "{refused}");

    let bytes = format!("bytes_{}", place.name());
    place.run(&format!("CREATE DATABASE {bytes} ENCODING 'SQL_ASCII' TEMPLATE template0"));
    let url = Server::shared().url(&bytes);
    let refused = PostgresStore::open(&config::Postgres::at(&url), Arc::new(SystemClock)).await.err().unwrap();
    assert!(refused.to_string().contains("UTF8"), "{refused}");
}
