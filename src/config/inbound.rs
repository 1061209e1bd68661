//! `[inbound]`: how messages are pulled.

use std::time::Duration;

use super::reader::Section;

/// How messages are pulled.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// How long a feed rests after its first failure; doubled with each further one.
    pub failure_pause: Duration,
    /// How long a feed rests at most.
    pub failure_pause_max: Duration,
}

pub(super) fn read(mut section: Section<'_>) -> Inbound {
    let inbound = Inbound {
        failure_pause: section.seconds("failure_pause_seconds", 1..=3600),
        failure_pause_max: section.seconds("failure_pause_seconds_max", 1..=86_400),
    };
    if inbound.failure_pause_max < inbound.failure_pause {
        section.fault("failure_pause_seconds_max", "must not be less than failure_pause_seconds");
    }
    section.finish();
    inbound
}
