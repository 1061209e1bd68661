//! `[grpc]`: the listener for ministry systems and operators.

use std::time::Duration;

use super::{
    listener::{self, Listener},
    reader::Section,
};

/// The listener for ministry systems and operators.
#[derive(Debug, Clone)]
pub struct Grpc {
    /// Where, and its TLS.
    pub listener: Listener,
    /// The largest message, either way; attachments are streamed in smaller ones.
    pub message_bytes_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Calls at once on one connection.
    pub streams_per_connection_max: u32,
    /// After this long a connection is asked to close, so that load spreads over new gateways.
    pub connection_age_max: Duration,
    /// A silent connection is pinged after this long.
    pub keep_alive: Duration,
    /// A ping that is not answered within this ends the connection.
    pub keep_alive_timeout: Duration,
    /// The longest a unary call may take, whatever deadline it asks for.
    pub call_max: Duration,
    /// Watches at once.
    pub watchers_max: usize,
    /// The most calls at once that write.
    pub calls_max: usize,
    /// Half of them should be answered within this.
    pub answer_target: Duration,
    /// Reads at once.
    pub reads_max: usize,
    /// Imports at once.
    pub imports_max: usize,
    /// Files and dossiers under way at once.
    pub transfers_max: usize,
    /// Bytes of all messages under way together.
    pub bytes_in_flight_max: usize,
}

pub(super) fn read(mut section: Section<'_>) -> Grpc {
    let listener = listener::read(&mut section, "PETITION_GATEWAY_GRPC_LISTEN");
    let mut limits = section.table("limits");
    let grpc = Grpc {
        listener,
        message_bytes_max: limits.count("message_bytes_max", 64 * 1024..=64 * 1024 * 1024),
        connections_max: limits.count("connections_max", 1..=100_000),
        streams_per_connection_max: u32::try_from(limits.count("streams_per_connection_max", 1..=10_000))
            .expect("the range ends at 10,000"),
        connection_age_max: limits.seconds("connection_age_seconds_max", 10..=7 * 86_400),
        keep_alive: limits.seconds("keep_alive_seconds", 5..=3600),
        keep_alive_timeout: limits.seconds("keep_alive_timeout_seconds", 1..=600),
        call_max: limits.seconds("call_seconds_max", 1..=3600),
        watchers_max: limits.count("watchers_max", 1..=100_000),
        calls_max: limits.count("calls_max", 16..=100_000),
        answer_target: Duration::from_millis(limits.count("answer_milliseconds_target", 1..=60_000) as u64),
        reads_max: limits.count("reads_max", 16..=100_000),
        imports_max: limits.count("imports_max", 1..=1_000),
        transfers_max: limits.count("transfers_max", 1..=10_000),
        bytes_in_flight_max: limits.count("bytes_in_flight_max", 16 * 1024 * 1024..=2 * 1024 * 1024 * 1024),
    };
    if grpc.bytes_in_flight_max / 2 < grpc.message_bytes_max {
        limits.fault("bytes_in_flight_max", "must be at least twice message_bytes_max, or one message could take all");
    }
    limits.finish();
    section.finish();
    grpc
}
