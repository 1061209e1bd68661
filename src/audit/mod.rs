//! The audit of a store (kiểm tra toàn vẹn): everything that must hold of what is kept, checked row by row, while gateways work.
//!
//! Each section of it is a list of rules (`events`, `petitions`, `journal`, `deliveries`, `channels`), pure functions of rows
//! that give [`Finding`]s; `run` reads the rows for them, page by page, on snapshots, in bounded memory however large the store
//! is. Nothing is written and nothing is repaired: what is found is a defect or damage, and a person decides.
//!
//! A rule may say only what no gateway can do at any moment of its work: an audit of a healthy store under load finds nothing.

mod channels;
mod deliveries;
mod events;
mod files;
mod finding;
mod journal;
mod petitions;
mod run;

use std::{collections::BTreeMap, time::Duration};

use channel_sdk::named_enum;
use jiff::Timestamp;

pub use self::{
    finding::{Finding, Weight, What},
    run::audit,
};
use crate::{blobs, store::StoreError};

named_enum! {
    /// What is looked through, in this order.
    pub enum Section {
        /// Every event, by its number.
        Events = "events",
        /// Every petition against its events, and what lists find it by.
        Petitions = "petitions",
        /// Every journalled message, its bytes and its items.
        Journal = "journal",
        /// Every delivery, its attempts and its lane.
        Deliveries = "deliveries",
        /// Channels' counts, cursors and code lists.
        Channels = "channels",
        /// Callers' keys.
        Requests = "requests",
        /// Contents of attachments.
        Files = "files",
    }
}

/// How much is looked at.
#[derive(Debug, Clone)]
pub struct Options {
    /// These sections.
    pub sections: Vec<Section>,
    /// Only what was received or made since; counts, cursors, code lists and contents nobody names are looked at whole or not
    /// at all.
    pub since: Option<Timestamp>,
    /// How long a message that seems forgotten is watched before it is told: an old one may be processed again at this moment,
    /// which takes as long as its items.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { sections: Section::ALL.to_vec(), since: None, patience: Duration::from_secs(30) }
    }
}

/// What is told while it is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// How far it is: rows of this section, of how many as far as that is known.
    Progress {
        /// Where it is.
        section: Section,
        /// Rows looked at.
        rows: u64,
        /// Rows that there are, about.
        rows_all: Option<u64>,
    },
    /// Something is not as it should be.
    Found(Finding),
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The store.
    pub store: String,
    /// Whether a gateway was at work on it.
    pub is_served: bool,
    /// Rows looked at, by section.
    pub rows: BTreeMap<Section, u64>,
    /// How often each was found, also those that were not told one by one.
    pub found: BTreeMap<What, u64>,
}

impl Report {
    /// Whether all is as it should be; remarks aside.
    pub fn is_sound(&self) -> bool {
        self.found.keys().all(|what| what.weight() == Weight::Remark)
    }

    /// How many findings there are, remarks aside.
    pub fn findings(&self) -> u64 {
        self.found.iter().filter(|(what, _)| what.weight() == Weight::Finding).map(|(_, count)| count).sum()
    }
}

/// Why an audit had to be given up.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// The contents of attachments.
    #[error("the contents of attachments cannot be read")]
    Files(#[from] blobs::CopyError),
}
