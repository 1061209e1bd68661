//! Gateways that are stopped in good order and replaced, one after the other, as for an upgrade.

use std::time::Duration;

use petition_gateway::demo::options::BAD_DAY;
use tokio::time::{Instant, sleep};

use super::{far_sides::FarSides, fleet::Fleet, load::Load, seed};
use crate::support::{TestStore, eventually};

/// A gateway that stops lets go of its channels, so another need not wait for the end of their turn (9 s): it sees within a
/// second that they are free.
const TAKE_OVER_LIMIT: Duration = Duration::from_millis(2_500);

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_replaced_one_after_the_other_and_no_call_is_lost() {
    let far_sides = FarSides::open(50, 20, BAD_DAY).await;
    let mut fleet = Fleet::start(2, TestStore::shared(), &far_sides.config);
    let load = Load::begin(&fleet.places, &far_sides, seed(301));
    for at in [0, 1, 0] {
        sleep(Duration::from_secs(3)).await;
        fleet.stop(at);
        let stopped = Instant::now();
        for channel in ["portal", "assembly"] {
            eventually("another gateway looks after the channel", || async { fleet.holder(channel) }).await;
        }
        let waited = stopped.elapsed();
        eprintln!("taken over after {waited:?}");
        assert!(waited < TAKE_OVER_LIMIT, "{waited:?}");
        fleet.begin(at);
    }
    load.end().await;
}
