//! The domain: what a petition is, what may happen to it, and what each happening means.
//!
//! Everything here is pure: no I/O, no clock, no randomness. A decision is a function of a petition and a command
//! ([`decide()`]); it gives events; a petition is the fold of its events ([`Petition::apply`]). The table of allowed moves
//! is in [`moves`], the reasons of a refusal in [`Refusal`], the checks on what arrives in [`check`], and what a channel
//! is told of each event in [`notices`].
//!
//! It is not about deadlines counted by law, nor about how anything is stored or sent.

mod apply;
pub mod check;
mod command;
mod content;
mod decide;
mod delivery;
mod difference;
mod event;
mod id;
pub mod moves;
pub mod notices;
#[cfg(test)]
mod properties;
mod refusal;
mod state;

pub use command::Command;
pub use content::Content;
pub use decide::{decide, receive};
pub use delivery::{AboutDelivery, DeliveryNote, ParkedOutcome};
pub use difference::DifferenceKind;
pub use event::{Event, EventBody, NewEvent, Seq};
pub use id::{PetitionId, Version};
pub use moves::{Action, Status};
pub use refusal::Refusal;
pub use state::{
    AttachmentState, HeldAttachment, InformationRequest, Petition, RatingGiven, ReassignmentTold, Supplied,
    WithdrawalTold,
};
