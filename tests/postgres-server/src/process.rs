//! A running server as processes: the first one and all that it started.
//!
//! Every process of a PostgreSQL server leads a process group of its own, so a signal to a group reaches one of them.
//! Hence the first is halted, so that it starts no more; then its children are looked up in `/proc`.

use std::{
    fs,
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// Between two looks at something that takes milliseconds.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// The kernel stops and ends a process at once, unless it is deep in a write to a slow disk.
const SIGNAL_SECONDS_MAX: u64 = 20;

/// A clean stop writes everything to the disk first, and sends it to replicas.
const STOP_SECONDS_MAX: u64 = 60;

/// A running server.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// The server of which this is the first process.
    pub(crate) fn new(child: Child) -> Process {
        Process(child)
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Halts every process.
    pub(crate) fn pause(&self) -> Vec<u32> {
        let first = self.0.id();
        signal("STOP", &[first]);
        until(&[first], State::Halted);
        let children = children(first);
        signal("STOP", &children);
        until(&children, State::Halted);
        children
    }

    /// Lets every process go on.
    pub(crate) fn wake(&self) {
        let mut all = children(self.0.id());
        all.push(self.0.id());
        signal("CONT", &all);
    }

    /// Ends every process, as a machine that loses its power does.
    pub(crate) fn kill(mut self) {
        let children = self.pause();
        // The children first: none of them should see that the first is gone, and act on it.
        signal("KILL", &children);
        until(&children, State::Gone);
        self.reap();
    }

    /// Ends it in good order.
    ///
    /// # Panics
    /// It takes too long.
    pub(crate) fn stop(mut self) {
        self.wake();
        signal("INT", &[self.0.id()]);
        let in_time = within(STOP_SECONDS_MAX, || self.ended().is_some());
        assert!(in_time, "PostgreSQL did not stop within {STOP_SECONDS_MAX} seconds");
    }

    /// Sees the first process to its end, by force if need be.
    pub(crate) fn reap(&mut self) {
        // Both fail only for a process that is gone.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Looks again and again; `false`: still not so at the end of the time.
pub(crate) fn within(seconds: u64, mut it_is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !it_is_so() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

/// What is waited for; a process that is gone counts as halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Halted,
    Gone,
}

/// The shell's own `kill`: a bare Debian has no other.
fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let pids = pids.iter().map(u32::to_string);
    // It fails when one of them has ended by itself; all others got the signal.
    Command::new("sh").args(["-c", r#"kill -s "$0" "$@""#, name]).args(pids).output().expect("every Unix has `sh`");
}

fn until(pids: &[u32], state: State) {
    let reached = |pid: &u32| match stat(*pid) {
        None | Some(('Z' | 'X', _)) => true,
        Some(('T' | 't', _)) => state == State::Halted,
        Some(_) => false,
    };
    let in_time = within(SIGNAL_SECONDS_MAX, || pids.iter().all(reached));
    assert!(in_time, "a process of PostgreSQL is not {state:?} after {SIGNAL_SECONDS_MAX} seconds");
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect()
}

/// A process's state and parent: what follows its name, which stands in brackets and may hold anything.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
