//! The command line: one file for each sub-command.
//!
//! `serve`, `check-config` and `migrate` are the gateway itself, `store`, `blobs` and `audit` work on what it keeps;
//! `demo`, `sandbox` and `certificates` are for trials; `gateway`, `channel`, `delivery`, `quarantine` and `petition` are
//! an operator's hands and speak gRPC to a running gateway, with the generated client and nothing else. What is said goes
//! through `output`; every failure becomes an exit code in `failure`. Personal data is shown only with `--full`.

mod audit;
mod blobs;
mod certificates;
mod channel;
mod check_config;
mod completion;
mod connection;
mod contract;
mod delivery;
mod demo;
mod failure;
mod gateway;
mod migrate;
mod output;
mod page;
mod paging;
mod petition;
mod quarantine;
mod reading;
mod reconcile;
mod rendering;
mod resource;
mod sandbox;
mod serve;
mod store;
mod words;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::{
    failure::{EXIT_CODES, Exit, Failure},
    output::Output,
    words::{Lang, said},
};

/// Interoperability gateway of a ministry for petitions (cổng liên thông phản ánh, kiến nghị).
#[derive(Debug, Parser)]
#[command(name = "petition-gateway", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Copy, Args)]
struct Global {
    /// For programs: JSON, one line for each record (JSON cho chương trình)
    #[arg(long, global = true)]
    json: bool,
    /// Language of what is said (ngôn ngữ)
    #[arg(long, global = true, env = "PETITION_GATEWAY_LANG", default_value = "vi", value_name = "LANG")]
    lang: Lang,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (chạy cổng)
    Serve(serve::Serve),
    /// A ministry's year in a minute: everything in one process, and the comparison of all sides (trình diễn)
    Demo(demo::PlayDemo),
    /// Tell everything that is wrong with a configuration (kiểm tra cấu hình)
    CheckConfig(check_config::CheckConfig),
    /// Bring the store's schema forward before newer gateways start (nâng cấp lược đồ kho dữ liệu)
    Migrate(migrate::Migrate),
    /// Channels (kênh): list, show, pause, resume, sync, reconcile, differences, dismiss
    Channel(channel::Channel),
    /// The gateways that share one store (các cổng cùng một kho): list
    Gateway(gateway::Gateway),
    /// Deliveries to channels (lượt gửi): list, show, retry
    Delivery(delivery::Delivery),
    /// What was refused (thông điệp bị cách ly): list, show, reprocess, discard
    Quarantine(quarantine::Quarantine),
    /// Petitions (phản ánh, kiến nghị): read, follow, submit, decide, files
    Petition(petition::Petition),
    /// Whether everything that is kept is what it must be (kiểm tra toàn vẹn kho dữ liệu)
    Audit(audit::Audit),
    /// Whole stores (kho dữ liệu): copy to another engine, compare
    Store(store::Store),
    /// The kept contents of attachments (nội dung tệp): copy, verify
    Blobs(blobs::Blobs),
    /// One far side alone, for trials (hệ thống đối tác mô phỏng)
    Sandbox(sandbox::Sandbox),
    /// Throw-away certificates for trials (chứng thư dùng thử)
    Certificates(certificates::MakeCertificates),
    /// Completion for a shell, to standard output
    Completion(completion::Completion),
}

impl Command {
    async fn run(self, output: Output) -> Result<(), Failure> {
        match self {
            Command::Serve(command) => command.run(output).await,
            Command::Demo(command) => command.run(output).await,
            Command::CheckConfig(command) => command.run(output),
            Command::Migrate(command) => command.run(output).await,
            Command::Channel(command) => command.run(output).await,
            Command::Gateway(command) => command.run(output).await,
            Command::Delivery(command) => command.run(output).await,
            Command::Quarantine(command) => command.run(output).await,
            Command::Petition(command) => command.run(output).await,
            Command::Audit(command) => command.run(output).await,
            Command::Store(command) => command.run(output).await,
            Command::Blobs(command) => command.run(output).await,
            Command::Sandbox(command) => command.run(output).await,
            Command::Certificates(command) => command.run(output),
            Command::Completion(command) => command.run(output),
        }
    }
}

/// Reads the command line, does what it says and tells how it went.
pub(crate) fn run() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let output = Output { json: global.json, lang: global.lang };
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command.run(output)),
        Err(error) => {
            let kind = error.kind();
            Err(Failure::Ended(Exit::Internal, said!("không khởi động được: {kind}", "cannot start: {kind}")))
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(output),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn connection_and_output_options_stand_anywhere() {
        for line in [
            "petition-gateway --json --lang en petition get 1 --full",
            "petition-gateway petition --address http://127.0.0.1:1 list --status received,accepted --json",
            "petition-gateway channel pause portal --reason x --request-id 0190a3c4-0000-7000-8000-000000000000",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
