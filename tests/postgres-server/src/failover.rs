//! What befalls a server: it is killed, halted, stopped, followed by a replica, and replaced by it.

use std::{fs::File, io::Write};

use crate::{
    USER,
    home::Home,
    options::DURABLE,
    process::{Process, within},
    programs::done,
    server::Server,
};

/// A replica of a small cluster follows within a second, on a busy machine within some.
const FOLLOW_SECONDS_MAX: u64 = 60;

/// A killed server's port may be in use for a moment, as the near end of somebody's connection.
const STARTS_TRIED_MAX: usize = 5;

impl Server {
    /// Ends every process of the server at once, as a machine that loses its power does. What was acknowledged is on
    /// its disk; [`Server::start_again`] recovers it.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&self) {
        self.take().kill();
    }

    /// Halts every process of the server: connections stay open and nothing answers.
    ///
    /// # Panics
    /// It does not run.
    pub fn pause(&self) {
        self.process().as_ref().expect("the server runs").pause();
    }

    /// Lets a paused server go on.
    ///
    /// # Panics
    /// It does not run.
    pub fn wake(&self) {
        self.process().as_ref().expect("the server runs").wake();
    }

    /// Stops the server in good order: it cuts its connections and writes everything to the disk.
    ///
    /// # Panics
    /// It does not run, or does not stop.
    pub fn stop(&self) {
        self.take().stop();
    }

    /// Starts a server that was stopped or killed, on the same socket and port.
    ///
    /// # Panics
    /// It runs, or does not start.
    pub fn start_again(&self) {
        let mut said = String::new();
        for _ in 0..STARTS_TRIED_MAX {
            match self.spawn() {
                Ok(()) => return,
                Err(it) => said = it,
            }
        }
        panic!("PostgreSQL did not start again: {said}");
    }

    /// A server with the same options that follows this one: from when this returns, what this server acknowledges is
    /// on both disks. One replica at a time: a second one takes the place of the first.
    ///
    /// # Panics
    /// It cannot be made, or does not catch up.
    #[must_use]
    pub fn replica(&self, name: &str) -> Server {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain), "a replica's name has small letters, digits and `_`");
        let home = Home::new(self.programs, self.options.place());
        let (folder, port) = (self.home.folder().display(), self.port);
        let primary = format!("host='{folder}' port={port} user={USER} application_name={name}");
        let mut copy = self.programs.command(self.programs.path("pg_basebackup"));
        copy.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        done(copy.arg("--dbname").arg(primary).arg("--pgdata").arg(home.data()));
        // It waits for nobody when it is promoted, though the primary that it was copied from may wait for somebody.
        let settings = File::options().append(true).open(home.data().join("postgresql.auto.conf"));
        let written = settings.and_then(|mut file| file.write_all(b"synchronous_standby_names = ''\n"));
        written.expect("the data folder can be written");
        let mut replica = Server::run_in(home, DURABLE, self.options.clone());
        replica.password.clone_from(&self.password);
        self.wait_for(name);
        replica
    }

    /// Makes a replica the primary. It is writable when this returns.
    ///
    /// # Panics
    /// It is not a replica, or cannot be promoted.
    pub fn promote(&self) {
        let promoted = self.ask(&format!("SELECT pg_promote(true, {FOLLOW_SECONDS_MAX})"));
        assert!(promoted == "t" && !self.is_in_recovery(), "the replica is not promoted");
    }

    /// Whether it is a replica, which refuses to be written.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn is_in_recovery(&self) -> bool {
        self.ask("SELECT pg_is_in_recovery()") == "t"
    }

    /// Acknowledges from now on only what this replica has, too.
    fn wait_for(&self, replica: &str) {
        self.ask(&format!("ALTER SYSTEM SET synchronous_standby_names = '{replica}'"));
        self.ask("SELECT pg_reload_conf()");
        let state = format!("SELECT max(sync_state) FROM pg_stat_replication WHERE application_name = '{replica}'");
        let follows = within(FOLLOW_SECONDS_MAX, || self.ask(&state) == "sync");
        assert!(follows, "the replica does not follow after {FOLLOW_SECONDS_MAX} seconds");
    }

    /// One statement, one value, or nothing.
    fn ask(&self, sql: &str) -> String {
        let rows = self.try_run("postgres", sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.into_iter().flatten().next().unwrap_or_default()
    }

    fn take(&self) -> Process {
        self.process().take().expect("the server runs")
    }
}
