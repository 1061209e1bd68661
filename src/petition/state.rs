//! A petition as it stands: the fold of its events.

use channel_sdk::{
    inbound::Extensions,
    model::{Agency, Answer, Attachment},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{
    content::Content,
    id::{PetitionId, Version},
    moves::Status,
};

/// Hồ sơ of one petition, as it stands after its last event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Petition {
    /// Mã hồ sơ.
    pub id: PetitionId,
    /// How many events it has.
    pub version: Version,
    /// The channel it came through.
    pub channel: String,
    /// The far side's id; with the channel it is unique.
    pub external_id: String,
    /// The far side's revision in force.
    pub revision: u64,
    /// What it says, in the revision in force.
    pub content: Content,
    /// Every revision that came, with the digest of its content: the same again is known by it.
    pub revisions: Vec<(u64, String)>,
    /// Trạng thái.
    pub status: Status,
    /// Where it stands again once the requested information came.
    #[serde(default)]
    pub status_before_request: Option<Status>,
    /// When the gateway recorded it.
    pub received_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// Hạn xử lý in force.
    #[serde(default)]
    pub due_on: Option<Date>,
    /// Đơn vị xử lý.
    #[serde(default)]
    pub unit: Option<Agency>,
    /// Cơ quan that it was forwarded to.
    #[serde(default)]
    pub forwarded_to: Option<Agency>,
    /// What the petitioner is asked, while the answer is awaited.
    #[serde(default)]
    pub information_request: Option<InformationRequest>,
    /// Files of the petition and of its supplements, each with an id that never changes.
    #[serde(default)]
    pub attachments: Vec<HeldAttachment>,
    /// What the petitioner added.
    #[serde(default)]
    pub supplements: Vec<Supplied>,
    /// Every version of the answer; the last is in force.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// Every rating.
    #[serde(default)]
    pub ratings: Vec<RatingGiven>,
    /// Every withdrawal that the channel told: the same told again after a re-opening must not withdraw it again.
    #[serde(default)]
    pub withdrawals: Vec<WithdrawalTold>,
    /// Every move to another agency that the channel told; known again like a withdrawal.
    #[serde(default)]
    pub reassignments: Vec<ReassignmentTold>,
}

/// A file of a petition, and whether the gateway has its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAttachment {
    /// Its id in the petition, from 1.
    pub id: u32,
    /// Name, type, size, digest, reference.
    pub attachment: Attachment,
    /// Whether the content is held.
    pub state: AttachmentState,
}

impl HeldAttachment {
    /// Whether `file` is this one, announced again: by then the gateway may know a digest that the channel never told.
    pub(super) fn is(&self, file: &Attachment) -> bool {
        let held = &self.attachment;
        let same_content = held.sha256 == file.sha256 || file.sha256.is_empty() && !file.remote_id.is_empty();
        held.name == file.name && held.remote_id == file.remote_id && same_content
    }
}

channel_sdk::named_enum! {
    /// Whether the gateway has an attachment's content.
    pub enum AttachmentState {
        /// Announced by the channel; to be fetched.
        Announced = "announced",
        /// Held in the blob store.
        Held = "held",
    }
}

/// What the petitioner is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InformationRequest {
    /// When.
    pub at: Timestamp,
    /// What.
    pub question: String,
    /// Until when.
    #[serde(default)]
    pub reply_by: Option<Date>,
}

/// What the petitioner added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Supplied {
    /// When it was recorded.
    pub at: Timestamp,
    /// Nội dung.
    pub text: String,
    /// The ids of its files.
    pub attachment_ids: Vec<u32>,
    /// Its files as they were told: by them the same supplement is known again, whatever was learnt of the files since.
    #[serde(default)]
    pub files: Vec<Attachment>,
    /// When, as told.
    #[serde(default)]
    pub told_at: Option<Timestamp>,
    /// What the channel sent beyond the canonical model.
    #[serde(default)]
    pub extensions: Extensions,
}

/// A rating.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingGiven {
    /// When it was recorded.
    pub at: Timestamp,
    /// 1 to 5.
    pub score: u8,
    /// Ý kiến.
    pub comment: String,
    /// When, as told.
    #[serde(default)]
    pub told_at: Option<Timestamp>,
}

/// A withdrawal, as the channel told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalTold {
    /// Lý do.
    pub reason: String,
    /// When, as told.
    #[serde(default)]
    pub told_at: Option<Timestamp>,
}

/// A move to another agency, as the channel told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReassignmentTold {
    /// To whom.
    pub to: Agency,
    /// When, as told.
    #[serde(default)]
    pub told_at: Option<Timestamp>,
}

impl Petition {
    /// The answer in force.
    pub fn answer(&self) -> Option<&Answer> {
        self.answers.last()
    }

    /// Whether this revision with this content came before.
    ///
    /// Where the channel numbers revisions, every one that came counts: a page served again from a stale copy is not an
    /// amendment. Where it numbers none, only the content in force counts: a text changed and changed back is two amendments.
    /// One without a number beside numbered ones is older than these, and then it counts as they do.
    pub fn knows(&self, revision: u64, digest: &str) -> bool {
        let is_in_force = self.revisions.last().is_some_and(|(_, known)| known == digest);
        if revision == 0 && (is_in_force || self.revision == 0) {
            return is_in_force;
        }
        self.revisions.iter().any(|(of, known)| *of == revision && known == digest)
    }

    /// Whether the petition is open and its due date has passed by `today` in Vietnam.
    pub fn is_overdue(&self, today: Date) -> bool {
        self.status.is_open() && self.due_on.is_some_and(|due| due < today)
    }
}
