//! The store as the gateway has it: behind a disk that is slow, refuses, or answers nothing. Every write is a step, and is
//! seen by the checks.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use channel_sdk::{inbound::CodeList, listing::Listed};
use jiff::Timestamp;
use petition_gateway::{
    clock::SharedClock,
    petition::{Event, Petition, PetitionId, Seq},
    store::{
        Attempt, ChannelState, Committed, Delivery, DeliveryId, DeliveryQuery, Difference, DifferenceQuery, ItemRecord,
        ItemRef, MessageId, OtherGateway, PetitionQuery, QuarantineQuery, QuarantinedItem, Reconciliation, RequestKey,
        Settle, Settlement, Store, StoreError, StoredMessage, TableCounts, Write, Written,
    },
};
use uuid::Uuid;

use crate::{
    model,
    world::{Life, Sabotage, World},
};

/// The store of one life of the gateway.
pub(crate) struct Disk {
    pub(crate) world: Arc<World>,
    pub(crate) life: Arc<Life>,
}

impl Disk {
    async fn commit(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
        let (world, disk) = (&self.world, &self.world.plan.disk);
        self.life.step().await;
        if world.happens("disk is slow", disk.slow) {
            let ms = world.draw("disk is slow for", 10..1000);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            self.life.step().await;
        }
        if world.happens("disk refuses", disk.refuses) {
            world.tell("disk", "refuses a write");
            return Err(StoreError::Unavailable("simulated"));
        }
        let written = self.sabotaged(batch).await?;
        self.life.step().await;
        if world.happens("disk loses an answer", disk.unknown) {
            world.tell("disk", "wrote, and lost its answer");
            return Err(StoreError::Unknown);
        }
        Ok(written)
    }

    async fn sabotaged(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
        let mut out = Vec::with_capacity(batch.len());
        let all: Vec<Write> = batch.iter().map(|write| self.falsified(write)).collect();
        let written = self.world.store.write(all.into()).await?;
        for (write, written) in batch.iter().zip(written) {
            out.push(self.lied(write, written));
        }
        model::observe(&self.world, &batch, &out).await;
        Ok(out)
    }

    /// What is really written: with sabotage, not what was asked.
    fn falsified(&self, write: &Write) -> Write {
        match (self.world.sabotage, write) {
            (Sabotage::ForgetsSettlements, Write::Settle(settle)) if self.forgets() => {
                let settlement = Settlement::DeadLetter { reason: "lost".to_owned(), in_doubt: false };
                Write::Settle(Settle { lease: Uuid::nil(), settlement, ..settle.clone() })
            }
            // Without its lane a delivery waits for none.
            (Sabotage::BreaksOrder, Write::Change(change)) => {
                let mut change = change.clone();
                change.deliveries.iter_mut().for_each(|new| new.lane = None);
                Write::Change(change)
            }
            (Sabotage::ForgetsChanges, Write::Change(change))
                if change.expected_version.is_some() && self.forgets() =>
            {
                Write::Items(Vec::new())
            }
            _ => write.clone(),
        }
    }

    fn forgets(&self) -> bool {
        self.world.draw("sabotage", 0..10) == 0
    }

    /// What is answered: with sabotage, as if it had been written.
    fn lied(&self, write: &Write, written: Written) -> Written {
        match (self.world.sabotage, write, written) {
            (Sabotage::ForgetsChanges, Write::Change(change), Written::Done) => {
                let petition = &change.petition;
                let seq = Seq(self.world.model.lock().unwrap().last_seq().0 + 1);
                Written::Committed(Committed::New { id: petition.id, version: petition.version, seq })
            }
            (Sabotage::ForgetsSettlements, Write::Settle(_), Written::Settled(_)) => Written::Settled(true),
            (_, _, written) => written,
        }
    }
}

/// Reads go through; they change nothing that another can see.
macro_rules! reads {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        #[async_trait]
        impl Store for Disk {
            fn clock(&self) -> SharedClock {
                Arc::clone(&self.world.time) as _
            }

            async fn write(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
                self.commit(batch).await
            }

            $(async fn $name(&self, $($arg: $type),*) -> Result<$out, StoreError> {
                self.world.store.$name($($arg),*).await
            })+
        }
    };
}

reads! {
    check() -> ();
    petition_get(id: PetitionId) -> Option<Petition>;
    petition_get_by_external_id(channel: &str, external_id: &str) -> Option<Petition>;
    petition_seq(id: PetitionId) -> Option<Seq>;
    petition_list(query: &PetitionQuery) -> Vec<Petition>;
    petition_count(query: &PetitionQuery) -> u64;
    request_get(key: &RequestKey) -> Option<Committed>;
    event_list_after(after: Seq, limit: u32) -> Vec<Event>;
    event_list_of(petition: PetitionId) -> Vec<Event>;
    seq_last() -> Seq;
    message_get(id: MessageId) -> Option<StoredMessage>;
    message_list_unfinished(limit: u32) -> Vec<MessageId>;
    item_list_of(petition: PetitionId) -> Vec<ItemRecord>;
    quarantine_list(query: &QuarantineQuery) -> Vec<QuarantinedItem>;
    quarantine_get(item: ItemRef) -> Option<QuarantinedItem>;
    delivery_list(query: &DeliveryQuery) -> Vec<Delivery>;
    delivery_get(id: DeliveryId) -> Option<Delivery>;
    attempt_list(id: DeliveryId) -> Vec<Attempt>;
    delivery_next_at() -> Option<Timestamp>;
    cursor_get(channel: &str, feed: &str) -> Option<String>;
    channel_list() -> Vec<ChannelState>;
    code_list_of(channel: &str) -> Vec<CodeList>;
    gateway_list_others() -> Vec<OtherGateway>;
    counts() -> TableCounts;
    reconciliation_last(channel: &str) -> Option<Reconciliation>;
    reconciliation_last_done(channel: &str) -> Option<Reconciliation>;
    listed_of(run: &Reconciliation, external_ids: &[String]) -> Vec<Listed>;
    listed_any(run: &Reconciliation) -> bool;
    listed_missing(run: &Reconciliation, after: Option<&str>, limit: u32) -> Vec<Listed>;
    petition_list_by_external_id(channel: &str, after: Option<&str>, limit: u32) -> Vec<Petition>;
    delivery_list_of(petitions: &[PetitionId]) -> Vec<Delivery>;
    difference_list(query: &DifferenceQuery) -> Vec<Difference>;
    difference_list_of(channel: &str, external_ids: &[String]) -> Vec<Difference>;
    difference_get(id: Uuid) -> Option<Difference>;
}
