//! Faults in the system calls of a process that runs, by `strace`.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::NamedTempFile;

/// A fault: which calls, on which paths, and what befalls them.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// As `strace` knows them, by commas.
    pub(super) calls: &'static str,
    /// On these files and folders only.
    pub(super) paths: Vec<PathBuf>,
    /// What follows the calls in `-e inject=`, for example `error=EIO:when=3`.
    pub(super) effect: String,
}

/// A process whose calls fail until this is dropped.
pub(super) struct Strace {
    child: Child,
    log: NamedTempFile,
}

impl Fault {
    /// The arguments of `strace`, but for the process.
    pub(super) fn arguments(&self, log: &NamedTempFile) -> Vec<String> {
        let mut arguments = vec!["-f".to_owned(), "-o".to_owned(), log.path().display().to_string()];
        for path in &self.paths {
            arguments.extend(["-P".to_owned(), path.display().to_string()]);
        }
        arguments.extend(["-e".to_owned(), format!("trace={}", self.calls)]);
        if !self.effect.is_empty() {
            arguments.extend(["-e".to_owned(), format!("inject={}:{}", self.calls, self.effect)]);
        }
        arguments
    }
}

impl Strace {
    /// Has a fault befall a process from now on.
    pub(super) fn attach(pid: u32, fault: &Fault) -> Strace {
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new("strace");
        command.args(fault.arguments(&log)).args(["-p", &pid.to_string()]).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().expect("these tests need `strace` (on Debian: apt-get install strace)");
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let first = said.next().unwrap_or_default();
        assert!(first.contains("attached"), "this machine lets nobody trace a process (ptrace): {first:?}");
        // It says a word for each thread that comes, and would stand still if nobody listened.
        std::thread::spawn(move || said.for_each(drop));
        Strace { child, log }
    }

    /// How many calls the fault has befallen.
    pub(super) fn befallen(&self) -> usize {
        fs::read_to_string(self.log.path()).unwrap().matches("(INJECTED)").count()
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Interrupted, it lets go of the process, which goes on.
        let interrupt = format!("kill -s INT {}", self.child.id());
        drop(Command::new("sh").args(["-c", &interrupt]).status());
        drop(self.child.wait());
    }
}
