//! `delivery`: what operators do with deliveries (lượt gửi) to channels: find the dead letters and the
//! parked, read why, try again or tell what became of them.

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
    /// Tell what became of a parked delivery (xác minh bản tin đang tạm giữ)
    Resolve(Resolve),
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

#[derive(Debug, Args)]
struct Resolve {
    /// `channels/{channel}/deliveries/{delivery}`, or `{channel}/{delivery}`
    delivery: String,
    /// The far side has it (đối tác đã nhận)
    #[arg(long, required_unless_present = "send_again", conflicts_with = "send_again")]
    delivered: bool,
    /// The far side does not have it: send it again (đối tác chưa nhận, gửi lại)
    #[arg(long)]
    send_again: bool,
    /// From what you know it, without personal data (căn cứ)
    #[arg(long)]
    reason: String,
}

impl Delivery {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let gateway = self.connection.open().await?;
        match self.command {
            Command::List(list) => list.run(gateway, output).await,
            Command::Show { delivery, full } => show(gateway, &delivery, Privacy::from_flag(full), output).await,
            Command::Resolve(resolve) => resolve.run(gateway, output).await,
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

impl Resolve {
    async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let name = resource::delivery(&self.delivery);
        let outcome = if self.delivered { pb::ParkedOutcome::Delivered } else { pb::ParkedOutcome::SendAgain };
        let request = gateway.call(pb::ResolveDeliveryRequest {
            name: name.clone(),
            request_id: gateway.request_id.to_string(),
            outcome: outcome.into(),
            reason: self.reason,
        });
        let answer = gateway.channels.resolve_delivery(request).await.map_err(Failure::change(gateway.request_id))?;
        if output.json {
            let delivery = answer.into_inner().delivery.unwrap_or_default();
            return output.record(&rendering::json(&delivery, Privacy::Hidden));
        }
        if self.delivered {
            return output.say(&said!("{name} đã được xác minh là đã gửi", "{name} is delivered"));
        }
        output.say(&said!("{name} đang chờ gửi lại", "{name} is pending again"))
    }
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
