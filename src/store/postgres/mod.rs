//! The engine for several gateways on one database: PostgreSQL.
//!
//! Every writing transaction locks the one row of `counters` first and holds it to its end. So transactions of all gateways
//! go one after the other, each sees all that was committed before it, event numbers are gapless and in commit order, and a
//! commit whose reply was lost is over, one way or the other, as soon as the row can be locked again: then it is looked up by
//! its key. A batch of many callers' writes is one such transaction in two round trips (`write`), so the row is held briefly;
//! a gateway that is held up in between is cut off by the database within seconds and holds nobody else up.
//!
//! Reads go over a pool of connections of their own. The database's time decides what falls due and when a lease ends;
//! nothing rests on notifications or advisory locks, so that what speaks PostgreSQL's language can serve.

#![allow(dead_code, unused_imports)]

mod clock;
mod connect;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use self::{clock::DatabaseClock, connect::Database};
use super::{Migrated, OpenError, Schema};
use crate::{clock::SharedClock, config};

/// How often the database is asked for its time at the start.
const CLOCK_SAMPLES: u32 = 3;

/// A store in a PostgreSQL database, which several gateways may share.
pub struct PostgresStore {
    database: Database,
    clock: Arc<DatabaseClock>,
}

impl PostgresStore {
    /// Opens the database; makes the schema where there is none. `clock` is this machine's.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(settings: &config::Postgres, clock: SharedClock) -> Result<PostgresStore, OpenError> {
        let database = Database::open(settings).await?;
        schema::open(&database).await?;
        let clock = Arc::new(DatabaseClock::new(clock));
        // The first answer on a new connection may be slow; the nearest counts.
        for _ in 0..CLOCK_SAMPLES {
            let (clock, asked) = (&clock, &database);
            asked.read(|client| async move { clock.ask(&client).await }).await.map_err(OpenError::engine)?;
        }
        Ok(PostgresStore { database, clock })
    }

    /// The same, with `clock` in the place of the database's.
    #[cfg(test)]
    pub(crate) async fn open_at(url: &str, clock: SharedClock) -> PostgresStore {
        let store = PostgresStore::open(&config::Postgres::at(url), Arc::clone(&clock)).await.unwrap();
        PostgresStore { clock: Arc::new(DatabaseClock::fixed(clock)), ..store }
    }
}

/// Brings the schema forward.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(settings: &config::Postgres) -> Result<Migrated, OpenError> {
    schema::migrate(&Database::open(settings).await?).await
}

/// Where the schema stands.
///
/// # Errors
/// See [`OpenError`].
pub async fn schema_check(settings: &config::Postgres) -> Result<Schema, OpenError> {
    schema::check(&Database::open(settings).await?).await
}
