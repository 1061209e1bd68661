//! SQL for tests: a connection for each call, rows as text.
//!
//! tokio-postgres on a thread of its own: a child process `psql` would cost as much as the statement itself, need a
//! package more, and tell an empty text from NULL only by quoting. The thread lets async tests call it as well.

use std::{path::Path, thread, time::Duration};

use tokio_postgres::{Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::USER;

/// Rows of columns, as PostgreSQL writes values as text; `NULL` for what is null.
pub type Rows = Vec<Vec<String>>;

/// A test that waits longer for one call hangs: on a server that is paused, or on a lock.
const ANSWER_SECONDS_MAX: u64 = 60;

/// Why SQL did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server refused the connection or the statement, or went away.
    #[error("{}", said(.0))]
    Refused(#[from] tokio_postgres::Error),
    /// The server did not answer.
    #[error("no answer within {ANSWER_SECONDS_MAX} seconds")]
    Silent,
}

/// Runs statements, with `;` between them in one transaction, and gives the rows of all.
pub(crate) fn run(socket_folder: &Path, port: u16, database: &str, sql: &str) -> Result<Rows, RunError> {
    let mut config = Config::new();
    config.host_path(socket_folder).port(port).user(USER).dbname(database);
    thread::scope(|scope| scope.spawn(|| run_here(&config, sql)).join()).expect("a call panics only with its caller")
}

fn run_here(config: &Config, sql: &str) -> Result<Rows, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a process may poll");
    let limit = Duration::from_secs(ANSWER_SECONDS_MAX);
    runtime.block_on(async { tokio::time::timeout(limit, answer(config, sql)).await.map_err(|_| RunError::Silent)? })
}

async fn answer(config: &Config, sql: &str) -> Result<Rows, RunError> {
    let (client, connection) = config.connect(NoTls).await?;
    let asked = async {
        let said = client.simple_query(sql).await;
        drop(client);
        said
    };
    let (said, ended) = tokio::join!(asked, connection);
    let said = said?;
    // The statements were answered; how the connection ended after them tells nothing.
    ended.ok();
    Ok(said.iter().filter_map(row).collect())
}

fn row(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let text = |row: &SimpleQueryRow, column| row.get(column).unwrap_or("NULL").to_owned();
    Some((0..row.len()).map(|column| text(row, column)).collect())
}

/// What the server said, which the client's own text leaves out.
fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |said| format!("{} ({})", said.message(), said.code().code()))
}
