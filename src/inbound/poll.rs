//! Pull: one task for each feed of each channel asks the far side for what is new, page by page, as long as the channel is
//! this gateway's to pull.

use std::{sync::Arc, time::Duration};

use channel_sdk::{
    adapter::{Outcome, Page},
    remote::RemoteError,
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::engine::Inbound;
use crate::{
    channels::Channel,
    clock::SharedClock,
    fence::while_allowed,
    intake::IntakeError,
    presence::Turn,
    store::{CursorMove, Store, StoreError},
};

/// The most pages of one scan: at 100 petitions a page more than a year of the whole country. A far side that says "more"
/// for ever is asked again after the interval, from where the cursor stands.
const PAGES_MAX: u32 = 10_000;

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
    /// Whether the channel is this gateway's to pull.
    pub turn: Turn,
    /// The time.
    pub clock: SharedClock,
}

/// The page that came last.
struct Seen {
    digest: [u8; 32],
    is_readable: bool,
}

/// Why a page was not dealt with.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("the far side did not give the page")]
    Remote(#[from] RemoteError),
    #[error("the far side gave something that cannot be read")]
    Unreadable,
    #[error("the page could not be recorded")]
    Intake(#[from] IntakeError),
    #[error("the store could not be read")]
    Store(#[from] StoreError),
}

impl Poll {
    /// Runs until told to stop. A page that was begun is finished first.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let mut last_page: Option<Seen> = None;
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
                biased;
                () = stop.cancelled() => {}
                () = self.channel.sync.notified() => {}
                () = self.turn.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn pause(&self, failures: u32) -> Duration {
        let doubled = self.pause_after_failure.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.interval.saturating_mul(10).max(self.pause_after_failure))
    }

    fn tell_failure(&self, error: &PollError) {
        if self.channel.failed(&self.feed, self.clock.now(), describe(error)) {
            tracing::warn!(
                channel.name = %self.channel.name,
                feed = %self.feed,
                error = error as &dyn std::error::Error,
                "a channel cannot be pulled"
            );
        }
    }

    /// Every page there is now.
    async fn scan(&self, stop: &CancellationToken, last_page: &mut Option<Seen>) -> Result<(), PollError> {
        for _ in 0..PAGES_MAX {
            if stop.is_cancelled() || !self.turn.is_ours() || self.is_paused().await? {
                break;
            }
            let cursor = self.store.cursor_get(&self.channel.name, &self.feed).await?;
            let now = self.clock.now();
            let page = self.channel.adapter.pull(&*self.channel.remote, &self.feed, cursor.as_deref(), now);
            let page = while_allowed(|| self.turn.is_ours(), page);
            // Nothing of a page that has not come is lost, so a far side that hangs need not hold up a stop.
            let Some(Some(page)) = stop.run_until_cancelled(page).await else { break };
            let page = page?;
            crate::failpoint::at!("pull.page_came");
            let more = page.more;
            self.deal_with(page, cursor, last_page).await?;
            crate::failpoint::at!("pull.page_done");
            if !more {
                self.channel.succeeded(&self.feed, self.clock.now());
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

    async fn deal_with(&self, page: Page, from: Option<String>, last_page: &mut Option<Seen>) -> Result<(), PollError> {
        let cursor = page.next.map(|to| CursorMove { feed: self.feed.clone(), from, to });
        let Some(raw) = page.raw else {
            if let Some(cursor) = cursor {
                self.inbound.keep_cursor(&self.channel, cursor).await?;
            }
            return Ok(());
        };
        // The same bytes as a moment ago would only fill the journal and the quarantine. With a mended dialect they are
        // reprocessed from there.
        let digest: [u8; 32] = Sha256::digest(&raw.body).into();
        let is_readable = match last_page {
            Some(seen) if seen.digest == digest => {
                if let Some(cursor) = cursor {
                    self.inbound.keep_cursor(&self.channel, cursor).await?;
                }
                seen.is_readable
            }
            _ => !matches!(self.inbound.accept(&self.channel, raw, cursor).await?, Outcome::Unreadable(_)),
        };
        *last_page = Some(Seen { digest, is_readable });
        if is_readable { Ok(()) } else { Err(PollError::Unreadable) }
    }
}

/// The failure as an operator reads it in the channel's state: what happened, and the cause below it.
fn describe(error: &PollError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
