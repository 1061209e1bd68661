//! What a kind's far side must offer, so that the demo and the tests can run, drive and audit it.
//!
//! A far side is a real HTTP server (an axum router that whoever runs it binds to a socket) with state of its own. It
//! checks what it is sent against the protocol, and it misbehaves when told to.

pub mod dice;
pub mod people;
mod phrases;
pub mod texts;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a far side is made from.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// The seed of everything it makes up: the same seed, the same petitions.
    pub seed: u64,
    /// How many petitions it will hand out in all.
    pub petitions: u32,
    /// The agency code of the ministry that the petitions are for.
    pub agency: String,
    /// The instant at which its year begins; the petitions' times follow it.
    pub epoch: Timestamp,
    /// What it expects of us as client credentials; `None` lets everybody in (the tests of one message).
    pub credentials: Option<Credentials>,
    /// How it misbehaves from the start.
    pub mischief: Mischief,
}

/// OAuth 2 client credentials or basic credentials, as the protocol has it.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Client id or user name.
    pub id: String,
    /// Client secret or password.
    pub secret: String,
}

/// How a far side misbehaves; every share is in per mille of the calls or items it applies to, drawn by seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mischief {
    /// Answers after `slow_by_ms`.
    pub slow_per_mille: u16,
    /// How slow, in milliseconds.
    pub slow_by_ms: u64,
    /// Answers 500 or 503 without having done anything.
    pub server_error_per_mille: u16,
    /// Does what it is asked, and answers 500 all the same.
    pub error_after_commit_per_mille: u16,
    /// Answers 429 with `Retry-After: 1`.
    pub too_many_per_mille: u16,
    /// Lists an item twice on a page.
    pub duplicate_per_mille: u16,
    /// Serves an earlier page's items again.
    pub reserve_page_per_mille: u16,
    /// Changes a petition's content after it was handed out, and lists it again under a higher revision.
    pub edited_per_mille: u16,
    /// Lists the items of a page in another order than their ids.
    pub out_of_order_per_mille: u16,
    /// Hands out an item that breaks the protocol (a missing field, an unknown code, a wrong date).
    pub broken_item_per_mille: u16,
    /// Withdraws a petition after it was handed out.
    pub withdrawn_per_mille: u16,
    /// Acknowledges one of our messages with success, and forgets it.
    pub drop_outbound_per_mille: u16,
    /// Counts a petition (or a withdrawal) as handed out that never was: it stands on no page of what changed, or its push
    /// is lost. A whole listing and its own address show it. Supplements and ratings, which neither shows, are not lost.
    pub drop_inbound_per_mille: u16,
}

/// A far side under somebody's control.
pub trait FarSide: Send + Sync {
    /// The HTTP server.
    fn router(self: Arc<Self>) -> axum::Router;

    /// Lets `count` more petitions exist, to be pulled or pushed; returns how many were left to release.
    fn release(&self, count: u32) -> u32;

    /// Petitions not yet released.
    fn unreleased(&self) -> u32;

    /// Changes how it misbehaves from now on.
    fn misbehave(&self, mischief: Mischief);

    /// What it wants to push to the gateway next, if anything. The driver posts it below `/channels/<name>`, signs it,
    /// and reports the answer; what is not acknowledged is offered again.
    fn next_push(&self) -> Option<SandboxPush>;

    /// The gateway's answer to a push; `None` when no answer came.
    fn pushed(&self, push: &SandboxPush, answer: Option<(u16, Bytes)>);

    /// What it knows of every petition that it has released, by its id, in the order of the ids.
    fn accounts(&self) -> Vec<Account>;

    /// Every breach of the protocol by us that it saw, in words, oldest first, at most 1,000.
    fn complaints(&self) -> Vec<String>;
}

/// A push that a far side wants to make.
#[derive(Debug, Clone)]
pub struct SandboxPush {
    /// The far side's own number of the push.
    pub id: u64,
    /// POST or PUT.
    pub method: Method,
    /// The path below `/channels/<name>`.
    pub path: String,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// What a far side knows of one petition, for the audit at the end of the demo and in the tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id on the channel.
    pub external_id: String,
    /// Whether it was handed out in a form that the protocol allows; a broken one must end in quarantine.
    pub sound: bool,
    /// Whether it was handed out at all.
    pub handed_out: bool,
    /// Whether the far side withdrew it.
    pub withdrawn: bool,
    /// The latest revision handed out.
    pub revision: u64,
    /// Mã hồ sơ, once the gateway has confirmed it or acknowledged its push.
    pub petition_id: Option<String>,
    /// The status codes it was told, oldest first, in the channel's own codes.
    pub statuses: Vec<String>,
    /// The agency it was forwarded to.
    pub forwarded_to: Option<String>,
    /// SHA-256 (hex) of the text of the answer in force.
    pub answer_sha256: Option<String>,
    /// The class of the answer in force, in the channel's own code.
    pub answer_class: Option<String>,
    /// How many answers it was sent, corrections included; a repeat under a known idempotency key is not counted.
    pub answers: u32,
    /// The rating that its petitioner gave, 1 to 5.
    pub rating: Option<u8>,
}

impl Mischief {
    /// How slow a slow answer is.
    pub fn slow_by(&self) -> Duration {
        Duration::from_millis(self.slow_by_ms)
    }
}
