//! `[inbound]`: how messages are pulled.

use std::time::Duration;

use super::reader::Section;

/// How messages are pulled.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// How long a feed rests after its first failure; longer after each further one.
    pub failure_pause: Duration,
}

pub(super) fn read(mut section: Section<'_>) -> Inbound {
    let inbound = Inbound { failure_pause: section.seconds("failure_pause_seconds", 1..=3600) };
    section.finish();
    inbound
}
