//! What a seed makes of the world: which faults there are and how often, when the gateway is killed, how much there is
//! to do.

use std::{ops::Range, time::Duration};

use channel_sdk::sandbox::Mischief;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How long the storm lasts; then everything is well, and must become well.
pub(crate) const STORM: Range<u64> = 20..60;
/// What is not well so long after the storm never will be: every wait of the schedule is shorter.
pub(crate) const CALM: Duration = Duration::from_secs(20 * 60);

/// A generator for one purpose: draws for one thing leave those for others alone.
pub(crate) fn draws(seed: u64, purpose: &str) -> ChaCha8Rng {
    let salt = purpose.bytes().fold(seed, |salt, byte| salt.wrapping_mul(31).wrapping_add(u64::from(byte)));
    ChaCha8Rng::seed_from_u64(salt ^ seed.rotate_left(32))
}

/// One run, as its seed has it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) storm: Duration,
    /// Petitions of each far side.
    pub(crate) petitions: u32,
    /// How the far sides' own servers misbehave.
    pub(crate) mischief: Mischief,
    pub(crate) network: Network,
    pub(crate) disk: Disk,
    /// The gateway is killed at this step of each of its lives, or stopped cleanly; the last life is spared.
    pub(crate) ends: Vec<End>,
    /// By how much the gateway's clock is wrong in each of its lives, in milliseconds.
    pub(crate) clocks: Vec<i64>,
    /// How far the far sides' clocks are from ours, in hours.
    pub(crate) far_clock_hours: i64,
}

/// How one life of the gateway ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Killed at its n-th step: between any two things that it writes or sends.
    Killed(u64),
    /// Asked to stop after so many seconds.
    Stopped(u64),
}

/// What befalls a call on its way, in per mille.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Network {
    /// The request is lost.
    pub(crate) lost: u16,
    /// The reply is lost: the far side did what it was asked, and nobody hears of it.
    pub(crate) unheard: u16,
    /// The request arrives twice, the second time much later.
    pub(crate) doubled: u16,
    /// Takes seconds instead of milliseconds, some of them more than the caller's patience.
    pub(crate) slow: u16,
    /// No connection at all.
    pub(crate) unreachable: u16,
    /// Something in between answers in the far side's place: an HTML page with 200 or 502.
    pub(crate) interposed: u16,
    /// The reply ends before its end, and does not look like it.
    pub(crate) truncated: u16,
    /// For a while one far side cannot be spoken to at all: this many such times in a run.
    pub(crate) outages: u16,
    /// A push to us is lost on its way, or its answer is.
    pub(crate) push_lost: u16,
    /// A push to us comes twice.
    pub(crate) push_doubled: u16,
}

/// What befalls a write to the store, in per mille.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disk {
    /// Nothing was written, and it says so.
    pub(crate) refuses: u16,
    /// It was written, and the answer is lost.
    pub(crate) unknown: u16,
    /// It takes up to a second.
    pub(crate) slow: u16,
}

/// A rate for one fault: most runs are free of it, some full of it.
fn rate(rng: &mut ChaCha8Rng) -> u16 {
    *[0, 0, 0, 10, 30, 100, 250].choose(rng).expect("it has entries")
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Plan {
        let mut rng = draws(seed, "plan");
        let rng = &mut rng;
        let lives = rng.random_range(0..5);
        Plan {
            seed,
            storm: Duration::from_secs(rng.random_range(STORM)),
            petitions: rng.random_range(2..8),
            mischief: mischief(rng),
            network: Network {
                lost: rate(rng),
                unheard: rate(rng),
                doubled: rate(rng),
                slow: rate(rng),
                unreachable: rate(rng),
                interposed: rate(rng),
                truncated: rate(rng),
                outages: rng.random_range(0..4),
                push_lost: rate(rng),
                push_doubled: rate(rng),
            },
            disk: Disk { refuses: rate(rng) / 4, unknown: rate(rng) / 4, slow: rate(rng) / 2 },
            ends: (0..lives).map(|_| end(rng)).collect(),
            clocks: (0..=lives).map(|_| *[0, 0, 0, -20_000, -500, 500, 20_000].choose(rng).unwrap()).collect(),
            far_clock_hours: *[0, 0, -30, -1, 1, 30].choose(rng).unwrap(),
        }
    }
}

fn end(rng: &mut ChaCha8Rng) -> End {
    match rng.random_range(0..4) {
        // Early steps are those of the start: finishing what was left from before.
        0 => End::Killed(rng.random_range(1..30)),
        1 => End::Stopped(rng.random_range(1..15)),
        _ => End::Killed(rng.random_range(1..400)),
    }
}

fn mischief(rng: &mut ChaCha8Rng) -> Mischief {
    Mischief {
        server_error_per_mille: rate(rng),
        error_after_commit_per_mille: rate(rng),
        too_many_per_mille: rate(rng),
        duplicate_per_mille: rate(rng),
        reserve_page_per_mille: rate(rng),
        edited_per_mille: rate(rng),
        out_of_order_per_mille: rate(rng),
        broken_item_per_mille: rate(rng),
        withdrawn_per_mille: rate(rng),
        ..Mischief::default()
    }
}
