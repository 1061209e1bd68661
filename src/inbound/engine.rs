//! One message, from the journal on: decode, take in each item, quarantine what is refused, mark the message done.

use std::{
    collections::{BTreeMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use channel_sdk::{
    adapter::{Decoded, Entrance, Item, ItemOutcome, ItemResult, Outcome, PushReply, RawMessage},
    fault::{Fault, FaultCode},
    inbound::Inbound as Message,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::listen::PushTaker;
use crate::{
    channels::{Channel, Channels},
    committer::{Committer, Urgency},
    intake::{Intake, IntakeError, Origin},
    store::{
        CursorMove, ItemRecord, ItemRef, ItemState, ItemsDone, MessageId, MessageState, NewMessage, Store, StoreError,
        StoredMessage,
    },
    supervise::outlive,
};

/// Items of one message that are taken in at the same time: a portal's page of 100 shares one commit; few enough to bound
/// memory.
const ITEMS_AT_ONCE: usize = 128;
/// The most items of one message: portals page by 100, an Assembly batch holds a few hundred; more is a mistake.
const ITEMS_MAX: usize = 10_000;
/// Bodies larger than this are decoded on a thread of their own, so that a long decode holds no other work up.
const DECODE_INLINE_BYTES_MAX: usize = 64 * 1024;
/// When a push that we cannot store now should come again.
const PUSH_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A push of more items is a batch, which nobody sits in front of.
const FORM_ITEMS_MAX: usize = 8;

/// How a message's items are taken in.
#[derive(Debug, Clone, Copy)]
struct How {
    entrance: Option<Entrance>,
    urgency: Urgency,
}

/// Deals with messages.
#[derive(Clone)]
pub struct Inbound {
    store: Arc<dyn Store>,
    committer: Committer,
    intake: Intake,
    channels: Channels,
    under_way: UnderWay,
}

/// The messages that somebody is dealing with: each has one owner, so that none is taken in twice at the same time.
type UnderWay = Arc<Mutex<HashSet<MessageId>>>;

/// A message that is ours; gives it back when dropped.
struct Owned {
    id: MessageId,
    under_way: UnderWay,
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// What became of a message or an item that was processed again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reprocessed {
    /// Items recorded now.
    pub taken: u32,
    /// Items that were there already.
    pub already_had: u32,
    /// Items refused again, with the first faults.
    pub refused: u32,
    /// Why, at most 20.
    pub faults: Vec<Fault>,
    /// How many of the refused have this as their first fault.
    pub by_code: BTreeMap<FaultCode, u32>,
    /// Items that somebody has dealt with meanwhile.
    pub skipped: u32,
}

/// Why a message could not be processed again.
#[derive(Debug, thiserror::Error)]
pub enum ReprocessError {
    /// There is no such item.
    #[error("there is no such item")]
    NotFound,
    /// It is not in quarantine.
    #[error("the item is {}, not in quarantine", .0.as_str())]
    NotQuarantined(ItemState),
    /// Its channel is not configured any more.
    #[error("the channel of the message is not configured")]
    NoChannel,
    /// Its message is being dealt with at this moment.
    #[error("the message is being dealt with; look again in a moment")]
    UnderWay,
    /// The gateway cannot now.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<StoreError> for ReprocessError {
    fn from(error: StoreError) -> Self {
        ReprocessError::Intake(error.into())
    }
}

impl Inbound {
    /// An engine over these parts.
    pub fn new(store: Arc<dyn Store>, committer: Committer, intake: Intake, channels: Channels) -> Inbound {
        Inbound { store, committer, intake, channels, under_way: UnderWay::default() }
    }

    /// Journals a message and deals with it; the cursor, if given, is kept with the message's end.
    ///
    /// # Errors
    /// The gateway cannot now; what was journalled is dealt with later, the cursor stays where it was.
    pub async fn accept(
        &self,
        channel: &Arc<Channel>,
        raw: RawMessage,
        cursor: Option<CursorMove>,
    ) -> Result<Outcome, IntakeError> {
        let sha256 = hex::encode(Sha256::digest(&raw.body));
        let message = NewMessage {
            channel: channel.name.clone(),
            entrance: raw.entrance,
            route: raw.route.clone(),
            content_type: raw.content_type.clone(),
            received_at: raw.received_at,
            sha256,
            body: raw.body.clone(),
        };
        crate::failpoint::at!("journal.before");
        let entrance = Some(raw.entrance);
        let id = self.committer.with(urgency(entrance, 1)).journal(message).await?;
        crate::failpoint::at!("journal.after");
        let _own = self.own(id);
        let outcome = self.deal_with(channel, id, raw, entrance).await?;
        self.finish(Some(id), channel, cursor, urgency(entrance, 1)).await?;
        Ok(outcome)
    }

    /// Keeps a cursor for which the far side had no message.
    ///
    /// # Errors
    /// The store failed.
    pub async fn keep_cursor(&self, channel: &Channel, cursor: CursorMove) -> Result<(), StoreError> {
        crate::failpoint::at!("cursor.before");
        self.finish(None, channel, Some(cursor), Urgency::Bulk).await?;
        crate::failpoint::at!("cursor.kept");
        Ok(())
    }

    /// Deals with a message that was journalled and, because the gateway was stopped or could not then, not dealt with.
    /// Returns whether there was anything to do: a message that somebody is dealing with, here or at another gateway, is left
    /// to them, and so is one that arrived after `before`, for whoever took it in may be about to.
    ///
    /// # Errors
    /// The gateway cannot now.
    pub async fn finish_message(&self, id: MessageId, before: Timestamp) -> Result<bool, IntakeError> {
        let Some(_own) = self.own(id) else { return Ok(false) };
        let Some(message) = self.store.message_get(id).await? else { return Ok(false) };
        if message.state == MessageState::Done || message.received_at > before {
            return Ok(false);
        }
        let is_known = self.channels.get(&message.channel).is_some();
        if (!is_known && self.is_anothers(&message.channel).await?) || !self.committer.message_take_over(id).await? {
            return Ok(false);
        }
        let Some(channel) = self.channels.get(&message.channel).cloned() else {
            let fault =
                Fault::new(FaultCode::WrongMessage, "", "kênh không còn được cấu hình (channel not configured)");
            self.bulk().items(vec![quarantined(ItemRef::whole(id), "", None, vec![fault])]).await?;
            let done = ItemsDone { message: Some(id), channel: message.channel, cursor: None };
            self.bulk().message_done(done).await?;
            return Ok(true);
        };
        crate::failpoint::at!("resume.taken_over");
        // Whoever sent it was not told that it was taken: what is owed for it is owed as for what was pulled.
        self.deal_with(&channel, id, raw(message), None).await?;
        self.finish(Some(id), &channel, None, Urgency::Bulk).await?;
        crate::failpoint::at!("resume.done");
        Ok(true)
    }

    /// Whether a gateway beside this one knows the channel, as while channels are configured at one after the other.
    async fn is_anothers(&self, channel: &str) -> Result<bool, StoreError> {
        Ok(self.store.gateway_list_others().await?.iter().any(|other| other.seen.contains_key(channel)))
    }

    /// Makes a message ours until the guard is dropped; `None` when it is somebody's.
    fn own(&self, id: MessageId) -> Option<Owned> {
        let is_new = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        is_new.then(|| Owned { id, under_way: Arc::clone(&self.under_way) })
    }

    /// Decodes a quarantined item's message anew, with the dialect of today, and takes it in: the whole message when
    /// nothing of it could be read before, otherwise the item alone.
    ///
    /// # Errors
    /// See [`ReprocessError`].
    pub async fn reprocess(&self, item: ItemRef) -> Result<Reprocessed, ReprocessError> {
        let known = self.store.quarantine_get(item).await?.ok_or(ReprocessError::NotFound)?;
        if known.record.state != ItemState::Quarantined {
            return Err(ReprocessError::NotQuarantined(known.record.state));
        }
        self.reprocess_items(item.message, &[item]).await
    }

    /// The same for several items of one message, which is decoded once. What is not in quarantine any more is passed over.
    ///
    /// # Errors
    /// See [`ReprocessError`].
    pub async fn reprocess_items(&self, id: MessageId, items: &[ItemRef]) -> Result<Reprocessed, ReprocessError> {
        let message = self.store.message_get(id).await?.ok_or(ReprocessError::NotFound)?;
        let channel = self.channels.get(&message.channel).cloned().ok_or(ReprocessError::NoChannel)?;
        let _own = self.own(id).ok_or(ReprocessError::UnderWay)?;
        crate::failpoint::at!("reprocess.begun");
        let mut waiting = Vec::with_capacity(items.len());
        for item in items {
            let known = self.store.quarantine_get(*item).await?.map(|known| known.record);
            waiting.extend(known.filter(|record| record.state == ItemState::Quarantined));
        }
        let outcomes = if waiting.iter().any(|record| record.place.is_empty()) {
            self.reprocess_whole(&channel, id, raw(message)).await?
        } else {
            self.reprocess_some(&channel, raw(message), &waiting).await?
        };
        let skipped = u32::try_from(items.len() - waiting.len()).unwrap_or(u32::MAX);
        Ok(Reprocessed { skipped, ..summary(outcomes) })
    }

    async fn reprocess_some(
        &self,
        channel: &Arc<Channel>,
        raw: RawMessage,
        waiting: &[ItemRecord],
    ) -> Result<Vec<ItemOutcome>, ReprocessError> {
        let Some(id) = waiting.first().map(|record| record.item.message) else { return Ok(Vec::new()) };
        let (items, gone): (Vec<_>, Vec<_>) = match decode(channel, &raw).await {
            Err(faults) => (Vec::new(), waiting.iter().map(|record| (record, faults.clone())).collect()),
            Ok(decoded) => {
                let is_waiting = |at: &ItemRef| waiting.iter().any(|record| record.item == *at);
                let items: Vec<_> = numbered(id, decoded).filter(|(at, _)| is_waiting(at)).collect();
                let gone = waiting.iter().filter(|record| items.iter().all(|(at, _)| *at != record.item));
                let gone = gone.map(|record| (record, vec![no_such_item(record)])).collect();
                (items, gone)
            }
        };
        let mut outcomes = self.take_all(channel, None, items).await?;
        let still = |(record, faults): &(&ItemRecord, Vec<Fault>)| {
            quarantined(record.item, &record.place, record.external_id.clone(), faults.clone())
        };
        if !gone.is_empty() {
            self.bulk().items(gone.iter().map(still).collect()).await?;
        }
        let refused = |(_, faults)| ItemOutcome { external_id: None, result: ItemResult::Refused(faults) };
        outcomes.extend(gone.into_iter().map(refused));
        Ok(outcomes)
    }

    /// The message is marked as not dealt with first: should this be cut short, the rest of it is not forgotten.
    async fn reprocess_whole(
        &self,
        channel: &Arc<Channel>,
        id: MessageId,
        raw: RawMessage,
    ) -> Result<Vec<ItemOutcome>, ReprocessError> {
        self.bulk().message_reopen(id).await?;
        crate::failpoint::at!("reprocess.reopened");
        let outcomes = match self.deal_with(channel, id, raw, None).await? {
            Outcome::Items(outcomes) if outcomes.is_empty() => {
                let whole = quarantined(ItemRef::whole(id), "", None, Vec::new());
                let why = Some("không có mục nào (read now, and empty)".to_owned());
                let record = ItemRecord { state: ItemState::Discarded, discarded: why, ..whole };
                self.bulk().items(vec![record]).await?;
                outcomes
            }
            Outcome::Items(outcomes) => outcomes,
            Outcome::Unreadable(faults) => {
                vec![ItemOutcome { external_id: None, result: ItemResult::Refused(faults) }]
            }
            Outcome::Unavailable { .. } => Vec::new(),
        };
        self.finish(Some(id), channel, None, Urgency::Bulk).await?;
        Ok(outcomes)
    }

    async fn deal_with(
        &self,
        channel: &Arc<Channel>,
        id: MessageId,
        raw: RawMessage,
        entrance: Option<Entrance>,
    ) -> Result<Outcome, IntakeError> {
        crate::failpoint::at!("decode.before");
        let decoded = match decode(channel, &raw).await {
            Ok(decoded) => decoded,
            Err(faults) => {
                crate::failpoint::at!("quarantine.unreadable");
                let record = quarantined(ItemRef::whole(id), "", None, faults.clone());
                self.committer.with(urgency(entrance, 1)).items(vec![record]).await?;
                tracing::warn!(channel.name = %channel.name, message.id = id.0, faults = faults.len(), "quarantined a message that cannot be read");
                return Ok(Outcome::Unreadable(faults));
            }
        };
        for warning in &decoded.warnings {
            tracing::warn!(channel.name = %channel.name, message.id = id.0, %warning, "a message is odd");
        }
        crate::failpoint::at!("decode.after");
        let items = numbered(id, decoded).collect();
        Ok(Outcome::Items(self.take_all(channel, entrance, items).await?))
    }

    /// Takes in every item: those of one petition in their order, others at the same time.
    async fn take_all(
        &self,
        channel: &Arc<Channel>,
        entrance: Option<Entrance>,
        items: Vec<(ItemRef, Item)>,
    ) -> Result<Vec<ItemOutcome>, IntakeError> {
        let how = How { entrance, urgency: urgency(entrance, items.len()) };
        let outcomes: Vec<Vec<(ItemRecord, ItemOutcome)>> = stream::iter(by_petition(items))
            .map(|group| self.take_group(channel, how, group))
            .buffer_unordered(ITEMS_AT_ONCE)
            .try_collect()
            .await?;
        let mut outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
        outcomes.sort_by_key(|(record, _)| record.item);
        let records: Vec<ItemRecord> =
            outcomes.iter().filter(|(record, _)| record.petition.is_none()).map(|(record, _)| record.clone()).collect();
        if !records.is_empty() {
            crate::failpoint::at!("quarantine.items");
            self.committer.with(how.urgency).items(records).await?;
        }
        Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
    }

    async fn take_group(
        &self,
        channel: &Arc<Channel>,
        how: How,
        group: Vec<(ItemRef, Item)>,
    ) -> Result<Vec<(ItemRecord, ItemOutcome)>, IntakeError> {
        let mut outcomes = Vec::with_capacity(group.len());
        for (at, item) in group {
            outcomes.push(self.take_one(channel, how, at, item).await?);
        }
        Ok(outcomes)
    }

    async fn take_one(
        &self,
        channel: &Arc<Channel>,
        how: How,
        at: ItemRef,
        item: Item,
    ) -> Result<(ItemRecord, ItemOutcome), IntakeError> {
        crate::failpoint::at!("intake.item_begun");
        let Item { place, external_id, message } = item;
        let mut record = ItemRecord {
            item: at,
            place,
            external_id: external_id.clone(),
            state: ItemState::Taken,
            faults: Vec::new(),
            petition: None,
            discarded: None,
        };
        let is_change = !matches!(&message, Ok(Message::Receipt(_) | Message::CodeList(_)));
        let result = match message {
            Err(faults) => ItemResult::Refused(faults),
            Ok(message) => {
                let How { entrance, urgency } = how;
                let origin = Origin { channel: channel.name.clone(), entrance, item: record.clone(), urgency };
                self.intake.take(&origin, message).await?
            }
        };
        match &result {
            // Recorded as taken in the petition's own transaction; only what belongs to no petition is left to record.
            ItemResult::Taken { petition_id } if is_change => record.petition = petition_id.parse().ok(),
            ItemResult::Taken { .. } => {}
            ItemResult::AlreadyHad { petition_id } => {
                record.state = ItemState::AlreadyHad;
                let known = ItemRecord { petition: petition_id.parse().ok(), ..record.clone() };
                self.committer.with(how.urgency).items(vec![known.clone()]).await?;
                record = known;
            }
            ItemResult::Refused(faults) => {
                record.state = ItemState::Quarantined;
                record.faults.clone_from(faults);
            }
        }
        crate::failpoint::at!("intake.item_taken");
        Ok((record, ItemOutcome { external_id, result }))
    }

    async fn finish(
        &self,
        message: Option<MessageId>,
        channel: &Channel,
        cursor: Option<CursorMove>,
        urgency: Urgency,
    ) -> Result<(), StoreError> {
        let done = ItemsDone { message, channel: channel.name.clone(), cursor };
        crate::failpoint::at!("message.before_done");
        self.committer.with(urgency).message_done(done).await?;
        crate::failpoint::at!("message.done");
        Ok(())
    }

    /// For what nobody waits for.
    fn bulk(&self) -> Committer {
        self.committer.with(Urgency::Bulk)
    }
}

#[async_trait]
impl PushTaker for Inbound {
    async fn take(&self, channel: &str, raw: RawMessage) -> PushReply {
        let channel = self.channels.get(channel).cloned().expect("the listener lets in configured channels only");
        let (inbound, taken, message) = (self.clone(), Arc::clone(&channel), raw.clone());
        // A sender that hangs up meanwhile must not leave its message half taken.
        let outcome = outlive(async move { inbound.accept(&taken, message, None).await }).await;
        let outcome = outcome.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(channel.name = %channel.name, error, "a push could not be taken");
            Outcome::Unavailable { retry_after: PUSH_AGAIN_AFTER }
        });
        channel.adapter.acknowledge(&raw, &outcome)
    }
}

async fn decode(channel: &Arc<Channel>, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
    let decoded = if raw.body.len() <= DECODE_INLINE_BYTES_MAX {
        // A decoder's defect must not take the gateway with it: the message stands in quarantine until it is mended.
        catch_unwind(AssertUnwindSafe(|| channel.adapter.decode(raw))).ok()
    } else {
        let (channel, raw) = (channel.clone(), raw.clone());
        tokio::task::spawn_blocking(move || channel.adapter.decode(&raw)).await.ok()
    };
    let failed = || vec![Fault::new(FaultCode::Malformed, "", "bộ giải mã gặp lỗi (the decoder failed)")];
    let decoded = decoded.ok_or_else(failed)??;
    if decoded.items.len() > ITEMS_MAX {
        let message = format!("quá {ITEMS_MAX} mục trong một thông điệp (too many items in one message)");
        return Err(vec![Fault::new(FaultCode::TooLarge, "", message)]);
    }
    Ok(decoded)
}

/// Who waits for a message of so many items: somebody for a push of one petition or a few, nobody for the others.
fn urgency(entrance: Option<Entrance>, items: usize) -> Urgency {
    match entrance {
        Some(Entrance::Push) if items <= FORM_ITEMS_MAX => Urgency::People,
        _ => Urgency::Bulk,
    }
}

fn numbered(message: MessageId, decoded: Decoded) -> impl Iterator<Item = (ItemRef, Item)> {
    (0..).zip(decoded.items).map(move |(index, item)| (ItemRef { message, index }, item))
}

/// Items grouped by petition, each group in the message's order; an item without an id stands for itself.
fn by_petition(items: Vec<(ItemRef, Item)>) -> Vec<Vec<(ItemRef, Item)>> {
    let mut groups: Vec<Vec<(ItemRef, Item)>> = Vec::with_capacity(items.len());
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (at, item) in items {
        match item.external_id.as_ref().and_then(|id| known.get(id).copied()) {
            Some(group) => groups[group].push((at, item)),
            None => {
                if let Some(id) = &item.external_id {
                    known.insert(id.clone(), groups.len());
                }
                groups.push(vec![(at, item)]);
            }
        }
    }
    groups
}

fn quarantined(item: ItemRef, place: &str, external_id: Option<String>, faults: Vec<Fault>) -> ItemRecord {
    let place = place.to_owned();
    ItemRecord { item, place, external_id, state: ItemState::Quarantined, faults, petition: None, discarded: None }
}

fn no_such_item(record: &ItemRecord) -> Fault {
    let message = "thông điệp không còn mục này (the message has no such item any more)";
    Fault::new(FaultCode::Conflict, record.place.clone(), message)
}

fn raw(message: StoredMessage) -> RawMessage {
    RawMessage {
        entrance: message.entrance,
        route: message.route,
        content_type: message.content_type,
        received_at: message.received_at,
        body: message.body,
    }
}

fn summary(outcomes: Vec<ItemOutcome>) -> Reprocessed {
    let mut sum = Reprocessed::default();
    for outcome in outcomes {
        match outcome.result {
            ItemResult::Taken { .. } => sum.taken += 1,
            ItemResult::AlreadyHad { .. } => sum.already_had += 1,
            ItemResult::Refused(faults) => {
                sum.refused += 1;
                if let Some(first) = faults.first() {
                    *sum.by_code.entry(first.code).or_default() += 1;
                }
                let room = 20_usize.saturating_sub(sum.faults.len());
                sum.faults.extend(faults.into_iter().take(room));
            }
        }
    }
    sum
}
