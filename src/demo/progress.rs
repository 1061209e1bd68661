//! How a demonstration is doing, at a glance: for the view while it runs.

use std::time::Duration;

use serde::Serialize;

/// How a demonstration is doing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Progress {
    /// Since the first petition was released.
    #[serde(skip)]
    pub elapsed: Duration,
    /// Each channel, in the order of the tables.
    pub channels: Vec<ChannelProgress>,
    /// Events that the ministry's watch brought.
    pub events: u64,
    /// Decisions that the ministry made.
    pub decisions: u64,
    /// Petitions that the ministry is not done with.
    pub open: u64,
}

/// How one channel is doing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChannelProgress {
    /// Its name.
    pub channel: String,
    /// Petitions that its far side will have.
    pub all: u64,
    /// Petitions that its far side has released.
    pub released: u64,
    /// Petitions that are recorded.
    pub recorded: u64,
    /// Petitions that are answered.
    pub answered: u64,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// Deliveries that are given up.
    pub dead_letters: u64,
}

/// What is not at rest yet; nothing when a demonstration is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StillOpen {
    /// Petitions that the far sides have not released.
    pub unreleased: u64,
    /// Far sides that have something to push.
    pub pushing: u64,
    /// Petitions that were released, and are not confirmed to their far side.
    pub unconfirmed: u64,
    /// Petitions whose edit, withdrawal or rating the ministry has not heard of.
    pub unheard: u64,
    /// Petitions that the ministry is not done with.
    pub unfinished: u64,
    /// Deliveries that wait.
    pub undelivered: u64,
    /// Events that the ministry has not seen.
    pub unseen: u64,
    /// A few of the petitions.
    pub examples: Vec<String>,
}

impl StillOpen {
    /// Whether everything is at rest.
    pub fn is_nothing(&self) -> bool {
        let StillOpen { unreleased, pushing, unconfirmed, unheard, unfinished, undelivered, unseen, examples: _ } =
            self;
        unreleased + pushing + unconfirmed + unheard + unfinished + undelivered + unseen == 0
    }
}
