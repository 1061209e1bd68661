//! What is left of servers when their process ends.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use postgres_server::{Options, Server};

/// Set in the process that is killed.
const VICTIM: &str = "POSTGRES_SERVER_TEST_VICTIM";

/// A stop, the removal of the folder, and a machine that is busy with other things.
const GONE_SECONDS_MAX: u64 = 30;

/// Where a server lives, and what the machine keeps for it.
struct Traces {
    folder: PathBuf,
    pid: String,
    shared_memory: String,
}

impl Traces {
    fn of(folder: &Path) -> Traces {
        let pid_file = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        let line = |number: usize| pid_file.lines().nth(number).unwrap().to_owned();
        let shared_memory = line(6).split_whitespace().last().unwrap().to_owned();
        Traces { folder: folder.to_owned(), pid: line(0), shared_memory }
    }

    fn left(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let runs = !stat.is_empty() && !stat.contains(") Z ");
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let kept = segments.lines().any(|line| line.split_whitespace().nth(1) == Some(&self.shared_memory));
        runs || kept || self.folder.exists()
    }
}

fn folder(server: &Server) -> PathBuf {
    server.try_run("postgres", "SHOW unix_socket_directories").unwrap().remove(0).remove(0).into()
}

/// Not a test, but the process that the test below kills: three servers in three conditions.
#[test]
fn the_process_that_is_killed() {
    if env::var_os(VICTIM).is_none() {
        return;
    }
    let (running, paused) = (Server::shared(), Server::start(Options::default()));
    let replica = paused.replica("replica");
    for folder in [folder(running), folder(&paused), folder(&replica)] {
        println!("\n{}", folder.display());
    }
    paused.pause();
    replica.kill();
    println!("\nready");
    thread::park();
}

fn victim() -> (Child, Vec<Traces>) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "leftovers::the_process_that_is_killed", "--nocapture"]).env(VICTIM, "1");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let folders: Vec<String> = lines.take_while(|line| line != "ready").filter(|line| line.starts_with('/')).collect();
    let traces = folders.iter().map(|folder| Traces::of(Path::new(folder))).collect();
    (child, traces)
}

#[test]
fn a_killed_process_leaves_nothing() {
    let (mut child, traces) = victim();
    assert_eq!(traces.len(), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(GONE_SECONDS_MAX);
    while let Some(left) = traces.iter().find(|it| it.left()) {
        assert!(Instant::now() < deadline, "{} is not gone", left.folder.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let server = Server::start(Options::default());
    let traces = Traces::of(&folder(&server));
    assert!(traces.left());
    drop(server);
    assert!(!traces.left());
}
