//! What the channel of a petition is told of each event.

use channel_sdk::notice::NoticeBody;

use super::event::EventBody;

/// The notice that an event owes the petition's channel; `None` where the channel told it to us or need not know.
pub fn notice_of(event: &EventBody) -> Option<NoticeBody> {
    Some(match event {
        EventBody::Received { .. } | EventBody::Amended { .. } => NoticeBody::Received,
        EventBody::Accepted { note } => NoticeBody::Accepted { note: note.clone() },
        EventBody::Declined { explanation, legal_basis, .. } => {
            NoticeBody::Declined { reason: explanation.clone(), legal_basis: legal_basis.clone() }
        }
        EventBody::Forwarded { to, reason, legal_basis } => {
            NoticeBody::Forwarded { to: to.clone(), reason: reason.clone(), legal_basis: legal_basis.clone() }
        }
        EventBody::Assigned { unit, note } => NoticeBody::Assigned { unit: unit.clone(), note: note.clone() },
        EventBody::Started { note } => NoticeBody::InProgress { note: note.clone() },
        EventBody::InformationRequested { question, reply_by } => {
            NoticeBody::InformationRequested { question: question.clone(), reply_by: *reply_by }
        }
        EventBody::DeadlineExtended { due_on, reason, legal_basis } => {
            NoticeBody::DeadlineExtended { due_on: *due_on, reason: reason.clone(), legal_basis: legal_basis.clone() }
        }
        EventBody::Answered { answer } => NoticeBody::Answered { answer: answer.clone() },
        EventBody::Published => NoticeBody::Published,
        EventBody::Reopened { reason } => NoticeBody::Reopened { reason: reason.clone() },
        EventBody::Closed { note } => NoticeBody::Closed { note: note.clone() },
        EventBody::LateRevision { .. }
        | EventBody::AttachmentHeld { .. }
        | EventBody::Reassigned { .. }
        | EventBody::InformationProvided { .. }
        | EventBody::Withdrawn { .. }
        | EventBody::Rated { .. }
        | EventBody::DeliveryFailed { .. }
        | EventBody::DeliveryParked { .. }
        | EventBody::DeliveryResolved { .. }
        | EventBody::DifferenceFound { .. }
        | EventBody::DifferenceRepaired { .. }
        | EventBody::DifferenceDismissed { .. } => return None,
    })
}
