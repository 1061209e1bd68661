//! `[channels.<name>.limits]`: how much we ask of the far side, and how long we wait for it.

use std::{num::NonZeroU32, time::Duration};

use crate::config::reader::Section;

/// How much we ask of the far side, and how long we wait for it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls in any second.
    pub requests_per_second: NonZeroU32,
    /// Calls at once.
    pub concurrency: usize,
    /// The largest answer that is read; a file's limit is `blobs.attachment_bytes_max`.
    pub reply_bytes_max: usize,
    /// For a whole call, token and waiting for our own limits excepted.
    pub timeout: Duration,
    /// For connection and TLS.
    pub connect_timeout: Duration,
}

pub(super) fn read(mut section: Section<'_>) -> Limits {
    let limits = Limits {
        requests_per_second: u32::try_from(section.integer("requests_per_second", 1..=10_000))
            .ok()
            .and_then(NonZeroU32::new)
            .expect("the range is 1 to 10,000"),
        concurrency: section.count("concurrency", 1..=256),
        reply_bytes_max: section.count("reply_bytes_max", 1024..=1024 * 1024 * 1024),
        timeout: section.seconds("timeout_seconds", 1..=600),
        connect_timeout: section.seconds("connect_timeout_seconds", 1..=120),
    };
    section.finish();
    limits
}
