//! `ChannelService`, second half: deliveries on their way out, and what stands in quarantine on the way in.

use super::{
    channels::{ChannelCalls, reason},
    convert::{
        Sight,
        channel::{delivery, quarantined},
        checks::Checks,
        common, enums, names,
    },
    error::{CallError, Thing},
    filter,
    page::{self, Asked},
    principal::Caller,
    request_id,
};
use crate::{
    decision::{Context, DecisionError},
    inbound::Reprocessed,
    pb,
    petition::{Command, DeliveryNote},
    security::Role,
    store::{
        Delivery, DeliveryId, DeliveryQuery, DeliveryState, ItemRecord, ItemRef, ItemState, MessageId, QuarantineQuery,
        QuarantinedItem, Settle, Settlement,
    },
};

/// Rows a page unless told otherwise.
const PAGE_DEFAULT: u32 = 50;
/// The most deliveries of a page: each is a few lines.
const DELIVERIES_PAGE_MAX: u32 = 1_000;
/// The most items of a page of the quarantine: each carries its faults.
const QUARANTINE_PAGE_MAX: u32 = 200;
/// The most bytes of a raw message in one answer.
const RAW_BYTES_MAX: usize = 1024 * 1024;

impl ChannelCalls {
    pub(super) async fn deliveries(
        &self,
        caller: &Caller,
        request: pb::ListDeliveriesRequest,
    ) -> Result<pb::ListDeliveriesResponse, CallError> {
        let channel = self.parent(&request.parent).await?;
        let asked = Asked::of("ListDeliveries", &[&request.parent, &request.filter]);
        let size = page::size(request.page_size, PAGE_DEFAULT, DELIVERIES_PAGE_MAX);
        let mut query = DeliveryQuery { channel, limit: size + 1, ..DeliveryQuery::default() };
        filter::deliveries(&request.filter, &mut query)?;
        query.after = asked.place(&request.page_token)?.map(|place| read_delivery(&place)).transpose()?;
        let mut found = self.parts.store.delivery_list(&query).await?;
        let next_page_token = cut(&mut found, size, |last| asked.token(&last.id.0.to_string()));
        let sight = Sight::of(caller, 0, Sight::Full);
        let deliveries = found.into_iter().map(|it| delivery(it, Vec::new(), sight)).collect();
        Ok(pb::ListDeliveriesResponse { deliveries, next_page_token })
    }

    pub(super) async fn delivery(
        &self,
        caller: &Caller,
        request: pb::GetDeliveryRequest,
    ) -> Result<pb::GetDeliveryResponse, CallError> {
        let found = self.find_delivery(&request.name).await?;
        Ok(pb::GetDeliveryResponse { delivery: Some(self.with_attempts(caller, found).await?) })
    }

    pub(super) async fn retry(
        &self,
        caller: &Caller,
        request: pb::RetryDeliveryRequest,
    ) -> Result<pb::RetryDeliveryResponse, CallError> {
        request_id::check(&request.request_id)?;
        let found = self.find_delivery(&request.name).await?;
        let duplicate = match found.state {
            DeliveryState::Delivered => return Err(CallError::AlreadyDelivered),
            DeliveryState::Parked => return Err(CallError::DeliveryParked),
            // One that is being attempted at this moment stays as it is.
            DeliveryState::Pending | DeliveryState::DeadLetter => !self.parts.committer.retry(found.id).await?,
        };
        tracing::info!(delivery.id = %found.id.0, principal.name = caller.name, "a delivery was asked to be retried");
        let now = self.find_delivery(&request.name).await?;
        Ok(pb::RetryDeliveryResponse { delivery: Some(self.with_attempts(caller, now).await?), duplicate })
    }

    pub(super) async fn resolve(
        &self,
        caller: &Caller,
        mut request: pb::ResolveDeliveryRequest,
    ) -> Result<pb::ResolveDeliveryResponse, CallError> {
        let mut checks = Checks::default();
        let intent = request_id::parse(&mut checks, "request_id", &std::mem::take(&mut request.request_id));
        let key = request_id::key(caller, "ResolveDelivery", intent, &request);
        let outcome = enums::parse_parked_outcome(request.outcome);
        if outcome.is_none() {
            checks.missing("outcome", "is required: DELIVERED or SEND_AGAIN");
        }
        checks.done()?;
        let outcome = outcome.ok_or(CallError::NotParked)?;
        let reason = reason(request.reason)?;
        let found = self.find_delivery(&request.name).await?;
        let (id, lease) = (found.id, uuid::Uuid::nil());
        let context = Context {
            actor: caller.name.clone(),
            request: Some(key),
            settle: Some(Settle { id, lease, settlement: Settlement::Resolve(outcome) }),
            ..Context::default()
        };
        let note = DeliveryNote::Resolved { outcome, reason };
        let command = Command::NoteDelivery { delivery: found.about(), note };
        let decided =
            self.parts.decisions.decide(found.petition, command, context).await.map_err(|error| match error {
                DecisionError::Unsettled => CallError::NotParked,
                error => error.into(),
            })?;
        tracing::info!(delivery.id = %id.0, principal.name = caller.name, outcome = outcome.as_str(), "a delivery was resolved");
        let delivery = self.with_attempts(caller, self.find_delivery(&request.name).await?).await?;
        Ok(pb::ResolveDeliveryResponse { delivery: Some(delivery), duplicate: decided.repeated })
    }

    pub(super) async fn quarantine(
        &self,
        _: &Caller,
        request: pb::ListQuarantineRequest,
    ) -> Result<pb::ListQuarantineResponse, CallError> {
        let channel = self.parent(&request.parent).await?;
        let asked = Asked::of("ListQuarantine", &[&request.parent, &request.filter]);
        let size = page::size(request.page_size, PAGE_DEFAULT, QUARANTINE_PAGE_MAX);
        let mut query = QuarantineQuery { channel, limit: size + 1, ..QuarantineQuery::default() };
        filter::quarantine(&request.filter, &mut query)?;
        query.after = asked.place(&request.page_token)?.map(|place| read_item(&place)).transpose()?;
        let mut found = self.parts.store.quarantine_list(&query).await?;
        let next_page_token = cut(&mut found, size, |last| asked.token(&write_item(last.record.item)));
        Ok(pb::ListQuarantineResponse { messages: found.into_iter().map(quarantined).collect(), next_page_token })
    }

    pub(super) async fn quarantined_message(
        &self,
        caller: &Caller,
        request: pb::GetQuarantinedMessageRequest,
    ) -> Result<pb::GetQuarantinedMessageResponse, CallError> {
        let item = self.find_item(&request.name).await?;
        let message = item.record.item.message;
        let mut told = quarantined(item);
        if request.include_raw {
            if !caller.roles.contains(Role::Operator) {
                return Err(CallError::RoleMissing(&[Role::Operator]));
            }
            // Personal data in the raw: who looked is told, what they saw is not.
            tracing::info!(message.id = message.0, principal.name = caller.name, "a raw message was read");
            told.raw = self.raw(message, request.raw_offset).await?;
        }
        Ok(pb::GetQuarantinedMessageResponse { message: Some(told) })
    }

    pub(super) async fn reprocess(
        &self,
        caller: &Caller,
        request: pb::ReprocessMessageRequest,
    ) -> Result<pb::ReprocessMessageResponse, CallError> {
        request_id::check(&request.request_id)?;
        let item = self.find_item(&request.name).await?.record.item;
        let Reprocessed { taken, already_had, refused, faults, .. } = self.parts.inbound.reprocess(item).await?;
        tracing::info!(message.id = item.message.0, principal.name = caller.name, taken, refused, "reprocessed");
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Ok(pb::ReprocessMessageResponse {
            message: Some(quarantined(self.find_item(&request.name).await?)),
            taken_count: count(taken),
            already_had_count: count(already_had),
            refused_count: count(refused),
            faults: faults.into_iter().map(common::fault).collect(),
        })
    }

    pub(super) async fn discard(
        &self,
        caller: &Caller,
        request: pb::DiscardMessageRequest,
    ) -> Result<pb::DiscardMessageResponse, CallError> {
        request_id::check(&request.request_id)?;
        let reason = reason(request.reason)?;
        let item = self.find_item(&request.name).await?;
        let duplicate = match item.record.state {
            ItemState::Discarded => true,
            ItemState::Quarantined => false,
            state @ (ItemState::Taken | ItemState::AlreadyHad) => return Err(CallError::NotQuarantined(state)),
        };
        if !duplicate {
            let discarded = Some(format!("{reason} ({})", caller.name));
            let record = ItemRecord { state: ItemState::Discarded, discarded, ..item.record };
            self.parts.committer.items(vec![record]).await?;
        }
        Ok(pb::DiscardMessageResponse { message: Some(quarantined(self.find_item(&request.name).await?)), duplicate })
    }

    /// The channel of a list; `None` for all.
    pub(super) async fn parent(&self, parent: &str) -> Result<Option<String>, CallError> {
        match names::parse_parent(parent)? {
            Some(_) => Ok(Some(self.find("parent", parent).await?.0.to_owned())),
            None => Ok(None),
        }
    }

    async fn find_delivery(&self, name: &str) -> Result<Delivery, CallError> {
        let (channel, id) = names::parse_delivery(name)?;
        let found = self.parts.store.delivery_get(id).await?.filter(|it| it.channel == channel);
        found.ok_or(CallError::NotFound(Thing::Delivery))
    }

    async fn with_attempts(&self, caller: &Caller, found: Delivery) -> Result<pb::Delivery, CallError> {
        let attempts = self.parts.store.attempt_list(found.id).await?;
        Ok(delivery(found, attempts, Sight::of(caller, 0, Sight::Full)))
    }

    async fn find_item(&self, name: &str) -> Result<QuarantinedItem, CallError> {
        let (channel, item) = names::parse_quarantined(name)?;
        let found = self.parts.store.quarantine_get(item).await?.filter(|it| it.channel == channel);
        found.ok_or(CallError::NotFound(Thing::Message))
    }

    /// The bytes of a message from `offset` on.
    async fn raw(&self, id: MessageId, offset: i64) -> Result<bytes::Bytes, CallError> {
        let mut checks = Checks::default();
        let offset = checks.not_negative("raw_offset", offset);
        checks.done()?;
        let body = self.parts.store.message_get(id).await?.ok_or(CallError::NotFound(Thing::Message))?.body;
        let size_bytes = body.len() as u64;
        match usize::try_from(offset) {
            Ok(start) if start <= body.len() => Ok(body.slice(start..body.len().min(start + RAW_BYTES_MAX))),
            _ => Err(CallError::OffsetBeyondEnd { size_bytes }),
        }
    }
}

/// Cuts what was found to a page; the token of the next one, or nothing on the last.
pub(super) fn cut<T>(found: &mut Vec<T>, size: u32, token: impl FnOnce(&T) -> String) -> String {
    let size = size as usize;
    if found.len() <= size {
        return String::new();
    }
    found.truncate(size);
    found.last().map(token).unwrap_or_default()
}

fn read_delivery(place: &str) -> Result<DeliveryId, CallError> {
    place.parse().map(DeliveryId).map_err(|_| CallError::InvalidPageToken)
}

fn write_item(item: ItemRef) -> String {
    format!("{} {}", item.message.0, item.index)
}

fn read_item(place: &str) -> Result<ItemRef, CallError> {
    let item = place.split_once(' ').and_then(|(message, index)| {
        Some(ItemRef { message: MessageId(message.parse().ok()?), index: index.parse().ok()? })
    });
    item.ok_or(CallError::InvalidPageToken)
}
