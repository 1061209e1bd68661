//! The adapter from outside: golden messages, scripted replies, and whole cycles against its own sandbox over HTTP.
#![expect(clippy::unwrap_used, reason = "clippy's exemption for tests does not reach their helpers")]

mod cycle;
mod golden;
mod mischief;
mod over_http;
mod scripted;
mod unhappy;
