//! `channel`: what operators do with channels (kênh).

use clap::{Args, Subcommand};
use petition_gateway::pb;
use serde_json::Value;

use super::{
    connection::{Connection, Gateway},
    failure::Failure,
    output::Output,
    reconcile::{Differences, Dismiss, Reconcile},
    rendering::{self, Privacy},
    resource,
    words::{Said, said},
};

const COLUMNS: &[&str] = &[
    "name",
    "kind",
    "state",
    "far_side",
    "petition_count",
    "pending_delivery_count",
    "dead_letter_count",
    "parked_delivery_count",
    "breaker_state",
    "quarantined_count",
    "last_inbound_time",
];

/// `channel …`
#[derive(Debug, Args)]
pub(crate) struct Channel {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All channels (danh sách kênh)
    List,
    /// One channel, with its feeds (xem một kênh)
    Show {
        /// The channel's name in the configuration
        channel: String,
    },
    /// Stop pulling and delivering, also after a restart; pushes are still taken (tạm dừng)
    Pause {
        /// The channel's name in the configuration
        channel: String,
        /// Why, for the other operators; no personal data (lý do)
        #[arg(long)]
        reason: String,
    },
    /// Pull and deliver again, at once (tiếp tục)
    Resume {
        /// The channel's name in the configuration
        channel: String,
    },
    /// Ask the channel's feeds at once instead of after their interval (đồng bộ ngay)
    Sync {
        /// The channel's name in the configuration
        channel: String,
    },
    /// Compare our books with the far side's, now (đối soát)
    Reconcile(Reconcile),
    /// What differs between our books and the far side's (danh sách sai lệch)
    Differences(Differences),
    /// Let a difference stay, with a reason (bỏ qua sai lệch)
    Dismiss(Dismiss),
}

impl Channel {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let gateway = self.connection.open().await?;
        match self.command {
            Command::List => list(gateway, output).await,
            Command::Show { channel } => show(gateway, &channel, output).await,
            Command::Pause { channel, reason } => pause(gateway, &channel, reason, output).await,
            Command::Resume { channel } => resume(gateway, &channel, output).await,
            Command::Sync { channel } => sync(gateway, &channel, output).await,
            Command::Reconcile(reconcile) => reconcile.run(gateway, output).await,
            Command::Differences(differences) => differences.run(gateway, output).await,
            Command::Dismiss(dismiss) => dismiss.run(gateway, output).await,
        }
    }
}

async fn list(mut gateway: Gateway, output: Output) -> Result<(), Failure> {
    let request = gateway.call(pb::ListChannelsRequest {});
    let channels = gateway.channels.list_channels(request).await.map_err(Failure::read)?.into_inner().channels;
    let records = channels.iter().map(|it| rendering::json(it, Privacy::Hidden)).collect::<Vec<_>>();
    output.list(&records, COLUMNS)
}

async fn show(mut gateway: Gateway, channel: &str, output: Output) -> Result<(), Failure> {
    let request = gateway.call(pb::GetChannelRequest { name: resource::channel(channel) });
    let answer = gateway.channels.get_channel(request).await.map_err(Failure::read)?.into_inner();
    output.record(&record(answer.channel))
}

async fn pause(mut gateway: Gateway, channel: &str, reason: String, output: Output) -> Result<(), Failure> {
    let name = resource::channel(channel);
    let request_id = gateway.request_id.to_string();
    let request = gateway.call(pb::PauseChannelRequest { name: name.clone(), request_id, reason });
    let answer = gateway.channels.pause_channel(request).await.map_err(Failure::change(gateway.request_id))?;
    tell(answer.into_inner().channel, &said!("{name} đã tạm dừng", "{name} is paused"), output)
}

async fn resume(mut gateway: Gateway, channel: &str, output: Output) -> Result<(), Failure> {
    let name = resource::channel(channel);
    let request_id = gateway.request_id.to_string();
    let request = gateway.call(pb::ResumeChannelRequest { name: name.clone(), request_id });
    let answer = gateway.channels.resume_channel(request).await.map_err(Failure::change(gateway.request_id))?;
    tell(answer.into_inner().channel, &said!("{name} đang hoạt động", "{name} is running"), output)
}

async fn sync(mut gateway: Gateway, channel: &str, output: Output) -> Result<(), Failure> {
    let name = resource::channel(channel);
    let request_id = gateway.request_id.to_string();
    let request = gateway.call(pb::SyncChannelRequest { name: name.clone(), request_id });
    let answer = gateway.channels.sync_channel(request).await.map_err(Failure::change(gateway.request_id))?;
    tell(answer.into_inner().channel, &said!("{name} đang được đồng bộ", "{name} is being asked"), output)
}

fn tell(channel: Option<pb::Channel>, said: &Said, output: Output) -> Result<(), Failure> {
    if output.json { output.record(&record(channel)) } else { output.say(said) }
}

fn record(channel: Option<pb::Channel>) -> Value {
    rendering::json(&channel.unwrap_or_default(), Privacy::Hidden)
}
