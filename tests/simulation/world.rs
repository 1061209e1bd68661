//! The world around the gateway: what outlives it. A gateway is born into it, is killed, and another comes after it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use petition_gateway::{
    blobs::Blobs,
    store::{Store, sqlite::SqliteStore},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use crate::{
    far::Side,
    model::Model,
    network::Mail,
    office::Office,
    plan::{Plan, draws},
    time::Time,
    trace::Trace,
};

/// The largest file of a simulation.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Something that is wrong on purpose, to show that it would be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Nothing is.
    None,
    /// The store says of some changes that they are durable, and forgets them.
    ForgetsChanges,
    /// The store gives a delivery out before the one that goes before it has ended.
    BreaksOrder,
    /// The far side does again what comes again under a key that it knows.
    IgnoresKeys,
    /// The store loses some settlements.
    ForgetsSettlements,
}

/// Everything that outlives the gateway.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) sabotage: Sabotage,
    pub(crate) time: Arc<Time>,
    pub(crate) began: Timestamp,
    pub(crate) trace: Trace,
    /// The store as it is; the gateway has it behind a disk that fails.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) sides: Vec<Arc<Side>>,
    pub(crate) mail: Mutex<Mail>,
    pub(crate) mail_came: Notify,
    pub(crate) model: Mutex<Model>,
    pub(crate) office: Mutex<Office>,
    dice: Mutex<BTreeMap<&'static str, ChaCha8Rng>>,
    broken: Mutex<Option<String>>,
}

impl World {
    pub(crate) fn of(plan: Plan, sabotage: Sabotage) -> Arc<World> {
        let began: Timestamp = "2019-12-02T01:00:00Z".parse().unwrap();
        let time = Arc::new(Time::beginning_at(began));
        let store = SqliteStore::in_memory(Arc::clone(&time) as _).unwrap();
        let far_began = began + SignedDuration::from_hours(plan.far_clock_hours);
        Arc::new(World {
            sides: Side::all(&plan, far_began, sabotage),
            sabotage,
            time,
            began,
            trace: Trace::beginning_at(began),
            store: Arc::new(store),
            blobs: Blobs::in_memory(FILE_BYTES_MAX),
            mail: Mutex::default(),
            mail_came: Notify::new(),
            model: Mutex::default(),
            office: Mutex::new(Office::of(plan.seed)),
            dice: Mutex::default(),
            broken: Mutex::default(),
            plan,
        })
    }

    pub(crate) fn tell(&self, who: &str, what: &str) {
        self.trace.tell(self.time.true_now(), who, what);
    }

    /// Whether anything may still go wrong.
    pub(crate) fn is_stormy(&self) -> bool {
        let passed = self.time.true_now().duration_since(self.began);
        passed < SignedDuration::try_from(self.plan.storm).unwrap()
    }

    /// Whether a fault that happens in `per_mille` of a thousand cases happens now.
    pub(crate) fn happens(&self, what: &'static str, per_mille: u16) -> bool {
        per_mille > 0 && self.is_stormy() && self.draw(what, 0..1000) < u64::from(per_mille)
    }

    /// A draw for one purpose.
    pub(crate) fn draw(&self, what: &'static str, range: std::ops::Range<u64>) -> u64 {
        let mut dice = self.dice.lock().unwrap();
        dice.entry(what).or_insert_with(|| draws(self.plan.seed, what)).random_range(range)
    }

    /// A promise is broken: the run ends here.
    pub(crate) fn broken(&self, what: String) {
        let mut broken = self.broken.lock().unwrap();
        if broken.is_none() {
            self.tell("!", &what);
            *broken = Some(what);
        }
    }

    pub(crate) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken(otherwise());
        }
    }

    pub(crate) fn what_broke(&self) -> Option<String> {
        self.broken.lock().unwrap().clone()
    }
}

/// One life of the gateway.
pub(crate) struct Life {
    world: Arc<World>,
    steps: AtomicU64,
    dies_at: Option<u64>,
    is_dead: AtomicBool,
    over: Notify,
}

impl Life {
    pub(crate) fn new(world: &Arc<World>, dies_at: Option<u64>) -> Arc<Life> {
        Arc::new(Life {
            world: Arc::clone(world),
            steps: AtomicU64::new(0),
            dies_at,
            is_dead: AtomicBool::new(false),
            over: Notify::new(),
        })
    }

    /// A step: just before and just after whatever another can see. A kill between two of them leaves the same world,
    /// wherever it falls; so a kill at each of them is a kill at any `await`. It never returns when it falls here.
    pub(crate) async fn step(&self) {
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        if self.dies_at == Some(step) && self.world.is_stormy() {
            self.world.tell("gateway", &format!("is killed at step {step}"));
            self.is_dead.store(true, Ordering::Relaxed);
        }
        if self.is_dead.load(Ordering::Relaxed) || self.world.what_broke().is_some() {
            self.over.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Returns when the gateway was killed.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }
}
