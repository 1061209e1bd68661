//! Reconciliation (đối soát): our books against the far side's, every night and when somebody asks.
//!
//! Three words are compared: what our books say was sent, what they say was acknowledged, and what is visible there; and the
//! other way, what is listed there against what came. What differs stands in the store with what is to be done about it,
//! and is an event of its petition; a command repairs it.
//!
//! Read [`compare`] for what a difference is (pure), [`books`] for how each delivery is judged, [`run`] for one run from
//! page to page, [`repair`] for what is done, [`task`] for when. Nothing here remembers anything: a run's place stands in
//! the store, and whoever holds the channel goes on with it. It decides nothing about petitions.

pub mod books;
pub mod compare;
pub mod repair;
pub mod run;
pub mod task;

use std::sync::Arc;

use channel_sdk::remote::RemoteError;

use crate::{
    channels::{Channel, Channels},
    clock::SharedClock,
    committer::Committer,
    decision::{DecisionError, Decisions, uuid_at},
    inbound::Inbound,
    intake::IntakeError,
    store::{Reconcile, Reconciliation, RunState, Store, StoreError},
};

/// What reconciles. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    /// Where runs and differences stand.
    pub store: Arc<dyn Store>,
    /// What is written goes through it.
    pub committer: Committer,
    /// What makes events of differences.
    pub decisions: Decisions,
    /// What takes in what never came.
    pub inbound: Inbound,
    /// The channels, with their far sides.
    pub channels: Channels,
    /// The store's time.
    pub clock: SharedClock,
}

/// Why a step or a repair did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The far side did not answer.
    #[error("the far side did not answer")]
    Remote(#[from] RemoteError),
    /// The far side lists nothing, although it gave us petitions: whatever is wrong there, it is no list.
    #[error("the far side lists nothing at all")]
    ListsNothing,
    /// The far side's list does not end.
    #[error("the far side's list has more than {pages_max} pages")]
    Endless {
        /// The limit.
        pages_max: u64,
    },
    /// The channel is not configured here any more.
    #[error("the channel is not configured")]
    NoChannel,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// An event could not be recorded.
    #[error("an event could not be recorded")]
    Decision(#[from] DecisionError),
    /// What was fetched could not be taken in.
    #[error("what was fetched could not be taken in")]
    Intake(#[from] IntakeError),
}

impl Reconciler {
    /// Has a run of the channel begin, unless one is under way; gives the one that is.
    ///
    /// # Errors
    /// The store failed.
    pub async fn begin(&self, channel: &str) -> Result<Option<Reconciliation>, StoreError> {
        let now = self.clock.now();
        let run = Reconciliation {
            id: uuid_at(now),
            channel: channel.to_owned(),
            state: RunState::Listing,
            cursor: None,
            began_at: now,
            ended_at: None,
            listed: 0,
            unreadable: 0,
            compared: 0,
            asked: 0,
            found: 0,
            failure: None,
        };
        self.committer.reconcile(Reconcile::Begin(run)).await?;
        self.store.reconciliation_last(channel).await
    }

    fn channel(&self, name: &str) -> Result<Arc<Channel>, ReconcileError> {
        self.channels.get(name).cloned().ok_or(ReconcileError::NoChannel)
    }
}

/// The failure as operators read it: what happened, and the cause below it.
pub fn describe(error: &ReconcileError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
