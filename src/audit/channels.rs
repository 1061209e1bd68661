//! Channels: what is counted in passing is what there is.

use std::collections::BTreeMap;

use super::{Finding, Section, What};
use crate::store::{
    DeliveryState,
    inspect::{Counted, Found, Tallies, delivery_state},
};

/// What there is of each channel, counted row by row.
#[derive(Debug, Default)]
pub(super) struct Count {
    channels: BTreeMap<String, Tallies>,
}

impl Count {
    /// Takes what was counted: channel, state of a delivery, rows.
    pub(super) fn add(&mut self, what: Counted, counted: Vec<Found<(String, i64, i64)>>) -> Vec<Finding> {
        let mut found = Vec::new();
        for counted in counted {
            let Ok((channel, state, rows)) = counted else {
                found.push(of(What::ChannelUnreadable, "a channel's name".to_owned()));
                continue;
            };
            let tallies = self.channels.entry(channel).or_default();
            match what {
                Counted::Petitions => tallies.petitions = rows,
                Counted::Messages => tallies.messages = rows,
                Counted::Quarantined => tallies.quarantined = rows,
                Counted::Deliveries => add_deliveries(tallies, state, rows),
            }
        }
        found
    }

    /// Compares it with what is kept.
    pub(super) fn compare(mut self, kept: Vec<Found<(String, Tallies)>>) -> Vec<Finding> {
        let mut found = Vec::new();
        for kept in kept {
            match kept {
                Ok((channel, kept)) => {
                    let counted = self.channels.remove(&channel).unwrap_or_default();
                    found.extend(differences(&channel, &kept, &counted));
                }
                Err(_) => found.push(of(What::ChannelUnreadable, "a channel".to_owned())),
            }
        }
        let without_a_row = self.channels.iter();
        found.extend(without_a_row.flat_map(|(name, counted)| differences(name, &Tallies::default(), counted)));
        found
    }
}

fn add_deliveries(tallies: &mut Tallies, state: i64, rows: i64) {
    // What is parked is counted among what waits, wherever it is counted.
    match delivery_state(state, 0) {
        Some(DeliveryState::Pending | DeliveryState::Parked) => tallies.pending += rows,
        Some(DeliveryState::Delivered) => tallies.delivered += rows,
        Some(DeliveryState::DeadLetter) => tallies.dead_letters += rows,
        // Told delivery by delivery.
        None => {}
    }
}

fn differences(channel: &str, kept: &Tallies, counted: &Tallies) -> Vec<Finding> {
    let pairs = [
        ("petitions", kept.petitions, counted.petitions),
        ("messages", kept.messages, counted.messages),
        ("quarantined", kept.quarantined, counted.quarantined),
        ("pending", kept.pending, counted.pending),
        ("delivered", kept.delivered, counted.delivered),
        ("dead letters", kept.dead_letters, counted.dead_letters),
    ];
    let different = pairs.into_iter().filter(|(_, kept, counted)| kept != counted);
    let tell =
        |(what, kept, counted)| of(What::TallyDiffers, format!("channels/{channel}: {what} {kept}, counted {counted}"));
    different.map(tell).collect()
}

/// Cursors or code lists that cannot be read.
pub(super) fn readable(what: &str, rows: Vec<Found<(String, String)>>) -> Vec<Finding> {
    let unreadable = rows.into_iter().filter(Result::is_err);
    unreadable.map(|_| of(What::ChannelUnreadable, what.to_owned())).collect()
}

fn of(what: What, row: String) -> Finding {
    Finding::new(Section::Channels, what, row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count() -> Count {
        let mut count = Count::default();
        let row = |state, rows| Ok(("portal".to_owned(), state, rows));
        for what in [Counted::Petitions, Counted::Messages, Counted::Quarantined] {
            assert!(count.add(what, vec![row(0, 3)]).is_empty());
        }
        assert!(count.add(Counted::Deliveries, vec![row(0, 1), row(1, 2), row(2, 4)]).is_empty());
        count
    }

    fn kept() -> Tallies {
        Tallies { petitions: 3, messages: 3, quarantined: 3, pending: 1, delivered: 2, dead_letters: 4 }
    }

    #[test]
    fn counts_that_agree_are_as_they_should_be_also_of_a_channel_with_nothing() {
        let nothing = Ok(("assembly".to_owned(), Tallies::default()));
        assert!(count().compare(vec![Ok(("portal".to_owned(), kept())), nothing]).is_empty());
    }

    #[test]
    fn each_count_that_differs_is_found_with_both_numbers() {
        let wrong = Tallies { pending: 2, dead_letters: 0, ..kept() };
        let rows: Vec<String> =
            count().compare(vec![Ok(("portal".to_owned(), wrong))]).into_iter().map(|finding| finding.row).collect();
        assert_eq!(
            rows,
            ["channels/portal: pending 2, counted 1", "channels/portal: dead letters 0, counted 4"].map(str::to_owned)
        );
    }

    #[test]
    fn what_belongs_to_a_channel_without_a_row_is_found() {
        assert_eq!(count().compare(Vec::new()).len(), 6);
    }
}
