//! Between our types and what both engines keep them as.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{DeliveryState, StoreError};
use crate::petition::Petition;

/// The due date of a petition that has none: later than all others.
pub(in crate::store) const NO_DUE_DATE: &str = "9999-12-31";

/// The number of [`DeliveryState::Pending`] in the table.
pub(in crate::store) const PENDING: i64 = 0;
/// The number of [`DeliveryState::Delivered`].
pub(in crate::store) const DELIVERED: i64 = 1;
/// The number of [`DeliveryState::DeadLetter`].
pub(in crate::store) const DEAD_LETTER: i64 = 2;

/// The number of the state in the table.
pub(in crate::store) fn number_of(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Pending => PENDING,
        DeliveryState::Delivered => DELIVERED,
        DeliveryState::DeadLetter => DEAD_LETTER,
    }
}

/// The state of such a number.
pub(in crate::store) fn state_of(number: i64) -> DeliveryState {
    match number {
        PENDING => DeliveryState::Pending,
        DELIVERED => DeliveryState::Delivered,
        _ => DeliveryState::DeadLetter,
    }
}

/// The name of a lease: attempts of one delivery are counted and never counted back, so it names one attempt of one
/// delivery for ever and need not be kept.
pub(in crate::store) fn lease_of(n: i64, attempts: i64) -> Uuid {
    Uuid::from_u64_pair(unsigned(n), unsigned(attempts))
}

/// The due date of a petition as lists are ordered by it.
pub(in crate::store) fn due_on(petition: &Petition) -> String {
    petition.due_on.map_or_else(|| NO_DUE_DATE.to_owned(), |due| due.to_string())
}

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

/// The engines' integers are signed; ours count from 0 and never come near the top.
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
