//! Inbound: bytes that arrived become journalled messages, decoded items, recorded petitions, and an acknowledgement.
//!
//! Push ([`listen`]) and pull ([`poll`]) differ in how bytes arrive; from the journal on ([`engine`]) there is one way.
//! A message that was journalled and not dealt with when the gateway stopped is dealt with at the next start.

pub mod engine;
pub mod listen;
pub mod poll;
pub mod revisit;

pub use engine::{Inbound, Reprocessed};
