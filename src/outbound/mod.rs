//! Outbound: what a decision owes a channel is claimed, encoded, sent, judged and settled.
//!
//! Read [`engine`] for the loop, [`attempt`] for one delivery, [`course`] for what is right when its outcome is not known,
//! [`schedule`] for when the next try is, `gently` for what is tried one after the other, [`breaker`] for when a far side is
//! left alone. Delivery is at least once, under a stable key, and never blindly a second time; all notices of one petition
//! to one channel go in order. The store holds the order and the leases; nothing here remembers anything that matters, so
//! the gateway may be killed between any two lines.

pub mod attempt;
pub mod breaker;
pub mod course;
pub mod engine;
mod gently;
pub mod schedule;

pub use engine::Outbound;
pub use schedule::Schedule;
