//! A second look at what came out of order: a withdrawal, a rating or a supplement that overtook its petition waits in
//! quarantine as "unknown petition" and is taken in once the petition is there.

use std::{sync::Arc, time::Duration};

use channel_sdk::fault::FaultCode;
use tokio_util::sync::CancellationToken;

use super::engine::Inbound;
use crate::{
    presence::Turns,
    store::{QuarantineQuery, QuarantinedItem, Store, StoreError},
};

/// How many items one look takes from the store at a time.
const PAGE: u32 = 200;

/// Looks again, now and then.
pub struct Revisit {
    /// How long to wait between looks.
    pub interval: Duration,
    /// Which channels are this gateway's to look through.
    pub turns: Turns,
    /// The engine.
    pub inbound: Inbound,
    /// The store.
    pub store: Arc<dyn Store>,
}

impl Revisit {
    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look(&stop).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the quarantine could not be looked through");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(self.interval) => {}
            }
        }
    }

    /// Oldest first: what came out of order is taken in in the order it came.
    async fn look(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        if self.turns.held().is_empty() {
            return Ok(());
        }
        let mut query = QuarantineQuery {
            fault_code: Some(FaultCode::UnknownPetition.as_str().to_owned()),
            oldest_first: true,
            limit: PAGE,
            ..QuarantineQuery::default()
        };
        while !stop.is_cancelled() {
            let items = self.store.quarantine_list(&query).await?;
            let Some(last) = items.last() else { break };
            query.after = Some(last.record.item);
            for item in &items {
                if self.turns.of(&item.channel).is_ours() && self.has_arrived(item).await? {
                    self.take_in(item).await;
                }
            }
        }
        Ok(())
    }

    /// One that fails (its channel is disabled, somebody is at it) holds up none of the others.
    async fn take_in(&self, item: &QuarantinedItem) {
        if let Err(error) = self.inbound.reprocess(item.record.item).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(message.id = item.record.item.message.0, error, "what came too early could not be taken in");
        }
    }

    async fn has_arrived(&self, item: &QuarantinedItem) -> Result<bool, StoreError> {
        let Some(external_id) = &item.record.external_id else { return Ok(false) };
        Ok(self.store.petition_get_by_external_id(&item.channel, external_id).await?.is_some())
    }
}
