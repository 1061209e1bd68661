//! The gateway in virtual time: its real code, both real protocols, and a world in which everything goes wrong by seed.
//!
//! A seed makes a plan ([`plan`]): how calls are lost, doubled, late, cut short or answered by somebody else, how the far
//! sides misbehave, how the disk fails, how wrong the clocks are, and at which steps the gateway is killed. The gateway is
//! what `serve` runs, less its sockets: inbound, outbound, committer and presence over the SQLite engine, whose
//! database is in memory. The far sides are the sandboxes, called in process through a network that is ours.
//! All of it runs on one thread whose time stands still while anything can be done: a seed is one story, every time.
//!
//! - [`world`]: what outlives the gateway; [`life`]: one gateway after the other; [`time`]: the clocks;
//! - [`disk`]: the store behind a disk that fails; [`network`], [`far`]: calls and those who answer them;
//! - [`pushes`], [`office`]: who speaks to the gateway, and remembers what it was told;
//! - [`model`]: what must hold after every step; [`finale`]: what must hold once all is well again;
//! - [`trace`]: the story of a run; [`holiday`]: nine days without a far side.
//!
//! ```text
//! cargo test -p simulation --profile simulation                            # the usual number of seeds
//! PETITION_GATEWAY_SIMULATION_SEEDS=10000 cargo test -p simulation …       # more of them
//! PETITION_GATEWAY_SIMULATION_SEED=4711 cargo test -p simulation … one_seed -- --nocapture  # one, told whole
//! ```
#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on should panic where it stands")]
#![allow(missing_docs, reason = "test names are the documentation")]

mod disk;
mod far;
mod finale;
mod holiday;
mod life;
mod model;
mod network;
mod office;
mod operator;
mod plan;
mod pushes;
mod register;
mod time;
mod trace;
mod world;

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use life::{Run, run};
use plan::Plan;
use world::Sabotage;

/// Seeds of a usual run: a minute of a debug build. CI asks for ten thousand.
const SEEDS: u64 = 100;

fn seeds() -> u64 {
    env::var("PETITION_GATEWAY_SIMULATION_SEEDS").ok().map_or(SEEDS, |text| text.parse().unwrap())
}

/// The story of a run that broke a promise, and how to see it again.
fn told(seed: u64, run: &Run, whole: bool) -> String {
    let broken = run.broken.as_deref().unwrap_or("nothing was broken");
    format!(
        "seed {seed}: {broken}\n  again: PETITION_GATEWAY_SIMULATION_SEED={seed} cargo test -p simulation one_seed -- --nocapture\n{}",
        run.world.trace.shown(whole)
    )
}

#[test]
fn whatever_goes_wrong_nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    let (next, count) = (AtomicU64::new(1), seeds());
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let lines = AtomicU64::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > count || failed.lock().unwrap().len() >= 3 {
                        break;
                    }
                    let run = run(Plan::of(seed), Sabotage::None);
                    lines.fetch_add(run.world.trace.len() as u64, Ordering::Relaxed);
                    if run.broken.is_some() {
                        failed.lock().unwrap().push((seed, told(seed, &run, false)));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{count} seeds, {} lines of story, {:?}", lines.into_inner(), began.elapsed());
    assert!(failed.is_empty(), "{}", failed.into_iter().map(|(_, told)| told).collect::<Vec<_>>().join("\n"));
}

#[test]
fn one_seed_is_replayed_alone_and_told_whole() {
    let asked = env::var("PETITION_GATEWAY_SIMULATION_SEED").ok().map(|text| text.parse().unwrap());
    let seed = asked.unwrap_or(1);
    let run = run(Plan::of(seed), Sabotage::None);
    if asked.is_some() {
        println!("{:#?}\n{}", run.world.plan, told(seed, &run, true));
    }
    assert_eq!(run.broken, None);
}

#[test]
fn a_seed_is_the_same_story_every_time() {
    for seed in 1..=40 {
        let (first, second) = (run(Plan::of(seed), Sabotage::None), run(Plan::of(seed), Sabotage::None));
        let difference = first.world.trace.first_difference(&second.world.trace);
        assert_eq!(difference, None, "seed {seed}");
        assert_eq!(first.world.trace.digest(), second.world.trace.digest());
    }
}

/// The first seed of a few whose run breaks a promise, and which.
fn first_broken(sabotage: Sabotage) -> Option<String> {
    (1..=30).find_map(|seed| run(Plan::of(seed), sabotage).broken)
}

#[test]
fn a_settlement_that_was_lost_and_told_as_written_is_found_out() {
    let broken = first_broken(Sabotage::ForgetsSettlements).expect("it is found out");
    assert!(broken.contains("is settled, and it is not"), "{broken}");
}

#[test]
fn a_store_that_breaks_the_order_of_deliveries_is_found_out() {
    let broken = first_broken(Sabotage::BreaksOrder).expect("it is found out");
    assert!(broken.contains("overtakes"), "{broken}");
}

#[test]
fn a_far_side_that_does_everything_again_is_found_out() {
    let broken = first_broken(Sabotage::IgnoresKeys).expect("it is found out");
    assert!(broken.contains("it was sent") || broken.contains("complains"), "{broken}");
}

#[test]
fn a_store_that_forgets_what_it_acknowledged_is_found_out() {
    let broken = first_broken(Sabotage::ForgetsChanges).expect("it is found out");
    assert!(broken.contains("and it is not there"), "{broken}");
}
