//! Whether this gateway can do its work now; what load balancers and probes are told, within two seconds of the truth.
//!
//! It can when the store answers and writes are not held up. Far sides do not count: what is owed to them waits safely.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{committer::Committer, store::Store};

/// How often it looks. With [`crate::store::CHECK_LIMIT`] the truth is told within two seconds.
const INTERVAL: Duration = Duration::from_millis(500);
/// A batch that takes longer than this is held up: by a disk, a lost database, a replica that does not confirm.
const COMMIT_LIMIT: Duration = Duration::from_millis(1_500);

/// The task that looks.
pub struct Health {
    store: Arc<dyn Store>,
    committer: Committer,
    ready: watch::Sender<bool>,
}

/// A task that looks at this store and its committer, and what it says.
pub fn health(store: Arc<dyn Store>, committer: Committer) -> (Health, watch::Receiver<bool>) {
    let (ready, said) = watch::channel(true);
    (Health { store, committer, ready }, said)
}

impl Health {
    /// Runs until told to stop; a gateway that stops is not ready.
    pub async fn run(self, stop: CancellationToken) {
        while let Some(is_ready) = stop.run_until_cancelled(self.look()).await {
            self.say(is_ready);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        self.ready.send_replace(false);
    }

    async fn look(&self) -> bool {
        self.store.check().await.is_ok() && self.committer.busy_for() < COMMIT_LIMIT
    }

    fn say(&self, is_ready: bool) {
        let is_news = self.ready.send_if_modified(|said| std::mem::replace(said, is_ready) != is_ready);
        match (is_news, is_ready) {
            (true, true) => tracing::info!("the store is back: the gateway serves again"),
            (true, false) => tracing::error!("the store cannot be used: the gateway does not serve until it can"),
            (false, _) => {}
        }
    }
}
