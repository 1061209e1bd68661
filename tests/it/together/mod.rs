//! Several gateways on one PostgreSQL keep every promise, whatever befalls them and it: real processes, killed, halted and
//! stopped, in the middle of everything.
//!
//! - [`fleet`]: the gateways; [`places`]: where they are; [`far_sides`]: a portal and an Assembly that misbehave;
//! - [`load`]: who calls, pushes, decides and watches meanwhile, of every gateway in turn; [`petitioners`], [`pushes`] and
//!   [`walk`]: parts of it;
//! - [`audit`]: at the end, everybody is asked what was told to whom, and all must agree;
//! - the tests, each by what befalls: [`kills`], [`failover`], [`clocks`], [`rolling`], [`operators`], [`races`].
//!
//! What is drawn is drawn from a seed; what the processes make of it is their own. So a failure tells what was found, and
//! the same seed may need several runs to show it again.

mod audit;
mod clocks;
mod failover;
pub(crate) mod far_sides;
pub(crate) mod fleet;
mod health;
mod kills;
pub(crate) mod load;
mod operators;
pub(crate) mod petitioners;
pub(crate) mod places;
mod pushes;
mod races;
mod rolling;
mod walk;

/// The seed of a test, unless the environment names another.
fn seed(usual: u64) -> u64 {
    std::env::var("PETITION_GATEWAY_TEST_SEED").map_or(usual, |seed| seed.parse().expect("a seed is a number"))
}
