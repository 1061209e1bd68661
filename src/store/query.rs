//! What can be asked of lists. Pages are keysets: the next page begins after the last row of this one, so inserts in
//! between neither repeat nor skip a row.

use channel_sdk::model::PetitionKind;
use jiff::{Timestamp, civil::Date};

use super::records::{DeliveryId, DeliveryState, ItemRef, ItemState};
use crate::petition::{PetitionId, Status};

/// Conditions on petitions; all that are given must hold, an empty list means any.
#[derive(Debug, Clone, Default)]
pub struct PetitionQuery {
    /// One of these statuses.
    pub statuses: Vec<Status>,
    /// One of these kinds.
    pub kinds: Vec<PetitionKind>,
    /// One of these field codes (lĩnh vực).
    pub fields: Vec<String>,
    /// One of these channels.
    pub channels: Vec<String>,
    /// One of these agencies (forwarding, receiving, unit, or forwarded to), by code.
    pub agencies: Vec<String>,
    /// One of these localities (địa phương), by code.
    pub localities: Vec<String>,
    /// This id on its channel.
    pub external_id: Option<String>,
    /// Received at or after.
    pub received_from: Option<Timestamp>,
    /// Received before.
    pub received_before: Option<Timestamp>,
    /// Due on or after.
    pub due_from: Option<Date>,
    /// Due on or before.
    pub due_until: Option<Date>,
    /// `Some((true, today))`: only open petitions whose due date is before `today`; `Some((false, today))`: only others.
    pub overdue: Option<(bool, Date)>,
    /// Full text: every word must occur in subject, body or answer; NFC, without regard to case and diacritics.
    pub text: Option<String>,
    /// The order.
    pub sort: Sort,
    /// After this row: its sort key and id, as [`Sort::key`] gives them.
    pub after: Option<(String, PetitionId)>,
    /// At most this many.
    pub limit: u32,
}

/// The order of a list of petitions; the id decides among equals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest receipt first.
    #[default]
    ReceivedNewest,
    /// Oldest receipt first.
    ReceivedOldest,
    /// Soonest due date first; those without one last.
    DueSoonest,
}

impl Sort {
    /// The key of a petition in this order, as text: what a page token carries.
    pub fn key(self, petition: &crate::petition::Petition) -> String {
        match self {
            Sort::ReceivedNewest | Sort::ReceivedOldest => petition.received_at.as_microsecond().to_string(),
            Sort::DueSoonest => petition.due_on.map_or_else(|| "9999-12-31".to_owned(), |due| due.to_string()),
        }
    }
}

/// Conditions on deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// Of this channel.
    pub channel: Option<String>,
    /// Of this petition.
    pub petition: Option<PetitionId>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// After (that is: older than) this one.
    pub after: Option<DeliveryId>,
    /// At most this many.
    pub limit: u32,
}

/// Conditions on what is in quarantine; all that are given must hold.
#[derive(Debug, Clone)]
pub struct QuarantineQuery {
    /// In this state: in quarantine, unless somebody looks for what was put aside.
    pub state: ItemState,
    /// Of this channel.
    pub channel: Option<String>,
    /// With a fault of this code.
    pub fault_code: Option<String>,
    /// Whose place in the message begins so (`danhSach`).
    pub place: Option<String>,
    /// Which the far side calls so.
    pub external_id: Option<String>,
    /// Whose message came by this route (path or feed).
    pub route: Option<String>,
    /// Whose message arrived at or after.
    pub received_from: Option<Timestamp>,
    /// Whose message arrived before.
    pub received_before: Option<Timestamp>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
    /// After this one in the order: older, or newer where the oldest come first.
    pub after: Option<ItemRef>,
    /// At most this many.
    pub limit: u32,
}

impl Default for QuarantineQuery {
    fn default() -> QuarantineQuery {
        QuarantineQuery {
            state: ItemState::Quarantined,
            channel: None,
            fault_code: None,
            place: None,
            external_id: None,
            route: None,
            received_from: None,
            received_before: None,
            oldest_first: false,
            after: None,
            limit: 0,
        }
    }
}
