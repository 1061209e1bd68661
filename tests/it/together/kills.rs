//! Gateways that are killed and replaced, and others that are halted past their leases and woken, under load.

use std::time::Duration;

use petition_gateway::demo::options::BAD_DAY;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;

use super::{far_sides::FarSides, fleet::Fleet, load::Load, seed};
use crate::support::TestStore;

/// Longer than a channel's turn (9 s) and a delivery's lease (5 s in these tests).
const PAST_ALL_LEASES: Duration = Duration::from_secs(11);

/// Kills and replaces some gateway now and then, while another is halted past its leases.
async fn one_is_halted_and_others_are_killed(count: usize, seed: u64) {
    let far_sides = FarSides::open(60, 25, BAD_DAY).await;
    let mut fleet = Fleet::start(count, TestStore::shared(), &far_sides.config);
    let load = Load::begin(&fleet.places, &far_sides, seed);
    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    sleep(Duration::from_millis(draw.random_range(2_000..4_000))).await;

    let halted = draw.random_range(0..count);
    fleet.pause(halted);
    let until = tokio::time::Instant::now() + PAST_ALL_LEASES;
    while tokio::time::Instant::now() < until {
        sleep(Duration::from_millis(draw.random_range(1_000..4_000))).await;
        let killed = (halted + draw.random_range(1..count)) % count;
        fleet.kill(killed);
        fleet.begin(killed);
    }
    fleet.wake(halted);
    sleep(Duration::from_millis(draw.random_range(500..2_000))).await;
    fleet.kill(halted);
    fleet.begin(halted);
    load.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_gateways_one_may_be_halted_and_the_other_killed() {
    one_is_halted_and_others_are_killed(2, seed(101)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_four_gateways_one_may_be_halted_and_the_others_killed() {
    one_is_halted_and_others_are_killed(4, seed(102)).await;
}
