//! Inbound: bytes that arrived become journalled messages, decoded items, recorded petitions, and an acknowledgement.
//!
//! Push ([`listen`]) and pull ([`poll`]) differ in how bytes arrive; from the journal on ([`engine`]) there is one way.
//! A message that was journalled and not dealt with, because the gateway was stopped or could not then, is dealt with by
//! [`resume`]; what came out of order waits in quarantine for [`revisit`].

pub mod engine;
pub mod listen;
pub mod poll;
pub mod resume;
pub mod revisit;

pub use engine::{Inbound, Reprocessed};
