//! The gateway is killed at every named place, under load from every entrance, restarted, and audited against what every
//! client and every far side was told: nothing acknowledged is lost, nothing is doubled or out of order.
//!
//! `tests/faults/run` builds the gateway with its fail-points and runs this; `tests/faults/run --help` tells what can be
//! asked of it. What is drawn is drawn from a seed; what the processes make of it is their own. A run that fails prints
//! how it is run alone.
//!
//! - [`points`]: where, and how often a place is passed before it is the last; [`ask`]: what was asked for;
//! - [`life`]: one gateway and its deaths; [`entrances`]: who imports, uploads and mends beside `together::load`;
//! - [`table`]: what all runs came to;
//! - [`unsure`]: the same between a claim and its settlement, where the far side does not honour keys.

mod ask;
mod entrances;
mod life;
mod points;
mod table;
mod unsure;

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::{sync::Semaphore, task::JoinSet};

use self::{ask::Ask, table::Table};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_it_dies_of_nothing_acknowledged_is_lost_doubled_or_out_of_order() {
    let ask = Ask::of_environment();
    let room = Arc::new(Semaphore::new(ask.at_once));
    let mut runs = JoinSet::new();
    for life in ask.lives() {
        let room = Arc::clone(&room);
        runs.spawn(async move {
            let _turn = room.acquire_owned().await.unwrap();
            // What panics in one run is told as that run's failure, and the others go on.
            let lived = AssertUnwindSafe(life.live()).catch_unwind().await;
            let lived = lived.unwrap_or_else(|panic| Err(vec![words_of(&*panic)]));
            (life, lived)
        });
    }
    let mut table = Table::default();
    while let Some(run) = runs.join_next().await {
        let (life, lived) = run.unwrap();
        table.add(&life, lived);
    }
    table.show();
    assert!(table.failures.is_empty(), "{} of the runs failed:\n{}", table.failures.len(), table.failures.join("\n\n"));
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    words.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}
