//! `blobs`: the kept contents of attachments themselves, without a gateway: copied to another place, or checked.
//!
//! Both read what is configured for a gateway, also while it runs: a content never changes and is never deleted.

mod copy;
mod verify;

use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar};
use petition_gateway::blobs::{CopyError, OpenError, Seen, StoredBlob};
use serde_json::json;

use super::{
    failure::{Exit, Failure, causes},
    output::Output,
    words::{Said, said},
};

/// `blobs`
#[derive(Debug, Args)]
pub(crate) struct Blobs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy all contents from a folder or bucket to another (sao chép nội dung tệp)
    Copy(copy::Copy),
    /// Check every content against its SHA-256 (kiểm tra nội dung tệp)
    Verify(verify::Verify),
}

impl Blobs {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        match self.command {
            Command::Copy(command) => command.run(output).await,
            Command::Verify(command) => command.run(output).await,
        }
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Tally {
    /// Copied, or found sound.
    good_count: u64,
    good_bytes: u64,
    already_had_count: u64,
    damaged_count: u64,
    unreadable_count: u64,
}

impl Tally {
    /// Counts one content; one that is not sound is told at once.
    fn count(&mut self, seen: Seen, bar: &ProgressBar, output: Output) -> Result<(), Failure> {
        let (blob, wrong) = match seen {
            Seen::Copied(blob) | Seen::Sound(blob) => {
                self.good_count += 1;
                self.good_bytes += blob.size_bytes;
                (blob, None)
            }
            Seen::AlreadyHad(blob) => {
                self.already_had_count += 1;
                (blob, None)
            }
            Seen::Damaged(blob) => {
                self.damaged_count += 1;
                (blob, Some(("damaged", None)))
            }
            Seen::Unreadable(blob, error) => {
                self.unreadable_count += 1;
                (blob, Some(("unreadable", Some(error.to_string()))))
            }
        };
        bar.inc(blob.size_bytes);
        match wrong {
            Some((state, error)) => bar.suspend(|| tell(&blob, state, error, output)),
            None => Ok(()),
        }
    }

    /// Whether everything was sound.
    fn verdict(&self) -> Result<(), Failure> {
        if self.damaged_count + self.unreadable_count > 0 { Err(Failure::Told(Exit::Damaged)) } else { Ok(()) }
    }

    fn good_bytes(&self) -> HumanBytes {
        HumanBytes(self.good_bytes)
    }
}

fn tell(blob: &StoredBlob, state: &str, error: Option<String>, output: Output) -> Result<(), Failure> {
    let sha256 = &blob.sha256;
    if output.json {
        let mut record = json!({"sha256": sha256, "size_bytes": blob.size_bytes, "state": state});
        if let Some(error) = error {
            record["error"] = json!(error);
        }
        return output.record(&record);
    }
    output.say(&match error {
        None => said!("hỏng            {sha256}", "damaged     {sha256}"),
        Some(error) => said!("không đọc được  {sha256}  ({error})", "unreadable  {sha256}  ({error})"),
    })
}

fn cannot_open(error: &OpenError) -> Failure {
    let cause = causes(error);
    unavailable(said!("không mở được kho tệp: {cause}", "the attachments cannot be reached: {cause}"))
}

fn given_up(error: &CopyError) -> Failure {
    let cause = causes(error);
    unavailable(said!(
        "dừng giữa chừng, chạy lại để tiếp tục: {cause}",
        "given up in the middle, run it again to go on: {cause}"
    ))
}

fn unavailable(said: Said) -> Failure {
    Failure::Ended(Exit::Unavailable, said)
}
