//! What happened to a petition. Events are kept for ever; the petition is their fold.

use channel_sdk::{
    inbound::Extensions,
    model::{Agency, Answer, Attachment, DeclineReason},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{
    content::Content,
    delivery::{AboutDelivery, ParkedOutcome},
    difference::DifferenceKind,
    id::{PetitionId, Version},
};

/// The number of an event over all petitions: gapless, in commit order, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// An event as it stands in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number over all petitions.
    pub seq: Seq,
    /// What happened, to whom, by whom, when.
    pub event: NewEvent,
}

/// An event before it has its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Whose.
    pub petition_id: PetitionId,
    /// The petition's version after it: 1 for the first event, one more for each.
    pub version: Version,
    /// When the gateway recorded it.
    pub at: Timestamp,
    /// Who did it: a principal's name, or `channel:<name>`, or `gateway`.
    pub actor: String,
    /// What happened.
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventBody {
    /// Đã tiếp nhận.
    Received {
        /// The channel it came through.
        channel: String,
        /// The far side's id.
        external_id: String,
        /// The far side's revision.
        revision: u64,
        /// What it says.
        content: Box<Content>,
    },
    /// Sửa đổi: the content in a newer revision, whole.
    Amended {
        /// The far side's revision.
        revision: u64,
        /// What it says now.
        content: Box<Content>,
    },
    /// An older revision that arrived after a newer one: kept, and changing nothing.
    LateRevision {
        /// The far side's revision.
        revision: u64,
        /// What it said then.
        content: Box<Content>,
    },
    /// The gateway holds the content of an attachment.
    AttachmentHeld {
        /// Which.
        id: u32,
        /// SHA-256 of the content.
        sha256: String,
        /// Its size.
        size_bytes: u64,
    },
    /// Thụ lý.
    Accepted {
        /// Ghi chú.
        note: String,
    },
    /// Từ chối.
    Declined {
        /// Lý do.
        reason: DeclineReason,
        /// Giải thích, as the petitioner will read it.
        explanation: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Chuyển cơ quan có thẩm quyền, by the ministry.
    Forwarded {
        /// Cơ quan nhận.
        to: Agency,
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Moved to another agency by the channel.
    Reassigned {
        /// To whom.
        to: Agency,
        /// Lý do.
        reason: String,
        /// When, as told.
        told_at: Option<Timestamp>,
    },
    /// Phân công.
    Assigned {
        /// Đơn vị xử lý.
        unit: Agency,
        /// Ghi chú.
        note: String,
    },
    /// Bắt đầu xử lý.
    Started {
        /// Ghi chú.
        note: String,
    },
    /// Yêu cầu bổ sung.
    InformationRequested {
        /// What is asked.
        question: String,
        /// Until when.
        reply_by: Option<Date>,
    },
    /// Bổ sung thông tin.
    InformationProvided {
        /// Nội dung.
        text: String,
        /// Files.
        attachments: Vec<Attachment>,
        /// When, as told.
        told_at: Option<Timestamp>,
        /// What the channel sent beyond the canonical model.
        #[serde(default)]
        extensions: Extensions,
    },
    /// Gia hạn.
    DeadlineExtended {
        /// The new due date.
        due_on: Date,
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Đã trả lời, or the answer corrected.
    Answered {
        /// The answer in this version.
        answer: Answer,
    },
    /// Đã công khai.
    Published,
    /// Kết thúc.
    Closed {
        /// Ghi chú.
        note: String,
    },
    /// Mở lại.
    Reopened {
        /// Lý do.
        reason: String,
    },
    /// Đã rút.
    Withdrawn {
        /// Lý do.
        reason: String,
        /// When, as told.
        told_at: Option<Timestamp>,
    },
    /// Đánh giá.
    Rated {
        /// 1 to 5.
        score: u8,
        /// Ý kiến.
        comment: String,
        /// When, as told.
        told_at: Option<Timestamp>,
    },
    /// Gửi thất bại: a delivery was given up.
    DeliveryFailed {
        /// Which.
        delivery: AboutDelivery,
        /// Why.
        reason: String,
    },
    /// Tạm giữ: a delivery may have arrived; it waits for a person, and what goes after it waits too.
    DeliveryParked {
        /// Which.
        delivery: AboutDelivery,
        /// Why.
        reason: String,
    },
    /// Đã xác minh: what was found of a delivery that was parked or given up.
    DeliveryResolved {
        /// Which.
        delivery: AboutDelivery,
        /// What was found.
        outcome: ParkedOutcome,
        /// From what.
        reason: String,
    },
    /// Đối soát phát hiện sai lệch: our books and the channel's differ.
    DifferenceFound {
        /// Its id.
        difference: String,
        /// In what.
        kind: DifferenceKind,
        /// The delivery that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<String>,
    },
    /// Đã khắc phục sai lệch.
    DifferenceRepaired {
        /// Its id.
        difference: String,
        /// What it was.
        kind: DifferenceKind,
        /// What was done.
        outcome: String,
    },
    /// Bỏ qua sai lệch: a person decided that it may stay.
    DifferenceDismissed {
        /// Its id.
        difference: String,
        /// What it is.
        kind: DifferenceKind,
        /// Lý do.
        reason: String,
    },
}

impl EventBody {
    /// The stable name of the event's type.
    pub fn name(&self) -> &'static str {
        match self {
            EventBody::Received { .. } => "received",
            EventBody::Amended { .. } => "amended",
            EventBody::LateRevision { .. } => "late_revision",
            EventBody::AttachmentHeld { .. } => "attachment_held",
            EventBody::Accepted { .. } => "accepted",
            EventBody::Declined { .. } => "declined",
            EventBody::Forwarded { .. } => "forwarded",
            EventBody::Reassigned { .. } => "reassigned",
            EventBody::Assigned { .. } => "assigned",
            EventBody::Started { .. } => "started",
            EventBody::InformationRequested { .. } => "information_requested",
            EventBody::InformationProvided { .. } => "information_provided",
            EventBody::DeadlineExtended { .. } => "deadline_extended",
            EventBody::Answered { .. } => "answered",
            EventBody::Published => "published",
            EventBody::Closed { .. } => "closed",
            EventBody::Reopened { .. } => "reopened",
            EventBody::Withdrawn { .. } => "withdrawn",
            EventBody::Rated { .. } => "rated",
            EventBody::DeliveryFailed { .. } => "delivery_failed",
            EventBody::DeliveryParked { .. } => "delivery_parked",
            EventBody::DeliveryResolved { .. } => "delivery_resolved",
            EventBody::DifferenceFound { .. } => "difference_found",
            EventBody::DifferenceRepaired { .. } => "difference_repaired",
            EventBody::DifferenceDismissed { .. } => "difference_dismissed",
        }
    }
}
