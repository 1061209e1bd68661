//! This engine's side of moving a store: rows out in order, and in page by page.
//!
//! One connection does it, and the lock file keeps gateways out meanwhile. What this engine keeps in its own way: the numbers
//! of the last message and delivery (those of their last rows), the short hash of callers' keys, and full text, which is made
//! anew from the documents in the transaction that brings them.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use async_trait::async_trait;
use rusqlite::{
    Connection, InterruptHandle, Row as SqlRow, ToSql, params,
    types::{ToSqlOutput, ValueRef},
};
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::{
    petition::hash_of,
    rows::{signed, unsigned},
    schema,
};
use crate::store::{
    OpenError, StoreError,
    copy::{
        COUNTERS, Column, CopyError, DOSSIERS, Gather, Mark, Place, REQUESTS, Row, Shelf, Sort, TABLES, Table, Value,
        Walk, has_to_be_current, table, text_of,
    },
};

/// Pages that are read before they are asked for: reading and writing go on at the same time, and no more lies in memory
/// than it takes for that.
const PAGES_AHEAD: usize = 2;
/// Pages of the write-ahead log between two moves into the database: 64 MiB, so that a page of an index that many
/// transactions touch is moved seldom.
const WAL_PAGES: i64 = 16 * 1024;
/// Page cache of a target, in KiB: for the indexes in which rows come in no order.
const CACHE_KIB: i64 = 256 * 1024;

/// What stands in a target as long as a copy into it is not finished.
const MARK: &str = "CREATE TABLE copy_in_progress (
                        one        INTEGER PRIMARY KEY CHECK (one = 1),
                        source     TEXT NOT NULL,
                        state      BLOB NOT NULL,
                        table_name TEXT NOT NULL,
                        rows       INTEGER NOT NULL
                    ) STRICT";

/// A store in one SQLite file that is moved.
pub(in crate::store) struct SqliteShelf {
    name: String,
    conn: Arc<Mutex<Connection>>,
    /// Ends what is under way.
    interrupt: InterruptHandle,
    _lock: File,
}

/// Whoever is told to stop does not wait until a large table is counted or put in order; transactions are rolled back.
impl Drop for SqliteShelf {
    fn drop(&mut self) {
        self.interrupt.interrupt();
    }
}

impl SqliteShelf {
    /// Opens a store to be read, as it is at this moment. It blocks.
    ///
    /// # Errors
    /// There is none, a gateway has it, or it is of another version.
    pub(in crate::store) fn open_source(path: &Path) -> Result<SqliteShelf, CopyError> {
        if !path.is_file() {
            return Err(CopyError::Missing(name_of(path)));
        }
        let lock = schema::lock(path)?;
        has_to_be_current(schema::schema_check(path)?)?;
        let conn = schema::open_reader(path).map_err(OpenError::from)?;
        // The first read begins the snapshot.
        conn.execute_batch("BEGIN").map_err(OpenError::from)?;
        conn.query_row("SELECT count(*) FROM counters", [], |_| Ok(())).map_err(OpenError::from)?;
        Ok(SqliteShelf::new(path, conn, lock))
    }

    /// Opens a store to be filled; makes it where there is none. It blocks.
    ///
    /// # Errors
    /// A gateway has it, or it is none of ours.
    pub(in crate::store) fn open_target(path: &Path) -> Result<SqliteShelf, CopyError> {
        let lock = schema::lock(path)?;
        let conn = schema::open_writer(path)?;
        let set = |name: &str, value: i64| conn.pragma_update(None, name, value).map_err(OpenError::from);
        // What a power cut takes back takes its mark back with it, and the copy goes on before it: 1 is NORMAL.
        set("synchronous", 1)?;
        set("wal_autocheckpoint", WAL_PAGES)?;
        set("cache_size", -CACHE_KIB)?;
        // A table that is put in order may be larger than the memory: 1 is FILE.
        set("temp_store", 1)?;
        Ok(SqliteShelf::new(path, conn, lock))
    }

    fn new(path: &Path, conn: Connection, lock: File) -> SqliteShelf {
        let interrupt = conn.get_interrupt_handle();
        SqliteShelf { name: name_of(path), conn: Arc::new(Mutex::new(conn)), interrupt, _lock: lock }
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let conn = Arc::clone(&self.conn);
        spawn_blocking(move || work(&held(&conn))).await.map_err(StoreError::lost)?
    }

    /// The same in a transaction.
    async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let in_tx = move |conn: &Connection| {
            let tx = conn.unchecked_transaction()?;
            let done = work(&tx)?;
            tx.commit()?;
            Ok(done)
        };
        self.run(in_tx).await
    }
}

#[async_trait]
impl Shelf for SqliteShelf {
    fn name(&self) -> &str {
        &self.name
    }

    async fn count(&self, table: &'static Table) -> Result<u64, StoreError> {
        let sql = match table.name {
            COUNTERS => "SELECT 1".to_owned(),
            name => format!("SELECT count(*) FROM {name}"),
        };
        self.run(move |conn| Ok(unsigned(conn.query_row(&sql, [], |row| row.get(0))?))).await
    }

    async fn walk(&self, table: &'static Table) -> Result<Walk, StoreError> {
        let (pages, walk) = mpsc::channel(PAGES_AHEAD);
        let conn = Arc::clone(&self.conn);
        let work = move || {
            let read = read(&held(&conn), table, |page| pages.blocking_send(Ok(page)).is_ok());
            if let Err(error) = read {
                // Whoever asked may be gone.
                drop(pages.blocking_send(Err(error)));
            }
        };
        // Not one of the runtime's: it would be held as long as the table is gone through.
        thread::Builder::new().name("store-walk".to_owned()).spawn(work).map_err(StoreError::engine)?;
        Ok(Box::pin(ReceiverStream::new(walk)))
    }

    async fn findable_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM petition_fts";
        self.run(move |conn| Ok(unsigned(conn.query_row(sql, [], |row| row.get(0))?))).await
    }

    async fn mark(&self) -> Result<Option<Mark>, StoreError> {
        self.run(mark).await
    }

    async fn begin(&self, mark: &Mark) -> Result<(), CopyError> {
        let mark = mark.clone();
        let begun = self.change(move |conn| {
            if let Some(table) = filled(conn)? {
                return Ok(Some(table));
            }
            conn.execute_batch(MARK)?;
            let sql = "INSERT INTO copy_in_progress (one, source, state, table_name, rows) VALUES (1, ?1, ?2, ?3, ?4)";
            conn.execute(sql, params![mark.source, mark.state, mark.place.table.name, signed(mark.place.rows)])?;
            Ok(None)
        });
        match begun.await.map_err(CopyError::of(&self.name))? {
            Some(table) => Err(CopyError::NotEmpty { store: self.name.clone(), table }),
            None => Ok(()),
        }
    }

    async fn put(&self, rows: Vec<Row>, from: Place, to: Place) -> Result<(), CopyError> {
        let put = self.change(move |conn| {
            let sql = "UPDATE copy_in_progress SET table_name = ?1, rows = ?2 WHERE table_name = ?3 AND rows = ?4";
            let places = params![to.table.name, signed(to.rows), from.table.name, signed(from.rows)];
            let is_ours = conn.prepare_cached(sql)?.execute(places)? == 1;
            if is_ours {
                insert(conn, to.table, &rows)?;
            }
            Ok(is_ours)
        });
        match put.await.map_err(CopyError::of(&self.name))? {
            true => Ok(()),
            false => Err(CopyError::Overtaken(self.name.clone())),
        }
    }

    async fn finish(&self) -> Result<(), CopyError> {
        let finished = self.run(|conn| {
            conn.pragma_update(None, "synchronous", "FULL")?;
            conn.execute_batch("DROP TABLE copy_in_progress")?;
            // For whoever looks at the file: all of it is in one place. The next gateway would do it otherwise.
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        });
        finished.await.map_err(CopyError::of(&self.name))
    }

    async fn clear(&self) -> Result<(), StoreError> {
        let clear = |conn: &Connection| {
            for table in TABLES.iter().rev().filter(|table| table.name != COUNTERS) {
                conn.execute(&format!("DELETE FROM {}", table.name), [])?;
            }
            conn.execute_batch(
                "INSERT INTO petition_fts (petition_fts) VALUES ('delete-all');
                 UPDATE counters SET value = 0 WHERE name = 'seq';
                 DROP TABLE copy_in_progress",
            )?;
            Ok(())
        };
        self.change(clear).await
    }
}

pub(super) fn name_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn held(conn: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    conn.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store that is not whole is not worked on.
pub(super) fn refuse_unfinished(conn: &Connection, store: &str) -> Result<(), OpenError> {
    match mark(conn).map_err(OpenError::engine)? {
        Some(Mark { source, .. }) => Err(OpenError::Unfinished { store: store.to_owned(), source_name: source }),
        None => Ok(()),
    }
}

/// The mark that an unfinished copy has left.
fn mark(conn: &Connection) -> Result<Option<Mark>, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'copy_in_progress')";
    if !conn.query_row(sql, [], |row| row.get(0))? {
        return Ok(None);
    }
    let sql = "SELECT source, state, table_name, rows FROM copy_in_progress";
    let (source, state, name, rows) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?)))?;
    let table = table(&name).ok_or(StoreError::Damaged("mark of a copy"))?;
    Ok(Some(Mark { source, state, place: Place { table, rows: unsigned(rows) } }))
}

/// A table that has something in it.
fn filled(conn: &Connection) -> Result<Option<&'static str>, StoreError> {
    for table in &TABLES {
        let sql = match table.name {
            COUNTERS => "SELECT EXISTS (SELECT 1 FROM counters WHERE value <> 0)".to_owned(),
            name => format!("SELECT EXISTS (SELECT 1 FROM {name})"),
        };
        if conn.query_row(&sql, [], |row| row.get(0))? {
            return Ok(Some(table.name));
        }
    }
    Ok(None)
}

/// Reads a table in order, and hands its pages on as long as `send` says that somebody wants them.
fn read(conn: &Connection, table: &'static Table, send: impl Fn(Vec<Row>) -> bool) -> Result<(), StoreError> {
    let mut statement = conn.prepare(&select(table))?;
    let mut rows = statement.query([])?;
    let mut gather = Gather::new(table);
    while let Some(row) = rows.next()? {
        if let Some(page) = gather.add(row_of(row, table)?)
            && !send(page)
        {
            return Ok(());
        }
    }
    send(gather.end());
    Ok(())
}

fn select(table: &Table) -> String {
    if table.name == COUNTERS {
        return "SELECT (SELECT value FROM counters WHERE name = 'seq'), (SELECT coalesce(max(id), 0) FROM messages),
                       (SELECT coalesce(max(n), 0) FROM deliveries)"
            .to_owned();
    }
    let order: Vec<&str> = table.key_in_order().map(|at| table.columns[at].name).collect();
    let order = if order.is_empty() { String::new() } else { format!("ORDER BY {}", order.join(", ")) };
    format!("SELECT {} FROM {} {order}", table.names(), table.name)
}

fn row_of(row: &SqlRow<'_>, table: &Table) -> Result<Row, StoreError> {
    let value = |(at, column)| value_of(row.get_ref(at)?, column).ok_or(StoreError::Damaged(table.record));
    table.columns.iter().enumerate().map(value).collect()
}

/// The value, if it is one that the column may hold.
pub(super) fn value_of(value: ValueRef<'_>, column: &Column) -> Option<Value> {
    Some(match (value, column.sort) {
        (ValueRef::Null, _) if column.may_be_absent => Value::Absent,
        (ValueRef::Integer(number), Sort::Integer) => Value::Integer(number),
        (ValueRef::Integer(number @ 0..=1), Sort::Boolean) => Value::Boolean(number == 1),
        (ValueRef::Blob(bytes), Sort::Uuid) => Value::Uuid(Uuid::from_slice(bytes).ok()?),
        (ValueRef::Blob(bytes), Sort::Bytes) => Value::Bytes(bytes.to_vec()),
        (ValueRef::Text(text), Sort::Text | Sort::Json) => Value::Text(std::str::from_utf8(text).ok()?.to_owned()),
        _ => return None,
    })
}

/// A value as it is bound to a statement.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Absent => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Boolean(it) => ValueRef::Integer(i64::from(*it)),
            Value::Uuid(id) => ValueRef::Blob(id.as_bytes()),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn insert(conn: &Connection, table: &Table, rows: &[Row]) -> Result<(), StoreError> {
    match table.name {
        COUNTERS => {
            let seq = rows.last().map_or(Value::Integer(0), |row| row[0].clone());
            conn.execute("UPDATE counters SET value = ?1 WHERE name = 'seq'", [Bound(&seq)])?;
        }
        REQUESTS => {
            let hashes = rows.iter().map(|row| match &row[..] {
                [Value::Uuid(id), Value::Text(principal), ..] => Value::Integer(hash_of(*id, principal)),
                _ => Value::Absent,
            });
            insert_rows(conn, table, rows, Some(("hash", &hashes.collect::<Vec<_>>())))?;
        }
        _ => insert_rows(conn, table, rows, None)?,
    }
    if table.name == DOSSIERS {
        let mut statement = conn.prepare_cached("INSERT INTO petition_fts (rowid, words) VALUES (?1, ?2)")?;
        for (pk, words) in rows.iter().filter_map(text_of) {
            statement.execute(params![pk, words])?;
        }
    }
    Ok(())
}

/// Inserts rows, with one more column that this engine has of its own.
fn insert_rows(
    conn: &Connection,
    table: &Table,
    rows: &[Row],
    more: Option<(&str, &[Value])>,
) -> Result<(), StoreError> {
    let (comma, name) = more.map_or(("", ""), |(name, _)| (", ", name));
    let places: Vec<String> =
        (1..=table.columns.len() + usize::from(more.is_some())).map(|at| format!("?{at}")).collect();
    let (names, places) = (table.names(), places.join(", "));
    let sql = format!("INSERT INTO {} ({names}{comma}{name}) VALUES ({places})", table.name);
    let mut statement = conn.prepare_cached(&sql)?;
    for (at, row) in rows.iter().enumerate() {
        let values = row.iter().chain(more.map(|(_, values)| &values[at]));
        statement.execute(rusqlite::params_from_iter(values.map(Bound)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns that are made anew, or mean nothing elsewhere.
    const OWN: [&str; 6] =
        ["requests.n", "requests.hash", "listings.channel", "listings.external_id", "listings.run", "listings.entry"];

    fn opened() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let conn = schema::open_writer(&folder.path().join("store.db")).unwrap();
        (folder, conn)
    }

    #[test]
    fn every_column_is_either_copied_or_this_engines_own() {
        let (_folder, conn) = opened();
        let sql = "SELECT t.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0
                   FROM sqlite_schema t JOIN pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'petition_fts%' AND t.name <> 'counters'";
        let mut statement = conn.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut found = 3; // The counters are rows here.
        while let Some(row) = rows.next().unwrap() {
            let [of, name, sort]: [String; 3] = [0, 1, 2].map(|at| row.get(at).unwrap());
            if OWN.contains(&format!("{of}.{name}").as_str()) {
                continue;
            }
            let known = table(&of).and_then(|table| table.columns.iter().find(|column| column.name == name));
            let known = known.unwrap_or_else(|| panic!("{of}.{name} is not copied"));
            let sorts = match known.sort {
                Sort::Integer | Sort::Boolean => "INTEGER",
                Sort::Text | Sort::Json => "TEXT",
                Sort::Uuid | Sort::Bytes => "BLOB",
            };
            assert_eq!((sort.as_str(), row.get(3).unwrap()), (sorts, known.may_be_absent), "{of}.{name}");
            found += 1;
        }
        assert_eq!(found, TABLES.iter().map(|table| table.columns.len()).sum::<usize>());
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_says_what_it_is_and_not_what_is_in_it() {
        let (folder, conn) = opened();
        let sql =
            "INSERT INTO events (seq, petition, version, at, actor, body) VALUES (1, x'00', 1, 0, 'Nguyễn', '{}')";
        conn.execute(sql, []).unwrap();
        drop(conn);
        let shelf = SqliteShelf::open_source(&folder.path().join("store.db")).unwrap();
        let mut walk = shelf.walk(table("events").unwrap()).await.unwrap();
        let Some(Err(error)) = futures::StreamExt::next(&mut walk).await else { panic!("it was read") };
        assert_eq!(error.to_string(), "a stored event cannot be read");
    }

    #[test]
    fn no_table_is_sorted_before_it_is_read_but_for_the_callers_keys() {
        let (_folder, conn) = opened();
        for table in &TABLES {
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", select(table))).unwrap();
            let steps = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
            let sorts = steps.map(Result::unwrap).any(|step| step.contains("TEMP B-TREE"));
            assert_eq!(sorts, table.name == REQUESTS, "{}", table.name);
        }
    }
}
