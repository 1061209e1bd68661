//! The audit: far sides, store and ministry are compared petition by petition. Pure: evidence in, disagreements out.
//!
//! What must hold: every sound petition that was handed out is recorded exactly once, every broken one stands in
//! quarantine; ids, revisions, messages, answers, classes, forwardings and ratings are the same on every side; nothing
//! waits; event numbers have no gap and came to the watcher once; and the far sides have nothing to complain of.

mod evidence;
mod far_side;
mod inside;
#[cfg(test)]
mod tests;

use channel_sdk::named_enum;
use serde::Serialize;

pub use evidence::{Evidence, FarSideSaid, Handled, Quarantined, Recorded, Undelivered, Waiting, Watched};

named_enum! {
    /// What two sides disagree about.
    pub enum About {
        /// The far side never got to hand it out.
        NotHandedOut = "not_handed_out",
        /// Handed out in sound form and not recorded.
        NotRecorded = "not_recorded",
        /// One petition of the far side is two in the store.
        RecordedTwice = "recorded_twice",
        /// Recorded, and the far side knows nothing of it.
        Invented = "invented",
        /// Broken, and recorded all the same.
        BrokenRecorded = "broken_recorded",
        /// Broken, and not in quarantine.
        BrokenNotQuarantined = "broken_not_quarantined",
        /// Sound, and in quarantine.
        SoundQuarantined = "sound_quarantined",
        /// The id that the far side was told is not the store's.
        Id = "id",
        /// The revision in force.
        Revision = "revision",
        /// Whether it was withdrawn.
        Withdrawal = "withdrawal",
        /// The messages that the far side took.
        Messages = "messages",
        /// How many answers the far side was sent.
        Answers = "answers",
        /// The text of the answer in force.
        AnswerText = "answer_text",
        /// The class of the answer in force.
        Class = "class",
        /// The agency that it was forwarded to.
        Forwarding = "forwarding",
        /// The rating.
        Rating = "rating",
        /// The status.
        Status = "status",
        /// The version.
        Version = "version",
        /// A decision that was acknowledged and is not there as it was, or one that nobody made.
        Decision = "decision",
        /// The ministry never heard of it.
        Unseen = "unseen",
        /// The ministry is not done with it.
        Unfinished = "unfinished",
        /// A call of the ministry ended as it should not have.
        Call = "call",
        /// A delivery waits.
        Undelivered = "undelivered",
        /// A delivery is given up.
        DeadLetter = "dead_letter",
        /// A file that was announced is not here.
        File = "file",
        /// List, single look and dossier differ.
        Looks = "looks",
        /// Event numbers in the store.
        Sequence = "sequence",
        /// What the watcher was sent.
        Watch = "watch",
        /// The far side complains.
        Complaint = "complaint",
    }
}

/// Two sides that do not say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// What about.
    pub about: About,
    /// The channel; empty where it concerns all.
    pub channel: String,
    /// The far side's id of the petition, or ours where it has none; empty where it concerns none.
    pub petition: String,
    /// What one side says.
    pub expected: String,
    /// What the other says.
    pub found: String,
}

impl Disagreement {
    fn new(about: About, expected: impl Into<String>, found: impl Into<String>) -> Disagreement {
        let (channel, petition) = (String::new(), String::new());
        Disagreement { about, channel, petition, expected: expected.into(), found: found.into() }
    }

    fn of(self, channel: &str, petition: &str) -> Disagreement {
        Disagreement { channel: channel.to_owned(), petition: petition.to_owned(), ..self }
    }
}

/// Every disagreement, the petitions' first.
pub fn audit(evidence: &Evidence) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for far_side in &evidence.far_sides {
        far_side::compare(evidence, far_side, &mut found);
    }
    inside::compare(evidence, &mut found);
    found
}

/// Adds a disagreement unless both sides say the same.
fn same(about: About, expected: &str, found: &str) -> Option<Disagreement> {
    (expected != found).then(|| Disagreement::new(about, expected, found))
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "–".to_owned(), |it| it.to_string())
}
