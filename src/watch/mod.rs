//! A cursor over all events, in order, for ever: what a watcher has seen up to is a number that it keeps itself.
//!
//! A watcher that has seen `seq` has seen everything before it. It is woken by a signal after a commit, and looks anyway
//! once a second, so that a lost signal costs a second and nothing else. Nothing is buffered for a slow watcher: it can
//! neither lose its place nor fill the memory.
//!
//! The latest events are kept once for all watchers ([`Tail`]): whoever comes to the end first reads on for everybody, so
//! that a thousand watchers read the store as often as one. Who is further behind reads the store at its own pace.

mod tail;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

pub use self::tail::Tail;
use crate::{petition::Seq, store::StoreError};

/// How long to wait for a signal before looking anyway.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);
/// How long a watcher rests between two looks, for each watcher that there is: under a steady stream of events each look
/// then brings several, and the watchers' wake-ups stay at some ten thousand a second however many watch. Who is alone
/// does not rest.
const REST_FOR_EACH: Duration = Duration::from_micros(80);
/// The longest rest: what a person would notice is longer.
const REST_MAX: Duration = Duration::from_millis(100);
/// A shorter rest than this is not worth a timer.
const REST_MIN: Duration = Duration::from_millis(1);

/// One watcher's place.
pub struct Watch<T> {
    tail: Arc<Tail<T>>,
    committed: watch::Receiver<Seq>,
    after: Seq,
    looked_at: Option<Instant>,
}

impl<T> Watch<T> {
    /// A watcher that has seen everything up to `after`.
    pub fn new(tail: Arc<Tail<T>>, after: Seq) -> Watch<T> {
        tail.joined();
        Watch { committed: tail.committed(), tail, after, looked_at: None }
    }

    /// The place: everything up to it was given out.
    pub fn place(&self) -> Seq {
        self.after
    }

    /// The next events, at least one; empty when nothing came for `patience`, so that the caller can say it is alive.
    ///
    /// # Errors
    /// The store cannot be read; the place is kept, ask again.
    pub async fn next(&mut self, patience: Duration) -> Result<Vec<Arc<T>>, StoreError> {
        let mut waited = Duration::ZERO;
        self.rest().await;
        loop {
            // Marked as seen before the look: a commit during the look is then a change to wake up for.
            let committed = *self.committed.borrow_and_update();
            let events = self.tail.after(self.after, committed).await?;
            if !events.is_empty() {
                self.after = Seq(self.after.0 + events.len() as u64);
                self.looked_at = Some(Instant::now());
                return Ok(events);
            }
            if waited >= patience {
                return Ok(Vec::new());
            }
            let nap = LOOK_ANYWAY.min(patience.saturating_sub(waited));
            match timeout(nap, self.committed.changed()).await {
                Ok(Ok(())) => {}
                Err(_) => waited += nap,
                // Nobody signals any more (the committer has stopped): only time passes now.
                Ok(Err(_)) => {
                    sleep(nap).await;
                    waited += nap;
                }
            }
        }
    }

    /// Lets some events come together, where there are many watchers and this one has just looked.
    async fn rest(&self) {
        let rest = (REST_FOR_EACH * self.tail.watchers()).min(REST_MAX);
        if let Some(looked_at) = self.looked_at.filter(|_| rest >= REST_MIN && self.tail.is_at_the_end(self.after)) {
            sleep_until(looked_at + rest).await;
        }
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        self.tail.left();
    }
}
