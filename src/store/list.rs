//! What a list of petitions comes to on every engine: which statuses it leaves, where its pages begin, its exact order.
//!
//! Engines walk rows in the order of their number, which is the order of receipt to the millisecond; the few of one
//! millisecond are put in order here.

use std::cmp::Ordering;

use uuid::Uuid;

use super::{
    PetitionQuery, Sort, StoreError,
    pk::{millisecond_of, pk_at_millisecond},
};
use crate::petition::Status;

/// A row of a list before its petition is loaded: what orders it.
pub(in crate::store) struct Found {
    pub(in crate::store) pk: i64,
    pub(in crate::store) received_at_us: i64,
    pub(in crate::store) due_on: String,
    pub(in crate::store) id: Uuid,
}

impl Found {
    /// Which of two comes first.
    pub(in crate::store) fn order(sort: Sort, a: &Found, b: &Found) -> Ordering {
        match sort {
            Sort::ReceivedNewest => (b.received_at_us, b.id).cmp(&(a.received_at_us, a.id)),
            Sort::ReceivedOldest => (a.received_at_us, a.id).cmp(&(b.received_at_us, b.id)),
            Sort::DueSoonest => (&a.due_on, a.id).cmp(&(&b.due_on, b.id)),
        }
    }

    /// Whether two rows may stand in another order than their numbers.
    pub(in crate::store) fn is_of_same_millisecond(&self, other: &Found) -> bool {
        millisecond_of(self.pk) == millisecond_of(other.pk)
    }
}

/// The statuses that the query leaves, each once; `None` for all. Only open petitions are overdue.
pub(in crate::store) fn statuses(query: &PetitionQuery) -> Option<Vec<Status>> {
    let is_overdue = matches!(query.overdue, Some((true, _)));
    if query.statuses.is_empty() && !is_overdue {
        return None;
    }
    let is_left = |status: &Status| {
        (query.statuses.is_empty() || query.statuses.contains(status)) && (!is_overdue || status.is_open())
    };
    Some(Status::ALL.iter().copied().filter(is_left).collect())
}

/// The first microsecond that the query's petitions were received in, and the first in which they were no more.
pub(in crate::store) fn received(query: &PetitionQuery) -> (Option<i64>, Option<i64>) {
    // Rows keep whole microseconds: a bound inside one excludes it.
    let from = query.received_from.map(|it| it.as_microsecond() + i64::from(it.as_nanosecond() % 1_000 != 0));
    (from, query.received_before.map(|it| it.as_microsecond()))
}

/// The microsecond of receipt that a page by receipt begins after.
pub(in crate::store) fn received_after(key: &str) -> Result<i64, StoreError> {
    key.parse().map_err(|_| StoreError::Damaged("page token"))
}

/// The first row number of this microsecond's millisecond.
pub(in crate::store) fn pk_first(microsecond: i64) -> i64 {
    pk_at_millisecond(microsecond.div_euclid(1_000))
}

/// The last row number of this microsecond's millisecond.
pub(in crate::store) fn pk_last(microsecond: i64) -> i64 {
    pk_at_millisecond(microsecond.div_euclid(1_000).saturating_add(1)) - 1
}
