//! A batch is decided in memory, write by write, on what is known under the lock; what it writes is gathered in [`Rows`].
//!
//! Nothing here speaks to the database, so a batch of five hundred writes costs no more round trips than one.

use std::collections::{BTreeMap, BTreeSet};

use channel_sdk::inbound::CodeList;
use jiff::Timestamp;
use uuid::Uuid;

use super::known::{Known, KnownPetition, KnownRequest, Standing};
use crate::{
    petition::{NewEvent, Petition, PetitionId, Seq, Version},
    store::{
        Beat, Change, Claim, Committed, DifferenceChange, Held, ItemRecord, ItemState, ItemsDone, MessageId,
        NewDelivery, NewMessage, Reconcile, RequestKey, StoreError, Write, Written,
        columns::{nanos, time},
        pk::pk_of,
        texts::Ready,
    },
};

/// A batch that is being decided.
pub(super) struct Batch<'a> {
    pub(super) gateway: Uuid,
    pub(super) known: Known,
    pub(super) rows: Rows<'a>,
}

/// What a batch writes.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) petitions: BTreeMap<i64, PetitionRow<'a>>,
    /// Number, event, and its body as it is kept.
    pub(super) events: Vec<(u64, &'a NewEvent, &'a str)>,
    pub(super) requests: Vec<(&'a RequestKey, KnownRequest)>,
    pub(super) messages: Vec<(i64, &'a NewMessage)>,
    /// State and owner of messages that are done, reopened or taken over.
    pub(super) message_states: BTreeMap<i64, (i64, Option<Uuid>)>,
    pub(super) items: BTreeMap<(i64, i64), ItemRow<'a>>,
    pub(super) deliveries: Vec<DeliveryRow<'a>>,
    pub(super) attempts: Vec<Attempt<'a>>,
    /// The lanes in which something was made, ended or revived: their heads are marked anew.
    pub(super) lanes: BTreeSet<(String, String)>,
    pub(super) tallies: BTreeMap<String, Tally>,
    pub(super) pauses: BTreeMap<&'a str, (bool, &'a str)>,
    pub(super) code_lists: BTreeMap<(&'a str, &'a str), &'a CodeList>,
    pub(super) cursors: BTreeMap<(String, String), String>,
    /// Steps of reconciliations, and differences that changes bring along, in order.
    pub(super) reconciliations: Vec<ReconciliationRow<'a>>,
    pub(super) syncs: BTreeMap<String, bool>,
    pub(super) beat: Option<Life<'a>>,
    /// Channels that this gateway holds, and until when.
    pub(super) turns: BTreeMap<&'a str, i64>,
}

/// What is written of a reconciliation.
pub(super) enum ReconciliationRow<'a> {
    Step(&'a Reconcile),
    Differences(&'a [DifferenceChange]),
}

/// What becomes of this gateway's own row.
pub(super) enum Life<'a> {
    /// It lives until then.
    Beats(i64, &'a Beat),
    /// It is gone.
    Leaves,
}

/// A petition as the batch leaves it.
pub(super) struct PetitionRow<'a> {
    pub(super) petition: &'a Petition,
    pub(super) seq_last: u64,
    pub(super) is_new: bool,
    /// As it is kept.
    pub(super) doc: &'a str,
    /// Where what can be found of it has changed.
    pub(super) words: Option<&'a str>,
}

/// What became of an item.
pub(super) struct ItemRow<'a> {
    pub(super) record: &'a ItemRecord,
    pub(super) petition: Option<PetitionId>,
}

/// A new delivery.
pub(super) struct DeliveryRow<'a> {
    pub(super) n: i64,
    pub(super) petition: PetitionId,
    pub(super) created_at: i64,
    pub(super) new: &'a NewDelivery,
    /// What it does, as it is kept.
    pub(super) errand: &'a str,
}

/// How an attempt ended.
pub(super) struct Attempt<'a> {
    pub(super) delivery: i64,
    pub(super) number: i64,
    pub(super) verdict: &'static str,
    pub(super) reason: Option<&'a str>,
}

/// What a batch adds to a channel's row.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) petitions: i64,
    pub(super) messages: i64,
    pub(super) quarantined: i64,
    pub(super) pending: i64,
    pub(super) delivered: i64,
    pub(super) dead_letters: i64,
    pub(super) last_inbound_at: Option<Timestamp>,
    pub(super) last_delivered_at: Option<Timestamp>,
}

/// What a write comes to, as far as it is decided in memory.
pub(super) enum Decided<'a> {
    /// This.
    Answer(Written),
    /// What the database gives out once the rest of the batch is written.
    Claim(&'a Claim),
}

impl<'a> Rows<'a> {
    /// What this batch changes in a channel's counts.
    pub(super) fn tally(&mut self, channel: &str) -> &mut Tally {
        // `entry` would need an owned name for each of the thousands of look-ups of the same few channels.
        if !self.tallies.contains_key(channel) {
            self.tallies.insert(channel.to_owned(), Tally::default());
        }
        self.tallies.get_mut(channel).expect("it was inserted if it was absent")
    }

    pub(super) fn touch_lane(&mut self, it: &Standing) {
        if let Some(lane) = &it.lane {
            self.lanes.insert((it.channel.clone(), lane.clone()));
        }
    }
}

impl<'a> Batch<'a> {
    /// Decides one write on what is known, those before it in the batch included.
    pub(super) fn decide(&mut self, write: &'a Write) -> Result<Decided<'a>, StoreError> {
        Ok(Decided::Answer(match write {
            Write::Change(change) => Written::Committed(self.change(change)?),
            Write::Journal(message) => Written::Message(self.journal(message)),
            Write::Items(items) => {
                for item in items {
                    self.item(item, item.petition)?;
                }
                Written::Done
            }
            Write::MessageDone(done) => {
                self.message_done(done)?;
                Written::Done
            }
            Write::Reopen(message) => {
                self.rows.message_states.insert(message.0, (0, Some(self.gateway)));
                Written::Done
            }
            Write::TakeOver(message) => Written::Settled(self.take_over(*message)),
            Write::Beat(beat) => Written::Held(self.beat(beat)?),
            Write::Leave => {
                self.rows.beat = Some(Life::Leaves);
                Written::Done
            }
            Write::Sync(channel) => {
                self.rows.syncs.insert(channel.clone(), true);
                Written::Done
            }
            Write::Claim(claim) => return Ok(Decided::Claim(claim)),
            Write::Settle(settle) => Written::Settled(self.settle(settle)?),
            Write::Retry(id) => Written::Settled(self.retry(*id)),
            Write::SendAgain(id) => Written::Settled(self.send_again(*id)),
            Write::Reconcile(step) => {
                self.rows.reconciliations.push(ReconciliationRow::Step(step));
                Written::Done
            }
            Write::Pause { channel, paused, reason } => {
                self.rows.pauses.insert(channel, (*paused, reason));
                Written::Done
            }
            Write::CodeList { channel, list } => {
                self.rows.code_lists.insert((channel, &list.name), list);
                Written::Done
            }
        }))
    }

    fn change(&mut self, change: &'a Change) -> Result<Committed, StoreError> {
        if let Some(key) = &change.request
            && let Some(known) = self.known.requests.get(&(key.id, key.principal.clone()))
        {
            return Ok(known.answer(key));
        }
        if change.settle.as_ref().is_some_and(|settle| !self.is_settled_by(settle)) {
            return Ok(Committed::Unsettled);
        }
        let seq = self.known.seq + change.events.len() as u64;
        let ready = change.ready()?;
        let put = match change.expected_version {
            None => self.insert(change, ready, seq),
            Some(version) => self.update(change, ready, (version, seq)),
        };
        let pk = match put {
            Ok(pk) => pk,
            Err(refused) => return Ok(refused),
        };
        let (id, version, seq) = (change.petition.id, change.petition.version, Seq(seq));
        self.known.petitions.insert(id.0, KnownPetition { pk, version });
        if let Some(known) = self.known.external_ids.get_mut(&external_id(change)) {
            *known = (id.0, version, seq);
        }
        for (event, body) in change.events.iter().zip(&ready.bodies) {
            self.known.seq += 1;
            self.rows.events.push((self.known.seq, event, body));
        }
        for (new, errand) in change.deliveries.iter().zip(&ready.errands) {
            self.deliver(change, new, errand);
        }
        if let Some(key) = &change.request {
            let made = KnownRequest { fingerprint: key.fingerprint.to_vec(), petition: id.0, version, seq };
            self.known.requests.insert((key.id, key.principal.clone()), made.clone());
            self.rows.requests.push((key, made));
        }
        if let Some(item) = &change.item {
            self.item(item, item.petition.or(Some(id)))?;
        }
        if let Some(settle) = &change.settle {
            self.settle(settle)?;
        }
        if !change.differences.is_empty() {
            self.rows.reconciliations.push(ReconciliationRow::Differences(&change.differences));
        }
        Ok(Committed::New { id, version, seq })
    }

    fn insert(&mut self, change: &'a Change, ready: &'a Ready, seq: u64) -> Result<i64, Committed> {
        if let Some((id, version, seq)) = self.known.external_ids.get(&external_id(change)) {
            return Err(Committed::Duplicate { id: PetitionId(*id), version: *version, seq: *seq });
        }
        let petition = &change.petition;
        let pk = pk_of(petition, self.known.seq + 1);
        self.known.external_ids.insert(external_id(change), (petition.id.0, petition.version, Seq(seq)));
        let (doc, words) = (&*ready.doc, ready.words.as_deref());
        self.rows.petitions.insert(pk, PetitionRow { petition, seq_last: seq, is_new: true, doc, words });
        self.rows.tally(&petition.channel).petitions += 1;
        Ok(pk)
    }

    fn update(
        &mut self,
        change: &'a Change,
        ready: &'a Ready,
        (version, seq): (Version, u64),
    ) -> Result<i64, Committed> {
        let petition = &change.petition;
        let known = self.known.petitions.get(&petition.id.0);
        let Some(known) = known.filter(|known| known.version == version) else { return Err(Committed::Stale) };
        let pk = known.pk;
        let before = self.rows.petitions.get(&pk);
        let is_new = before.is_some_and(|before| before.is_new);
        // Those of a change before in this batch hold where this one alters none.
        let words = ready.words.as_deref().or_else(|| before.and_then(|before| before.words));
        self.rows.petitions.insert(pk, PetitionRow { petition, seq_last: seq, is_new, doc: &ready.doc, words });
        Ok(pk)
    }

    fn deliver(&mut self, change: &'a Change, new: &'a NewDelivery, errand: &'a str) {
        self.known.delivery += 1;
        let (n, created_at) = (self.known.delivery, nanos(change.petition.updated_at));
        self.rows.deliveries.push(DeliveryRow { n, petition: change.petition.id, created_at, new, errand });
        self.rows.tally(&new.channel).pending += 1;
        if let Some(lane) = &new.lane {
            self.rows.lanes.insert((new.channel.clone(), lane.clone()));
        }
    }

    fn journal(&mut self, message: &'a NewMessage) -> MessageId {
        self.known.message += 1;
        self.rows.messages.push((self.known.message, message));
        let tally = self.rows.tally(&message.channel);
        tally.messages += 1;
        tally.last_inbound_at = tally.last_inbound_at.max(Some(message.received_at));
        MessageId(self.known.message)
    }

    /// Records what became of an item; an item dealt with again (reprocessed, discarded) replaces what was known of it.
    fn item(&mut self, record: &'a ItemRecord, petition: Option<PetitionId>) -> Result<(), StoreError> {
        let place = (record.item.message.0, i64::from(record.item.index));
        let is = record.state == ItemState::Quarantined;
        let was = self.known.items.insert(place, is).unwrap_or(false);
        if is != was {
            let channel =
                self.known.channels_of.get(&place.0).ok_or(StoreError::Damaged("item without its message"))?;
            self.rows.tally(&channel.clone()).quarantined += if is { 1 } else { -1 };
        }
        self.rows.items.insert(place, ItemRow { record, petition });
        Ok(())
    }

    fn message_done(&mut self, done: &'a ItemsDone) -> Result<(), StoreError> {
        if let Some(message) = done.message {
            self.rows.message_states.insert(message.0, (1, None));
            self.known.may_take.remove(&message.0);
        }
        let Some(cursor) = &done.cursor else { return Ok(()) };
        let feed = (done.channel.clone(), cursor.feed.clone());
        if self.known.cursors.get(&feed) == cursor.from.as_ref() {
            self.known.cursors.insert(feed.clone(), cursor.to.clone());
            self.rows.cursors.insert(feed, cursor.to.clone());
        }
        let now = time(self.known.now)?;
        let tally = self.rows.tally(&done.channel);
        tally.last_inbound_at = tally.last_inbound_at.max(Some(now));
        Ok(())
    }

    fn take_over(&mut self, message: MessageId) -> bool {
        let may_take = self.known.may_take.contains(&message.0);
        if may_take {
            self.rows.message_states.insert(message.0, (0, Some(self.gateway)));
        }
        may_take
    }

    /// What is free, over or ours already is ours until the next beat is overdue.
    fn beat(&mut self, beat: &'a Beat) -> Result<Held, StoreError> {
        let until = self.later(beat.lease)?;
        let mut held = Held::default();
        for channel in &beat.channels {
            // A turn that ends later than one that begins now was given by a clock that is ahead of this database's, which
            // took the place of that one: who has it may be gone with it.
            let lasts = |over: i64| self.known.now < over && over <= until;
            let is_anothers = |(gateway, over): &(Uuid, i64)| *gateway != self.gateway && lasts(*over);
            if self.known.turns.get(channel).is_some_and(is_anothers) {
                continue;
            }
            held.channels.insert(channel.clone());
            self.rows.turns.insert(channel, until);
            if self.known.sync_asked.contains(channel) {
                held.to_sync.insert(channel.clone());
                self.rows.syncs.insert(channel.clone(), false);
            }
        }
        self.rows.beat = Some(Life::Beats(until, beat));
        Ok(held)
    }
}

/// What a batch reads beforehand, by what it writes.
pub(super) fn external_id(change: &Change) -> (String, String) {
    (change.petition.channel.clone(), change.petition.external_id.clone())
}

impl<'a> Batch<'a> {
    /// A batch on what is known.
    pub(super) fn new(gateway: Uuid, known: Known) -> Batch<'a> {
        Batch { gateway, known, rows: Rows::default() }
    }

    /// The deliveries that this batch changed.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Standing> {
        self.known.deliveries.values().filter(|it| it.is_changed)
    }

    /// The petitions that were there and are changed, and those that are new, by number.
    pub(super) fn petitions(&self, is_new: bool) -> Vec<(i64, &PetitionRow<'a>)> {
        let rows = self.rows.petitions.iter().filter(|(_, row)| row.is_new == is_new);
        rows.map(|(pk, row)| (*pk, row)).collect()
    }
}
