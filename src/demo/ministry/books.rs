//! The ministry's own books: what it saw and did, kept apart from the gateway, so that both can be compared.
//!
//! The status is followed by the events alone, as a client would that keeps its own copy.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use channel_sdk::sandbox::Account;
use serde::Serialize;

use crate::{
    demo::{
        audit::{Handled, Watched},
        expectation::Happening,
        reading,
    },
    pb,
};

/// The books; clones are the same books.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Mutex<Pages>>);

/// What is written in them.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// Each petition by its id.
    pub handled: BTreeMap<String, Handled>,
    /// What the watch brought.
    pub watched: Watched,
    /// Up to here the watch had brought everything when it said so last.
    pub caught_up: u64,
    /// How it went.
    pub counts: Counts,
    /// Where a petition stood before its petitioner was asked.
    before: BTreeMap<String, String>,
    /// The revision in force of each petition, by channel and external id.
    revisions: BTreeMap<(String, String), u64>,
    /// Petitions whose petitioner withdrew, by channel and external id.
    withdrawn: BTreeSet<(String, String)>,
}

/// How the ministry's calls went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Decisions that were recorded.
    pub calls: u64,
    /// Attempts that had to be repeated under the same `request_id`.
    pub retries: u64,
    /// Calls made twice on purpose, and answered as duplicates.
    pub repeated: u64,
    /// Files uploaded.
    pub files: u64,
    /// Times that the watch was broken off and resumed.
    pub resumed: u64,
}

impl Books {
    /// The books, open.
    pub fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Writes down an event; whether it was new.
    pub fn saw(&mut self, event: &pb::PetitionEvent) -> bool {
        let seq = u64::try_from(event.seq).unwrap_or_default();
        self.watched.events += 1;
        if seq != self.watched.last_seq + 1 {
            self.watched.jumps.push((self.watched.last_seq, seq));
        }
        if seq <= self.watched.last_seq {
            return false;
        }
        self.watched.last_seq = seq;
        self.follow(event);
        true
    }

    fn follow(&mut self, event: &pb::PetitionEvent) {
        let id = reading::id_of(&event.petition).to_owned();
        let happening = reading::happening(event);
        let handled = self.handled.entry(id.clone()).or_default();
        handled.version = u64::try_from(event.version).unwrap_or_default();
        if let Some(pb::petition_event::Change::Received(it)) = &event.change {
            handled.channel = reading::id_of(&event.channel).to_owned();
            handled.external_id = it.content.as_ref().map(|it| it.external_id.clone()).unwrap_or_default();
        }
        let key = (handled.channel.clone(), handled.external_id.clone());
        if happening == Happening::InformationRequested {
            self.before.insert(id.clone(), handled.status.clone());
        }
        if let Happening::Rated { score } = happening {
            handled.rating = Some(score);
        }
        if let Some(status) = status_after(&happening, &handled.status, self.before.get(&id).map(String::as_str)) {
            handled.status = status.to_owned();
        }
        if happening == Happening::Withdrawn {
            self.withdrawn.insert(key.clone());
        }
        if let Some(revision) = reading::revision(event) {
            self.revisions.insert(key, revision);
        }
    }

    /// Whether the ministry has heard of everything that a far side did with a petition.
    pub fn knows(&self, channel: &str, account: &Account) -> bool {
        let key = (channel.to_owned(), account.external_id.clone());
        let rating = account.petition_id.as_ref().and_then(|id| self.handled.get(id)).and_then(|it| it.rating);
        self.revisions.get(&key) == Some(&account.revision)
            && (!account.withdrawn || self.withdrawn.contains(&key))
            && rating == account.rating
    }

    /// Petitions that the ministry is not done with.
    pub fn unfinished(&self) -> impl Iterator<Item = &Handled> {
        self.handled.values().filter(|it| !it.done)
    }

    /// There is something to do about a petition again.
    pub(super) fn begin(&mut self, id: &str) {
        self.of(id).done = false;
    }

    /// The ministry owes nothing more.
    pub(super) fn end(&mut self, id: &str) {
        self.of(id).done = true;
    }

    /// Changes one petition's page.
    pub(super) fn of(&mut self, id: &str) -> &mut Handled {
        self.handled.entry(id.to_owned()).or_default()
    }
}

/// The statuses in which the ministry still owes something.
const OPEN: &[&str] = &["received", "accepted", "assigned", "in_progress", "information_requested", "reopened"];

/// Where a petition stands after an event; `None` where it stays.
fn status_after<'a>(happening: &Happening, status: &str, before: Option<&'a str>) -> Option<&'a str> {
    let open = OPEN.contains(&status);
    match happening {
        Happening::Received => Some("received"),
        Happening::Accepted => Some("accepted"),
        Happening::Declined => Some("declined"),
        Happening::Forwarded { .. } => Some("forwarded"),
        Happening::Reassigned if open => Some("forwarded"),
        Happening::Assigned => Some("assigned"),
        Happening::Started => Some("in_progress"),
        Happening::InformationRequested => Some("information_requested"),
        Happening::InformationProvided if status == "information_requested" => before,
        Happening::Answered { .. } => Some("answered"),
        Happening::Published => Some("published"),
        Happening::Closed => Some("closed"),
        Happening::Reopened => Some("reopened"),
        Happening::Withdrawn if open => Some("withdrawn"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::petition_event::Change;

    fn event(seq: i64, version: i64, change: Change) -> pb::PetitionEvent {
        pb::PetitionEvent { seq, version, petition: "petitions/p".into(), change: Some(change), ..Default::default() }
    }

    fn received() -> Change {
        let content = pb::PetitionDraft { external_id: "PAKN-1".into(), revision: 1, ..Default::default() };
        Change::Received(pb::Received { content: Some(content) })
    }

    #[test]
    fn a_status_is_followed_by_events_and_comes_back_after_a_supplement() {
        let books = Books::default();
        let changes = [
            (received(), "received"),
            (Change::Accepted(pb::Accepted::default()), "accepted"),
            (Change::InformationRequested(pb::InformationRequested::default()), "information_requested"),
            (Change::InformationProvided(pb::InformationProvided::default()), "accepted"),
            (Change::Withdrawn(pb::Withdrawn::default()), "withdrawn"),
            (Change::Withdrawn(pb::Withdrawn::default()), "withdrawn"),
        ];
        for (at, (change, status)) in (1..).zip(changes) {
            assert!(books.open().saw(&event(at, at, change)));
            assert_eq!(books.open().handled["p"].status, status);
        }
        assert_eq!(books.open().handled["p"].version, 6);
        assert!(books.open().watched.jumps.is_empty());
    }

    #[test]
    fn a_number_that_comes_twice_or_is_left_out_is_written_down() {
        let books = Books::default();
        assert!(books.open().saw(&event(1, 1, received())));
        assert!(!books.open().saw(&event(1, 1, received())));
        assert!(books.open().saw(&event(3, 2, Change::Accepted(pb::Accepted::default()))));
        assert_eq!(books.open().watched, Watched { last_seq: 3, events: 3, jumps: vec![(1, 1), (1, 3)] });
    }
}
