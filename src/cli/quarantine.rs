//! `quarantine`: what operators do with what was refused (thông điệp bị cách ly): search it, read why, read the bytes, take it
//! again after a mapping was mended (one, or all of a reason), or put it aside.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use petition_gateway::pb;
use tokio::io::AsyncWriteExt;

use super::{
    connection::{Connection, Gateway},
    contract,
    failure::Failure,
    output::{Output, Unit},
    page,
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
    /// Decode again and take what can be taken now: one message, or all that are chosen (xử lý lại)
    ///
    /// Of many, each is for itself, oldest first. Stopped at any moment, the same command goes on with what is left.
    Reprocess(Reprocess),
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
    #[command(flatten)]
    chosen: Chosen,
    /// In quarantine, or put aside (trạng thái)
    #[arg(long, value_parser = ["quarantined", "discarded"])]
    state: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

/// `quarantine reprocess`
#[derive(Debug, Args)]
struct Reprocess {
    /// `channels/{channel}/quarantine/{number}.{index}`, or `{channel}/{number}.{index}`; instead, choose many below
    #[arg(conflicts_with_all = ["Chosen", "all", "dry_run"])]
    message: Option<String>,
    #[command(flatten)]
    chosen: Chosen,
    /// Everything that is in quarantine (tất cả)
    #[arg(long, conflicts_with = "Chosen")]
    all: bool,
    /// Only tell how many it would be, by reason (chỉ đếm)
    #[arg(long)]
    dry_run: bool,
}

/// Which of them; all that is given must hold.
#[derive(Debug, Args)]
struct Chosen {
    /// Only this channel's (kênh)
    #[arg(long)]
    channel: Option<String>,
    /// Only with this fault (mã lỗi)
    #[arg(long, value_parser = contract::names("FaultCode"))]
    code: Option<String>,
    /// Only where the place in the message begins so, such as danhSach[3] (vị trí)
    #[arg(long)]
    place: Option<String>,
    /// Only what the far side calls so (mã của đối tác)
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Only what came by this path or feed (đường đến)
    #[arg(long)]
    route: Option<String>,
    /// Only of messages that arrived on or after: 2026-01-31, or 2026-01-31T07:00:00Z (từ)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only of messages that arrived before (trước)
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

impl Chosen {
    fn parent(&self) -> String {
        resource::channel_or_all(self.channel.as_deref())
    }

    /// As the contract's filters are written.
    fn filter(&self) -> String {
        let conditions = [
            ("code =", &self.code),
            ("place =", &self.place),
            ("external_id =", &self.external_id),
            ("route =", &self.route),
            ("receive_time >=", &self.from),
            ("receive_time <", &self.before),
        ];
        let given = conditions.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        given.map(|(key, value)| format!("{key} {}", quoted(value))).collect::<Vec<_>>().join(" AND ")
    }

    fn is_given(&self) -> bool {
        self.channel.is_some() || !self.filter().is_empty()
    }
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Quarantine {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let gateway = self.connection.open().await?;
        match self.command {
            Command::List(list) => list.run(gateway, output).await,
            Command::Show { message, full, raw: None } => show(gateway, &message, full, output).await,
            Command::Show { message, raw: Some(file), .. } => save(gateway, &message, &file, output).await,
            Command::Reprocess(reprocess) => reprocess.run(gateway, output).await,
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
                parent: self.chosen.parent(),
                page_size: progress.page_size(),
                page_token: progress.token.clone(),
                filter: self.filter(),
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

impl List {
    fn filter(&self) -> String {
        match (&self.state, self.chosen.filter()) {
            (None, filter) => filter,
            (Some(state), filter) if filter.is_empty() => format!("state = {state}"),
            (Some(state), filter) => format!("state = {state} AND {filter}"),
        }
    }
}

impl Reprocess {
    async fn run(self, gateway: Gateway, output: Output) -> Result<(), Failure> {
        match &self.message {
            Some(message) => reprocess(gateway, message, output).await,
            None if self.all || self.chosen.is_given() => self.many(gateway, output).await,
            None => Err(Failure::Usage(said!(
                "cho biết thông điệp nào, hoặc chọn nhiều bằng --channel, --code …, hoặc --all",
                "say which message, or choose many by --channel, --code …, or --all"
            ))),
        }
    }

    /// As long as it takes: every answer shows how far it is.
    async fn many(&self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let request = pb::ReprocessMessagesRequest {
            parent: self.chosen.parent(),
            filter: self.chosen.filter(),
            request_id: gateway.request_id.to_string(),
            validate_only: self.dry_run,
        };
        let failed = || Failure::change(gateway.request_id);
        let mut answers = gateway.channels.reprocess_messages(request).await.map_err(failed())?.into_inner();
        let bar = output.progress(None, Unit::Items);
        let mut last = pb::ReprocessMessagesResponse::default();
        while let Some(answer) = answers.message().await.map_err(failed())? {
            bar.set_position(u64::try_from(answer.matched_count).unwrap_or(0));
            last = answer;
        }
        bar.finish_and_clear();
        self.tell(&last, output)
    }

    fn tell(&self, sum: &pb::ReprocessMessagesResponse, output: Output) -> Result<(), Failure> {
        let record = rendering::json(sum, Privacy::Hidden);
        if output.json {
            return output.record(&record);
        }
        let count = |name: &str| page::cell(&record, name, output.lang);
        let matched = count("matched_count");
        if self.dry_run {
            output.say(&said!("sẽ xử lý lại {matched} mục", "{matched} item(s) would be processed again"))?;
        } else {
            let (taken, had) = (count("taken_count"), count("already_had_count"));
            let (refused, skipped) = (count("refused_count"), count("skipped_count"));
            output.say(&said!(
                "đã xử lý lại {matched} mục: đã nhận {taken} · đã có {had} · vẫn bị từ chối {refused} · bỏ qua {skipped}",
                "{matched} processed again: {taken} taken · {had} known · {refused} refused again · {skipped} passed over"
            ))?;
        }
        for it in record["fault_counts"].as_array().into_iter().flatten() {
            let (code, count) = (page::cell(it, "code", output.lang), page::cell(it, "count", output.lang));
            output.line(&format!("  {code}: {count}"))?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        chosen: Chosen,
    }

    #[test]
    fn what_is_chosen_is_a_filter_of_the_contract_whatever_it_holds() {
        let line =
            ["", "--channel", "portal", "--code", "unknown_code", "--place", "danhSach[3]", "--before", "2026-02-01"];
        let Line { chosen } = Line::parse_from(line);
        assert_eq!(chosen.parent(), "channels/portal");
        let expected = "code = \"unknown_code\" AND place = \"danhSach[3]\" AND receive_time < \"2026-02-01\"";
        assert_eq!(chosen.filter(), expected);
        let Line { chosen } = Line::parse_from(["", "--external-id", "a\"b\\c"]);
        assert_eq!((chosen.filter().as_str(), chosen.is_given()), ("external_id = \"a\\\"b\\\\c\"", true));
        assert!(!Line::parse_from([""]).chosen.is_given());
    }
}
