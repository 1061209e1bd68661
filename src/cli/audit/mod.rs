//! `audit`: whether everything that is kept is what it must be (kiểm tra toàn vẹn), beside running gateways.
//!
//! What must hold is in the library (`petition_gateway::audit`); here it is asked for and told.

mod view;
mod words;

use std::{sync::Arc, time::Duration};

use clap::{Args, builder::PossibleValuesParser};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use petition_gateway::{
    audit::{self, AuditError, Options, Report, Section, Told},
    blobs::Shelf,
    clock::SystemClock,
    config::Config,
    store::{StoreError, inspect},
    supervise,
};

use self::view::View;
use super::{
    check_config::{self, ConfigFile},
    failure::{Exit, Failure, causes},
    output::Output,
    words::said,
};

/// Reads the whole store and everything that it keeps, and tells what is not as it must be. Nothing is written, gateways may run
/// meanwhile and do not wait. Ends with 65 when something was found.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Audit {
    #[command(flatten)]
    file: ConfigFile,
    /// Only this section; may be given several times (chỉ phần này)
    #[arg(long = "section", value_name = "SECTION", value_parser = sections())]
    sections: Vec<String>,
    /// Only what was received or made since: a date in Vietnam (2026-01-31) or a time (2026-01-31T07:00:00Z) (từ lúc)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Leave the contents of attachments out: reading them takes as long as copying them (bỏ qua nội dung tệp)
    #[arg(long)]
    skip_files: bool,
    /// How many seconds a message that seems forgotten is watched before it is told (số giây theo dõi)
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
}

const HELP: &str = "\
Sections (các phần):
  events      every event is there, numbered without a gap (sự kiện)
  petitions   every petition is what its events make, and lists find it (hồ sơ)
  journal     every message is there as it arrived, with all its items (nhật ký thông điệp)
  deliveries  every delivery is in a legal state, in the order of its lane (lượt gửi)
  channels    counts, cursors and code lists (kênh)
  requests    what callers were answered is there (mã yêu cầu)
  files       the contents of attachments (nội dung tệp)
With --since, counts are checked whole, and contents that nobody names are not looked for.
With --json: a line for each finding, and a last one with the counts.";

fn sections() -> PossibleValuesParser {
    PossibleValuesParser::new(Section::ALL.iter().map(|section| section.as_str()))
}

/// A time, or the beginning of a day in Vietnam.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<Date>() {
        let begin = day.to_zoned(TimeZone::fixed(jiff::tz::offset(7)));
        return begin.map(|begin| begin.timestamp()).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| "a date (2026-01-31) or a time (2026-01-31T07:00:00Z)".to_owned())
}

impl Audit {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let config = match self.file.load() {
            Ok(config) => config,
            Err(problems) => {
                check_config::tell(&problems, output)?;
                return Err(Failure::Told(Exit::Config));
            }
        };
        let options = self.options();
        let mut signals = supervise::signals().map_err(Failure::Output)?;
        let report = tokio::select! {
            report = look(&config, &options, self.skip_files, output) => report?,
            Some(()) = signals.recv() => {
                return Err(Failure::Ended(Exit::TryAgain, said!("đã dừng giữa chừng", "stopped in the middle")));
            }
        };
        view::summary(&report, output)?;
        if report.is_sound() { Ok(()) } else { Err(Failure::Told(Exit::Damaged)) }
    }

    fn options(&self) -> Options {
        let chosen =
            |section: &Section| self.sections.is_empty() || self.sections.iter().any(|it| it == section.as_str());
        Options {
            sections: Section::ALL.iter().copied().filter(chosen).collect(),
            since: self.since,
            patience: Duration::from_secs(self.patience),
        }
    }
}

async fn look(config: &Config, options: &Options, skip_files: bool, output: Output) -> Result<Report, Failure> {
    let store = inspect::inspect(&config.store, Arc::new(SystemClock)).await.map_err(|error| {
        let cause = causes(&error);
        unavailable(said!("không mở được kho dữ liệu: {cause}", "the store cannot be opened: {cause}"))
    })?;
    let wants_files = !skip_files && options.sections.contains(&Section::Files);
    let shelf = if wants_files { Some(opened(config).await?) } else { None };
    let mut view = View::new(output);
    let mut written = Ok(());
    let mut told = |told: Told| {
        if written.is_ok() {
            written = view.show(&told);
        }
    };
    let report = audit::audit(&store, shelf.as_ref(), options, &mut told).await;
    view.end();
    written?;
    report.map_err(|error| given_up(&error))
}

async fn opened(config: &Config) -> Result<Shelf, Failure> {
    Shelf::configured(&config.blobs).await.map_err(|error| {
        let cause = causes(&error);
        unavailable(said!("không mở được kho tệp: {cause}", "the attachments cannot be reached: {cause}"))
    })
}

fn given_up(error: &AuditError) -> Failure {
    let cause = causes(error);
    let said = said!("không kiểm tra tiếp được: {cause}", "the audit cannot go on: {cause}");
    match error {
        AuditError::Store(StoreError::Engine(_) | StoreError::Damaged(_)) => Failure::Ended(Exit::Damaged, said),
        AuditError::Store(_) | AuditError::Files(_) => unavailable(said),
    }
}

fn unavailable(said: super::words::Said) -> Failure {
    Failure::Ended(Exit::Unavailable, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_as_it_does_in_vietnam_and_a_time_is_taken_as_it_is() {
        assert_eq!(since("2026-01-31").unwrap().to_string(), "2026-01-30T17:00:00Z");
        assert_eq!(since("2026-01-31T07:00:00Z").unwrap().to_string(), "2026-01-31T07:00:00Z");
        assert!(since("hôm qua").unwrap_err().contains("2026-01-31"));
    }
}
