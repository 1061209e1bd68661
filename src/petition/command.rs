//! What may be asked of a petition: by the ministry, by its channel, by the gateway itself.

use channel_sdk::{
    inbound::Extensions,
    model::{Agency, Answer, Attachment, DeclineReason},
};
use jiff::{Timestamp, civil::Date};

use super::{
    content::Content,
    delivery::{AboutDelivery, DeliveryNote},
    moves::Action,
};

/// One command on one petition.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Thụ lý.
    Accept {
        /// Ghi chú.
        note: String,
    },
    /// Từ chối, with reason and legal basis.
    Decline {
        /// Lý do.
        reason: DeclineReason,
        /// Giải thích, as the petitioner will read it.
        explanation: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Chuyển cơ quan có thẩm quyền.
    Forward {
        /// Cơ quan nhận.
        to: Agency,
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Phân công.
    Assign {
        /// Đơn vị xử lý.
        unit: Agency,
        /// Ghi chú.
        note: String,
    },
    /// Bắt đầu xử lý.
    Start {
        /// Ghi chú.
        note: String,
    },
    /// Yêu cầu bổ sung.
    RequestInformation {
        /// What is asked.
        question: String,
        /// Until when.
        reply_by: Option<Date>,
    },
    /// Bổ sung thông tin, from the channel or by other means.
    ProvideInformation {
        /// Nội dung.
        text: String,
        /// Files.
        attachments: Vec<Attachment>,
        /// When, as told.
        told_at: Option<Timestamp>,
        /// What the channel sent beyond the canonical model.
        extensions: Extensions,
    },
    /// Gia hạn.
    ExtendDeadline {
        /// The new due date, later than the old.
        due_on: Date,
        /// Lý do.
        reason: String,
        /// Căn cứ pháp lý.
        legal_basis: String,
    },
    /// Trả lời; on an answered petition, a correction. `answer.version` is set by the rules.
    Answer {
        /// The answer.
        answer: Answer,
    },
    /// Công khai.
    Publish,
    /// Kết thúc.
    Close {
        /// Ghi chú.
        note: String,
    },
    /// Mở lại.
    Reopen {
        /// Lý do.
        reason: String,
    },
    /// Rút.
    Withdraw {
        /// Lý do.
        reason: String,
        /// When, as told.
        told_at: Option<Timestamp>,
    },
    /// The channel moved it to another agency.
    Reassign {
        /// To whom.
        to: Agency,
        /// Lý do.
        reason: String,
        /// When, as told.
        told_at: Option<Timestamp>,
    },
    /// Sửa đổi.
    Amend {
        /// The far side's revision.
        revision: u64,
        /// The whole content in that revision.
        content: Box<Content>,
    },
    /// Đánh giá.
    Rate {
        /// 1 to 5.
        score: u8,
        /// Ý kiến.
        comment: String,
        /// When, as told.
        told_at: Option<Timestamp>,
    },
    /// The gateway now holds an attachment's content.
    HoldAttachment {
        /// Which, by its id in the petition.
        id: u32,
        /// SHA-256 of the content.
        sha256: String,
        /// Its size.
        size_bytes: u64,
    },
    /// What became of a delivery is noted.
    NoteDelivery {
        /// Which.
        delivery: AboutDelivery,
        /// What became of it.
        note: DeliveryNote,
    },
}

impl Command {
    /// The row of the table of moves that the command is judged by; `None` for what the gateway does by itself.
    pub fn action(&self) -> Option<Action> {
        Some(match self {
            Command::Accept { .. } => Action::Accept,
            Command::Decline { .. } => Action::Decline,
            Command::Forward { .. } => Action::Forward,
            Command::Assign { .. } => Action::Assign,
            Command::Start { .. } => Action::Start,
            Command::RequestInformation { .. } => Action::RequestInformation,
            Command::ProvideInformation { .. } => Action::ProvideInformation,
            Command::ExtendDeadline { .. } => Action::ExtendDeadline,
            Command::Answer { .. } => Action::Answer,
            Command::Publish => Action::Publish,
            Command::Close { .. } => Action::Close,
            Command::Reopen { .. } => Action::Reopen,
            Command::Withdraw { .. } => Action::Withdraw,
            Command::Reassign { .. } => Action::Reassign,
            Command::Amend { .. } => Action::Amend,
            Command::Rate { .. } => Action::Rate,
            Command::HoldAttachment { .. } | Command::NoteDelivery { .. } => return None,
        })
    }
}
