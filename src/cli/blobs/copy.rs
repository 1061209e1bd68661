//! `blobs copy`: moves house, for example from a machine's folder to the bucket that several gateways share.

use std::{
    path::{Path, PathBuf},
    pin::pin,
};

use clap::Args;
use futures::StreamExt;
use petition_gateway::{
    blobs::{self, Blobs, Shelf},
    config,
};
use serde_json::json;

use super::{Tally, cannot_open, given_up};
use crate::cli::{
    check_config::{self, ConfigFile},
    failure::{Exit, Failure},
    output::{Output, Unit},
    words::said,
};

/// Copies every content that is not there yet, checked against its SHA-256 on the way; nothing is deleted or replaced.
///
/// Stopped at any time and begun again, it passes over what is there with the same size. The gateway may run meanwhile:
/// copy, stop the gateway, copy what came since, and start it with the new configuration.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The configuration whose [blobs] is read, or a folder (nguồn)
    #[arg(long, value_name = "CONFIG|FOLDER")]
    from: PathBuf,
    /// The configuration whose [blobs] is filled, or a folder (đích)
    #[arg(long, value_name = "CONFIG|FOLDER")]
    to: PathBuf,
}

impl Copy {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let (from, to) = (place(&self.from, output)?, place(&self.to, output)?);
        let from = match &from {
            Place::Configured(config) => Shelf::configured(config).await,
            Place::Folder(folder) => Shelf::of_folder(folder).await,
        };
        let from = from.map_err(|error| cannot_open(&error))?;
        let to = match &to {
            Place::Configured(config) => Blobs::configured(config).await,
            Place::Folder(folder) => Blobs::open(folder, u64::MAX).await,
        };
        let to = to.map_err(|error| cannot_open(&error))?;
        let tally = copied(&from, &to, output).await?;
        summary(&tally, output)?;
        tally.verdict()
    }
}

enum Place {
    Configured(Box<config::Blobs>),
    Folder(PathBuf),
}

fn place(path: &Path, output: Output) -> Result<Place, Failure> {
    if std::fs::metadata(path).map_err(Failure::file(path))?.is_dir() {
        return Ok(Place::Folder(path.to_owned()));
    }
    match ConfigFile::at(path).load() {
        Ok(config) => Ok(Place::Configured(Box::new(config.blobs))),
        Err(problems) => {
            check_config::tell(&problems, output)?;
            Err(Failure::Told(Exit::Config))
        }
    }
}

async fn copied(from: &Shelf, to: &Blobs, output: Output) -> Result<Tally, Failure> {
    let (_, bytes) = from.extent().await.map_err(|error| given_up(&error))?;
    let bar = output.progress(Some(bytes), Unit::Bytes);
    let mut tally = Tally::default();
    let mut contents = pin!(blobs::copy(from, to));
    while let Some(seen) = contents.next().await {
        tally.count(seen.map_err(|error| given_up(&error))?, &bar, output)?;
    }
    bar.finish_and_clear();
    Ok(tally)
}

fn summary(tally: &Tally, output: Output) -> Result<(), Failure> {
    let Tally { good_count, good_bytes, already_had_count, damaged_count, unreadable_count } = tally;
    if output.json {
        return output.record(&json!({
            "copied_count": good_count,
            "copied_bytes": good_bytes,
            "already_had_count": already_had_count,
            "damaged_count": damaged_count,
            "unreadable_count": unreadable_count,
        }));
    }
    let bytes = tally.good_bytes();
    output.say(&said!(
        "đã sao chép {good_count} ({bytes}) · đã có {already_had_count} · hỏng {damaged_count} · không đọc được {unreadable_count}",
        "{good_count} copied ({bytes}) · {already_had_count} there already · {damaged_count} damaged · {unreadable_count} unreadable"
    ))
}
