//! A server's folder, and the watchdog that removes it.
//!
//! A test process may end by a panic, an exit or a kill; none of them runs a destructor everywhere. So the folder
//! belongs to a watchdog, a shell that waits for the end of its standard input: a pipe whose other end only the test
//! process holds, and which the kernel closes for it. Then the watchdog stops the server and removes the folder.

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::programs::Programs;

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// What must be free there: a cluster, half a gigabyte of its log, a hundred databases of 8 MB, and as much again for
/// whoever else keeps files there. Containers often have 64 MB in all.
const MEMORY_KIB_MIN: u64 = 2 * 1024 * 1024;

/// Where a server's folder is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the temporary files, on a disk as a rule.
    Disk,
    /// In memory, if there is enough. A database is 300 files, which ext4 takes a third of a second to make when as
    /// many were removed in the last minutes, and tests do nothing else all day; memory takes a hundredth.
    Memory,
}

/// A socket's whole path may have 107 bytes; longer folders than this leave too few for what comes after them.
const TEMPORARY_FOLDER_BYTES_MAX: usize = 60;

/// $1: where to make the folder, $2: `pg_ctl`.
///
/// The pid file names the server's first process. A server that was killed leaves it behind, and its number may be
/// another process's by now; a server's working folder is its data folder. One that is paused would not hear that it
/// should stop, nor would its children.
/// Line 7 of the file ends with the number of the System V shared memory, which a server that was killed leaves, too.
/// Whatever still writes into the folder after that is on its way out, hence the second and third try.
const WATCHDOG: &str = r#"
trap '' HUP INT
home=$(mktemp -d "$1/postgres-XXXXXX" 2>/dev/null || mktemp -d /tmp/postgres-XXXXXX) || exit 1
home=$(cd "$home" && pwd -P)
echo "$home"
exec >/dev/null 2>&1
while read -r _; do :; done
pid_file=$home/data/postmaster.pid
first=$(head -n 1 "$pid_file")
if [ "$(readlink "/proc/$first/cwd")" = "$home/data" ]; then
    kill -CONT "$first" $(cat /proc/[0-9]*/stat | awk -v first="$first" '$4 == first { print $1 }')
    "$2" stop --mode immediate --pgdata "$home/data"
fi
if [ -s "$pid_file" ]; then
    ipcrm -m "$(sed -n 's/.* //; 7p' "$pid_file")"
fi
rm -rf "$home" || { sleep 1; rm -rf "$home"; } || { sleep 5; rm -rf "$home"; }
"#;

/// A folder that goes away, with the server in it, when this is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    watchdog: Child,
}

impl Home {
    /// An empty folder of the server's user, which nobody else may enter.
    pub(crate) fn new(programs: &Programs, place: Place) -> Home {
        let mut command = programs.command("sh");
        command.args(["-c", WATCHDOG, "watchdog"]).arg(parent(place));
        command.arg(programs.path("pg_ctl")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt at the terminal ends the test process, and by that the watchdog's wait.
        let mut watchdog = command.process_group(0).spawn().expect("every Unix has `sh`");
        let said = watchdog.stdout.take().expect("the output is a pipe");
        let mut folder = String::new();
        BufReader::new(said).read_line(&mut folder).expect("a watchdog says its folder in plain text");
        assert!(folder.starts_with('/'), "no temporary folder could be made for a PostgreSQL server");
        Home { folder: folder.trim_end().into(), watchdog }
    }

    /// The folder; the server's socket is in it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What the server says.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Home {
    /// Has the watchdog stop the server and remove the folder, and waits for that.
    pub(crate) fn close(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing to do about a watchdog that is gone.
        self.watchdog.wait().ok();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.close();
    }
}

fn parent(place: Place) -> PathBuf {
    if place == Place::Memory && memory_kib_free().is_some_and(|free| free >= MEMORY_KIB_MIN) {
        return MEMORY.into();
    }
    let temporary = Some(env::temp_dir()).filter(|it| it.as_os_str().len() <= TEMPORARY_FOLDER_BYTES_MAX);
    temporary.unwrap_or_else(|| "/tmp".into())
}

fn memory_kib_free() -> Option<u64> {
    let said = Command::new("df").args(["-Pk", MEMORY]).output().ok()?;
    // Under the heading: file system, size, used, available, …
    String::from_utf8(said.stdout).ok()?.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}
