//! `quarantine`: what operators do with what was refused (thông điệp bị cách ly): read why, read the bytes, take it
//! again after a mapping was mended, or put it aside.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use petition_gateway::pb;
use tokio::io::AsyncWriteExt;

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

const COLUMNS: &[&str] = &["name", "state", "external_id", "place", "fault", "message.receive_time"];

/// `quarantine …`
#[derive(Debug, Args)]
pub(crate) struct Quarantine {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What waits for a person, newest first (danh sách cách ly)
    List(List),
    /// One item with everything that is wrong with it (xem)
    Show {
        /// `channels/{channel}/quarantine/{number}.{index}`, or `{channel}/{number}.{index}`
        message: String,
        /// Also the message's bytes, as base64 in `raw` (kèm thông điệp gốc, có dữ liệu cá nhân); the reading is recorded
        #[arg(long)]
        full: bool,
        /// Write the message's bytes to this file, as they came; the reading is recorded
        #[arg(long, value_name = "FILE")]
        raw: Option<PathBuf>,
    },
    /// Decode the message again and take what can be taken now (xử lý lại)
    Reprocess {
        /// `channels/{channel}/quarantine/{number}.{index}`, or `{channel}/{number}.{index}`
        message: String,
    },
    /// Put the item aside: nobody needs to look again; the bytes stay (loại bỏ)
    Discard {
        /// `channels/{channel}/quarantine/{number}.{index}`, or `{channel}/{number}.{index}`
        message: String,
        /// Why; no personal data (lý do)
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only this channel's (kênh)
    #[arg(long)]
    channel: Option<String>,
    /// Only with this fault (mã lỗi)
    #[arg(long, value_parser = contract::names("FaultCode"))]
    code: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

impl Quarantine {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let gateway = self.connection.open().await?;
        match self.command {
            Command::List(list) => list.run(gateway, output).await,
            Command::Show { message, full, raw: None } => show(gateway, &message, full, output).await,
            Command::Show { message, raw: Some(file), .. } => save(gateway, &message, &file, output).await,
            Command::Reprocess { message } => reprocess(gateway, &message, output).await,
            Command::Discard { message, reason } => discard(gateway, &message, reason, output).await,
        }
    }
}

impl List {
    async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut progress = self.paging.begin();
        let mut records = Vec::new();
        loop {
            let request = gateway.call(pb::ListQuarantineRequest {
                parent: resource::channel_or_all(self.channel.as_deref()),
                page_size: progress.page_size(),
                page_token: progress.token.clone(),
                filter: self.code.as_ref().map(|it| format!("code = {it}")).unwrap_or_default(),
            });
            let page = gateway.channels.list_quarantine(request).await.map_err(Failure::read)?.into_inner();
            records.extend(page.messages.iter().map(|it| rendering::json(it, Privacy::Hidden)));
            if !progress.go_on(page.messages.len(), page.next_page_token, output) {
                break;
            }
        }
        output.list(&with_first_fault(records, output), COLUMNS)
    }
}

/// Tables show the first fault in one cell; programs get the list as it is.
fn with_first_fault(mut records: Vec<serde_json::Value>, output: Output) -> Vec<serde_json::Value> {
    if !output.json {
        for record in &mut records {
            record["fault"] = record["faults"][0]["message"].clone();
        }
    }
    records
}

async fn get(gateway: &mut Gateway, message: &str, raw_from: Option<i64>) -> Result<pb::QuarantinedMessage, Failure> {
    let request = gateway.call(pb::GetQuarantinedMessageRequest {
        name: resource::quarantined(message),
        include_raw: raw_from.is_some(),
        raw_offset: raw_from.unwrap_or(0),
    });
    let answer = gateway.channels.get_quarantined_message(request).await.map_err(Failure::read)?;
    Ok(answer.into_inner().message.unwrap_or_default())
}

async fn show(mut gateway: Gateway, message: &str, full: bool, output: Output) -> Result<(), Failure> {
    let message = get(&mut gateway, message, full.then_some(0)).await?;
    let mut record = rendering::json(&message, Privacy::from_flag(full));
    if !output.json && full {
        record["raw"] = String::from_utf8_lossy(&message.raw).into();
    }
    output.record(&record)
}

/// The bytes come in parts; all of them are in the file, or the file is not as long as `size_bytes` says.
async fn save(mut gateway: Gateway, message: &str, path: &std::path::Path, output: Output) -> Result<(), Failure> {
    let mut file = tokio::fs::File::create(path).await.map_err(Failure::file(path))?;
    let mut written = 0_i64;
    loop {
        let part = get(&mut gateway, message, Some(written)).await?;
        file.write_all(&part.raw).await.map_err(Failure::file(path))?;
        written += i64::try_from(part.raw.len()).expect("a part is at most 1 MiB");
        let size = part.message.as_ref().map_or(0, |it| it.size_bytes);
        if part.raw.is_empty() || written >= size {
            break;
        }
    }
    file.sync_all().await.map_err(Failure::file(path))?;
    if output.json {
        return output.record(&serde_json::json!({"file": path.display().to_string(), "size_bytes": written}));
    }
    let path = path.display();
    output.say(&said!("đã ghi {written} byte vào {path}", "{written} bytes are in {path}"))
}

async fn reprocess(mut gateway: Gateway, message: &str, output: Output) -> Result<(), Failure> {
    let name = resource::quarantined(message);
    let request_id = gateway.request_id.to_string();
    let request = gateway.call(pb::ReprocessMessageRequest { name, request_id });
    let answer = gateway.channels.reprocess_message(request).await.map_err(Failure::change(gateway.request_id))?;
    output.record(&rendering::json(&answer.into_inner(), Privacy::Hidden))
}

async fn discard(mut gateway: Gateway, message: &str, reason: String, output: Output) -> Result<(), Failure> {
    let name = resource::quarantined(message);
    let request_id = gateway.request_id.to_string();
    let request = gateway.call(pb::DiscardMessageRequest { name: name.clone(), request_id, reason });
    let answer = gateway.channels.discard_message(request).await.map_err(Failure::change(gateway.request_id))?;
    if output.json {
        return output.record(&rendering::json(&answer.into_inner().message.unwrap_or_default(), Privacy::Hidden));
    }
    output.say(&said!("{name} đã loại bỏ", "{name} is discarded"))
}
