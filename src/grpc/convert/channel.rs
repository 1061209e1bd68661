//! Channels, deliveries, messages and the quarantine, as the contract shows them.

use std::collections::BTreeSet;

use channel_sdk::inbound::CodeList;

use super::{
    Sight,
    common::{fault, named_file, signed, time},
    enums, names,
};
use crate::{
    channels::{Channel, DIRECT},
    pb,
    store::{
        self, BreakerState, ChannelHealth, ChannelState, Delivery, DeliveryState, Errand, GatewayAbout, ItemRecord,
        QuarantinedItem,
    },
};

/// What each feed's cursor is, by the feed's name.
pub(in crate::grpc) type Cursors = Vec<(String, Option<String>)>;

/// A gateway, with the channels that it looks after.
pub(in crate::grpc) fn gateway(about: &GatewayAbout, channels: &BTreeSet<String>, is_self: bool) -> pb::Gateway {
    pb::Gateway {
        node: about.node.clone(),
        self_: is_self,
        version: about.version.clone(),
        start_time: Some(time(about.since)),
        channels: channels.iter().map(|name| names::channel(name)).collect(),
    }
}

/// A channel, from what is running, what is stored of it, or both.
pub(in crate::grpc) fn channel(
    name: &str,
    running: Option<(&Channel, ChannelHealth)>,
    state: Option<&ChannelState>,
    cursors: Cursors,
) -> pb::Channel {
    let mut told = pb::Channel { name: names::channel(name), ..pb::Channel::default() };
    told.state = pb::ChannelState::Active.into();
    if name == DIRECT {
        told.kind = DIRECT.to_owned();
    }
    if let Some(state) = state {
        add_state(&mut told, state);
    }
    if let Some((running, health)) = running {
        add_running(&mut told, running, &health, cursors);
    }
    told
}

fn add_state(told: &mut pb::Channel, state: &ChannelState) {
    if state.paused {
        told.state = pb::ChannelState::Paused.into();
        told.pause_reason.clone_from(&state.paused_reason);
    }
    told.last_inbound_time = state.last_inbound_at.map(time);
    told.last_delivery_time = state.last_delivered_at.map(time);
    told.petition_count = signed(state.petitions);
    told.parked_delivery_count = signed(state.parked);
    told.pending_delivery_count = signed(state.pending);
    told.dead_letter_count = signed(state.dead_letters);
    told.quarantined_count = signed(state.quarantined);
}

fn add_running(told: &mut pb::Channel, running: &Channel, health: &ChannelHealth, cursors: Cursors) {
    running.kind.clone_into(&mut told.kind);
    told.agency.clone_from(&running.agency);
    told.address.clone_from(&running.base_url);
    let far_side = match (health.failure(), health.last_success_at) {
        (Some(_), _) => pb::FarSideState::Failing,
        (None, Some(_)) => pb::FarSideState::Reachable,
        (None, None) => pb::FarSideState::Unspecified,
    };
    told.far_side = far_side.into();
    if let Some((what, at, why)) = health.failure() {
        told.last_fault = format!("{what}: {why}");
        told.last_fault_time = Some(time(at));
    }
    told.breaker_state = match health.breaker.map(|it| it.state) {
        None => pb::BreakerState::Shut,
        Some(BreakerState::Open) => pb::BreakerState::Open,
        Some(BreakerState::Probing) => pb::BreakerState::Probing,
    }
    .into();
    told.breaker_until = health.breaker.map(|it| time(it.until));
    told.last_success_time = health.last_success_at.map(time);
    told.last_scan_time = health.last_scan_at.map(time);
    told.carried_notices = running.abilities.carries.iter().map(|kind| enums::notice_kind(*kind)).collect();
    let interval = |feed: &str| running.poll.get(feed).copied();
    told.feeds = cursors
        .into_iter()
        .map(|(feed, cursor)| pb::Feed {
            interval: interval(&feed).and_then(|it| prost_types::Duration::try_from(it).ok()),
            feed,
            cursor: cursor.unwrap_or_default(),
        })
        .collect();
}

/// A delivery, with its attempts where they were asked for.
pub(in crate::grpc) fn delivery(delivery: Delivery, attempts: Vec<store::Attempt>, sight: Sight) -> pb::Delivery {
    let is_pending = delivery.state == DeliveryState::Pending;
    let (external_id, notice, fetch) = match delivery.errand {
        Errand::Tell { notice } => (notice.external_id, enums::notice_kind(notice.body.kind()), None),
        Errand::Fetch { external_id, attachment_id, attachment } => {
            let mut file = named_file(delivery.petition, attachment, sight);
            file.id = i32::try_from(attachment_id).unwrap_or(i32::MAX);
            (external_id, 0, Some(file))
        }
    };
    pb::Delivery {
        name: names::delivery(&delivery.channel, delivery.id),
        petition: names::petition(delivery.petition),
        external_id,
        notice,
        fetch,
        state: enums::delivery_state(delivery.state),
        create_time: Some(time(delivery.created_at)),
        next_attempt_time: is_pending.then(|| time(delivery.next_at)),
        attempt_count: i32::try_from(delivery.attempts).unwrap_or(i32::MAX),
        end_time: delivery.ended_at.map(time),
        reason: sight.remark(delivery.reason.unwrap_or_default()),
        remote_reference: delivery.remote_reference.unwrap_or_default(),
        attempts: attempts.into_iter().map(|it| attempt(it, sight)).collect(),
        in_doubt: delivery.in_doubt,
    }
}

fn attempt(attempt: store::Attempt, sight: Sight) -> pb::Attempt {
    let verdict = match attempt.verdict.as_str() {
        "delivered" => pb::AttemptVerdict::Delivered,
        "retry" => pb::AttemptVerdict::Retry,
        "reject" => pb::AttemptVerdict::Reject,
        "unknown" => pb::AttemptVerdict::Unknown,
        "handed_over" => pb::AttemptVerdict::HandedOver,
        "park" => pb::AttemptVerdict::Park,
        _ => pb::AttemptVerdict::Unspecified,
    };
    pb::Attempt {
        number: i32::try_from(attempt.number).unwrap_or(i32::MAX),
        end_time: Some(time(attempt.at)),
        verdict: verdict.into(),
        reason: sight.remark(attempt.reason.unwrap_or_default()),
    }
}

/// An item with the message that it came in.
pub(in crate::grpc) fn quarantined(item: QuarantinedItem) -> pb::QuarantinedMessage {
    let message = message(&item);
    let record = item.record;
    pb::QuarantinedMessage {
        name: names::quarantined(&item.channel, record.item),
        message: Some(message),
        place: record.place,
        external_id: record.external_id.unwrap_or_default(),
        state: enums::item_state(record.state),
        faults: record.faults.into_iter().map(fault).collect(),
        petition: record.petition.map(names::petition).unwrap_or_default(),
        discard_reason: record.discarded.unwrap_or_default(),
        raw: bytes::Bytes::new(),
    }
}

/// An item of a dossier.
pub(in crate::grpc) fn journalled(item: QuarantinedItem) -> pb::JournalledItem {
    let message = message(&item);
    let ItemRecord { place, state, faults, .. } = item.record;
    pb::JournalledItem {
        message: Some(message),
        place,
        state: enums::item_state(state),
        faults: faults.into_iter().map(fault).collect(),
    }
}

fn message(item: &QuarantinedItem) -> pb::JournalledMessage {
    pb::JournalledMessage {
        name: names::message(&item.channel, item.record.item.message),
        entrance: enums::entrance(item.entrance),
        route: item.route.clone(),
        content_type: item.content_type.clone(),
        size_bytes: signed(item.size_bytes),
        sha256: item.sha256.clone(),
        receive_time: Some(time(item.received_at)),
    }
}

/// A code list.
pub(in crate::grpc) fn code_list(channel: &str, list: CodeList) -> pb::CodeList {
    let entry = |(code, display_name)| pb::CodeListEntry { code, display_name };
    pb::CodeList {
        name: format!("channels/{channel}/codeLists/{}", list.name),
        entries: list.entries.into_iter().map(entry).collect(),
    }
}
