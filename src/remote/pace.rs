//! The pace of calls to one far side: even, and shared by the gateways that are alive.
//!
//! A limit of n calls a second is kept in every second and not on average: a backlog that is drained begins with no burst.
//! Where gateways share the channel, each takes its part.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Timers wake by the millisecond: above this many calls a second a few go together, so that the limit can be reached.
const CALLS_GONE_ALONE: u32 = 100;

/// The pace of one channel's calls. Its time is the runtime's, so that a simulation can look at every second of a holiday.
pub struct Pace {
    per_second: NonZeroU32,
    state: Mutex<State>,
}

/// How many share the limit, and when the call after the last would go if none went together.
struct State {
    gateways: u32,
    next: Option<Instant>,
}

impl Pace {
    /// So many calls a second, all of them ours.
    pub fn new(per_second: NonZeroU32) -> Pace {
        Pace { per_second, state: Mutex::new(State { gateways: 1, next: None }) }
    }

    /// From now on so many gateways share it, this one included.
    pub fn share(&self, gateways: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).gateways = gateways.max(1);
    }

    /// Waits for the turn of one call; turns are given in the order in which they are asked for.
    pub async fn turn(&self) {
        let at = self.next(Instant::now());
        sleep_until(at).await;
    }

    fn next(&self, now: Instant) -> Instant {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (together, period) = quota(self.per_second, state.gateways);
        let even = state.next.map_or(now, |next| next.max(now));
        state.next = Some(even + period);
        let ahead = period * (together.get() - 1);
        even.checked_sub(ahead).map_or(now, |at| at.max(now))
    }
}

/// What a part of the limit comes to: how many calls go together, and how long after them the next goes.
fn quota(per_second: NonZeroU32, gateways: u32) -> (NonZeroU32, Duration) {
    let part = f64::from(per_second.get()) / f64::from(gateways);
    let together = NonZeroU32::new(per_second.get() / gateways / CALLS_GONE_ALONE).unwrap_or(NonZeroU32::MIN);
    // In the second that begins with those that go together, no more follow than the limit leaves.
    let rate = part - f64::from(together.get() - 1);
    // Rounded up: a nanosecond too short would be a call too many after some hours.
    (together, Duration::from_secs_f64(1.0 / rate) + Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls may begin in a second that begins when nothing was called for long.
    fn in_a_second(per_second: u32, gateways: u32) -> f64 {
        let (together, period) = quota(NonZeroU32::new(per_second).unwrap(), gateways);
        f64::from(together.get() - 1) + 1.0 / period.as_secs_f64()
    }

    #[test]
    fn no_second_has_more_calls_than_the_limit_whatever_waited_before_it() {
        for per_second in [1, 2, 10, 99, 100, 999, 10_000] {
            for gateways in [1, 2, 3, 7] {
                let all = in_a_second(per_second, gateways) * f64::from(gateways);
                assert!(all <= f64::from(per_second) * 1.000_001, "{per_second} for {gateways}: {all}");
                assert!(all >= f64::from(per_second) * 0.999, "{per_second} for {gateways}: {all}");
            }
        }
    }

    #[test]
    fn slow_limits_let_calls_go_one_by_one() {
        for per_second in [1, 20, 199] {
            assert_eq!(quota(NonZeroU32::new(per_second).unwrap(), 1).0.get(), 1);
        }
    }

    #[test]
    fn calls_that_come_at_once_go_evenly_and_a_pause_saves_nothing_up() {
        let pace = Pace::new(NonZeroU32::new(20).unwrap());
        let now = Instant::now();
        let begins: Vec<Duration> = (0..41).map(|_| pace.next(now).duration_since(now)).collect();
        assert_eq!(begins[0], Duration::ZERO);
        assert!(begins.windows(21).all(|window| window[20] - window[0] >= Duration::from_secs(1)));
        assert!(begins[40] < Duration::from_millis(2_001));
        let later = now + Duration::from_secs(3600);
        let begins: Vec<Duration> = (0..21).map(|_| pace.next(later).duration_since(later)).collect();
        assert!(begins[20] >= Duration::from_secs(1));
    }
}
