//! The breaker of a channel (cầu dao): while its far side takes nothing, nothing is claimed for it; pure.
//!
//! ```text
//!  closed ──(failures in a row)──▶ open ──(pause over)──▶ probing ─ probe fails ─▶ open, for twice as long
//!    ▲  ▲                                                   │ ▲
//!    │  └── the trial arrives, or none is due ── trial ◀────┘ │ the trial fails: open again
//!    │                                            └───────────┘
//!         trial ◀──(pause over)── waiting ◀── the far side says when to come back
//! ```
//!
//! So an outage uses up the attempts of a handful of deliveries and of no others: the rest keep their whole schedule for
//! what is wrong with themselves. Counted is what speaks of the far side and not of a message: a rejection is an answer.
//! A probe changes nothing at the far side; after it ONE delivery goes first.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::{BreakerState, Breaking};

/// By how much a pause may be longer, in thousandths: gateways that share a channel do not probe at the same moment.
const JITTER_PER_MILLE: f64 = 200.0;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How many failures in a row open it.
    pub failures: u32,
    /// The first pause; it doubles with each further failure.
    pub pause_min: Duration,
    /// The longest pause: a far side that is back is met again within it.
    pub pause_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { failures: 5, pause_min: Duration::from_secs(1), pause_max: Duration::from_secs(60) }
    }
}

/// One channel's breaker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Breaker {
    limits: Limits,
    state: State,
    /// A probe has not ended yet; whatever is heard beside it may have moved the state on.
    probe_is_under_way: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// All is well, but for so many failures in a row.
    Closed { failures: u32 },
    /// The far side said when to come back.
    Waiting { until: Timestamp },
    /// Nothing goes out; opened for the so-manieth time in a row.
    Open { until: Timestamp, round: u32 },
    /// The far side is being asked whether it is alive.
    Probing { since: Timestamp, round: u32 },
    /// It is alive: one delivery goes first. If none is due until then, all may go.
    Trial { until: Timestamp, round: u32 },
}

/// How many deliveries may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As many as the channel takes.
    All,
    /// One.
    One,
    /// None.
    None,
}

impl Breaker {
    /// A closed one.
    pub fn new(limits: Limits) -> Breaker {
        Breaker { limits, state: State::Closed { failures: 0 }, probe_is_under_way: false }
    }

    /// How many deliveries may be under way now.
    pub fn admits(&mut self, now: Timestamp) -> Admission {
        match self.state {
            State::Trial { until, .. } if until <= now => {
                self.state = State::Closed { failures: 0 };
                Admission::All
            }
            // One goes first: a far side that turns everybody away in turn must open the breaker like any that fails.
            State::Waiting { until } if until <= now => {
                self.state = State::Trial { until: after(now, self.limits.pause_max), round: 0 };
                Admission::One
            }
            State::Closed { .. } => Admission::All,
            State::Trial { .. } => Admission::One,
            State::Waiting { .. } | State::Open { .. } | State::Probing { .. } => Admission::None,
        }
    }

    /// For how long what was begun before is not to be sent either; `None` when it may go.
    pub fn holds_back(&self, now: Timestamp) -> Option<Duration> {
        let until = match self.state {
            State::Closed { .. } | State::Trial { .. } => return None,
            State::Waiting { until } if until <= now => return None,
            State::Waiting { until } | State::Open { until, .. } => until,
            // A probe takes as long as it takes.
            State::Probing { .. } => now,
        };
        let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        Some(left.max(self.limits.pause_min))
    }

    /// Whether the far side is to be probed now; whoever is told so must tell what came of it.
    pub fn begins_probe(&mut self, now: Timestamp) -> bool {
        match self.state {
            State::Open { until, round } if until <= now && !self.probe_is_under_way => {
                self.state = State::Probing { since: now, round };
                self.probe_is_under_way = true;
                true
            }
            _ => false,
        }
    }

    /// What a probe came to. `draw` is 0 to 999.
    pub fn probed(&mut self, now: Timestamp, is_alive: bool, draw: u16) {
        self.probe_is_under_way = false;
        let State::Probing { round, .. } = self.state else { return };
        self.state = match is_alive {
            true => State::Trial { until: after(now, self.limits.pause_max), round },
            false => self.open(now, round + 1, draw),
        };
    }

    /// The far side answered about a delivery; true if that closed the breaker.
    pub fn answered(&mut self) -> bool {
        let was_open = !matches!(self.state, State::Closed { .. } | State::Waiting { .. });
        // What it asked for is kept to, whatever else it answers meanwhile.
        if !matches!(self.state, State::Waiting { .. }) {
            self.state = State::Closed { failures: 0 };
        }
        was_open
    }

    /// The far side failed; true if that opened the breaker. `draw` is 0 to 999.
    pub fn failed(&mut self, now: Timestamp, draw: u16) -> bool {
        match self.state {
            State::Closed { failures } if failures + 1 < self.limits.failures => {
                self.state = State::Closed { failures: failures + 1 };
                false
            }
            State::Closed { .. } => {
                self.state = self.open(now, 0, draw);
                true
            }
            State::Trial { round, .. } => {
                self.state = self.open(now, round + 1, draw);
                true
            }
            // Attempts that were under way before.
            State::Waiting { .. } | State::Open { .. } | State::Probing { .. } => false,
        }
    }

    /// The far side said to come back after `wait`, not before.
    pub fn told_to_wait(&mut self, now: Timestamp, wait: Duration) {
        let asked = after(now, wait);
        self.state = match self.state {
            State::Open { until, round } => State::Open { until: until.max(asked), round },
            State::Probing { round, .. } | State::Trial { round, .. } => State::Open { until: asked, round },
            State::Waiting { until } => State::Waiting { until: until.max(asked) },
            State::Closed { .. } => State::Waiting { until: asked },
        };
    }

    /// What operators see; nothing while it is closed.
    pub fn seen(&self) -> Option<Breaking> {
        Some(match self.state {
            State::Closed { .. } => return None,
            State::Waiting { until } | State::Open { until, .. } => Breaking { state: BreakerState::Open, until },
            State::Probing { since: until, .. } | State::Trial { until, .. } => {
                Breaking { state: BreakerState::Probing, until }
            }
        })
    }

    fn open(&self, now: Timestamp, round: u32, draw: u16) -> State {
        let doubled = self.limits.pause_min.saturating_mul(2_u32.saturating_pow(round)).min(self.limits.pause_max);
        let jitter = doubled.mul_f64(JITTER_PER_MILLE * f64::from(draw) / 1_000_000.0);
        State::Open { until: after(now, doubled + jitter), round }
    }
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker::new(Limits::default())
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_560_000_000 + second).unwrap()
    }

    fn breaker() -> Breaker {
        let seconds = Duration::from_secs;
        Breaker::new(Limits { failures: 3, pause_min: seconds(10), pause_max: seconds(60) })
    }

    fn opened() -> Breaker {
        let mut breaker = breaker();
        assert_eq!([0, 0, 0].map(|at_second| breaker.failed(at(at_second), 0)), [false, false, true]);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_in_between_begins_the_count_anew() {
        let mut breaker = breaker();
        for _ in 0..5 {
            breaker.failed(at(0), 0);
            breaker.failed(at(0), 0);
            assert!(!breaker.answered());
            assert_eq!(breaker.admits(at(0)), Admission::All);
        }
        assert_eq!(breaker.seen(), None);
        assert_eq!(opened().seen(), Some(Breaking { state: BreakerState::Open, until: at(10) }));
    }

    #[test]
    fn while_it_is_open_nothing_goes_out_and_it_probes_once_when_the_pause_is_over() {
        let mut breaker = opened();
        assert_eq!(breaker.admits(at(9)), Admission::None);
        assert!(!breaker.begins_probe(at(9)));
        assert!(breaker.begins_probe(at(10)));
        assert!(!breaker.begins_probe(at(10)), "one probe at a time");
        assert_eq!(breaker.admits(at(10)), Admission::None);
        breaker.probed(at(11), true, 0);
        assert_eq!(breaker.admits(at(11)), Admission::One);
        assert!(breaker.answered());
        assert_eq!(breaker.admits(at(11)), Admission::All);
    }

    #[test]
    fn a_probe_that_is_overtaken_by_an_answer_is_still_the_only_one() {
        let mut breaker = opened();
        assert!(breaker.begins_probe(at(10)));
        // Of what was under way before: one arrives, and then the far side is gone again.
        assert!(breaker.answered());
        for _ in 0..3 {
            breaker.failed(at(11), 0);
        }
        assert!(!breaker.begins_probe(at(21)), "the first has not ended");
        breaker.probed(at(22), true, 0);
        assert_eq!(breaker.admits(at(22)), Admission::None, "what it found is older than what was heard since");
        assert!(breaker.begins_probe(at(22)));
    }

    #[test]
    fn each_failed_probe_and_trial_doubles_the_pause_up_to_the_longest() {
        let mut breaker = opened();
        let mut now = 0;
        let mut pauses = Vec::new();
        for trial in [false, true, false, true, false] {
            let Some(Breaking { until, .. }) = breaker.seen() else { panic!("it is open") };
            pauses.push(until.as_second() - at(now).as_second());
            now = until.as_second() - at(0).as_second();
            assert!(breaker.begins_probe(at(now)));
            breaker.probed(at(now), trial, 0);
            if trial {
                assert!(breaker.failed(at(now), 0));
            }
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60]);
    }

    #[test]
    fn the_far_sides_wish_pauses_the_channel_for_that_long_and_no_longer() {
        let mut breaker = breaker();
        breaker.told_to_wait(at(0), Duration::from_secs(30));
        breaker.told_to_wait(at(1), Duration::from_secs(5));
        breaker.answered();
        assert_eq!(breaker.seen(), Some(Breaking { state: BreakerState::Open, until: at(30) }));
        assert_eq!((breaker.admits(at(29)), breaker.admits(at(30))), (Admission::None, Admission::One));
        assert!(breaker.answered());
        assert_eq!(breaker.admits(at(30)), Admission::All);
        let mut open = opened();
        open.told_to_wait(at(1), Duration::from_secs(100));
        assert!(!open.begins_probe(at(100)) && open.begins_probe(at(101)));
    }

    #[test]
    fn a_far_side_that_asks_for_patience_again_and_again_opens_it() {
        let mut breaker = breaker();
        assert!(!breaker.failed(at(0), 0));
        breaker.told_to_wait(at(0), Duration::from_secs(1));
        assert_eq!(breaker.admits(at(1)), Admission::One);
        assert!(breaker.failed(at(1), 0), "the one that goes first is turned away too");
        breaker.told_to_wait(at(1), Duration::from_secs(1));
        assert_eq!(breaker.admits(at(2)), Admission::None);
        assert!(!breaker.begins_probe(at(20)) && breaker.begins_probe(at(21)), "the longer of both pauses counts");
    }

    #[test]
    fn what_was_begun_before_is_held_back_while_the_far_side_is_left_alone() {
        let seconds = Duration::from_secs;
        let mut waiting = breaker();
        assert_eq!(waiting.holds_back(at(0)), None);
        waiting.told_to_wait(at(0), seconds(30));
        assert_eq!((waiting.holds_back(at(0)), waiting.holds_back(at(30))), (Some(seconds(30)), None));
        let mut open = opened();
        assert_eq!((open.holds_back(at(0)), open.holds_back(at(10))), (Some(seconds(10)), Some(seconds(10))));
        assert!(open.begins_probe(at(10)));
        assert_eq!(open.holds_back(at(10)), Some(seconds(10)));
        open.probed(at(10), true, 0);
        assert_eq!(open.holds_back(at(10)), None);
    }

    #[test]
    fn a_trial_that_never_comes_does_not_hold_the_channel_for_ever() {
        let mut breaker = opened();
        assert!(breaker.begins_probe(at(10)));
        breaker.probed(at(10), true, 0);
        assert_eq!((breaker.admits(at(69)), breaker.admits(at(70))), (Admission::One, Admission::All));
    }

    #[test]
    fn late_failures_of_what_was_under_way_change_nothing() {
        let mut breaker = opened();
        assert!(!breaker.failed(at(5), 0));
        assert_eq!(breaker.seen().map(|it| it.until), Some(at(10)));
    }

    #[test]
    fn jitter_lengthens_a_pause_by_a_fifth_at_most() {
        let mut breaker = breaker();
        for _ in 0..3 {
            breaker.failed(at(0), 999);
        }
        let until = breaker.seen().expect("it is open").until;
        assert!(until > at(11) && until <= at(12), "{until}");
    }
}
