//! Gathers the store's side of the evidence, all of it through gRPC, as an operator sees it.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use tonic::{Status, transport::Channel};

use super::{
    DemoError,
    audit::{Evidence, FarSideSaid, Quarantined, Recorded, Undelivered, Waiting},
    ministry::books::Books,
    operator::{Operator, within_limit},
    reading,
};
use crate::pb::{self, get_dossier_response::Part, petition_service_client::PetitionServiceClient};

/// Petitions on a page.
const PAGE: i32 = 200;

/// Dossiers that are read at the same time.
const DOSSIERS_AT_ONCE: usize = 8;

/// Every so many petitions one is also asked for alone.
const ASKED_ALONE: usize = 10;

/// Everything that was said: the store's side through one gateway, the far sides' as given, the ministry's from its books.
///
/// # Errors
/// The gateway cannot be asked.
pub async fn evidence(operator: &Operator, far_sides: Vec<FarSideSaid>, books: &Books) -> Result<Evidence, DemoError> {
    let petitions = petitions(operator).await?;
    let quarantine = quarantine(operator).await?;
    let undelivered = undelivered(operator).await?;
    let pages = books.open();
    let (handled, watched) = (pages.handled.clone(), pages.watched.clone());
    Ok(Evidence { far_sides, petitions, quarantine, undelivered, handled, watched })
}

/// Every petition with its dossier.
async fn petitions(operator: &Operator) -> Result<Vec<Recorded>, DemoError> {
    let listed = list(&operator.petitions).await.map_err(DemoError::call("ListPetitions"))?;
    let one = |(at, listed): (usize, pb::Petition)| {
        let client = operator.petitions.clone();
        async move { one(client, listed, at.is_multiple_of(ASKED_ALONE)).await }
    };
    let recorded = stream::iter(listed.into_iter().enumerate()).map(one).buffer_unordered(DOSSIERS_AT_ONCE);
    let mut recorded: Vec<Recorded> = recorded.try_collect().await.map_err(DemoError::call("GetDossier"))?;
    recorded.sort_by(|a, b| (&a.channel, &a.external_id).cmp(&(&b.channel, &b.external_id)));
    Ok(recorded)
}

async fn list(client: &PetitionServiceClient<Channel>) -> Result<Vec<pb::Petition>, Status> {
    let mut client = client.clone();
    let mut petitions = Vec::new();
    let mut page_token = String::new();
    loop {
        let view = pb::PetitionView::Full.into();
        let order_by = "receive_time".to_owned();
        let request = pb::ListPetitionsRequest { page_size: PAGE, page_token, order_by, view, ..Default::default() };
        let page = client.list_petitions(within_limit(request)).await?.into_inner();
        petitions.extend(page.petitions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(petitions);
        }
    }
}

/// One petition: its dossier, compared with the list and, now and then, with the single look.
async fn one(
    mut client: PetitionServiceClient<Channel>,
    listed: pb::Petition,
    asked_alone: bool,
) -> Result<Recorded, Status> {
    let name = listed.name.clone();
    let mut dossier = client.get_dossier(pb::GetDossierRequest { name: name.clone() }).await?.into_inner();
    let (mut petition, mut events, mut files_missing) = (None, Vec::new(), 0);
    while let Some(message) = dossier.message().await? {
        match message.part {
            Some(Part::Petition(it)) => petition = Some(it),
            Some(Part::Attachment(it)) => files_missing += u32::from(!it.held),
            Some(Part::Event(it)) => events.push((u64::try_from(it.seq).unwrap_or_default(), reading::happening(&it))),
            Some(Part::Delivery(_) | Part::Item(_)) | None => {}
        }
    }
    let mut looks_agree = petition.as_ref() == Some(&listed);
    if asked_alone {
        let request = pb::GetPetitionRequest { name, view: pb::PetitionView::Full.into() };
        let alone = client.get_petition(within_limit(request)).await?.into_inner().petition;
        looks_agree &= alone == petition;
    }
    Ok(Recorded { events, files_missing, looks_agree, ..recorded(petition.unwrap_or(listed)) })
}

fn recorded(petition: pb::Petition) -> Recorded {
    Recorded {
        id: reading::id_of(&petition.name).to_owned(),
        channel: reading::id_of(&petition.channel).to_owned(),
        revision: u64::try_from(petition.revision).unwrap_or_default(),
        version: u64::try_from(petition.version).unwrap_or_default(),
        status: reading::status_name(petition.status),
        answer_sha256: petition.answer.as_ref().map(|answer| reading::sha256(&answer.text)),
        class: petition.answer.as_ref().and_then(|answer| reading::class(answer.resolution)),
        forwarded_to: petition.forwarded_to.map(|agency| agency.code),
        rating: reading::score(petition.rating.as_ref()),
        external_id: petition.external_id,
        events: Vec::new(),
        files_missing: 0,
        looks_agree: true,
    }
}

/// What stands in quarantine, on all channels.
async fn quarantine(operator: &Operator) -> Result<Vec<Quarantined>, DemoError> {
    let mut client = operator.channels.clone();
    let mut items = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            pb::ListQuarantineRequest { parent: ALL.to_owned(), page_size: PAGE, page_token, ..Default::default() };
        let page = client.list_quarantine(within_limit(request)).await.map_err(DemoError::call("ListQuarantine"))?;
        let page = page.into_inner();
        items.extend(page.messages.into_iter().map(quarantined));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(items);
        }
    }
}

const ALL: &str = "channels/-";

fn quarantined(item: pb::QuarantinedMessage) -> Quarantined {
    let mut reasons: Vec<String> = item.faults.iter().map(|fault| fault_name(fault.code())).collect();
    reasons.dedup();
    Quarantined {
        channel: channel_of(&item.name),
        name: item.name,
        external_id: Some(item.external_id).filter(|id| !id.is_empty()),
        reasons,
    }
}

fn fault_name(code: pb::FaultCode) -> String {
    code.as_str_name().trim_start_matches("FAULT_CODE_").to_ascii_lowercase()
}

/// The channel in `channels/portal/quarantine/2.0`.
fn channel_of(name: &str) -> String {
    name.split('/').nth(1).unwrap_or_default().to_owned()
}

/// Deliveries that wait or are given up, on all channels.
async fn undelivered(operator: &Operator) -> Result<Vec<Undelivered>, DemoError> {
    let mut deliveries = Vec::new();
    for state in [Waiting::Pending, Waiting::DeadLetter] {
        let mut client = operator.channels.clone();
        let mut page_token = String::new();
        loop {
            let filter = format!("state = {}", state.as_str());
            let request = pb::ListDeliveriesRequest { parent: ALL.to_owned(), page_size: PAGE, page_token, filter };
            let page =
                client.list_deliveries(within_limit(request)).await.map_err(DemoError::call("ListDeliveries"))?;
            let page = page.into_inner();
            deliveries.extend(page.deliveries.into_iter().map(|it| undelivered_one(it, state)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    Ok(deliveries)
}

fn undelivered_one(delivery: pb::Delivery, state: Waiting) -> Undelivered {
    Undelivered {
        channel: channel_of(&delivery.name),
        name: delivery.name,
        external_id: delivery.external_id,
        state,
        reason: delivery.reason,
    }
}

/// How many petitions of each channel are answered, by the list alone; for what is counted while all goes on.
pub(super) fn answered_by_channel<'a>(
    handled: impl Iterator<Item = &'a super::audit::Handled>,
) -> HashMap<String, u64> {
    let mut answered = HashMap::new();
    for page in handled.filter(|it| it.answer_sha256.is_some()) {
        *answered.entry(page.channel.clone()).or_default() += 1;
    }
    answered
}
