//! The store's clock: this machine's, moved by how far the database's is ahead of it.
//!
//! Several gateways share one database, and their clocks may be minutes apart. So the database's time is the one that
//! counts, and it is asked for along with what goes there anyway: the database looks at its clock at some moment between
//! our question and its answer, so about in the middle, and wrong by half the way there and back at most (Cristian's
//! method). The nearest sample of late is kept. This machine's clock is read once, and steps that it makes later are not seen.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    connect::Client,
    rows::{nanos, time},
};
use crate::{
    clock::{Clock, SharedClock},
    store::StoreError,
};

/// By how much two clocks part, in parts of a million: more than any that works. A sample is worth that much less with
/// its age, so that a fresh one takes the place of a nearer one before that is wrong.
const DRIFT_PER_MILLION: i64 = 200;

/// The database's time in nanoseconds since 1970; it counts microseconds.
pub(super) const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000";

/// The time of the database, told without asking it.
pub(super) struct DatabaseClock {
    machine: SharedClock,
    /// What is added to the machine's time, in nanoseconds.
    ahead: AtomicI64,
    kept: Mutex<Option<Sample>>,
    /// Whether the machine's clock is taken for the database's, whatever that says: a test sets the time.
    is_fixed: bool,
}

/// This machine's time as its clock told it once, counted on since: that somebody sets the clock later changes nothing.
pub(super) struct Steady {
    told: Timestamp,
    at: Instant,
}

/// What one answer told; all in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Sample {
    ahead: i64,
    /// By how much `ahead` can be wrong.
    error: i64,
    /// When, by the machine.
    at: i64,
}

impl Steady {
    /// From now on.
    pub(super) fn since_now(clock: &dyn Clock) -> Steady {
        Steady { told: clock.now(), at: Instant::now() }
    }
}

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        self.told.checked_add(self.at.elapsed()).unwrap_or(self.told)
    }
}

impl DatabaseClock {
    /// A clock that goes like the machine's until the database tells its time.
    pub(super) fn new(machine: SharedClock) -> DatabaseClock {
        DatabaseClock { machine, ahead: AtomicI64::new(0), kept: Mutex::new(None), is_fixed: false }
    }

    /// A clock that is the database's: what the database itself tells does not count.
    pub(super) fn fixed(clock: SharedClock) -> DatabaseClock {
        DatabaseClock { is_fixed: true, ..DatabaseClock::new(clock) }
    }

    /// The machine's time: what a sample is measured by.
    pub(super) fn machine_now(&self) -> Timestamp {
        self.machine.now()
    }

    /// Takes note of the time that the database told between these two moments of the machine.
    pub(super) fn sample(&self, sent: Timestamp, told_by_database: Timestamp, received: Timestamp) {
        // A machine whose clock was set back meanwhile has measured nothing.
        if self.is_fixed || received < sent {
            return;
        }
        let (sent, told, received) = (nanos(sent), nanos(told_by_database), nanos(received));
        let error = (received - sent) / 2;
        let new = Sample { ahead: told.saturating_sub(sent + error), error, at: received };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none_or(|old| new.is_better_than(old)) {
            *kept = Some(new);
            self.ahead.store(new.ahead, Ordering::Relaxed);
        }
    }

    /// Asks the database for its time.
    pub(super) async fn ask(&self, client: &Client) -> Result<(), StoreError> {
        let statement = client.prepare_cached(TIME).await?;
        let sent = self.machine_now();
        let told: i64 = client.query_one(&statement, &[]).await?.try_get(0)?;
        self.sample(sent, time(told)?, self.machine_now());
        Ok(())
    }

    /// The database's time in nanoseconds since 1970, as near as is known here.
    pub(super) fn now_nanos(&self) -> i64 {
        nanos(self.now())
    }

    /// The time that a transaction judges by, given the database's in it: that, but for tests.
    pub(super) fn judge(&self, database_nanos: i64) -> i64 {
        if self.is_fixed { self.now_nanos() } else { database_nanos }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let machine = self.machine.now();
        machine.checked_add(SignedDuration::from_nanos(self.ahead.load(Ordering::Relaxed))).unwrap_or(machine)
    }
}

impl Sample {
    fn is_better_than(self, old: Sample) -> bool {
        let age = self.at.saturating_sub(old.at).max(0);
        let old_error = old.error.saturating_add(age / 1_000_000 * DRIFT_PER_MILLION);
        // Both cannot be true: one of the clocks was set, or another server is the database now.
        let contradicts = self.ahead.abs_diff(old.ahead) > self.error.saturating_add(old_error).unsigned_abs();
        contradicts || self.error <= old_error
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;

    /// Milliseconds into the test, by whoever's clock.
    fn ms(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_900_000_000_000 + millis).unwrap()
    }

    fn clock(machine: Timestamp) -> (Arc<ManualClock>, DatabaseClock) {
        let machine = Arc::new(ManualClock::at(machine));
        (machine.clone(), DatabaseClock::new(machine))
    }

    /// How far the clock says that the database is ahead of the machine, in milliseconds.
    fn ahead(clock: &DatabaseClock) -> i64 {
        clock.now().as_millisecond() - clock.machine_now().as_millisecond()
    }

    #[test]
    fn before_the_database_told_anything_the_machines_time_counts() {
        let (_, clock) = clock(ms(0));
        assert_eq!(clock.now(), ms(0));
    }

    #[test]
    fn a_machine_that_is_minutes_off_tells_the_databases_time() {
        for minutes in [-7, 0, 3] {
            let off = minutes * 60_000;
            let (machine, clock) = clock(ms(10 + off));
            clock.sample(ms(off), ms(5), ms(10 + off));
            assert_eq!(clock.now(), ms(10));
            machine.advance(SignedDuration::from_secs(1));
            assert_eq!(clock.now_nanos(), nanos(ms(1010)));
        }
    }

    #[test]
    fn a_slow_answer_does_not_replace_a_quick_one() {
        let (_, clock) = clock(ms(0));
        clock.sample(ms(0), ms(1_001), ms(2));
        assert_eq!(ahead(&clock), 1_000);
        // The way there took almost all of the time.
        clock.sample(ms(100), ms(1_590), ms(600));
        assert_eq!(ahead(&clock), 1_000);
        clock.sample(ms(700), ms(1_702), ms(702));
        assert_eq!(ahead(&clock), 1_001, "an equally quick one of late is nearer");
    }

    #[test]
    fn with_time_a_slower_answer_is_nearer_than_an_old_one() {
        let (_, clock) = clock(ms(0));
        clock.sample(ms(0), ms(1), ms(2));
        clock.sample(ms(1_000), ms(1_015), ms(1_020));
        assert_eq!(ahead(&clock), 0);
        // A minute is 12 ms of drift.
        clock.sample(ms(60_000), ms(60_015), ms(60_020));
        assert_eq!(ahead(&clock), 5);
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once_however_slow_the_answer() {
        let (_, clock) = clock(ms(0));
        clock.sample(ms(0), ms(1), ms(2));
        // The database became another server, two minutes ahead.
        clock.sample(ms(100), ms(120_300), ms(500));
        assert_eq!(ahead(&clock), 120_000);
        // The machine was set back by an hour: within a question, and then for good.
        clock.sample(ms(600), ms(120_700), ms(600 - 3_600_000));
        assert_eq!(ahead(&clock), 120_000, "nothing was measured");
        clock.sample(ms(800 - 3_600_000), ms(120_900), ms(1_000 - 3_600_000));
        assert_eq!(ahead(&clock), 3_720_000);
    }

    #[test]
    fn a_gateway_that_was_held_up_within_a_question_keeps_what_it_knew() {
        let (_, clock) = clock(ms(0));
        clock.sample(ms(0), ms(1), ms(2));
        clock.sample(ms(100), ms(101), ms(300_000));
        assert_eq!(ahead(&clock), 0);
    }

    #[test]
    fn a_test_that_sets_the_time_sets_what_is_judged_by() {
        let manual = Arc::new(ManualClock::at(ms(0)));
        let fixed = DatabaseClock::fixed(manual.clone());
        fixed.sample(ms(0), ms(90_000), ms(0));
        manual.set(ms(500));
        assert_eq!((fixed.now(), fixed.judge(7)), (ms(500), nanos(ms(500))));
        let (_, real) = clock(ms(0));
        assert_eq!(real.judge(7), 7);
    }
}
