//! Makes a far side's pushes: asks it what it wants to push, posts it below the channel's address, tells it the answer.
//!
//! The far side shows who it is by a signature, by a client certificate, or by both. Some answers are lost on purpose:
//! what was taken is then offered again, as by any far side whose line broke.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use channel_sdk::sandbox::{FarSide, SandboxPush, dice::Dice};
use futures::{StreamExt, stream::FuturesUnordered};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{DemoError, certificates::Pair};
use crate::{clock::SharedClock, security::signature};

/// Pushes of one far side under way at once.
const UNDER_WAY_MAX: usize = 4;

/// How long to wait when there was nothing to push, and after a push that was not answered well.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(300);

/// The longest that a push may take.
const PUSH_LIMIT: Duration = Duration::from_secs(30);

/// The longest answer that is read: one result for each item of a push.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where a far side pushes to, and how it shows who it is.
pub struct Target {
    /// The channel's address, `https://…/channels/portal`.
    pub address: String,
    /// The client, with its certificate where it has one.
    pub client: reqwest::Client,
    /// The secret that pushes are signed with.
    pub secret: Option<SecretString>,
    /// The time that stands in a signature.
    pub clock: SharedClock,
}

/// A client for pushes, which trusts `authority` and shows `pair`.
///
/// # Errors
/// A file is not what it should be.
pub fn client(authority: Option<&[u8]>, pair: Option<&Pair>) -> Result<reqwest::Client, DemoError> {
    let mut builder = reqwest::Client::builder()
        .timeout(PUSH_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("petition-gateway-sandbox/", env!("CARGO_PKG_VERSION")));
    if let Some(authority) = authority {
        let authority = reqwest::Certificate::from_pem(authority).map_err(DemoError::Client)?;
        builder = builder.tls_certs_merge([authority]);
    }
    if let Some(pair) = pair {
        let pem = [pair.certificate.as_slice(), b"\n", pair.key.as_slice()].concat();
        builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(DemoError::Client)?);
    }
    builder.build().map_err(DemoError::Client)
}

/// How a driver is doing; clones look at the same one.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    idle: AtomicBool,
    made: AtomicU64,
    lost: AtomicU64,
}

impl Activity {
    /// Whether nothing is under way and the far side wanted nothing when it was asked last.
    pub fn is_idle(&self) -> bool {
        self.0.idle.load(Ordering::SeqCst)
    }

    /// Pushes made, repeated ones included.
    pub fn made(&self) -> u64 {
        self.0.made.load(Ordering::Relaxed)
    }

    /// Answers lost on purpose, and pushes that were not answered.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

/// Drives one far side.
pub struct Driver {
    side: Arc<dyn FarSide>,
    target: Arc<Target>,
    activity: Activity,
    dice: Dice,
    lost_per_mille: u16,
}

impl Driver {
    /// A driver that loses this share of the answers.
    pub fn new(side: Arc<dyn FarSide>, target: Target, seed: u64, lost_per_mille: u16) -> Driver {
        let (target, activity) = (Arc::new(target), Activity::default());
        Driver { side, target, activity, dice: Dice::new(seed), lost_per_mille }
    }

    /// How it is doing.
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Pushes until told to stop; what is under way then is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut under_way = FuturesUnordered::new();
        while !stop.is_cancelled() || !under_way.is_empty() {
            if under_way.len() < UNDER_WAY_MAX && !stop.is_cancelled() {
                // Not idle from before the question to after the answer: whoever looks must not see a gap between them.
                self.activity.0.idle.store(false, Ordering::SeqCst);
                if let Some(push) = self.side.next_push() {
                    let lost = self.dice.happens(self.lost_per_mille);
                    under_way.push(one(Arc::clone(&self.target), push, lost));
                    continue;
                }
                self.activity.0.idle.store(under_way.is_empty(), Ordering::SeqCst);
            }
            tokio::select! {
                Some((push, answer)) = under_way.next(), if !under_way.is_empty() => self.tell(&push, answer).await,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn tell(&self, push: &SandboxPush, answer: Option<(u16, Bytes)>) {
        self.activity.0.made.fetch_add(1, Ordering::Relaxed);
        let failed = answer.as_ref().is_none_or(|(status, _)| *status != 200);
        if answer.is_none() {
            self.activity.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.side.pushed(push, answer);
        if failed {
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

/// Makes one push; `None` when no answer came, or it was lost on purpose.
async fn one(target: Arc<Target>, push: SandboxPush, lost: bool) -> (SandboxPush, Option<(u16, Bytes)>) {
    let answer = target.post(&push).await.ok().filter(|_| !lost);
    (push, answer)
}

impl Target {
    async fn post(&self, push: &SandboxPush) -> Result<(u16, Bytes), reqwest::Error> {
        let mut request = self
            .client
            .request(push.method.clone(), format!("{}{}", self.address, push.path))
            .header("content-type", &push.content_type)
            .body(push.body.clone());
        if let Some(secret) = &self.secret {
            let (timestamp, signature) = signature::sign(secret, &push.body, self.clock.now());
            request = request.header(signature::TIMESTAMP, timestamp).header(signature::SIGNATURE, signature);
        }
        let mut reply = request.send().await?;
        let status = reply.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body.into()))
    }
}
