//! What the fuzz targets (`tests/fuzz`) reach of readers that are nobody else's business: each takes what a stranger can
//! send and gives back what it was understood as. Nothing in the gateway calls it.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use jiff::Timestamp;

pub use crate::grpc::fuzzing::{draft, filter, order, page_place, page_token, resource_names, timeout};

/// Whether a pushed path is of a route's pattern.
pub fn route_fits(pattern: &str, path: &str) -> bool {
    crate::inbound::listen::fits(pattern, path)
}

/// What adapters see of a `Retry-After`.
pub fn retry_after(value: HeaderValue, now: Timestamp) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, value);
    crate::remote::read_retry_after(&mut headers, now);
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
