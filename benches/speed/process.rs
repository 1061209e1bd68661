//! Processes: the gateway as it is shipped, and this program in another role.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A process that is ended with the value.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory now, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1024.0
    }

    /// Processor time so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        let after = stat.rsplit(") ").next().unwrap_or_default();
        let ticks = after.split(' ').skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum::<f64>();
        ticks / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A gateway and where it listens.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) grpc: String,
    pub(crate) data: PathBuf,
}

impl Gateway {
    /// A gateway on a store of its own in `folder`, which may be there already.
    pub(crate) fn start(folder: &Path, more: &str) -> Gateway {
        std::fs::create_dir_all(folder).unwrap();
        let config = folder.join("gateway.toml");
        let text = format!(
            "[gateway]\ndata_folder = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
             [security.loopback]\nroles = [\"ministry_system\", \"operator\"]\n{more}"
        );
        let grpc = if more.contains("[grpc]") { "" } else { "[grpc]\nlisten = \"127.0.0.1:0\"\n" };
        std::fs::write(&config, text + grpc).unwrap();
        let mut command = Command::new(gateway_binary());
        let child = command.arg("serve").arg("--config").arg(&config).stderr(Stdio::piped()).spawn();
        let mut process = Process { child: child.unwrap() };
        let address = said(process.child.stderr.take().unwrap(), |line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            line["fields"]["grpc"].as_str().map(str::to_owned)
        });
        Gateway { process, grpc: format!("http://{address}"), data: folder.join("data") }
    }

    /// Its database.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("gateway.db")
    }
}

/// This program in another role; gives the address that it says first.
pub(crate) fn start_role(role: &str) -> (Process, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let child = command.args(["--role", role]).stdout(Stdio::piped()).spawn().unwrap();
    let mut process = Process { child };
    let address = said(process.child.stdout.take().unwrap(), |line| Some(line.to_owned()));
    (process, address)
}

/// A sandbox of the gateway's own program, with petitions that wait.
pub(crate) fn start_sandbox(kind: &str, petitions: u64) -> (Process, String) {
    let mut command = Command::new(gateway_binary());
    command.args(["--lang", "en", "sandbox", "--kind", kind, "--petitions", &petitions.to_string()]);
    let mut process = Process { child: command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap() };
    let address = said(process.child.stderr.take().unwrap(), |line| {
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    });
    (process, address)
}

/// What `find` finds in the first line that has it. The stream is read on, or the process would stand still when it is full.
fn said(stream: impl Read + Send + 'static, find: impl Fn(&str) -> Option<String>) -> String {
    let mut lines = BufReader::new(stream).lines();
    let found = loop {
        let line = lines.next().expect("the process starts").unwrap();
        if let Some(found) = find(&line) {
            break found;
        }
    };
    std::thread::spawn(move || lines.for_each(drop));
    found
}

/// The gateway's program, as cargo built it for this bench.
pub(crate) fn gateway_binary() -> PathBuf {
    let beside = || std::env::current_exe().unwrap().with_file_name("petition-gateway");
    option_env!("CARGO_BIN_EXE_petition-gateway").map_or_else(beside, PathBuf::from)
}
