//! What is this engine's own: its connections, its schema; on a real server.

use std::sync::Arc;

use postgres_server::{Database as TestDatabase, Server};

use super::{PostgresStore, connect::Database, schema};
use crate::{
    clock::{Clock, ManualClock, SystemClock},
    config,
    store::{OpenError, Schema},
};

fn database() -> TestDatabase {
    Server::shared().database()
}

async fn open(place: &TestDatabase) -> Result<PostgresStore, OpenError> {
    PostgresStore::open(&config::Postgres::at(&place.url()), Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_becomes_a_store_and_is_opened_again() {
    let place = database();
    open(&place).await.unwrap();
    open(&place).await.unwrap();
    assert_eq!(place.run("SELECT version, oldest FROM petition_gateway_schema ORDER BY 1"), [["0", "0"], ["1", "1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_open_an_empty_database_at_once_make_one_schema() {
    let place = database();
    let opened = futures::future::join_all((0..6).map(|_| open(&place))).await;
    assert!(opened.iter().all(Result::is_ok), "{:?}", opened.iter().filter_map(|it| it.as_ref().err()).next());
    assert_eq!(place.run("SELECT count(*) FROM petition_gateway_schema"), [["2"]]);
}
