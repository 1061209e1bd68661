//! PostgreSQL's programs: where they are, and as whom they run.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

/// Names a folder with PostgreSQL's programs, before every other place.
const FOLDER_VARIABLE: &str = "PETITION_GATEWAY_POSTGRES_BIN";

/// What a folder must have: a client's package alone has the last, without a server.
const NEEDED: [&str; 4] = ["initdb", "postgres", "pg_ctl", "pg_basebackup"];

/// Whom a process that is root runs PostgreSQL as, the better first.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// A user and a group, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// PostgreSQL's programs on this machine.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// `None`: as ourselves.
    pub account: Option<Account>,
}

impl Programs {
    /// The programs, looked for once.
    ///
    /// # Panics
    /// There are none, or nobody may run them.
    pub(crate) fn find() -> &'static Programs {
        static FOUND: OnceLock<Programs> = OnceLock::new();
        FOUND.get_or_init(|| Programs { folder: folder(), account: account() })
    }

    /// One of PostgreSQL's programs, to run with [`Programs::command`].
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A command that runs as the server's user.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        // A folder that the other user may be in, and messages that do not depend on the machine.
        command.current_dir("/").env("LC_ALL", "C");
        for foreign in ["PGDATA", "PGPORT", "PGHOST", "PGOPTIONS", "PGPASSWORD", "PGSSLMODE"] {
            command.env_remove(foreign);
        }
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The version as text that can be a part of a file's name.
    pub(crate) fn version(&self) -> String {
        let said = done(self.command(self.path("postgres")).arg("--version"));
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        String::from_utf8_lossy(&said.stdout).trim().chars().map(plain).collect()
    }
}

/// Runs a command to its end.
///
/// # Panics
/// It cannot run, or it fails; with what it said.
pub(crate) fn done(command: &mut Command) -> Output {
    match command.output() {
        Err(error) => panic!("{command:?} cannot run: {error}"),
        Ok(output) if output.status.success() => output,
        Ok(output) => panic!("{command:?} failed, {}: {}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

fn folder() -> PathBuf {
    let complete = |folder: &PathBuf| NEEDED.iter().all(|name| folder.join(name).is_file());
    let named = env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    if let Some(folder) = &named {
        assert!(complete(folder), "{FOLDER_VARIABLE}={} lacks one of {NEEDED:?}", folder.display());
    }
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let found = named.into_iter().chain(on_path).chain(debian_folders()).find(complete);
    found.unwrap_or_else(|| {
        panic!(
            "no PostgreSQL server on this machine: install it (`apt-get install postgresql`), or name the folder of \
             its programs in {FOLDER_VARIABLE}"
        )
    })
}

/// Where Debian keeps each version's programs, off the path; the newest first.
fn debian_folders() -> Vec<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect()
}

/// Another user, when we are root.
fn account() -> Option<Account> {
    let said = done(Command::new("id").arg("-u"));
    if said.stdout.trim_ascii() != b"0" {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = ACCOUNTS.iter().find_map(|name| users.lines().find_map(|line| account_in(line, name)));
    Some(account.unwrap_or_else(|| panic!("PostgreSQL refuses to run as root, and none of {ACCOUNTS:?} is a user")))
}

fn account_in(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    let mut numbers = fields.skip(1).map(str::parse);
    Some(Account { uid: numbers.next()?.ok()?, gid: numbers.next()?.ok()? })
}
