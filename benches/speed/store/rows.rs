//! The rows of a store as they are, to insert them once more.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};

/// Petitions of one transaction of the reference: a full batch of the gateway's own.
const BATCH: usize = 512;

/// The tables that a new petition has rows in, and what picks the rows of the last petitions: `{from}` is a number of rows
/// to be left out.
const TABLES: &[(&str, &str)] = &[
    ("petitions", "SELECT * FROM petitions ORDER BY pk LIMIT -1 OFFSET {from}"),
    ("dossiers", "SELECT * FROM dossiers ORDER BY petition LIMIT -1 OFFSET {from}"),
    ("events", "SELECT * FROM events ORDER BY seq LIMIT -1 OFFSET {from}"),
    ("requests", "SELECT * FROM requests ORDER BY n LIMIT -1 OFFSET {from}"),
];

/// What stands in the full-text index, petition by petition: its words, as the gateway gave them to the index.
const WORDS: &str = "SELECT doc, group_concat(term, ' ') FROM (SELECT doc, term FROM temp.words ORDER BY doc, term)
                     WHERE doc >= ?1 GROUP BY doc ORDER BY doc";

/// Rows of petitions: for each table its rows, in the order of the petitions.
pub(crate) struct Rows {
    tables: Vec<(&'static str, Vec<Vec<Value>>)>,
}

impl Rows {
    /// The rows of the last `count` petitions, each of which has one row in every table.
    pub(crate) fn last(database: &Path, count: u64) -> Rows {
        let conn = read(database);
        let all: i64 = conn.query_row("SELECT count(*) FROM petitions", [], |row| row.get(0)).unwrap();
        let count = i64::try_from(count).unwrap();
        let mut tables = Vec::new();
        for (table, sql) in TABLES {
            let rows = rows_of(&conn, &sql.replace("{from}", &(all - count).to_string()), []);
            assert_eq!(rows.len() as i64, count, "each petition has one row in {table}");
            tables.push((*table, rows));
        }
        let first = tables[0].1[0][0].clone();
        conn.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, petition_fts, instance)", []).unwrap();
        tables.push(("petition_fts (rowid, words)", rows_of(&conn, WORDS, [first])));
        Rows { tables }
    }

    /// Inserts them into a new database with the same tables and indexes, durable, 512 petitions a transaction.
    pub(crate) fn insert(&self, like: &Path, into: &Path) -> Duration {
        let conn = Connection::open(into).unwrap();
        for pragma in ["journal_mode = WAL", "synchronous = FULL", "cache_size = -16384", "wal_autocheckpoint = 4096"] {
            conn.execute_batch(&format!("PRAGMA {pragma}")).unwrap();
        }
        for sql in schema(like) {
            conn.execute_batch(&sql).unwrap();
        }
        let statements: Vec<String> = self.tables.iter().map(|(table, rows)| insertion(table, rows[0].len())).collect();
        let count = self.tables[0].1.len();
        let begun = Instant::now();
        for batch in (0..count).collect::<Vec<_>>().chunks(BATCH) {
            conn.execute_batch("BEGIN IMMEDIATE").unwrap();
            for &at in batch {
                for ((_, rows), sql) in self.tables.iter().zip(&statements) {
                    conn.prepare_cached(sql).unwrap().execute(params_from_iter(&rows[at])).unwrap();
                }
            }
            conn.execute_batch("COMMIT").unwrap();
        }
        begun.elapsed()
    }
}

fn insertion(table: &str, columns: usize) -> String {
    format!("INSERT INTO {table} VALUES ({})", vec!["?"; columns].join(", "))
}

/// The statements that made the tables and indexes of a database.
fn schema(database: &Path) -> Vec<String> {
    let conn = read(database);
    // An FTS table brings the tables below it by itself.
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'petition_fts_%'";
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn read(database: &Path) -> Connection {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn rows_of(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Vec<Vec<Value>> {
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map(params, |row| (0..columns).map(|at| row.get(at)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}
