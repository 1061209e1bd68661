//! What stands in the store of reconciliations: runs, what the far side listed in one, and the differences that were found.

use channel_sdk::{listing::Listed, named_enum};
use jiff::Timestamp;
use uuid::Uuid;

use super::records::DeliveryId;
use crate::petition::{DifferenceKind, PetitionId};

named_enum! {
    /// How far a run has come.
    pub enum RunState {
        /// Reads what the far side lists.
        Listing = "listing",
        /// Goes through our petitions, each against what was listed.
        Comparing = "comparing",
        /// Goes through what was listed and is no petition here.
        Missing = "missing",
        /// Closes what was open before and was not found again.
        Closing = "closing",
        /// Everything was compared.
        Done = "done",
        /// It could not be done.
        Failed = "failed",
    }
}

/// One comparison of a channel's books with its far side's (đối soát). Each step leaves it here with its cursor, so that a
/// gateway that is killed, or another that takes the channel over, goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Its id, a UUID of version 7.
    pub id: Uuid,
    /// Of which channel.
    pub channel: String,
    /// How far it has come.
    pub state: RunState,
    /// Where its state's work stands: the far side's cursor, or the last external id.
    pub cursor: Option<String>,
    /// When it began: what stood before is compared.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Entries that the far side listed.
    pub listed: u64,
    /// Entries of which not even the id could be read.
    pub unreadable: u64,
    /// Petitions of ours that were compared.
    pub compared: u64,
    /// Deliveries about which the far side was asked.
    pub asked: u64,
    /// Differences that stand after it: found, or found again.
    pub found: u64,
    /// Why it failed.
    pub failure: Option<String>,
}

named_enum! {
    /// What became of a difference.
    pub enum DifferenceState {
        /// It waits to be repaired.
        Open = "open",
        /// It was repaired, or was gone by itself.
        Repaired = "repaired",
        /// A person decided that it may stay.
        Dismissed = "dismissed",
    }
}

/// A difference between our books and a far side's (sai lệch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its id, a UUID of version 7.
    pub id: Uuid,
    /// The channel.
    pub channel: String,
    /// The far side's id of the petition.
    pub external_id: String,
    /// The petition, where it is one of ours.
    pub petition: Option<PetitionId>,
    /// The delivery that it is about.
    pub delivery: Option<DeliveryId>,
    /// In what the books differ.
    pub kind: DifferenceKind,
    /// What became of it.
    pub state: DifferenceState,
    /// The run that found it.
    pub found_in: Uuid,
    /// The last run that found it again.
    pub seen_in: Uuid,
    /// When it was found.
    pub found_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// What was done, and by whom.
    pub outcome: Option<String>,
}

/// What happens to a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferenceChange {
    /// It is new.
    Found(Difference),
    /// It was open and is found again.
    Seen {
        /// Which.
        id: Uuid,
        /// In this run.
        run: Uuid,
    },
    /// It is closed, if it is open.
    Closed {
        /// Which.
        id: Uuid,
        /// As what.
        state: DifferenceState,
        /// When.
        at: Timestamp,
        /// What was done, and by whom.
        outcome: String,
    },
}

/// A step of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reconcile {
    /// A run begins, unless one of its channel is under way.
    Begin(Reconciliation),
    /// Where a run stands now, with what it listed or found on the way.
    Step {
        /// The run.
        run: Reconciliation,
        /// A page of its listing.
        listed: Vec<Listed>,
        /// Differences that belong to no petition of ours, and those that were only seen again.
        differences: Vec<DifferenceChange>,
    },
    /// Differences that belong to no petition of ours.
    Differences(Vec<DifferenceChange>),
}

impl Reconcile {
    /// How many rows it writes, about.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Reconcile::Begin(_) => 1,
            Reconcile::Step { listed, differences, .. } => 1 + listed.len() + differences.len(),
            Reconcile::Differences(differences) => differences.len(),
        }
    }
}

/// Conditions on differences.
#[derive(Debug, Clone, Default)]
pub struct DifferenceQuery {
    /// Of this channel.
    pub channel: Option<String>,
    /// In this state.
    pub state: Option<DifferenceState>,
    /// Of this kind.
    pub kind: Option<DifferenceKind>,
    /// Not found again in this run.
    pub not_seen_in: Option<Uuid>,
    /// After (that is: older than) this one.
    pub after: Option<Uuid>,
    /// At most this many.
    pub limit: u32,
}
