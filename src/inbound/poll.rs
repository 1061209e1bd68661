//! Pull: one task for each feed of each channel asks the far side for what is new, page by page.

use std::{sync::Arc, time::Duration};

use channel_sdk::{
    adapter::{ItemResult, Outcome, Page},
    remote::RemoteError,
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::engine::Inbound;
use crate::{
    channels::Channel,
    clock::SharedClock,
    intake::IntakeError,
    store::{Store, StoreError},
};

/// Pulls one feed of one channel.
pub struct Poll {
    /// The channel.
    pub channel: Arc<Channel>,
    /// The feed's name.
    pub feed: String,
    /// How long to wait after the last page.
    pub interval: Duration,
    /// How long to wait after a failure; doubled for each further one, at most to the interval's tenfold.
    pub pause_after_failure: Duration,
    /// Where pages go.
    pub inbound: Inbound,
    /// Where the cursor is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: SharedClock,
}

/// Why a page was not dealt with.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("the far side did not give the page")]
    Remote(#[from] RemoteError),
    #[error("the page could not be recorded")]
    Intake(#[from] IntakeError),
    #[error("the store could not be read")]
    Store(#[from] StoreError),
}

impl Poll {
    /// Runs until told to stop. A page that was begun is finished first.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut last_page: Option<[u8; 32]> = None;
        while !stop.is_cancelled() {
            let wait = match self.scan(&stop, &mut last_page).await {
                Ok(()) => {
                    failures = 0;
                    self.interval
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.tell_failure(&error);
                    self.pause(failures)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.channel.sync.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn pause(&self, failures: u32) -> Duration {
        let doubled = self.pause_after_failure.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.interval.saturating_mul(10).max(self.pause_after_failure))
    }

    fn tell_failure(&self, error: &PollError) {
        if self.channel.failed(self.clock.now(), describe(error)) {
            tracing::warn!(
                channel.name = %self.channel.name,
                feed = %self.feed,
                error = error as &dyn std::error::Error,
                "a channel cannot be pulled"
            );
        }
    }

    /// Every page there is now.
    async fn scan(&self, stop: &CancellationToken, last_page: &mut Option<[u8; 32]>) -> Result<(), PollError> {
        while !stop.is_cancelled() && !self.is_paused().await? {
            let cursor = self.store.cursor_get(&self.channel.name, &self.feed).await?;
            let now = self.clock.now();
            let page = self.channel.adapter.pull(&*self.channel.remote, &self.feed, cursor.as_deref(), now).await?;
            self.channel.succeeded(self.clock.now());
            let more = page.more;
            self.deal_with(page, last_page).await?;
            if !more {
                self.channel.scanned(self.clock.now());
                break;
            }
        }
        Ok(())
    }

    async fn is_paused(&self) -> Result<bool, StoreError> {
        let states = self.store.channel_list().await?;
        Ok(states.iter().any(|state| state.name == self.channel.name && state.paused))
    }

    async fn deal_with(&self, page: Page, last_page: &mut Option<[u8; 32]>) -> Result<(), PollError> {
        let cursor = page.next.map(|next| (self.feed.clone(), next));
        let Some(raw) = page.raw else {
            if let Some(cursor) = cursor {
                self.inbound.keep_cursor(&self.channel, cursor).await?;
            }
            return Ok(());
        };
        // The same bytes as a moment ago, of which nothing was refused, would only fill the journal.
        let digest: [u8; 32] = Sha256::digest(&raw.body).into();
        if *last_page == Some(digest) {
            if let Some(cursor) = cursor {
                self.inbound.keep_cursor(&self.channel, cursor).await?;
            }
            return Ok(());
        }
        let outcome = self.inbound.accept(&self.channel, raw, cursor).await?;
        *last_page = is_clean(&outcome).then_some(digest);
        Ok(())
    }
}

fn is_clean(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Items(items) => items.iter().all(|item| !matches!(item.result, ItemResult::Refused(_))),
        Outcome::Unreadable(_) | Outcome::Unavailable { .. } => false,
    }
}

/// The failure as an operator reads it in the channel's state: what happened, and the cause below it.
fn describe(error: &PollError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
