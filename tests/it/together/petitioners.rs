//! Who submits petitions over gRPC, and is asked about them: each call is one intent, told again until it is answered, of
//! whichever gateway's turn it is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use petition_gateway::{
    demo::ministry::gateways::Gateways,
    pb::{self, petition_event::Change},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::new_request_id;

/// One call of so many is made at two gateways at the same time.
const MADE_TWICE: u32 = 6;

/// What petitioners were told. Clones look at the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Acknowledged>>);

/// What was acknowledged.
#[derive(Debug, Clone, Default)]
pub(super) struct Acknowledged {
    /// External id to the petition's name and the number of its event.
    pub(super) submitted: BTreeMap<String, (String, i64)>,
    /// The petition's name and the number of the event, for each reply to a question.
    pub(super) provided: Vec<(String, i64)>,
}

impl Told {
    /// Everything until now.
    pub(super) fn all(&self) -> Acknowledged {
        self.0.lock().unwrap().clone()
    }
}

/// A petition of a client.
pub(crate) fn draft(external_id: &str) -> pb::PetitionDraft {
    pb::PetitionDraft {
        external_id: external_id.to_owned(),
        kind: pb::PetitionKind::Feedback.into(),
        subject: "Hỏi về trợ cấp thất nghiệp".to_owned(),
        body: format!("Phản ánh {external_id}"),
        field: Some(pb::Field { code: "BHTN".to_owned(), display_name: "Bảo hiểm thất nghiệp".to_owned() }),
        petitioner: Some(pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() }),
        publishable: true,
        ..Default::default()
    }
}

/// Submits petition after petition until told to stop.
pub(super) async fn submit(
    gateways: Gateways,
    client: usize,
    mut draw: ChaCha8Rng,
    told: Told,
    stop: CancellationToken,
) {
    for number in 0.. {
        tokio::time::sleep(Duration::from_millis(draw.random_range(50..400))).await;
        if stop.is_cancelled() {
            return;
        }
        let external_id = format!("K-{client}-{number}");
        let request_id = new_request_id();
        let request = pb::SubmitPetitionRequest { request_id, petition: Some(draft(&external_id)) };
        let call = || {
            gateways.persist(|mut client| {
                let request = request.clone();
                async move { client.submit_petition(request).await }
            })
        };
        let answer = if draw.random_ratio(1, MADE_TWICE) {
            let (one, other) = tokio::join!(call(), call());
            let (one, other) = (one.unwrap().into_inner(), other.unwrap().into_inner());
            assert_eq!(one.seq, other.seq, "one intent, two answers");
            assert!(one.duplicate || other.duplicate, "one intent, done twice");
            one
        } else {
            call().await.unwrap().into_inner()
        };
        let was = told.0.lock().unwrap().submitted.insert(external_id, (answer.petition.unwrap().name, answer.seq));
        assert!(was.is_none());
    }
}

/// Where some petitioners' letters are typed in: a channel without far side, whose replies nobody counts.
pub(crate) const PAPER: &str = "paper";

/// Answers what the ministry asks about petitions that came over gRPC.
pub(super) async fn reply(gateways: Gateways, mut events: mpsc::UnboundedReceiver<pb::PetitionEvent>, told: Told) {
    while let Some(event) = events.recv().await {
        let is_paper = event.channel.ends_with(PAPER);
        let is_ours = is_paper || event.channel == "channels/direct";
        if !is_ours || !matches!(event.change, Some(Change::InformationRequested(_))) {
            continue;
        }
        let request = pb::ProvideInformationRequest {
            name: event.petition.clone(),
            request_id: new_request_id(),
            text: "Tôi xin bổ sung như sau.".to_owned(),
            ..Default::default()
        };
        let answer = gateways.persist(|mut client| {
            let request = request.clone();
            async move { client.provide_information(request).await }
        });
        let seq = answer.await.unwrap().into_inner().seq;
        if !is_paper {
            told.0.lock().unwrap().provided.push((event.petition, seq));
        }
    }
}
