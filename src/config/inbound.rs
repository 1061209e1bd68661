//! `[inbound]`: how messages are taken in.

use std::time::Duration;

use super::reader::Section;

/// How messages are taken in.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// How many pages are pulled and worked on at once, over all channels.
    pub pages_concurrent: usize,
    /// How many announced attachments are fetched at once, over all channels.
    pub fetches_concurrent: usize,
    /// How long a feed rests after its first failure; doubled with each further one.
    pub failure_pause: Duration,
    /// How long a feed rests at most.
    pub failure_pause_max: Duration,
    /// How many items one message may carry.
    pub items_max: usize,
}

pub(super) fn read(mut section: Section<'_>) -> Inbound {
    let inbound = Inbound {
        pages_concurrent: section.count("pages_concurrent", 1..=64),
        fetches_concurrent: section.count("fetches_concurrent", 1..=64),
        failure_pause: section.seconds("failure_pause_seconds", 1..=3600),
        failure_pause_max: section.seconds("failure_pause_seconds_max", 1..=86_400),
        items_max: section.count("items_max", 1..=100_000),
    };
    if inbound.failure_pause_max < inbound.failure_pause {
        section.fault("failure_pause_seconds_max", "must not be less than failure_pause_seconds");
    }
    section.finish();
    inbound
}
