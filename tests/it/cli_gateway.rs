//! A gateway in a process of its own and the operator's commands against it, both by the real binary: what the tests of
//! the command line stand on.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Instant,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::TestStore;

/// Names another binary to be tested than the one that was built beside the tests, for example a release.
const BINARY: &str = "PETITION_GATEWAY_TEST_BINARY";

/// The binary under test, without the settings of whoever runs the tests.
pub(crate) fn binary() -> Command {
    let built = env!("CARGO_BIN_EXE_petition-gateway");
    let mut command = Command::new(std::env::var_os(BINARY).unwrap_or_else(|| built.into()));
    for name in ["ADDRESS", "CA", "CERTIFICATE", "KEY", "SERVER_NAME", "LANG", "CONFIG", "STORE_URL"] {
        command.env_remove(format!("PETITION_GATEWAY_{name}"));
    }
    command.stdin(Stdio::null());
    command
}

/// A command against the gateway at a plain address, not yet run; arguments are parted by spaces.
pub(crate) fn command_at(grpc: &str, line: &str) -> Command {
    let mut command = binary();
    command.env("PETITION_GATEWAY_ADDRESS", format!("http://{grpc}")).args(line.split_whitespace());
    command
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The records of `--json`, one for each line.
    pub(crate) fn records(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{self:?}");
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one record of `--json`.
    pub(crate) fn record(&self) -> Value {
        let records = self.records();
        assert_eq!(records.len(), 1, "{self:?}");
        records[0].clone()
    }

    /// The error of `--json`.
    pub(crate) fn error(&self) -> Value {
        let error: Value = serde_json::from_str(&self.err).unwrap_or_else(|_| panic!("{self:?}"));
        assert_eq!(error["error"]["exit_code"], self.code);
        error["error"].clone()
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What outlives a gateway: its folder and its store.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    store: TestStore,
}

/// A gateway that ended before it served.
#[derive(Debug)]
pub(crate) struct Unborn {
    pub(crate) home: Home,
    pub(crate) status: ExitStatus,
    pub(crate) said: Vec<String>,
}

/// A gateway that serves, its folder and its store.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    pub(crate) folder: TempDir,
    store: TestStore,
    pub(crate) grpc: String,
    pub(crate) http: String,
    log: Log,
}

/// The records of the log, each with when it came.
type Log = Arc<Mutex<Vec<(Instant, Value)>>>;

/// Of a gateway in a test that failed, so many of the last warnings are shown.
const WARNINGS_SHOWN_MAX: usize = 30;

/// Everybody on this machine may do what ministry systems and operators may.
pub(crate) const ALL_ROLES: &str = "[security.loopback]\nroles = [\"ministry_system\", \"operator\"]\n";

impl Gateway {
    /// A gateway on an empty folder, with `more` in its configuration.
    pub(crate) fn start(more: &str) -> Gateway {
        Gateway::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// A gateway in a home: a new one is a folder with what the configuration names, and an empty store.
    pub(crate) fn start_in(home: impl Into<Home>, more: &str) -> Gateway {
        Gateway::try_start(home, more, |command| command)
            .unwrap_or_else(|Unborn { status, said, .. }| panic!("the gateway did not start ({status}): {said:?}"))
    }

    /// The same of a gateway that may end before it serves; `how` is told how its process is started.
    pub(crate) fn try_start(
        home: impl Into<Home>,
        more: &str,
        how: impl FnOnce(Command) -> Command,
    ) -> Result<Gateway, Unborn> {
        let Home { folder, store } = home.into();
        let config = folder.path().join("gateway.toml");
        let base = "[gateway]\ndata_folder = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n";
        let grpc = "[grpc]\nlisten = \"127.0.0.1:0\"\n";
        fs::write(&config, format!("{base}{}{grpc}{more}", store.config())).unwrap();
        let mut command = binary();
        command.arg("serve").arg("--config").arg(&config).stderr(Stdio::piped());
        let mut child = how(command).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Log::default();
        let keep = |record: Value| kept.lock().unwrap().push((Instant::now(), record));
        let mut said = Vec::new();
        let line = loop {
            let Some(line) = log.next() else {
                let status = child.wait().unwrap();
                said.extend(kept.lock().unwrap().iter().map(|(_, record)| record.to_string()));
                return Err(Unborn { home: Home { folder, store }, status, said });
            };
            let line = line.unwrap();
            match serde_json::from_str::<Value>(&line) {
                Ok(record) if record["fields"]["grpc"].is_string() => break record,
                Ok(record) => keep(record),
                Err(_) => said.push(line),
            }
        };
        // The log must be read on, or the gateway would stand still when the pipe is full.
        let written = Arc::clone(&kept);
        std::thread::spawn(move || {
            for record in log.filter_map(|line| serde_json::from_str(&line.ok()?).ok()) {
                written.lock().unwrap().push((Instant::now(), record));
            }
        });
        let place = |listener: &str| line["fields"][listener].as_str().unwrap().to_owned();
        Ok(Gateway { child, folder, store, grpc: place("grpc"), http: place("http"), log: kept })
    }

    /// A command against this gateway, not yet run.
    pub(crate) fn command(&self, line: &str) -> Command {
        command_at(&self.grpc, line)
    }

    /// A command against this gateway, for people; arguments are parted by spaces.
    pub(crate) fn say(&self, line: &str) -> Ran {
        run(self.command(line))
    }

    /// A command against this gateway, for programs, with one more argument that may hold spaces each.
    pub(crate) fn json(&self, line: &str, more: &[&str]) -> Ran {
        let mut command = self.command(&format!("--json {line}"));
        command.args(more);
        run(command)
    }

    /// How it ended, if it has.
    #[cfg(feature = "failpoints")]
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A file in the gateway's folder.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::File::create(&path).unwrap().write_all(content).unwrap();
        path
    }

    /// Kills the gateway without a word, and gives its home to whoever comes next.
    pub(crate) fn kill(mut self) -> Home {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Home { folder, store: std::mem::take(&mut self.store) }
    }

    /// Asks the gateway to stop, as the system does, and waits for its end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// When the gateway logged a message of this beginning, with this field.
    pub(crate) fn logged(&self, beginning: &str, (field, value): (&str, &str)) -> Vec<Instant> {
        let log = self.log.lock().unwrap();
        let is_it = |record: &Value| {
            let fields = &record["fields"];
            fields["message"].as_str().is_some_and(|it| it.starts_with(beginning)) && fields[field] == value
        };
        log.iter().filter(|(_, record)| is_it(record)).map(|(at, _)| *at).collect()
    }

    /// Sends the gateway a signal.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: a bare Debian has no other.
        let command = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    }
}

impl Home {
    /// A folder with what the configuration names, and a store that others may share.
    pub(crate) fn at(folder: TempDir, store: TestStore) -> Home {
        Home { folder, store }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What the operator's audit finds in the store that a gateway left, each finding as it is told; nothing if all is well.
    pub(crate) fn audit(&self, more: &[&str]) -> Result<(), Vec<String>> {
        let mut command = binary();
        command.args(["--json", "audit", "--config"]).arg(self.folder().join("gateway.toml")).args(more);
        let ran = run(command);
        let is_finding = |line: &&str| line.contains("\"weight\":\"finding\"");
        let found: Vec<String> = ran.out.lines().filter(is_finding).map(str::to_owned).collect();
        match ran.code {
            0 if found.is_empty() => Ok(()),
            _ if found.is_empty() => Err(vec![format!("the audit ended with {}: {}", ran.code, ran.err)]),
            _ => Err(found),
        }
    }
}

impl From<TempDir> for Home {
    fn from(folder: TempDir) -> Home {
        Home { folder, store: TestStore::fresh() }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            let warnings = log.iter().filter(|(_, record)| record["level"] != "INFO").map(|(_, record)| record);
            let warnings: Vec<_> = warnings.collect();
            for warning in &warnings[warnings.len().saturating_sub(WARNINGS_SHOWN_MAX)..] {
                eprintln!("{}: {warning}", self.grpc);
            }
        }
    }
}
