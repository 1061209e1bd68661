//! `[http]`: the listener for channels' pushes.

use std::time::Duration;

use super::{
    listener::{self, Listener},
    reader::Section,
};

/// The listener for channels' pushes.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where, and its TLS.
    pub listener: Listener,
    /// The largest body of a push.
    pub body_bytes_max: usize,
    /// The request line and headers must have come within this.
    pub header_limit: Duration,
    /// The body must have come within this.
    pub body_limit: Duration,
    /// Connections at once.
    pub connections_max: usize,
    /// Bytes of all bodies that are being read or worked on together; what is beyond is answered 429.
    pub bytes_in_flight_max: usize,
    /// Pushes of one channel at once; what is beyond is answered 429.
    pub pushes_per_channel: usize,
}

pub(super) fn read(mut section: Section<'_>) -> Http {
    let listener = listener::read(&mut section, "PETITION_GATEWAY_HTTP_LISTEN");
    let mut limits = section.table("limits");
    let http = Http {
        listener,
        body_bytes_max: limits.count("body_bytes_max", 1024..=1024 * 1024 * 1024),
        header_limit: limits.seconds("header_seconds", 1..=300),
        body_limit: limits.seconds("body_seconds", 1..=3600),
        connections_max: limits.count("connections_max", 1..=100_000),
        bytes_in_flight_max: limits.count("bytes_in_flight_max", 1024..=2 * 1024 * 1024 * 1024),
        pushes_per_channel: limits.count("pushes_per_channel", 1..=1000),
    };
    if http.bytes_in_flight_max / 2 < http.body_bytes_max {
        limits.fault("bytes_in_flight_max", "must be at least twice body_bytes_max, or one body could take all of it");
    }
    limits.finish();
    section.finish();
    http
}
