//! The public contract (`proto/petition/gateway/v1`) over gRPC: parse, call, render. No rule of the domain lives here, and
//! no adapter is seen from here.
//!
//! In reading order:
//! - `serving` ([`Grpc`]): the server, assembled: services, health, reflection, limits, a clean stop;
//! - `entrance`: what every call passes first: who is it (`principal`), may they (`authorize`), is there room, how long;
//!   `hold`: what a call holds of the gateway's memory while it is under way;
//! - `petitions` with `decisions`, `transfer`, `import` (and its `window`), `attachments`, `watch`, `dossier`: `PetitionService`; `channels`
//!   with `errands`: `ChannelService`;
//! - `convert`: between messages and the domain; `filter`, `page`, `request_id`: what lists and repeats need;
//! - `error`: why a call is refused; `status`: which code that is, the only file that names codes.

mod attachments;
mod authorize;
mod channels;
mod convert;
mod decisions;
mod dossier;
mod entrance;
mod errands;
mod error;
mod filter;
pub(crate) mod fuzzing;
mod hold;
mod import;
mod page;
mod petitions;
mod principal;
mod reconciliation;
mod reprocess;
mod request_id;
mod serving;
mod status;
mod transfer;
mod watch;
mod window;

use std::sync::Arc;

pub use entrance::Limits;
pub use serving::{Grpc, SetupError};

use crate::{
    blobs::Blobs, channels::Channels, clock::SharedClock, committer::Committer, decision::Decisions, inbound::Inbound,
    presence::Turns, store::Store,
};

/// What the services call.
#[derive(Clone)]
pub struct Parts {
    /// For reads.
    pub store: Arc<dyn Store>,
    /// For what operators write.
    pub committer: Committer,
    /// For what happens to petitions.
    pub decisions: Decisions,
    /// For messages that are processed again.
    pub inbound: Inbound,
    /// The running channels.
    pub channels: Channels,
    /// Which gateway this is, and what it looks after.
    pub turns: Turns,
    /// Files.
    pub blobs: Blobs,
    /// The time.
    pub clock: SharedClock,
}
