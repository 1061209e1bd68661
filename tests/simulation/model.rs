//! What must hold after every single write: the checks, and the little that they must remember.
//!
//! The model is built from what the store itself shows (its events, its deliveries), never from what somebody meant to
//! write; so a store that lies is found out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use petition_gateway::{
    petition::{Event, EventBody, Petition, PetitionId, Seq},
    store::{
        Change, Claim, Claimed, Committed, DeliveryId, DeliveryState, Errand, MessageId, Settle, Settlement, Write,
        Written,
    },
};

use crate::world::World;

/// A delivery, as far as its order and its leases go.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) petition: PetitionId,
    pub(crate) channel: String,
    lane: Option<String>,
    /// When the lease under which it is attempted ends, by the store's clock.
    leased_until: Option<Timestamp>,
}

/// What is remembered.
#[derive(Default)]
pub(crate) struct Model {
    last: Seq,
    pub(crate) petitions: BTreeMap<PetitionId, Petition>,
    pub(crate) by_external_id: BTreeMap<(String, String), PetitionId>,
    pub(crate) deliveries: BTreeMap<DeliveryId, Owed>,
    lanes: BTreeMap<(String, String), Vec<DeliveryId>>,
    pub(crate) messages: BTreeSet<MessageId>,
}

impl Model {
    pub(crate) fn last_seq(&self) -> Seq {
        self.last
    }

    fn remember(&mut self, change: &Change) {
        for new in &change.deliveries {
            let (channel, lane) = (new.channel.clone(), new.lane.clone());
            if let Some(lane) = &lane {
                self.lanes.entry((channel.clone(), lane.clone())).or_default().push(new.id);
            }
            let owed = Owed { petition: change.petition.id, channel, lane, leased_until: None };
            self.deliveries.insert(new.id, owed);
        }
    }

    /// What stands before a delivery in its lane.
    fn before(&self, id: DeliveryId) -> Vec<DeliveryId> {
        let Some(Owed { channel, lane: Some(lane), .. }) = self.deliveries.get(&id) else { return Vec::new() };
        let lane = self.lanes.get(&(channel.clone(), lane.clone()));
        lane.into_iter().flatten().copied().take_while(|it| *it != id).collect()
    }
}

/// Looks at what a batch did; every step of the gateway passes here.
pub(crate) async fn observe(world: &World, batch: &[Write], written: &[Written]) {
    for (write, written) in batch.iter().zip(written) {
        match (write, written) {
            (Write::Change(change), Written::Committed(Committed::New { .. })) => {
                world.model.lock().unwrap().remember(change);
            }
            (Write::Journal(message), Written::Message(id)) => {
                world.model.lock().unwrap().messages.insert(*id);
                world.tell("gateway", &format!("journals message {} ({} {})", id.0, message.channel, message.route));
            }
            _ => {}
        }
    }
    read_events(world).await;
    for (write, written) in batch.iter().zip(written) {
        match (write, written) {
            (Write::Change(change), Written::Committed(committed)) => {
                answered(world, change, committed);
                if let (Some(settle), Committed::New { .. }) = (&change.settle, committed) {
                    settled(world, settle, true).await;
                }
            }
            (Write::Claim(claim), Written::Claimed(claimed)) => {
                for one in claimed {
                    given_out(world, claim, one).await;
                }
            }
            (Write::Settle(settle), Written::Settled(took_effect)) => settled(world, settle, *took_effect).await,
            _ => {}
        }
    }
}

/// The events that are new: gapless, each fitting its petition, the petition being their fold.
async fn read_events(world: &World) {
    let after = world.model.lock().unwrap().last;
    let events = world.store.event_list_after(after, u32::MAX).await.unwrap();
    let mut touched = BTreeSet::new();
    for event in events {
        touched.insert(event.event.petition_id);
        take_in(world, &event);
    }
    for id in touched {
        let stored = world.store.petition_get(id).await.unwrap();
        let is_fold = world.model.lock().unwrap().petitions.get(&id) == stored.as_ref();
        world.check(is_fold, || format!("{} is not the fold of its events", world.trace.name("petition", id.0)));
    }
}

fn take_in(world: &World, Event { seq, event }: &Event) {
    let mut model = world.model.lock().unwrap();
    let (id, name) = (event.petition_id, world.trace.name("petition", event.petition_id.0));
    world.check(seq.0 == model.last.0 + 1, || format!("event {} follows event {}", seq.0, model.last.0));
    model.last = *seq;
    let version = model.petitions.get(&id).map_or(0, |petition| petition.version);
    world.check(event.version == version + 1, || format!("{name}: version {} follows {version}", event.version));
    let kind = kind_of(&event.body);
    if let EventBody::Received { channel, external_id, .. } = &event.body {
        world.tell("store", &format!("event {}: {name} is {kind} ({channel} {external_id})", seq.0));
        let known = model.by_external_id.insert((channel.clone(), external_id.clone()), id);
        world.check(known.is_none(), || format!("{channel} {external_id} is a petition twice"));
        model.petitions.extend(Petition::begin(event).map(|petition| (id, petition)));
    } else {
        world.tell("store", &format!("event {}: {name} is {kind} by {}", seq.0, event.actor));
        match model.petitions.get_mut(&id) {
            Some(petition) => petition.apply(event),
            None => world.broken(format!("{name}: the first event is {kind}")),
        }
    }
}

fn kind_of(body: &EventBody) -> String {
    let shown = format!("{body:?}");
    shown.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

/// "Committed" must be true, and for a repeat it must have been true before.
fn answered(world: &World, change: &Change, committed: &Committed) {
    let (Committed::New { id, version, seq } | Committed::Duplicate { id, version, seq }) = committed else { return };
    let model = world.model.lock().unwrap();
    let petition = model.petitions.get(id);
    let is_there = *seq <= model.last && petition.is_some_and(|petition| petition.version >= *version);
    world.check(is_there, || {
        let name = world.trace.name("petition", change.petition.id.0);
        format!("the store says that event {} of {name} is durable, and it is not there", seq.0)
    });
}

/// A delivery is given out: what goes before it has ended, and nobody else has it.
async fn given_out(world: &World, claim: &Claim, Claimed { delivery, .. }: &Claimed) {
    let name = world.trace.name("delivery", delivery.id.0);
    let what = match &delivery.errand {
        Errand::Tell { notice } => format!("{:?}", notice.body.kind()),
        Errand::Fetch { .. } => "a file".to_owned(),
    };
    let petition = world.trace.name("petition", delivery.petition.0);
    world.tell("store", &format!("gives out {name} ({what} of {petition}), attempt {}", delivery.attempts));
    let before = world.model.lock().unwrap().before(delivery.id);
    for id in before {
        let earlier = world.store.delivery_get(id).await.unwrap();
        let has_ended =
            earlier.is_some_and(|it| matches!(it.state, DeliveryState::Delivered | DeliveryState::DeadLetter));
        world.check(has_ended, || format!("{name} overtakes {}", world.trace.name("delivery", id.0)));
    }
    let now = world.store.clock().now();
    let mut model = world.model.lock().unwrap();
    let Some(owed) = model.deliveries.get_mut(&delivery.id) else {
        drop(model);
        return world.broken(format!("{name} was made by no change"));
    };
    let is_free = owed.leased_until.is_none_or(|until| until <= now);
    owed.leased_until = Some(now + jiff::SignedDuration::try_from(claim.lease).unwrap());
    drop(model);
    world.check(is_free, || format!("{name} is given out while somebody has it"));
}

/// A settlement that took effect must be there.
async fn settled(world: &World, settle: &Settle, took_effect: bool) {
    let name = world.trace.name("delivery", settle.id.0);
    let how = match &settle.settlement {
        Settlement::Delivered { .. } => "delivered".to_owned(),
        other => format!("{other:?}"),
    };
    let effect = if took_effect { "" } else { ", without effect" };
    world.tell("store", &format!("settles {name}: {how}{effect}"));
    let delivery = world.store.delivery_get(settle.id).await.unwrap();
    let is_delivered = delivery.is_some_and(|it| it.state == DeliveryState::Delivered);
    let says_delivered = took_effect && matches!(settle.settlement, Settlement::Delivered { .. });
    world.check(is_delivered || !says_delivered, || format!("the store says that {name} is settled, and it is not"));
    if took_effect && let Some(owed) = world.model.lock().unwrap().deliveries.get_mut(&settle.id) {
        owed.leased_until = None;
    }
}
