//! Who is tried alone: a delivery whose attempts ended without a word may be what takes the gateway down, or only have been
//! under way when it went.
//!
//! Those of one channel are tried one after the other, each time in another order. So of everything that was under way when
//! a gateway died again and again, only what it died of is there every time: what is tried before that one is delivered,
//! and gone from the next round. Without this, whatever is oldest would be under way at each of a few deaths, and be given
//! up with what it stood beside.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::store::Claimed;

/// Deliveries of one channel that are tried one after the other; nearly always a single one.
pub(super) type InTurn = Vec<Claimed>;

/// Parts what was claimed into what may be tried at the same time.
pub(super) fn apart(claimed: Vec<Claimed>) -> Vec<InTurn> {
    let (suspects, others): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|it| it.delivery.silent_attempts > 0);
    let mut apart: Vec<InTurn> = others.into_iter().map(|it| vec![it]).collect();
    let mut by_channel = BTreeMap::<String, InTurn>::new();
    for suspect in suspects {
        by_channel.entry(suspect.delivery.channel.clone()).or_default().push(suspect);
    }
    apart.extend(by_channel.into_values().map(shuffled));
    apart
}

/// In an order drawn anew for each attempt. Drawn from what the store says and not from ids, so that a story that is told
/// again under other ids is the same.
fn shuffled(in_turn: InTurn) -> InTurn {
    let mut placed: Vec<_> = in_turn.into_iter().enumerate().map(|(at, it)| (place_of(at, &it), it)).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, it)| it).collect()
}

fn place_of(at: usize, claimed: &Claimed) -> u64 {
    let mut hasher = DefaultHasher::new();
    (at, claimed.delivery.attempts).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        petition::PetitionId,
        store::{Delivery, DeliveryId, DeliveryState, Errand},
    };

    fn claimed(id: u128, channel: &str, silent_attempts: u32) -> Claimed {
        let attachment = serde_json::from_str(r#"{"name": "a.pdf"}"#).unwrap();
        let delivery = Delivery {
            id: DeliveryId(Uuid::from_u128(id)),
            petition: PetitionId(Uuid::nil()),
            channel: channel.to_owned(),
            lane: None,
            errand: Errand::Fetch { external_id: "PA-1".to_owned(), attachment_id: 1, attachment },
            state: DeliveryState::Pending,
            attempts: silent_attempts + 1,
            attempts_in_round: silent_attempts + 1,
            in_doubt: false,
            silent_attempts,
            next_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            reason: None,
            remote_reference: None,
        };
        Claimed { delivery, lease: Uuid::nil() }
    }

    fn ids(in_turn: &InTurn) -> Vec<u128> {
        in_turn.iter().map(|it| it.delivery.id.0.as_u128()).collect()
    }

    #[test]
    fn only_what_was_under_way_at_a_death_is_tried_in_turn_and_only_within_its_channel() {
        let apart = apart(vec![
            claimed(1, "a", 0),
            claimed(2, "a", 1),
            claimed(3, "a", 0),
            claimed(4, "b", 2),
            claimed(5, "a", 1),
        ]);
        let mut apart: Vec<_> = apart.iter().map(ids).collect();
        apart.iter_mut().for_each(|it| it.sort_unstable());
        assert_eq!(apart, [vec![1], vec![3], vec![2, 5], vec![4]]);
    }

    /// How often each of 32 had an attempt without a word, when the first of them takes the gateway down each time and is
    /// given up after so many; what came before it is delivered.
    fn lives(silent_attempts_max: u32, first: u128) -> Vec<u32> {
        let poison = first;
        let mut silent: BTreeMap<u128, u32> = (first..first + 32).map(|id| (id, 1)).collect();
        while silent[&poison] < silent_attempts_max {
            let round = silent.iter().map(|(id, silent)| claimed(*id, "portal", *silent)).collect();
            for id in ids(&apart(round)[0]) {
                if id == poison {
                    break;
                }
                silent.remove(&id);
            }
            silent.values_mut().for_each(|it| *it += 1);
        }
        silent.into_values().collect()
    }

    #[test]
    fn of_those_that_were_under_way_together_only_the_one_that_it_died_of_is_given_up() {
        let given_up: usize = (0..20).map(|case| lives(10, case << 64).len() - 1).sum();
        // 20 × 31 innocents, each of which is in every one of nine rounds behind the other with 1 : 512.
        assert!(given_up <= 5, "{given_up} of 620");
    }
}
