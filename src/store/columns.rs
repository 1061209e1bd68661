//! Between our types and what both engines keep them as.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{DeliveryState, StoreError};
use crate::petition::Petition;

/// The due date of a petition that has none: later than all others.
pub(in crate::store) const NO_DUE_DATE: &str = "9999-12-31";

/// The verdict of an attempt that handed its delivery over, for the far side to acknowledge later.
pub const HANDED_OVER: &str = "handed_over";
/// Why a delivery that was handed over still waits.
pub(in crate::store) const AWAITED: &str = "đã nhận, chờ đối tác xác nhận (handed over; its receipt is awaited)";

/// The number of [`DeliveryState::Pending`] in the table.
pub(in crate::store) const PENDING: i64 = 0;
/// The number of [`DeliveryState::Delivered`].
pub(in crate::store) const DELIVERED: i64 = 1;
/// The number of [`DeliveryState::DeadLetter`].
pub(in crate::store) const DEAD_LETTER: i64 = 2;

/// When a parked delivery is due: never. It is pending otherwise, so that it stays the first of its lane and everything
/// behind it waits, whoever marks the lanes.
pub(in crate::store) const NEVER: i64 = i64::MAX;

/// The condition of deliveries in this state. Written out, so that the partial index of the state is seen to fit.
pub(in crate::store) fn is_in(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "d.state = 0 AND d.due_at <> 9223372036854775807",
        DeliveryState::Parked => "d.state = 0 AND d.due_at = 9223372036854775807",
        DeliveryState::Delivered => "d.state = 1",
        DeliveryState::DeadLetter => "d.state = 2",
    }
}

/// The state of a row with such a number that is due then.
pub(in crate::store) fn state_of(number: i64, due_at: i64) -> DeliveryState {
    match number {
        PENDING if due_at == NEVER => DeliveryState::Parked,
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

/// The time `wait` from `now`; a wait beyond what can be kept ends with that, a moment before never.
pub(in crate::store) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let last = Timestamp::from_nanosecond(i128::from(NEVER) - 1).unwrap_or(Timestamp::MAX);
    let at = SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok());
    at.unwrap_or(Timestamp::MAX).min(last)
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
