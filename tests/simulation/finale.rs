//! What must hold when everything is well again: nothing lost, nothing doubled, nothing out of order, everything accounted
//! for, on both ends.

use channel_sdk::{notice::NoticeKind, sandbox::Account};
use petition_gateway::{
    petition::PetitionId,
    store::{Delivery, DeliveryQuery, DeliveryState, Errand, ItemRef, MessageState},
};

use crate::{far::Side, office::OFFICER, pushes, world::World};

/// Looks through both ends.
pub(crate) async fn audit(world: &World) {
    for side in &world.sides {
        pushes::acknowledged(world, side);
        for complaint in side.far.complaints() {
            world.broken(format!("{} complains: {complaint}", side.name));
        }
        for account in side.far.accounts() {
            audit_account(world, side, &account).await;
        }
    }
    audit_messages(world).await;
    audit_calls(world).await;
    world.tell("world", "is found well");
}

/// What one far side has of one petition is what it was sent: each message once, in order.
async fn audit_account(world: &World, side: &Side, account: &Account) {
    let key = (side.name.to_owned(), account.external_id.clone());
    let id = world.model.lock().unwrap().by_external_id.get(&key).copied();
    let Some(id) = id else {
        let is_lost = account.handed_out && account.sound;
        return world.check(!is_lost, || format!("{} {} was handed out, and is lost", side.name, key.1));
    };
    world.check(account.sound, || format!("{} {} is broken, and was taken in", side.name, key.1));
    let name = world.trace.name("petition", id.0);
    let revision = world.model.lock().unwrap().petitions[&id].revision;
    world.check(revision == account.revision, || {
        format!("{name} stands at revision {revision}, {} is at {}", side.name, account.revision)
    });
    let mut owed = deliveries_of(world, id).await;
    // Newest first, as they are listed.
    owed.reverse();
    let given_up: Vec<_> = owed.iter().filter(|it| it.state != DeliveryState::Delivered).collect();
    if let Some(delivery) = given_up.first() {
        let reason = delivery.reason.as_deref().unwrap_or_default();
        let name = world.trace.name("delivery", delivery.id.0);
        return world.broken(format!("{name} is {:?} ({reason})", delivery.state));
    }
    let told: Vec<(String, Option<&str>)> =
        owed.iter().filter_map(|it| status_of(side, it).map(|status| (it.id.0.to_string(), status))).collect();
    let expected: Vec<&str> = told.iter().filter_map(|(_, status)| *status).collect();
    let same = account.statuses.len() == told.len()
        && account
            .statuses
            .iter()
            .zip(&told)
            .all(|(at_far_side, (_, status))| status.is_none_or(|it| it == at_far_side));
    world.check(same, || {
        format!("{name}: {} has {:?}, it was sent {} ({expected:?})", side.name, account.statuses, told.len())
    });
    if let Some(register) = &side.register {
        for (key, _) in told {
            let times = register.times_told(&key);
            world.check(times == 1, || {
                format!("{} was told {} {times} times", side.name, world.trace.name_of_key(&key))
            });
        }
        return;
    }
    for (key, _) in told {
        let reached = side.reached.lock().unwrap().contains_key(&key);
        world.check(reached, || {
            format!("{} is delivered, and never reached {}", world.trace.name_of_key(&key), side.name)
        });
    }
}

async fn deliveries_of(world: &World, petition: PetitionId) -> Vec<Delivery> {
    let query = DeliveryQuery { petition: Some(petition), limit: 1_000, ..DeliveryQuery::default() };
    let listed = world.store.delivery_list(&query).await.unwrap();
    let known = world.model.lock().unwrap().deliveries.values().filter(|it| it.petition == petition).count();
    world.check(listed.len() == known, || {
        format!(
            "{}: {known} deliveries were made, {} are there",
            world.trace.name("petition", petition.0),
            listed.len()
        )
    });
    listed
}

/// Whether a notice adds to what the far side was told, and as which of its codes, where that is known.
fn status_of(side: &Side, delivery: &Delivery) -> Option<Option<&'static str>> {
    let Errand::Tell { notice } = &delivery.errand else { return None };
    let kind = notice.body.kind();
    // A register writes down everything.
    if side.register.is_some() {
        return Some(None);
    }
    if kind == NoticeKind::Received {
        return None;
    }
    if side.name != "portal" {
        return Some(None);
    }
    Some(Some(match kind {
        NoticeKind::Accepted => "03",
        NoticeKind::InformationRequested => "05",
        NoticeKind::Answered => "06",
        NoticeKind::Declined => "07",
        NoticeKind::Forwarded => "08",
        NoticeKind::Published => "09",
        NoticeKind::Closed => "11",
        _ => "04",
    }))
}

/// Every message that was journalled is dealt with, and each of its items is accounted for.
async fn audit_messages(world: &World) {
    let messages: Vec<_> = world.model.lock().unwrap().messages.iter().copied().collect();
    for id in messages {
        let message = world.store.message_get(id).await.unwrap();
        let is_done = message.as_ref().is_some_and(|it| it.state == MessageState::Done);
        world.check(is_done, || format!("message {} is lost or was never dealt with", id.0));
        let Some(message) = message else { continue };
        let Some(side) = world.sides.iter().find(|side| side.name == message.channel) else { continue };
        let raw = channel_sdk::adapter::RawMessage {
            entrance: message.entrance,
            route: message.route,
            content_type: message.content_type,
            received_at: message.received_at,
            body: message.body,
        };
        let items = side.adapter.decode(&raw).map_or(1, |decoded| decoded.items.len());
        for index in 0..u32::try_from(items).unwrap() {
            let item = world.store.quarantine_get(ItemRef { message: id, index }).await.unwrap();
            world.check(item.is_some(), || format!("item {index} of message {} is not accounted for", id.0));
        }
    }
}

/// Whatever an officer was told was done is one event, and nothing was done twice.
async fn audit_calls(world: &World) {
    let cases: Vec<_> = {
        let office = world.office.lock().unwrap();
        office.cases.iter().map(|(id, case)| (*id, case.told.clone())).collect()
    };
    for (id, told) in cases {
        let events = world.store.event_list_of(id).await.unwrap();
        let by_officer: Vec<_> = events.iter().filter(|it| it.event.actor == OFFICER).map(|it| it.seq).collect();
        world.check(by_officer == told, || {
            let name = world.trace.name("petition", id.0);
            format!("{name}: officers were told of events {told:?}, and {by_officer:?} are theirs")
        });
    }
}
