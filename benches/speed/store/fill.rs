//! A store of many petitions, made without the gateway, which would take an hour for ten million: one petition that the
//! gateway recorded is the pattern of all.
//!
//! They are short (a body of some sentences), so that ten million fit a disk; their rows and index entries are all there.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use petition_gateway::pb::petition_service_client::PetitionServiceClient;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::petitions;

/// Petitions of one transaction.
const BATCH: u64 = 20_000;
/// How far apart they arrived, in milliseconds.
const APART_MS: u64 = 5;
/// When the first one arrived: 2019-01-01.
const BEGAN_MS: u64 = 1_546_300_800_000;
/// Petitions with the same word in their text: what a search finds.
const WITH_A_WORD: u64 = 40;
/// The external id of the pattern.
const PATTERN: &str = "PATTERN";

/// The id of the petition of this number.
pub(crate) fn id_of(number: u64) -> Uuid {
    let milliseconds = BEGAN_MS + number * APART_MS;
    Uuid::from_u64_pair(milliseconds << 16 | 0x7000, 0x8000_0000_0000_0000 | number)
}

/// The word that the petition of this number shares with some others.
pub(crate) fn word_of(number: u64) -> String {
    format!("vu{}", number / WITH_A_WORD)
}

/// Submits the pattern.
pub(crate) async fn plant(address: &str) {
    let mut client = PetitionServiceClient::connect(address.to_owned()).await.unwrap();
    let mut submission = petitions::submission(PATTERN.to_owned());
    let draft = submission.petition.as_mut().unwrap();
    draft.body = "Đề nghị trả lời về trợ cấp thất nghiệp cho người lao động tại địa phương. ".repeat(2);
    client.submit_petition(submission).await.unwrap();
}

/// The rows of the pattern.
struct Pattern {
    id: String,
    doc: String,
    event: String,
    words: String,
}

/// Fills the database of a gateway that has stopped. Nothing of it is durable before its end.
pub(crate) fn fill(database: &Path, count: u64) -> Duration {
    let begun = Instant::now();
    let conn = Connection::open(database).unwrap();
    for pragma in ["synchronous = OFF", "cache_size = -1000000", "wal_autocheckpoint = 100000", "foreign_keys = OFF"] {
        conn.execute_batch(&format!("PRAGMA {pragma}")).unwrap();
    }
    let pattern = pattern(&conn);
    for from in (0..count).step_by(usize::try_from(BATCH).unwrap()) {
        conn.execute_batch("BEGIN").unwrap();
        for number in from..(from + BATCH).min(count) {
            insert(&conn, &pattern, number);
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    let count = i64::try_from(count).unwrap();
    conn.execute("UPDATE counters SET value = value + ?1 WHERE name = 'seq'", [count]).unwrap();
    conn.execute("UPDATE channels SET petitions = petitions + ?1", [count]).unwrap();
    let sync = "PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)";
    conn.execute_batch(sync).unwrap();
    begun.elapsed()
}

fn pattern(conn: &Connection) -> Pattern {
    let text = |sql: &str| -> String { conn.query_row(sql, [], |row: &Row<'_>| row.get(0)).unwrap() };
    conn.execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, petition_fts, row)").unwrap();
    let id: Vec<u8> = conn.query_row("SELECT id FROM petitions", [], |row| row.get(0)).unwrap();
    Pattern {
        id: Uuid::from_slice(&id).unwrap().to_string(),
        doc: text("SELECT doc FROM dossiers"),
        event: text("SELECT body FROM events"),
        words: text("SELECT group_concat(term, ' ') FROM temp.words"),
    }
}

fn insert(conn: &Connection, pattern: &Pattern, number: u64) {
    let (id, external_id, seq) = (id_of(number), format!("KHO-{number:09}"), i64::try_from(number + 2).unwrap());
    let milliseconds = i64::try_from(BEGAN_MS + number * APART_MS).unwrap();
    let pk = milliseconds << 20 | seq & ((1 << 20) - 1);
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| conn.prepare_cached(sql).unwrap().execute(values).unwrap();
    let bytes = id.as_bytes().as_slice();
    run(
        "INSERT INTO petitions SELECT ?1, ?2, version, ?3, channel, ?4, status, kind, field_code, locality,
             forwarding_agency, receiving_agency, unit, forwarded_to, ?5, due_on
         FROM petitions WHERE external_id = 'PATTERN' AND channel = 'direct'",
        params![pk, bytes, seq, external_id, milliseconds * 1000],
    );
    let doc = pattern.doc.replace(&pattern.id, &id.to_string()).replace(PATTERN, &external_id);
    run("INSERT INTO dossiers VALUES (?1, ?2)", params![pk, doc]);
    let event = pattern.event.replace(PATTERN, &external_id);
    run(
        "INSERT INTO events VALUES (?1, ?2, 1, ?3, 'loopback', ?4)",
        params![seq, bytes, milliseconds * 1_000_000, event],
    );
    let random = Uuid::from_u128(rand::random());
    let hash = i64::from(u32::from_le_bytes(random.as_bytes()[..4].try_into().unwrap()));
    run(
        "INSERT INTO requests (hash, principal, id, fingerprint, petition, version, seq)
         VALUES (?1, 'loopback', ?2, zeroblob(32), ?3, 1, ?4)",
        params![hash, random.as_bytes().as_slice(), bytes, seq],
    );
    let words = format!("{} {}", pattern.words, word_of(number));
    run("INSERT INTO petition_fts (rowid, words) VALUES (?1, ?2)", params![pk, words]);
}
