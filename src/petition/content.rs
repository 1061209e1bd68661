//! The content of a petition as its sender and its channel told it: what an amendment replaces as a whole.

use channel_sdk::{
    inbound::{Draft, Extensions},
    model::{Agency, AssemblyContext, Attachment, Field, PetitionKind, Petitioner},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the petition says, in one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Loại.
    pub kind: PetitionKind,
    /// Tiêu đề; may be empty.
    pub subject: String,
    /// Nội dung, byte for byte.
    pub body: String,
    /// Lĩnh vực.
    #[serde(default)]
    pub field: Field,
    /// Người gửi.
    pub petitioner: Petitioner,
    /// Cơ quan tiếp nhận.
    #[serde(default)]
    pub receiving_agency: Agency,
    /// Cơ quan chuyển.
    #[serde(default)]
    pub forwarding_agency: Agency,
    /// Ngày gửi.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// Ngày chuyển.
    #[serde(default)]
    pub forwarded_at: Option<Timestamp>,
    /// Hạn xử lý as the channel told it.
    #[serde(default)]
    pub due_on: Option<Date>,
    /// Công khai.
    #[serde(default)]
    pub public: bool,
    /// Term, session, delegation.
    #[serde(default)]
    pub assembly: Option<AssemblyContext>,
    /// Tệp đính kèm, as announced.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// What the channel sent beyond the canonical model.
    #[serde(default)]
    pub extensions: Extensions,
}

impl Content {
    /// The content of a draft; inline file contents stay behind, the blob store has them.
    pub fn of(draft: Draft) -> Content {
        Content {
            kind: draft.kind,
            subject: draft.subject,
            body: draft.body,
            field: draft.field,
            petitioner: draft.petitioner,
            receiving_agency: draft.receiving_agency,
            forwarding_agency: draft.forwarding_agency,
            sent_at: draft.sent_at,
            forwarded_at: draft.forwarded_at,
            due_on: draft.due_on,
            public: draft.public,
            assembly: draft.assembly,
            attachments: draft.attachments.into_iter().map(|it| it.attachment).collect(),
            extensions: draft.extensions,
        }
    }

    /// SHA-256 over the content in its stored form: the same again has the same digest, byte for byte.
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("content has string keys only, so it always becomes JSON");
        hex::encode(Sha256::digest(&bytes))
    }

    /// The province code of the petitioner, or the delegation's code: the locality (địa phương) that lists filter by.
    pub fn locality(&self) -> &str {
        match (&self.petitioner.province_code, &self.assembly) {
            (Some(code), _) => code,
            (None, Some(assembly)) => &assembly.delegation.code,
            (None, None) => "",
        }
    }
}
