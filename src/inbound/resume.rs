//! What was journalled and not dealt with: the gateway was killed in between, or its store or disk could not then. Dealt with
//! here within seconds, oldest first, so that nothing that arrived waits for a restart.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::engine::Inbound;
use crate::{
    clock::SharedClock,
    intake::IntakeError,
    store::{Store, StoreError},
};

/// How long to wait between looks. A look at nothing is one read of an index.
const INTERVAL: Duration = Duration::from_secs(2);
/// A message younger than this may have just been journalled and be about to be dealt with.
const SETTLED: SignedDuration = SignedDuration::from_secs(2);
/// How many a look takes up.
const AT_ONCE: u32 = 1_000;

/// Finishes what was begun.
pub struct Resume {
    /// The engine.
    pub inbound: Inbound,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: SharedClock,
}

impl Resume {
    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look(&stop).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "what was journalled before cannot be dealt with now; it is tried again");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    async fn look(&self, stop: &CancellationToken) -> Result<(), IntakeError> {
        let before = self.clock.now().saturating_sub(SETTLED).unwrap_or(jiff::Timestamp::MIN);
        for id in self.store.message_list_unfinished(AT_ONCE).await? {
            if stop.is_cancelled() {
                break;
            }
            match self.inbound.finish_message(id, before).await {
                Ok(true) => tracing::info!(message.id = id.0, "dealt with a message that was left from before"),
                Ok(false) => {}
                // The store is away: so it is for the next.
                Err(
                    error @ IntakeError::Store(StoreError::Unavailable(_) | StoreError::Full | StoreError::Unknown),
                ) => return Err(error),
                // One that cannot be dealt with holds up none of the others.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(message.id = id.0, error, "a message cannot be dealt with now; it is tried again");
                }
            }
        }
        Ok(())
    }
}
