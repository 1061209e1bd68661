//! `delivery`: what operators do with deliveries (lượt gửi) to channels: find the dead letters, read why, try again.

use clap::{Args, Subcommand};
use petition_gateway::pb;

use super::{
    connection::{Connection, Gateway},
    contract,
    failure::Failure,
    output::Output,
    paging::Paging,
    rendering::{self, Privacy},
    resource,
    words::said,
};

const COLUMNS: &[&str] =
    &["name", "notice", "state", "attempt_count", "create_time", "next_attempt_time", "external_id", "petition"];

/// `delivery …`
#[derive(Debug, Args)]
pub(crate) struct Delivery {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deliveries, newest first (danh sách lượt gửi)
    List(List),
    /// One delivery with its attempts (xem một lượt gửi)
    Show {
        /// `channels/{channel}/deliveries/{delivery}`, or `{channel}/{delivery}`
        delivery: String,
        /// With the reasons, which may quote the far side (kèm lý do, có thể có dữ liệu cá nhân)
        #[arg(long)]
        full: bool,
    },
    /// Try a dead letter again, at once (gửi lại)
    Retry {
        /// `channels/{channel}/deliveries/{delivery}`, or `{channel}/{delivery}`
        delivery: String,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only this channel's (kênh)
    #[arg(long)]
    channel: Option<String>,
    /// Only in this state (trạng thái)
    #[arg(long, value_parser = contract::names("DeliveryState"))]
    state: Option<String>,
    /// Only of this petition (phản ánh, kiến nghị)
    #[arg(long)]
    petition: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

impl Delivery {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let gateway = self.connection.open().await?;
        match self.command {
            Command::List(list) => list.run(gateway, output).await,
            Command::Show { delivery, full } => show(gateway, &delivery, Privacy::from_flag(full), output).await,
            Command::Retry { delivery } => retry(gateway, &delivery, output).await,
        }
    }
}

impl List {
    async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut progress = self.paging.begin();
        let mut records = Vec::new();
        loop {
            let request = gateway.call(pb::ListDeliveriesRequest {
                parent: resource::channel_or_all(self.channel.as_deref()),
                page_size: progress.page_size(),
                page_token: progress.token.clone(),
                filter: self.filter(),
            });
            let page = gateway.channels.list_deliveries(request).await.map_err(Failure::read)?.into_inner();
            records.extend(page.deliveries.iter().map(|it| rendering::json(it, Privacy::Hidden)));
            if !progress.go_on(page.deliveries.len(), page.next_page_token, output) {
                break;
            }
        }
        output.list(&records, COLUMNS)
    }

    fn filter(&self) -> String {
        let state = self.state.as_ref().map(|it| format!("state = {it}"));
        let petition = self.petition.as_ref().map(|it| format!("petition = {it}"));
        state.into_iter().chain(petition).collect::<Vec<_>>().join(" AND ")
    }
}

async fn show(mut gateway: Gateway, delivery: &str, privacy: Privacy, output: Output) -> Result<(), Failure> {
    let request = gateway.call(pb::GetDeliveryRequest { name: resource::delivery(delivery) });
    let answer = gateway.channels.get_delivery(request).await.map_err(Failure::read)?.into_inner();
    output.record(&rendering::json(&answer.delivery.unwrap_or_default(), privacy))
}

async fn retry(mut gateway: Gateway, delivery: &str, output: Output) -> Result<(), Failure> {
    let name = resource::delivery(delivery);
    let request_id = gateway.request_id.to_string();
    let request = gateway.call(pb::RetryDeliveryRequest { name: name.clone(), request_id });
    let answer = gateway.channels.retry_delivery(request).await.map_err(Failure::change(gateway.request_id))?;
    if output.json {
        return output.record(&rendering::json(&answer.into_inner().delivery.unwrap_or_default(), Privacy::Hidden));
    }
    output.say(&said!("{name} đang chờ gửi lại", "{name} is pending again"))
}
