//! The gateway as a process, and what the system says of it.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tonic::transport::Channel;

/// A gateway on an empty store. It ends with this.
pub(crate) struct Gateway {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holds {
    pub(crate) memory_kib: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) wal_bytes: u64,
}

impl Gateway {
    pub(crate) fn start() -> Gateway {
        // On a disk that keeps its promises, not in memory: beside the build.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let config = folder.path().join("gateway.toml");
        let text = "[gateway]\ndata_folder = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[grpc]\nlisten = \"127.0.0.1:0\"\n\
                    [log]\nformat = \"json\"\n[security.loopback]\nroles = [\"ministry_system\", \"operator\"]\n";
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_petition-gateway"));
        let mut child = command.arg("serve").arg("--config").arg(config).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = log.next().expect("the gateway starts").unwrap();
            let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = said["fields"]["grpc"].as_str() {
                break format!("http://{address}");
            }
        };
        // What it has to say is seen; and the log must be read on, or it would stand still when the pipe is full.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        Gateway { child, address, folder }
    }

    /// A connection of its own: to the gateway, another client.
    pub(crate) async fn connect(&self) -> Channel {
        Channel::from_shared(self.address.clone()).unwrap().connect().await.unwrap()
    }

    /// What it holds now.
    pub(crate) fn holds(&self) -> Holds {
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(proc.join("status")).unwrap();
        let line = |key: &str| {
            let found = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            found.split_whitespace().next().unwrap().parse().unwrap()
        };
        Holds {
            memory_kib: line("VmRSS:"),
            descriptors: std::fs::read_dir(proc.join("fd")).unwrap().count() as u64,
            threads: line("Threads:"),
            wal_bytes: std::fs::metadata(self.folder.path().join("data/gateway.db-wal")).map_or(0, |it| it.len()),
        }
    }

    /// The numbers of all petitions in its store, and how many petitions there are.
    pub(crate) fn received(&self) -> (usize, HashSet<u64>) {
        let conn = rusqlite::Connection::open(self.folder.path().join("data/gateway.db")).unwrap();
        let mut rows = conn.prepare("SELECT external_id FROM petitions").unwrap();
        let ids = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let numbers: Vec<u64> = ids.map(|id| id.unwrap().strip_prefix("T-").unwrap().parse().unwrap()).collect();
        (numbers.len(), numbers.into_iter().collect())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
