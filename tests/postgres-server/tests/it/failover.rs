//! What befalls a server, and what is left of what it acknowledged.

use std::{
    thread::{self, ScopedJoinHandle},
    time::Duration,
};

use postgres_server::{Database, Options, Rows, RunError, Server};

/// Long enough for an answer, if there were one.
const SILENCE: Duration = Duration::from_millis(300);

const PETITION: &str = "CREATE TABLE petition (id int PRIMARY KEY)";

/// Asks while something is done, and shows that the answer waits for that.
fn waits_for(database: &Database, sql: &str, event: impl FnOnce()) -> Result<Rows, RunError> {
    thread::scope(|scope| {
        let asked: ScopedJoinHandle<'_, _> = scope.spawn(|| database.try_run(sql));
        thread::sleep(SILENCE);
        assert!(!asked.is_finished(), "{sql} did not wait");
        event();
        asked.join().unwrap()
    })
}

#[test]
fn a_killed_server_is_gone_and_has_what_it_acknowledged_when_it_starts_again() {
    let server = Server::start(Options { tcp: true, ..Options::default() });
    let (database, address) = (server.database(), server.address());
    database.run(PETITION);
    database.run("INSERT INTO petition VALUES (7)");
    server.kill();
    assert!(database.try_run("SELECT 1").is_err());
    server.start_again();
    assert_eq!(database.run("SELECT id FROM petition"), [["7"]]);
    assert_eq!(server.address(), address);
}

#[test]
fn a_stopped_server_starts_again() {
    let server = Server::start(Options::default());
    let database = server.database();
    database.run(PETITION);
    server.stop();
    assert!(database.try_run("SELECT 1").is_err());
    server.start_again();
    assert!(database.run("SELECT id FROM petition").is_empty());
}

#[test]
fn a_paused_server_answers_nobody_until_it_is_woken() {
    let server = Server::start(Options::default());
    let database = server.database();
    server.pause();
    assert_eq!(waits_for(&database, "SELECT 1", || server.wake()).unwrap(), [["1"]]);
}

#[test]
fn a_paused_server_can_be_killed() {
    let server = Server::start(Options::default());
    server.pause();
    server.kill();
    server.start_again();
}

#[test]
fn a_replica_takes_the_place_of_a_primary_that_was_killed() {
    let primary = Server::start(Options { tcp: true, ..Options::default() });
    let database = primary.database();
    database.run(PETITION);
    let replica = primary.replica("replica");
    database.run("INSERT INTO petition VALUES (7)");
    assert!(replica.is_in_recovery() && !primary.is_in_recovery());
    assert!(replica.try_run(database.name(), "INSERT INTO petition VALUES (8)").is_err());

    primary.kill();
    replica.promote();
    assert!(!replica.is_in_recovery());
    replica.try_run(database.name(), "INSERT INTO petition VALUES (8)").unwrap();
    let rows = replica.try_run(database.name(), "SELECT id FROM petition ORDER BY id").unwrap();
    assert_eq!(rows, [["7"], ["8"]]);
    assert_eq!(replica.password(), primary.password());
}

#[test]
fn a_primary_acknowledges_only_what_its_replica_has() {
    let primary = Server::start(Options::default());
    let database = primary.database();
    database.run(PETITION);
    let replica = primary.replica("replica");
    replica.pause();
    waits_for(&database, "INSERT INTO petition VALUES (7)", || replica.wake()).unwrap();
    assert_eq!(replica.try_run(database.name(), "SELECT id FROM petition").unwrap(), [["7"]]);
}
