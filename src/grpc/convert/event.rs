//! Events as the contract shows them.

use channel_sdk::model::{Attachment, PetitionKind};

use super::{
    Sight,
    common::{agency, day, legal_basis, named_file, signed, time},
    draft::content,
    enums, names,
    petition::answer,
};
use crate::{
    pb::{self, petition_event::Change},
    petition::{AboutDelivery, Event, EventBody, PetitionId},
    store::DeliveryId,
};

/// What an event itself does not tell of its petition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::grpc) struct Whose {
    /// The petition's channel.
    pub(in crate::grpc) channel: String,
    /// The far side's id.
    pub(in crate::grpc) external_id: String,
    /// The petition's kind.
    pub(in crate::grpc) kind: PetitionKind,
}

/// An event as a caller sees it.
pub(in crate::grpc) fn event(event: Event, whose: &Whose, sight: Sight) -> pb::PetitionEvent {
    let Event { seq, event } = event;
    let id = event.petition_id;
    pb::PetitionEvent {
        seq: signed(seq.0),
        petition: names::petition(id),
        version: signed(event.version),
        event_time: Some(time(event.at)),
        actor: Some(actor(event.actor)),
        channel: names::channel(&whose.channel),
        kind: enums::kind(whose.kind),
        petition_state: None,
        change: Some(change(id, event.body, whose, sight)),
    }
}

fn actor(actor: String) -> pb::Actor {
    let (kind, name) = match actor.strip_prefix("channel:") {
        Some(channel) => (pb::ActorKind::Channel, names::channel(channel)),
        None if actor == "gateway" => (pb::ActorKind::Gateway, String::new()),
        None => (pb::ActorKind::Principal, actor),
    };
    pb::Actor { kind: kind.into(), name }
}

fn change(id: PetitionId, body: EventBody, whose: &Whose, sight: Sight) -> Change {
    let told = |revision, of| Some(content(id, &whose.channel, whose.external_id.clone(), revision, of, sight));
    match body {
        EventBody::Received { channel, external_id, revision, content: of } => {
            Change::Received(pb::Received { content: Some(content(id, &channel, external_id, revision, *of, sight)) })
        }
        EventBody::Amended { revision, content } => Change::Amended(pb::Amended { content: told(revision, *content) }),
        EventBody::LateRevision { revision, content } => {
            Change::LateRevision(pb::LateRevision { content: told(revision, *content) })
        }
        EventBody::AttachmentHeld { id, sha256, size_bytes } => Change::AttachmentHeld(pb::AttachmentHeld {
            attachment_id: i32::try_from(id).unwrap_or(i32::MAX),
            sha256,
            size_bytes: signed(size_bytes),
        }),
        EventBody::Reassigned { to, reason, told_at } => Change::Reassigned(pb::Reassigned {
            to: agency(to),
            reason: sight.remark(reason),
            reassign_time: told_at.map(time),
        }),
        EventBody::InformationProvided { text, attachments, told_at, extensions } => {
            let files = |file: Attachment| named_file(id, file, sight);
            let is_full = sight == Sight::Full;
            let attachments = if is_full { attachments } else { Vec::new() };
            let supplement = pb::Supplement {
                text: sight.text(text),
                attachments: attachments.into_iter().map(files).collect(),
                provide_time: told_at.map(time),
                extensions: if is_full { extensions } else { Default::default() },
            };
            Change::InformationProvided(pb::InformationProvided { supplement: Some(supplement) })
        }
        EventBody::Withdrawn { reason, told_at } => {
            Change::Withdrawn(pb::Withdrawn { reason: sight.remark(reason), withdraw_time: told_at.map(time) })
        }
        EventBody::Rated { score, comment, told_at } => {
            let comment = sight.text(comment);
            let rating = pb::Rating { score: score.into(), comment, rate_time: told_at.map(time) };
            Change::Rated(pb::Rated { rating: Some(rating) })
        }
        noted @ (EventBody::DeliveryFailed { .. }
        | EventBody::DeliveryParked { .. }
        | EventBody::DeliveryResolved { .. }) => delivery(noted, sight),
        EventBody::DifferenceFound { difference, kind, delivery } => Change::DifferenceFound(pb::DifferenceFound {
            difference: names::difference(&whose.channel, difference),
            kind: enums::difference_kind(kind),
            delivery: delivery
                .map(|id| format!("{}/deliveries/{id}", names::channel(&whose.channel)))
                .unwrap_or_default(),
        }),
        EventBody::DifferenceRepaired { difference, kind, outcome } => {
            let (difference, kind) = (names::difference(&whose.channel, difference), enums::difference_kind(kind));
            Change::DifferenceRepaired(pb::DifferenceRepaired { difference, kind, outcome })
        }
        EventBody::DifferenceDismissed { difference, kind, reason } => {
            let (difference, kind) = (names::difference(&whose.channel, difference), enums::difference_kind(kind));
            let reason = sight.remark(reason);
            Change::DifferenceDismissed(pb::DifferenceDismissed { difference, kind, reason })
        }
        decided => decision(id, decided, sight),
    }
}

/// What the ministry decided.
fn decision(id: PetitionId, body: EventBody, sight: Sight) -> Change {
    match body {
        EventBody::Accepted { note } => Change::Accepted(pb::Accepted { note: sight.remark(note) }),
        EventBody::Declined { reason, explanation, legal_basis: basis } => Change::Declined(pb::Declined {
            reason: enums::decline_reason(reason),
            explanation: sight.remark(explanation),
            legal_basis: legal_basis(basis),
        }),
        EventBody::Forwarded { to, reason, legal_basis: basis } => Change::Forwarded(pb::Forwarded {
            to: agency(to),
            reason: sight.remark(reason),
            legal_basis: legal_basis(basis),
        }),
        EventBody::Assigned { unit, note } => {
            Change::Assigned(pb::Assigned { unit: agency(unit), note: sight.remark(note) })
        }
        EventBody::Started { note } => Change::ProcessingStarted(pb::ProcessingStarted { note: sight.remark(note) }),
        EventBody::InformationRequested { question, reply_by } => {
            let question = sight.text(question);
            Change::InformationRequested(pb::InformationRequested { question, reply_by_date: reply_by.map(day) })
        }
        EventBody::DeadlineExtended { due_on, reason, legal_basis: basis } => {
            Change::DeadlineExtended(pb::DeadlineExtended {
                due_date: Some(day(due_on)),
                reason: sight.remark(reason),
                legal_basis: legal_basis(basis),
            })
        }
        EventBody::Answered { answer: it } => Change::Answered(pb::Answered { answer: Some(answer(id, it, sight)) }),
        EventBody::Published => Change::Published(pb::Published {}),
        EventBody::Closed { note } => Change::Closed(pb::Closed { note: sight.remark(note) }),
        EventBody::Reopened { reason } => Change::Reopened(pb::Reopened { reason: sight.remark(reason) }),
        EventBody::Received { .. }
        | EventBody::Amended { .. }
        | EventBody::LateRevision { .. }
        | EventBody::AttachmentHeld { .. }
        | EventBody::Reassigned { .. }
        | EventBody::InformationProvided { .. }
        | EventBody::Withdrawn { .. }
        | EventBody::Rated { .. }
        | EventBody::DeliveryFailed { .. }
        | EventBody::DeliveryParked { .. }
        | EventBody::DeliveryResolved { .. }
        | EventBody::DifferenceFound { .. }
        | EventBody::DifferenceRepaired { .. }
        | EventBody::DifferenceDismissed { .. } => unreachable!("`change` has dealt with these"),
    }
}

/// What became of a delivery.
fn delivery(body: EventBody, sight: Sight) -> Change {
    let name = |of: &AboutDelivery| names::delivery(&of.channel, DeliveryId(of.id));
    match body {
        EventBody::DeliveryFailed { delivery: of, reason } => Change::DeliveryFailed(pb::DeliveryFailed {
            delivery: name(&of),
            errand: of.errand,
            reason: sight.remark(reason),
        }),
        EventBody::DeliveryParked { delivery: of, reason } => Change::DeliveryParked(pb::DeliveryParked {
            delivery: name(&of),
            errand: of.errand,
            reason: sight.remark(reason),
        }),
        EventBody::DeliveryResolved { delivery: of, outcome, reason } => {
            Change::DeliveryResolved(pb::DeliveryResolved {
                delivery: name(&of),
                errand: of.errand,
                outcome: enums::parked_outcome(outcome),
                reason: sight.remark(reason),
            })
        }
        _ => unreachable!("`change` hands on nothing else"),
    }
}
