//! The messages that an adapter decodes from what arrived.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::model::{Agency, AssemblyContext, Attachment, Field, PetitionKind, Petitioner};

/// Fields of the far side that the canonical model has no place for, by their path in its message; kept, never dropped.
pub type Extensions = BTreeMap<String, String>;

/// One canonical message from a channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// A petition, new or with changed content: the intake knows which (by external id, revision and content).
    Petition(Box<Draft>),
    /// Rút: the petitioner or the channel withdraws the petition.
    Withdrawal(Withdrawal),
    /// Bổ sung thông tin: what the petitioner adds.
    Supplement(Supplement),
    /// Đánh giá: the petitioner's satisfaction with the answer.
    Rating(Rating),
    /// The channel moved the petition to another agency.
    Reassignment(Reassignment),
    /// The far side confirms one of our messages after the fact.
    Receipt(Receipt),
    /// Danh mục: a code list of the far side (fields, agencies, statuses).
    CodeList(CodeList),
}

impl Inbound {
    /// The far side's id of the petition that the message is about; `None` for a code list.
    pub fn external_id(&self) -> Option<&str> {
        match self {
            Inbound::Petition(draft) => Some(&draft.external_id),
            Inbound::Withdrawal(it) => Some(&it.external_id),
            Inbound::Supplement(it) => Some(&it.external_id),
            Inbound::Rating(it) => Some(&it.external_id),
            Inbound::Reassignment(it) => Some(&it.external_id),
            Inbound::Receipt(it) => Some(&it.external_id),
            Inbound::CodeList(_) => None,
        }
    }
}

/// A petition as the channel tells it, before the domain has checked it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The far side's id (`maPAKN`, `ma`); with the channel it identifies the petition.
    pub external_id: String,
    /// Phiên bản: the far side's revision; 0 where the channel numbers none (then the content decides).
    pub revision: u64,
    /// Loại.
    pub kind: PetitionKind,
    /// Tiêu đề; empty where the channel has none.
    pub subject: String,
    /// Nội dung, byte for byte.
    pub body: String,
    /// Lĩnh vực.
    pub field: Field,
    /// Người gửi.
    pub petitioner: Petitioner,
    /// Cơ quan tiếp nhận.
    pub receiving_agency: Agency,
    /// Cơ quan chuyển.
    pub forwarding_agency: Agency,
    /// Ngày gửi by the petitioner.
    pub sent_at: Option<Timestamp>,
    /// Ngày chuyển by the channel.
    pub forwarded_at: Option<Timestamp>,
    /// Hạn xử lý as the channel tells it.
    pub due_on: Option<Date>,
    /// Công khai: whether the petition may be published.
    pub public: bool,
    /// Term, session, delegation; for petitions that come through the National Assembly.
    pub assembly: Option<AssemblyContext>,
    /// Tệp đính kèm.
    pub attachments: Vec<InboundAttachment>,
    /// What the far side sent beyond the canonical model.
    pub extensions: Extensions,
}

/// An attachment as announced, with its content where the message carried it.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundAttachment {
    /// Name, type, size, digest, reference.
    pub attachment: Attachment,
    /// The content, where it came inline; otherwise it is fetched by `attachment.remote_id`.
    pub content: Option<Bytes>,
}

/// The petitioner or the channel withdraws a petition.
#[derive(Debug, Clone, PartialEq)]
pub struct Withdrawal {
    /// The far side's id of the petition.
    pub external_id: String,
    /// When, as the far side tells it.
    pub at: Option<Timestamp>,
    /// Lý do.
    pub reason: String,
}

/// Information that the petitioner adds, asked for or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Supplement {
    /// The far side's id of the petition.
    pub external_id: String,
    /// When, as the far side tells it.
    pub at: Option<Timestamp>,
    /// Nội dung bổ sung.
    pub text: String,
    /// Files that come with it.
    pub attachments: Vec<InboundAttachment>,
    /// What the far side sent beyond the canonical model.
    pub extensions: Extensions,
}

/// The petitioner's satisfaction with the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rating {
    /// The far side's id of the petition.
    pub external_id: String,
    /// Mức độ, 1 (worst) to 5 (best).
    pub score: u8,
    /// Ý kiến.
    pub comment: String,
    /// When, as the far side tells it; with the petition it identifies the rating.
    pub at: Option<Timestamp>,
}

/// The channel moved the petition to another agency; it is no longer ours to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reassignment {
    /// The far side's id of the petition.
    pub external_id: String,
    /// To whom.
    pub to: Agency,
    /// When, as the far side tells it.
    pub at: Option<Timestamp>,
    /// Lý do.
    pub reason: String,
}

/// The far side's word that it has one of our messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The far side's id of the petition.
    pub external_id: String,
    /// Our delivery's id, as we sent it in `Idempotency-Key`.
    pub delivery_id: String,
    /// The far side's own reference.
    pub remote_reference: String,
}

/// A code list of the far side, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeList {
    /// Its name on the channel (`linh-vuc`).
    pub name: String,
    /// Code to name, in the far side's order.
    pub entries: Vec<(String, String)>,
}
