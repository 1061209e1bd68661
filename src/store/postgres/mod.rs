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

mod channel;
mod clock;
mod connect;
mod copy;
mod delivery_list;
mod event;
mod inspect;
mod message;
mod petition;
mod petition_conditions;
mod petition_list;
mod petition_select;
mod reconciliation;
mod rows;
mod schema;
mod servers;
mod statement;
#[cfg(test)]
mod tests;
mod tls;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use channel_sdk::{inbound::CodeList, listing::Listed};
use jiff::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use self::{
    clock::{DatabaseClock, Steady},
    connect::Database,
    rows::get,
    write::Writer,
};
pub(super) use self::{copy::PostgresShelf, inspect::PostgresPages};
use super::{
    Attempt, CHECK_LIMIT, ChannelState, Committed, Delivery, DeliveryId, DeliveryQuery, Difference, DifferenceQuery,
    ItemRecord, ItemRef, MessageId, Migrated, OpenError, OtherGateway, PetitionQuery, QuarantineQuery, QuarantinedItem,
    Reconciliation, RequestKey, RunState, Schema, Store, StoreError, StoredMessage, TableCounts, Write, Written,
};
use crate::{
    clock::SharedClock,
    config,
    petition::{Event, Petition, PetitionId, Seq},
};

/// A server that was the primary may be one no more.
const IS_REPLICA: &str = "SELECT pg_is_in_recovery() AS is_replica";
/// How often the database is asked for its time at the start.
const CLOCK_SAMPLES: u32 = 3;

/// A store in a PostgreSQL database, which other gateways may share.
pub struct PostgresStore {
    database: Arc<Database>,
    clock: Arc<DatabaseClock>,
    /// This gateway among those that share the database: new at each start.
    gateway: Uuid,
    writer: Writer,
}

impl PostgresStore {
    /// Opens the database; makes the schema where there is none. `clock` is this machine's.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(settings: &config::Postgres, clock: SharedClock) -> Result<PostgresStore, OpenError> {
        let database = Database::open(settings).await?;
        schema::open(&database).await?;
        copy::refuse_unfinished(&database).await?;
        let machine = Arc::new(Steady::since_now(&*clock));
        let store = PostgresStore::on(database, DatabaseClock::new(machine));
        // Before anything is dated. The first answer on a new connection may be slow; the nearest counts.
        for _ in 0..CLOCK_SAMPLES {
            store.ask().await.map_err(OpenError::engine)?;
        }
        Ok(store)
    }

    fn on(database: Database, clock: DatabaseClock) -> PostgresStore {
        let (database, clock, gateway) = (Arc::new(database), Arc::new(clock), Uuid::now_v7());
        let writer = Writer::new(Arc::clone(&database), Arc::clone(&clock), gateway);
        PostgresStore { database, clock, gateway, writer }
    }

    /// The same, with `clock` in the place of the database's: for tests, which set the time.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open_by(settings: &config::Postgres, clock: SharedClock) -> Result<PostgresStore, OpenError> {
        let database = Database::open(settings).await?;
        schema::open(&database).await?;
        Ok(PostgresStore::on(database, DatabaseClock::fixed(clock)))
    }

    /// The same, by a url.
    #[cfg(test)]
    pub(crate) async fn open_at(url: &str, clock: SharedClock) -> PostgresStore {
        PostgresStore::open_by(&config::Postgres::at(url), clock).await.unwrap()
    }

    /// Asks the server, which is the primary, and takes note of its time.
    async fn ask(&self) -> Result<(), StoreError> {
        self.database
            .probe(|conn| async move {
                self.clock.ask(&conn).await?;
                let statement = conn.prepare_cached(IS_REPLICA).await?;
                match get(&conn.query_one(&statement, &[]).await?, "is_replica")? {
                    true => Err(StoreError::Unavailable("the database is a replica and takes no writes")),
                    false => Ok(()),
                }
            })
            .await
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn clock(&self) -> SharedClock {
        Arc::clone(&self.clock) as SharedClock
    }

    async fn check(&self) -> Result<(), StoreError> {
        timeout(CHECK_LIMIT, self.ask()).await.map_err(|_| StoreError::Unavailable("the database does not answer"))?
    }

    async fn write(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
        self.writer.write(&batch).await
    }

    async fn petition_get(&self, id: PetitionId) -> Result<Option<Petition>, StoreError> {
        self.database.read(|conn| async move { petition::petition_get(&conn, id).await }).await
    }

    async fn petition_get_by_external_id(
        &self,
        channel: &str,
        external_id: &str,
    ) -> Result<Option<Petition>, StoreError> {
        self.database
            .read(|conn| async move { petition::petition_get_by_external_id(&conn, channel, external_id).await })
            .await
    }

    async fn petition_seq(&self, id: PetitionId) -> Result<Option<Seq>, StoreError> {
        self.database.read(|conn| async move { petition::petition_seq(&conn, id).await }).await
    }

    async fn petition_list(&self, query: &PetitionQuery) -> Result<Vec<Petition>, StoreError> {
        self.database.list(|conn| async move { petition_list::petition_list(&conn, query).await }).await
    }

    async fn petition_count(&self, query: &PetitionQuery) -> Result<u64, StoreError> {
        self.database.list(|conn| async move { petition_list::petition_count(&conn, query).await }).await
    }

    async fn request_get(&self, key: &RequestKey) -> Result<Option<Committed>, StoreError> {
        self.database.read(|conn| async move { petition::request_get(&conn, key).await }).await
    }

    async fn event_list_after(&self, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.database.read(|conn| async move { event::event_list_after(&conn, after, limit).await }).await
    }

    async fn event_list_of(&self, petition: PetitionId) -> Result<Vec<Event>, StoreError> {
        self.database.read(|conn| async move { event::event_list_of(&conn, petition).await }).await
    }

    async fn seq_last(&self) -> Result<Seq, StoreError> {
        self.database.read(|conn| async move { event::seq_last(&conn).await }).await
    }

    async fn message_get(&self, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.database.read(|conn| async move { message::message_get(&conn, id).await }).await
    }

    async fn message_list_unfinished(&self, limit: u32) -> Result<Vec<MessageId>, StoreError> {
        let (gateway, now) = (self.gateway, self.clock.now_nanos());
        self.database
            .read(|conn| async move { message::message_list_unfinished(&conn, gateway, now, limit).await })
            .await
    }

    async fn item_list_of(&self, petition: PetitionId) -> Result<Vec<ItemRecord>, StoreError> {
        self.database.read(|conn| async move { message::item_list_of(&conn, petition).await }).await
    }

    async fn quarantine_list(&self, query: &QuarantineQuery) -> Result<Vec<QuarantinedItem>, StoreError> {
        self.database.list(|conn| async move { message::quarantine_list(&conn, query).await }).await
    }

    async fn quarantine_get(&self, item: ItemRef) -> Result<Option<QuarantinedItem>, StoreError> {
        self.database.read(|conn| async move { message::quarantine_get(&conn, item).await }).await
    }

    async fn delivery_list(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        self.database.list(|conn| async move { delivery_list::delivery_list(&conn, query).await }).await
    }

    async fn delivery_get(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.database.read(|conn| async move { delivery_list::delivery_get(&conn, id).await }).await
    }

    async fn attempt_list(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.database.read(|conn| async move { delivery_list::attempt_list(&conn, id).await }).await
    }

    async fn delivery_next_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.database.read(|conn| async move { delivery_list::delivery_next_at(&conn).await }).await
    }

    async fn cursor_get(&self, channel: &str, feed: &str) -> Result<Option<String>, StoreError> {
        self.database.read(|conn| async move { channel::cursor_get(&conn, channel, feed).await }).await
    }

    async fn channel_list(&self) -> Result<Vec<ChannelState>, StoreError> {
        self.database.read(|conn| async move { channel::channel_list(&conn).await }).await
    }

    async fn code_list_of(&self, channel: &str) -> Result<Vec<CodeList>, StoreError> {
        self.database.read(|conn| async move { channel::code_list_of(&conn, channel).await }).await
    }

    async fn gateway_list_others(&self) -> Result<Vec<OtherGateway>, StoreError> {
        let (gateway, now) = (self.gateway, self.clock.now_nanos());
        self.database.read(|conn| async move { channel::gateway_list_others(&conn, gateway, now).await }).await
    }

    async fn reconciliation_last(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError> {
        self.database.read(|conn| async move { reconciliation::reconciliation_last(&conn, channel, None).await }).await
    }

    async fn reconciliation_last_done(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError> {
        let done = Some(RunState::Done);
        self.database.read(|conn| async move { reconciliation::reconciliation_last(&conn, channel, done).await }).await
    }

    async fn listed_of(&self, run: &Reconciliation, external_ids: &[String]) -> Result<Vec<Listed>, StoreError> {
        self.database.read(|conn| async move { reconciliation::listed_of(&conn, run, external_ids).await }).await
    }

    async fn listed_any(&self, run: &Reconciliation) -> Result<bool, StoreError> {
        self.database.read(|conn| async move { reconciliation::listed_any(&conn, run).await }).await
    }

    async fn listed_missing(
        &self,
        run: &Reconciliation,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreError> {
        self.database.read(|conn| async move { reconciliation::listed_missing(&conn, run, after, limit).await }).await
    }

    async fn petition_list_by_external_id(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Petition>, StoreError> {
        let list = reconciliation::petition_list_by_external_id;
        self.database.read(|conn| async move { list(&conn, channel, after, limit).await }).await
    }

    async fn delivery_list_of(&self, petitions: &[PetitionId]) -> Result<Vec<Delivery>, StoreError> {
        self.database.read(|conn| async move { delivery_list::delivery_list_of(&conn, petitions).await }).await
    }

    async fn difference_list(&self, query: &DifferenceQuery) -> Result<Vec<Difference>, StoreError> {
        self.database.read(|conn| async move { reconciliation::difference_list(&conn, query).await }).await
    }

    async fn difference_list_of(&self, channel: &str, external_ids: &[String]) -> Result<Vec<Difference>, StoreError> {
        self.database
            .read(|conn| async move { reconciliation::difference_list_of(&conn, channel, external_ids).await })
            .await
    }

    async fn difference_get(&self, id: Uuid) -> Result<Option<Difference>, StoreError> {
        self.database.read(|conn| async move { reconciliation::difference_get(&conn, id).await }).await
    }

    async fn counts(&self) -> Result<TableCounts, StoreError> {
        self.database.read(|conn| async move { channel::counts(&conn).await }).await
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
