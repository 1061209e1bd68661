//! This engine's side of an inspection: one connection of its own, in transactions that only read.

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_postgres::types::ToSql;

use super::{
    connect::{Client, Database},
    copy::{planning, refuse_unfinished, value_of},
    rows::{get, time},
    schema,
};
use crate::{
    config,
    store::{
        OpenError, StoreError,
        copy::{Row, Value},
        inspect::{Pages, View, Watch, has_to_be_known, integer},
    },
};

/// What is made differently than for a gateway's connection: nothing may be written, and a statement takes as long as it takes.
const SETUP: &str = "SET default_transaction_read_only = on; SET statement_timeout = 0; SET lock_timeout = 0; \
                     SET idle_in_transaction_session_timeout = 0";

/// One snapshot for all that is read until the next.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The database's time, and whether a gateway says that it is alive.
const WATCH: &str = "SELECT now.at, EXISTS (SELECT 1 FROM gateways WHERE until > now.at) AS is_served
                     FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 AS at) AS now";

static COUNTERS: View = View {
    sql: "SELECT seq, message, delivery FROM counters",
    columns: &[integer("seq"), integer("message"), integer("delivery")],
};

static FINDABLE: View = View { sql: "SELECT count(*) FROM texts", columns: &[integer("count")] };

/// A store in a PostgreSQL database that is looked into.
pub(in crate::store) struct PostgresPages {
    name: String,
    client: Mutex<Client>,
}

impl PostgresPages {
    /// Connects beside the gateways that share the database.
    ///
    /// # Errors
    /// It cannot be reached, holds no store, or one of another version.
    pub(in crate::store) async fn open(settings: &config::Postgres) -> Result<PostgresPages, OpenError> {
        let database = Database::open(settings).await?;
        has_to_be_known(schema::check(&database).await?)?;
        refuse_unfinished(&database).await?;
        let client = database.writer().await.map_err(OpenError::engine)?;
        let begin = async {
            client.batch_execute(SETUP).await?;
            // Pages come in the order of an index: nothing is put in order, and the first row comes at once.
            client.batch_execute(&planning(true)).await?;
            Ok::<_, StoreError>(client.batch_execute(BEGIN).await?)
        };
        begin.await.map_err(OpenError::engine)?;
        Ok(PostgresPages { name: database.name().to_owned(), client: Mutex::new(client) })
    }
}

#[async_trait]
impl Pages for PostgresPages {
    fn name(&self) -> &str {
        &self.name
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let client = self.client.lock().await;
        Ok(client.batch_execute(&format!("COMMIT; {BEGIN}")).await?)
    }

    async fn read(&self, view: &'static View, params: &[i64]) -> Result<Vec<Row>, StoreError> {
        let client = self.client.lock().await;
        let statement = client.prepare_cached(view.sql).await?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|it| it as &(dyn ToSql + Sync)).collect();
        let rows = client.query(&statement, &params).await?;
        let row_of = |row| {
            let values = view.columns.iter().enumerate();
            values.map(|(at, column)| value_of(row, at, column).unwrap_or(Value::Absent)).collect()
        };
        Ok(rows.iter().map(row_of).collect())
    }

    fn counters(&self) -> &'static View {
        &COUNTERS
    }

    fn findable(&self) -> &'static View {
        &FINDABLE
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.renew().await?;
        let client = self.client.lock().await;
        let row = client.query_one(WATCH, &[]).await?;
        Ok(Watch { now: time(get(&row, "at")?)?, is_served: get(&row, "is_served")? })
    }
}
