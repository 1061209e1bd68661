//! The disk fails while the gateway starts: it says so and ends, or starts all the same; and the next one starts.

use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

use super::{cycle::Site, strace::Fault};
use crate::cli_gateway::{Gateway, Unborn};

/// More calls of one kind than a start makes on the store's files.
const CALLS_MAX: usize = 40;
/// What a supervisor is told to start again after: not available now.
const UNAVAILABLE: i32 = 69;

/// Fails each such call of a start once.
async fn each_fails_once(calls: &'static str, error: &str) {
    let mut site = Site::open(None).await;
    site.cycle().await;
    let (mut refused, mut at) = (0, 0);
    loop {
        at += 1;
        assert!(at < CALLS_MAX, "the calls of a start have no end");
        let data = site.data();
        let paths = ["gateway.db", "gateway.db-wal", "gateway.db-shm"].map(|name| data.join(name)).to_vec();
        let home = site.gateway.take().unwrap().kill();
        let fault = Fault { calls, paths, effect: format!("error={error}:when={at}") };
        let log = NamedTempFile::new().unwrap();
        let traced = |command: Command| {
            let mut traced = Command::new("strace");
            // The tracer stands behind the gateway, so that whoever kills the child kills the gateway.
            traced.arg("-D").args(fault.arguments(&log)).arg("--").arg(command.get_program()).args(command.get_args());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => traced.env(name, value),
                    None => traced.env_remove(name),
                };
            }
            traced.stdin(Stdio::null()).stderr(Stdio::piped());
            traced
        };
        match Gateway::try_start(home, &site.config(), traced) {
            Ok(gateway) => site.gateway = Some(gateway),
            Err(Unborn { home, status, said }) => {
                refused += 1;
                assert_eq!(status.code(), Some(UNAVAILABLE), "{said:?}");
                assert!(!said.is_empty(), "it says why");
                site.gateway = Some(Gateway::start_in(home, &site.config()));
            }
        }
        if !std::fs::read_to_string(log.path()).unwrap().contains("(INJECTED)") {
            break;
        }
    }
    assert!(refused > 0, "no failing {calls} kept a gateway from starting");
    site.restart();
    site.cycle().await;
    site.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_opening_of_the_store_may_fail_at_a_start() {
    each_fails_once("openat", "EIO").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_write_of_the_store_may_fail_at_a_start() {
    each_fails_once("pwrite64,ftruncate,fsync,fdatasync", "ENOSPC").await;
}
