//! This gateway among those that share its store: it says that it is alive, and holds the channels that it looks after.
//!
//! A beat every few seconds keeps what this gateway holds: the channels that are its to pull and to look through (`Turn`),
//! and the messages that it is dealing with. A gateway that falls silent loses both when its lease ends, and another goes on;
//! one that stops lets go of both, and another goes on within a second. How long ago a beat was is judged by the store's time
//! there, and by this machine's monotonic clock here, from before the beat was sent: a gateway that was held up (a stopped
//! process, a lost network) knows that its turn is over before anybody else's begins.
//!
//! On a store that one gateway has to itself, every channel is its own from the first beat on.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    channels::Channels,
    committer::Committer,
    store::{Beat, GatewayAbout, Held, Store, StoreError},
};

/// How long a silent gateway keeps what it holds. Long enough to sit out a failover of the database between two beats, or
/// everything would change hands at each; short enough that a channel is pulled again within a far side's patience.
const LEASE: Duration = Duration::from_secs(9);
/// Beats in a lease: two may be lost before anything changes hands.
const BEATS_IN_LEASE: u32 = 3;
/// How often it is looked between beats whether another gateway has let go of a channel: one that is stopped and replaced
/// should not leave its channels alone for longer than that. A look is one read of a few rows.
const LOOK: Duration = Duration::from_secs(1);

/// Which gateway this is, and which channels are its to look after. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Turns {
    about: Arc<GatewayAbout>,
    board: Arc<Board>,
}

/// Whether one channel is this gateway's to look after.
#[derive(Debug, Clone)]
pub struct Turn {
    turns: Turns,
    channel: String,
    /// The last change that it was told of.
    seen: u64,
}

#[derive(Debug, Clone, Default)]
struct Holding {
    channels: BTreeSet<String>,
    until: Option<Instant>,
}

/// What is held, and a bell for whoever waits for another to hold it. Not a `watch` channel: that wakes its receivers in an
/// order drawn at random, and a simulation tells the same story every time.
#[derive(Debug, Default)]
struct Board {
    state: Mutex<(Holding, u64)>,
    bell: Notify,
}

impl Board {
    fn read<T>(&self, read: impl FnOnce(&Holding) -> T) -> T {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// How often it has changed.
    fn changes(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn write(&self, holding: Holding, is_news: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = holding;
        if is_news {
            state.1 += 1;
            self.bell.notify_waiters();
        }
    }
}

/// The task that beats.
pub struct Presence {
    store: Arc<dyn Store>,
    committer: Committer,
    channels: Channels,
    about: Arc<GatewayAbout>,
    board: Arc<Board>,
}

/// A gateway's presence, to be run as a task, and what it holds by it.
pub fn presence(
    store: Arc<dyn Store>,
    committer: Committer,
    channels: Channels,
    about: GatewayAbout,
) -> (Presence, Turns) {
    let (board, about) = (Arc::<Board>::default(), Arc::new(about));
    let turns = Turns { about: Arc::clone(&about), board: Arc::clone(&board) };
    (Presence { store, committer, channels, about, board }, turns)
}

impl Turns {
    /// Which gateway this is.
    pub fn about(&self) -> &GatewayAbout {
        &self.about
    }

    /// The channels that are this gateway's now.
    pub fn held(&self) -> BTreeSet<String> {
        self.board.read(|holding| if holding.is_over() { BTreeSet::new() } else { holding.channels.clone() })
    }

    /// The turn of one channel.
    pub fn of(&self, channel: &str) -> Turn {
        Turn { turns: self.clone(), channel: channel.to_owned(), seen: 0 }
    }
}

impl Holding {
    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }
}

impl Turn {
    /// Whether the channel is this gateway's now.
    pub fn is_ours(&self) -> bool {
        self.turns.board.read(|holding| holding.channels.contains(&self.channel) && !holding.is_over())
    }

    /// Waits until a beat changed who holds what.
    pub async fn changed(&mut self) {
        let mut bell = pin!(self.turns.board.bell.notified());
        loop {
            // Listened for before the look: a change in between rings.
            bell.as_mut().enable();
            let changes = self.turns.board.changes();
            if changes != self.seen {
                self.seen = changes;
                return;
            }
            bell.as_mut().await;
            bell.set(self.turns.board.bell.notified());
        }
    }
}

impl Presence {
    /// Beats until told to stop; then lets go of everything, so that others need not wait for the lease to end.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.beat().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "this gateway cannot say that it is alive");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.rest() => {}
            }
        }
        self.board.write(Holding::default(), true);
        if let Err(error) = self.committer.leave().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what this gateway held is free only after its lease"
            );
        }
        crate::failpoint::at!("presence.left");
    }

    /// Until the next beat is due: soon when a channel is nobody's.
    async fn rest(&self) {
        let due = Instant::now() + LEASE / BEATS_IN_LEASE;
        while Instant::now() < due {
            tokio::time::sleep(LOOK).await;
            // What cannot be read now is told by the beat.
            if self.is_one_free().await.unwrap_or(false) {
                break;
            }
        }
    }

    async fn is_one_free(&self) -> Result<bool, StoreError> {
        let mut not_ours = self.wanted();
        self.board.read(|holding| not_ours.retain(|name| !holding.channels.contains(name)));
        if not_ours.is_empty() {
            return Ok(false);
        }
        let others = self.store.gateway_list_others().await?;
        Ok(not_ours.iter().any(|name| !others.iter().any(|other| other.holds.contains(name))))
    }

    /// The channels that this gateway would look after.
    fn wanted(&self) -> BTreeSet<String> {
        self.channels.iter().filter(|it| it.enabled).map(|it| it.name.clone()).collect()
    }

    async fn beat(&self) -> Result<(), StoreError> {
        let beat = Beat {
            lease: LEASE,
            about: GatewayAbout::clone(&self.about),
            channels: self.wanted(),
            seen: self.channels.iter().map(|channel| (channel.name.clone(), channel.health())).collect(),
        };
        let until = Instant::now() + LEASE;
        let Held { channels, to_sync } = self.committer.beat(beat).await?;
        crate::failpoint::at!("presence.beaten");
        self.tell(&channels);
        // Others are told only of a change; that the turn goes on they see for themselves.
        let is_news = self.board.read(|holding| holding.channels != channels || holding.is_over());
        self.board.write(Holding { channels, until: Some(until) }, is_news);
        for name in to_sync {
            if let Some(channel) = self.channels.get(&name) {
                channel.sync.notify_waiters();
            }
        }
        Ok(())
    }

    fn tell(&self, now: &BTreeSet<String>) {
        let before = self.board.read(|holding| holding.channels.clone());
        for name in now.difference(&before) {
            tracing::info!(channel.name = %name, "this gateway looks after the channel from now on");
        }
        for name in before.difference(now) {
            tracing::warn!(channel.name = %name, "another gateway looks after the channel from now on");
        }
    }
}
