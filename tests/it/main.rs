//! The one integration binary: what users are promised, tried through the outside, and the rules of the house.
//!
//! What is promised holds on every engine: with `PETITION_GATEWAY_TEST_STORE=postgres` each gateway under test keeps
//! everything in a PostgreSQL database of its own instead of a SQLite file. A test of one engine says so in its name;
//! `tests/run` runs it, and what has no store, once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]
#![allow(missing_docs, reason = "test names are the documentation")]

mod assembly;
mod audit;
mod blobs;
mod cli_cycle;
mod cli_gateway;
mod cli_operator;
mod cli_process;
mod cli_store;
mod cli_store_copy;
mod demo;
mod doubt;
mod failpoints;
#[cfg(feature = "failpoints")]
#[path = "../faults/mod.rs"]
mod faults;
mod grpc;
mod kill;
mod portal;
mod reconcile;
mod support;
mod system_calls;
mod tidy;
mod together;
