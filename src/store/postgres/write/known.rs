//! What a batch touches, as it stands under the lock: read in one round trip, and kept up while the batch is decided.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    petition::{PetitionId, Seq, Version},
    store::{Committed, RequestKey, columns::lease_of},
};

/// The state that decisions are made on.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The store's time, in nanoseconds.
    pub(super) now: i64,
    /// The number of the last event, those of this batch included.
    pub(super) seq: u64,
    /// The number of the last message.
    pub(super) message: i64,
    /// The number of the last delivery.
    pub(super) delivery: i64,
    /// Keys that were used before: id and principal.
    pub(super) requests: HashMap<(Uuid, String), KnownRequest>,
    /// Petitions that are to change.
    pub(super) petitions: HashMap<Uuid, KnownPetition>,
    /// Petitions that are there already, by channel and external id.
    pub(super) external_ids: HashMap<(String, String), (Uuid, Version, Seq)>,
    /// Which items are in quarantine, of those that are known: message and place.
    pub(super) items: HashMap<(i64, i64), bool>,
    /// The channels of messages whose items are recorded.
    pub(super) channels_of: HashMap<i64, String>,
    /// The unfinished messages that this gateway may take over.
    pub(super) may_take: HashSet<i64>,
    /// Deliveries that are settled or tried again.
    pub(super) deliveries: HashMap<Uuid, Standing>,
    /// Where feeds stand: channel and feed.
    pub(super) cursors: HashMap<(String, String), String>,
    /// Who holds which channel, and until when.
    pub(super) turns: HashMap<String, (Uuid, i64)>,
    /// The channels that somebody wants pulled.
    pub(super) sync_asked: HashSet<String>,
}

/// What a key did.
#[derive(Debug, Clone)]
pub(super) struct KnownRequest {
    pub(super) fingerprint: Vec<u8>,
    pub(super) petition: Uuid,
    pub(super) version: Version,
    pub(super) seq: Seq,
}

/// A petition's row.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownPetition {
    pub(super) pk: i64,
    pub(super) version: Version,
}

/// A delivery as a settlement or a retry finds it, and as it leaves it.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) n: i64,
    pub(super) channel: String,
    pub(super) lane: Option<String>,
    pub(super) state: i64,
    /// What is written over its mark; `None` leaves it.
    pub(super) head: Option<bool>,
    pub(super) leased: bool,
    pub(super) attempts: i64,
    pub(super) attempts_in_round: i64,
    pub(super) in_doubt: bool,
    pub(super) silent_attempts: i64,
    pub(super) next_at: i64,
    pub(super) due_at: i64,
    pub(super) ended_at: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) remote_reference: Option<String>,
    /// The number of the last attempt that was recorded.
    pub(super) attempt_last: i64,
    /// Whether this batch changed it.
    pub(super) is_changed: bool,
}

impl KnownRequest {
    /// The answer to a call whose key is known.
    pub(super) fn answer(&self, key: &RequestKey) -> Committed {
        if self.fingerprint != key.fingerprint {
            return Committed::KeyReused;
        }
        Committed::Duplicate { id: PetitionId(self.petition), version: self.version, seq: self.seq }
    }
}

impl Standing {
    /// The name of the lease it is under: attempts of one delivery are counted and never counted back, so it names one
    /// attempt of one delivery for ever and need not be kept.
    pub(super) fn lease(&self) -> Uuid {
        lease_of(self.n, self.attempts)
    }
}
