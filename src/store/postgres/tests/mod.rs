//! What is this engine's own, on a real server.

mod connect;
mod schema;

use postgres_server::{Database as Place, Server};

use super::connect::Database;
use crate::config;

/// An empty database.
fn place() -> Place {
    Server::shared().database()
}

async fn connected(place: &Place) -> Database {
    Database::open(&config::Postgres::at(&place.url())).await.unwrap()
}
