//! `migrate` on both engines, by the real binary.

use std::{fs, path::Path};

use postgres_server::{Database, Server};
use serde_json::{Value, json};

use crate::cli_gateway::{Gateway, Ran, binary, run};

/// `migrate` on the store of this url, in English.
fn migrate(folder: &Path, url: &str, more: &[&str]) -> Ran {
    let config = folder.join("migrate.toml");
    let text = format!("[gateway]\ndata_folder = \"{}\"\n[store]\nurl = \"{url}\"\n", folder.display());
    fs::write(&config, text).unwrap();
    let mut command = binary();
    command.args(["--lang", "en", "migrate", "--config"]).arg(&config).args(more);
    run(command)
}

fn record(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// What is the same on every engine, on a store that is not there yet.
fn a_store_is_made_once(folder: &Path, url: &str) {
    let checked = migrate(folder, url, &["--check", "--json"]);
    assert_eq!((checked.code, &record(&checked)["version"], &record(&checked)["to_do"]), (1, &json!(0), &json!(true)));
    let checked = migrate(folder, url, &["--check"]);
    assert!(checked.out.contains("is not there yet"), "{checked:?}");

    let made = migrate(folder, url, &["--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    let told = record(&made);
    assert_eq!(
        (&told["version_before"], &told["version"], &told["to_do"]),
        (&json!(0), &told["known_version"], &json!(false))
    );

    let again = migrate(folder, url, &[]);
    assert!(again.code == 0 && again.out.contains("there is nothing to do"), "{again:?}");
    let checked = migrate(folder, url, &["--check", "--lang", "vi"]);
    assert!(checked.code == 0 && checked.out.contains("không cần làm gì"), "{checked:?}");
}

fn place() -> Database {
    Server::shared().database()
}

#[test]
fn a_sqlite_store_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    a_store_is_made_once(folder.path(), "sqlite:made/store.db");
    assert!(folder.path().join("made/store.db").exists());
}

#[test]
fn looking_at_a_sqlite_store_that_is_not_there_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(migrate(folder.path(), "sqlite:made/store.db", &["--check"]).code, 1);
    assert!(!folder.path().join("made").exists());
}

#[test]
fn a_sqlite_store_is_left_alone_while_a_gateway_has_it() {
    let gateway = Gateway::start("");
    let folder = gateway.folder.path().join("data");
    let refused = migrate(&folder, "sqlite:gateway.db", &[]);
    assert!(refused.code == 69 && refused.err.contains("in use by another gateway"), "{refused:?}");
    assert_eq!(migrate(&folder, "sqlite:gateway.db", &["--check"]).code, 0, "looking is allowed");
}

#[test]
fn a_sqlite_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "không phải cơ sở dữ liệu; ".repeat(50)).unwrap();
    for more in [["--check"].as_slice(), &[]] {
        let refused = migrate(folder.path(), "sqlite:letter.txt", more);
        assert!(refused.code == 69 && refused.err.contains("is not a store of this gateway"), "{refused:?}");
    }
}

#[test]
fn a_postgresql_store_is_made_once() {
    let (folder, place) = (tempfile::tempdir().unwrap(), place());
    a_store_is_made_once(folder.path(), &place.url());
}

#[test]
fn a_postgresql_store_that_is_newer_than_this_gateway_is_left_alone() {
    let (folder, place) = (tempfile::tempdir().unwrap(), place());
    assert_eq!(migrate(folder.path(), &place.url(), &[]).code, 0);
    place.run("INSERT INTO petition_gateway_schema (version, oldest) VALUES (98, 1)");
    let checked = migrate(folder.path(), &place.url(), &["--check", "--json"]);
    assert_eq!((checked.code, &record(&checked)["version"]), (0, &json!(98)), "{checked:?}");
    place.run("INSERT INTO petition_gateway_schema (version, oldest) VALUES (99, 99)");
    let checked = migrate(folder.path(), &place.url(), &["--check"]);
    assert!(checked.code == 69 && checked.out.contains("use the newer gateway"), "{checked:?}");
    let refused = migrate(folder.path(), &place.url(), &[]);
    assert!(refused.code == 69 && refused.err.contains("has schema version 99"), "{refused:?}");
}

#[test]
fn a_postgresql_database_of_something_else_or_that_is_away_is_told() {
    let (folder, place) = (tempfile::tempdir().unwrap(), place());
    place.run("CREATE TABLE petitions (of_somebody text)");
    let refused = migrate(folder.path(), &place.url(), &["--json"]);
    assert_eq!(refused.code, 69);
    assert!(refused.error()["message"].as_str().unwrap().contains("is not a store of this gateway"), "{refused:?}");

    let away = migrate(folder.path(), "postgres://gateway@127.0.0.1:1/petitions", &["--check"]);
    assert!(away.code == 69 && away.err.contains("127.0.0.1:1: Connection refused"), "{away:?}");
    let wrong = migrate(folder.path(), "postgres://gateway:s3cret@db/petitions", &[]);
    assert!(wrong.code == 64 && wrong.out.contains("store.url: must not hold a password"), "{wrong:?}");
}
