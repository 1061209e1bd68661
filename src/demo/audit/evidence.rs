//! What the three sides say: the far sides by their accounts, the store through gRPC, the ministry by its own books.
//!
//! Plain data, so that the comparison is pure and a test can write it down.

use std::collections::BTreeMap;

use channel_sdk::{model::ResolutionClass, named_enum, sandbox::Account};
use serde::Serialize;

use crate::demo::expectation::{Ear, Happening};

/// Everything that was said.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The far sides.
    pub far_sides: Vec<FarSideSaid>,
    /// The store: every petition.
    pub petitions: Vec<Recorded>,
    /// The store: what stands in quarantine.
    pub quarantine: Vec<Quarantined>,
    /// The store: deliveries that wait or are dead letters.
    pub undelivered: Vec<Undelivered>,
    /// The ministry: what it did, by the petition's id.
    pub handled: BTreeMap<String, Handled>,
    /// The watcher: which events it was sent.
    pub watched: Watched,
}

/// What one far side says.
#[derive(Debug, Clone)]
pub struct FarSideSaid {
    /// The channel's name.
    pub channel: String,
    /// How it hears.
    pub ear: Ear,
    /// Its petitions.
    pub accounts: Vec<Account>,
    /// Breaches of the protocol by us.
    pub complaints: Vec<String>,
}

/// One petition as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Mã hồ sơ.
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// The far side's id.
    pub external_id: String,
    /// The revision in force.
    pub revision: u64,
    /// How many events it has.
    pub version: u64,
    /// The short name of its status.
    pub status: String,
    /// SHA-256 of the answer in force.
    pub answer_sha256: Option<String>,
    /// The class of the answer in force.
    pub class: Option<ResolutionClass>,
    /// Code of the agency that it was last forwarded to.
    pub forwarded_to: Option<String>,
    /// The latest rating.
    pub rating: Option<u8>,
    /// Every event: its number and what it was.
    pub events: Vec<(u64, Happening)>,
    /// Files whose content has not arrived.
    pub files_missing: u32,
    /// Whether the list, the single look and the dossier gave the same petition.
    pub looks_agree: bool,
}

/// An item in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Its name, for whoever wants to look.
    pub name: String,
    /// The channel's name.
    pub channel: String,
    /// The far side's id, as far as it could be read.
    pub external_id: Option<String>,
    /// The short names of the faults.
    pub reasons: Vec<String>,
}

/// A delivery that has not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undelivered {
    /// Its name.
    pub name: String,
    /// The channel's name.
    pub channel: String,
    /// The far side's id of the petition.
    pub external_id: String,
    /// Whether it waits, or is given up.
    pub state: Waiting,
    /// Why, in the words for operators.
    pub reason: String,
}

named_enum! {
    /// Why a delivery has not arrived.
    pub enum Waiting {
        /// It is tried again.
        Pending = "pending",
        /// It is given up.
        DeadLetter = "dead_letter",
    }
}

/// What the ministry has in its own books of one petition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Handled {
    /// The channel's name.
    pub channel: String,
    /// The far side's id.
    pub external_id: String,
    /// The short name of the status, by the events that the ministry saw.
    pub status: String,
    /// The version, by the events that it saw.
    pub version: u64,
    /// SHA-256 of the last answer that it gave.
    pub answer_sha256: Option<String>,
    /// The class of the last answer that it gave.
    pub class: Option<ResolutionClass>,
    /// Where it forwarded the petition to.
    pub forwarded_to: Option<String>,
    /// The last rating that it heard of.
    pub rating: Option<u8>,
    /// Every decision that was acknowledged: the number of its event and what it was.
    pub decisions: Vec<(u64, Happening)>,
    /// Whether the ministry has nothing left to do.
    pub done: bool,
    /// Calls that ended as they should not have.
    pub problems: Vec<String>,
}

/// What the watcher was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// The last number that it was sent.
    pub last_seq: u64,
    /// How many events it was sent.
    pub events: u64,
    /// Each time that a number did not follow the one before: what came, after what.
    pub jumps: Vec<(u64, u64)>,
}

impl Recorded {
    /// What happened, in order.
    pub fn happenings(&self) -> Vec<Happening> {
        self.events.iter().map(|(_, happening)| happening.clone()).collect()
    }

    /// Whether it ever happened.
    pub fn has(&self, wanted: impl Fn(&Happening) -> bool) -> bool {
        self.events.iter().any(|(_, happening)| wanted(happening))
    }
}
