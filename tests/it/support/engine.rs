//! The engine that the suite runs on: SQLite, or PostgreSQL when the environment says so. A test that needs one of them, or
//! several gateways, chooses for itself and is not run a second time (`tests/run`).

use std::{path::Path, sync::Arc};

use petition_gateway::{
    clock::SharedClock,
    config::{self, Config, Environment},
    store::{Store, postgres::PostgresStore, sqlite::SqliteStore},
};
use postgres_server::{Database, Server};

/// `postgres` has every gateway under test use a fresh PostgreSQL database instead of a SQLite file in its folder.
const VARIABLE: &str = "PETITION_GATEWAY_TEST_STORE";

/// What gateways under test keep everything in. It goes away with the last clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestStore {
    url: Option<String>,
    _database: Option<Arc<Database>>,
}

impl TestStore {
    /// An empty one on the engine that the suite runs on.
    pub(crate) fn fresh() -> TestStore {
        match std::env::var(VARIABLE).as_deref() {
            Ok("postgres") => TestStore::shared(),
            Ok("sqlite") | Err(_) => TestStore::default(),
            Ok(other) => panic!("{VARIABLE} is {other:?}: it may be \"sqlite\" or \"postgres\""),
        }
    }

    /// An empty PostgreSQL database, which several gateways may share.
    pub(crate) fn shared() -> TestStore {
        let database = Server::shared().database();
        TestStore { url: Some(database.url()), _database: Some(Arc::new(database)) }
    }

    /// A database of somebody else's.
    pub(crate) fn at(url: String) -> TestStore {
        TestStore { url: Some(url), _database: None }
    }

    /// The store itself, on a folder, with the time of this clock.
    pub(crate) async fn open(&self, folder: &Path, clock: SharedClock) -> Arc<dyn Store> {
        let text = format!("[gateway]\ndata_folder = \"{}\"\n{}", folder.display(), self.config());
        let config = Config::read("test.toml", folder, &text, &Environment::empty(), &[]).unwrap();
        match config.store {
            config::Store::Sqlite { file } => Arc::new(SqliteStore::open(&file.to_string_lossy(), clock).unwrap()),
            config::Store::Postgres(settings) => Arc::new(PostgresStore::open_by(&settings, clock).await.unwrap()),
        }
    }

    /// The table `[store]` of the configuration.
    pub(crate) fn config(&self) -> String {
        self.url.as_ref().map(|url| format!("[store]\nurl = \"{url}\"\n")).unwrap_or_default()
    }
}
