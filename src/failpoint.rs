//! Named places at which a test kills or halts the gateway: `failpoint::at!("sqlite.committed")`.
//!
//! Only a build with the feature `failpoints` knows them; in any other the line is nothing, and not even a name is left
//! (`tests/it/failpoints.rs` looks). There, `PETITION_GATEWAY_FAIL` says what befalls, for example
//! `settle.before=kill@3;send.before=wait@1+500`: SIGKILL at the third passing of the one, and half a second's halt of the
//! thread at the first of the other. `kill@3+5` lets 5 ms pass first, while everything else goes on.
//!
//! `tests/faults` kills at each of `POINTS` and audits what is left.

/// A place at which a test may have the gateway killed.
#[cfg(feature = "failpoints")]
macro_rules! at {
    ($name:literal) => {
        fail::fail_point!($name)
    };
}

/// A place at which a test may have the gateway killed: here it is nothing.
#[cfg(not(feature = "failpoints"))]
macro_rules! at {
    ($name:literal) => {};
}

pub(crate) use at;

#[cfg(feature = "failpoints")]
pub use armed::{ArmError, POINTS, arm};

#[cfg(feature = "failpoints")]
mod armed {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
        time::Duration,
    };

    /// What befalls where.
    const VARIABLE: &str = "PETITION_GATEWAY_FAIL";

    /// Every place, in the order in which a message comes by them. A test holds this list and the places to each other.
    pub const POINTS: &[&str] = &[
        // The gateway comes up.
        "start.store_opened",
        "start.joined",
        "presence.beaten",
        // A ministry system submits, imports, uploads, decides.
        "submit.parsed",
        "submit.before_answer",
        "import.item_read",
        "import.item_taken",
        "import.before_answer",
        "upload.header_read",
        "upload.before_answer",
        "decide.loaded",
        "decide.decided",
        "decide.committed",
        "decide.before_answer",
        // A channel pushes, or is pulled.
        "push.let_in",
        "push.before_answer",
        "pull.page_came",
        "pull.page_done",
        "cursor.before",
        "cursor.kept",
        // What came is journalled, decoded, taken in.
        "journal.before",
        "journal.after",
        "decode.before",
        "decode.after",
        "intake.item_begun",
        "intake.checked",
        "intake.files_kept",
        "intake.item_taken",
        "quarantine.unreadable",
        "quarantine.items",
        "message.before_done",
        "message.done",
        // Everything that is written.
        "commit.gathered",
        "commit.written",
        "commit.published",
        "commit.answered",
        "sqlite.begun",
        "sqlite.in_transaction",
        "sqlite.before_commit",
        "sqlite.committed",
        "postgres.begun",
        "postgres.decided",
        "postgres.sent",
        "postgres.committed",
        // Deliveries.
        "claim.before",
        "claim.after",
        "attempt.begun",
        "send.before",
        "send.answered",
        "send.heard",
        "settle.before",
        "settle.after",
        "fetch.stored",
        "fetch.held",
        // Files.
        "blob.piece_written",
        "blob.spooled",
        "blob.flushed",
        "blob.renamed",
        "blob.kept",
        // What was left by a gateway that was killed, and what is looked at again.
        "resume.taken_over",
        "resume.done",
        "reprocess.begun",
        "reprocess.reopened",
        // The gateway goes.
        "stop.heard",
        "stop.work_ended",
        "presence.left",
        "stop.presence_ended",
    ];

    /// What stands in the variable is not understood.
    #[derive(Debug, thiserror::Error)]
    pub enum ArmError {
        /// Not of the form.
        #[error("{VARIABLE}: `{0}` is not of the form <name>=kill@<passing>[+<ms>] or <name>=wait@<passing>+<ms>")]
        Form(String),
        /// No such place.
        #[error("{VARIABLE}: there is no place `{0}`")]
        Unknown(String),
    }

    #[derive(Clone, Copy)]
    enum Action {
        Kill,
        Wait,
    }

    /// Sets up what the environment says.
    ///
    /// # Errors
    /// It cannot be understood; nothing runs then, for a test that kills nowhere would show nothing.
    pub fn arm() -> Result<(), ArmError> {
        let told = std::env::var(VARIABLE).unwrap_or_default();
        told.split(';').filter(|it| !it.is_empty()).try_for_each(arm_one)
    }

    fn arm_one(told: &str) -> Result<(), ArmError> {
        let form = || ArmError::Form(told.to_owned());
        let (name, action) = told.split_once('=').ok_or_else(form)?;
        if !POINTS.contains(&name) {
            return Err(ArmError::Unknown(name.to_owned()));
        }
        let (action, passing) = action.split_once('@').ok_or_else(form)?;
        let (passing, pause_ms) = passing.split_once('+').unwrap_or((passing, "0"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| form());
        let (passing, pause) = (number(passing)?, Duration::from_millis(number(pause_ms)?));
        let action = match action {
            "kill" => Action::Kill,
            "wait" => Action::Wait,
            _ => return Err(form()),
        };
        let passed = AtomicU64::new(0);
        let befall = move || {
            if passed.fetch_add(1, Ordering::Relaxed) + 1 == passing {
                carry_out(action, pause);
            }
        };
        fail::cfg_callback(name, befall).map_err(|_| form())
    }

    fn carry_out(action: Action, pause: Duration) {
        match action {
            Action::Wait => thread::sleep(pause),
            Action::Kill if pause.is_zero() => kill(),
            Action::Kill => drop(thread::spawn(move || {
                thread::sleep(pause);
                kill();
            })),
        }
    }

    /// As the system kills: no destructor runs, nothing is flushed, this thread does not go on.
    fn kill() {
        let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        killed.expect("a process may signal itself");
        loop {
            thread::park();
        }
    }
}
