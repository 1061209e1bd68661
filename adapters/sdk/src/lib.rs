//! `channel-sdk`: the contract between the gateway and its channel adapters.
//!
//! An adapter speaks one protocol; this crate says in which words it talks to the gateway.
//! It knows nothing of the gateway: no store, no gRPC, no configuration file.
//!
//! In reading order:
//! - [`model`]: the *canonical data model*: what a petition, a petitioner, an answer is on every channel;
//! - [`inbound`]: the messages that an adapter decodes from bytes that arrived;
//! - [`notice`]: the messages that an adapter encodes and delivers to the far side;
//! - [`adapter`]: the [`Adapter`] trait and [`Kind`], the one thing a new kind exports;
//! - [`remote`]: the far side as an adapter sees it; who owns TLS, credentials and limits is not its concern;
//! - [`listing`]: what a far side shows of what it has, for reconciliation;
//! - [`fault`]: why something was refused: what was wrong, where, what would be right;
//! - [`tree`], [`json`], [`xml`]: a bounded reader and writer of both syntaxes into one tree;
//! - [`dialect`]: field mappings and code tables as data (TOML), applied to that tree in both directions;
//! - [`canonical`]: from such records to the canonical messages and back;
//! - [`verdict`]: from the far side's answer to retry, in doubt or reject;
//! - [`sandbox`]: what a kind's far side must offer for the demo and the tests.
//!
//! Invariants: codecs do no I/O and read no clock; text is carried byte for byte; a field that is not understood is
//! kept as an extension; personal data stands in values only, never in a [`fault::Fault`]'s text.

pub mod adapter;
pub mod canonical;
pub mod dialect;
pub mod fault;
pub mod inbound;
pub mod json;
pub mod listing;
pub mod model;
pub mod notice;
pub mod remote;
pub mod sandbox;
pub mod tree;
pub mod verdict;
pub mod xml;

pub use adapter::{Adapter, Guarantees, Kind};
pub use fault::Fault;
pub use inbound::{Draft, Inbound};
pub use notice::{Known, Notice, NoticeBody, Verdict};
pub use remote::{Remote, Reply, Request};
