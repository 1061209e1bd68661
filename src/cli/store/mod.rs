//! `store`: a whole store, without a gateway: copied into another, on whatever engine, or compared with it.
//!
//! What is done is in the library (`petition_gateway::store::copy`); here it is asked for and told.

mod place;
mod told;
mod view;

use clap::{Args, Subcommand};
use petition_gateway::{
    config::{Log, LogFormat, LogLevel},
    store::copy::{self, CopyError, Progress, Report},
    supervise, telemetry,
};

use self::{place::Place, view::View};
use super::{
    failure::{Exit, Failure},
    output::Output,
    words::said,
};

/// `store`
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy a whole store into an empty one, on the same engine or another (chuyển kho dữ liệu)
    ///
    /// The two are compared by count and SHA-256, table by table. Everything keeps its number: clients go on with the
    /// cursors, page tokens and request ids that they have. No gateway may run on either store. Stopped at any time, by
    /// whatever, the same command goes on where it stopped; until the copy is whole and compared no gateway opens it.
    #[command(after_long_help = COPY_HELP)]
    Copy(Copy),
    /// Compare two stores, table by table (đối chiếu hai kho dữ liệu)
    ///
    /// By count and SHA-256; ends with 65 when they differ. Nothing is written, and no gateway may run on either.
    Compare(Compare),
}

const COPY_HELP: &str = "\
Moving to PostgreSQL (chuyển sang PostgreSQL):
  1. Stop the gateway (dừng cổng): nothing is taken in while its store moves.
  2. petition-gateway store copy --from old.toml --to new.toml
     new.toml is the new configuration: its store.url, password_file and tls count here.
     Where nothing of that is needed, urls do:
     petition-gateway store copy --from sqlite:data/gateway.db \\
       --to postgres://gateway@localhost/petitions
  3. Start the gateways with new.toml, and never one with old.toml again.
     Keep the old store until the new one has been backed up
     (giữ kho cũ đến khi kho mới đã được sao lưu).
Back to one machine: the same with --from and --to exchanged.
Attachments are not in the store: `blobs copy` moves them.";

/// `store copy`
#[derive(Debug, Args)]
struct Copy {
    /// The configuration whose [store] is read, or a url: sqlite:FILE, postgres://USER@HOST/DATABASE (nguồn)
    #[arg(long, value_name = "CONFIG|URL")]
    from: Place,
    /// The configuration whose [store] is filled, or a url without a password (đích)
    #[arg(long, value_name = "CONFIG|URL")]
    to: Place,
    /// Throw away what an unfinished copy has brought, and begin anew; a store that is not one stays as it is (làm lại)
    #[arg(long)]
    start_over: bool,
}

/// `store compare`
#[derive(Debug, Args)]
struct Compare {
    /// The configuration whose [store] is compared, or a url: sqlite:FILE, postgres://USER@HOST/DATABASE (kho thứ nhất)
    #[arg(long, value_name = "CONFIG|URL")]
    from: Place,
    /// The other configuration, or a url without a password (kho thứ hai)
    #[arg(long, value_name = "CONFIG|URL")]
    to: Place,
}

impl Store {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        match self.command {
            Command::Copy(command) => command.run(output).await,
            Command::Compare(command) => command.run(output).await,
        }
    }
}

impl Copy {
    async fn run(self, output: Output) -> Result<(), Failure> {
        let (from, to) = (self.from.store("--from", output)?, self.to.store("--to", output)?);
        let mut view = View::new(output);
        let mut show = |progress: Progress| view.show(&progress);
        let report = unless_stopped(copy::copy(&from, &to, self.start_over, &mut show), output).await;
        view.end();
        let report = report?;
        told::report(&report, output)?;
        if report.is_equal() { told::next(&report, output) } else { Err(Failure::Told(Exit::Damaged)) }
    }
}

impl Compare {
    async fn run(self, output: Output) -> Result<(), Failure> {
        let (from, to) = (self.from.store("--from", output)?, self.to.store("--to", output)?);
        let mut view = View::new(output);
        let mut show = |progress: Progress| view.show(&progress);
        let report = unless_stopped(copy::compare(&from, &to, &mut show), output).await;
        view.end();
        let report = report?;
        told::report(&report, output)?;
        if report.is_equal() { Ok(()) } else { Err(Failure::Told(Exit::Damaged)) }
    }
}

/// Does the work until it is done or somebody stops it. What it had under way is taken back by the engines.
async fn unless_stopped(
    work: impl Future<Output = Result<Report, CopyError>>,
    output: Output,
) -> Result<Report, Failure> {
    if !output.json {
        // That the database is away and waited for. A second call in one process finds the lines set up already.
        drop(telemetry::init(Log { level: LogLevel::Warn, format: LogFormat::Text }));
    }
    let mut signals = supervise::signals().map_err(Failure::Output)?;
    tokio::select! {
        done = work => done.map_err(|error| told::failure(&error)),
        Some(()) = signals.recv() => Err(Failure::Ended(
            Exit::TryAgain,
            said!(
                "đã dừng giữa chừng; chạy lại đúng lệnh này để làm tiếp từ chỗ dừng",
                "stopped in the middle; the same command goes on where it stopped"
            ),
        )),
    }
}
