//! This engine's side of moving a store: rows out in order, and in page by page.
//!
//! Of a source the row of `counters` is locked as long as it is read: nobody writes without it, so no gateway can change the
//! source or come alive on it. A target's pages are streamed in binary form, each in a transaction that moves the mark; a
//! database that is away for a while (a failover) is waited for, and a commit whose reply was lost is known by the mark.
//! What this engine keeps in its own way: the row of counters, escaped texts (rows.rs), and full text, which is made anew
//! from the documents in the transaction that brings them.

mod binary;

use std::{future::Future, pin::pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{SinkExt, TryStreamExt};
use tokio::{
    sync::{MappedMutexGuard, Mutex, MutexGuard},
    task::spawn_blocking,
};
use tokio_postgres::{Row as SqlRow, Transaction, types::ToSql};

use super::{
    connect::{Client, Database},
    rows::{get, signed, text, unescaped, unsigned},
    schema,
};
use crate::{
    config,
    store::{
        OpenError, StoreError,
        copy::{
            COUNTERS, Column, CopyError, DOSSIERS, Gather, Mark, Place, Row, Shelf, Sort, TABLES, Table, Value, Walk,
            has_to_be_current, table, text_of,
        },
    },
};

/// What is made differently than for a gateway's connection: a walk takes as long as it takes, and waits for whoever writes
/// what it reads.
const SETUP: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";

/// How a table is gone through: in the order of an index, which needs no room and begins at once; or as the database likes it
/// best. (The settings are PostgreSQL's own, and not known to all that speak its language.)
pub(super) fn planning(is_in_order: bool) -> String {
    let others = if is_in_order { "off" } else { "on" };
    format!(
        "SELECT set_config(name, '{others}', false) FROM pg_settings \
         WHERE name IN ('enable_sort', 'enable_seqscan', 'enable_bitmapscan')"
    )
}

/// How often a page is tried while the database is away, and how long is waited in between: a minute, in which a replica
/// takes the primary's place and a server is started again.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(2);

/// What stands in a target as long as a copy into it is not finished.
const MARK: &str = "CREATE TABLE copy_in_progress (
                        one        boolean PRIMARY KEY DEFAULT true CONSTRAINT copy_one_row CHECK (one),
                        source     text NOT NULL,
                        state      bytea NOT NULL,
                        table_name text NOT NULL,
                        rows       bigint NOT NULL
                    )";

/// The gateways that are alive, and for how many seconds unless they say so again.
const ALIVE: &str = "SELECT count(*) AS gateways,
                            coalesce(ceil(max(until) / 1e9 - extract(epoch FROM clock_timestamp())), 0)::bigint AS seconds
                     FROM gateways WHERE until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000";

/// Held by whoever writes, and by a copy as long as it reads: nothing else can be written meanwhile.
const LOCK: &str = "SELECT seq FROM counters FOR UPDATE";

/// A store in a PostgreSQL database that is moved.
pub(in crate::store) struct PostgresShelf {
    name: String,
    database: Database,
    /// The one connection that does it all; for a target another takes its place when it was lost.
    client: Mutex<Option<Client>>,
}

/// Gateways that are alive: how many, and for how many seconds unless they say so again.
type Alive = Option<(u64, u64)>;

impl PostgresShelf {
    /// Opens a store to be read, as it is at this moment.
    ///
    /// # Errors
    /// There is none, gateways are alive on it, or it is of another version.
    pub(in crate::store) async fn open_source(settings: &config::Postgres) -> Result<PostgresShelf, CopyError> {
        let shelf = PostgresShelf::new(Database::open(settings).await?);
        has_to_be_current(schema::check(&shelf.database).await?)?;
        let hold = async {
            let client = shelf.client().await?;
            let alive = alive_of(&client.query_one(ALIVE, &[]).await?)?;
            if alive.is_none() {
                client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
                client.query(LOCK, &[]).await?;
            }
            Ok(alive)
        };
        let alive = hold.await.map_err(CopyError::of(&shelf.name))?;
        shelf.must_be_free(alive)?;
        Ok(shelf)
    }

    /// Opens a store to be filled; makes its tables where there are none.
    ///
    /// # Errors
    /// It is none of ours, or of another version.
    pub(in crate::store) async fn open_target(settings: &config::Postgres) -> Result<PostgresShelf, CopyError> {
        let shelf = PostgresShelf::new(Database::open(settings).await?);
        schema::open(&shelf.database).await?;
        has_to_be_current(schema::check(&shelf.database).await?)?;
        Ok(shelf)
    }

    fn new(database: Database) -> PostgresShelf {
        PostgresShelf { name: database.name().to_owned(), database, client: Mutex::new(None) }
    }

    fn must_be_free(&self, alive: Alive) -> Result<(), CopyError> {
        match alive {
            Some((gateways, seconds)) => Err(CopyError::InUse { store: self.name.clone(), gateways, seconds }),
            None => Ok(()),
        }
    }

    /// The connection; it is made when it is first asked for, and after it was let go of.
    async fn client(&self) -> Result<MappedMutexGuard<'_, Client>, StoreError> {
        let mut client = self.client.lock().await;
        if client.is_none() {
            let new = self.database.writer().await?;
            new.batch_execute(SETUP).await?;
            *client = Some(new);
        }
        Ok(MutexGuard::map(client, |client| client.as_mut().expect("it was made if there was none")))
    }

    /// Does what has the same outcome when it is done again, over a new connection each time that the database is away.
    async fn insist<T, Work>(&self, work: impl Fn() -> Work) -> Result<T, StoreError>
    where
        Work: Future<Output = Result<T, StoreError>>,
    {
        let mut tries = 1;
        loop {
            match work().await {
                Err(StoreError::Unavailable(why)) if tries < TRIES => {
                    tracing::warn!(why, tries, "the database is away; it is tried again");
                    tries += 1;
                    drop(self.client.lock().await.take());
                    tokio::time::sleep(PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    async fn count_of(&self, table: &str) -> Result<u64, StoreError> {
        let client = self.client().await?;
        client.batch_execute(&planning(false)).await?;
        let row = client.query_one(&format!("SELECT count(*) AS rows FROM {table}"), &[]).await?;
        Ok(unsigned(get(&row, "rows")?))
    }

    async fn begin_once(&self, mark: &Mark) -> Result<Begun, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.query(LOCK, &[]).await?;
        if let Some(alive) = alive_of(&tx.query_one(ALIVE, &[]).await?)? {
            return Ok(Begun::InUse(alive));
        }
        if let Some(table) = filled(&tx).await? {
            return Ok(Begun::NotEmpty(table));
        }
        tx.batch_execute(MARK).await?;
        let sql = "INSERT INTO copy_in_progress (source, state, table_name, rows) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, &[&text(&mark.source), &mark.state, &mark.place.table.name, &signed(mark.place.rows)]).await?;
        tx.commit().await?;
        Ok(Begun::Yes)
    }

    /// Whether the page is there now: it was put, or it was there already, its reply lost.
    async fn put_once(&self, parcel: &Parcel, from: Place, to: Place) -> Result<bool, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        // What a crash takes back takes its mark back with it, and the copy goes on before it.
        tx.batch_execute("SET LOCAL synchronous_commit = off").await?;
        let sql = "SELECT source, state, table_name, rows FROM copy_in_progress FOR UPDATE";
        let place = mark_of(&tx.query_one(sql, &[]).await?)?.place;
        if place == from {
            parcel.insert(&tx).await?;
            tx.execute("UPDATE copy_in_progress SET table_name = $1, rows = $2", &[&to.table.name, &signed(to.rows)])
                .await?;
            tx.commit().await?;
        }
        Ok(place == from || place == to)
    }

    async fn finish_once(&self) -> Result<Alive, StoreError> {
        let mut client = self.client().await?;
        for table in TABLES.iter().map(|table| table.name).chain(["texts"]) {
            // Without it the first hours may be slow, and nothing else.
            if let Err(error) = client.batch_execute(&format!("ANALYZE {table}")).await.map_err(StoreError::from) {
                tracing::warn!(error = &error as &dyn std::error::Error, table, "a table is not analysed");
            }
        }
        let tx = client.transaction().await?;
        tx.query(LOCK, &[]).await?;
        let alive = alive_of(&tx.query_one(ALIVE, &[]).await?)?;
        if alive.is_none() {
            tx.batch_execute("DROP TABLE IF EXISTS copy_in_progress").await?;
            // It waits for the disk (and the replica), and so for all that was committed before it.
            tx.commit().await?;
        }
        Ok(alive)
    }
}

/// How the beginning of a copy went.
enum Begun {
    Yes,
    InUse((u64, u64)),
    NotEmpty(&'static str),
}

#[async_trait]
impl Shelf for PostgresShelf {
    fn name(&self) -> &str {
        &self.name
    }

    async fn count(&self, table: &'static Table) -> Result<u64, StoreError> {
        self.count_of(table.name).await
    }

    async fn walk(&self, table: &'static Table) -> Result<Walk, StoreError> {
        let client = self.client().await?;
        client.batch_execute(&planning(true)).await?;
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = client.query_raw(&select(table), none).await?;
        let pages = futures::stream::try_unfold(Some((Box::pin(rows), Gather::new(table))), move |state| async move {
            let Some((mut rows, mut gather)) = state else { return Ok(None) };
            while let Some(row) = rows.try_next().await? {
                if let Some(page) = gather.add(row_of(&row, table)?) {
                    return Ok(Some((page, Some((rows, gather)))));
                }
            }
            Ok(Some((gather.end(), None)))
        });
        Ok(Box::pin(pages))
    }

    async fn findable_count(&self) -> Result<u64, StoreError> {
        self.count_of("texts").await
    }

    async fn mark(&self) -> Result<Option<Mark>, StoreError> {
        mark(&*self.client().await?).await
    }

    async fn begin(&self, mark: &Mark) -> Result<(), CopyError> {
        match self.begin_once(mark).await.map_err(CopyError::of(&self.name))? {
            Begun::Yes => Ok(()),
            Begun::InUse(alive) => self.must_be_free(Some(alive)),
            Begun::NotEmpty(table) => Err(CopyError::NotEmpty { store: self.name.clone(), table }),
        }
    }

    async fn put(&self, rows: Vec<Row>, from: Place, to: Place) -> Result<(), CopyError> {
        let failed = CopyError::of(&self.name);
        let parcel = spawn_blocking(move || Parcel::of(to.table, &rows)).await;
        let parcel = parcel.map_err(StoreError::lost).map_err(&failed)?;
        match self.insist(|| self.put_once(&parcel, from, to)).await.map_err(&failed)? {
            true => Ok(()),
            false => Err(CopyError::Overtaken(self.name.clone())),
        }
    }

    async fn finish(&self) -> Result<(), CopyError> {
        let alive = self.insist(|| self.finish_once()).await.map_err(CopyError::of(&self.name))?;
        self.must_be_free(alive)
    }

    async fn clear(&self) -> Result<(), StoreError> {
        let tables: Vec<&str> = TABLES.iter().map(|table| table.name).filter(|name| *name != COUNTERS).collect();
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.query(LOCK, &[]).await?;
        tx.batch_execute(&format!(
            "TRUNCATE {}, texts; UPDATE counters SET seq = 0, message = 0, delivery = 0; DROP TABLE copy_in_progress",
            tables.join(", ")
        ))
        .await?;
        Ok(tx.commit().await?)
    }
}

/// A store that is not whole is not worked on.
pub(super) async fn refuse_unfinished(database: &Database) -> Result<(), OpenError> {
    let look = async {
        let client = database.writer().await?;
        let mark = mark(&client).await?;
        client.release();
        Ok::<_, StoreError>(mark)
    };
    match look.await.map_err(OpenError::engine)? {
        Some(Mark { source, .. }) => {
            Err(OpenError::Unfinished { store: database.name().to_owned(), source_name: source })
        }
        None => Ok(()),
    }
}

/// The mark that an unfinished copy has left.
async fn mark(client: &tokio_postgres::Client) -> Result<Option<Mark>, StoreError> {
    let sql = "SELECT to_regclass('copy_in_progress') IS NOT NULL AS is_there";
    if !get::<bool>(&client.query_one(sql, &[]).await?, "is_there")? {
        return Ok(None);
    }
    let sql = "SELECT source, state, table_name, rows FROM copy_in_progress";
    Ok(Some(mark_of(&client.query_one(sql, &[]).await?)?))
}

fn mark_of(row: &SqlRow) -> Result<Mark, StoreError> {
    let (source, state, name): (String, Vec<u8>, String) =
        (get(row, "source")?, get(row, "state")?, get(row, "table_name")?);
    let table = table(&name).ok_or(StoreError::Damaged("mark of a copy"))?;
    Ok(Mark { source: unescaped(&source), state, place: Place { table, rows: unsigned(get(row, "rows")?) } })
}

fn alive_of(row: &SqlRow) -> Result<Alive, StoreError> {
    let (gateways, seconds): (i64, i64) = (get(row, "gateways")?, get(row, "seconds")?);
    Ok((gateways > 0).then_some((unsigned(gateways), unsigned(seconds))))
}

/// A table that has something in it.
async fn filled(tx: &Transaction<'_>) -> Result<Option<&'static str>, StoreError> {
    for table in &TABLES {
        let condition = if table.name == COUNTERS { "WHERE (seq, message, delivery) <> (0, 0, 0)" } else { "" };
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} {condition}) AS is_filled", table.name);
        if get(&tx.query_one(&sql, &[]).await?, "is_filled")? {
            return Ok(Some(table.name));
        }
    }
    Ok(None)
}

/// In the order of an index, where that is the same on every engine.
pub(super) fn select(table: &Table) -> String {
    let order: Vec<&str> = table.key_in_order().map(|at| table.columns[at].name).collect();
    let order = if order.is_empty() { String::new() } else { format!("ORDER BY {}", order.join(", ")) };
    format!("SELECT {} FROM {} {order}", table.names(), table.name)
}

fn row_of(row: &SqlRow, table: &Table) -> Result<Row, StoreError> {
    let value = |(at, column)| value_of(row, at, column).map_err(|_| StoreError::Damaged(table.record));
    table.columns.iter().enumerate().map(value).collect()
}

pub(super) fn value_of(row: &SqlRow, at: usize, column: &Column) -> Result<Value, tokio_postgres::Error> {
    let value = match column.sort {
        Sort::Integer => row.try_get::<_, Option<_>>(at)?.map(Value::Integer),
        Sort::Boolean => row.try_get::<_, Option<_>>(at)?.map(Value::Boolean),
        Sort::Uuid => row.try_get::<_, Option<_>>(at)?.map(Value::Uuid),
        Sort::Bytes => row.try_get::<_, Option<_>>(at)?.map(Value::Bytes),
        Sort::Json => row.try_get::<_, Option<_>>(at)?.map(Value::Text),
        Sort::Text => row.try_get::<_, Option<&str>>(at)?.map(|stored| Value::Text(unescaped(stored))),
    };
    Ok(value.unwrap_or(Value::Absent))
}

/// Rows of a table as they are sent.
struct Parcel {
    table: &'static Table,
    rows: Bytes,
    /// What is made from them.
    texts: Option<Bytes>,
    /// The row of counters, which is there already and is changed.
    counters: Option<[i64; 3]>,
}

impl Parcel {
    /// It blocks: cutting words takes its time.
    fn of(table: &'static Table, rows: &[Row]) -> Parcel {
        let texts = || binary::texts_of(&rows.iter().filter_map(text_of).collect::<Vec<_>>());
        let number = |at: usize| rows.last().and_then(|row| row[at].integer()).unwrap_or(0);
        Parcel {
            table,
            rows: binary::rows_of(table, rows),
            texts: (table.name == DOSSIERS).then(texts),
            counters: (table.name == COUNTERS).then(|| [0, 1, 2].map(number)),
        }
    }

    async fn insert(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        if let Some([seq, message, delivery]) = &self.counters {
            let sql = "UPDATE counters SET seq = $1, message = $2, delivery = $3";
            tx.execute(sql, &[seq, message, delivery]).await?;
            return Ok(());
        }
        copy_in(tx, &format!("{} ({})", self.table.name, self.table.names()), self.rows.clone()).await?;
        match &self.texts {
            Some(texts) => copy_in(tx, "texts (petition, words)", texts.clone()).await,
            None => Ok(()),
        }
    }
}

async fn copy_in(tx: &Transaction<'_>, place: &str, rows: Bytes) -> Result<(), StoreError> {
    let sink = tx.copy_in(&format!("COPY {place} FROM STDIN (FORMAT binary)")).await?;
    let mut sink = pin!(sink);
    sink.send(rows).await?;
    sink.finish().await?;
    Ok(())
}
