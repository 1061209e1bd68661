//! What stands in the store beside petitions and events: messages, their items, deliveries, channels.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use channel_sdk::{adapter::Entrance, fault::Fault, named_enum, notice::Notice};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::petition::{AboutDelivery, PetitionId};

/// The number of a journalled message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

/// The id of a delivery, a UUID of version 7; what the far side sees as `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub Uuid);

named_enum! {
    /// How far a journalled message has come.
    pub enum MessageState {
        /// Journalled; not yet decoded, or the gateway was stopped in between.
        Received = "received",
        /// Every item is dealt with: taken, already had, or in quarantine.
        Done = "done",
    }
}

named_enum! {
    /// What became of an item of a message.
    pub enum ItemState {
        /// Recorded: a petition or an event of it.
        Taken = "taken",
        /// It was there already.
        AlreadyHad = "already_had",
        /// Refused, and kept with its faults until a person or a better dialect deals with it.
        Quarantined = "quarantined",
        /// A person put it aside, with a reason.
        Discarded = "discarded",
    }
}

/// One item of a message. An unreadable message has the single item 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemRef {
    /// The message.
    pub message: MessageId,
    /// Its place in the message, from 0.
    pub index: u32,
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// Its number.
    pub id: MessageId,
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
    /// How far it has come.
    pub state: MessageState,
    /// The bytes.
    pub body: Bytes,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    /// Which.
    pub item: ItemRef,
    /// Where it stands in the message (`danhSach[3]`).
    pub place: String,
    /// The far side's id, as far as it could be read.
    pub external_id: Option<String>,
    /// What became of it.
    pub state: ItemState,
    /// Why it is in quarantine.
    pub faults: Vec<Fault>,
    /// The petition that it belongs to.
    pub petition: Option<PetitionId>,
    /// Why a person discarded it, and who.
    pub discarded: Option<String>,
}

/// An item with what its message was.
#[derive(Debug, Clone)]
pub struct QuarantinedItem {
    /// The item.
    pub record: ItemRecord,
    /// The channel.
    pub channel: String,
    /// Pushed or pulled.
    pub entrance: Entrance,
    /// Path or feed.
    pub route: String,
    /// `Content-Type`.
    pub content_type: String,
    /// When the message arrived.
    pub received_at: Timestamp,
    /// SHA-256 of the message's bytes.
    pub sha256: String,
    /// Their number.
    pub size_bytes: u64,
}

/// What a delivery does at the far side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "snake_case")]
pub enum Errand {
    /// Tells the far side something. All notices of a petition to a channel go in order.
    Tell {
        /// What.
        notice: Box<Notice>,
    },
    /// Fetches the content of an announced attachment. Each goes for itself, holding nothing up.
    Fetch {
        /// The far side's id of the petition.
        external_id: String,
        /// The attachment's id in the petition.
        attachment_id: u32,
        /// As announced.
        attachment: channel_sdk::model::Attachment,
    },
}

named_enum! {
    /// How far a delivery has come.
    pub enum DeliveryState {
        /// Waiting for its time, or being attempted under a lease.
        Pending = "pending",
        /// The far side has it.
        Delivered = "delivered",
        /// Given up: the far side rejected it or the schedule is used up. A person can retry it.
        DeadLetter = "dead_letter",
        /// Tạm giữ: the far side may have it and cannot be asked. It waits for a person, and its lane waits for it.
        Parked = "parked",
    }
}

/// A delivery before it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The channel.
    pub channel: String,
    /// The order it keeps: deliveries of one lane go one after the other. `None`: for itself.
    pub lane: Option<String>,
    /// What it does.
    pub errand: Errand,
}

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Whose.
    pub petition: PetitionId,
    /// The channel.
    pub channel: String,
    /// The order it keeps.
    pub lane: Option<String>,
    /// What it does.
    pub errand: Errand,
    /// How far it has come.
    pub state: DeliveryState,
    /// How many attempts were begun.
    pub attempts: u32,
    /// Attempts begun since it was created or last retried by a person: what the schedule counts.
    pub attempts_in_round: u32,
    /// Chờ xác minh: the far side may have it from an attempt before the one that is under way.
    pub in_doubt: bool,
    /// Attempts of the round that ended without a word: a lease that ran out, a gateway that was killed.
    pub silent_attempts: u32,
    /// The next attempt's time.
    pub next_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why the last attempt did not deliver.
    pub reason: Option<String>,
    /// The far side's reference.
    pub remote_reference: Option<String>,
}

impl Delivery {
    /// The delivery as its petition's events name it.
    pub fn about(&self) -> AboutDelivery {
        let errand = match &self.errand {
            Errand::Tell { notice } => notice.body.kind().as_str(),
            Errand::Fetch { .. } => "fetch",
        };
        AboutDelivery { id: self.id.0, channel: self.channel.clone(), errand: errand.to_owned() }
    }
}

/// A delivery claimed for one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The delivery; `attempts` counts this attempt.
    pub delivery: Delivery,
    /// The lease: the settlement must name it, or a later holder's verdict counts.
    pub lease: Uuid,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it was settled.
    pub at: Timestamp,
    /// `delivered`, `retry`, `unknown`, `handed_over`, `park` or `reject`.
    pub verdict: String,
    /// Why not delivered.
    pub reason: Option<String>,
}

/// What is known of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Its name.
    pub name: String,
    /// Paused by a person: nothing is pulled or delivered; pushes are still taken.
    pub paused: bool,
    /// Why and by whom it was paused.
    pub paused_reason: String,
    /// The last time that a page was pulled or a push taken.
    pub last_inbound_at: Option<Timestamp>,
    /// The last time that something was delivered.
    pub last_delivered_at: Option<Timestamp>,
    /// Deliveries that wait.
    pub pending: u64,
    /// Deliveries that wait for a person's word.
    pub parked: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// Petitions that came through it.
    pub petitions: u64,
}

/// What a gateway has seen of a channel's far side since it started; for operators, lost at a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelHealth {
    /// The last time that the far side answered as it should.
    pub last_success_at: Option<Timestamp>,
    /// What fails now, by feed, or as deliveries: when it was last tried, and why. Gone after a success of the same.
    pub failures: BTreeMap<String, (Timestamp, String)>,
    /// The last time that every feed was pulled to its end.
    pub last_scan_at: Option<Timestamp>,
    /// Its breaker, while it is not closed.
    #[serde(default)]
    pub breaker: Option<Breaking>,
}

named_enum! {
    /// How a channel's breaker (cầu dao) stands, while it is not closed.
    pub enum BreakerState {
        /// Ngắt: nothing is delivered.
        Open = "open",
        /// Thử lại: the far side is asked whether it is alive, or one delivery goes first.
        Probing = "probing",
    }
}

/// A breaker that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaking {
    /// Open or probing.
    pub state: BreakerState,
    /// Until when it stays so, unless something is heard before.
    pub until: Timestamp,
}

/// Which gateway it is, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayAbout {
    /// What the configuration calls it.
    pub node: String,
    /// Of the program.
    pub version: String,
    /// When it started.
    pub since: Timestamp,
}

/// Another gateway on the same store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherGateway {
    /// Its id: a new one at each start.
    pub id: Uuid,
    /// Which it is.
    pub about: GatewayAbout,
    /// The channels that it holds.
    pub holds: BTreeSet<String>,
    /// What it sees of far sides, by channel.
    pub seen: BTreeMap<String, ChannelHealth>,
}

/// How many rows of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Petitions.
    pub petitions: u64,
    /// Events.
    pub events: u64,
    /// Journalled messages.
    pub messages: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// Deliveries that wait.
    pub pending: u64,
    /// Deliveries that wait for a person's word.
    pub parked: u64,
    /// Delivered.
    pub delivered: u64,
    /// Dead letters.
    pub dead_letters: u64,
}
