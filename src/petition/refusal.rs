//! Why a command on a petition is refused.

use super::moves::{Action, Status, allowed_in};

/// The reason of a refusal; each names what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The status does not allow the action.
    #[error("{action} is not allowed in status {status}; it is allowed in: {}", names(*action))]
    WrongStatus {
        /// What was asked.
        action: Action,
        /// The status the petition is in.
        status: Status,
    },
    /// A complaint or denunciation follows its own law: it is forwarded or declined, never answered as feedback.
    #[error("a {kind} follows its own law: forward it to the competent procedure or decline it, with the legal basis")]
    OwnProcedure {
        /// Complaint or denunciation.
        kind: &'static str,
    },
    /// A required value is absent.
    #[error("{field} is required: {why}")]
    Missing {
        /// Which.
        field: &'static str,
        /// Why it is asked for.
        why: &'static str,
    },
    /// A value is outside its limits.
    #[error("{field} is not valid: {why}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What would be right.
        why: &'static str,
    },
    /// The answer in force may not be published.
    #[error("the answer in force is not marked public; correct the answer with public = true first")]
    NotPublic,
    /// The petition has no answer yet.
    #[error("the petition has no answer yet")]
    NoAnswer,
    /// The attachment is not one of the petition's.
    #[error("the petition has no attachment of this id")]
    NoSuchAttachment,
}

fn names(action: Action) -> String {
    allowed_in(action).iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ")
}
