//! `channel reconcile`, `channel differences`, `channel dismiss`: our books against the far side's (đối soát).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Args;
use petition_gateway::pb;

use super::{
    connection::Gateway,
    contract,
    failure::{Exit, Failure},
    output::{Output, Unit},
    paging::Paging,
    rendering::{self, Privacy},
    resource,
    words::{self, Said, said},
};

const COLUMNS: &[&str] =
    &["name", "kind", "state", "external_id", "petition", "delivery", "find_time", "outcome", "next_action"];

/// Runs with `--repair`, at most: what was sent again is compared again, and may have been lost again.
const ROUNDS_MAX: u32 = 3;
/// How long what was sent again is waited for before it is compared; what is not there by then is told.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it has arrived.
const LOOK: Duration = Duration::from_millis(250);
/// Differences a page.
const PAGE: i32 = 500;

/// `channel reconcile`
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// The channel's name in the configuration (kênh)
    channel: String,
    /// Repair what can be repaired, and compare again (khắc phục rồi đối soát lại)
    #[arg(long)]
    repair: bool,
}

/// `channel differences`
#[derive(Debug, Args)]
pub(crate) struct Differences {
    /// Only this channel's (kênh)
    channel: Option<String>,
    /// Only in this state (trạng thái)
    #[arg(long, default_value = "open", value_parser = contract::names("DifferenceState"))]
    state: String,
    /// Only of this kind (loại)
    #[arg(long, value_parser = contract::names("DifferenceKind"))]
    kind: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

/// `channel dismiss`
#[derive(Debug, Args)]
pub(crate) struct Dismiss {
    /// `channels/{channel}/differences/{difference}`, or `{channel}/{difference}`
    difference: String,
    /// Why it may stay, for the other operators; no personal data (lý do)
    #[arg(long)]
    reason: String,
}

impl Reconcile {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut round = 1;
        loop {
            let run = compare(&mut gateway, &self.channel, output).await?;
            let open = open(&mut gateway, &self.channel).await?;
            let repairable: Vec<&pb::Difference> = open.iter().filter(|it| it.repairable).collect();
            if !self.repair || repairable.is_empty() || round > ROUNDS_MAX || !run.failure.is_empty() {
                return tell(&run, &open, output);
            }
            repair(&mut gateway, &self.channel, output).await?;
            settled(&mut gateway, &repairable).await?;
            round += 1;
        }
    }
}

/// Has the channel compared, and waits for the end.
async fn compare(gateway: &mut Gateway, channel: &str, output: Output) -> Result<pb::Reconciliation, Failure> {
    let request_id = uuid::Uuid::now_v7();
    let request = pb::ReconcileChannelRequest { name: resource::channel(channel), request_id: request_id.to_string() };
    let request = gateway.call(request);
    let answer = gateway.channels.reconcile_channel(request).await.map_err(Failure::change(request_id))?;
    let (mut stream, bar) = (answer.into_inner(), output.progress(None, Unit::Items));
    let mut last = pb::Reconciliation::default();
    while let Some(told) = stream.message().await.map_err(Failure::change(request_id))? {
        last = told.reconciliation.unwrap_or_default();
        bar.set_position(u64::try_from(last.listed_count + last.compared_count).unwrap_or_default());
    }
    bar.finish_and_clear();
    Ok(last)
}

async fn open(gateway: &mut Gateway, channel: &str) -> Result<Vec<pb::Difference>, Failure> {
    let (mut differences, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = gateway.call(pb::ListDifferencesRequest {
            parent: resource::channel(channel),
            page_size: PAGE,
            page_token: std::mem::take(&mut page_token),
            filter: "state = open".to_owned(),
        });
        let page = gateway.channels.list_differences(request).await.map_err(Failure::read)?.into_inner();
        differences.extend(page.differences);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(differences);
        }
    }
}

async fn repair(gateway: &mut Gateway, channel: &str, output: Output) -> Result<(), Failure> {
    let request_id = uuid::Uuid::now_v7();
    let request = gateway.call(pb::RepairDifferencesRequest {
        parent: resource::channel(channel),
        request_id: request_id.to_string(),
        ..pb::RepairDifferencesRequest::default()
    });
    let answer = gateway.channels.repair_differences(request).await.map_err(Failure::change(request_id))?;
    let (mut stream, bar) = (answer.into_inner(), output.progress(None, Unit::Items));
    let mut last = pb::RepairDifferencesResponse::default();
    while let Some(told) = stream.message().await.map_err(Failure::change(request_id))? {
        bar.set_position(u64::try_from(told.repaired_count + told.failed_count).unwrap_or_default());
        last = told;
    }
    bar.finish_and_clear();
    let (repaired, failed) = (last.repaired_count, last.failed_count);
    output.note(&said!(
        "đã khắc phục {repaired} sai lệch, {failed} chưa được",
        "{repaired} differences repaired, {failed} could not be"
    ));
    if failed > 0 {
        let why = &last.failure;
        output.note(&said!("lần cuối: {why}", "the last one: {why}"));
    }
    Ok(())
}

/// Waits until what was sent again has come to an end.
async fn settled(gateway: &mut Gateway, repaired: &[&pb::Difference]) -> Result<(), Failure> {
    let give_up_at = Instant::now() + SETTLE_LIMIT;
    for delivery in repaired.iter().map(|it| &it.delivery).filter(|it| !it.is_empty()) {
        loop {
            let request = gateway.call(pb::GetDeliveryRequest { name: delivery.clone() });
            let answer = gateway.channels.get_delivery(request).await.map_err(Failure::read)?.into_inner();
            let is_over = answer.delivery.is_none_or(|it| it.state() != pb::DeliveryState::Pending);
            if is_over || Instant::now() > give_up_at {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Tells what differs; the exit code says whether anything does.
fn tell(run: &pb::Reconciliation, open: &[pb::Difference], output: Output) -> Result<(), Failure> {
    if output.json {
        output.record(&rendering::json(run, Privacy::Hidden))?;
        open.iter().try_for_each(|it| output.record(&rendering::json(it, Privacy::Hidden)))?;
    } else {
        say(run, open, output)?;
    }
    match run.failure.is_empty() {
        false => Err(Failure::Told(Exit::TryAgain)),
        true if open.is_empty() => Ok(()),
        true => Err(Failure::Told(Exit::Damaged)),
    }
}

fn say(run: &pb::Reconciliation, open: &[pb::Difference], output: Output) -> Result<(), Failure> {
    if !run.failure.is_empty() {
        let why = &run.failure;
        return output.say(&said!("không đối soát được: {why}", "the reconciliation failed: {why}"));
    }
    let (listed, compared, asked, count) = (run.listed_count, run.compared_count, run.asked_count, open.len());
    output.say(&said!(
        "đối tác liệt kê {listed}, đã so {compared} phản ánh, hỏi về {asked} lượt gửi: {count} sai lệch",
        "{listed} listed there, {compared} petitions compared, {asked} deliveries asked about: {count} differences"
    ))?;
    if open.is_empty() {
        return Ok(());
    }
    let mut kinds = BTreeMap::<i32, (usize, &pb::Difference)>::new();
    for difference in open {
        kinds.entry(difference.kind).or_insert((0, difference)).0 += 1;
    }
    let rows = kinds.values().map(|(count, it)| {
        let kind = it.kind().as_str_name().trim_start_matches("DIFFERENCE_KIND_").to_ascii_lowercase();
        vec![words::value(&kind, output.lang), count.to_string(), it.next_action.clone()]
    });
    let heading = |vi: &str, en: &str| Said::of(vi.to_owned(), en.to_owned()).in_lang(output.lang).to_owned();
    let headings =
        vec![heading("Sai lệch", "Difference"), heading("Số", "Count"), heading("Việc cần làm", "Next action")];
    output.table(headings, rows.collect())
}

impl Differences {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut progress = self.paging.begin();
        let mut records = Vec::new();
        let kind = self.kind.as_ref().map(|it| format!(" AND kind = {it}")).unwrap_or_default();
        loop {
            let request = gateway.call(pb::ListDifferencesRequest {
                parent: resource::channel_or_all(self.channel.as_deref()),
                page_size: progress.page_size(),
                page_token: progress.token.clone(),
                filter: format!("state = {}{kind}", self.state),
            });
            let page = gateway.channels.list_differences(request).await.map_err(Failure::read)?.into_inner();
            records.extend(page.differences.iter().map(|it| rendering::json(it, Privacy::Hidden)));
            if !progress.go_on(page.differences.len(), page.next_page_token, output) {
                break;
            }
        }
        output.list(&records, COLUMNS)
    }
}

impl Dismiss {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let name = resource::difference(&self.difference);
        let request_id = gateway.request_id.to_string();
        let request = pb::DismissDifferenceRequest { name: name.clone(), request_id, reason: self.reason };
        let request = gateway.call(request);
        let answer = gateway.channels.dismiss_difference(request).await.map_err(Failure::change(gateway.request_id))?;
        if output.json {
            let difference = answer.into_inner().difference.unwrap_or_default();
            return output.record(&rendering::json(&difference, Privacy::Hidden));
        }
        output.say(&said!("{name} đã được bỏ qua", "{name} is dismissed"))
    }
}
