//! This engine's side of an inspection: one read-only connection beside the gateway's, on snapshots of the write-ahead log.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use rusqlite::{Connection, params_from_iter};
use tokio::task::spawn_blocking;

use super::{
    copy::{name_of, value_of},
    schema,
};
use crate::{
    clock::SharedClock,
    store::{
        OpenError, StoreError,
        copy::{Row, Value},
        inspect::{Pages, View, Watch, has_to_be_known, integer},
    },
};

/// The number of the last event; those of messages and deliveries are their last rows'.
static COUNTERS: View = View {
    sql: "SELECT (SELECT value FROM counters WHERE name = 'seq'), (SELECT coalesce(max(id), 0) FROM messages),
                 (SELECT coalesce(max(n), 0) FROM deliveries)",
    columns: &[integer("seq"), integer("message"), integer("delivery")],
};

static FINDABLE: View = View { sql: "SELECT count(*) FROM petition_fts", columns: &[integer("count")] };

/// A store in one SQLite file that is looked into.
pub(in crate::store) struct SqlitePages {
    name: String,
    path: PathBuf,
    conn: Arc<Mutex<Connection>>,
    clock: SharedClock,
}

impl SqlitePages {
    /// Opens the file beside whoever has it. It blocks.
    ///
    /// # Errors
    /// There is none, or it is of another version.
    pub(in crate::store) fn open(path: &Path, clock: SharedClock) -> Result<SqlitePages, OpenError> {
        has_to_be_known(schema::schema_check(path)?)?;
        let conn = schema::open_reader(path)?;
        super::copy::refuse_unfinished(&conn, &path.display().to_string())?;
        conn.execute_batch("BEGIN")?;
        let conn = Arc::new(Mutex::new(conn));
        Ok(SqlitePages { name: name_of(path), path: path.to_owned(), conn, clock })
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let conn = Arc::clone(&self.conn);
        let work = move || work(&conn.lock().unwrap_or_else(PoisonError::into_inner));
        spawn_blocking(work).await.map_err(StoreError::lost)?
    }
}

#[async_trait]
impl Pages for SqlitePages {
    fn name(&self) -> &str {
        &self.name
    }

    async fn renew(&self) -> Result<(), StoreError> {
        self.run(|conn| Ok(conn.execute_batch("COMMIT; BEGIN")?)).await
    }

    async fn read(&self, view: &'static View, params: &[i64]) -> Result<Vec<Row>, StoreError> {
        let params = params.to_vec();
        let read = move |conn: &Connection| {
            let mut statement = conn.prepare_cached(view.sql)?;
            let mut rows = statement.query(params_from_iter(params))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let values = view.columns.iter().enumerate();
                let value = |(at, column)| Ok(value_of(row.get_ref(at)?, column).unwrap_or(Value::Absent));
                found.push(values.map(value).collect::<rusqlite::Result<Row>>()?);
            }
            Ok(found)
        };
        self.run(read).await
    }

    fn counters(&self) -> &'static View {
        &COUNTERS
    }

    fn findable(&self) -> &'static View {
        &FINDABLE
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        let path = self.path.clone();
        let is_served = self.run(move |_| Ok(schema::is_locked(&path))).await?;
        Ok(Watch { now: self.clock.now(), is_served })
    }
}
