//! `[outbound]`: how notices are delivered.

use std::time::Duration;

use super::reader::Section;
use crate::outbound::breaker;

/// How notices are delivered.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// The pause after the first, second, … failed attempt; after the last one the delivery is a dead letter.
    pub schedule: Vec<Duration>,
    /// By how much of itself a pause may be longer, so that many deliveries do not come back at once.
    pub jitter_per_mille: u16,
    /// For how long a claimed delivery is ours; must outlast the longest attempt.
    pub lease: Duration,
    /// How many attempts of a delivery may end without a word before it is given up.
    pub silent_attempts_max: u32,
    /// When a channel's breaker opens, and for how long.
    pub breaker: breaker::Limits,
    /// How many deliveries are under way at once, over all channels.
    pub concurrency: usize,
}

/// More steps than this are a mistake, not a plan.
const STEPS_MAX: usize = 100;
/// A longer single pause would outlast every legal time limit.
const PAUSE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) fn read(mut section: Section<'_>) -> Outbound {
    let schedule = section.spans("schedule");
    if schedule.is_empty() || schedule.len() > STEPS_MAX || schedule.iter().any(|pause| *pause > PAUSE_MAX) {
        section.fault("schedule", format!("must have 1 to {STEPS_MAX} pauses of at most 30d each"));
    }
    let breaker = read_breaker(section.table("breaker"));
    let outbound = Outbound {
        breaker,
        schedule,
        jitter_per_mille: u16::try_from(section.integer("jitter_per_mille", 0..=1000)).expect("the range ends at 1000"),
        lease: section.seconds("lease_seconds", 5..=3600),
        silent_attempts_max: u32::try_from(section.integer("silent_attempts_max", 1..=100))
            .expect("the range ends at 100"),
        concurrency: section.count("concurrency", 1..=1000),
    };
    section.finish();
    outbound
}

fn read_breaker(mut section: Section<'_>) -> breaker::Limits {
    let limits = breaker::Limits {
        failures: u32::try_from(section.integer("failures", 1..=1000)).expect("the range ends at 1000"),
        pause_min: section.seconds("pause_min_seconds", 1..=3600),
        pause_max: section.seconds("pause_max_seconds", 1..=86_400),
    };
    section.finish();
    limits
}
