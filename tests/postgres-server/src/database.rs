//! A database of one test.

use std::{
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use crate::{
    USER,
    sql::{self, Rows, RunError},
};

/// A fresh database, which was empty when it was made and is dropped, in the background, with this value.
///
/// Keep the value for as long as something is connected: dropping it cuts all connections.
#[derive(Debug)]
pub struct Database {
    socket_folder: PathBuf,
    port: u16,
    name: String,
}

impl Database {
    /// A copy of `template0`, to which nobody can be connected and which is therefore always free to be copied.
    pub(crate) fn new(socket_folder: &Path, port: u16) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Copied as files: a third of the time that a copy through the log takes, where files are not synced.
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy");
        if let Err(error) = sql::run(socket_folder, port, "postgres", &sql) {
            panic!("{sql}: {error}");
        }
        Database { socket_folder: socket_folder.to_owned(), port, name }
    }

    /// The name within its server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `postgres://gateway@%2Ftmp%2F…/name`: on the socket, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        socket_url(&self.socket_folder, self.port, &self.name)
    }

    /// Runs statements, with `;` between them in one transaction, and gives the rows of all.
    ///
    /// # Panics
    /// The server refuses them or is away.
    pub fn run(&self, sql: &str) -> Rows {
        self.try_run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Like [`Database::run`], where a refusal is what the test is about.
    ///
    /// # Errors
    /// The server refuses them or is away.
    pub fn try_run(&self, sql: &str) -> Result<Rows, RunError> {
        sql::run(&self.socket_folder, self.port, &self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (socket_folder, port) = (self.socket_folder.clone(), self.port);
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // Nobody waits for it: it saves disk while the tests go on, and the server goes away with all databases.
        thread::spawn(move || sql::run(&socket_folder, port, "postgres", &sql).ok());
    }
}

/// An address that drivers understand: the folder of the socket stands in the place of the host, percent-encoded.
pub(crate) fn socket_url(socket_folder: &Path, port: u16, database: &str) -> String {
    let mut host = String::new();
    for byte in socket_folder.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => host.push(char::from(*byte)),
            other => host.push_str(&format!("%{other:02X}")),
        }
    }
    let port = if port == 5432 { String::new() } else { format!(":{port}") };
    format!("postgres://{USER}@{host}{port}/{database}")
}
