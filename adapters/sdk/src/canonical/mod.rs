//! Between records and the canonical model.
//!
//! A dialect reads a message into a [`crate::dialect::Record`] whose names are the field names of [`crate::model`],
//! [`crate::inbound`] and [`crate::notice`], nested by dots. Here such a record becomes a canonical message, and a
//! notice becomes such a record. An adapter may set or fill names in between: what stands in the address of a push, or
//! once for a whole batch.
//!
//! The lists of [`names`] let an adapter check, when it is built, that a dialect's names mean something.

mod inbound;
pub mod names;
mod outbound;
#[cfg(test)]
mod tests;

pub use inbound::{
    attachment_from, draft_from, rating_from, reassignment_from, receipt_from, supplement_from, with_content,
    with_digested, withdrawal_from,
};
pub use outbound::{answer_record, attachment_record, draft_record, notice_record};
