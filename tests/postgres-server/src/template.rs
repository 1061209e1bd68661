//! A new data folder, from a template where there is one.
//!
//! `initdb` takes about a second, a copy of what it made a tenth of that. The first process that needs a server keeps
//! a copy under `target/`, for the version that it was made by; all others copy from there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

use crate::{
    USER,
    programs::{Account, Programs, done},
};

/// Bytewise order and UTF-8, whatever the machine speaks. The folder is thrown away, so nothing need reach the disk.
const INITDB: [&str; 6] =
    ["--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8", "--auth=trust", "--username"];

/// Makes the data folder of a new, empty cluster.
pub(crate) fn unfold(programs: &Programs, data: &Path) {
    let template = template(programs);
    if template.is_dir() && copied(&template, data) {
        give(programs, data);
    } else {
        // A template that another user made cannot be read.
        fs::remove_dir_all(data).ok();
        done(programs.command(programs.path("initdb")).args(INITDB).arg(USER).arg("--pgdata").arg(data));
        keep(data, &template);
    }
}

/// Gives a folder that we made to the server's user.
pub(crate) fn give(programs: &Programs, path: &Path) {
    if let Some(Account { uid, gid }) = programs.account {
        done(Command::new("chown").args(["-R", &format!("{uid}:{gid}")]).arg(path));
    }
}

fn template(programs: &Programs) -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    target.join("postgres-template").join(programs.version())
}

/// Made beside and renamed: another process sees a whole template or none. Only time is lost when it cannot be kept,
/// or when another process was faster.
fn keep(data: &Path, template: &Path) {
    let beside = PathBuf::from(format!("{}.{}", template.display(), process::id()));
    let made = fs::create_dir_all(template.parent().unwrap_or(template)).is_ok() && copied(data, &beside);
    if !made || fs::rename(&beside, template).is_err() {
        fs::remove_dir_all(&beside).ok();
    }
}

fn copied(from: &Path, to: &Path) -> bool {
    Command::new("cp").arg("-R").arg(from).arg(to).output().is_ok_and(|it| it.status.success())
}
