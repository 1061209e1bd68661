//! Events over all petitions: from 1 to the counter, none left out, each of a petition that is there.

use super::{Finding, Section, What, finding};
use crate::store::inspect::{Counters, EventRow, Found, LostRequest};

/// The rules of events, as they come by their numbers.
pub(super) struct Events {
    /// The last number that came.
    last: i64,
}

impl Events {
    /// For events after this number.
    pub(super) fn after(last: i64) -> Events {
        Events { last }
    }

    /// The last number that came.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    pub(super) fn next(&mut self, event: &Found<EventRow>) -> Vec<Finding> {
        let mut found = Vec::new();
        let seq = event.as_ref().map_or_else(|unreadable| unreadable.row, |event| event.seq);
        found.extend(finding::gap(self.last, seq, |from, to| of(What::EventMissing, numbers(from, to))));
        match event {
            Err(_) => found.push(of(What::EventUnreadable, number(seq))),
            Ok(event) if !event.has_petition => {
                found.push(of(What::EventWithoutPetition, format!("{}, petition {}", number(seq), event.petition)));
            }
            Ok(_) => {}
        }
        self.last = seq;
        found
    }
}

/// What is counted is what is there. Of one snapshot.
pub(super) fn counter(counters: &Counters) -> Option<Finding> {
    let (counted, last) = (counters.seq, counters.last.0);
    (counted != last).then(|| of(What::EventCounter, format!("counter {counted}, last event {last}")))
}

/// A caller's key that was answered with an event that is not there.
pub(super) fn request_lost(request: &Found<LostRequest>) -> Finding {
    let row = match request {
        Ok(LostRequest { id, seq, petition }) => format!("request {id}, event {seq}, petition {petition}"),
        Err(unreadable) => format!("a request, event {}", unreadable.row),
    };
    Finding::new(Section::Requests, What::RequestLost, row)
}

fn of(what: What, row: String) -> Finding {
    Finding::new(Section::Events, what, row)
}

fn number(seq: i64) -> String {
    format!("event {seq}")
}

fn numbers(from: i64, to: i64) -> String {
    if from == to { number(from) } else { format!("events {from} to {to}") }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{petition::PetitionId, store::inspect::Unreadable};

    fn event(seq: i64) -> Found<EventRow> {
        Ok(EventRow { seq, petition: PetitionId(Uuid::nil()), version: 1, has_petition: true })
    }

    fn found(events: impl IntoIterator<Item = Found<EventRow>>) -> Vec<(What, String)> {
        let mut rules = Events::after(0);
        let found = events.into_iter().flat_map(|event| rules.next(&event));
        found.map(|finding| (finding.what, finding.row)).collect()
    }

    #[test]
    fn events_from_one_on_without_a_gap_are_as_they_should_be() {
        assert!(found((1..100).map(event)).is_empty());
    }

    #[test]
    fn every_gap_is_found_once_with_its_ends() {
        let expected = [(What::EventMissing, "event 1"), (What::EventMissing, "events 4 to 6")];
        assert_eq!(found([2, 3, 7, 8].map(event)), expected.map(|(what, row)| (what, row.to_owned())));
    }

    #[test]
    fn an_event_that_cannot_be_read_or_stands_alone_is_found_and_leaves_no_gap() {
        let alone = event(2).map(|event| EventRow { has_petition: false, ..event });
        let whats: Vec<What> =
            found([event(1), alone, Err(Unreadable { row: 3 }), event(4)]).into_iter().map(|it| it.0).collect();
        assert_eq!(whats, [What::EventWithoutPetition, What::EventUnreadable]);
    }

    #[test]
    fn a_counter_before_or_behind_the_last_event_is_found() {
        let counters = |seq| Counters { seq, message: 0, delivery: 0, last: (7, 0, 0) };
        assert_eq!(counter(&counters(7)), None);
        assert!(counter(&counters(6)).is_some() && counter(&counters(8)).is_some());
    }
}
