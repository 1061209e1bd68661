//! How large a room may be, learnt from how soon those inside are answered, and when those outside should come again.
//!
//! Every tenth of a second it looks back. Were most calls answered later than they should be, the room shrinks by an
//! eighth: those who are let in then wait less for each other. Were they answered in time and yet somebody was turned
//! away, it grows by a sixteenth. So the queue inside stays as short as the store of the day allows, on a fast disk and on
//! a slow one, and an overload costs those who are let in next to nothing. Pure: time is handed in.

use std::time::Duration;

/// How often the room is looked at: often enough to meet a storm within a second, and some hundred calls at a thousand a
/// second, so that no single call decides.
const WINDOW: Duration = Duration::from_millis(100);
/// Who is turned away first is told to come again after this long: a few commits.
const AGAIN_AT_LEAST: Duration = Duration::from_millis(100);
/// Nobody is told to stay away longer than this: a storm may be over by then, and a person waits behind a form.
const AGAIN_AT_MOST: Duration = Duration::from_secs(5);

/// Between which sizes a room moves, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The room never shrinks below this.
    pub least: usize,
    /// The room never grows beyond this.
    pub most: usize,
    /// Half of the calls should be answered within this.
    pub target: Duration,
}

/// The pace of one room.
#[derive(Debug)]
pub struct Pace {
    bounds: Bounds,
    room: usize,
    window: Window,
    /// How many were turned away for a hundred that were let in, in the window before.
    pressure: u32,
    /// Moves with each refusal, so that no two who are refused together come again together.
    draws: u64,
}

#[derive(Debug, Default)]
struct Window {
    begun: Duration,
    in_time: u32,
    late: u32,
    let_in: u32,
    turned_away: u32,
}

impl Pace {
    /// Begins with the smallest room: it grows tenfold in four seconds if need be, and a storm at the start meets a short
    /// queue.
    pub fn new(bounds: Bounds) -> Pace {
        let least = bounds.least.min(bounds.most);
        Pace { bounds: Bounds { least, ..bounds }, room: least, window: Window::default(), pressure: 0, draws: 0 }
    }

    /// How large the room is now.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Somebody was let in.
    pub fn let_in(&mut self, now: Duration) {
        self.look(now);
        self.window.let_in += 1;
    }

    /// Somebody was answered after so long.
    pub fn answered(&mut self, now: Duration, lasted: Duration) {
        self.look(now);
        if lasted <= self.bounds.target { self.window.in_time += 1 } else { self.window.late += 1 }
    }

    /// Somebody was turned away; gives when to come again: the later the more were, and not all at the same time.
    pub fn turned_away(&mut self, now: Duration) -> Duration {
        self.look(now);
        self.window.turned_away += 1;
        let wait = AGAIN_AT_LEAST.saturating_mul(100 + self.pressure) / 100;
        self.draws = self.draws.wrapping_add(1);
        // Between a half and one and a half of it.
        wait.min(AGAIN_AT_MOST).saturating_mul(500 + draw(self.draws)) / 1_000
    }

    fn look(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.window.begun);
        if passed < WINDOW {
            return;
        }
        let Window { in_time, late, let_in, turned_away, .. } = std::mem::take(&mut self.window);
        self.window.begun = now;
        if late > in_time {
            self.room = (self.room - self.room / 8).max(self.bounds.least);
        } else if turned_away > 0 {
            self.room = (self.room + self.room / 16 + 1).min(self.bounds.most);
        }
        // What was long ago says nothing of now.
        let is_recent = passed < 10 * WINDOW;
        self.pressure = if is_recent { turned_away.saturating_mul(100) / let_in.max(1) } else { 0 };
    }
}

/// A number below 1,001 that looks drawn (the mixing step of SplitMix64).
fn draw(number: u64) -> u32 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((mixed ^ (mixed >> 31)) % 1_001).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { least: 320, most: 1_024, target: Duration::from_millis(20) };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Some seconds of a store that answers so many calls a second, with more callers than it can serve: each who is let in
    /// waits for those inside (Little's law).
    fn storm(pace: &mut Pace, from: Duration, seconds: u64, a_second: u64) -> Duration {
        let mut lasted = Duration::ZERO;
        for step in 0..seconds * 100 {
            let now = from + ms(step * 10);
            lasted = Duration::from_secs_f64(pace.room() as f64 / a_second as f64);
            for _ in 0..a_second / 100 {
                pace.let_in(now);
                pace.answered(now, lasted);
                pace.turned_away(now);
            }
        }
        lasted
    }

    #[test]
    fn the_room_holds_as_many_as_are_answered_in_time() {
        for (a_second, least, most) in [(2_000, 320, 320), (30_000, 500, 660), (100_000, 1_024, 1_024)] {
            let mut pace = Pace::new(BOUNDS);
            storm(&mut pace, Duration::ZERO, 20, a_second);
            assert!((least..=most).contains(&pace.room()), "{a_second} a second: {}", pace.room());
        }
    }

    #[test]
    fn a_store_that_becomes_slow_makes_the_room_small_within_two_seconds() {
        let mut pace = Pace::new(BOUNDS);
        storm(&mut pace, Duration::ZERO, 10, 100_000);
        storm(&mut pace, Duration::from_secs(10), 2, 1_000);
        assert_eq!(pace.room(), BOUNDS.least);
    }

    #[test]
    fn a_room_that_suffices_stays_as_it_is() {
        let mut pace = Pace::new(BOUNDS);
        for step in 0..1_000 {
            pace.let_in(ms(step * 10));
            pace.answered(ms(step * 10), ms(1));
        }
        assert_eq!(pace.room(), BOUNDS.least);
    }

    #[test]
    fn who_is_turned_away_comes_again_the_later_the_more_there_are() {
        let mut pace = Pace::new(BOUNDS);
        let mean = |pace: &mut Pace, from: u64| {
            (0..1_000).map(|it| pace.turned_away(ms(from + it / 20))).sum::<Duration>() / 1_000
        };
        let first = mean(&mut pace, 0);
        assert!((ms(90)..ms(110)).contains(&first), "{first:?}");
        pace.let_in(ms(60));
        let pressed = mean(&mut pace, 120);
        assert!((ms(4_500)..ms(5_500)).contains(&pressed), "a thousand for one: {pressed:?}");
        let later = mean(&mut pace, 60_000);
        assert!((ms(90)..ms(110)).contains(&later), "the storm is long over: {later:?}");
    }

    #[test]
    fn a_room_whose_most_is_small_is_no_larger() {
        assert_eq!(Pace::new(Bounds { most: 0, ..BOUNDS }).room(), 0);
        let mut pace = Pace::new(Bounds { most: 10, ..BOUNDS });
        storm(&mut pace, Duration::ZERO, 5, 100_000);
        assert_eq!(pace.room(), 10);
    }

    proptest! {
        #[test]
        fn the_room_stays_within_its_bounds_and_the_wait_too(
            steps in prop::collection::vec((0_u8..3, 0_u64..400, 0_u64..50_000), 0..500),
        ) {
            let mut pace = Pace::new(BOUNDS);
            let mut now = Duration::ZERO;
            for (what, passed, lasted) in steps {
                now += ms(passed);
                match what {
                    0 => pace.let_in(now),
                    1 => pace.answered(now, ms(lasted)),
                    _ => {
                        let wait = pace.turned_away(now);
                        prop_assert!(wait >= AGAIN_AT_LEAST / 2 && wait <= AGAIN_AT_MOST * 3 / 2, "{:?}", wait);
                    }
                }
                prop_assert!((BOUNDS.least..=BOUNDS.most).contains(&pace.room()));
            }
        }
    }
}
