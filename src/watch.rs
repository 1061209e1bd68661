//! A cursor over all events, in order, for ever: what a watcher has seen up to is a number that it keeps itself.
//!
//! A watcher that has seen `seq` has seen everything before it. It is woken by a signal after a commit, and looks anyway
//! once a second, so that a lost signal costs a second and nothing else. Nothing is buffered for a slow watcher: it reads
//! the store at its own pace, so it can neither lose its place nor fill the memory.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    petition::{Event, Seq},
    store::{Store, StoreError},
};

/// How many events are read at a time.
const PAGE: u32 = 256;
/// How long to wait for a signal before looking anyway.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// One watcher's place.
pub struct Watch {
    store: Arc<dyn Store>,
    committed: watch::Receiver<Seq>,
    after: Seq,
}

impl Watch {
    /// A watcher that has seen everything up to `after`.
    pub fn new(store: Arc<dyn Store>, committed: watch::Receiver<Seq>, after: Seq) -> Watch {
        Watch { store, committed, after }
    }

    /// The place: everything up to it was given out.
    pub fn place(&self) -> Seq {
        self.after
    }

    /// The next events, at least one; empty when nothing came for `patience`, so that the caller can say it is alive.
    ///
    /// # Errors
    /// The store cannot be read; the place is kept, ask again.
    pub async fn next(&mut self, patience: Duration) -> Result<Vec<Event>, StoreError> {
        let mut waited = Duration::ZERO;
        loop {
            // Marked as seen before the read: a commit during the read is then a change to wake up for.
            self.committed.borrow_and_update();
            let events = self.store.event_list_after(self.after, PAGE).await?;
            if let Some(last) = events.last() {
                self.after = last.seq;
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
}
