//! `petition-gateway`: the interoperability gateway of a ministry for the petitions (phản ánh, kiến nghị) that citizens,
//! businesses, voters and National Assembly deputies send it.
//!
//! # In one picture
//!
//! ```text
//!  government portal     National Assembly          (one adapter crate for each kind of channel, in `adapters/`)
//!        │ REST, JSON/XML      │ XML batches, JSON
//!        ▼                     ▼
//!   ┌────────────────────── adapters: decode · encode · converse ──────────────────────┐
//!   └───────┬───────────────────────────────────────────────────────────────▲──────────┘
//!      inbound: journal ▶ decode ▶ intake                       outbound: claim ▶ send ▶ verdict ▶ settle
//!           │                                                               │
//!           ▼                                                               │
//!   decision: load ▶ petition rules ▶ committer ══▶ store: petition + events + deliveries in ONE transaction
//!           ▲                                          │
//!           │ gRPC: commands of ministry systems       └──▶ watch: every event, in order, resumable ──▶ gRPC
//! ```
//!
//! # Modules, in reading order
//!
//! - [`petition`]: the domain, pure: statuses and the table of allowed moves, the rules, the fold of events.
//! - [`store`]: the only memory and every SQL statement; one trait, two engines: [`store::sqlite`] for one gateway,
//!   [`store::postgres`] for several. [`committer`]: many callers, one transaction, one answer each. [`blobs`]: files by
//!   SHA-256, in a folder or a bucket.
//! - [`reconcile`]: our books against the far side's; what differs, and its repair.
//! - [`decision`]: load, decide, commit; again when somebody was faster. [`intake`]: a decoded message becomes a recorded
//!   petition, once.
//! - [`inbound`]: pushed and pulled bytes, from the journal to the acknowledgement. [`outbound`]: deliveries, from the
//!   claim to the settlement. [`watch`]: a cursor over all events. [`channels`]: the running channels. [`presence`]: this
//!   gateway among those that share its store; [`fence`]: what it does only as long as it may.
//! - [`admission`]: who is let in when more is asked than can be done; both entrances ask it before any work begins.
//! - [`grpc`]: the public contract (`proto/`): parse, call, render. [`pb`]: what is generated from it.
//! - [`config`], [`security`], [`remote`], [`telemetry`], [`supervise`], [`clock`], [`health`]: what the parts stand
//!   on.
//! - [`adapters`]: the registry of kinds. [`app`]: the only place where parts are joined.
//! - [`failpoint`]: named places at which a test kills the gateway; nothing in what is shipped.
//! - [`audit`]: everything that must hold of what is kept, checked while gateways work.
//! - [`demo`]: a ministry's year in a minute over all of the above, and the audit of it; a client like any other.
//!
//! # Invariants
//!
//! 1. A channel or client is told "received" only after its message is durable.
//! 2. What arrives is journalled raw before it is decoded; what is refused stands in quarantine with its reason.
//! 3. Petition, events and deliveries commit in one transaction; no transaction spans a network call.
//! 4. The same message, or the same call (`request_id`), again is an answer and not a second petition.
//! 5. Delivery is at least once, under a stable key, in order for each petition and channel; each ends as delivered or as
//!    a dead letter with its reason.
//! 6. Every change of a petition is an event; their numbers are gapless and follow commit order.
//! 7. Domain rules and codecs do no I/O and read no clock.
//! 8. Personal data never reaches a log, a metric or an error text.
//! 9. Any task can be killed at any line: the store is the only memory. So can any gateway, of several on one store: what it
//!    held is another's when its lease ends, by the store's time.
//! 10. A refusal says what was wrong, where, and what would be right.
//!
//! Absent on purpose: nothing in [`petition`] knows a store; nothing outside [`store`] knows SQL; nothing in [`grpc`] sees
//! an adapter; no adapter sees this crate. `tests/it/tidy.rs` holds these.

pub mod adapters;
pub mod admission;
pub mod app;
pub mod audit;
pub mod blobs;
pub mod channels;
pub mod clock;
pub mod committer;
pub mod config;
pub mod decision;
pub mod demo;
pub mod failpoint;
pub mod fence;
#[doc(hidden)]
pub mod fuzzing;
pub mod grpc;
pub mod health;
pub mod inbound;
pub mod intake;
pub mod outbound;
pub mod pb;
pub mod petition;
pub mod presence;
pub mod reconcile;
pub mod remote;
pub mod security;
pub mod store;
pub mod supervise;
pub mod telemetry;
pub mod watch;
