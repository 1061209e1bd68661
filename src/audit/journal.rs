//! The journal: every message is there, its bytes are those that arrived, it is dealt with, and each of its items is accounted
//! for.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Finding, Section, What, finding};
use crate::store::{
    ItemState,
    inspect::{Found, ItemRow, MessageRow},
};

/// A gateway takes up within seconds what was left; a message that waits for longer than this is looked at twice. Long enough
/// for a batch of ten thousand items, and for another gateway's lease to end.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The numbers of [`crate::store::MessageState`] in the table.
const RECEIVED: i64 = 0;
const DONE: i64 = 1;

/// The rules of the journal, as messages come by their numbers.
pub(super) struct Journal {
    last: i64,
}

impl Journal {
    /// For messages after this number.
    pub(super) fn after(last: i64) -> Journal {
        Journal { last }
    }

    /// The last number that came.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// A message with its items, by their places.
    pub(super) fn next(&mut self, message: &Found<MessageRow>, items: &[Found<ItemRow>]) -> Vec<Finding> {
        let mut found = Vec::new();
        let id = message.as_ref().map_or_else(|unreadable| unreadable.row, |message| message.id);
        found.extend(finding::gap(self.last, id, |from, to| of(What::MessageMissing, numbers(from, to))));
        self.last = id;
        match message {
            Ok(message) if [RECEIVED, DONE].contains(&message.state) => {
                if message.state == DONE {
                    found.extend(place_missing(id, items));
                }
            }
            _ => found.push(of(What::MessageUnreadable, number(id))),
        }
        found.extend(items.iter().filter_map(|it| item(id, it)));
        found
    }
}

/// The first place of which nothing is known.
fn place_missing(id: i64, items: &[Found<ItemRow>]) -> Option<Finding> {
    let mut places = items.iter().filter_map(|item| item.as_ref().ok()).map(|item| item.place_no);
    let missing = (0..).find(|place| places.next() != Some(*place))?;
    let is_all = i64::try_from(items.len()).is_ok_and(|count| missing >= count);
    (!is_all && items.iter().all(Result::is_ok)).then(|| of(What::ItemMissing, place(id, missing)))
}

fn item(message: i64, item: &Found<ItemRow>) -> Option<Finding> {
    let Ok(item) = item else { return Some(of(What::ItemUnreadable, number(message))) };
    let has_no_faults = item.faults.as_ref().is_some_and(Vec::is_empty);
    let what = match item.state {
        None => What::ItemUnreadable,
        Some(_) if item.faults.is_none() => What::ItemUnreadable,
        Some(_) if item.petition.is_some() && !item.has_petition => What::ItemWithoutPetition,
        Some(ItemState::Quarantined) if has_no_faults => What::ItemWithoutReason,
        Some(ItemState::Discarded) if !item.is_discarded => What::ItemWithoutReason,
        Some(_) => return None,
    };
    Some(of(what, place(message, item.place_no)))
}

/// The bytes are those that arrived.
pub(super) fn bytes(message: &MessageRow, body: &[u8]) -> Option<Finding> {
    let is_same = hex::encode(Sha256::digest(body)) == message.sha256;
    (!is_same).then(|| of(What::MessageAltered, number(message.id)))
}

/// Whether nobody may be dealing with this message any more, though somebody should.
pub(super) fn may_be_forgotten(message: &MessageRow, now: Timestamp) -> bool {
    message.state == RECEIVED && now.duration_since(message.received_at) > FORGOTTEN_AFTER
}

/// A message that was not dealt with in all the time that it was watched.
pub(super) fn forgotten(message: &MessageRow, is_served: bool) -> Finding {
    let what = if is_served { What::MessageForgotten } else { What::MessageWaiting };
    let row = format!("{}, channel {}, since {}", number(message.id), message.channel, message.received_at);
    of(what, row)
}

/// Every number up to the counter is there. Of one snapshot.
pub(super) fn counter(counted: i64, last: i64) -> Option<Finding> {
    finding::gap(last, counted + 1, |from, to| of(What::MessageMissing, numbers(from, to)))
}

fn of(what: What, row: String) -> Finding {
    Finding::new(Section::Journal, what, row)
}

fn number(id: i64) -> String {
    format!("message {id}")
}

fn numbers(from: i64, to: i64) -> String {
    if from == to { number(from) } else { format!("messages {from} to {to}") }
}

fn place(message: i64, place_no: i64) -> String {
    format!("message {message}.{place_no}")
}

#[cfg(test)]
mod tests {
    use channel_sdk::fault::{Fault, FaultCode};
    use uuid::Uuid;

    use super::*;
    use crate::{petition::PetitionId, store::inspect::Unreadable};

    fn message(id: i64, state: i64) -> MessageRow {
        MessageRow {
            id,
            channel: "portal".to_owned(),
            received_at: Timestamp::from_second(1_560_000_000).unwrap(),
            sha256: hex::encode(Sha256::digest(b"{}")),
            state,
            size_bytes: 2,
        }
    }

    fn item(place_no: i64, state: ItemState) -> ItemRow {
        ItemRow {
            message: 1,
            place_no,
            state: Some(state),
            faults: Some(Vec::new()),
            petition: None,
            has_petition: false,
            is_discarded: false,
        }
    }

    fn found(state: i64, items: &[ItemRow]) -> Vec<What> {
        let items: Vec<_> = items.iter().cloned().map(Ok).collect();
        let findings = Journal::after(0).next(&Ok(message(1, state)), &items);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn items_in_every_state_that_there_is_are_as_they_should_be() {
        let petition = Some(PetitionId(Uuid::nil()));
        let taken = ItemRow { petition, has_petition: true, ..item(0, ItemState::Taken) };
        let faults = Some(vec![Fault::new(FaultCode::Missing, "ten", "thiếu")]);
        let items = [
            taken,
            item(1, ItemState::Taken),
            item(2, ItemState::AlreadyHad),
            ItemRow { faults, ..item(3, ItemState::Quarantined) },
            ItemRow { is_discarded: true, ..item(4, ItemState::Discarded) },
        ];
        assert!(found(DONE, &items).is_empty());
        assert!(found(DONE, &[]).is_empty(), "a page may be empty");
    }

    #[test]
    fn an_item_of_which_nothing_is_known_is_found_once_its_message_is_dealt_with() {
        let items = [item(0, ItemState::AlreadyHad), item(2, ItemState::AlreadyHad)];
        assert_eq!(found(DONE, &items), [What::ItemMissing]);
        assert!(found(RECEIVED, &items).is_empty());
        assert_eq!(found(DONE, &items[1..]), [What::ItemMissing]);
    }

    #[test]
    fn an_item_without_what_its_state_needs_is_found() {
        assert_eq!(found(DONE, &[item(0, ItemState::Quarantined)]), [What::ItemWithoutReason]);
        assert_eq!(found(DONE, &[item(0, ItemState::Discarded)]), [What::ItemWithoutReason]);
        let lost = ItemRow { petition: Some(PetitionId(Uuid::nil())), ..item(0, ItemState::Taken) };
        assert_eq!(found(DONE, &[lost]), [What::ItemWithoutPetition]);
        assert_eq!(found(DONE, &[ItemRow { state: None, ..item(0, ItemState::Taken) }]), [What::ItemUnreadable]);
        assert_eq!(found(DONE, &[ItemRow { faults: None, ..item(0, ItemState::Taken) }]), [What::ItemUnreadable]);
    }

    #[test]
    fn messages_that_are_gone_and_states_that_there_are_not_are_found() {
        let mut journal = Journal::after(0);
        assert!(journal.next(&Ok(message(1, DONE)), &[]).is_empty());
        assert_eq!(journal.next(&Ok(message(4, DONE)), &[])[0].row, "messages 2 to 3");
        assert_eq!(journal.next(&Ok(message(5, 2)), &[])[0].what, What::MessageUnreadable);
        assert_eq!(journal.next(&Err(Unreadable { row: 6 }), &[])[0].what, What::MessageUnreadable);
        assert_eq!(counter(7, journal.last()).unwrap().row, "message 7");
        assert_eq!(counter(6, journal.last()), None);
    }

    #[test]
    fn bytes_that_did_not_arrive_so_are_found() {
        assert_eq!(bytes(&message(1, DONE), b"{}"), None);
        assert_eq!(bytes(&message(1, DONE), b"{ }").unwrap().what, What::MessageAltered);
    }

    #[test]
    fn only_a_message_that_waits_for_long_is_looked_at_twice() {
        let after = |minutes| message(1, RECEIVED).received_at + SignedDuration::from_mins(minutes);
        assert!(may_be_forgotten(&message(1, RECEIVED), after(11)));
        assert!(!may_be_forgotten(&message(1, RECEIVED), after(9)));
        assert!(!may_be_forgotten(&message(1, DONE), after(1_000_000)));
    }
}
