//! A day's work for all gateways: petitioners submit and reply, channels push and are pulled, the ministry decides, others
//! watch. Everybody goes from gateway to gateway; whoever is not answered asks the next one.

use std::{sync::Arc, time::Duration};

use petition_gateway::demo::ministry::{Ministry, books::Books, gateways::Gateways};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    audit,
    far_sides::{End, FarSides},
    petitioners::{self, Told},
    places::Places,
    pushes, walk,
};

/// Clients that submit; together some ten petitions a second, which leaves a small machine time for four gateways.
const SUBMITTERS: usize = 2;
/// Watchers beside the ministry's own.
const WALKERS: usize = 2;
/// The ministry thinks about a petition for at most this long.
const THOUGHT_MAX: Duration = Duration::from_millis(800);
/// How long everything may take to come to rest. Long: what was claimed or held by a gateway that is gone must wait for the
/// end of its lease first, and two cores may be busy with everything else.
const PATIENCE: Duration = Duration::from_secs(120);
/// All must agree twice, with this much time in between: nothing moves any more.
const STILLNESS: Duration = Duration::from_secs(1);

/// Work that goes on until it is ended.
pub(crate) struct Load {
    pub(crate) places: Places,
    pub(crate) ends: Vec<End>,
    pub(crate) books: Books,
    pub(super) told: Told,
    pub(super) walkers: Vec<Books>,
    stop_submitting: CancellationToken,
    submitting: JoinSet<()>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Begins everything; what is drawn is drawn from the seed.
    pub(crate) fn begin(places: &Places, far_sides: &FarSides, seed: u64) -> Load {
        let mut load = Load {
            places: places.clone(),
            ends: far_sides.ends.clone(),
            books: Books::default(),
            told: Told::default(),
            walkers: (0..WALKERS).map(|_| Books::default()).collect(),
            stop_submitting: CancellationToken::new(),
            submitting: JoinSet::new(),
            tasks: JoinSet::new(),
        };
        let mut draws = (0..).map(|part| ChaCha8Rng::seed_from_u64(seed * 1_000 + part));
        let mut draw = || draws.next().unwrap();
        for client in 0..SUBMITTERS {
            let (told, stop) = (load.told.clone(), load.stop_submitting.clone());
            load.submitting.spawn(petitioners::submit(load.gateways(), client, draw(), told, stop));
        }
        let ministry = Ministry::new(load.gateways(), load.books.clone(), seed, THOUGHT_MAX);
        load.tasks.spawn(ministry.run(CancellationToken::new()));
        let (sender, events) = mpsc::unbounded_channel();
        load.tasks.spawn(petitioners::reply(load.gateways(), events, load.told.clone()));
        for (books, events) in load.walkers.clone().into_iter().zip([Some(sender), None]) {
            load.tasks.spawn(walk::walk(load.gateways(), books, draw(), events));
        }
        for end in load.ends.clone() {
            if far_sides.release_themselves {
                load.tasks.spawn(release(Arc::clone(&end.side), draw()));
            }
            load.tasks.spawn(pushes::push(end, load.places.clone(), draw()));
        }
        load
    }

    /// Connections of somebody's own to all gateways.
    fn gateways(&self) -> Gateways {
        Gateways::new(self.places.connections(), self.books.clone())
    }

    /// How much was told to clients until now: submissions and replies, decisions, events.
    pub(crate) fn acknowledged(&self) -> [u64; 3] {
        let (pages, told) = (self.books.open(), self.told.all());
        let watched = self.walkers.iter().map(|it| it.open().watched.last_seq).chain([pages.watched.last_seq]).max();
        [(told.submitted.len() + told.provided.len()) as u64, pages.counts.calls, watched.unwrap_or_default()]
    }

    /// Waits until everything that was begun has come to its end, with all gateways up, and all agree about it.
    pub(crate) async fn end(self) {
        if let Err(disagreements) = self.settle().await {
            panic!("{}", disagreements.join("\n"));
        }
    }

    /// The same, and what they disagree about if they do not agree.
    pub(crate) async fn settle(mut self) -> Result<(), Vec<String>> {
        self.stop_submitting.cancel();
        while let Some(ended) = self.submitting.join_next().await {
            ended.unwrap();
        }
        for end in &self.ends {
            end.side.release(u32::MAX);
        }
        let until = Instant::now() + PATIENCE;
        let mut agreed = None;
        loop {
            let is_over = Instant::now() > until;
            if is_over || self.seems_at_rest() {
                match audit::audit(&self).await {
                    Ok(seq) if agreed == Some(seq) => break,
                    Ok(seq) => agreed = Some(seq),
                    Err(disagreements) if is_over => return Err(disagreements),
                    Err(_) => agreed = None,
                }
            }
            sleep(STILLNESS).await;
        }
        self.tell();
        // Nobody may have given up meanwhile: a task ends only with a panic.
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            assert!(ended.is_err_and(|error| error.is_cancelled()), "somebody ended before the end");
        }
        Ok(())
    }

    /// A cheap look at what is known without asking a gateway.
    fn seems_at_rest(&self) -> bool {
        let pages = self.books.open();
        let seen = pages.watched.last_seq;
        let released = self.ends.iter().all(|end| end.side.unreleased() == 0);
        released
            && pages.unfinished().next().is_none()
            && self.walkers.iter().all(|it| it.open().watched.last_seq == seen)
    }

    /// What was done, for whoever reads the output of a test that failed or took long.
    fn tell(&self) {
        let (pages, told) = (self.books.open(), self.told.all());
        let pushed: usize = self.ends.iter().map(|end| end.side.accounts().len()).sum();
        eprintln!(
            "{} events, {} submitted, {pushed} from channels, {:?}",
            pages.watched.events,
            told.submitted.len(),
            pages.counts
        );
    }
}

/// Lets petitions exist, a few at a time.
async fn release(side: Arc<dyn channel_sdk::sandbox::FarSide>, mut draw: ChaCha8Rng) {
    loop {
        side.release(draw.random_range(0..3));
        sleep(Duration::from_millis(draw.random_range(100..300))).await;
    }
}
