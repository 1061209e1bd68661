//! The behaviour suite on PostgreSQL, and what is this engine's own; on a real server.

mod alike;
mod connect;
mod copy;
pub(super) mod plans;
mod schema;
mod together;
mod wire;

use postgres_server::{Database as Place, Server};

use super::{PostgresStore, connect::Database};
use crate::{
    config,
    store::suite::{self, Bench},
};

/// An empty database.
fn place() -> Place {
    Server::shared().database()
}

async fn connected(place: &Place) -> Database {
    Database::open(&config::Postgres::at(&place.url())).await.unwrap()
}

/// A bench on an empty database.
async fn bench() -> Bench {
    let (place, clock) = (place(), Bench::clock());
    let store = PostgresStore::open_at(&place.url(), clock.clone()).await;
    Bench::new(store, clock, place)
}

suite::run_on!(bench);
