//! What other gateways commit: watchers here are woken, and deliveries looked for, as if it were committed here.
//!
//! It asks for one number a few times a second. A signal from the database could be faster and need not come; this
//! works on every engine, and a watcher looks by itself once a second anyway.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{petition::Seq, store::Store};

/// How often it asks: well below what a person notices, and a fraction of a per cent of one core.
const INTERVAL: Duration = Duration::from_millis(200);

/// The task that asks.
pub struct Tail {
    pub(super) store: Arc<dyn Store>,
    pub(super) seq: watch::Sender<Seq>,
    pub(super) due: Arc<Notify>,
}

impl Tail {
    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            // A store that cannot be read is told by the gateway's health; nothing is lost by asking later.
            let Ok(last) = self.store.seq_last().await else { continue };
            if super::move_on(&self.seq, last) {
                self.due.notify_one();
            }
        }
    }
}
