//! A gateway that is killed at any moment: what it acknowledged is there, once, and what was waiting goes on.

use std::{collections::BTreeMap, sync::Arc};

use channel_sdk::sandbox::Mischief;
use petition_gateway::{pb, petition::Seq};
use rand::{Rng, SeedableRng};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    cli_gateway::{ALL_ROLES, Gateway},
    support::{Ministry, channel_config, eventually, serve, write_secrets},
};

/// What clients were told: external id to the petition's name.
type Told = Arc<Mutex<BTreeMap<String, String>>>;

/// Submits until the gateway is gone; only what was answered counts.
async fn submit_until_killed(mut ministry: Ministry, client: usize, round: usize, told: Told) {
    for number in 0.. {
        let external_id = format!("K-{round}-{client}-{number}");
        let petitioner = pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() };
        let draft = pb::PetitionDraft {
            external_id: external_id.clone(),
            kind: pb::PetitionKind::Feedback.into(),
            body: format!("Phản ánh {external_id}"),
            petitioner: Some(petitioner),
            ..Default::default()
        };
        let request = pb::SubmitPetitionRequest { request_id: uuid::Uuid::now_v7().to_string(), petition: Some(draft) };
        let Ok(answer) = ministry.petitions.submit_petition(request).await else { return };
        let name = answer.into_inner().petition.unwrap().name;
        assert!(told.lock().await.insert(external_id, name).is_none());
    }
}

async fn every_seq(ministry: &mut Ministry, last: Seq) -> Vec<i64> {
    let request = pb::WatchPetitionsRequest::default();
    let mut stream = ministry.petitions.watch_petitions(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while (seen.len() as u64) < last.0 {
        if let Some(pb::watch_petitions_response::Item::Event(event)) = stream.message().await.unwrap().unwrap().item {
            seen.push(event.seq);
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_is_there_once_after_it() {
    let mut draw = rand_chacha::ChaCha8Rng::seed_from_u64(19);
    let told = Told::default();
    let mut gateway = Gateway::start(ALL_ROLES);
    for round in 0..4 {
        let ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
        let mut clients = JoinSet::new();
        for client in 0..8 {
            clients.spawn(submit_until_killed(ministry.clone(), client, round, Arc::clone(&told)));
        }
        tokio::time::sleep(std::time::Duration::from_millis(draw.random_range(100..600))).await;
        let folder = gateway.kill();
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        gateway = Gateway::start_in(folder, ALL_ROLES);
    }
    let mut ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
    let kept: BTreeMap<String, String> =
        ministry.list("").await.into_iter().map(|petition| (petition.external_id, petition.name)).collect();
    let told = told.lock().await;
    assert!(told.len() > 20, "the clients got some work done: {}", told.len());
    for (external_id, name) in told.iter() {
        assert_eq!(kept.get(external_id), Some(name), "acknowledged and lost, or another petition now");
    }
    let seen = every_seq(&mut ministry, Seq(kept.len() as u64)).await;
    assert!(seen.iter().copied().eq(1..=kept.len() as i64), "a gap or a repeat in seq");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_pulling_and_delivering_loses_and_doubles_nothing_at_the_far_side() {
    let portal = serve(&government_portal::KIND, 60, Mischief::default()).await;
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    let config = format!(
        "{ALL_ROLES}[outbound]\nlease_seconds = 5\nschedule = [\"100ms\", \"200ms\", \"500ms\", \"1s\", \"1s\", \"1s\"]\n{}\
         poll.pakn.interval = \"100ms\"\n",
        channel_config("portal", "government-portal", portal.address)
    );
    let mut gateway = Gateway::start_in(folder, &config);
    let mut draw = rand_chacha::ChaCha8Rng::seed_from_u64(23);
    for _ in 0..4 {
        portal.side.release(15);
        tokio::time::sleep(std::time::Duration::from_millis(draw.random_range(50..700))).await;
        gateway = Gateway::start_in(gateway.kill(), &config);
    }
    eventually("every petition that is pulled is recorded and confirmed", || async {
        let accounts = portal.side.accounts();
        let pulled = accounts.iter().filter(|it| it.sound && it.handed_out);
        let mut confirmed = pulled.map(|it| it.petition_id.is_some());
        (accounts.len() == 60 && confirmed.all(|it| it)).then_some(())
    })
    .await;
    let mut ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
    let kept = ministry.list("channel = portal").await;
    for account in portal.side.accounts().into_iter().filter(|it| it.petition_id.is_some()) {
        let same: Vec<_> = kept.iter().filter(|it| it.external_id == account.external_id).collect();
        assert_eq!(same.len(), 1, "{}", account.external_id);
        assert_eq!(same[0].name, format!("petitions/{}", account.petition_id.unwrap()));
    }
    assert_eq!(portal.side.complaints(), Vec::<String>::new());
}
