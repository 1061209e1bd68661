//! The server that all tests of a process share.

use std::thread;

use postgres_server::Server;

#[test]
fn two_databases_at_once_are_apart() {
    let (one, other) = (Server::shared().database(), Server::shared().database());
    one.run("CREATE TABLE petition (id int); INSERT INTO petition VALUES (7), (NULL)");
    assert_eq!(one.run("SELECT id, 'PA' FROM petition"), [["7", "PA"], ["NULL", "PA"]]);
    let refused = other.try_run("SELECT * FROM petition").unwrap_err();
    assert_eq!(refused.to_string(), "relation \"petition\" does not exist (42P01)");
}

#[test]
fn a_driver_understands_the_address() {
    let database = Server::shared().database();
    let config: tokio_postgres::Config = database.url().parse().unwrap();
    assert_eq!(config.get_user(), Some("gateway"));
    assert_eq!(config.get_dbname(), Some(database.name()));
    assert!(matches!(config.get_hosts(), [tokio_postgres::config::Host::Unix(folder)] if folder.is_dir()));
}

#[test]
fn a_dropped_database_goes_away_though_something_is_connected() {
    let server = Server::shared();
    let (gone, other) = (server.database(), server.database());
    let name = gone.name().to_owned();
    let connected = format!("SELECT 1 FROM pg_stat_activity WHERE datname = '{name}'");
    let sleeper = thread::spawn(move || server.try_run(&name, "SELECT pg_sleep(60)"));
    while other.run(&connected).is_empty() {
        thread::yield_now();
    }
    drop(gone);
    assert!(sleeper.join().unwrap().is_err());
}
