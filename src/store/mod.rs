//! The store: the gateway's only memory, and every SQL statement.
//!
//! One trait, [`Store`], and one behaviour suite for every engine. What is written is a [`Write`]; an engine gets many
//! of them and makes them durable in ONE transaction, with an answer for each ([`Written`]). The committer
//! (`crate::committer`) gathers them from all callers; nobody else calls [`Store::write`].
//! Reads go straight to the engine and never block a writer.
//!
//! It decides nothing: a [`Change`] was decided by `crate::petition`; the store only refuses what is stale or a repeat.
//!
//! A store moves from one engine to another as a whole, while nobody uses it ([`copy`]).
//!
//! Several gateways may share one store, with clocks that differ. So what falls due, and when a lease ends, is judged by the
//! store's own time alone: callers say how long, and never when.

mod columns;
pub mod copy;
mod error;
pub mod inspect;
mod list;
mod open;
mod pk;
pub mod postgres;
mod query;
mod reconciliation;
mod records;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod suite;
mod texts;
mod words;
mod write;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

pub use columns::HANDED_OVER;
pub use error::StoreError;
pub use open::{Migrated, OpenError, Schema, migrate, open, schema_check};
pub use query::{DeliveryQuery, PetitionQuery, QuarantineQuery, Sort};
pub use reconciliation::{
    Difference, DifferenceChange, DifferenceQuery, DifferenceState, Reconcile, Reconciliation, RunState,
};
pub use records::{
    Attempt, BreakerState, Breaking, ChannelHealth, ChannelState, Claimed, Delivery, DeliveryId, DeliveryState, Errand,
    GatewayAbout, ItemRecord, ItemRef, ItemState, MessageId, MessageState, NewDelivery, OtherGateway, QuarantinedItem,
    StoredMessage, TableCounts,
};
pub use texts::Texts;
pub use write::{
    Beat, Change, Claim, Committed, CursorMove, Held, ItemsDone, NewMessage, RequestKey, Settle, Settlement, Write,
    Written,
};

use channel_sdk::{inbound::CodeList, listing::Listed};

use crate::{
    clock::SharedClock,
    petition::{Event, Petition, PetitionId, Seq},
};

/// How long a [`Store::check`] may take. Whoever asks for the gateway's health is told the truth within two seconds.
pub const CHECK_LIMIT: Duration = Duration::from_secs(1);

/// A store engine.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The time by which this store judges and dates: the same for all gateways that share it.
    fn clock(&self) -> SharedClock;

    /// Whether the store can be read and written now; it answers within [`CHECK_LIMIT`].
    ///
    /// # Errors
    /// It cannot.
    async fn check(&self) -> Result<(), StoreError>;

    /// Makes the whole batch durable in one transaction and answers each write, in order.
    ///
    /// # Errors
    /// Nothing of the batch was written ([`StoreError::Unavailable`], [`StoreError::Engine`]), or nobody knows now
    /// ([`StoreError::Unknown`]).
    async fn write(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError>;

    /// One petition.
    async fn petition_get(&self, id: PetitionId) -> Result<Option<Petition>, StoreError>;

    /// One petition by what its channel calls it.
    async fn petition_get_by_external_id(
        &self,
        channel: &str,
        external_id: &str,
    ) -> Result<Option<Petition>, StoreError>;

    /// The number of a petition's last event; `None` when there is no such petition.
    async fn petition_seq(&self, id: PetitionId) -> Result<Option<Seq>, StoreError>;

    /// One page of petitions in the query's order.
    async fn petition_list(&self, query: &PetitionQuery) -> Result<Vec<Petition>, StoreError>;

    /// How many petitions the query's conditions match, page and order aside.
    async fn petition_count(&self, query: &PetitionQuery) -> Result<u64, StoreError>;

    /// What an earlier call with this key did.
    async fn request_get(&self, key: &RequestKey) -> Result<Option<Committed>, StoreError>;

    /// Up to `limit` events after `after`, in order, over all petitions.
    async fn event_list_after(&self, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Every event of one petition, in order.
    async fn event_list_of(&self, petition: PetitionId) -> Result<Vec<Event>, StoreError>;

    /// The number of the last event; 0 in an empty store.
    async fn seq_last(&self) -> Result<Seq, StoreError>;

    /// One journalled message, with its bytes.
    async fn message_get(&self, id: MessageId) -> Result<Option<StoredMessage>, StoreError>;

    /// The oldest messages that were journalled, or reopened, and not yet dealt with (a gateway was stopped in between),
    /// oldest first; not those that another gateway has which is alive. Only their numbers: their bytes together could be
    /// more than the memory.
    async fn message_list_unfinished(&self, limit: u32) -> Result<Vec<MessageId>, StoreError>;

    /// The items of messages that concern a petition, oldest first.
    async fn item_list_of(&self, petition: PetitionId) -> Result<Vec<ItemRecord>, StoreError>;

    /// One page of what is in quarantine, in the query's order.
    async fn quarantine_list(&self, query: &QuarantineQuery) -> Result<Vec<QuarantinedItem>, StoreError>;

    /// One item, quarantined or not.
    async fn quarantine_get(&self, item: ItemRef) -> Result<Option<QuarantinedItem>, StoreError>;

    /// One page of deliveries, newest first.
    async fn delivery_list(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError>;

    /// One delivery.
    async fn delivery_get(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// The attempts of a delivery, oldest first.
    async fn attempt_list(&self, id: DeliveryId) -> Result<Vec<Attempt>, StoreError>;

    /// When the next delivery of a channel that is not paused falls due; `None` when none waits.
    async fn delivery_next_at(&self) -> Result<Option<jiff::Timestamp>, StoreError>;

    /// The kept cursor of a feed.
    async fn cursor_get(&self, channel: &str, feed: &str) -> Result<Option<String>, StoreError>;

    /// What is known of every channel that ever had anything written, by name.
    async fn channel_list(&self) -> Result<Vec<ChannelState>, StoreError>;

    /// The code lists that a channel told us, by name.
    async fn code_list_of(&self, channel: &str) -> Result<Vec<CodeList>, StoreError>;

    /// The other gateways on this store that are alive, by id.
    async fn gateway_list_others(&self) -> Result<Vec<OtherGateway>, StoreError>;

    /// The last reconciliation of a channel, under way or ended.
    async fn reconciliation_last(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError>;

    /// The last reconciliation of a channel that compared everything.
    async fn reconciliation_last_done(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError>;

    /// What the run listed of these petitions of its channel, those that it listed not at all left out.
    async fn listed_of(&self, run: &Reconciliation, external_ids: &[String]) -> Result<Vec<Listed>, StoreError>;

    /// Whether anything that the run listed is there.
    async fn listed_any(&self, run: &Reconciliation) -> Result<bool, StoreError>;

    /// Up to `limit` of those that the run listed and that are no petition here, after this id, in one order.
    async fn listed_missing(
        &self,
        run: &Reconciliation,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Up to `limit` petitions of a channel by their external ids, after this one, in one order.
    async fn petition_list_by_external_id(
        &self,
        channel: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Petition>, StoreError>;

    /// Every delivery of these petitions, oldest first.
    async fn delivery_list_of(&self, petitions: &[PetitionId]) -> Result<Vec<Delivery>, StoreError>;

    /// One page of differences, newest first.
    async fn difference_list(&self, query: &DifferenceQuery) -> Result<Vec<Difference>, StoreError>;

    /// Every difference of these petitions of a channel, whatever became of it.
    async fn difference_list_of(&self, channel: &str, external_ids: &[String]) -> Result<Vec<Difference>, StoreError>;

    /// One difference.
    async fn difference_get(&self, id: uuid::Uuid) -> Result<Option<Difference>, StoreError>;

    /// How many rows of each sort there are, for the demo's audit and an operator's overview.
    async fn counts(&self) -> Result<TableCounts, StoreError>;
}
