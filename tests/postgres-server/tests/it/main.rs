//! What tests are promised about their servers.
#![expect(clippy::unwrap_used, reason = "clippy's exemption for tests does not reach their helpers")]
#![allow(missing_docs, reason = "test names are the documentation")]

mod entrance;
mod failover;
mod leftovers;
mod shared;
