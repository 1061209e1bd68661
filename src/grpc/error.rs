//! Why a call is refused, in the words of the contract. Which code and which details each becomes is told in
//! [`super::status`], and only there.

use std::time::Duration;

use channel_sdk::fault::FaultCode;

use crate::{
    blobs::BlobError,
    decision::DecisionError,
    inbound::engine::ReprocessError,
    petition::Seq,
    reconcile::ReconcileError,
    security::Role,
    store::{ItemState, StoreError},
};

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The reason as a channel would be told it; items of an import are answered with it.
    pub(crate) code: FaultCode,
    /// The path of the field, as the contract names it.
    pub(crate) field: String,
    /// What is wrong and what would be right; never the value.
    pub(crate) description: String,
}

/// A thing that a call names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    /// A petition.
    Petition,
    /// A channel.
    Channel,
    /// A delivery.
    Delivery,
    /// A quarantined item.
    Message,
    /// A file of a petition.
    Attachment,
    /// A difference that a reconciliation found.
    Difference,
}

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no known client certificate")]
    Unauthenticated,
    #[error("the caller has none of the roles that this call needs")]
    RoleMissing(&'static [Role]),
    #[error("there is no such method")]
    NoSuchMethod,
    #[error("too many calls at once")]
    Overloaded {
        /// When to come again.
        again_after: Duration,
    },
    #[error("too many bytes are under way")]
    BytesExhausted,
    #[error("the call took longer than its deadline")]
    DeadlineExceeded,
    #[error("the gateway is shutting down")]
    ShuttingDown {
        /// The last event that a watch has sent, or passed over.
        last_seq: Option<Seq>,
    },
    #[error("the request has {} fault(s)", .0.len())]
    Invalid(Vec<Violation>),
    #[error("the filter is not valid: {0}")]
    InvalidFilter(String),
    #[error("the page token is not one of this list")]
    InvalidPageToken,
    #[error("the query is not valid: {0}")]
    InvalidQuery(&'static str),
    #[error("there is no such {0:?}")]
    NotFound(Thing),
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error(transparent)]
    Reprocess(#[from] ReprocessError),
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the blob store failed")]
    Blob(#[from] BlobError),
    #[error("a file was not uploaded")]
    AttachmentNotUploaded {
        /// Which, checked to be a digest.
        sha256: String,
    },
    #[error("the content of the file has not arrived")]
    AttachmentNotHeld,
    #[error("the offset lies beyond the end")]
    OffsetBeyondEnd {
        /// The end.
        size_bytes: u64,
    },
    #[error("the content is not what the header announced")]
    DigestMismatch,
    #[error("the file is too large")]
    FileTooLarge {
        /// The limit.
        bytes_max: u64,
    },
    #[error("only its far side may speak for a configured channel")]
    ChannelHasFarSide,
    #[error("the channel has no far side that could be paused")]
    ChannelNotPausable,
    #[error("the channel is paused")]
    ChannelPaused,
    #[error("the far side of this channel cannot be listed, or the channel does not run")]
    NotListable,
    #[error("a difference could not be closed")]
    Reconcile(#[from] ReconcileError),
    #[error("nothing is pulled from this channel")]
    NoFeeds,
    #[error("the delivery is delivered already")]
    AlreadyDelivered,
    #[error("the delivery is parked: find out whether the far side has it, and resolve it")]
    DeliveryParked,
    #[error("the delivery is neither parked nor a dead letter")]
    NotParked,
    #[error("the item is {}, not in quarantine", .0.as_str())]
    NotQuarantined(ItemState),
    #[error("too many items in one stream")]
    TooManyItems {
        /// The limit.
        items_max: u64,
    },
    #[error("too many watchers")]
    TooManyWatchers,
    #[error("the sequence number lies beyond the last event")]
    SeqNotReached {
        /// The last event.
        last: Seq,
    },
}
