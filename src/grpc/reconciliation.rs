//! `ChannelService`, third part: reconciliation with a channel's far side, and what is done about the differences.
//!
//! A run is the gateway's that looks after the channel; here it is only asked for and followed in the store, so that any
//! gateway can be asked, and nobody who goes away ends it.

use std::time::Duration;

use futures::stream;
use uuid::Uuid;

use super::{
    channels::{ChannelCalls, reason},
    convert::{
        common::signed,
        enums, names,
        reconciliation::{difference, reconciliation},
    },
    entrance::BoxStream,
    errands::cut,
    error::{CallError, Thing},
    filter,
    page::{self, Asked},
    principal::Caller,
    request_id,
};
use crate::{
    committer::Urgency,
    pb,
    reconcile::{
        Reconciler,
        repair::{Repaired, Wanted},
    },
    store::{Difference, DifferenceQuery, DifferenceState, Reconciliation, RunState},
};

/// Rows a page unless told otherwise.
const PAGE_DEFAULT: u32 = 50;
/// The most differences of a page: each is a few lines.
const DIFFERENCES_PAGE_MAX: u32 = 1_000;
/// How often a run is looked at while somebody follows it.
const LOOK: Duration = Duration::from_millis(300);

impl ChannelCalls {
    pub(super) async fn reconcile(
        &self,
        caller: &Caller,
        request: pb::ReconcileChannelRequest,
    ) -> Result<BoxStream<pb::ReconcileChannelResponse>, CallError> {
        request_id::check(&request.request_id)?;
        let name = self.listable("name", &request.name).await?.to_owned();
        let run = self.reconciler().begin(&name).await?.ok_or(CallError::NotListable)?;
        tracing::info!(channel.name = %name, principal.name = caller.name, "a reconciliation was asked for");
        let (calls, id) = (self.clone(), run.id);
        let told = stream::unfold(Some((calls, name, None::<Reconciliation>)), move |following| async move {
            let (calls, name, before) = following?;
            match calls.followed(&name, id, before.as_ref()).await {
                Ok(now) => {
                    let response = pb::ReconcileChannelResponse { reconciliation: Some(reconciliation(now.clone())) };
                    let next = now.ended_at.is_none().then_some((calls, name, Some(now)));
                    Some((Ok(response), next))
                }
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        Ok(Box::pin(told))
    }

    /// The run once it is further than it was.
    async fn followed(
        &self,
        channel: &str,
        id: Uuid,
        before: Option<&Reconciliation>,
    ) -> Result<Reconciliation, CallError> {
        loop {
            let last = self.parts.store.reconciliation_last(channel).await?;
            match last {
                // Another has begun since, so this one has ended.
                Some(last) if last.id != id => {
                    let ended = before.cloned().unwrap_or(last);
                    return Ok(Reconciliation {
                        state: RunState::Done,
                        ended_at: Some(self.parts.clock.now()),
                        ..ended
                    });
                }
                Some(now) if before != Some(&now) => return Ok(now),
                _ => {}
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(CallError::ShuttingDown { last_seq: None }),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    pub(super) async fn differences(
        &self,
        _: &Caller,
        request: pb::ListDifferencesRequest,
    ) -> Result<pb::ListDifferencesResponse, CallError> {
        let channel = self.parent(&request.parent).await?;
        let asked = Asked::of("ListDifferences", &[&request.parent, &request.filter]);
        let size = page::size(request.page_size, PAGE_DEFAULT, DIFFERENCES_PAGE_MAX);
        let mut query = DifferenceQuery { channel, limit: size + 1, ..DifferenceQuery::default() };
        filter::differences(&request.filter, &mut query)?;
        let read = |place: String| place.parse().map_err(|_| CallError::InvalidPageToken);
        query.after = asked.place(&request.page_token)?.map(read).transpose()?;
        let mut found = self.parts.store.difference_list(&query).await?;
        let next_page_token = cut(&mut found, size, |last| asked.token(&last.id.to_string()));
        Ok(pb::ListDifferencesResponse { differences: found.into_iter().map(difference).collect(), next_page_token })
    }

    pub(super) async fn repair(
        &self,
        caller: &Caller,
        request: pb::RepairDifferencesRequest,
    ) -> Result<BoxStream<pb::RepairDifferencesResponse>, CallError> {
        request_id::check(&request.request_id)?;
        let channel = self.listable("parent", &request.parent).await?.to_owned();
        let one = match request.difference.as_str() {
            "" => None,
            name => Some(self.find_difference("difference", name).await?.id),
        };
        let wanted = Wanted { channel, kind: enums::parse_difference_kind(request.kind), one };
        tracing::info!(channel.name = %wanted.channel, principal.name = caller.name, "repairs were asked for");
        let work = Work { calls: self.clone(), wanted, actor: caller.name.clone(), done: Repaired::default() };
        let told = stream::unfold(Some(work), |work| async move {
            let mut work = work?;
            match work.some().await {
                Ok(is_over) => Some((Ok(rendered(&work.done)), (!is_over).then_some(work))),
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        Ok(Box::pin(told))
    }

    pub(super) async fn dismiss(
        &self,
        caller: &Caller,
        request: pb::DismissDifferenceRequest,
    ) -> Result<pb::DismissDifferenceResponse, CallError> {
        request_id::check(&request.request_id)?;
        let reason = reason(request.reason)?;
        let found = self.find_difference("name", &request.name).await?;
        let duplicate = found.state != DifferenceState::Open;
        if !duplicate {
            self.reconciler().dismiss(&found, &reason, &caller.name).await?;
        }
        let now = self.find_difference("name", &request.name).await?;
        Ok(pb::DismissDifferenceResponse { difference: Some(difference(now)), duplicate })
    }

    async fn find_difference(&self, field: &str, name: &str) -> Result<Difference, CallError> {
        let (channel, id) = names::parse_difference(field, name)?;
        let found = self.parts.store.difference_get(id).await?.filter(|it| it.channel == channel);
        found.ok_or(CallError::NotFound(Thing::Difference))
    }

    /// A channel that runs, is not paused, and whose far side can be listed.
    async fn listable<'n>(&self, field: &str, name: &'n str) -> Result<&'n str, CallError> {
        let (name, state) = self.find(field, name).await?;
        if !self.parts.channels.get(name).is_some_and(|it| it.enabled && it.abilities.lists) {
            return Err(CallError::NotListable);
        }
        match state.is_some_and(|it| it.paused) {
            true => Err(CallError::ChannelPaused),
            false => Ok(name),
        }
    }

    fn reconciler(&self) -> Reconciler {
        let parts = &self.parts;
        Reconciler {
            store: parts.store.clone(),
            committer: parts.committer.with(Urgency::Bulk),
            decisions: parts.decisions.clone(),
            inbound: parts.inbound.clone(),
            channels: parts.channels.clone(),
            clock: parts.clock.clone(),
        }
    }
}

/// Repairs that go on while somebody listens.
struct Work {
    calls: ChannelCalls,
    wanted: Wanted,
    actor: String,
    done: Repaired,
}

impl Work {
    /// Repairs some more; whether that was all.
    async fn some(&mut self) -> Result<bool, CallError> {
        if self.calls.stop.is_cancelled() {
            return Err(CallError::ShuttingDown { last_seq: None });
        }
        let reconciler = self.calls.reconciler();
        let now = reconciler.repair_some(&self.wanted, self.done.after, &self.actor).await?;
        self.done.repaired += now.repaired;
        self.done.left += now.left;
        self.done.failed += now.failed;
        self.done.failure = now.failure.or(self.done.failure.take());
        self.done.after = now.after;
        Ok(self.done.after.is_none())
    }
}

fn rendered(done: &Repaired) -> pb::RepairDifferencesResponse {
    pb::RepairDifferencesResponse {
        repaired_count: signed(done.repaired),
        left_count: signed(done.left),
        failed_count: signed(done.failed),
        failure: done.failure.clone().unwrap_or_default(),
    }
}
