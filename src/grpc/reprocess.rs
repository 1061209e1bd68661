//! `ReprocessMessages`: everything in quarantine that a filter finds, once more, oldest first.
//!
//! The stream is pulled: a page is processed when the client has room for its answer, so a client that goes away ends it
//! between two messages. Nothing is remembered of it: what was taken has left the quarantine, and what is refused again stands
//! before the place where the call goes on, so that it ends however much is refused.

use std::collections::BTreeMap;

use channel_sdk::fault::FaultCode;
use futures::stream;

use super::{
    channels::ChannelCalls, convert::enums, entrance::BoxStream, error::CallError, filter, principal::Caller,
    request_id,
};
use crate::{
    inbound::{Reprocessed, engine::ReprocessError},
    pb,
    store::{ItemRef, ItemState, QuarantineQuery, QuarantinedItem},
    supervise::outlive,
};

/// Items between two answers: a second's work where each is a commit of its own.
const PAGE: u32 = 100;

impl ChannelCalls {
    pub(super) async fn reprocess_all(
        &self,
        caller: &Caller,
        request: pb::ReprocessMessagesRequest,
    ) -> Result<BoxStream<pb::ReprocessMessagesResponse>, CallError> {
        request_id::check(&request.request_id)?;
        let channel = self.parent(&request.parent).await?;
        let mut query = QuarantineQuery { channel, oldest_first: true, limit: PAGE, ..QuarantineQuery::default() };
        filter::quarantine(&request.filter, &mut query)?;
        if query.state != ItemState::Quarantined {
            return Err(CallError::InvalidFilter("only what is in quarantine is processed again".to_owned()));
        }
        let (calls, by) = (self.clone(), caller.name.clone());
        let run = Run { calls, query, only_counts: request.validate_only, by, sum: Sum::default() };
        Ok(Box::pin(stream::unfold(Some(run), |run| async move {
            let mut run = run?;
            Some(match run.page().await {
                Ok(is_last) => (Ok(run.answer(is_last)), (!is_last).then_some(run)),
                Err(error) => (Err(error.into()), None),
            })
        })))
    }
}

/// A call under way.
struct Run {
    calls: ChannelCalls,
    query: QuarantineQuery,
    only_counts: bool,
    by: String,
    sum: Sum,
}

/// What it has come to.
#[derive(Default)]
struct Sum {
    matched: u64,
    taken: u64,
    already_had: u64,
    refused: u64,
    skipped: u64,
    by_code: BTreeMap<FaultCode, u64>,
}

impl Run {
    /// Deals with a page; says whether it was the last.
    async fn page(&mut self) -> Result<bool, CallError> {
        let found = self.calls.parts.store.quarantine_list(&self.query).await?;
        for items in found.chunk_by(|one, next| one.record.item.message == next.record.item.message) {
            if self.calls.stop.is_cancelled() {
                return Err(CallError::ShuttingDown { last_seq: None });
            }
            self.sum.matched += items.len() as u64;
            if self.only_counts {
                items.iter().for_each(|item| self.sum.count(item));
            } else {
                self.message(items).await?;
            }
        }
        self.query.after = found.last().map(beyond);
        let is_last = found.len() < PAGE as usize;
        if is_last && !self.only_counts {
            let Sum { matched, taken, refused, .. } = self.sum;
            tracing::info!(principal.name = self.by, matched, taken, refused, "reprocessed what was in quarantine");
        }
        Ok(is_last)
    }

    /// Items of one message. A client that goes away meanwhile must not leave them half taken.
    async fn message(&mut self, items: &[QuarantinedItem]) -> Result<(), CallError> {
        let inbound = self.calls.parts.inbound.clone();
        let items: Vec<ItemRef> = items.iter().map(|item| item.record.item).collect();
        let (Some(id), count) = (items.first().map(|item| item.message), items.len() as u64) else { return Ok(()) };
        match outlive(async move { inbound.reprocess_items(id, &items).await }).await {
            Ok(done) => self.sum.add(&done),
            Err(error @ ReprocessError::Intake(_)) => return Err(error.into()),
            Err(ReprocessError::UnderWay | ReprocessError::NoChannel | ReprocessError::NotFound) => {
                self.sum.skipped += count;
            }
            Err(ReprocessError::NotQuarantined(_)) => self.sum.skipped += count,
        }
        Ok(())
    }

    fn answer(&self, done: bool) -> pb::ReprocessMessagesResponse {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let Sum { matched, taken, already_had, refused, skipped, by_code } = &self.sum;
        let by_code = by_code.iter();
        let by_code = by_code.map(|(code, it)| pb::FaultCount { code: enums::fault_code(*code), count: count(*it) });
        pb::ReprocessMessagesResponse {
            matched_count: count(*matched),
            taken_count: count(*taken),
            already_had_count: count(*already_had),
            refused_count: count(*refused),
            skipped_count: count(*skipped),
            fault_counts: by_code.collect(),
            done,
        }
    }
}

/// After an item; after a message that could not be read, all its items that can be now are done.
fn beyond(last: &QuarantinedItem) -> ItemRef {
    let ItemRef { message, index } = last.record.item;
    ItemRef { message, index: if last.record.place.is_empty() { u32::MAX } else { index } }
}

impl Sum {
    fn add(&mut self, done: &Reprocessed) {
        self.taken += u64::from(done.taken);
        self.already_had += u64::from(done.already_had);
        self.refused += u64::from(done.refused);
        self.skipped += u64::from(done.skipped);
        for (code, count) in &done.by_code {
            *self.by_code.entry(*code).or_default() += u64::from(*count);
        }
    }

    fn count(&mut self, item: &QuarantinedItem) {
        if let Some(first) = item.record.faults.first() {
            *self.by_code.entry(first.code).or_default() += 1;
        }
    }
}
