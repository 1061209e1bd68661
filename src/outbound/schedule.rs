//! When a delivery that did not arrive is tried again: data, from seconds to a nine-day Tết closure.

use std::time::Duration;

/// The waits between the attempts of a delivery; when they are used up, it is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The waits, in order.
    pub waits: Vec<Duration>,
    /// Each wait is lengthened by up to this share, so that a recovered far side is not met by all at once.
    pub jitter_per_mille: u16,
}

impl Schedule {
    /// How long to wait after `attempts` attempts; `None` when the schedule is used up.
    ///
    /// `not_before` is the far side's own wish (`Retry-After`); the later of the two counts. `draw` is 0 to 999.
    pub fn wait(&self, attempts: u32, not_before: Option<Duration>, draw: u16) -> Option<Duration> {
        let wait = self.waits.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
        let jitter = wait.mul_f64(f64::from(self.jitter_per_mille) * f64::from(draw) / 1_000_000.0);
        Some((*wait + jitter).max(not_before.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule { waits: vec![Duration::from_secs(5), Duration::from_secs(60)], jitter_per_mille: 100 }
    }

    #[test]
    fn the_waits_are_taken_in_order_and_then_the_delivery_is_given_up() {
        assert_eq!(schedule().wait(1, None, 0), Some(Duration::from_secs(5)));
        assert_eq!(schedule().wait(2, None, 0), Some(Duration::from_secs(60)));
        assert_eq!(schedule().wait(3, None, 0), None);
    }

    #[test]
    fn the_far_sides_wish_for_a_later_time_is_met() {
        let wish = Some(Duration::from_secs(30));
        assert_eq!(schedule().wait(1, wish, 0), wish);
    }

    #[test]
    fn jitter_lengthens_a_wait_by_its_share_at_most() {
        let late = schedule().wait(2, None, 999).expect("the schedule has a second wait");
        assert!(late > Duration::from_secs(60) && late <= Duration::from_secs(66));
    }
}
