//! The contract itself: what a kind of channel implements.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

use crate::{
    fault::Fault,
    inbound::Inbound,
    listing::{Listed, Listing, Shown},
    model::Attachment,
    notice::{Known, Notice, NoticeKind, Verdict},
    remote::{Fetched, Remote, RemoteError},
    sandbox::{FarSide, SandboxSettings},
};

/// A kind of channel: the one thing that an adapter crate exports. A channel is an instance of it, a TOML table.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in `kind = "…"`: a noun of the system it speaks to.
    pub name: &'static str,
    /// One line for `--help` and lists.
    pub summary: &'static str,
    /// The dialect that applies unless the channel's table names a file: field mappings and code tables (TOML).
    pub default_dialect: &'static str,
    /// Makes the adapter of one channel, or tells everything that is wrong with its settings and dialect.
    pub build: fn(Settings) -> Built,
    /// Makes the far side, for `sandbox`, the demo and the tests.
    pub sandbox: fn(SandboxSettings) -> Arc<dyn FarSide>,
}

/// An adapter, or everything that is wrong with its settings and dialect.
pub type Built = Result<Arc<dyn Adapter>, Vec<SettingsFault>>;

/// What an adapter is made from.
pub struct Settings {
    /// The agency code that the channel knows us by.
    pub agency: String,
    /// `[channels.<name>.settings]`: the keys of this kind.
    pub table: toml::Table,
    /// The text of the dialect in force.
    pub dialect: String,
}

/// One thing wrong with a channel's settings or dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFault {
    /// `true` when `key` is a path in the dialect file, `false` when it is one below `[channels.<name>.settings]`.
    pub in_dialect: bool,
    /// The key's path.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// One protocol, for one channel.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// What this channel can do; constant over the adapter's life.
    fn abilities(&self) -> Abilities;

    /// Bytes to canonical messages. Pure: the same bytes give the same answer, today and when reprocessed.
    ///
    /// # Errors
    /// The faults for which nothing of the message can be read; a bad item in a readable message is an [`Item`].
    fn decode(&self, raw: &RawMessage) -> Result<Decoded, Vec<Fault>>;

    /// The reply to a push, after what it carried was committed or quarantined. Pure.
    fn acknowledge(&self, raw: &RawMessage, outcome: &Outcome) -> PushReply;

    /// One page of what is new on `feed` after `cursor` (`None` at the very first). The raw page is journalled by the
    /// caller; the cursor it returns is kept only after everything on the page is committed or quarantined.
    async fn pull(
        &self,
        remote: &dyn Remote,
        feed: &str,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Page, RemoteError>;

    /// The content of an announced attachment.
    ///
    /// # Errors
    /// The verdict for the attempt: retry or reject.
    async fn fetch(&self, remote: &dyn Remote, external_id: &str, attachment: &Attachment) -> Result<Fetched, Verdict>;

    /// Delivers one notice. Called at least once for each delivery, always with the same `delivery_id`.
    async fn deliver(&self, remote: &dyn Remote, notice: &Notice) -> Verdict;

    /// Asks whether the far side has the message of this notice, after an attempt that may have arrived. Asked only where
    /// it [answers by reference](Guarantees::answers_by_reference); the asking itself changes nothing there.
    ///
    /// # Errors
    /// There was no answer; the question is still open.
    async fn ask(&self, _remote: &dyn Remote, _notice: &Notice) -> Result<Known, RemoteError> {
        Ok(Known::CannotTell)
    }

    /// One page of everything that the far side has for us, whatever was handed on before; only of a channel that
    /// [lists](Abilities::lists). Asking again with the same cursor is harmless.
    async fn list(&self, remote: &dyn Remote, cursor: Option<&str>, now: Timestamp) -> Result<Listing, RemoteError> {
        let (_, _, _) = (remote, cursor, now);
        Ok(Listing::default())
    }

    /// One petition as a message like those that are pulled, to be journalled and decoded; `None` when the far side has
    /// it no more.
    async fn read_one(
        &self,
        remote: &dyn Remote,
        external_id: &str,
        now: Timestamp,
    ) -> Result<Option<RawMessage>, RemoteError> {
        let (_, _, _) = (remote, external_id, now);
        Ok(None)
    }

    /// What an entry of a listing says of one of our notices. Pure.
    fn shows(&self, listed: &Listed, notice: &Notice) -> Shown {
        let (_, _) = (listed, notice);
        Shown::CannotTell
    }

    /// Whether the far side is alive and our credentials are good.
    async fn probe(&self, remote: &dyn Remote) -> Result<(), RemoteError>;
}

/// What a channel can do.
#[derive(Debug, Clone, Default)]
pub struct Abilities {
    /// What is pulled, each with its own cursor; empty for a channel that only pushes.
    pub feeds: Vec<Feed>,
    /// What the far side may push to us, below `/channels/<name>`; empty for a channel that is only pulled.
    pub routes: Vec<Route>,
    /// Which notices the channel can carry; the others are not made into deliveries.
    pub carries: Vec<NoticeKind>,
    /// Whether a receipt ([`NoticeKind::Received`]) is also owed for what was pushed: there the reply is one already.
    pub confirms_pushes: bool,
    /// Whether announced attachments can be fetched from the far side; where not, what came inside a message is all.
    pub fetches: bool,
    /// Whether the far side can be listed and single petitions be read from it, so that both sides' books can be compared.
    pub lists: bool,
    /// What the far side guarantees. A channel's table may say otherwise of its own.
    pub guarantees: Guarantees,
}

/// What a far side guarantees about what is sent to it (cam kết của đối tác): it decides what becomes of a message that
/// may have arrived. The default promises nothing, and then such a message waits for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guarantees {
    /// The same `Idempotency-Key` again has no second effect, however much later it comes.
    pub honours_key: bool,
    /// It can be asked whether it has a message ([`Adapter::ask`]).
    pub answers_by_reference: bool,
    /// A notice may need several calls (files before the answer). Each has a key of its own, stable over attempts, so that
    /// an attempt that ended between two of them is begun again from the first.
    pub takes_several_steps: bool,
    /// Its reply says only that the message was handed over; that it was taken is told later, by a receipt, within this
    /// time. `None`: the reply is the acknowledgement.
    pub acknowledges_later: Option<Duration>,
}

/// Something that is pulled.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Its name, stable: the cursor is kept under it.
    pub name: &'static str,
    /// How long to wait after the last page before asking again, unless the channel's table says otherwise.
    pub interval: Duration,
    /// Whether reading takes the messages away there: what a reply gave is then served by nobody again.
    pub reads_destructively: bool,
}

/// Something that the far side may push.
#[derive(Debug, Clone)]
pub struct Route {
    /// POST or PUT.
    pub method: Method,
    /// A pattern such as `/pakn/{ma}/rut`; `{…}` stands for one path segment.
    pub pattern: &'static str,
}

/// How a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// Sent to us.
    Push,
    /// Asked for by us.
    Pull,
}

/// A message as it arrived; what the journal keeps.
#[derive(Debug, Clone)]
pub struct RawMessage {
    /// Pushed or pulled.
    pub entrance: Entrance,
    /// A push: method and path below `/channels/<name>`, e.g. `POST /pakn/PAKN-2019-0012345/rut`. A pull: the feed's name.
    pub route: String,
    /// `Content-Type`, whole (charset and boundary included).
    pub content_type: String,
    /// When it arrived at the gateway.
    pub received_at: Timestamp,
    /// The bytes.
    pub body: Bytes,
}

/// What a message was found to carry.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    /// Its items, each readable or refused for itself, in the message's order.
    pub items: Vec<Item>,
    /// What is odd with the message as a whole, yet no reason to refuse it (a wrong total).
    pub warnings: Vec<Fault>,
}

/// One item of a message.
#[derive(Debug, Clone)]
pub struct Item {
    /// Where it stands in the message, e.g. `danhSach[3]`.
    pub place: String,
    /// The far side's id, as far as it could be read.
    pub external_id: Option<String>,
    /// The canonical message, or everything that is wrong with the item.
    pub message: Result<Inbound, Vec<Fault>>,
}

/// What became of a pushed message.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nothing of it could be read; it is quarantined whole.
    Unreadable(Vec<Fault>),
    /// Each item for itself, in the message's order.
    Items(Vec<ItemOutcome>),
    /// The store cannot take it now; nothing was acknowledged, the far side must send it again.
    Unavailable {
        /// After this long.
        retry_after: Duration,
    },
}

/// What became of one item.
#[derive(Debug, Clone)]
pub struct ItemOutcome {
    /// The far side's id, as far as it could be read.
    pub external_id: Option<String>,
    /// Taken, already had, or refused.
    pub result: ItemResult,
}

/// Taken (durable), already had (the same again), or refused (quarantined with its faults).
#[derive(Debug, Clone, PartialEq)]
pub enum ItemResult {
    /// Durable now.
    Taken {
        /// Mã hồ sơ; empty for what belongs to no petition (a code list).
        petition_id: String,
    },
    /// Durable before.
    AlreadyHad {
        /// Mã hồ sơ.
        petition_id: String,
    },
    /// Not taken; kept in quarantine, and can be reprocessed.
    Refused(Vec<Fault>),
}

/// The HTTP reply to a push.
#[derive(Debug, Clone)]
pub struct PushReply {
    /// The status.
    pub status: StatusCode,
    /// Headers such as `Content-Type` and `Retry-After`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// One page of a feed.
#[derive(Debug, Clone)]
pub struct Page {
    /// The bytes, to be journalled and decoded; `None` when the far side said that nothing changed.
    pub raw: Option<RawMessage>,
    /// The cursor to keep once the page is dealt with; `None` keeps the old one.
    pub next: Option<String>,
    /// Whether to ask again at once.
    pub more: bool,
}
