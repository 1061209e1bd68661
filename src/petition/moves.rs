//! The statuses of a petition and the table of allowed moves.

use channel_sdk::named_enum;

use Status::*;

named_enum! {
    /// Trạng thái of a petition.
    pub enum Status {
        /// Đã tiếp nhận vào hệ thống.
        Received = "received",
        /// Thụ lý, thuộc thẩm quyền.
        Accepted = "accepted",
        /// Đã phân công đơn vị.
        Assigned = "assigned",
        /// Đang xử lý.
        InProgress = "in_progress",
        /// Yêu cầu bổ sung: the petitioner is asked, the clock is paused.
        InformationRequested = "information_requested",
        /// Đã trả lời.
        Answered = "answered",
        /// Đã công khai.
        Published = "published",
        /// Kết thúc.
        Closed = "closed",
        /// Từ chối.
        Declined = "declined",
        /// Chuyển cơ quan có thẩm quyền.
        Forwarded = "forwarded",
        /// Đã rút.
        Withdrawn = "withdrawn",
        /// Mở lại: new facts, a low rating, an answer to be corrected.
        Reopened = "reopened",
    }
}

named_enum! {
    /// What can happen to a petition after it was received.
    pub enum Action {
        /// Thụ lý.
        Accept = "accept",
        /// Từ chối.
        Decline = "decline",
        /// Chuyển cơ quan có thẩm quyền.
        Forward = "forward",
        /// Phân công.
        Assign = "assign",
        /// Bắt đầu xử lý.
        Start = "start",
        /// Yêu cầu bổ sung.
        RequestInformation = "request_information",
        /// Bổ sung thông tin.
        ProvideInformation = "provide_information",
        /// Gia hạn.
        ExtendDeadline = "extend_deadline",
        /// Trả lời, or a corrected answer.
        Answer = "answer",
        /// Công khai.
        Publish = "publish",
        /// Kết thúc.
        Close = "close",
        /// Mở lại.
        Reopen = "reopen",
        /// Rút.
        Withdraw = "withdraw",
        /// The channel moved it to another agency.
        Reassign = "reassign",
        /// Sửa đổi: the channel sent changed content.
        Amend = "amend",
        /// Đánh giá.
        Rate = "rate",
    }
}

/// Where a move ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// In this status.
    Status(Status),
    /// Where it was: the happening is recorded, the status stays.
    Same,
    /// Where it was before information was requested.
    Before,
}

/// The open statuses: the ministry still owes something.
pub const OPEN: &[Status] = &[Received, Accepted, Assigned, InProgress, InformationRequested, Reopened];

/// The ended ones.
pub const ENDED: &[Status] = &[Answered, Published, Closed, Declined, Forwarded, Withdrawn];

/// The table: an action, the statuses it is allowed in, and where it leads. What is not in the table is refused.
///
/// What a channel or petitioner *tells* (amend, withdraw, reassign, supplement) is never refused for the status: it is a
/// fact that has happened, and is kept even when it changes nothing any more.
#[rustfmt::skip]
pub const MOVES: &[(Action, &[Status], To)] = &[
    (Action::Accept,             &[Received, Reopened],                                                To::Status(Accepted)),
    (Action::Decline,            OPEN,                                                                 To::Status(Declined)),
    (Action::Forward,            OPEN,                                                                 To::Status(Forwarded)),
    (Action::Assign,             &[Accepted, Assigned, InProgress, Reopened],                          To::Status(Assigned)),
    (Action::Start,              &[Accepted, Assigned, Reopened],                                      To::Status(InProgress)),
    (Action::RequestInformation, &[Received, Accepted, Assigned, InProgress, Reopened],                To::Status(InformationRequested)),
    (Action::ProvideInformation, &[InformationRequested],                                              To::Before),
    (Action::ProvideInformation, &[Received, Accepted, Assigned, InProgress, Reopened],                To::Same),
    (Action::ProvideInformation, ENDED,                                                                To::Same),
    (Action::ExtendDeadline,     &[Accepted, Assigned, InProgress, InformationRequested, Reopened],    To::Same),
    (Action::Answer,             &[Accepted, Assigned, InProgress, Reopened],                          To::Status(Answered)),
    (Action::Answer,             &[Answered, Published],                                               To::Status(Answered)),
    (Action::Publish,            &[Answered],                                                          To::Status(Published)),
    (Action::Close,              &[Answered, Published],                                               To::Status(Closed)),
    (Action::Reopen,             &[Answered, Published, Closed, Declined, Forwarded, Withdrawn],       To::Status(Reopened)),
    (Action::Withdraw,           OPEN,                                                                 To::Status(Withdrawn)),
    (Action::Withdraw,           &[Answered, Published, Closed, Declined, Forwarded],                  To::Same),
    (Action::Reassign,           OPEN,                                                                 To::Status(Forwarded)),
    (Action::Reassign,           ENDED,                                                                To::Same),
    (Action::Amend,              OPEN,                                                                 To::Same),
    (Action::Amend,              ENDED,                                                                To::Same),
    (Action::Rate,               OPEN,                                                                 To::Same),
    (Action::Rate,               ENDED,                                                                To::Same),
];

/// Where `action` leads from `status`; `None` when it is not allowed.
pub fn target(action: Action, status: Status) -> Option<To> {
    MOVES.iter().find(|(of, from, _)| *of == action && from.contains(&status)).map(|(_, _, to)| *to)
}

/// The statuses in which `action` is allowed, for the text of a refusal.
pub fn allowed_in(action: Action) -> Vec<Status> {
    Status::ALL.iter().copied().filter(|status| target(action, *status).is_some()).collect()
}

impl Status {
    /// Whether the ministry still owes something.
    pub fn is_open(self) -> bool {
        OPEN.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_either_open_or_ended() {
        for status in Status::ALL {
            assert!(OPEN.contains(status) ^ ENDED.contains(status), "{status}");
        }
    }

    #[test]
    fn no_pair_of_action_and_status_stands_twice_in_the_table() {
        for action in Action::ALL {
            for status in Status::ALL {
                let rows = MOVES.iter().filter(|(of, from, _)| of == action && from.contains(status)).count();
                assert!(rows <= 1, "{action} from {status} stands {rows} times");
            }
        }
    }

    #[test]
    fn every_status_can_be_reached_from_received() {
        let mut reached = vec![Received];
        while let Some(next) = MOVES.iter().find_map(|(_, from, to)| match to {
            To::Status(to) if !reached.contains(to) && from.iter().any(|it| reached.contains(it)) => Some(*to),
            _ => None,
        }) {
            reached.push(next);
        }
        assert_eq!(reached.len(), Status::ALL.len());
    }
}
