//! The loop: claim what is due, attempt it, and sleep until something may be due again.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::{sync::Notify, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::attempt::Attempts;
use crate::{
    clock::SharedClock,
    committer::Committer,
    store::{Claim, Claimed, Store, StoreError},
};

/// The longest sleep: whatever wake-up was missed, the store is asked again after it.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// The shortest: what is due and could not be claimed is somebody else's, and asking again at once would only spin.
const SLEEP_MIN: Duration = Duration::from_millis(20);

/// Delivers, as long as the gateway runs.
pub struct Outbound {
    /// The store, asked when the next delivery falls due.
    pub store: Arc<dyn Store>,
    /// Claims go through it.
    pub committer: Committer,
    /// What makes one attempt.
    pub attempts: Attempts,
    /// How many attempts run at the same time.
    pub concurrency: usize,
    /// How long an attempt may take before another may begin.
    pub lease: Duration,
    /// Signalled when a commit made deliveries.
    pub due: Arc<Notify>,
    /// The time.
    pub clock: SharedClock,
}

impl Outbound {
    /// Runs until told to stop; then waits for the attempts under way.
    pub async fn run(self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            // Everything that has ended since, so that one claim fills all the room there is: a claim is a commit, and
            // one for each delivery would make the disk's pace the pace of deliveries.
            while let Some(ended) = running.try_join_next() {
                tell_if_lost(ended);
            }
            let room = self.concurrency.saturating_sub(running.len());
            // Registered before the claim: a commit between the claim and the sleep must not be slept over.
            let due = self.due.notified();
            let claimed = if room == 0 { 0 } else { self.begin(room, &mut running).await };
            if claimed == room && room > 0 {
                continue;
            }
            let nap = if room == 0 { SLEEP_MAX } else { self.nap().await };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = running.join_next() => tell_if_lost(ended),
                () = due, if room > 0 => {}
                () = sleep(nap), if room > 0 => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            tell_if_lost(ended);
        }
    }

    /// Claims and begins up to `room` attempts; returns how many.
    async fn begin(&self, room: usize, running: &mut JoinSet<Result<(), StoreError>>) -> usize {
        let claimed = match self.claim(room).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "deliveries cannot be claimed");
                return 0;
            }
        };
        let count = claimed.len();
        for delivery in claimed {
            let attempts = self.attempts.clone();
            running.spawn(async move { attempts.make(delivery).await });
        }
        count
    }

    async fn claim(&self, room: usize) -> Result<Vec<Claimed>, StoreError> {
        let now = self.clock.now();
        let lease = SignedDuration::try_from(self.lease).unwrap_or(SignedDuration::from_mins(2));
        let lease_until = now.checked_add(lease).unwrap_or(now);
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        self.committer.claim(Claim { now, lease_until, limit, except: Vec::new() }).await
    }

    /// How long to sleep: until the next delivery falls due, or the longest sleep.
    async fn nap(&self) -> Duration {
        match self.store.delivery_next_at().await {
            Ok(Some(at)) => {
                let wait = at.duration_since(self.clock.now());
                Duration::try_from(wait).unwrap_or_default().clamp(SLEEP_MIN, SLEEP_MAX)
            }
            Ok(None) | Err(_) => SLEEP_MAX,
        }
    }
}

/// A lost attempt (the store failed, or a defect) is not lost: its lease ends and it is claimed again.
fn tell_if_lost(ended: Result<Result<(), StoreError>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "an attempt could not be settled"),
        Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "an attempt ended by a defect"),
    }
}
