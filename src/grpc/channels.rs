//! `ChannelService`: what operators do with channels and their code lists. Deliveries and the quarantine stand in
//! [`super::errands`], the quarantine in bulk in [`super::reprocess`], reconciliation in [`super::reconciliation`].

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{
    Parts,
    convert::{
        channel::{Cursors, channel, code_list, gateway},
        checks::Checks,
        names,
    },
    entrance::{BoxStream, bounded, deadline},
    error::{CallError, Thing},
    principal::{Caller, caller},
    request_id,
};
use crate::{
    channels::DIRECT,
    channels::health_among,
    pb::{self, channel_service_server::ChannelService},
    store::ChannelState,
};

/// The longest reason that an operator gives, in bytes: a line in a list.
const REASON_BYTES_MAX: usize = 1_000;

/// What operators do with channels.
#[derive(Clone)]
pub(super) struct ChannelCalls {
    pub(super) parts: Parts,
    /// Streams end when the gateway stops.
    pub(super) stop: CancellationToken,
}

impl ChannelCalls {
    async fn gateways(&self, _: &Caller, _: pb::ListGatewaysRequest) -> Result<pb::ListGatewaysResponse, CallError> {
        let turns = &self.parts.turns;
        let mut gateways = vec![gateway(turns.about(), &turns.held(), true)];
        let mut others = self.parts.store.gateway_list_others().await?;
        others.sort_by_key(|other| (other.about.since, other.id));
        gateways.extend(others.iter().map(|other| gateway(&other.about, &other.holds, false)));
        Ok(pb::ListGatewaysResponse { gateways })
    }

    async fn list(&self, _: &Caller, _: pb::ListChannelsRequest) -> Result<pb::ListChannelsResponse, CallError> {
        let states = self.parts.store.channel_list().await?;
        let running = self.parts.channels.iter().map(|it| it.name.as_str());
        let mut names: Vec<&str> = running.chain(states.iter().map(|it| it.name.as_str())).chain([DIRECT]).collect();
        names.sort_unstable();
        names.dedup();
        let mut channels = Vec::with_capacity(names.len());
        for name in names {
            let state = states.iter().find(|it| it.name == name);
            channels.push(self.rendered(name, state).await?);
        }
        Ok(pb::ListChannelsResponse { channels })
    }

    async fn get(&self, _: &Caller, request: pb::GetChannelRequest) -> Result<pb::GetChannelResponse, CallError> {
        let (name, state) = self.find("name", &request.name).await?;
        Ok(pb::GetChannelResponse { channel: Some(self.rendered(name, state.as_ref()).await?) })
    }

    async fn pause(
        &self,
        caller: &Caller,
        request: pb::PauseChannelRequest,
    ) -> Result<pb::PauseChannelResponse, CallError> {
        request_id::check(&request.request_id)?;
        let reason = reason(request.reason)?;
        let (name, was_paused) = self.pausable(&request.name).await?;
        if !was_paused {
            self.parts.committer.pause(name, true, &format!("{reason} ({})", caller.name)).await?;
            tracing::info!(channel.name = name, principal.name = caller.name, "a channel was paused");
        }
        Ok(pb::PauseChannelResponse { channel: Some(self.now(name).await?), duplicate: was_paused })
    }

    async fn resume(
        &self,
        caller: &Caller,
        request: pb::ResumeChannelRequest,
    ) -> Result<pb::ResumeChannelResponse, CallError> {
        request_id::check(&request.request_id)?;
        let (name, was_paused) = self.pausable(&request.name).await?;
        if was_paused {
            self.parts.committer.pause(name, false, "").await?;
            tracing::info!(channel.name = name, principal.name = caller.name, "a channel was resumed");
            self.pull_at_once(name).await?;
        }
        Ok(pb::ResumeChannelResponse { channel: Some(self.now(name).await?), duplicate: !was_paused })
    }

    async fn sync(&self, _: &Caller, request: pb::SyncChannelRequest) -> Result<pb::SyncChannelResponse, CallError> {
        request_id::check(&request.request_id)?;
        let (name, state) = self.find("name", &request.name).await?;
        if state.as_ref().is_some_and(|it| it.paused) {
            return Err(CallError::ChannelPaused);
        }
        if self.parts.channels.get(name).is_none_or(|channel| channel.poll.is_empty()) {
            return Err(CallError::NoFeeds);
        }
        let channel = self.rendered(name, state.as_ref()).await?;
        self.pull_at_once(name).await?;
        Ok(pb::SyncChannelResponse { channel: Some(channel) })
    }

    async fn code_lists(
        &self,
        _: &Caller,
        request: pb::ListCodeListsRequest,
    ) -> Result<pb::ListCodeListsResponse, CallError> {
        let (name, _) = self.find("parent", &request.parent).await?;
        let lists = self.parts.store.code_list_of(name).await?;
        Ok(pb::ListCodeListsResponse { code_lists: lists.into_iter().map(|it| code_list(name, it)).collect() })
    }

    /// The channel of a name, configured or known from what was stored; or a refusal.
    pub(super) async fn find<'n>(
        &self,
        field: &str,
        name: &'n str,
    ) -> Result<(&'n str, Option<ChannelState>), CallError> {
        let name = names::parse_channel(field, name)?;
        let state = self.parts.store.channel_list().await?.into_iter().find(|it| it.name == name);
        if state.is_none() && name != DIRECT && self.parts.channels.get(name).is_none() {
            return Err(CallError::NotFound(Thing::Channel));
        }
        Ok((name, state))
    }

    /// A channel that has a far side, and whether it is paused.
    async fn pausable<'n>(&self, name: &'n str) -> Result<(&'n str, bool), CallError> {
        let (name, state) = self.find("name", name).await?;
        if self.parts.channels.get(name).is_none() {
            return Err(CallError::ChannelNotPausable);
        }
        Ok((name, state.is_some_and(|it| it.paused)))
    }

    /// The channel as it stands now.
    async fn now(&self, name: &str) -> Result<pb::Channel, CallError> {
        let state = self.parts.store.channel_list().await?.into_iter().find(|it| it.name == name);
        self.rendered(name, state.as_ref()).await
    }

    async fn rendered(&self, name: &str, state: Option<&ChannelState>) -> Result<pb::Channel, CallError> {
        let running = self.parts.channels.get(name);
        let health = match running {
            Some(running) => Some(health_among(running.health(), name, &self.parts.store.gateway_list_others().await?)),
            None => None,
        };
        let mut cursors = Cursors::new();
        for feed in running.iter().flat_map(|channel| channel.poll.keys()) {
            cursors.push((feed.clone(), self.parts.store.cursor_get(name, feed).await?));
        }
        Ok(channel(name, running.map(AsRef::as_ref).zip(health), state, cursors))
    }

    /// Has every feed that waits for its interval asked at once, by whichever gateway looks after the channel.
    async fn pull_at_once(&self, name: &str) -> Result<(), CallError> {
        if let Some(channel) = self.parts.channels.get(name) {
            channel.sync.notify_waiters();
        }
        Ok(self.parts.committer.sync(name).await?)
    }
}

/// Reads an operator's reason.
pub(super) fn reason(reason: String) -> Result<String, CallError> {
    let mut checks = Checks::default();
    if reason.trim().is_empty() {
        checks.missing("reason", "thiếu lý do (why, for the other operators, without personal data)");
    }
    let reason = checks.text("reason", reason, REASON_BYTES_MAX);
    checks.done()?;
    Ok(reason)
}

macro_rules! ask {
    ($self:ident.$method:ident($request:ident)) => {{
        let caller = caller(&$request)?;
        Ok(Response::new($self.$method(&caller, $request.into_inner()).await?))
    }};
}

macro_rules! stream {
    ($self:ident.$method:ident($request:ident)) => {{
        let (deadline, caller) = (deadline(&$request), caller(&$request)?);
        let stream = $self.$method(&caller, $request.into_inner()).await?;
        Ok(Response::new(bounded(stream, deadline)))
    }};
}

/// A method's response, or why there is none.
type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
#[rustfmt::skip]
impl ChannelService for ChannelCalls {
    type ReconcileChannelStream = BoxStream<pb::ReconcileChannelResponse>;
    type RepairDifferencesStream = BoxStream<pb::RepairDifferencesResponse>;
    type ReprocessMessagesStream = BoxStream<pb::ReprocessMessagesResponse>;

    async fn list_gateways(&self, request: Request<pb::ListGatewaysRequest>) -> Answer<pb::ListGatewaysResponse> { ask!(self.gateways(request)) }
    async fn list_channels(&self, request: Request<pb::ListChannelsRequest>) -> Answer<pb::ListChannelsResponse> { ask!(self.list(request)) }
    async fn get_channel(&self, request: Request<pb::GetChannelRequest>) -> Answer<pb::GetChannelResponse> { ask!(self.get(request)) }
    async fn pause_channel(&self, request: Request<pb::PauseChannelRequest>) -> Answer<pb::PauseChannelResponse> { ask!(self.pause(request)) }
    async fn resume_channel(&self, request: Request<pb::ResumeChannelRequest>) -> Answer<pb::ResumeChannelResponse> { ask!(self.resume(request)) }
    async fn sync_channel(&self, request: Request<pb::SyncChannelRequest>) -> Answer<pb::SyncChannelResponse> { ask!(self.sync(request)) }
    async fn list_code_lists(&self, request: Request<pb::ListCodeListsRequest>) -> Answer<pb::ListCodeListsResponse> { ask!(self.code_lists(request)) }
    async fn list_deliveries(&self, request: Request<pb::ListDeliveriesRequest>) -> Answer<pb::ListDeliveriesResponse> { ask!(self.deliveries(request)) }
    async fn get_delivery(&self, request: Request<pb::GetDeliveryRequest>) -> Answer<pb::GetDeliveryResponse> { ask!(self.delivery(request)) }
    async fn resolve_delivery(&self, request: Request<pb::ResolveDeliveryRequest>) -> Answer<pb::ResolveDeliveryResponse> { ask!(self.resolve(request)) }
    async fn retry_delivery(&self, request: Request<pb::RetryDeliveryRequest>) -> Answer<pb::RetryDeliveryResponse> { ask!(self.retry(request)) }
    async fn list_quarantine(&self, request: Request<pb::ListQuarantineRequest>) -> Answer<pb::ListQuarantineResponse> { ask!(self.quarantine(request)) }
    async fn get_quarantined_message(&self, request: Request<pb::GetQuarantinedMessageRequest>) -> Answer<pb::GetQuarantinedMessageResponse> { ask!(self.quarantined_message(request)) }
    async fn reprocess_message(&self, request: Request<pb::ReprocessMessageRequest>) -> Answer<pb::ReprocessMessageResponse> { ask!(self.reprocess(request)) }
    async fn reconcile_channel(&self, request: Request<pb::ReconcileChannelRequest>) -> Answer<Self::ReconcileChannelStream> { stream!(self.reconcile(request)) }
    async fn list_differences(&self, request: Request<pb::ListDifferencesRequest>) -> Answer<pb::ListDifferencesResponse> { ask!(self.differences(request)) }
    async fn repair_differences(&self, request: Request<pb::RepairDifferencesRequest>) -> Answer<Self::RepairDifferencesStream> { stream!(self.repair(request)) }
    async fn dismiss_difference(&self, request: Request<pb::DismissDifferenceRequest>) -> Answer<pb::DismissDifferenceResponse> { ask!(self.dismiss(request)) }
    async fn reprocess_messages(&self, request: Request<pb::ReprocessMessagesRequest>) -> Answer<Self::ReprocessMessagesStream> { stream!(self.reprocess_all(request)) }
    async fn discard_message(&self, request: Request<pb::DiscardMessageRequest>) -> Answer<pb::DiscardMessageResponse> { ask!(self.discard(request)) }
}
