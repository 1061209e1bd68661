//! A server: its process and its settings.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    process::{Child, Stdio},
    sync::{Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use crate::{
    database::Database,
    home::{Home, Place},
    programs::Programs,
    sql::{self, Rows, RunError},
    template,
};

/// The port that a socket's name has when nothing else is asked for.
const SOCKET_PORT: u16 = 5432;

/// A server that recovers from a kill, on a machine that is busy with other tests, is ready long before.
const START_SECONDS_MAX: u64 = 60;

/// Between two looks at something that takes milliseconds.
const PAUSE: Duration = Duration::from_millis(5);

/// Only the socket's folder decides who may connect.
const ON_THE_SOCKET: &str = "local all all trust\nlocal replication all trust\n";

/// Everything that a server which forgets does not need: the disk, the log for replicas, the cleaning in the
/// background (which would also make plans depend on the time of day).
const FORGETFUL: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    // It may lie in memory.
    ("max_wal_size", "128MB"),
    ("autovacuum", "off"),
];

/// Small in memory, wide in connections: many tests at once, each with the pools of several gateways.
/// The time zone is Việt Nam's, written without a name: what works only in UTC shows.
const EVERYWHERE: &[(&str, &str)] =
    &[("listen_addresses", ""), ("shared_buffers", "64MB"), ("max_connections", "300"), ("timezone", "<+07>-07")];

/// A PostgreSQL server, which goes away with this value or with the process.
#[derive(Debug)]
pub struct Server {
    programs: &'static Programs,
    process: Mutex<Option<Child>>,
    settings: Vec<(String, String)>,
    port: u16,
    home: Home,
}

impl Server {
    /// The one server of this process for tests that want a database and nothing else.
    ///
    /// # Panics
    /// There is no PostgreSQL on this machine, or it does not start.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            let programs = Programs::find();
            let home = Home::new(programs, Place::Memory);
            template::unfold(programs, &home.data());
            fs::write(home.data().join("pg_hba.conf"), ON_THE_SOCKET).expect("the data folder can be written");
            let settings = EVERYWHERE.iter().chain(FORGETFUL).map(|(key, value)| ((*key).into(), (*value).into()));
            let server =
                Server { programs, process: Mutex::new(None), settings: settings.collect(), port: SOCKET_PORT, home };
            server.spawn();
            server
        })
    }

    /// A fresh, empty database, for one test.
    ///
    /// # Panics
    /// The server is away.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::new(self.home.folder(), self.port)
    }

    /// Runs SQL in a database of this name.
    ///
    /// # Errors
    /// The server refuses it or is away.
    pub fn try_run(&self, database: &str, sql: &str) -> Result<Rows, RunError> {
        sql::run(self.home.folder(), self.port, database, sql)
    }

    /// Starts the process and waits until it answers.
    fn spawn(&self) {
        let log = File::options().create(true).append(true).open(self.home.log()).expect("the folder can be written");
        let mut command = self.programs.command(self.programs.path("postgres"));
        command.arg("-D").arg(self.home.data()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.arg("-c").arg(format!("unix_socket_directories={}", self.home.folder().display()));
        command.args(["-c", &format!("port={}", self.port)]);
        for (key, value) in &self.settings {
            command.args(["-c", &format!("{key}={value}")]);
        }
        let mut child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while self.try_run("postgres", "SELECT 1").is_err() {
            let ended = child.try_wait().ok().flatten();
            assert!(ended.is_none() && Instant::now() < deadline, "PostgreSQL did not start: {}", self.said());
            thread::sleep(PAUSE);
        }
        *self.process.lock().expect("nobody panics with the process in hand") = Some(child);
    }

    fn said(&self) -> String {
        fs::read_to_string(self.home.log()).unwrap_or_default()
    }
}
