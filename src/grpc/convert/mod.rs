//! Between the contract's messages and the domain: `parse` what comes in, with every limit and every fault told at once;
//! `render` what goes out, in the view that the caller may have. No rule of the domain lives here.

pub(crate) mod checks;

pub(super) mod channel;
pub(super) mod common;
pub(super) mod decision;
pub(super) mod draft;
pub(super) mod enums;
pub(super) mod event;
pub(super) mod names;
pub(super) mod petition;
pub(super) mod reconciliation;

use super::principal::sees_personal_data;
use crate::{pb, security::Principal};

/// How much of a petition a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Everything.
    Full,
    /// No texts beyond the subject, no files, no personal data but what a subject may hold.
    Basic,
    /// As basic, and nothing that the contract marks as personal.
    Anonymous,
}

impl Sight {
    /// What `caller` sees who asks for `view`; `default` stands for a view that is not told.
    pub(super) fn of(caller: &Principal, view: i32, default: Sight) -> Sight {
        if !sees_personal_data(caller) {
            return Sight::Anonymous;
        }
        match pb::PetitionView::try_from(view) {
            Ok(pb::PetitionView::Full) => Sight::Full,
            Ok(pb::PetitionView::Basic) => Sight::Basic,
            Ok(pb::PetitionView::Unspecified) | Err(_) => default,
        }
    }

    /// A text that only the full view has.
    pub(super) fn text(self, text: String) -> String {
        if self == Sight::Full { text } else { String::new() }
    }

    /// A text that everybody but a reader sees.
    pub(super) fn remark(self, text: String) -> String {
        if self == Sight::Anonymous { String::new() } else { text }
    }
}
