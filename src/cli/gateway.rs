//! `gateway`: the gateways that share one store (các cổng cùng một kho).

use clap::{Args, Subcommand};
use petition_gateway::pb;

use super::{
    connection::Connection,
    failure::Failure,
    output::Output,
    rendering::{self, Privacy},
};

const COLUMNS: &[&str] = &["node", "self", "version", "start_time", "channels"];

/// `gateway …`
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The gateways that are alive, with the channels that each looks after (danh sách cổng)
    List,
}

impl Gateway {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let mut gateway = self.connection.open().await?;
        let Command::List = self.command;
        let request = gateway.call(pb::ListGatewaysRequest {});
        let answer = gateway.channels.list_gateways(request).await.map_err(Failure::read)?.into_inner();
        let records = answer.gateways.iter().map(|it| rendering::json(it, Privacy::Hidden)).collect::<Vec<_>>();
        output.list(&records, COLUMNS)
    }
}
