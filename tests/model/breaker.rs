//! One channel's breaker, driven by the engine's own code, in every order in which attempts, probes and the far side's health
//! can follow each other. Deliveries are counted: some wait, some are under way; a far side that is dead takes none.
//!
//! Time is a step: `Move::Wait` takes the breaker's clock to the moment it is waiting for. What is shown: never two probes at
//! once, nothing goes out while it is open, at most ONE goes out on trial, and once the far side is back for good every
//! delivery arrives, whatever was under way before.

use std::time::Duration;

use jiff::Timestamp;
use petition_gateway::outbound::breaker::{Admission, Breaker, Limits};
use stateright::{Model, Property};

/// Deliveries of the channel.
const WAITING: u8 = 4;
/// How many the engine has under way at once.
const AT_ONCE: u8 = 2;
/// How often the far side may die in one history; after the last time it comes back it stays.
const DEATHS: u8 = 2;
/// Pauses that are waited for in vain, and refusals with a time to come back, in one history.
const DARK_WAITS: u8 = 3;
const REFUSALS: u8 = 1;

pub(crate) const ONE_PROBE: &str = "no second probe is begun beside the first";
pub(crate) const LEFT_ALONE: &str = "nothing is begun while the breaker is open, and one alone on trial";
pub(crate) const ARRIVE: &str = "when the far side is back, everything arrives";
const EXAMPLES: [&str; 3] = ["the breaker opens", "one goes out on trial", "everything arrives after a death"];

/// A gateway that does one thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It probes whenever the breaker is not closed.
    ProbesAtWill,
    /// It claims whatever the breaker says.
    AsksNobody,
    /// It never probes.
    NeverProbes,
}

/// The model.
#[derive(Clone)]
pub(crate) struct Channel {
    pub(crate) flaw: Option<Flaw>,
}

/// Everything that there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    breaker: Breaker,
    now: Timestamp,
    waiting: u8,
    under_way: u8,
    probes: u8,
    is_alive: bool,
    deaths_left: u8,
    /// How often the clock may still move on while the far side is dead: each time the pause doubles, without end.
    dark_waits_left: u8,
    /// How often the far side may still turn one away.
    refusals_left: u8,
    /// It was told to be open, and no probe or answer since said that the far side lives.
    is_shut: bool,
    /// A probe said so, and nothing was heard of a delivery since.
    is_on_trial: bool,
    was_begun_wrongly: bool,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// A delivery is claimed and sent.
    Begin,
    /// What is under way hears from the far side, or does not.
    End,
    /// A far side that lives turns one away until later.
    ToldToWait,
    Probe,
    ProbeEnds,
    /// The moment comes that the breaker waits for.
    Wait,
    Dies,
    Returns,
}

impl Channel {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// As the engine counts its room: a probe takes a place too.
    fn may_begin(&self, world: &World) -> bool {
        let room = match world.breaker.clone().admits(world.now) {
            _ if self.has(Flaw::AsksNobody) => AT_ONCE,
            Admission::All => AT_ONCE,
            Admission::One => 1,
            Admission::None => 0,
        };
        world.waiting > 0 && room > world.under_way + world.probes
    }

    fn may_probe(&self, world: &World) -> bool {
        match self.flaw {
            Some(Flaw::NeverProbes) => false,
            Some(Flaw::ProbesAtWill) => world.breaker.seen().is_some() && world.probes < 2,
            _ => world.breaker.clone().begins_probe(world.now),
        }
    }
}

impl World {
    fn has_arrived(&self) -> bool {
        self.waiting == 0 && self.under_way == 0
    }

    fn waits_until(&self) -> Option<Timestamp> {
        let until = self.breaker.seen().map(|it| it.until).filter(|until| *until > self.now)?;
        (self.is_alive || self.dark_waits_left > 0).then_some(until)
    }

    fn begin(&mut self) {
        self.breaker.admits(self.now);
        self.was_begun_wrongly |= self.is_shut || self.is_on_trial && self.under_way > 0;
        (self.waiting, self.under_way) = (self.waiting - 1, self.under_way + 1);
    }

    fn end(&mut self) {
        self.under_way -= 1;
        if self.is_alive {
            self.breaker.answered();
            (self.is_shut, self.is_on_trial) = (false, false);
        } else {
            self.fail();
        }
    }

    fn fail(&mut self) {
        self.waiting += 1;
        if self.breaker.failed(self.now, 0) {
            (self.is_shut, self.is_on_trial) = (true, false);
        }
    }

    fn end_probe(&mut self) {
        self.probes -= 1;
        let was_awaited = self.is_shut;
        self.breaker.probed(self.now, self.is_alive, 0);
        if was_awaited && self.breaker.clone().admits(self.now) == Admission::One {
            (self.is_shut, self.is_on_trial) = (false, true);
        }
    }

    fn wait(&mut self, until: Timestamp) {
        self.now = until;
        self.dark_waits_left -= u8::from(!self.is_alive);
        // A trial that nobody took up is over in time.
        self.is_on_trial &= self.breaker.clone().admits(self.now) == Admission::One;
    }
}

impl Model for Channel {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        let seconds = Duration::from_secs;
        let limits = Limits { failures: 2, pause_min: seconds(10), pause_max: seconds(40) };
        vec![World {
            breaker: Breaker::new(limits),
            now: Timestamp::UNIX_EPOCH,
            waiting: WAITING,
            under_way: 0,
            probes: 0,
            is_alive: true,
            deaths_left: DEATHS,
            dark_waits_left: DARK_WAITS,
            refusals_left: REFUSALS,
            is_shut: false,
            is_on_trial: false,
            was_begun_wrongly: false,
        }]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.has_arrived() {
            return;
        }
        let may = [
            (Move::Begin, self.may_begin(world)),
            (Move::End, world.under_way > 0),
            (Move::ToldToWait, world.is_alive && world.under_way > 0 && world.refusals_left > 0),
            (Move::Probe, self.may_probe(world)),
            (Move::ProbeEnds, world.probes > 0),
            (Move::Wait, world.waits_until().is_some()),
            (Move::Dies, world.is_alive && world.deaths_left > 0),
            (Move::Returns, !world.is_alive),
        ];
        moves.extend(may.into_iter().filter(|(_, may)| *may).map(|(step, _)| step));
    }

    fn next_state(&self, last: &World, step: Move) -> Option<World> {
        let mut world = last.clone();
        match step {
            Move::Begin => world.begin(),
            Move::End => world.end(),
            Move::ToldToWait => {
                (world.under_way, world.refusals_left) = (world.under_way - 1, world.refusals_left - 1);
                world.fail();
                world.breaker.told_to_wait(world.now, Duration::from_secs(15));
            }
            Move::Probe => {
                world.breaker.begins_probe(world.now);
                world.probes += 1;
            }
            Move::ProbeEnds => world.end_probe(),
            Move::Wait => world.wait(last.waits_until()?),
            Move::Dies => (world.is_alive, world.deaths_left) = (false, last.deaths_left - 1),
            Move::Returns => world.is_alive = true,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Channel>> {
        vec![
            Property::always(ONE_PROBE, |_, world: &World| world.probes <= 1),
            Property::always(LEFT_ALONE, |_, world: &World| !world.was_begun_wrongly),
            Property::eventually(ARRIVE, |_, world: &World| world.has_arrived()),
            Property::sometimes(EXAMPLES[0], |_, world: &World| world.is_shut),
            Property::sometimes(EXAMPLES[1], |_, world: &World| world.is_on_trial && world.under_way > 0),
            Property::sometimes(EXAMPLES[2], |_, world: &World| world.has_arrived() && world.deaths_left < DEATHS),
        ]
    }
}
