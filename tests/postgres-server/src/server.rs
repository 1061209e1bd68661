//! A server: made, started, asked.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    process::Stdio,
    sync::{Mutex, MutexGuard, OnceLock},
    thread,
    time::{Duration, Instant},
};

use crate::{
    USER,
    database::{Database, socket_url},
    home::{Home, Place},
    options::{self, DURABLE, FORGETFUL, Options},
    process::{PAUSE, Process},
    programs::Programs,
    sql::{self, Rows, RunError},
    template,
};

/// The port that a socket's name has when the server listens on no port.
pub(crate) const SOCKET_PORT: u16 = 5432;

/// A server that recovers from a kill, on a machine that is busy with other tests, is ready long before.
const START_SECONDS_MAX: u64 = 60;

/// A port that was free a moment ago is taken by somebody else about never; five times in a row is something else.
const PORTS_TRIED_MAX: usize = 5;

/// A PostgreSQL server, which goes away with this value or with the process.
#[derive(Debug)]
pub struct Server {
    pub(crate) programs: &'static Programs,
    pub(crate) options: Options,
    pub(crate) home: Home,
    pub(crate) port: u16,
    pub(crate) password: String,
    settings: Vec<(String, String)>,
    process: Mutex<Option<Process>>,
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
            Server::run_in(home, FORGETFUL, Options::default())
        })
    }

    /// A server of its own for one test, which keeps what it acknowledged: for tests that stop or kill it.
    ///
    /// # Panics
    /// There is no PostgreSQL on this machine, or it does not start.
    #[must_use]
    pub fn start(options: Options) -> Server {
        let programs = Programs::find();
        let home = Home::new(programs, options.place());
        template::unfold(programs, &home.data());
        let mut server = Server::run_in(home, DURABLE, options);
        server.password = options::password();
        let sql = format!("ALTER ROLE {USER} PASSWORD '{}'", server.password);
        server.try_run("postgres", &sql).unwrap_or_else(|error| panic!("no password could be set: {error}"));
        server
    }

    /// Starts a server in a home that has its data, without a password yet.
    pub(crate) fn run_in(home: Home, base: &[(&str, &str)], options: Options) -> Server {
        let programs = Programs::find();
        options::write(&options, programs, &home);
        let settings = options::settings(base, &options, &home);
        let (port, password, process) = (SOCKET_PORT, String::new(), Mutex::new(None));
        let mut server = Server { programs, options, home, port, password, settings, process };
        if !server.options.listens() {
            server.spawn().unwrap_or_else(|said| panic!("PostgreSQL did not start: {said}"));
            return server;
        }
        let mut said = String::new();
        for _ in 0..PORTS_TRIED_MAX {
            server.port = free_port();
            match server.spawn() {
                Ok(()) => return server,
                Err(it) => said = it,
            }
        }
        panic!("PostgreSQL did not start: {said}")
    }

    /// A fresh, empty database, for one test.
    ///
    /// # Panics
    /// The server is away.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::new(self.home.folder(), self.port)
    }

    /// The address of a database on the socket, where nobody asks for a password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        socket_url(self.home.folder(), self.port, database)
    }

    /// The address of a database on the port, with the password and without a word on TLS.
    ///
    /// # Panics
    /// The server listens on no port.
    #[must_use]
    pub fn tcp_url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@{}/{database}", self.password, self.address())
    }

    /// Where it listens.
    ///
    /// # Panics
    /// The server listens on no port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        assert!(self.options.listens(), "ask for `tcp` or `tls` in the options");
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The password of [`USER`] on the port; a replica has its primary's.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Runs SQL in a database of this name.
    ///
    /// # Errors
    /// The server refuses it or is away.
    pub fn try_run(&self, database: &str, sql: &str) -> Result<Rows, RunError> {
        sql::run(self.home.folder(), self.port, database, sql)
    }

    /// Starts the process and waits until it answers; what it said when it does not.
    pub(crate) fn spawn(&self) -> Result<(), String> {
        let mut held = self.process();
        assert!(held.is_none(), "the server runs already");
        let log = File::create(self.home.log()).expect("the server's folder can be written");
        let mut command = self.programs.command(self.programs.path("postgres"));
        command.arg("-D").arg(self.home.data()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.arg("-c").arg(format!("unix_socket_directories={}", self.home.folder().display()));
        command.args(["-c", &format!("port={}", self.port)]);
        for (key, value) in &self.settings {
            command.args(["-c", &format!("{key}={value}")]);
        }
        // A group of its own: an interrupt at the terminal ends the test process, and by that the server.
        let child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut process = Process::new(child);
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while self.try_run("postgres", "SELECT 1").is_err() {
            if process.ended().is_some() || Instant::now() > deadline {
                process.reap();
                return Err(fs::read_to_string(self.home.log()).unwrap_or_default());
            }
            thread::sleep(PAUSE);
        }
        *held = Some(process);
        Ok(())
    }

    /// The process; `None` while it does not run.
    pub(crate) fn process(&self) -> MutexGuard<'_, Option<Process>> {
        // A test that panicked with it in hand leaves it as it was.
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self.process().take();
        if let Some(process) = &process {
            // A server that is paused would not hear that it should stop.
            process.wake();
        }
        self.home.close();
        if let Some(mut process) = process {
            process.reap();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
    listener.expect("a machine has a free port").port()
}
