//! The life of deliveries, checked in every order in which things can happen: two gateways on one store, two deliveries of one
//! lane, and a far side of each sort. `lane` is the model, `books` what the store does in each of its transactions.
//!
//! What the gateway decides is not written down a second time: the model asks `petition_gateway::outbound::course`, as the
//! engine does. What is taken for granted: a gateway sends nothing after its lease (the engine is cut off before), what left
//! has taken effect by the end of the lease or never will, and a person who resolves a parked delivery has found out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]
#![allow(missing_docs, reason = "test names are the documentation")]

mod books;
mod breaker;
mod lane;

use std::time::Duration;

use channel_sdk::Guarantees;
use stateright::{Checker, HasDiscoveries, Model};

use self::{
    breaker::Channel,
    lane::{Flaw, Lane},
};

/// The sorts of far sides.
fn sides() -> [(&'static str, Guarantees); 5] {
    let side =
        |honours_key, answers_by_reference| Guarantees { honours_key, answers_by_reference, ..Guarantees::default() };
    let later = |side| Guarantees { acknowledges_later: Some(Duration::from_secs(86_400)), ..side };
    [
        ("honours keys", side(true, false)),
        ("can be asked", side(false, true)),
        ("neither", side(false, false)),
        ("honours keys, can be asked, acknowledges later", later(side(true, true))),
        ("neither, acknowledges later", later(side(false, false))),
    ]
}

/// Whether a flaw makes one of these properties fail, at each side that `at` says.
fn is_found(flaw: Flaw, properties: &[&'static str], at: impl Fn(Guarantees) -> bool) {
    for (name, guarantees) in sides().into_iter().filter(|(_, side)| at(*side)) {
        let lane = Lane { flaw: Some(flaw), ..Lane::of(guarantees) };
        let enough = HasDiscoveries::AnyOf(properties.iter().copied().collect());
        let found = lane.checker().finish_when(enough).spawn_dfs().join().discoveries();
        assert!(properties.iter().any(|property| found.contains_key(property)), "{name}: {:?}", found.keys());
    }
}

#[test]
fn whatever_happens_nothing_is_doubled_overtaken_or_lost_and_every_delivery_ends() {
    for (name, guarantees) in sides() {
        let checker = Lane::of(guarantees).checker().spawn_dfs().join();
        checker.assert_properties();
        // Far more than the happy path has.
        assert!(checker.is_done() && checker.unique_state_count() > 10_000, "{name}: {}", checker.unique_state_count());
    }
}

#[test]
fn a_gateway_that_sends_blindly_again_doubles_at_every_side_that_honours_no_key() {
    is_found(Flaw::SendsBlindly, &[lane::ONCE], |side| !side.honours_key);
}

#[test]
fn a_gateway_that_sends_after_its_lease_doubles_or_overtakes() {
    is_found(Flaw::SendsAfterItsLease, &[lane::ONCE, lane::IN_ORDER, lane::FLAGGED], |side| !side.honours_key);
}

#[test]
fn a_store_that_forgets_what_a_dead_gateway_had_under_way_doubles_or_leaves_no_flag() {
    is_found(Flaw::ForgetsDoubt, &[lane::ONCE, lane::FLAGGED], |_| true);
}

#[test]
fn a_lane_that_gives_out_its_second_before_its_first_is_found() {
    is_found(Flaw::KeepsNoOrder, &[lane::IN_ORDER], |_| true);
}

#[test]
fn a_lease_that_never_ends_leaves_what_a_dead_gateway_had_for_ever() {
    is_found(Flaw::LeaseNeverEnds, &[lane::NO_STANDSTILL], |_| true);
}

#[test]
fn a_far_side_that_dies_and_returns_is_probed_once_at_a_time_left_alone_meanwhile_and_delivered_to_in_the_end() {
    let checker = Channel { flaw: None }.checker().spawn_dfs().join();
    checker.assert_properties();
    assert!(checker.is_done() && checker.unique_state_count() > 1_000, "{}", checker.unique_state_count());
}

#[test]
fn a_gateway_that_does_not_keep_to_the_breaker_is_found() {
    for (flaw, property) in [
        (breaker::Flaw::ProbesAtWill, breaker::ONE_PROBE),
        (breaker::Flaw::AsksNobody, breaker::LEFT_ALONE),
        (breaker::Flaw::NeverProbes, breaker::ARRIVE),
    ] {
        let enough = HasDiscoveries::AnyOf([property].into_iter().collect());
        let found = Channel { flaw: Some(flaw) }.checker().finish_when(enough).spawn_dfs().join().discoveries();
        assert!(found.contains_key(property), "{flaw:?}: {:?}", found.keys());
    }
}
