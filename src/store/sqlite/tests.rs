//! The behaviour suite on SQLite, and what is this engine's own: its file, its lock, its schema.

use super::SqliteStore;
use crate::store::suite::{self, Bench};

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store.sqlite");
    Bench::new(SqliteStore::open(place.to_str().unwrap()).unwrap(), folder)
}

suite::run_on!(bench);
