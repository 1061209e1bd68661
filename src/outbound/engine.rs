//! The loop: claim what is due, attempt it, and sleep until something may be due again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{attempt::Attempts, breaker::Admission, gently};
use crate::{
    channels::{Channel, Channels},
    clock::SharedClock,
    committer::Committer,
    store::{Claim, Claimed, Store, StoreError},
};

/// The longest sleep: whatever wake-up was missed, the store is asked again after it.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// The shortest: what is due and could not be claimed is somebody else's, and asking again at once would only spin.
const SLEEP_MIN: Duration = Duration::from_millis(20);
/// How many attempts of a channel are begun for each call that its far side takes at once: one is sent, one stands ready,
/// and two wait for the commits that end and claim them, so that the far side is kept busy while the disk is. More would
/// only wait with their leases running, and take the room of other channels.
const BEGUN_FOR_EACH_CALL: u32 = 4;

/// An attempt is given up well before its lease ends, so that no other is begun beside it.
const ATTEMPT_SHARE_OF_LEASE: f64 = 0.9;

/// Delivers, as long as the gateway runs.
pub struct Outbound {
    /// The store, asked when the next delivery falls due.
    pub store: Arc<dyn Store>,
    /// Claims go through it.
    pub committer: Committer,
    /// The channels, each with what its far side takes at once.
    pub channels: Channels,
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

/// The attempts under way.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<Result<(), StoreError>>,
    channels: HashMap<Id, String>,
}

impl Outbound {
    /// Runs until told to stop; then waits for the attempts under way.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = UnderWay::default();
        let mut idle = SLEEP_MIN;
        while !stop.is_cancelled() {
            // Everything that has ended since, so that one claim fills all the room there is: a claim is a commit, and
            // one for each delivery would make the disk's pace the pace of deliveries.
            under_way.reap();
            self.probe(&mut under_way, &stop);
            let room = self.concurrency.saturating_sub(under_way.tasks.len());
            // Registered before the claim: a commit between the claim and the sleep must not be slept over.
            let due = self.due.notified();
            let claimed = if room == 0 { 0 } else { self.begin(room, &mut under_way).await };
            if claimed == room && room > 0 {
                continue;
            }
            // What is due and cannot be had (a far side that hangs, a channel that does not run) is not asked for again
            // and again: each claim is a commit.
            idle = if claimed > 0 { SLEEP_MIN } else { (idle * 2).min(SLEEP_MAX) };
            let nap = if room == 0 { SLEEP_MAX } else { self.nap().await.max(idle) };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = under_way.next(), if !under_way.tasks.is_empty() => idle = SLEEP_MIN,
                () = due, if room > 0 => idle = SLEEP_MIN,
                () = sleep(nap), if room > 0 => {}
            }
        }
        while !under_way.tasks.is_empty() {
            under_way.next().await;
        }
    }

    /// Claims and begins up to `room` attempts; returns how many.
    async fn begin(&self, room: usize, under_way: &mut UnderWay) -> usize {
        // Counted from before the claim is made, so that it ends here before it ends in the store.
        let until = Instant::now() + self.lease.mul_f64(ATTEMPT_SHARE_OF_LEASE);
        let claimed = match self.claim(room, under_way).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "deliveries cannot be claimed");
                return 0;
            }
        };
        let count = claimed.len();
        for in_turn in gently::apart(claimed) {
            crate::failpoint::at!("claim.after");
            let Some(first) = in_turn.first() else { continue };
            let (attempts, channel) = (self.attempts.clone(), first.delivery.channel.clone());
            let task = under_way.tasks.spawn(async move {
                let mut ended = Ok(());
                for delivery in in_turn {
                    // One that cannot be settled holds up none of the others.
                    ended = attempts.make(delivery, until).await.and(ended);
                }
                ended
            });
            under_way.channels.insert(task.id(), channel);
        }
        count
    }

    async fn claim(&self, room: usize, under_way: &UnderWay) -> Result<Vec<Claimed>, StoreError> {
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let mut room_of = self.room_of(under_way);
        let others = self.store.gateway_list_others().await?;
        for channel in self.channels.iter() {
            let sharing = others.iter().filter(|other| other.seen.contains_key(&channel.name)).count();
            channel.shared_by(u32::try_from(sharing).unwrap_or(u32::MAX).saturating_add(1));
        }
        // While channels are configured at one gateway after the other, this one may not know them all.
        for other in others {
            for channel in other.seen.into_keys() {
                room_of.entry(channel).or_insert(0);
            }
        }
        crate::failpoint::at!("claim.before");
        self.committer.claim(Claim { lease: self.lease, limit, room_of }).await
    }

    /// How many more of each channel: a far side that hangs holds up its own deliveries and nobody else's, for it has no
    /// more than its share of the room. A channel that is configured and does not run keeps what it is owed.
    fn room_of(&self, under_way: &UnderWay) -> BTreeMap<String, u32> {
        let mut room: BTreeMap<String, u32> = self
            .channels
            .iter()
            .map(|channel| (channel.name.clone(), if channel.enabled { self.room(channel) } else { 0 }))
            .collect();
        for channel in under_way.channels.values() {
            if let Some(room) = room.get_mut(channel) {
                *room = room.saturating_sub(1);
            }
        }
        room
    }

    /// How many of a channel may be under way: a far side that takes nothing is left alone.
    fn room(&self, channel: &Channel) -> u32 {
        match channel.breaker().admits(self.clock.now()) {
            Admission::All => {
                let running = self.channels.iter().filter(|it| it.enabled).count();
                channel.at_once.saturating_mul(BEGUN_FOR_EACH_CALL).min(share(self.concurrency, running))
            }
            Admission::One => 1,
            Admission::None => 0,
        }
    }

    /// Probes each far side whose breaker has been open for long enough. A probe changes nothing, so no stop waits for it.
    fn probe(&self, under_way: &mut UnderWay, stop: &CancellationToken) {
        for channel in self.channels.iter().filter(|channel| channel.enabled) {
            if !channel.breaker().begins_probe(self.clock.now()) {
                continue;
            }
            let probe = Probe { channel: Arc::clone(channel), clock: Arc::clone(&self.clock), is_alive: false };
            let task = under_way.tasks.spawn(probe.run(self.lease, stop.clone()));
            under_way.channels.insert(task.id(), channel.name.clone());
        }
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

/// A probe under way. However it ends, by a defect too, the breaker hears of it: nobody else would ever end it.
struct Probe {
    channel: Arc<Channel>,
    clock: SharedClock,
    is_alive: bool,
}

impl Probe {
    async fn run(mut self, limit: Duration, stop: CancellationToken) -> Result<(), StoreError> {
        let channel = Arc::clone(&self.channel);
        let asked = timeout(limit, channel.adapter.probe(&*channel.remote));
        self.is_alive = matches!(stop.run_until_cancelled(asked).await, Some(Ok(Ok(()))));
        Ok(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let now = self.clock.now();
        self.channel.breaker().probed(now, self.is_alive, draw_at(now));
    }
}

/// The share of one of so many channels: all of them together have no more than the room, so that the others' rooms stay
/// free whoever hangs. Each has room for one at least.
fn share(room: usize, channels: usize) -> u32 {
    u32::try_from(room / channels.max(1)).unwrap_or(u32::MAX).max(1)
}

/// A draw of 0 to 999 for the jitter: gateways do not probe at the same nanosecond.
fn draw_at(now: Timestamp) -> u16 {
    u16::try_from(now.subsec_nanosecond().rem_euclid(1000)).expect("a remainder of 1000 fits")
}

impl UnderWay {
    /// Waits for the next attempt to end.
    async fn next(&mut self) {
        if let Some(ended) = self.tasks.join_next_with_id().await {
            self.note(ended);
        }
    }

    /// Takes note of every attempt that has ended.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended);
        }
    }

    /// A lost attempt (the store failed, or a defect) is not lost: its lease ends and it is claimed again.
    fn note(&mut self, ended: Result<(Id, Result<(), StoreError>), JoinError>) {
        let id = match ended {
            Ok((id, Ok(()))) => id,
            Ok((id, Err(error))) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an attempt could not be settled");
                id
            }
            Err(error) => {
                // Without its own words, which would be those of the panic.
                tracing::error!(panicked = error.is_panic(), "an attempt ended by a defect");
                error.id()
            }
        };
        self.channels.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_sides_that_hang_leave_the_room_of_the_others_free() {
        for channels in 1..=128_usize {
            let of_all_but_one = usize::try_from(share(128, channels)).unwrap() * (channels - 1);
            assert!(of_all_but_one < 128, "{channels}");
        }
        assert_eq!((share(128, 1), share(128, 4), share(1, 3)), (128, 32, 1));
    }
}
