//! `blobs verify`: whether every kept content is still what its name says.

use std::pin::pin;

use clap::Args;
use futures::StreamExt;
use petition_gateway::blobs::{self, Shelf};
use serde_json::json;

use super::{Tally, cannot_open, given_up};
use crate::cli::{
    check_config::{self, ConfigFile},
    failure::{Exit, Failure},
    output::{Output, Unit},
    words::said,
};

/// Reads everything that is kept and lists what is damaged. Changes nothing; the gateway may run meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    file: ConfigFile,
}

impl Verify {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let config = match self.file.load() {
            Ok(config) => config,
            Err(problems) => {
                check_config::tell(&problems, output)?;
                return Err(Failure::Told(Exit::Config));
            }
        };
        let shelf = Shelf::configured(&config.blobs).await.map_err(|error| cannot_open(&error))?;
        let (_, bytes) = shelf.extent().await.map_err(|error| given_up(&error))?;
        let bar = output.progress(Some(bytes), Unit::Bytes);
        let mut tally = Tally::default();
        let mut contents = pin!(blobs::verify_all(&shelf));
        while let Some(seen) = contents.next().await {
            tally.count(seen.map_err(|error| given_up(&error))?, &bar, output)?;
        }
        bar.finish_and_clear();
        summary(&tally, output)?;
        tally.verdict()
    }
}

fn summary(tally: &Tally, output: Output) -> Result<(), Failure> {
    let Tally { good_count, good_bytes, damaged_count, unreadable_count, .. } = tally;
    if output.json {
        return output.record(&json!({
            "sound_count": good_count,
            "sound_bytes": good_bytes,
            "damaged_count": damaged_count,
            "unreadable_count": unreadable_count,
        }));
    }
    let bytes = tally.good_bytes();
    output.say(&said!(
        "còn nguyên {good_count} ({bytes}) · hỏng {damaged_count} · không đọc được {unreadable_count}",
        "{good_count} sound ({bytes}) · {damaged_count} damaged · {unreadable_count} unreadable"
    ))
}
