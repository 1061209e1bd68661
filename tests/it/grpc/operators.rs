//! What operators do: channels, deliveries, quarantine.

use std::{sync::atomic::Ordering, time::Duration};

use petition_gateway::{
    clock::Clock,
    pb::{self, channel_service_client::ChannelServiceClient},
    security::Role,
    store::{Claim, Settle, Settlement},
};
use tonic::{Code, transport::Channel};

use super::{
    said::{accept, assert_refused, fields, metadata, new_id},
    served::Served,
};

const PAPER: &str = "channels/paper";

fn pause(name: &str) -> pb::PauseChannelRequest {
    pb::PauseChannelRequest { name: name.to_owned(), request_id: new_id(), reason: "Bảo trì".to_owned() }
}

fn resume(name: &str) -> pb::ResumeChannelRequest {
    pb::ResumeChannelRequest { name: name.to_owned(), request_id: new_id() }
}

fn sync(name: &str) -> pb::SyncChannelRequest {
    pb::SyncChannelRequest { name: name.to_owned(), request_id: new_id() }
}

fn list_quarantine(filter: &str) -> pb::ListQuarantineRequest {
    pb::ListQuarantineRequest { parent: PAPER.to_owned(), filter: filter.to_owned(), ..Default::default() }
}

async fn quarantine(client: &mut ChannelServiceClient<Channel>) -> Vec<pb::QuarantinedMessage> {
    client.list_quarantine(list_quarantine("")).await.unwrap().into_inner().messages
}

/// A petition of the paper channel that was accepted: one delivery is pending.
async fn one_delivery(served: &Served) -> String {
    served.push("PA-1|Một").await;
    let found = served.store.petition_get_by_external_id("paper", "PA-1").await.unwrap().unwrap();
    let name = format!("petitions/{}", found.id);
    served.petitions().await.accept_petition(accept(&name)).await.unwrap();
    name
}

/// Claims the delivery that is due, and settles it.
async fn settle(served: &Served, settlement: Settlement) {
    let claim = Claim { lease: Duration::from_secs(60), limit: 1, room_of: std::collections::BTreeMap::new() };
    let claimed = served.committer.claim(claim).await.unwrap().remove(0);
    let settle = Settle { id: claimed.delivery.id, lease: claimed.lease, settlement };
    assert!(served.committer.settle(settle).await.unwrap());
}

#[tokio::test]
async fn a_gateway_that_has_its_store_to_itself_is_listed_with_every_channel() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    let gateways = crate::grpc::served::eventually(async || {
        let answer = client.clone().list_gateways(pb::ListGatewaysRequest {}).await.unwrap().into_inner();
        answer.gateways.iter().all(|it| !it.channels.is_empty()).then_some(answer.gateways)
    })
    .await;
    let [gateway] = &gateways[..] else { panic!("there is one: {gateways:?}") };
    assert!(gateway.self_);
    assert_eq!((gateway.node.as_str(), &gateway.channels), ("gw", &vec!["channels/paper".to_owned()]));
    client.get_channel(pb::GetChannelRequest { name: "channels/paper".to_owned() }).await.unwrap();
}

#[tokio::test]
async fn channels_are_listed_with_what_is_known_of_them() {
    let served = Served::new().await;
    served.push("PA-1|Một\nPA-2|").await;
    served.channels.get("paper").unwrap().failed("deliveries", served.clock.now(), "HTTP 503".to_owned());
    let mut client = served.operators().await;
    let channels = client.list_channels(pb::ListChannelsRequest {}).await.unwrap().into_inner().channels;
    let names: Vec<_> = channels.iter().map(|it| (it.name.as_str(), it.kind.as_str())).collect();
    assert_eq!(names, [("channels/direct", "direct"), (PAPER, "paper")]);
    let paper = &channels[1];
    assert_eq!(paper.state(), pb::ChannelState::Active);
    assert_eq!((paper.petition_count, paper.quarantined_count), (1, 1));
    assert_eq!((paper.far_side(), paper.last_fault.as_str()), (pb::FarSideState::Failing, "deliveries: HTTP 503"));
    assert_eq!(paper.feeds[0].interval.as_ref().unwrap().seconds, 300);
    let get = |name: &str| pb::GetChannelRequest { name: name.to_owned() };
    let got = client.get_channel(get(PAPER)).await.unwrap().into_inner().channel.unwrap();
    assert_eq!(&got, paper);
    assert_refused(client.get_channel(get("channels/nobody")).await, Code::NotFound, "CHANNEL_NOT_FOUND");
    assert_refused(client.get_channel(get("paper")).await, Code::InvalidArgument, "INVALID_REQUEST");
}

#[tokio::test]
async fn a_channel_is_paused_and_resumed_and_a_repeat_is_told() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    let first = client.pause_channel(pause(PAPER)).await.unwrap().into_inner();
    let channel = first.channel.unwrap();
    assert!(!first.duplicate && channel.state() == pb::ChannelState::Paused);
    assert_eq!(channel.pause_reason, "Bảo trì (loopback)");
    assert!(client.pause_channel(pause(PAPER)).await.unwrap().into_inner().duplicate);
    assert_refused(client.sync_channel(sync(PAPER)).await, Code::FailedPrecondition, "CHANNEL_PAUSED");
    let resumed = client.resume_channel(resume(PAPER)).await.unwrap().into_inner();
    assert!(!resumed.duplicate && resumed.channel.unwrap().pause_reason.is_empty());
    assert!(client.resume_channel(resume(PAPER)).await.unwrap().into_inner().duplicate);
    for name in ["channels/direct"] {
        assert_refused(client.pause_channel(pause(name)).await, Code::FailedPrecondition, "CHANNEL_NOT_PAUSABLE");
        assert_refused(client.resume_channel(resume(name)).await, Code::FailedPrecondition, "CHANNEL_NOT_PAUSABLE");
        assert_refused(client.sync_channel(sync(name)).await, Code::FailedPrecondition, "NO_FEEDS");
    }
    let reasonless = pb::PauseChannelRequest { reason: " ".to_owned(), ..pause(PAPER) };
    assert_eq!(fields(&client.pause_channel(reasonless).await.unwrap_err()), ["reason"]);
}

#[tokio::test]
async fn a_sync_wakes_the_feeds() {
    let served = Served::new().await;
    let channel = served.channels.get("paper").unwrap().clone();
    let woken = channel.sync.notified();
    tokio::pin!(woken);
    assert!(!woken.as_mut().enable());
    served.operators().await.sync_channel(sync(PAPER)).await.unwrap();
    woken.await;
}

#[tokio::test]
async fn deliveries_are_listed_shown_and_tried_again() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    let petition = one_delivery(&served).await;
    let list = |filter: &str| pb::ListDeliveriesRequest {
        parent: "channels/-".to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let found = client.list_deliveries(list("state = pending")).await.unwrap().into_inner().deliveries;
    assert_eq!((found.len(), found[0].petition.as_str()), (1, petition.as_str()));
    assert_eq!((found[0].notice(), found[0].external_id.as_str()), (pb::NoticeKind::Accepted, "PA-1"));
    let retry = || pb::RetryDeliveryRequest { name: found[0].name.clone(), request_id: new_id() };
    assert!(!client.retry_delivery(retry()).await.unwrap().into_inner().duplicate, "one that waits is hurried");

    settle(&served, Settlement::DeadLetter { reason: "HTTP 422".to_owned(), in_doubt: false }).await;
    let dead = client.list_deliveries(list("state = dead_letter")).await.unwrap().into_inner().deliveries;
    assert_eq!((dead[0].reason.as_str(), dead[0].attempt_count, dead[0].attempts.len()), ("HTTP 422", 1, 0));
    let again = client.retry_delivery(retry()).await.unwrap().into_inner();
    let delivery = again.delivery.unwrap();
    assert!(!again.duplicate && delivery.state() == pb::DeliveryState::Pending);
    assert_eq!(delivery.attempts[0].verdict(), pb::AttemptVerdict::Reject);

    settle(&served, Settlement::Delivered { remote_reference: Some("R-9".to_owned()) }).await;
    let get = pb::GetDeliveryRequest { name: found[0].name.clone() };
    let delivered = client.get_delivery(get).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!((delivered.remote_reference.as_str(), delivered.attempts.len()), ("R-9", 2));
    assert_refused(client.retry_delivery(retry()).await, Code::FailedPrecondition, "ALREADY_DELIVERED");
    let elsewhere = found[0].name.replace("paper", "direct");
    let get = pb::GetDeliveryRequest { name: elsewhere };
    assert_refused(client.get_delivery(get).await, Code::NotFound, "DELIVERY_NOT_FOUND");
    assert_refused(client.list_deliveries(list("notice = x")).await, Code::InvalidArgument, "INVALID_FILTER");
}

#[tokio::test]
async fn an_unreadable_message_is_shown_read_anew_and_taken() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    served.push("nonsense").await;
    let held = quarantine(&mut client).await.remove(0);
    assert_eq!((held.place.as_str(), held.faults[0].code()), ("", pb::FaultCode::Malformed));
    assert!(held.name.starts_with("channels/paper/quarantine/") && held.name.ends_with(".0"));

    let get = |raw_offset| pb::GetQuarantinedMessageRequest { name: held.name.clone(), include_raw: true, raw_offset };
    let shown = client.get_quarantined_message(get(3)).await.unwrap().into_inner().message.unwrap();
    assert_eq!(&shown.raw[..], b"sense");
    assert_refused(client.get_quarantined_message(get(9)).await, Code::OutOfRange, "OFFSET_BEYOND_END");

    let reprocess = || pb::ReprocessMessageRequest { name: held.name.clone(), request_id: new_id() };
    let refused = client.reprocess_message(reprocess()).await.unwrap().into_inner();
    assert_eq!((refused.taken_count, refused.refused_count), (0, 1));
    assert_eq!(refused.message.unwrap().state(), pb::ItemState::Quarantined);
    served.paper.reads_nonsense.store(true, Ordering::Relaxed);
    let taken = client.reprocess_message(reprocess()).await.unwrap().into_inner();
    assert_eq!((taken.taken_count, taken.refused_count), (2, 0));
    assert_eq!(taken.message.unwrap().state(), pb::ItemState::Taken);
    assert_eq!(quarantine(&mut client).await, []);
    let status =
        assert_refused(client.reprocess_message(reprocess()).await, Code::FailedPrecondition, "NOT_QUARANTINED");
    assert_eq!(metadata(&status, "state"), "taken");
}

#[tokio::test]
async fn a_refused_item_stands_in_quarantine_until_somebody_discards_it() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    served.push("PA-1|Một\nPA-2|\nPA-3|Ba").await;
    let held = quarantine(&mut client).await;
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].place.as_str(), held[0].external_id.as_str()), ("dong[1]", "PA-2"));
    let by_code = client.list_quarantine(list_quarantine("code = missing")).await.unwrap().into_inner().messages;
    assert_eq!(by_code, held);
    let others = client.list_quarantine(list_quarantine("code = format")).await.unwrap().into_inner().messages;
    assert_eq!(others, []);
    let discard = || pb::DiscardMessageRequest {
        name: held[0].name.clone(),
        request_id: new_id(),
        reason: "Gửi nhầm".to_owned(),
    };
    let first = client.discard_message(discard()).await.unwrap().into_inner();
    assert!(!first.duplicate);
    let message = first.message.unwrap();
    assert_eq!((message.state(), message.discard_reason.as_str()), (pb::ItemState::Discarded, "Gửi nhầm (loopback)"));
    assert!(client.discard_message(discard()).await.unwrap().into_inner().duplicate);
    assert_eq!(quarantine(&mut client).await, []);
    let taken = held[0].name.replace(".1", ".0");
    let refused = client.discard_message(pb::DiscardMessageRequest { name: taken, ..discard() }).await;
    assert_refused(refused, Code::FailedPrecondition, "NOT_QUARANTINED");
}

#[tokio::test]
async fn the_quarantine_comes_page_by_page() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    for n in 0..5 {
        served.push(&format!("PA-{n}|\nPB-{n}|")).await;
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListQuarantineRequest { page_size: 3, page_token, ..list_quarantine("") };
        let page = client.list_quarantine(request).await.unwrap().into_inner();
        seen.extend(page.messages.into_iter().map(|it| it.external_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        served.push("PC|").await;
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|it| it != "PC"));
}

#[tokio::test]
async fn raw_messages_are_for_operators_only() {
    let served = Served::to(&[Role::MinistrySystem]).await;
    served.push("nonsense").await;
    let mut client = served.operators().await;
    let name = quarantine(&mut client).await.remove(0).name;
    let get = |include_raw| pb::GetQuarantinedMessageRequest { name: name.clone(), include_raw, raw_offset: 0 };
    client.get_quarantined_message(get(false)).await.unwrap();
    let refused = client.get_quarantined_message(get(true)).await;
    let status = assert_refused(refused, Code::PermissionDenied, "ROLE_MISSING");
    assert_eq!(metadata(&status, "roles"), "operator");
    assert_refused(client.pause_channel(pause(PAPER)).await, Code::PermissionDenied, "ROLE_MISSING");
}
