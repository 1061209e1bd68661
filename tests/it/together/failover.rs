//! What befalls the database: its primary is killed and a synchronous replica takes its place, it is halted, its replica is
//! away. The gateways are left alone: they go on by themselves.

use std::time::Duration;

use petition_gateway::demo::options::BAD_DAY;
use postgres_server::{Database, Options, Server};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;

use super::{far_sides::FarSides, fleet::Fleet, health::until_all_say, load::Load, seed};
use crate::support::TestStore;

/// By when a gateway that cannot work must have said so.
const TRUTH_LIMIT: Duration = Duration::from_secs(2);
/// The same where nothing is broken and a commit waits: it may take a moment, so it is not judged at once.
const WAIT_LIMIT: Duration = Duration::from_secs(3);
/// How long gateways may take to serve again once they can.
const RETURN_LIMIT: Duration = Duration::from_secs(10);

/// A primary, a replica that has everything that is acknowledged, and two gateways that know both.
struct Pair {
    primary: Server,
    replica: Server,
    load: Load,
    draw: ChaCha8Rng,
    _fleet: Fleet,
    _database: Database,
}

impl Pair {
    /// Everything is up and under load for a while.
    async fn begin(seed: u64) -> Pair {
        let primary = Server::start(Options::default());
        let database = primary.database();
        let replica = primary.replica("second");
        let far_sides = FarSides::open(50, 20, BAD_DAY).await;
        let url = both(&database.url(), &replica.url(database.name()));
        let fleet = Fleet::start(2, TestStore::at(url), &far_sides.config);
        let load = Load::begin(&fleet.places, &far_sides, seed);
        let mut draw = ChaCha8Rng::seed_from_u64(seed);
        sleep(Duration::from_millis(draw.random_range(3_000..5_000))).await;
        Pair { primary, replica, load, draw, _fleet: fleet, _database: database }
    }

    async fn says(&self, serving: bool, limit: Duration) {
        let took = until_all_say(&self.load.places, serving, limit).await;
        eprintln!("all say {serving} after {took:?}");
    }

    /// A while in which nothing changes.
    async fn wait(&mut self, milliseconds: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.draw.random_range(milliseconds))).await;
    }

    /// Work goes on for a moment, comes to its end, and all agree.
    async fn end(self) {
        sleep(Duration::from_secs(3)).await;
        self.load.end().await;
    }
}

/// One url of two: `postgres://user@host,other-host/database`.
fn both(primary: &str, replica: &str) -> String {
    let host = |url: &str| url.split(['@', '/']).nth(3).unwrap().to_owned();
    primary.replacen(&host(primary), &format!("{},{}", host(primary), host(replica)), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_primary_is_killed_and_its_replica_promoted_the_gateways_go_on() {
    let mut pair = Pair::begin(seed(201)).await;
    pair.primary.kill();
    pair.says(false, TRUTH_LIMIT).await;
    pair.wait(0..2_000).await;
    pair.replica.promote();
    pair.says(true, RETURN_LIMIT).await;
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_primary_falls_silent_and_its_replica_is_promoted_its_waking_changes_nothing() {
    let mut pair = Pair::begin(seed(202)).await;
    pair.primary.pause();
    pair.says(false, TRUTH_LIMIT).await;
    pair.wait(0..2_000).await;
    pair.replica.promote();
    pair.says(true, RETURN_LIMIT).await;
    pair.wait(1_000..3_000).await;
    pair.primary.wake();
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_database_is_halted_the_gateways_say_so_and_go_on_when_it_does() {
    let mut pair = Pair::begin(seed(203)).await;
    pair.primary.pause();
    pair.says(false, TRUTH_LIMIT).await;
    pair.wait(4_000..8_000).await;
    pair.primary.wake();
    pair.says(true, RETURN_LIMIT).await;
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_replica_is_away_nothing_is_acknowledged() {
    let mut pair = Pair::begin(seed(204)).await;
    pair.replica.pause();
    pair.says(false, WAIT_LIMIT).await;
    nothing_is_acknowledged(&mut pair).await;
    pair.replica.wake();
    pair.says(true, RETURN_LIMIT).await;
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_the_replica_when_the_primary_was_lost_was_told_to_nobody() {
    let mut pair = Pair::begin(seed(205)).await;
    pair.replica.pause();
    pair.says(false, WAIT_LIMIT).await;
    nothing_is_acknowledged(&mut pair).await;
    pair.primary.kill();
    pair.replica.wake();
    pair.replica.promote();
    pair.says(true, RETURN_LIMIT).await;
    pair.end().await;
}

/// For longer than any limit of the gateways on a transaction, nobody is told anything.
async fn nothing_is_acknowledged(pair: &mut Pair) {
    let before = pair.load.acknowledged();
    pair.wait(12_000..14_000).await;
    assert_eq!(pair.load.acknowledged(), before, "submissions, replies, decisions, events");
}
