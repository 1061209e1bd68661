//! Messages that a far side loses in silence, both ways, are found and repaired; nothing is doubled.

use std::{collections::BTreeMap, sync::Arc};

use channel_sdk::sandbox::{Account, FarSide, Mischief};
use petition_gateway::pb;
use sha2::{Digest, Sha256};

use crate::support::{Ministry, World, WorldSettings, eventually, new_request_id};

/// The nightly run is left out: these tests say when.
const QUIET: &str = "\n[channel_defaults.reconcile]\nenabled = false\n";

fn drops(per_mille: u16) -> Mischief {
    Mischief { drop_outbound_per_mille: per_mille, drop_inbound_per_mille: per_mille, ..Mischief::default() }
}

async fn portal(petitions: u32, per_mille: u16) -> World {
    let more = format!("poll.pakn.interval = \"200ms\"\npoll.danh-gia.interval = \"200ms\"\n{QUIET}");
    let mischief = drops(per_mille);
    World::with(WorldSettings { portal: Some(petitions), mischief, more, ..WorldSettings::default() }).await
}

async fn assembly(petitions: u32, per_mille: u16) -> World {
    let more = format!("poll.kien-nghi.interval = \"200ms\"\n{QUIET}");
    let mischief = drops(per_mille);
    World::with(WorldSettings { assembly: Some(petitions), mischief, more, ..WorldSettings::default() }).await
}

/// A channel under test, with its far side.
struct Books<'w> {
    world: &'w World,
    channel: &'static str,
    side: Arc<dyn FarSide>,
}

impl<'w> Books<'w> {
    fn of_portal(world: &'w World) -> Books<'w> {
        Books { world, channel: "portal", side: world.portal.as_ref().unwrap().side.clone() }
    }

    fn of_assembly(world: &'w World) -> Books<'w> {
        Books { world, channel: "assembly", side: world.assembly.as_ref().unwrap().side.clone() }
    }

    /// Hands everything out; when the channel has been quiet for a while, what is not here was lost.
    async fn hand_out(&self) {
        // The first scan of everything is over: what comes now is told as changes, and can be lost.
        eventually("the channel was pulled", || async { self.channel().await.last_scan_time }).await;
        self.side.release(u32::MAX);
        let (mut quiet, mut before) = (0, 0);
        while quiet < 8 {
            self.world.push_all(self.channel, &self.side).await;
            let now = self.channel().await.petition_count;
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        self.calm().await;
    }

    async fn channel(&self) -> pb::Channel {
        let name = format!("channels/{}", self.channel);
        let request = pb::GetChannelRequest { name };
        self.world.ministry().await.channels.get_channel(request).await.unwrap().into_inner().channel.unwrap()
    }

    /// Nothing waits to be delivered.
    async fn calm(&self) {
        eventually("nothing waits", || async { (self.channel().await.pending_delivery_count == 0).then_some(()) })
            .await;
    }

    async fn petitions(&self) -> Vec<pb::Petition> {
        self.world.ministry().await.list(&format!("channel = {}", self.channel)).await
    }

    /// The ministry takes every petition on and answers it.
    async fn answer_all(&self) {
        let mut ministry = self.world.ministry().await;
        for petition in self.petitions().await {
            if petition.kind() == pb::PetitionKind::Complaint {
                continue;
            }
            ministry.accept(&petition.name).await;
            ministry.assign(&petition.name).await;
            let text = format!("Bộ xin trả lời {}: căn cứ Luật Việc làm & <Nghị định>.", petition.external_id);
            ministry.answer(&petition.name, &text, pb::ResolutionClass::Explained).await;
        }
        self.calm().await;
    }

    /// Compares; gives the run at its end.
    async fn reconcile(&self) -> pb::Reconciliation {
        reconcile(&mut self.world.ministry().await, self.channel).await
    }

    async fn open(&self) -> Vec<pb::Difference> {
        differences(&mut self.world.ministry().await, self.channel, "state = open").await
    }

    /// Repairs everything that can be, and waits until it has arrived.
    async fn repair(&self) {
        let request = pb::RepairDifferencesRequest {
            parent: format!("channels/{}", self.channel),
            request_id: new_request_id(),
            ..Default::default()
        };
        let mut ministry = self.world.ministry().await;
        let mut stream = ministry.channels.repair_differences(request).await.unwrap().into_inner();
        while let Some(told) = stream.message().await.unwrap() {
            assert_eq!(told.failed_count, 0, "{}", told.failure);
        }
        self.calm().await;
    }

    /// Compares and repairs until nothing differs; gives what was found in all, by kind.
    async fn mend(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for _ in 0..6 {
            let run = self.reconcile().await;
            assert_eq!(run.failure, "");
            let open = self.open().await;
            assert_eq!(run.difference_count as usize, open.len());
            if open.is_empty() {
                return found;
            }
            for difference in open {
                *found.entry(difference.kind().as_str_name().to_owned()).or_default() += 1;
            }
            self.repair().await;
        }
        panic!("differences remain: {:?}", self.open().await);
    }

    /// Both sides have the same petitions under the same ids, in the same revision, with the same answer, once.
    async fn agree(&self) {
        let petitions: BTreeMap<String, pb::Petition> =
            self.petitions().await.into_iter().map(|it| (it.external_id.clone(), it)).collect();
        let accounts = self.side.accounts();
        assert_eq!(petitions.len(), accounts.len(), "every petition is here once");
        for Account { external_id, petition_id, revision, answer_sha256, answers, .. } in accounts {
            let petition = &petitions[&external_id];
            let id = petition.name.trim_start_matches("petitions/");
            assert_eq!(petition_id.as_deref(), Some(id), "{external_id}");
            assert_eq!(petition.revision, i64::try_from(revision).unwrap(), "{external_id}");
            let ours = petition.answer.as_ref().map(|it| hex::encode(Sha256::digest(it.text.as_bytes())));
            assert_eq!(answer_sha256, ours, "{external_id}");
            assert_eq!(answers, u32::from(ours.is_some()), "{external_id} was answered once");
        }
        assert_eq!(self.world.ministry().await.quarantine().await.len(), 0);
    }
}

pub(crate) async fn reconcile(ministry: &mut Ministry, channel: &str) -> pb::Reconciliation {
    let name = format!("channels/{channel}");
    let request = pb::ReconcileChannelRequest { name, request_id: new_request_id() };
    let mut stream = ministry.channels.reconcile_channel(request).await.unwrap().into_inner();
    let mut last = None;
    while let Some(told) = stream.message().await.unwrap() {
        last = told.reconciliation;
    }
    let last = last.unwrap();
    assert!(last.end_time.is_some());
    last
}

async fn differences(ministry: &mut Ministry, channel: &str, filter: &str) -> Vec<pb::Difference> {
    let request = pb::ListDifferencesRequest {
        parent: format!("channels/{channel}"),
        page_size: 1_000,
        filter: filter.to_owned(),
        ..Default::default()
    };
    ministry.channels.list_differences(request).await.unwrap().into_inner().differences
}

/// Loses messages both ways, finds and repairs them all.
async fn lose_and_mend(books: &Books<'_>) {
    books.hand_out().await;
    books.answer_all().await;
    books.side.misbehave(Mischief::default());
    let found = books.mend().await;
    assert!(!found.is_empty(), "the seed loses something");
    // What was fetched late is answered like the others.
    let mut ministry = books.world.ministry().await;
    for petition in books.petitions().await.into_iter().filter(|it| it.answer.is_none()) {
        if petition.kind() != pb::PetitionKind::Complaint {
            ministry.accept(&petition.name).await;
            ministry.answer(&petition.name, "Bộ xin trả lời.", pb::ResolutionClass::Explained).await;
        }
    }
    books.calm().await;
    books.agree().await;
    let again = books.reconcile().await;
    assert_eq!((again.difference_count, books.open().await.len()), (0, 0), "a second run finds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_portal_loses_of_a_hundred_messages_is_found_and_repaired() {
    let world = portal(200, 10).await;
    lose_and_mend(&Books::of_portal(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_portal_loses_of_ten_messages_is_found_and_repaired() {
    let world = portal(60, 100).await;
    let books = Books::of_portal(&world);
    lose_and_mend(&books).await;
    assert_eq!(books.side.complaints().into_iter().filter(|it| it.contains("409")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_assembly_loses_of_a_hundred_messages_is_found_and_repaired() {
    let world = assembly(150, 20).await;
    lose_and_mend(&Books::of_assembly(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_assembly_loses_of_ten_messages_is_found_and_repaired() {
    let world = assembly(60, 100).await;
    lose_and_mend(&Books::of_assembly(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_of_a_petition_is_an_event_of_it_once_and_so_is_its_repair() {
    let world = portal(30, 0).await;
    let books = Books::of_portal(&world);
    books.hand_out().await;
    let petition = books.petitions().await.into_iter().find(|it| it.kind() != pb::PetitionKind::Complaint).unwrap();
    books.side.misbehave(drops(1000));
    world.ministry().await.accept(&petition.name).await;
    books.calm().await;
    for _ in 0..2 {
        assert_eq!(books.reconcile().await.difference_count, 1, "found once, and then found again");
    }
    let open = books.open().await;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].kind(), &open[0].petition), (pb::DifferenceKind::NotVisibleThere, &petition.name));
    assert_eq!(happened(&world, &petition.name).await, ["found"]);
    books.side.misbehave(Mischief::default());
    books.repair().await;
    assert_eq!(books.reconcile().await.difference_count, 0);
    assert_eq!(happened(&world, &petition.name).await, ["found", "repaired"]);
    let account = books.side.accounts().into_iter().find(|it| it.external_id == petition.external_id).unwrap();
    assert_eq!(account.statuses, ["03"], "sent again, it arrived once");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_repair_at_the_same_time_send_again_once() {
    let world = portal(20, 0).await;
    let books = Books::of_portal(&world);
    books.hand_out().await;
    books.side.misbehave(drops(1000));
    let mut names = Vec::new();
    for petition in books.petitions().await.into_iter().filter(|it| it.kind() != pb::PetitionKind::Complaint).take(8) {
        world.ministry().await.accept(&petition.name).await;
        names.push(petition.name);
    }
    books.calm().await;
    assert_eq!(books.reconcile().await.difference_count as usize, names.len());
    books.side.misbehave(Mischief::default());
    tokio::join!(books.repair(), books.repair(), books.repair());
    for name in &names {
        assert_eq!(happened(&world, name).await, ["found", "repaired"]);
    }
    let request =
        pb::ListDeliveriesRequest { parent: "channels/portal".to_owned(), page_size: 100, ..Default::default() };
    let listed = world.ministry().await.channels.list_deliveries(request).await.unwrap().into_inner().deliveries;
    let attempts: Vec<i32> =
        listed.iter().filter(|it| it.notice() == pb::NoticeKind::Accepted).map(|it| it.attempt_count).collect();
    assert_eq!(attempts, vec![2; names.len()], "lost once, and sent again once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_a_person_dismissed_is_not_found_again_and_one_that_is_gone_is_closed() {
    let world = portal(30, 0).await;
    let books = Books::of_portal(&world);
    books.hand_out().await;
    let petitions = books.petitions().await;
    let [first, second] = [0, 1].map(|at| {
        let mut usual = petitions.iter().filter(|it| it.kind() != pb::PetitionKind::Complaint);
        usual.nth(at).unwrap().clone()
    });
    books.side.misbehave(drops(1000));
    let mut ministry = world.ministry().await;
    ministry.accept(&first.name).await;
    ministry.accept(&second.name).await;
    books.calm().await;
    assert_eq!(books.reconcile().await.difference_count, 2);
    let open = books.open().await;
    let of = |petition: &pb::Petition| open.iter().find(|it| it.petition == petition.name).unwrap().clone();
    let request = pb::DismissDifferenceRequest {
        name: of(&first).name,
        request_id: new_request_id(),
        reason: "đã thống nhất qua công văn".to_owned(),
    };
    let answer = ministry.channels.dismiss_difference(request.clone()).await.unwrap().into_inner();
    assert!(!answer.duplicate && answer.difference.unwrap().state() == pb::DifferenceState::Dismissed);
    assert!(ministry.channels.dismiss_difference(request).await.unwrap().into_inner().duplicate);
    // Somebody mends the other by hand: the books agree, and the difference goes by itself.
    books.side.misbehave(Mischief::default());
    let request = pb::RepairDifferencesRequest {
        parent: "channels/portal".to_owned(),
        request_id: new_request_id(),
        difference: of(&second).name,
        ..Default::default()
    };
    let mut stream = ministry.channels.repair_differences(request).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    books.calm().await;
    assert_eq!(books.reconcile().await.difference_count, 0);
    assert!(books.open().await.is_empty());
    assert_eq!(happened(&world, &first.name).await, ["found", "dismissed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_off_by_a_stop_goes_on_where_it_was() {
    let mut world = portal(300, 0).await;
    Books::of_portal(&world).hand_out().await;
    let name = "channels/portal".to_owned();
    let request = pb::ReconcileChannelRequest { name, request_id: new_request_id() };
    let mut ministry = world.ministry().await;
    let mut stream = ministry.channels.reconcile_channel(request).await.unwrap().into_inner();
    let begun = stream.message().await.unwrap().unwrap().reconciliation.unwrap();
    drop((stream, ministry));
    world.restart().await;
    let books = Books::of_portal(&world);
    let ended = books.reconcile().await;
    // It was under way still and was joined, or it had ended and another was begun: either compared everything.
    assert!(ended.name == begun.name || begun.end_time.is_none());
    assert_eq!((ended.compared_count, ended.difference_count), (300, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_paused_or_cannot_be_listed_is_not_reconciled() {
    let world = portal(0, 0).await;
    let mut ministry = world.ministry().await;
    let mut refused = async |name: &str| {
        let request = pb::ReconcileChannelRequest { name: name.to_owned(), request_id: new_request_id() };
        ministry.channels.reconcile_channel(request).await.unwrap_err().code()
    };
    assert_eq!(refused("channels/direct").await, tonic::Code::FailedPrecondition);
    assert_eq!(refused("channels/nowhere").await, tonic::Code::NotFound);
    let request = pb::PauseChannelRequest {
        name: "channels/portal".to_owned(),
        request_id: new_request_id(),
        reason: "bảo trì".to_owned(),
    };
    world.ministry().await.channels.pause_channel(request).await.unwrap();
    assert_eq!(refused("channels/portal").await, tonic::Code::FailedPrecondition);
}

/// What happened to a petition by reconciliations, in order.
async fn happened(world: &World, petition: &str) -> Vec<&'static str> {
    use petition_gateway::pb::{get_dossier_response::Part, petition_event::Change};
    let request = pb::GetDossierRequest { name: petition.to_owned() };
    let mut ministry = world.ministry().await;
    let mut stream = ministry.petitions.get_dossier(request).await.unwrap().into_inner();
    let mut happened = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        let Some(Part::Event(event)) = part.part else { continue };
        match event.change {
            Some(Change::DifferenceFound(_)) => happened.push("found"),
            Some(Change::DifferenceRepaired(_)) => happened.push("repaired"),
            Some(Change::DifferenceDismissed(_)) => happened.push("dismissed"),
            _ => {}
        }
    }
    happened
}
