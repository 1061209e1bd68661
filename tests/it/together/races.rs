//! Two gateways are told the same at the same time.

use petition_gateway::pb;
use tonic::Code;

use super::{far_sides::FarSides, fleet::Fleet, petitioners::draft};
use crate::{
    portal::petition,
    support::{Ministry, TestStore, new_request_id, signed},
};

/// How often they are.
const ROUNDS: usize = 25;

/// Two gateways, and a ministry at each.
async fn two() -> (Fleet, Ministry, Ministry) {
    let far_sides = FarSides::open(0, 0, channel_sdk::sandbox::Mischief::default()).await;
    let fleet = Fleet::start(2, TestStore::shared(), &far_sides.config);
    let ministry = async |at: usize| Ministry::connect(fleet.of(at).grpc.parse().unwrap()).await;
    let (one, other) = (ministry(0).await, ministry(1).await);
    (fleet, one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_comes_to_two_gateways_at_once_is_one_petition() {
    let (fleet, mut one, _) = two().await;
    let client = reqwest::Client::new();
    let post = async |at: usize, body: &str| {
        let address = format!("http://{}/channels/portal/pakn", fleet.of(at).http);
        let request = client.post(address).header("content-type", "application/json");
        let answer = signed(request, body.as_bytes().to_vec()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for round in 0..ROUNDS {
        let external_id = format!("PAKN-2019-{round:07}");
        let body = petition(&external_id, 1, "Tôi xin hỏi.").to_string();
        let (first, second) = tokio::join!(post(0, &body), post(1, &body));
        let recorded = one.list(&format!("external_id = \"{external_id}\"")).await;
        assert_eq!(recorded.len(), 1);
        let id = recorded[0].name.trim_start_matches("petitions/");
        for (status, answer) in [first, second] {
            assert!(status == 200 && answer.contains(id), "{status}: {answer}");
        }
        assert_eq!(recorded[0].version, 1, "received, and nothing more");
    }
    assert_eq!(one.list("").await.len(), ROUNDS);
    assert!(one.quarantine().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_to_two_gateways_at_once_is_done_once() {
    let (_fleet, mut one, mut other) = two().await;
    for round in 0..ROUNDS {
        let request_id = new_request_id();
        let request = pb::SubmitPetitionRequest { request_id, petition: Some(draft(&format!("K-{round}"))) };
        let submitted = tokio::join!(
            one.petitions.submit_petition(request.clone()),
            other.petitions.submit_petition(request.clone())
        );
        let answers = [submitted.0.unwrap().into_inner(), submitted.1.unwrap().into_inner()];
        assert_eq!(answers.iter().filter(|it| it.duplicate).count(), 1, "one of them was first");
        assert_eq!(answers[0].seq, answers[1].seq);
        let name = answers[0].petition.clone().unwrap().name;

        let request_id = new_request_id();
        let request = pb::AcceptPetitionRequest { name, request_id, ..Default::default() };
        let accepted = tokio::join!(
            one.petitions.accept_petition(request.clone()),
            other.petitions.accept_petition(request.clone())
        );
        let answers = [accepted.0.unwrap().into_inner(), accepted.1.unwrap().into_inner()];
        assert_eq!(answers.iter().filter(|it| it.duplicate).count(), 1, "one of them was first");
        assert_eq!(answers[0].seq, answers[1].seq);
    }
    assert_eq!(one.list("").await.len(), ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_want_the_same_at_two_gateways_one_is_told_that_it_is_done() {
    let (_fleet, mut one, mut other) = two().await;
    for round in 0..ROUNDS {
        let submission = || {
            let petition = Some(draft(&format!("K-{round}")));
            pb::SubmitPetitionRequest { request_id: new_request_id(), petition }
        };
        let submitted =
            tokio::join!(one.petitions.submit_petition(submission()), other.petitions.submit_petition(submission()));
        let answers = [submitted.0.unwrap().into_inner(), submitted.1.unwrap().into_inner()];
        let names = answers.each_ref().map(|it| it.petition.clone().unwrap().name);
        assert_eq!(names[0], names[1]);
        assert_eq!(answers.iter().filter(|it| it.duplicate).count(), 1, "the same external id is the same petition");

        let acceptance =
            || pb::AcceptPetitionRequest { name: names[0].clone(), request_id: new_request_id(), ..Default::default() };
        let accepted =
            tokio::join!(one.petitions.accept_petition(acceptance()), other.petitions.accept_petition(acceptance()));
        let refused: Vec<_> = [accepted.0, accepted.1].into_iter().filter_map(Result::err).collect();
        assert!(matches!(&refused[..], [status] if status.code() == Code::FailedPrecondition), "{refused:?}");
    }
    assert_eq!(one.list("").await.len(), ROUNDS);
}
