//! One store, and the gateways that live and die on it one after the other, under load; at its end, the audit.

use std::time::Duration;

use channel_sdk::sandbox::FarSide;
use petition_gateway::demo::options::BAD_DAY;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use super::{
    entrances::Entrances,
    points::{self, Engine, RANDOM},
};
use crate::{
    cli_gateway::{Gateway, Home, Unborn},
    support::{TestStore, write_secrets},
    together::{
        far_sides::FarSides,
        fleet,
        load::Load,
        places::{Place, Places},
    },
};

/// Petitions for each death, at the portal and at the Assembly: let out while the death is waited for, so that whatever
/// the gateway is to die of is still to come.
const PETITIONS: u32 = 16;
const VOTER_PETITIONS: u32 = 5;
/// One of each is let out at this pace.
const RELEASE_EVERY: Duration = Duration::from_millis(250);
/// How long a gateway may live that is to die: what it dies of is passed every few seconds, after a lease at most.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// A gateway that is to be stopped, or killed at random, works for so long at most.
const WORK_MS_MAX: u64 = 1_500;
/// How long it is looked for the first delivery after a restart.
const FIRST_DELIVERY_MAX: Duration = Duration::from_secs(20);
/// SIGKILL, as a process's end tells it.
pub(super) const KILLED: i32 = 9;

/// What is to happen on one store.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) seed: u64,
    pub(super) engine: Engine,
    /// What its gateways die of, in this order.
    pub(super) deaths: Vec<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Lived {
    /// How long after each restart the far sides took the first delivery.
    pub(super) first_deliveries: Vec<Duration>,
    /// From the start of a process until it served, each time.
    pub(super) starts: Vec<Duration>,
    /// Submissions and replies, decisions, events that clients were told of.
    pub(super) told: [u64; 3],
    /// What was imported, uploaded and mended.
    pub(super) entered: [usize; 3],
}

/// A look-out for the first delivery after a start.
struct Watch {
    begun: Instant,
    /// Messages that the far sides had then.
    before: usize,
    is_seen: bool,
}

/// A gateway at work, and everything that outlives it.
struct Stage {
    draw: ChaCha8Rng,
    far_sides: FarSides,
    config: String,
    places: Places,
    _attachments: TempDir,
}

impl Life {
    /// How it is run alone.
    pub(super) fn command(&self) -> String {
        let (engine, deaths) = (self.engine.name(), self.deaths.join(","));
        format!("tests/faults/run --seed {} --stores {engine} --points {deaths}", self.seed)
    }

    /// Runs it; what clients and far sides say and the gateway does not, if they do not agree.
    pub(super) async fn live(&self) -> Result<Lived, Vec<String>> {
        let mut lived = Lived::default();
        let deaths = self.whole_way();
        let mut stage = Stage::set(self.seed, deaths.len()).await;
        let gateway = stage.start(self.home(), None, &mut lived).map_err(not_started)?;
        let load = Load::begin(&stage.places, &stage.far_sides, self.seed);
        let mut entrances = Entrances::begin(&stage.places, self.seed);
        stage.work().await;
        let mut home = gateway.kill();
        // The next one that is to die is the one that goes on from the last death: so each death costs one start.
        for point in deaths {
            let order = (point != RANDOM).then(|| points::order(point, &mut stage.draw));
            home = match stage.start(home, order.as_deref(), &mut lived) {
                Ok(armed) => stage.die(armed, point, order, &mut lived).await?,
                Err(unborn) if order.is_some() && is_kill(&unborn) => unborn.home,
                Err(unborn) => return Err(not_started(unborn)),
            };
            audit(&home, point, &["--skip-files"])?;
        }
        let gateway = stage.start(home, None, &mut lived).map_err(not_started)?;
        stage.watch().until_first(&stage, &mut lived).await;
        entrances.finish().await;
        lived.told = load.acknowledged();
        load.settle().await?;
        lived.entered = entrances.audit(&stage.places).await?;
        audit(&stop_cleanly(gateway)?, "at the end", &[])?;
        Ok(lived)
    }

    /// The deaths, each after what must have happened before it.
    fn whole_way(&self) -> Vec<&str> {
        self.deaths.iter().flat_map(|it| points::prelude(it).into_iter().chain([it.as_str()])).collect()
    }

    /// An empty store, and a folder with what the configuration names.
    fn home(&self) -> Home {
        let folder = tempfile::tempdir().unwrap();
        write_secrets(folder.path());
        let store = match self.engine {
            Engine::Sqlite => TestStore::default(),
            Engine::Postgres => block_in_place(TestStore::shared),
        };
        Home::at(folder, store)
    }
}

impl Stage {
    async fn set(seed: u64, deaths: usize) -> Stage {
        let deaths = u32::try_from(deaths).expect("few deaths");
        let mut far_sides = FarSides::open(PETITIONS * deaths, VOTER_PETITIONS * deaths, BAD_DAY).await;
        far_sides.release_themselves = false;
        let attachments = tempfile::tempdir().unwrap();
        let config = fleet::config(attachments.path(), &far_sides.config);
        let draw = ChaCha8Rng::seed_from_u64(seed);
        Stage { draw, far_sides, config, places: Places::default(), _attachments: attachments }
    }

    /// Starts a gateway, with an order of what it is to die of.
    fn start(&self, home: Home, order: Option<&str>, lived: &mut Lived) -> Result<Gateway, Unborn> {
        let begun = Instant::now();
        let gateway = block_in_place(|| {
            Gateway::try_start(home, &self.config, |mut command| {
                order.map(|order| command.env("PETITION_GATEWAY_FAIL", order));
                command
            })
        })?;
        lived.starts.push(begun.elapsed());
        self.places.put(0, Place { grpc: gateway.grpc.parse().unwrap(), http: gateway.http.parse().unwrap() });
        Ok(gateway)
    }

    /// Lets everybody work for a while, on something new.
    async fn work(&mut self) {
        for end in &self.far_sides.ends {
            end.side.release(2);
        }
        sleep(Duration::from_millis(self.draw.random_range(0..WORK_MS_MAX))).await;
    }

    /// Waits until the gateway has died, of what it was to die of and of nothing else.
    async fn die(
        &mut self,
        mut gateway: Gateway,
        point: &str,
        order: Option<String>,
        lived: &mut Lived,
    ) -> Result<Home, Vec<String>> {
        let mut watch = self.watch();
        if point == RANDOM || points::is_of_a_stop(point) {
            self.work().await;
        }
        match order {
            None => return Ok(gateway.kill()),
            Some(_) if points::is_of_a_stop(point) => gateway.signal("TERM"),
            Some(_) => {}
        }
        let until = Instant::now() + LIFE_MAX;
        let (mut released, mut next) = ([0, 0], Instant::now());
        while Instant::now() < until {
            if Instant::now() > next {
                self.release(&mut released);
                next += RELEASE_EVERY;
            }
            watch.look(self, lived);
            if let Some(ended) = gateway.has_ended() {
                return if signal_of(ended) == Some(KILLED) {
                    Ok(gateway.kill())
                } else {
                    Err(vec![format!("{point}: the gateway did not die there, it ended: {ended}")])
                };
            }
            sleep(Duration::from_millis(10)).await;
        }
        Err(vec![format!("{}: not passed within {LIFE_MAX:?}", order.unwrap_or_default())])
    }

    /// Lets one more petition out at each far side, as long as there are some left for this death.
    fn release(&self, released: &mut [u32; 2]) {
        for ((end, released), most) in self.far_sides.ends.iter().zip(released).zip([PETITIONS, VOTER_PETITIONS]) {
            if *released + 2 < most {
                *released += 1;
                end.side.release(1);
            }
        }
    }

    /// Messages that the far sides have taken.
    fn taken(&self) -> usize {
        self.far_sides.ends.iter().map(|end| messages(&*end.side)).sum()
    }

    /// Begins to look for the first delivery of the gateway that has just been started.
    fn watch(&self) -> Watch {
        Watch { begun: Instant::now(), before: self.taken(), is_seen: false }
    }
}

impl Watch {
    /// Notes how long it took until a far side had one more message than it had when the gateway was up, once.
    fn look(&mut self, stage: &Stage, lived: &mut Lived) {
        if !self.is_seen && stage.taken() > self.before {
            self.is_seen = true;
            let start = lived.starts.last().copied().unwrap_or_default();
            lived.first_deliveries.push(start + self.begun.elapsed());
        }
    }

    async fn until_first(mut self, stage: &Stage, lived: &mut Lived) {
        while !self.is_seen && self.begun.elapsed() < FIRST_DELIVERY_MAX {
            self.look(stage, lived);
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Messages that one far side has taken.
fn messages(side: &dyn FarSide) -> usize {
    side.accounts().iter().map(|account| account.statuses.len() + usize::from(account.petition_id.is_some())).sum()
}

fn is_kill(unborn: &Unborn) -> bool {
    signal_of(unborn.status) == Some(KILLED)
}

fn signal_of(ended: std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&ended)
}

fn not_started(unborn: Unborn) -> Vec<String> {
    let Unborn { status, said, .. } = unborn;
    vec![format!("the gateway did not start ({status}): {}", said.join("\n"))]
}

fn stop_cleanly(mut gateway: Gateway) -> Result<Home, Vec<String>> {
    let ended = block_in_place(|| gateway.terminate());
    if ended.success() {
        Ok(gateway.kill())
    } else {
        Err(vec![format!("at the end the gateway did not stop cleanly: {ended}")])
    }
}

/// The operator's audit of what was left: whatever the gateway died of, nothing of it is damage.
fn audit(home: &Home, after: &str, more: &[&str]) -> Result<(), Vec<String>> {
    let found = block_in_place(|| home.audit(more));
    found.map_err(|found| found.into_iter().map(|it| format!("{after}: the audit found {it}")).collect())
}
