//! The database's schema: is it ours, of which version, and how it is brought forward.
//!
//! Steps go forward only, each in one transaction, and each leaves a row in [`TABLE`]: its number, and the oldest version
//! that a gateway may know and still work on what it left (the step's first line says so: `-- oldest: N`; one that only
//! adds lets old gateways go on). So several gateways are upgraded one after the other, while the others serve.
//! Row 0 of the table is locked by whoever brings the schema forward: two at once go one after the other.

use std::time::Duration;

use tokio_postgres::{Error, error::SqlState};

use super::{
    connect::{Client, Database},
    rows::without_detail,
};
use crate::store::open::{Migrated, OpenError, Schema};

/// The steps, in order. Forward only: never edit one that was released, add the next.
pub(super) const STEPS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_doubt.sql"),
    include_str!("migrations/0003_reconciliation.sql"),
];

/// How long a step waits for a lock. A running gateway's statements wait behind it meanwhile, so it is short; a batch takes
/// milliseconds.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
/// How often a step is tried, so that a long read or another's step can end in between.
const TRIES: u32 = 30;
/// Between two tries: what waited behind the step goes on.
const PAUSE: Duration = Duration::from_millis(500);

/// What a new database is made ready with. The clock is the database's.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS petition_gateway_schema (
        version bigint PRIMARY KEY,
        oldest  bigint NOT NULL,
        at      timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    INSERT INTO petition_gateway_schema (version, oldest) VALUES (0, 0) ON CONFLICT DO NOTHING";

/// Makes the schema of an empty database, and sees that this gateway may work on what is there.
///
/// # Errors
/// It may not, or the database is away.
pub(super) async fn open(database: &Database) -> Result<(), OpenError> {
    open_by(STEPS, database).await
}

/// Brings the schema forward, step by step.
///
/// # Errors
/// It is none of ours, or the database refuses a step; the steps before it stay done.
pub(super) async fn migrate(database: &Database) -> Result<Migrated, OpenError> {
    migrate_by(STEPS, database).await
}

/// Where the schema stands.
///
/// # Errors
/// It is none of ours, or the database is away.
pub(super) async fn check(database: &Database) -> Result<Schema, OpenError> {
    check_by(STEPS, database).await
}

pub(super) async fn open_by(steps: &[&str], database: &Database) -> Result<(), OpenError> {
    let mut schema = check_by(steps, database).await?;
    if schema.found == 0 {
        schema = migrate_by(steps, database).await?.schema;
    }
    if schema.is_behind() {
        return Err(OpenError::Older { store: schema.store, found: schema.found, known: schema.known });
    }
    may_work_on(&schema)
}

pub(super) async fn migrate_by(steps: &[&str], database: &Database) -> Result<Migrated, OpenError> {
    let before = check_by(steps, database).await?;
    may_work_on(&before)?;
    let mut tries = 1;
    loop {
        let mut client = writer(database).await?;
        match step_next(steps, &mut client).await {
            Ok(is_done) => {
                client.release();
                tries = 1;
                if is_done {
                    break;
                }
            }
            Err(error) if tries < TRIES && may_go_another_time(&error) => {
                tracing::debug!(store.tries = tries, "the schema is held by another; it is tried again");
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(refused(database, &error)),
        }
    }
    Ok(Migrated { before: before.found, schema: check_by(steps, database).await? })
}

pub(super) async fn check_by(steps: &[&str], database: &Database) -> Result<Schema, OpenError> {
    let client = writer(database).await?;
    let schema = look(steps, &client, database).await?;
    client.release();
    Ok(schema)
}

/// In this order, because another gateway may be making it all right now: who sees its tables sees its version after.
async fn look(steps: &[&str], client: &Client, database: &Database) -> Result<Schema, OpenError> {
    let refused = |error| refused(database, &error);
    let tables: Vec<&str> = steps.iter().flat_map(|step| tables_of(step)).collect();
    let sql = "SELECT count(*) > 0 AS any, current_setting('server_encoding') AS encoding \
               FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL";
    let row = client.query_one(sql, &[&tables]).await.map_err(refused)?;
    let (has_tables, encoding): (bool, &str) = (row.get("any"), row.get("encoding"));
    if encoding != "UTF8" {
        let why = "its encoding is not UTF8; make the database with ENCODING 'UTF8' TEMPLATE template0";
        return Err(OpenError::Unfit { store: database.name().to_owned(), why });
    }
    let (found, oldest) = version(client).await.map_err(refused)?;
    if found == 0 && has_tables {
        return Err(OpenError::Foreign(database.name().to_owned()));
    }
    Ok(Schema { store: database.name().to_owned(), found, known: known(steps), oldest })
}

/// The schema's version and the oldest that may work on it; 0 where nothing is there.
async fn version(client: &Client) -> Result<(i64, i64), Error> {
    let row = client.query_one("SELECT to_regclass('petition_gateway_schema') IS NOT NULL", &[]).await?;
    if !row.get::<_, bool>(0) {
        return Ok((0, 0));
    }
    let sql = "SELECT coalesce(max(version), 0), coalesce(max(oldest), 0) FROM petition_gateway_schema";
    let row = client.query_one(sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Does the next step, if there is one; whether all are done.
async fn step_next(steps: &[&str], client: &mut Client) -> Result<bool, Error> {
    let is_new = version(client).await?.0 == 0;
    let tx = client.transaction().await?;
    let lock_ms = LOCK_LIMIT.as_millis();
    // A step over millions of rows takes its time, and who waits for it waits on a lock.
    tx.batch_execute(&format!("SET LOCAL lock_timeout = {lock_ms}; SET LOCAL statement_timeout = 0")).await?;
    if is_new {
        tx.batch_execute(TABLE).await?;
    }
    tx.query("SELECT version FROM petition_gateway_schema WHERE version = 0 FOR UPDATE", &[]).await?;
    let row = tx.query_one("SELECT max(version) FROM petition_gateway_schema", &[]).await?;
    let done: i64 = row.try_get(0)?;
    let next = usize::try_from(done).ok().and_then(|done| steps.get(done));
    if let Some(step) = next {
        tx.batch_execute(step).await?;
        let sql = "INSERT INTO petition_gateway_schema (version, oldest) VALUES ($1, $2)";
        tx.execute(sql, &[&(done + 1), &oldest_of(step)]).await?;
    }
    tx.commit().await?;
    Ok(next.is_none())
}

fn may_work_on(schema: &Schema) -> Result<(), OpenError> {
    let Schema { store, found, known, .. } = schema.clone();
    if schema.is_too_new() {
        return Err(OpenError::Newer { store, found, known });
    }
    if found > known {
        tracing::info!(store.schema = found, "the schema is newer than this gateway, which may work on it");
    }
    Ok(())
}

fn known(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).expect("there are few steps")
}

/// The number in a step's first line, `-- oldest: N`.
pub(super) fn oldest_of(step: &str) -> i64 {
    let line = step.lines().next().and_then(|line| line.strip_prefix("-- oldest: "));
    line.and_then(|number| number.trim().parse().ok()).expect("a test reads the first line of each step")
}

/// The tables that a step makes.
fn tables_of(step: &str) -> impl Iterator<Item = &str> {
    step.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")).filter_map(|rest| rest.split_whitespace().next())
}

/// Whether the same may succeed later: somebody holds a lock, or is making the same at this moment.
fn may_go_another_time(error: &Error) -> bool {
    const CODES: [SqlState; 5] = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
    ];
    error.code().is_some_and(|code| CODES.contains(code))
}

async fn writer(database: &Database) -> Result<Client, OpenError> {
    database.writer().await.map_err(OpenError::engine)
}

fn refused(database: &Database, error: &Error) -> OpenError {
    let store = database.name().to_owned();
    match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => OpenError::Busy(store),
        // Its tables have our names and other columns.
        Some(code) if *code == SqlState::DUPLICATE_TABLE || *code == SqlState::UNDEFINED_COLUMN => {
            OpenError::Foreign(store)
        }
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE || *code == SqlState::INVALID_SCHEMA_NAME => {
            let why = "its user may make no tables: let the user own the database, or GRANT CREATE ON SCHEMA";
            OpenError::Unfit { store, why }
        }
        _ => OpenError::engine(without_detail(error)),
    }
}
