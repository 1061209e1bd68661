//! `petition`: what can be done with petitions (phản ánh, kiến nghị) from a terminal: read, follow, submit, decide, move
//! files. Each sub-command is one call of PetitionService.

mod decide;
mod decision;
mod dossier;
mod draft;
mod files;
mod import;
mod read;
mod submit;
mod watch;

use clap::{Args, Subcommand};

use super::{connection::Connection, failure::Failure, output::Output};

/// `petition …`
#[derive(Debug, Args)]
pub(crate) struct Petition {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One petition (xem một phản ánh, kiến nghị)
    #[command(visible_alias = "show")]
    Get(read::Get),
    /// Petitions by status, kind, field, channel, dates (danh sách)
    List(read::List),
    /// Petitions by their words, with or without diacritics (tìm kiếm)
    Search(read::Search),
    /// Every event, in order, then live (theo dõi)
    Watch(watch::Watch),
    /// The whole dossier: events, files, deliveries, messages (hồ sơ điện tử)
    Dossier(dossier::Dossier),
    /// Record one petition (tiếp nhận)
    Submit(Box<submit::Submit>),
    /// Record many petitions from a file of JSON lines (nhập hàng loạt)
    Import(import::Import),
    /// Upload a file, to be named by its SHA-256 (tải lên tệp)
    #[command(visible_alias = "upload")]
    Attach(files::Attach),
    /// Download a file of a petition (tải về tệp)
    Download(files::Download),
    #[command(flatten)]
    Decide(decide::Decide),
}

impl Petition {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let gateway = self.connection.open().await?;
        match self.command {
            Command::Get(command) => command.run(gateway, output).await,
            Command::List(command) => command.run(gateway, output).await,
            Command::Search(command) => command.run(gateway, output).await,
            Command::Watch(command) => command.run(gateway, output).await,
            Command::Dossier(command) => command.run(gateway, output).await,
            Command::Submit(command) => command.run(gateway, output).await,
            Command::Import(command) => command.run(gateway, output).await,
            Command::Attach(command) => command.run(gateway, output).await,
            Command::Download(command) => command.run(gateway, output).await,
            Command::Decide(command) => command.run(gateway, output).await,
        }
    }
}
