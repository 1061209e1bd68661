//! The embedded engine: SQLite, for one gateway.
//!
//! One thread writes (`writer`), a few connections read (`reader`); WAL keeps them out of each other's way and
//! `synchronous=FULL` makes every commit durable. A lock file beside the database keeps a second gateway out.
//! The statements stand in one file per resource.

mod channel;
mod copy;
mod delivery;
mod delivery_list;
mod event;
mod inspect;
mod message;
mod petition;
mod petition_list;
mod reader;
mod reconciliation;
mod redelivery;
mod rows;
mod schema;
mod search;
#[cfg(test)]
mod tests;
mod wal;
mod writer;

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use channel_sdk::{inbound::CodeList, listing::Listed};
use jiff::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use self::{reader::Readers, writer::Writer};
use super::{
    Attempt, CHECK_LIMIT, ChannelState, Committed, Delivery, DeliveryId, DeliveryQuery, Difference, DifferenceQuery,
    ItemRecord, ItemRef, MessageId, OpenError, OtherGateway, PetitionQuery, QuarantineQuery, QuarantinedItem,
    Reconciliation, RequestKey, RunState, Store, StoreError, StoredMessage, TableCounts, Write, Written,
};
use crate::{
    clock::SharedClock,
    petition::{Event, Petition, PetitionId, Seq},
};

pub(super) use copy::SqliteShelf;
pub(super) use inspect::SqlitePages;
pub use schema::{migrate, schema_check};

/// A store in one SQLite file. Dropping it waits for the batch in hand and lets go of the file.
pub struct SqliteStore {
    // In the order in which they are dropped: the lock goes last.
    readers: Readers,
    writer: Writer,
    clock: SharedClock,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the store at `place`, a path or `sqlite:` with a path; makes it where there is none and brings an older
    /// schema forward. It blocks. One gateway has a file to itself, so whoever held leases in it is gone: they end now.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed, but migrations that succeeded stay done.
    pub fn open(place: &str, clock: SharedClock) -> Result<SqliteStore, OpenError> {
        let place = place.strip_prefix("sqlite:").map_or(place, |path| path.strip_prefix("//").unwrap_or(path));
        let path = PathBuf::from(place);
        let lock = schema::lock(&path)?;
        let conn = schema::open_writer(&path)?;
        copy::refuse_unfinished(&conn, place)?;
        delivery::lease_end_all(&conn, clock.now())?;
        let writer =
            Writer::start(conn, Arc::clone(&clock)).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        Ok(SqliteStore { readers: Readers::new(path), writer, clock, _lock: Some(lock) })
    }

    /// A store in memory, as long as it lives: the same statements on one connection, without any thread. For simulations,
    /// whose time is not the machine's.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn in_memory(clock: SharedClock) -> Result<SqliteStore, OpenError> {
        let conn = Arc::new(Mutex::new(schema::open_in_memory()?));
        let writer = Writer::Inline { conn: Arc::clone(&conn), clock: Arc::clone(&clock) };
        Ok(SqliteStore { readers: Readers::Inline(conn), writer, clock, _lock: None })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn clock(&self) -> SharedClock {
        Arc::clone(&self.clock)
    }

    async fn check(&self) -> Result<(), StoreError> {
        let read = timeout(CHECK_LIMIT, self.readers.check(event::seq_last));
        read.await.map_err(|_| StoreError::Unavailable("it does not answer"))?.map(|_| ())
    }

    async fn write(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
        self.writer.write(batch).await
    }

    async fn petition_get(&self, id: PetitionId) -> Result<Option<Petition>, StoreError> {
        self.readers.read(move |conn| petition::petition_get(conn, id)).await
    }

    async fn petition_get_by_external_id(
        &self,
        channel: &str,
        external_id: &str,
    ) -> Result<Option<Petition>, StoreError> {
        let (channel, external_id) = (channel.to_owned(), external_id.to_owned());
        self.readers.read(move |conn| petition::petition_get_by_external_id(conn, &channel, &external_id)).await
    }

    async fn petition_seq(&self, id: PetitionId) -> Result<Option<Seq>, StoreError> {
        self.readers.read(move |conn| petition::petition_seq(conn, id)).await
    }

    async fn petition_list(&self, query: &PetitionQuery) -> Result<Vec<Petition>, StoreError> {
        let query = query.clone();
        self.readers.list(move |conn| petition_list::petition_list(conn, &query)).await
    }

    async fn petition_count(&self, query: &PetitionQuery) -> Result<u64, StoreError> {
        let query = query.clone();
        self.readers.list(move |conn| petition_list::petition_count(conn, &query)).await
    }

    async fn request_get(&self, key: &RequestKey) -> Result<Option<Committed>, StoreError> {
        let key = key.clone();
        self.readers.read(move |conn| petition::request_get(conn, &key)).await
    }

    async fn event_list_after(&self, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.readers.read(move |conn| event::event_list_after(conn, after, limit)).await
    }

    async fn event_list_of(&self, petition: PetitionId) -> Result<Vec<Event>, StoreError> {
        self.readers.read(move |conn| event::event_list_of(conn, petition)).await
    }

    async fn seq_last(&self) -> Result<Seq, StoreError> {
        self.readers.read(event::seq_last).await
    }

    async fn message_get(&self, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.readers.read(move |conn| message::message_get(conn, id)).await
    }

    async fn message_list_unfinished(&self, limit: u32) -> Result<Vec<MessageId>, StoreError> {
        self.readers.read(move |conn| message::message_list_unfinished(conn, limit)).await
    }

    async fn item_list_of(&self, petition: PetitionId) -> Result<Vec<ItemRecord>, StoreError> {
        self.readers.read(move |conn| message::item_list_of(conn, petition)).await
    }

    async fn quarantine_list(&self, query: &QuarantineQuery) -> Result<Vec<QuarantinedItem>, StoreError> {
        let query = query.clone();
        self.readers.list(move |conn| message::quarantine_list(conn, &query)).await
    }

    async fn quarantine_get(&self, item: ItemRef) -> Result<Option<QuarantinedItem>, StoreError> {
        self.readers.read(move |conn| message::quarantine_get(conn, item)).await
    }

    async fn delivery_list(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        let query = query.clone();
        self.readers.list(move |conn| delivery_list::delivery_list(conn, &query)).await
    }

    async fn delivery_get(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers.read(move |conn| delivery_list::delivery_get(conn, id)).await
    }

    async fn attempt_list(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.readers.read(move |conn| delivery_list::attempt_list(conn, id)).await
    }

    async fn delivery_next_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read(delivery_list::delivery_next_at).await
    }

    async fn cursor_get(&self, channel: &str, feed: &str) -> Result<Option<String>, StoreError> {
        let (channel, feed) = (channel.to_owned(), feed.to_owned());
        self.readers.read(move |conn| channel::cursor_get(conn, &channel, &feed)).await
    }

    async fn channel_list(&self) -> Result<Vec<ChannelState>, StoreError> {
        self.readers.read(channel::channel_list).await
    }

    async fn code_list_of(&self, channel: &str) -> Result<Vec<CodeList>, StoreError> {
        let channel = channel.to_owned();
        self.readers.read(move |conn| channel::code_list_of(conn, &channel)).await
    }

    async fn gateway_list_others(&self) -> Result<Vec<OtherGateway>, StoreError> {
        Ok(Vec::new())
    }

    async fn reconciliation_last(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError> {
        let channel = channel.to_owned();
        self.readers.read(move |conn| reconciliation::reconciliation_last(conn, &channel, None)).await
    }

    async fn reconciliation_last_done(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError> {
        let channel = channel.to_owned();
        let done = Some(RunState::Done);
        self.readers.read(move |conn| reconciliation::reconciliation_last(conn, &channel, done)).await
    }

    async fn listed_of(&self, run: &Reconciliation, external_ids: &[String]) -> Result<Vec<Listed>, StoreError> {
        let (run, ids) = (run.clone(), external_ids.to_vec());
        self.readers.read(move |conn| reconciliation::listed_of(conn, &run, &ids)).await
    }

    async fn listed_any(&self, run: &Reconciliation) -> Result<bool, StoreError> {
        let run = run.clone();
        self.readers.read(move |conn| reconciliation::listed_any(conn, &run)).await
    }

    async fn listed_missing(
        &self,
        run: &Reconciliation,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreError> {
        let (run, after) = (run.clone(), after.map(str::to_owned));
        self.readers.read(move |conn| reconciliation::listed_missing(conn, &run, after.as_deref(), limit)).await
    }

    async fn petition_list_by_external_id(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Petition>, StoreError> {
        let (channel, after) = (channel.to_owned(), after.map(str::to_owned));
        let list = reconciliation::petition_list_by_external_id;
        self.readers.read(move |conn| list(conn, &channel, after.as_deref(), limit)).await
    }

    async fn delivery_list_of(&self, petitions: &[PetitionId]) -> Result<Vec<Delivery>, StoreError> {
        let petitions = petitions.to_vec();
        self.readers.read(move |conn| delivery_list::delivery_list_of(conn, &petitions)).await
    }

    async fn difference_list(&self, query: &DifferenceQuery) -> Result<Vec<Difference>, StoreError> {
        let query = query.clone();
        self.readers.read(move |conn| reconciliation::difference_list(conn, &query)).await
    }

    async fn difference_list_of(&self, channel: &str, external_ids: &[String]) -> Result<Vec<Difference>, StoreError> {
        let (channel, ids) = (channel.to_owned(), external_ids.to_vec());
        self.readers.read(move |conn| reconciliation::difference_list_of(conn, &channel, &ids)).await
    }

    async fn difference_get(&self, id: Uuid) -> Result<Option<Difference>, StoreError> {
        self.readers.read(move |conn| reconciliation::difference_get(conn, id)).await
    }

    async fn counts(&self) -> Result<TableCounts, StoreError> {
        self.readers.list(channel::counts).await
    }
}
