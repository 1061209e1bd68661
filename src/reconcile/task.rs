//! When a channel is reconciled: each night at its time, and when somebody asked; by whichever gateway holds the channel.
//!
//! A run that is under way stands in the store: who asked for one has put it there, and who takes the channel over finds it.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Time, tz};
use tokio_util::sync::CancellationToken;

use super::{ReconcileError, Reconciler, describe, run::Progress};
use crate::{
    channels::Channel,
    fence::while_allowed,
    presence::Turn,
    store::{Reconciliation, StoreError},
};

/// How often it is looked whether a run is to be done. One read of an index.
const LOOK: Duration = Duration::from_secs(1);
/// The pauses after a step that failed; after the last the run has failed, and the next night tries anew.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(1800),
];

/// When and how far a channel is reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Whether it is done each night; on demand it always is.
    pub enabled: bool,
    /// At which time in Vietnam.
    pub at: Time,
    /// The most pages of a listing; one that is longer does not end.
    pub pages_max: u64,
}

impl Plan {
    /// Whether a run is due at `now`, when the last began at `last`.
    pub fn is_due(&self, last: Timestamp, now: Timestamp) -> bool {
        self.enabled && last < self.before(now)
    }

    /// The last time before `now` at which a run was to begin. Vietnam has no daylight saving.
    fn before(&self, now: Timestamp) -> Timestamp {
        let zone = tz::TimeZone::fixed(tz::offset(7));
        let today = now.to_zoned(zone.clone()).date();
        let of = |date: jiff::civil::Date| date.to_datetime(self.at).to_zoned(zone.clone()).map(|it| it.timestamp());
        match of(today) {
            Ok(at) if at <= now => at,
            _ => today.yesterday().and_then(of).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Reconciles one channel, as long as the gateway runs.
pub struct Reconciling {
    /// The channel.
    pub channel: Arc<Channel>,
    /// When.
    pub plan: Plan,
    /// Whether the channel is this gateway's to look after.
    pub turn: Turn,
    /// What does it.
    pub reconciler: Reconciler,
}

impl Reconciling {
    /// Runs until told to stop. A run that is under way then goes on from its last step.
    pub async fn run(self, stop: CancellationToken) {
        let started_at = self.reconciler.clock.now();
        while !stop.is_cancelled() {
            if self.turn.is_ours()
                && let Err(error) = self.look(started_at, &stop).await
            {
                tracing::warn!(
                    channel.name = %self.channel.name,
                    error = &error as &dyn std::error::Error,
                    "a channel cannot be reconciled now"
                );
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn look(&self, started_at: Timestamp, stop: &CancellationToken) -> Result<(), StoreError> {
        let name = &self.channel.name;
        let last = self.reconciler.store.reconciliation_last(name).await?;
        match last {
            Some(run) if run.ended_at.is_none() => self.go_on(run, stop).await,
            last => {
                // A channel that was never reconciled waits for its first night.
                let last = last.map_or(started_at, |run| run.began_at);
                if self.plan.is_due(last, self.reconciler.clock.now()) && !self.is_paused().await? {
                    self.reconciler.begin(name).await?;
                }
                Ok(())
            }
        }
    }

    async fn is_paused(&self) -> Result<bool, StoreError> {
        let states = self.reconciler.store.channel_list().await?;
        Ok(states.iter().any(|state| state.name == self.channel.name && state.paused))
    }

    async fn go_on(&self, mut run: Reconciliation, stop: &CancellationToken) -> Result<(), StoreError> {
        let last_done = self.reconciler.store.reconciliation_last_done(&self.channel.name).await?;
        let mut progress = Progress::new(self.plan.pages_max, last_done.as_ref());
        let mut pauses = PAUSES.iter();
        while run.ended_at.is_none() && self.may_go_on(stop).await? {
            let step = while_allowed(|| self.turn.is_ours(), self.reconciler.step(&mut run, &mut progress));
            // Whatever is cut off here is done again by whoever goes on.
            let Some(Some(step)) = stop.run_until_cancelled(step).await else { return Ok(()) };
            let Err(error) = step else {
                pauses = PAUSES.iter();
                continue;
            };
            match pauses.next().filter(|_| may_pass(&error)) {
                Some(pause) => drop(stop.run_until_cancelled(tokio::time::sleep(*pause)).await),
                None => self.give_up(&mut run, &error).await?,
            }
        }
        if run.ended_at.is_some() {
            tracing::info!(
                channel.name = %self.channel.name,
                reconciliation.id = %run.id,
                listed = run.listed,
                compared = run.compared,
                differences = run.found,
                "a reconciliation ended"
            );
        }
        Ok(())
    }

    async fn give_up(&self, run: &mut Reconciliation, error: &ReconcileError) -> Result<(), StoreError> {
        tracing::error!(
            channel.name = %self.channel.name,
            error = error as &dyn std::error::Error,
            "a reconciliation failed"
        );
        self.reconciler.fail(run, describe(error)).await
    }

    async fn may_go_on(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        Ok(!stop.is_cancelled() && self.turn.is_ours() && !self.is_paused().await?)
    }
}

/// Whether the same step may succeed later.
fn may_pass(error: &ReconcileError) -> bool {
    !matches!(error, ReconcileError::ListsNothing | ReconcileError::Endless { .. } | ReconcileError::NoChannel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_due_once_a_night_by_the_clock_of_vietnam() {
        let plan = Plan { enabled: true, at: jiff::civil::time(2, 30, 0, 0), pages_max: 1 };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // 02:30 in Vietnam is 19:30 of the day before in UTC.
        let last = at("2019-06-10T19:30:05Z");
        assert!(!plan.is_due(last, at("2019-06-11T19:29:59Z")));
        assert!(plan.is_due(last, at("2019-06-11T19:30:00Z")));
        assert!(plan.is_due(last, at("2019-06-20T03:00:00Z")), "nights that were missed are one");
        assert!(!plan.is_due(at("2019-06-11T19:30:00Z"), at("2019-06-11T19:31:00Z")));
        assert!(!Plan { enabled: false, ..plan }.is_due(last, at("2019-06-20T03:00:00Z")));
    }
}
