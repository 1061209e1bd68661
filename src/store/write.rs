//! What is written, and how each write is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use channel_sdk::{adapter::Entrance, inbound::CodeList};
use jiff::Timestamp;
use uuid::Uuid;

use super::Texts;
use super::reconciliation::{DifferenceChange, Reconcile};
use super::records::{ChannelHealth, Claimed, DeliveryId, GatewayAbout, ItemRecord, ItemRef, MessageId, NewDelivery};
use crate::petition::{NewEvent, ParkedOutcome, Petition, PetitionId, Seq, Version};

/// One write of a batch.
#[derive(Debug, Clone)]
pub enum Write {
    /// A decision on a petition. Answer: [`Written::Committed`].
    Change(Box<Change>),
    /// A message as it arrived, before it is decoded. Answer: [`Written::Message`].
    Journal(NewMessage),
    /// What became of items that changed no petition (already had, refused, discarded, reprocessed). Answer:
    /// [`Written::Done`].
    Items(Vec<ItemRecord>),
    /// A message is dealt with; with it, the feed's cursor moves on. Answer: [`Written::Done`].
    MessageDone(ItemsDone),
    /// A message is to be dealt with again, whatever it came to before: until its next [`Write::MessageDone`] it is
    /// listed as unfinished, so that what is interrupted is taken up again. Its items stay as they are. Answer:
    /// [`Written::Done`].
    Reopen(MessageId),
    /// An unfinished message becomes this gateway's to deal with, unless another gateway that is alive has it. Answer:
    /// [`Written::Settled`].
    TakeOver(MessageId),
    /// This gateway is alive, and holds what it may of the channels that it would pull. Answer: [`Written::Held`].
    Beat(Beat),
    /// This gateway goes: what it held is free at once. Answer: [`Written::Done`].
    Leave,
    /// Whoever holds this channel is to pull it at once. Answer: [`Written::Done`].
    Sync(String),
    /// The next deliveries that are due, leased. Answer: [`Written::Claimed`].
    Claim(Claim),
    /// How an attempt ended. Answer: [`Written::Settled`].
    Settle(Settle),
    /// A person has a delivery tried now: a dead letter is pending again, with a fresh schedule; one that waits for its
    /// time falls due, and its schedule counts on. Neither overtakes what goes before it in its lane. Answer:
    /// [`Written::Settled`], `false` when it is delivered, parked or being attempted under a lease.
    Retry(DeliveryId),
    /// A delivery that is over, delivered or given up, is sent once more under its old key, in its place in its lane. Answer:
    /// [`Written::Settled`], `false` when it is pending.
    SendAgain(DeliveryId),
    /// A step of a reconciliation. Answer: [`Written::Done`].
    Reconcile(Box<Reconcile>),
    /// A person pauses or resumes a channel. Answer: [`Written::Done`].
    Pause {
        /// Which.
        channel: String,
        /// Pause or resume.
        paused: bool,
        /// Why and by whom.
        reason: String,
    },
    /// A code list of a channel, whole. Answer: [`Written::Done`].
    CodeList {
        /// Whose.
        channel: String,
        /// The list.
        list: CodeList,
    },
}

/// The answer to a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// To a [`Write::Change`].
    Committed(Committed),
    /// To a [`Write::Journal`].
    Message(MessageId),
    /// To a [`Write::Claim`].
    Claimed(Vec<Claimed>),
    /// To a [`Write::Settle`], [`Write::Retry`], [`Write::SendAgain`] or [`Write::TakeOver`]: whether it took effect.
    Settled(bool),
    /// To a [`Write::Beat`].
    Held(Held),
    /// Durable.
    Done,
}

/// What one decision does to one petition; committed whole or not at all.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version that the decision was made on; `None` for a new petition.
    pub expected_version: Option<Version>,
    /// The petition after it.
    pub petition: Petition,
    /// What happened, in order; at least one.
    pub events: Vec<NewEvent>,
    /// What the channel will be told, in order.
    pub deliveries: Vec<NewDelivery>,
    /// The caller's key, for calls that may be repeated.
    pub request: Option<RequestKey>,
    /// The item of a message that it came from; recorded as taken in the same transaction.
    pub item: Option<ItemRecord>,
    /// The settlement that its events tell of. The change takes effect only if the settlement does, and both at once.
    pub settle: Option<Settle>,
    /// Differences of the petition that are found or closed in the same transaction.
    pub differences: Vec<DifferenceChange>,
    /// All of this as it will be kept; made by [`Change::make_ready`] or, where nobody did, by the engine.
    pub texts: Texts,
}

/// A caller's promise that the same key means the same call. Keys live as long as the record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// Who calls: keys of different principals never meet.
    pub principal: String,
    /// `request_id`.
    pub id: Uuid,
    /// SHA-256 of method and request, so that a key used for another call is refused and not answered wrongly.
    pub fingerprint: [u8; 32],
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Durable now.
    New {
        /// Whose.
        id: PetitionId,
        /// The petition's version after it.
        version: Version,
        /// The number of its last event.
        seq: Seq,
    },
    /// The same key, or a petition of the same channel and external id, was committed before; nothing was written.
    Duplicate {
        /// Whose.
        id: PetitionId,
        /// The version after the earlier commit (for a known key), or the petition's version now (for a known petition).
        version: Version,
        /// The number of its last event then.
        seq: Seq,
    },
    /// The key was used for another call; nothing was written.
    KeyReused,
    /// Somebody was faster; decide again on the petition as it is now.
    Stale,
    /// The change's settlement would have no effect: the delivery has gone on meanwhile. Nothing was written.
    Unsettled,
}

/// A message before it has its number.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The channel.
    pub channel: String,
    /// Pushed or pulled.
    pub entrance: Entrance,
    /// Path or feed.
    pub route: String,
    /// `Content-Type`.
    pub content_type: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// The bytes.
    pub body: Bytes,
}

/// A message is dealt with.
#[derive(Debug, Clone)]
pub struct ItemsDone {
    /// Which; `None` when only the cursor moves (the far side had nothing new).
    pub message: Option<MessageId>,
    /// The channel.
    pub channel: String,
    /// For a pulled page.
    pub cursor: Option<CursorMove>,
}

/// A feed's cursor moves on. It moves only from where it stood when the page was asked for: a gateway that slept through
/// the end of its turn must not put it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorMove {
    /// The feed.
    pub feed: String,
    /// Where it stood; `None` before the first page.
    pub from: Option<String>,
    /// Where it stands now.
    pub to: String,
}

/// A sign of life of one gateway among those that share the store.
#[derive(Debug, Clone)]
pub struct Beat {
    /// Without another beat within this time, the gateway counts as gone and what it holds is free.
    pub lease: Duration,
    /// The channels that it would look after. Each is held by one gateway at a time, until that gateway is gone.
    pub channels: BTreeSet<String>,
    /// Which gateway it is; for operators at others, as what follows.
    pub about: GatewayAbout,
    /// What it sees of far sides, by channel.
    pub seen: BTreeMap<String, ChannelHealth>,
}

/// What a gateway may do until its next beat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The channels that it looks after, of those it asked for.
    pub channels: BTreeSet<String>,
    /// Those of them that somebody wants pulled at once.
    pub to_sync: BTreeSet<String>,
}

/// Asks for deliveries.
///
/// Given is the first waiting delivery of each lane (and every one without a lane) whose time has come, whose lease is
/// free or over, and whose channel is not paused and has room; oldest time first.
#[derive(Debug, Clone)]
pub struct Claim {
    /// How long the lease is.
    pub lease: Duration,
    /// At most this many in all.
    pub limit: u32,
    /// At most this many of a channel, because its far side takes no more at once; 0 leaves a channel alone. One that is
    /// not named has room for `limit`.
    pub room_of: BTreeMap<String, u32>,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Which delivery.
    pub id: DeliveryId,
    /// The lease it was claimed under. A settlement under an older lease has no effect, unless it says delivered.
    /// Nil for the word of somebody who holds none: a receipt, a person.
    pub lease: Uuid,
    /// How.
    pub settlement: Settlement,
}

/// What the attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The far side has it.
    Delivered {
        /// Its reference.
        remote_reference: Option<String>,
    },
    /// Again after `wait`.
    Retry {
        /// Why.
        reason: String,
        /// How long from now.
        wait: Duration,
        /// Whether the far side may have it from this attempt or one before.
        in_doubt: bool,
    },
    /// Trả lại: nothing was tried, so that nothing is learnt. It is due again after `wait`; the attempt does not count in its
    /// round, no attempt is recorded, and the doubt of those before it stays.
    GiveBack {
        /// Why.
        reason: String,
        /// How long from now.
        wait: Duration,
    },
    /// The far side took it over and will say later, by a receipt, that it has it. Without one it is due after `wait`, and
    /// in doubt.
    HandedOver {
        /// How long from now.
        wait: Duration,
        /// Its reference.
        remote_reference: Option<String>,
    },
    /// Tạm giữ: in doubt, and nobody but a person can tell what is right. It holds its lane.
    Park {
        /// Why.
        reason: String,
    },
    /// Given up.
    DeadLetter {
        /// Why.
        reason: String,
        /// Whether the far side may have it all the same.
        in_doubt: bool,
    },
    /// A person's decision on a parked delivery, or that a dead letter is delivered after all. It needs no lease, and has
    /// no effect on any other.
    Resolve(ParkedOutcome),
}

impl ItemRef {
    /// The single item of an unreadable message.
    pub fn whole(message: MessageId) -> ItemRef {
        ItemRef { message, index: 0 }
    }
}
