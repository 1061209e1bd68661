//! Between our types and what both engines keep them as.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::StoreError;

/// A record as JSON.
pub(in crate::store) fn to_json(record: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(StoreError::engine)
}

/// A record from JSON. The parser's error is dropped: it may quote the text, which is personal data.
pub(in crate::store) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(what))
}

/// An enum's value from its stable name.
pub(in crate::store) fn from_name<T: FromStr>(what: &'static str, name: &str) -> Result<T, StoreError> {
    name.parse().map_err(|_| StoreError::Damaged(what))
}

/// Nanoseconds since 1970. They fill 64 bits in the year 2262; a time beyond stands for "never" and stays the largest.
pub(in crate::store) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

/// The time `wait` from `now`; a wait beyond the calendar ends with it.
pub(in crate::store) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// The time of such nanoseconds.
pub(in crate::store) fn time(nanos: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| StoreError::Damaged("time"))
}

/// The id of 16 bytes.
pub(in crate::store) fn uuid(what: &'static str, bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Damaged(what))
}

/// SQLite's integers are signed; ours count from 0 and never come near the top.
pub(in crate::store) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count of a stored integer.
pub(in crate::store) fn unsigned(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A small count of a stored integer.
pub(in crate::store) fn small(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(if stored < 0 { 0 } else { u32::MAX })
}
