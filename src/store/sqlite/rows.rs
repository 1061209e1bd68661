//! Between our types and columns.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{ErrorCode, Row, types::FromSql};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::store::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Unavailable("the disk is full"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Unavailable("it is locked"),
            Some(ErrorCode::ReadOnly) => StoreError::Unavailable("it is read-only"),
            Some(ErrorCode::SystemIoFailure) => StoreError::Unavailable("the disk failed"),
            Some(ErrorCode::CannotOpen) => StoreError::Unavailable("its file cannot be opened"),
            _ => StoreError::engine(error),
        }
    }
}

/// A record as JSON.
pub(super) fn to_json(record: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(StoreError::engine)
}

/// A record from JSON. The parser's error is dropped: it may quote the text, which is personal data.
pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(what))
}

/// An enum's value from its stable name.
pub(super) fn from_name<T: FromStr>(what: &'static str, name: &str) -> Result<T, StoreError> {
    name.parse().map_err(|_| StoreError::Damaged(what))
}

/// A column's value.
pub(super) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    row.get(column).map_err(StoreError::from)
}

/// Nanoseconds since 1970. They fill 64 bits in the year 2262; a time beyond stands for "never" and stays the largest.
pub(super) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

/// The time `wait` from `now`; a wait beyond the calendar ends with it.
pub(super) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// The time of such nanoseconds.
pub(super) fn time(nanos: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| StoreError::Damaged("time"))
}

/// The id of 16 bytes.
pub(super) fn uuid(what: &'static str, bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Damaged(what))
}

/// SQLite's integers are signed; ours count from 0 and never come near the top.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count of a stored integer.
pub(super) fn unsigned(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A small count of a stored integer.
pub(super) fn small(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(if stored < 0 { 0 } else { u32::MAX })
}
