//! Virtual time: the runtime's own clock, which stands still while anything can be done and then jumps to the next timer.
//!
//! A gateway's life is one runtime; the world goes on over many of them, so the time between is added here.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use petition_gateway::clock::Clock;
use tokio::time::Instant;

/// The world's time, true for everybody, and by how much the gateway's machine is wrong.
pub(crate) struct Time {
    state: Mutex<(Timestamp, Option<Instant>)>,
    gateway_is_ahead_ms: AtomicI64,
}

impl Time {
    pub(crate) fn beginning_at(at: Timestamp) -> Time {
        Time { state: Mutex::new((at, None)), gateway_is_ahead_ms: AtomicI64::new(0) }
    }

    /// The true time.
    pub(crate) fn true_now(&self) -> Timestamp {
        let (base, since) = *self.state.lock().unwrap();
        let passed = since.map_or(Duration::ZERO, |since| since.elapsed());
        base + SignedDuration::try_from(passed).unwrap()
    }

    /// A runtime begins; its clock counts from here on.
    pub(crate) fn begin_life(&self) {
        self.state.lock().unwrap().1 = Some(Instant::now());
    }

    /// The runtime ends; nothing runs for `pause`.
    pub(crate) fn end_life(&self, pause: Duration) {
        let now = self.true_now();
        *self.state.lock().unwrap() = (now + SignedDuration::try_from(pause).unwrap(), None);
    }

    /// Sets the clock of the gateway's machine wrong.
    pub(crate) fn set_gateway_wrong(&self, ahead_ms: i64) {
        self.gateway_is_ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }
}

/// What the gateway's machine shows.
impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.true_now() + SignedDuration::from_millis(self.gateway_is_ahead_ms.load(Ordering::Relaxed))
    }
}
