//! Sai lệch: in what our books and a channel's may differ, and what is done about each.

use channel_sdk::named_enum;

named_enum! {
    /// In what both sides' books differ.
    pub enum DifferenceKind {
        /// Listed there, and never came.
        MissingHere = "missing_here",
        /// Listed there in a newer revision, or as withdrawn or given away, and that never came.
        OlderHere = "older_here",
        /// Delivered by our books, and not there.
        NotVisibleThere = "not_visible_there",
        /// Given up or put aside by us, and indeed not there.
        Undelivered = "undelivered",
        /// There, although our books do not say that it was delivered.
        VisibleUnsettled = "visible_unsettled",
        /// Not there, and a later message is: sent now, it would put the far side back.
        OvertakenThere = "overtaken_there",
        /// Ours, and not listed there at all.
        UnknownThere = "unknown_there",
        /// Another answer stands there than any that we sent.
        AnswerDiffers = "answer_differs",
    }
}

impl DifferenceKind {
    /// Việc cần làm: what is to be done about it, for operators.
    pub fn next_action(self) -> &'static str {
        match self {
            DifferenceKind::MissingHere => "lấy về từ đối tác và tiếp nhận (fetch it and take it in)",
            DifferenceKind::OlderHere => "lấy phiên bản mới từ đối tác (fetch what is newer)",
            DifferenceKind::NotVisibleThere => "gửi lại với đúng khóa cũ (send it again under the same key)",
            DifferenceKind::Undelivered => "gửi lại, đúng thứ tự (send it again, in its order)",
            DifferenceKind::VisibleUnsettled => "ghi nhận là đã gửi (settle it as delivered)",
            DifferenceKind::OvertakenThere => {
                "không gửi lại: đối tác đã có thông tin mới hơn (nothing is sent: the far side has later news)"
            }
            DifferenceKind::UnknownThere => "kiểm tra với đối tác (a person asks the far side)",
            DifferenceKind::AnswerDiffers => {
                "đối chiếu hai văn bản trả lời, đính chính nếu cần (a person compares, and corrects the answer)"
            }
        }
    }

    /// Whether the gateway can do it by itself; the others wait for a person.
    pub fn is_repairable(self) -> bool {
        !matches!(self, DifferenceKind::UnknownThere | DifferenceKind::AnswerDiffers)
    }
}
