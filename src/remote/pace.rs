//! The pace of calls to one far side: even, and shared by the gateways that are alive.
//!
//! A limit of n calls a second is kept in every second and not on average: a backlog that is drained begins with no burst.
//! Where gateways share the channel, each takes its part.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Timers wake by the millisecond: above this many calls a second a few go together, so that the limit can be reached.
const CALLS_GONE_ALONE: u32 = 100;

/// The pace of one channel's calls.
pub struct Pace {
    per_second: NonZeroU32,
    limiter: Mutex<(u32, Arc<DefaultDirectRateLimiter>)>,
}

impl Pace {
    /// So many calls a second, all of them ours.
    pub fn new(per_second: NonZeroU32) -> Pace {
        Pace { per_second, limiter: Mutex::new((1, limiter(per_second, 1))) }
    }

    /// From now on so many gateways share it, this one included.
    pub fn share(&self, gateways: u32) {
        let gateways = gateways.max(1);
        let mut limiter_now = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        if limiter_now.0 != gateways {
            *limiter_now = (gateways, limiter(self.per_second, gateways));
        }
    }

    /// Waits for the turn of one call.
    pub async fn turn(&self) {
        let limiter = Arc::clone(&self.limiter.lock().unwrap_or_else(PoisonError::into_inner).1);
        limiter.until_ready().await;
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

fn limiter(per_second: NonZeroU32, gateways: u32) -> Arc<DefaultDirectRateLimiter> {
    let (together, period) = quota(per_second, gateways);
    let quota = Quota::with_period(period).expect("a rate is finite, so its period is not zero").allow_burst(together);
    Arc::new(RateLimiter::direct(quota))
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
}
