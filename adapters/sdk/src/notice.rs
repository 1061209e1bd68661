//! The messages that travel from the ministry to a channel, and how a delivery ended.

use std::time::Duration;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    model::{Agency, Answer, AssemblyContext},
    named_enum,
};

named_enum! {
    /// What a notice says; an adapter declares which of them its channel can carry.
    pub enum NoticeKind {
        /// Đã tiếp nhận vào hệ thống: we have it durably.
        Received = "received",
        /// Thụ lý: it is within our competence.
        Accepted = "accepted",
        /// Từ chối.
        Declined = "declined",
        /// Chuyển cơ quan có thẩm quyền.
        Forwarded = "forwarded",
        /// Yêu cầu bổ sung thông tin.
        InformationRequested = "information_requested",
        /// Đã phân công đơn vị.
        Assigned = "assigned",
        /// Đang xử lý.
        InProgress = "in_progress",
        /// Gia hạn.
        DeadlineExtended = "deadline_extended",
        /// Đã trả lời.
        Answered = "answered",
        /// Đã công khai.
        Published = "published",
        /// Mở lại.
        Reopened = "reopened",
        /// Kết thúc.
        Closed = "closed",
    }
}

/// One message for the far side about one petition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The delivery's id: the idempotency key, the same over all retries.
    pub delivery_id: String,
    /// The far side's id of the petition.
    pub external_id: String,
    /// Mã hồ sơ: the gateway's id of the petition.
    pub petition_id: String,
    /// The far side's revision that we speak of.
    pub revision: u64,
    /// When it happened (thời điểm).
    pub at: Timestamp,
    /// Hạn xử lý in force after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<Date>,
    /// Term, session, delegation, where the petition has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assembly: Option<AssemblyContext>,
    /// What happened.
    pub body: NoticeBody,
}

/// What happened, with what the far side must be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoticeBody {
    /// We have it durably.
    Received,
    /// Within our competence.
    Accepted {
        /// Ghi chú.
        note: String,
    },
    /// Refused.
    Declined {
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Passed to the competent agency.
    Forwarded {
        /// Cơ quan nhận.
        to: Agency,
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// The petitioner is asked for information; the clock is paused.
    InformationRequested {
        /// What is asked.
        question: String,
        /// Until when.
        reply_by: Option<Date>,
    },
    /// Given to a unit.
    Assigned {
        /// Đơn vị xử lý.
        unit: Agency,
        /// Ghi chú.
        note: String,
    },
    /// Being worked on.
    InProgress {
        /// Ghi chú.
        note: String,
    },
    /// The due date moved.
    DeadlineExtended {
        /// The new due date.
        due_on: Date,
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Answered, or an answer corrected.
    Answered {
        /// The answer in this version.
        answer: Answer,
    },
    /// The answer is public.
    Published,
    /// Opened again.
    Reopened {
        /// Lý do.
        reason: String,
    },
    /// Closed.
    Closed {
        /// Ghi chú.
        note: String,
    },
}

impl NoticeBody {
    /// Which notice this is.
    pub fn kind(&self) -> NoticeKind {
        match self {
            NoticeBody::Received => NoticeKind::Received,
            NoticeBody::Accepted { .. } => NoticeKind::Accepted,
            NoticeBody::Declined { .. } => NoticeKind::Declined,
            NoticeBody::Forwarded { .. } => NoticeKind::Forwarded,
            NoticeBody::InformationRequested { .. } => NoticeKind::InformationRequested,
            NoticeBody::Assigned { .. } => NoticeKind::Assigned,
            NoticeBody::InProgress { .. } => NoticeKind::InProgress,
            NoticeBody::DeadlineExtended { .. } => NoticeKind::DeadlineExtended,
            NoticeBody::Answered { .. } => NoticeKind::Answered,
            NoticeBody::Published => NoticeKind::Published,
            NoticeBody::Reopened { .. } => NoticeKind::Reopened,
            NoticeBody::Closed { .. } => NoticeKind::Closed,
        }
    }
}

/// How one attempt of a delivery ended; the adapter decides it, because it understands the far side's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The far side has it.
    Delivered {
        /// Its reference, where it gives one.
        remote_reference: Option<String>,
    },
    /// Not now; try again by the schedule.
    Retry {
        /// Why: status, error code, names of fields. May be shown to operators, is never logged.
        reason: String,
        /// Not before this long from now, where the far side said so (`Retry-After`).
        not_before: Option<Duration>,
    },
    /// The gateway itself could not, as when a file to be sent cannot be read; nothing whole reached the far side, and
    /// nothing speaks against it. Again by the schedule.
    NotTried {
        /// Why.
        reason: String,
    },
    /// The request left and no whole answer came: whether the far side has it is not known (chờ xác minh).
    Unknown {
        /// Why: what came instead of an answer.
        reason: String,
        /// Not before this long from now, where the far side said so (`Retry-After`).
        not_before: Option<Duration>,
    },
    /// Never in this form; a person must look.
    Reject {
        /// Why.
        reason: String,
    },
}

/// What the far side knows of a message that may have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It has it.
    Has {
        /// Its reference, where it gives one.
        remote_reference: Option<String>,
    },
    /// It does not have it: it may be sent again.
    HasNot,
    /// Its answer does not tell, or it cannot be asked.
    CannotTell,
}
