//! The only place that starts tasks, so that each has a name, is stopped, and is waited for.
//!
//! A [`Supervisor`] holds the long-running tasks of the process: a soft stop asks them to end, a hard stop cuts off what
//! still runs after a limit or at a second signal, and a task that ends by itself (or panics) ends the process, because
//! half a gateway is worse than one that is started again. A [`Scope`] holds a bounded number of short pieces of work
//! (a connection, a page, a delivery) inside one task, which waits for them.

use std::{collections::HashMap, future::Future, time::Duration};

use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// The long-running tasks of the process.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

/// How the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Asked to stop, and everything ended within the limit.
    Clean,
    /// Asked to stop; what still ran after the limit, or at a second signal, was cut off.
    CutOff {
        /// The tasks that were cut off, by name.
        tasks: Vec<&'static str>,
    },
    /// A task ended by itself.
    TaskEnded {
        /// Its name.
        task: &'static str,
        /// Whether it panicked.
        panicked: bool,
    },
}

impl Supervisor {
    /// Without tasks.
    pub fn new() -> Supervisor {
        Supervisor::default()
    }

    /// The token that is cancelled by the soft stop, for parts that must see it before they are tasks.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task; it gets the token that asks it to end.
    pub fn spawn<F, Task>(&mut self, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> Task,
        Task: Future<Output = ()> + Send + 'static,
    {
        let id = self.tasks.spawn(run(self.stop.child_token())).id();
        self.names.insert(id, name);
    }

    /// Waits for a signal or for a task that ends by itself, then stops everything within `limit`.
    pub async fn run(mut self, mut signals: mpsc::Receiver<()>, limit: Duration) -> Ended {
        let first = tokio::select! {
            biased;
            Some(()) = signals.recv() => None,
            Some(ended) = self.tasks.join_next_with_id() => Some(self.ended(ended)),
            // Neither tasks nor anybody who could signal.
            else => None,
        };
        tracing::info!("stopping: what is under way may end");
        self.stop.cancel();
        let cut_off = tokio::select! {
            biased;
            () = self.wait() => Vec::new(),
            // A closed channel sends no second signal.
            Some(()) = signals.recv() => self.cut_off("second signal"),
            () = tokio::time::sleep(limit) => self.cut_off("time limit"),
        };
        match first {
            Some((task, panicked)) => Ended::TaskEnded { task, panicked },
            None if cut_off.is_empty() => Ended::Clean,
            None => Ended::CutOff { tasks: cut_off },
        }
    }

    /// Waits until every task has ended.
    async fn wait(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> (&'static str, bool) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let name = self.names.remove(&id).unwrap_or("unknown");
        match (panicked, self.stop.is_cancelled()) {
            (true, _) => tracing::error!(task.name = name, "a task panicked"),
            (false, false) => tracing::error!(task.name = name, "a task ended by itself"),
            (false, true) => tracing::debug!(task.name = name, "a task has stopped"),
        }
        (name, panicked)
    }

    fn cut_off(&mut self, why: &str) -> Vec<&'static str> {
        self.tasks.abort_all();
        let mut names: Vec<&'static str> = self.names.values().copied().collect();
        names.sort_unstable();
        tracing::warn!(tasks = ?names, "cut off what still ran ({why})");
        names
    }
}

/// The signals that ask this process to stop (SIGTERM, SIGINT), one message each.
///
/// # Errors
/// When the system lets no handler be installed.
pub fn signals() -> std::io::Result<mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Two are all that have a meaning.
    let (sender, receiver) = mpsc::channel(2);
    spawn_detached(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

#[expect(clippy::disallowed_methods, reason = "the listener for signals ends with the process")]
fn spawn_detached(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Work that goes on to its end even if whoever waits for it goes away (a caller that hangs up).
///
/// It is bounded by whoever begins it, and it must leave nothing half done that a restart would not finish.
pub async fn outlive<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    #[expect(clippy::disallowed_methods, reason = "the one place for work that outlives its caller")]
    let task = tokio::spawn(work);
    match task.await {
        Ok(done) => done,
        // Nobody aborts the task: it has panicked, and so does whoever waits.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Short pieces of work inside one task, at most so many at once. Dropping it cuts off what still runs.
#[derive(Debug)]
pub struct Scope {
    name: &'static str,
    running_max: usize,
    running: JoinSet<()>,
}

impl Scope {
    /// A scope for at most `running_max` pieces at once.
    pub fn new(name: &'static str, running_max: usize) -> Scope {
        Scope { name, running_max: running_max.max(1), running: JoinSet::new() }
    }

    /// Starts a piece of work, after waiting for room.
    pub async fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.room().await;
        self.running.spawn(work);
    }

    /// Waits until another piece may be started; may be dropped and asked again.
    pub async fn room(&mut self) {
        self.reap();
        while self.running.len() >= self.running_max {
            let Some(ended) = self.running.join_next().await else { return };
            self.note(ended);
        }
    }

    /// How many pieces are under way.
    pub fn running(&mut self) -> usize {
        self.reap();
        self.running.len()
    }

    /// Waits for all; after `limit` the rest is cut off. Whether all ended by themselves.
    pub async fn drain(mut self, limit: Duration) -> bool {
        let all = async {
            while let Some(ended) = self.running.join_next().await {
                self.note(ended);
            }
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }

    fn reap(&mut self) {
        while let Some(ended) = self.running.try_join_next() {
            self.note(ended);
        }
    }

    /// A piece that panics takes nobody with it; the task goes on.
    fn note(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            tracing::error!(scope.name = self.name, "a piece of work panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn signalled(times: usize) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel(2);
        for _ in 0..times {
            sender.try_send(()).unwrap();
        }
        receiver
    }

    async fn until_stopped(stop: CancellationToken) {
        stop.cancelled().await;
    }

    #[tokio::test]
    async fn a_signal_lets_every_task_end_by_itself() {
        let mut supervisor = Supervisor::new();
        supervisor.spawn("one", until_stopped);
        supervisor.spawn("two", until_stopped);
        assert_eq!(supervisor.run(signalled(1), LIMIT).await, Ended::Clean);
    }

    #[tokio::test]
    async fn a_task_that_does_not_stop_is_cut_off_after_the_limit() {
        let mut supervisor = Supervisor::new();
        supervisor.spawn("deaf", |_| std::future::pending());
        supervisor.spawn("good", until_stopped);
        assert_eq!(supervisor.run(signalled(1), LIMIT).await, Ended::CutOff { tasks: vec!["deaf"] });
    }

    #[tokio::test]
    async fn a_second_signal_cuts_off_at_once() {
        let mut supervisor = Supervisor::new();
        supervisor.spawn("deaf", |_| std::future::pending());
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(()).unwrap();
        sender.try_send(()).unwrap();
        let started = tokio::time::Instant::now();
        let ended = supervisor.run(receiver, Duration::from_secs(3600)).await;
        assert_eq!(ended, Ended::CutOff { tasks: vec!["deaf"] });
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_or_panics_ends_the_process() {
        let mut supervisor = Supervisor::new();
        supervisor.spawn("short", |_| async {});
        supervisor.spawn("good", until_stopped);
        assert_eq!(
            supervisor.run(mpsc::channel(1).1, LIMIT).await,
            Ended::TaskEnded { task: "short", panicked: false }
        );
    }

    #[tokio::test]
    async fn a_panic_is_told_from_an_end() {
        let (_sender, receiver) = mpsc::channel(1);
        let mut supervisor = Supervisor::new();
        supervisor.spawn("panicking", |_| async { panic!("on purpose") });
        supervisor.spawn("good", until_stopped);
        let ended = supervisor.run(receiver, LIMIT).await;
        assert_eq!(ended, Ended::TaskEnded { task: "panicking", panicked: true });
    }

    #[tokio::test]
    async fn a_scope_never_runs_more_than_its_limit_and_waits_for_all() {
        let (now, most, done) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut scope = Scope::new("test", 3);
        for number in 0..20 {
            let (now, most, done) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&done));
            scope
                .spawn(async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    assert!(number != 7, "one of them panics, and harms nobody");
                    done.fetch_add(1, Ordering::SeqCst);
                })
                .await;
        }
        // The one that panicked was counted down before.
        assert!(scope.drain(LIMIT).await);
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert_eq!(done.load(Ordering::SeqCst), 19);
    }
}
