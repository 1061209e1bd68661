//! `demo`: a ministry's year in a minute, everything in this process, and the comparison of all sides at its end.
//!
//! What is played is in the library (`petition_gateway::demo`); here it is asked for and shown.

mod hints;
mod summary;
mod view;

use std::{path::PathBuf, sync::Arc, time::Duration};

use channel_sdk::sandbox::Mischief;
use clap::Args;
use jiff::Timestamp;
use petition_gateway::{
    clock::SystemClock,
    config::{Log, LogFormat, LogLevel},
    demo::{
        Demo, DemoError,
        options::{BAD_DAY, Options, with_mischief},
        progress::StillOpen,
    },
    supervise, telemetry,
};
use serde_json::json;
use tokio::sync::mpsc;

use self::view::View;
use super::{
    failure::{Exit, Failure, causes},
    output::Output,
    words::said,
};

/// `demo`
#[derive(Debug, Args)]
pub(crate) struct PlayDemo {
    /// Where everything is written; an empty or new folder. Without it a temporary one, removed at the end (thư mục)
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The seed of petitions, mischief and decisions: the same seed, the same year (hạt giống)
    #[arg(long, default_value_t = 2019, value_name = "NUMBER")]
    seed: u64,
    /// How long the year takes; petitions come in its first two thirds (số giây)
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Petitions of the Government portal (số phản ánh trên Cổng)
    #[arg(long, default_value_t = 1300, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    petitions: u32,
    /// Voter petitions of the National Assembly (số kiến nghị cử tri)
    #[arg(long, default_value_t = 127, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    voter_petitions: u32,
    /// Far sides that never misbehave (không gây lỗi)
    #[arg(long, conflicts_with = "mischief")]
    calm: bool,
    /// Another share of one kind of misbehaviour, as `slow_per_mille=50`; may be repeated (mức gây lỗi)
    #[arg(long, value_name = "KEY=VALUE")]
    mischief: Vec<String>,
    /// Leave everything up afterwards, with addresses and calls to paste, until Ctrl-C (giữ lại sau khi xong)
    #[arg(long)]
    keep_running: bool,
    /// Seconds to wait for what is still open once everything is released (thời gian chờ)
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    patience: u32,
    /// The instant at which the year begins (ngày đầu năm)
    #[arg(long, default_value = "2019-01-01T00:00:00+07:00", value_name = "TIME")]
    epoch: Timestamp,
}

impl PlayDemo {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let keep_running = self.keep_running;
        let options = self.options()?;
        // A second call in one process finds the lines set up already, and that is as good.
        drop(telemetry::init(Log { level: LogLevel::Error, format: LogFormat::Text }));
        let mut signals = supervise::signals().map_err(Failure::Output)?;
        let view = View::new(output, &options);
        view.begin();
        let mut demo = Demo::begin(options, Arc::new(SystemClock)).await.map_err(failure)?;
        let ended = tokio::select! {
            ended = play(&mut demo, &view, output) => ended,
            Some(()) = signals.recv() => Err(interrupted()),
        };
        view.end();
        let disagree = matches!(ended, Err(Failure::Told(_)));
        if keep_running && (ended.is_ok() || disagree) {
            hints::tell(&demo, output)?;
            wait(&mut signals).await;
        }
        if disagree {
            demo.keep_folder();
            let folder = demo.folder().display();
            output.note(&said!("Dữ liệu còn ở {folder}", "Everything is kept in {folder}"));
        }
        demo.end().await;
        ended
    }

    fn options(self) -> Result<Options, Failure> {
        let usual = if self.calm { Mischief::default() } else { BAD_DAY };
        let mischief = self.mischief.iter().try_fold(usual, |mischief, setting| with_mischief(mischief, setting));
        Ok(Options {
            folder: self.folder,
            seed: self.seed,
            length: Duration::from_secs(self.seconds.into()),
            petitions: self.petitions,
            voter_petitions: self.voter_petitions,
            mischief: mischief.map_err(|wrong| Failure::Usage(said!("{wrong}", "{wrong}")))?,
            patience: Duration::from_secs(self.patience.into()),
            epoch: self.epoch,
            usual_ports: self.keep_running,
        })
    }
}

/// Plays the year and tells what it came to.
async fn play(demo: &mut Demo, view: &View, output: Output) -> Result<(), Failure> {
    let open = demo.play(|progress| view.show(progress)).await.map_err(failure)?;
    view.comparing();
    let report = demo.report().await.map_err(failure)?;
    view.end();
    if !open.is_nothing() {
        tell_open(&open, output)?;
    }
    if output.json {
        let mut record = json!(report);
        record["still_open"] = json!(open);
        output.record(&record)?;
    } else {
        summary::tell(&report, output)?;
    }
    if report.agree && open.is_nothing() { Ok(()) } else { Err(Failure::Told(Exit::Refused)) }
}

fn tell_open(open: &StillOpen, output: Output) -> Result<(), Failure> {
    if output.json {
        return Ok(());
    }
    let StillOpen { unreleased, pushing, unconfirmed, unheard, unfinished, undelivered, unseen, examples } = open;
    output.say(&said!(
        "Hết thời gian chờ. Còn dở: {unreleased} chưa phát, {pushing} hệ thống còn đẩy, {unconfirmed} chưa xác nhận, \
         {unheard} thay đổi chưa đến, {unfinished} Bộ chưa xong, {undelivered} lượt gửi còn chờ, {unseen} sự kiện chưa xem.",
        "Patience has ended. Still open: {unreleased} not released, {pushing} far sides pushing, {unconfirmed} not \
         confirmed, {unheard} changes not heard of, {unfinished} not done by the ministry, {undelivered} deliveries \
         waiting, {unseen} events not seen."
    ))?;
    examples.iter().try_for_each(|example| output.line(&format!("  {example}")))
}

/// Until Ctrl-C, or for good.
async fn wait(signals: &mut mpsc::Receiver<()>) {
    if signals.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

fn interrupted() -> Failure {
    Failure::Ended(Exit::TryAgain, said!("đã dừng giữa chừng", "stopped in the middle"))
}

/// A demonstration that could not be played, with everything that led to it.
pub(crate) fn failure(error: DemoError) -> Failure {
    let told = causes(&error);
    let exit = match error {
        DemoError::Exists(_) | DemoError::File { .. } | DemoError::UnknownKind(_) => Exit::Usage,
        DemoError::Connection(_) => Exit::Unavailable,
        _ => Exit::Internal,
    };
    Failure::Ended(exit, said!("{told}", "{told}"))
}
