//! Far sides that do what they are asked and do not say so: what may have arrived is never sent again blindly.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use petition_gateway::pb::{self, get_dossier_response::Part, petition_event::Change};

use crate::support::{Ministry, World, WorldSettings, eventually, new_request_id, serve_router, signed};

/// How the far side answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// As it should.
    Well,
    /// It takes the message, and the connection ends within its answer.
    CutOff,
    /// It takes the message, and fails.
    ErrorAfterCommit,
    /// It takes nothing.
    Down,
    /// It takes nothing, and says when to come back.
    TooMany,
    /// It takes every message, and never says so of the first.
    HangsOnce,
}

/// A portal that counts what took effect.
#[derive(Debug, Default)]
struct Books {
    mood: Option<Mood>,
    /// What it says when it is asked whether it has a message; without a word it cannot be asked.
    knows: Option<bool>,
    /// The keys of the messages that took effect, each time.
    taken: Vec<String>,
    /// How many messages were tried, and how many questions asked.
    tried: usize,
    asked: usize,
    /// How often it was probed while it was down.
    probed: usize,
}

type Portal = Arc<Mutex<Books>>;

async fn play(State(portal): State<Portal>, request: Request) -> Response {
    let answer = judge(&portal, &request);
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// What is answered; `None` for ever.
fn judge(portal: &Portal, request: &Request) -> Option<Response> {
    let mut books = portal.lock().unwrap();
    let mood = books.mood.unwrap_or(Mood::Well);
    if request.method() == Method::GET {
        if mood == Mood::Down {
            books.probed += 1;
            return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        let is_question = request.uri().path().contains("/pakn/");
        books.asked += usize::from(is_question);
        let answer = match books.knows {
            Some(knows) => format!(r#"{{"daNhan": {knows}, "maThamChieu": "TC-1"}}"#).into_response(),
            None if is_question => StatusCode::NOT_FOUND.into_response(),
            None => "{\"danhSach\": []}".into_response(),
        };
        return Some(answer);
    }
    books.tried += 1;
    let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
    match mood {
        Mood::Down => return Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        Mood::TooMany => return Some((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")]).into_response()),
        Mood::Well | Mood::CutOff | Mood::ErrorAfterCommit | Mood::HangsOnce => books.taken.push(key),
    }
    let is_first = books.tried == 1;
    Some(match mood {
        Mood::CutOff => {
            let pieces = [Ok(Bytes::from_static(b"{\"maTham")), Err(std::io::Error::other("cut off"))];
            Body::from_stream(futures::stream::iter(pieces)).into_response()
        }
        Mood::ErrorAfterCommit => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::HangsOnce if is_first => return None,
        _ => r#"{"maThamChieu": "TC-1"}"#.into_response(),
    })
}

/// A gateway whose portal is of this mood and guarantees that.
struct Scene {
    world: World,
    portal: Portal,
    ministry: Ministry,
}

impl Scene {
    async fn begin(mood: Mood, guarantees: &str) -> Scene {
        let portal = Portal::default();
        portal.lock().unwrap().mood = Some(mood);
        let address = serve_router(Router::new().fallback(play).with_state(Arc::clone(&portal))).await;
        let more = format!(
            "[outbound.breaker]\nfailures = 3\npause_min_seconds = 1\npause_max_seconds = 2\n\
             [channels.portal]\nkind = \"government-portal\"\nbase_url = \"http://{address}\"\nauth.type = \"none\"\n\
             push.hmac_secret_file = \"push.secret\"\npoll.enabled = false\n{guarantees}"
        );
        // As short as it may be: what hangs is cut off soon.
        let outbound = "lease_seconds = 5";
        let world = World::with(WorldSettings { outbound, more, ..WorldSettings::default() }).await;
        let ministry = world.ministry().await;
        Scene { world, portal, ministry }
    }

    fn set(&self, mood: Mood, knows: Option<bool>) {
        let mut books = self.portal.lock().unwrap();
        (books.mood, books.knows) = (Some(mood), knows);
    }

    fn tried(&self) -> usize {
        self.portal.lock().unwrap().tried
    }

    fn asked(&self) -> usize {
        self.portal.lock().unwrap().asked
    }

    /// A petition that the portal pushes; its name.
    async fn petition(&self, id: &str) -> String {
        let body = serde_json::json!({
            "maPAKN": id, "phienBan": 1, "loaiPAKN": "3", "tieuDe": "Hỏi", "noiDung": "Xin hỏi về trợ cấp.",
            "linhVuc": {"ma": "BHTN", "ten": "Bảo hiểm thất nghiệp"},
            "nguoiGui": {"loai": "1", "hoTen": "Trần Thị B", "anDanh": false},
            "coQuanTiepNhan": "000.00.00.G07", "coQuanChuyen": "000.00.00.G22",
            "ngayGui": "2019-12-06T09:15:00+07:00", "ngayChuyen": "2019-12-06T16:22:00+07:00", "trangThai": "02",
        });
        let address = format!("{}/pakn", self.world.push_address("portal"));
        let request = reqwest::Client::new().post(address).header("content-type", "application/json");
        let answer = signed(request, body.to_string().into_bytes()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
        self.ministry.clone().find(id).await.unwrap().name
    }

    /// A petition of which the portal is told that it was accepted.
    async fn accepted(&self, id: &str) -> String {
        let name = self.petition(id).await;
        self.ministry.clone().accept(&name).await;
        name
    }

    /// The ministry answers with a file; its digest.
    async fn answered_with_a_file(&self, name: &str) -> String {
        use pb::upload_attachment_request::Part;
        let header = pb::UploadHeader { request_id: new_request_id(), ..Default::default() };
        let parts = [Part::Header(header), Part::Chunk(Bytes::from_static(b"%PDF-1.4 noi dung"))];
        let parts = parts.map(|part| pb::UploadAttachmentRequest { part: Some(part) });
        let mut petitions = self.ministry.clone().petitions;
        let sha256 = petitions.upload_attachment(futures::stream::iter(parts)).await.unwrap().into_inner().sha256;
        let file = pb::Attachment {
            file_name: "tra-loi.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            sha256: sha256.clone(),
            ..Default::default()
        };
        let request = pb::AnswerPetitionRequest {
            name: name.to_owned(),
            request_id: new_request_id(),
            text: "Bộ xin trả lời.".to_owned(),
            resolution: pb::ResolutionClass::Explained.into(),
            attachments: vec![file],
            ..Default::default()
        };
        petitions.answer_petition(request).await.unwrap();
        sha256
    }

    async fn deliveries(&self) -> Vec<pb::Delivery> {
        let request = pb::ListDeliveriesRequest { parent: "channels/portal".to_owned(), ..Default::default() };
        let mut found = self.ministry.clone().channels.list_deliveries(request).await.unwrap().into_inner().deliveries;
        found.reverse();
        found
    }

    /// Waits until the deliveries stand so, oldest first.
    async fn until(&self, states: &[pb::DeliveryState]) -> Vec<pb::Delivery> {
        eventually(&format!("the deliveries are {states:?}"), || async {
            let found = self.deliveries().await;
            (found.iter().map(pb::Delivery::state).eq(states.iter().copied())).then_some(found)
        })
        .await
    }

    async fn channel(&self) -> pb::Channel {
        let request = pb::GetChannelRequest { name: "channels/portal".to_owned() };
        self.ministry.clone().channels.get_channel(request).await.unwrap().into_inner().channel.unwrap()
    }

    async fn resolve(&self, delivery: &pb::Delivery, outcome: pb::ParkedOutcome) -> pb::ResolveDeliveryResponse {
        let request = pb::ResolveDeliveryRequest {
            name: delivery.name.clone(),
            request_id: new_request_id(),
            outcome: outcome.into(),
            reason: "đã xem trên cổng của đối tác".to_owned(),
        };
        let first = self.ministry.clone().channels.resolve_delivery(request.clone()).await.unwrap().into_inner();
        let again = self.ministry.clone().channels.resolve_delivery(request).await.unwrap().into_inner();
        assert!(!first.duplicate && again.duplicate, "the same call again is the same answer");
        first
    }

    /// What happened to deliveries of a petition, as its dossier tells it.
    async fn noted(&self, name: &str) -> Vec<&'static str> {
        let request = pb::GetDossierRequest { name: name.to_owned() };
        let mut parts = self.ministry.clone().petitions.get_dossier(request).await.unwrap().into_inner();
        let mut noted = Vec::new();
        while let Some(part) = parts.message().await.unwrap() {
            let Some(Part::Event(pb::PetitionEvent { change: Some(change), .. })) = part.part else { continue };
            match change {
                Change::DeliveryFailed(_) => noted.push("failed"),
                Change::DeliveryParked(it) if it.errand == "accepted" && !it.reason.is_empty() => noted.push("parked"),
                Change::DeliveryResolved(it) if it.reason.contains("đã xem") => noted.push("resolved"),
                _ => {}
            }
        }
        noted
    }
}

const NO_KEYS: &str = "guarantees.honours_key = false\n";
const NOTHING: &str = "guarantees = { honours_key = false, answers_by_reference = false }\n";

use pb::DeliveryState::{DeadLetter, Delivered, Parked, Pending};

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_sent_again_under_its_key_where_keys_are_honoured() {
    for mood in [Mood::CutOff, Mood::ErrorAfterCommit] {
        let scene = Scene::begin(mood, "").await;
        let name = scene.accepted("PAKN-2019-1000001").await;
        eventually("it is tried, and in doubt", || async {
            scene.deliveries().await.first().filter(|it| it.in_doubt).map(drop)
        })
        .await;
        scene.set(Mood::Well, None);
        scene.until(&[Delivered]).await;
        let taken = scene.portal.lock().unwrap().taken.clone();
        assert!(taken.len() >= 2 && taken.iter().all(|key| *key == taken[0]), "{taken:?}");
        assert_eq!((scene.asked(), scene.noted(&name).await), (0, Vec::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_asked_for_and_not_sent_again_where_the_far_side_has_it() {
    for mood in [Mood::CutOff, Mood::ErrorAfterCommit] {
        let scene = Scene::begin(mood, NO_KEYS).await;
        scene.portal.lock().unwrap().knows = Some(true);
        scene.accepted("PAKN-2019-1000002").await;
        let delivered = scene.until(&[Delivered]).await.remove(0);
        assert_eq!((scene.tried(), scene.asked()), (1, 1));
        assert_eq!(delivered.remote_reference, "TC-1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_far_side_says_it_does_not_have_is_sent_again() {
    let scene = Scene::begin(Mood::CutOff, NO_KEYS).await;
    scene.portal.lock().unwrap().knows = Some(false);
    scene.accepted("PAKN-2019-1000003").await;
    eventually("it is asked and tried again", || async { (scene.tried() > 1 && scene.asked() > 0).then_some(()) })
        .await;
    scene.set(Mood::Well, Some(false));
    scene.until(&[Delivered]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_parked_and_holds_its_lane_until_a_person_says_that_it_arrived() {
    let scene = Scene::begin(Mood::CutOff, NOTHING).await;
    let name = scene.accepted("PAKN-2019-1000004").await;
    scene.until(&[Parked]).await;
    scene.set(Mood::Well, None);
    scene.ministry.clone().assign(&name).await;
    let other = scene.accepted("PAKN-2019-1000005").await;
    let found = scene.until(&[Parked, Pending, Delivered]).await;
    assert_eq!(scene.tried(), 2, "nothing overtakes what is parked, and another petition goes on");
    let channel = scene.channel().await;
    assert_eq!((channel.parked_delivery_count, channel.pending_delivery_count), (1, 1));
    let retry = pb::RetryDeliveryRequest { name: found[0].name.clone(), request_id: new_request_id() };
    let refused = scene.ministry.clone().channels.retry_delivery(retry).await.unwrap_err();
    assert!(refused.message().contains("parked"), "{refused}");

    scene.resolve(&found[0], pb::ParkedOutcome::Delivered).await;
    scene.until(&[Delivered, Delivered, Delivered]).await;
    assert_eq!(scene.tried(), 3);
    assert_eq!(scene.noted(&name).await, ["parked", "resolved"]);
    assert_eq!(scene.noted(&other).await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_is_sent_again_when_a_person_says_that_it_did_not_arrive() {
    let scene = Scene::begin(Mood::ErrorAfterCommit, NOTHING).await;
    let name = scene.accepted("PAKN-2019-1000006").await;
    let parked = scene.until(&[Parked]).await.remove(0);
    scene.set(Mood::Well, None);
    scene.resolve(&parked, pb::ParkedOutcome::SendAgain).await;
    scene.until(&[Delivered]).await;
    assert_eq!(scene.tried(), 2);
    assert_eq!(scene.noted(&name).await, ["parked", "resolved"]);
    let late = pb::ResolveDeliveryRequest {
        name: parked.name,
        request_id: new_request_id(),
        outcome: pb::ParkedOutcome::SendAgain.into(),
        reason: "nhầm".to_owned(),
    };
    let refused = scene.ministry.clone().channels.resolve_delivery(late).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_side_that_is_down_is_left_alone_and_its_outage_uses_up_no_attempts() {
    let scene = Scene::begin(Mood::Down, "").await;
    for number in 1..=12 {
        scene.accepted(&format!("PAKN-2019-20000{number:02}")).await;
    }
    eventually("the breaker is open", || async {
        (scene.channel().await.breaker_state() == pb::BreakerState::Open).then_some(())
    })
    .await;
    let open = scene.tried();
    eventually("the breaker has probed in vain", || async { (scene.portal.lock().unwrap().probed >= 2).then_some(()) })
        .await;
    // What was under way when it opened may have ended since; nothing else was begun.
    assert!(scene.tried() <= open + 16, "{open} {}", scene.tried());
    let before: i32 = scene.deliveries().await.iter().map(|it| it.attempt_count).sum();
    scene.set(Mood::Well, None);
    let delivered = scene.until(&[Delivered; 12]).await;
    let after: i32 = delivered.iter().map(|it| it.attempt_count).sum();
    assert_eq!(after, before + 12, "each went out once more");
    assert_eq!(scene.channel().await.breaker_state(), pb::BreakerState::Shut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_side_that_says_when_to_come_back_is_left_alone_for_that_long() {
    let scene = Scene::begin(Mood::TooMany, "").await;
    scene.accepted("PAKN-2019-1000007").await;
    eventually("the channel waits", || async {
        let channel = scene.channel().await;
        (channel.breaker_state() == pb::BreakerState::Open && channel.breaker_until.is_some()).then_some(())
    })
    .await;
    scene.set(Mood::Well, None);
    scene.accepted("PAKN-2019-1000008").await;
    let delivered = scene.until(&[Delivered, Delivered]).await;
    assert_eq!(delivered.iter().map(|it| it.attempt_count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(scene.tried(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_side_that_takes_over_and_keeps_nothing_is_not_sent_to_without_end() {
    let guarantees =
        "guarantees = { honours_key = false, answers_by_reference = true, acknowledged_within = \"100ms\" }\n";
    let scene = Scene::begin(Mood::Well, guarantees).await;
    scene.portal.lock().unwrap().knows = Some(false);
    let name = scene.accepted("PAKN-2019-1000009").await;
    let given_up = scene.until(&[DeadLetter]).await.remove(0);
    // As many as the schedule has waits, and the first.
    assert_eq!((scene.tried(), given_up.in_doubt), (9, false));
    assert!(given_up.reason.contains("đã chuyển giao nhiều lần"), "{}", given_up.reason);
    assert_eq!(scene.noted(&name).await, ["failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_ours_that_is_gone_fails_its_own_delivery_and_is_not_held_against_the_far_side() {
    let scene = Scene::begin(Mood::Well, "").await;
    let name = scene.accepted("PAKN-2019-1000010").await;
    scene.until(&[Delivered]).await;
    let parent = "channels/portal".to_owned();
    let pause =
        pb::PauseChannelRequest { name: parent.clone(), request_id: new_request_id(), reason: "thử".to_owned() };
    scene.ministry.clone().channels.pause_channel(pause).await.unwrap();
    let sha256 = scene.answered_with_a_file(&name).await;
    let blobs = scene.world.folder.path().join("data/blobs");
    std::fs::remove_file(blobs.join(&sha256[..2]).join(&sha256[2..4]).join(&sha256)).unwrap();
    let resume = pb::ResumeChannelRequest { name: parent, request_id: new_request_id() };
    scene.ministry.clone().channels.resume_channel(resume).await.unwrap();
    // More failures in a row than open the breaker.
    eventually("it is tried again and again", || async {
        scene.deliveries().await.last().filter(|it| it.attempt_count >= 5).map(drop)
    })
    .await;
    assert_eq!(scene.channel().await.breaker_state(), pb::BreakerState::Shut);
    let given_up = scene.until(&[Delivered, DeadLetter]).await.remove(1);
    assert!(!given_up.in_doubt && given_up.reason.contains("blob store"), "{}", given_up.reason);
    assert_eq!(scene.tried(), 1, "only what was whole went out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_waits_for_its_turn_when_its_lease_ends_was_not_sent_and_is_not_in_doubt() {
    let limits = "[channels.portal.limits]\nconcurrency = 1\n";
    let scene = Scene::begin(Mood::HangsOnce, &format!("{NOTHING}{limits}")).await;
    for id in ["PA-31", "PA-32", "PA-33"] {
        scene.accepted(id).await;
    }
    scene.until(&[Parked, Delivered, Delivered]).await;
    assert_eq!(scene.tried(), 3, "each was sent once");
}
