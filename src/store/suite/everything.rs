//! A store with everything in it that a store can hold, odd characters and times included, and everything that it answers:
//! for whoever moves a store and has to find it as it was.

use std::time::Duration;

use channel_sdk::{
    fault::{Fault, FaultCode},
    inbound::CodeList,
    model::{Agency, PetitionKind},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    fixture::{Bench, PORTAL, accept, answer, at, date, item, key},
    reconciliation,
};
use crate::{
    petition::{Command, Content, Petition, PetitionId, Seq},
    store::{
        Committed, DeliveryId, DeliveryQuery, Difference, DifferenceChange, DifferenceState, ItemState, PetitionQuery,
        QuarantineQuery, Reconcile, Reconciliation, RequestKey, Settlement, Sort, Store, Write,
    },
};

/// What no engine may trip over: NUL, code points that are no characters, what PostgreSQL's side escapes with, marks on
/// their own, both directions, line ends, quotes.
pub(crate) const ODD: &str = "\0\u{1}đ\u{10FFFE}0\u{10FFFE}1\u{FFFF}\u{301}e\u{323}\u{200F}\u{FEFF}'\"\\N\\.\r\n\t{}[]$1%_😀𠮷 Bảo hiểm thất nghiệp";

/// The words by which the odd petitions are found.
const WORDS: &str = "bảo hiểm thất nghiệp";

/// The channel whose name comes before all others on one engine and after them on the other, by how they order letters.
const OTHER: &str = "Z-đoàn";

/// Fills a store. It holds more of each than one, and each in every state.
pub(crate) async fn fill(bench: &Bench) {
    petitions(bench).await;
    messages(bench).await;
    deliveries(bench).await;
    reconciliations(bench).await;
    for (channel, name) in [(PORTAL, "linh-vuc"), (PORTAL, "Z"), (PORTAL, "a"), (PORTAL, ODD), (OTHER, "linh-vuc")] {
        let entries = [("B'H".to_owned(), ODD.to_owned())].into();
        let list = CodeList { name: name.to_owned(), entries };
        bench.write(Write::CodeList { channel: channel.to_owned(), list }).await;
    }
    bench.write(Write::Pause { channel: OTHER.to_owned(), paused: true, reason: ODD.to_owned() }).await;
}

pub(crate) async fn what_is_odd_is_read_back_as_it_was_given(bench: Bench) {
    fill(&bench).await;
    let store = &bench.store;
    let petition = store.petition_get_by_external_id(PORTAL, ODD).await.unwrap().unwrap();
    assert_eq!((petition.content.subject.as_str(), petition.answer().unwrap().text.as_str()), (ODD, ODD));
    let quarantined = store.quarantine_list(&QuarantineQuery { limit: 9, ..Default::default() }).await.unwrap();
    assert_eq!(quarantined[0].record.faults, [Fault::new(FaultCode::UnknownCode, ODD, ODD)]);
    assert_eq!(store.cursor_get(PORTAL, ODD).await.unwrap().as_deref(), Some(ODD));
    let lists = store.code_list_of(PORTAL).await.unwrap();
    assert!(lists.iter().any(|list| list.name == ODD && list.entries.iter().all(|(_, name)| name == ODD)));
    for key in keys() {
        assert!(matches!(store.request_get(&key).await.unwrap(), Some(Committed::Duplicate { .. })), "{key:?}");
    }
    let events = store.event_list_after(Seq(0), 1_000).await.unwrap();
    assert_eq!(events.len() as u64, store.seq_last().await.unwrap().0);
    let deliveries = store.delivery_list(&DeliveryQuery { limit: 99, ..Default::default() }).await.unwrap();
    assert!(deliveries.iter().any(|it| it.lane.as_deref() == Some(ODD) && it.remote_reference.as_deref() == Some(ODD)));
}

async fn reconciliations(bench: &Bench) {
    let odd = reconciliation::run(bench);
    let run = Reconciliation { cursor: Some(ODD.to_owned()), failure: Some(ODD.to_owned()), listed: 7, ..odd };
    let (open, closed) =
        (reconciliation::difference(bench, &run, ODD), reconciliation::difference(bench, &run, "PA-1"));
    let (delivery, petition) = (Some(DeliveryId(bench.id())), Some(PetitionId(bench.id())));
    let open = Difference { delivery, petition, ..open };
    let state = DifferenceState::Dismissed;
    let differences = vec![
        DifferenceChange::Found(open),
        DifferenceChange::Found(closed.clone()),
        DifferenceChange::Closed { id: closed.id, state, at: at(40), outcome: ODD.to_owned() },
    ];
    bench.write(Write::Reconcile(Box::new(Reconcile::Step { run, listed: Vec::new(), differences }))).await;
}

async fn petitions(bench: &Bench) {
    let mut open = bench.petition("PA-1").await;
    bench.command(&mut open, accept()).await;
    let mut answered = bench.petition_with(ODD, at(5), |it| *it = odd(it.clone())).await;
    bench.command(&mut answered, accept()).await;
    bench.command(&mut answered, answer(ODD)).await;
    let content = Content { body: format!("{ODD} sửa đổi"), ..answered.content.clone() };
    bench.command(&mut answered, Command::Amend { revision: 2, content: Box::new(content) }).await;
    // Received before there was a calendar, and when there will be none.
    bench.petition_with("PA-min", Timestamp::MIN, |_| ()).await;
    bench.petition_with("PA-max", Timestamp::MAX, |it| it.due_on = Some(date("9999-12-30"))).await;
    bench.commit(bench.new_petition_on(OTHER, "")).await;
    for (number, key) in (0..).zip(keys()) {
        let mut change = bench.new_petition(&format!("PA-K{number}"));
        change.request = Some(key);
        bench.commit(change).await;
    }
}

fn odd(content: Content) -> Content {
    let agency = |code: &str| Agency { code: code.to_owned(), name: ODD.to_owned() };
    Content {
        kind: PetitionKind::PolicyQuestion,
        subject: ODD.to_owned(),
        body: ODD.repeat(50),
        receiving_agency: agency("H41"),
        forwarding_agency: agency("000.00.00.G22"),
        due_on: Some(date("2019-07-01")),
        ..content
    }
}

/// Callers' keys: the same id of several callers, whose names each engine orders in its own way.
pub(crate) fn keys() -> Vec<RequestKey> {
    let of = |id: u128, principal: &str| RequestKey { principal: principal.to_owned(), ..key(Uuid::from_u128(id), 7) };
    let mut keys = vec![of(u128::MAX, "a"), of(0, "a")];
    keys.extend(["đ", "a", "Z", "\0", "\u{10FFFE}", "", ODD].map(|principal| of(7, principal)));
    keys
}

async fn messages(bench: &Bench) {
    let odd = bench.journal("{\"a\":\"\0\u{10FFFE}\"}").await;
    let empty = bench.journal("").await;
    let (done, reopened) = (bench.journal("[]").await, bench.journal("[1]").await);
    let mut quarantined = item(odd, 0, ItemState::Quarantined);
    quarantined.faults = vec![Fault::new(FaultCode::UnknownCode, ODD, ODD)];
    let mut discarded = item(empty, u32::MAX, ItemState::Discarded);
    (discarded.discarded, discarded.place, discarded.external_id) = (Some(ODD.to_owned()), ODD.to_owned(), None);
    let mut had = item(done, 3, ItemState::AlreadyHad);
    had.petition = Some(bench.petition("PA-M").await.id);
    bench.write(Write::Items(vec![quarantined, discarded, had, item(done, 1, ItemState::Taken)])).await;
    bench.done(Some(done), Some(("pakn", "7"))).await;
    bench.done(Some(reopened), Some((ODD, ODD))).await;
    bench.done(None, Some(("Z", ""))).await;
    bench.write(Write::Reopen(reopened)).await;
}

async fn deliveries(bench: &Bench) {
    bench.set(20);
    bench.deliveries("PA-D0", Some(ODD), 3).await;
    bench.deliveries("PA-D1", Some("lane"), 2).await;
    bench.deliveries("PA-D2", None, 5).await;
    let claimed = bench.claim(30).await;
    let settlements = [
        Settlement::Delivered { remote_reference: Some(ODD.to_owned()) },
        Settlement::DeadLetter { reason: ODD.to_owned(), in_doubt: true },
        // Never, as far as the columns reach.
        Settlement::Retry { reason: "HTTP 503".to_owned(), wait: Duration::MAX, in_doubt: true },
        Settlement::Delivered { remote_reference: None },
        Settlement::Retry { reason: String::new(), wait: Duration::from_secs(5), in_doubt: false },
        Settlement::Park { reason: ODD.to_owned() },
    ];
    for (claimed, settlement) in claimed.iter().zip(settlements) {
        assert!(bench.settle(claimed, 40, settlement).await);
    }
    // The last keeps its lease.
    assert_eq!(claimed.len(), 7);
}

/// Everything that a store answers, a line each: what is the same for two stores that hold the same.
pub(crate) async fn answers(store: &dyn Store) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, answer: &dyn std::fmt::Debug| told.push(format!("{what}: {answer:?}"));
    let all = PetitionQuery { limit: 1_000, ..PetitionQuery::default() };
    let petitions = store.petition_list(&all).await.unwrap();
    for sort in [Sort::ReceivedNewest, Sort::ReceivedOldest, Sort::DueSoonest] {
        for text in [None, Some(WORDS.to_owned())] {
            tell("pages", &pages(store, PetitionQuery { sort, text, limit: 3, ..PetitionQuery::default() }).await);
        }
    }
    for petition in &petitions {
        tell("petition", petition);
        tell("by id", &store.petition_get(petition.id).await.unwrap());
        let by_external_id = store.petition_get_by_external_id(&petition.channel, &petition.external_id);
        tell("by external id", &by_external_id.await.unwrap().map(|it| it.id));
        tell("seq", &store.petition_seq(petition.id).await.unwrap());
        tell("events of", &store.event_list_of(petition.id).await.unwrap());
        tell("items of", &store.item_list_of(petition.id).await.unwrap());
    }
    tell("last", &store.seq_last().await.unwrap());
    tell("events", &store.event_list_after(Seq(3), 1_000).await.unwrap());
    for key in keys() {
        tell("request", &store.request_get(&key).await.unwrap());
        tell("reused", &store.request_get(&RequestKey { fingerprint: [8; 32], ..key }).await.unwrap());
    }
    let unfinished = store.message_list_unfinished(1_000).await.unwrap();
    for id in &unfinished {
        tell("message", &store.message_get(*id).await.unwrap());
    }
    let quarantined = store.quarantine_list(&QuarantineQuery { limit: 1_000, ..Default::default() }).await.unwrap();
    tell("quarantine", &quarantined);
    let deliveries = store.delivery_list(&DeliveryQuery { limit: 1_000, ..Default::default() }).await.unwrap();
    for delivery in &deliveries {
        tell("delivery", delivery);
        tell("attempts", &store.attempt_list(delivery.id).await.unwrap());
    }
    tell("next", &store.delivery_next_at().await.unwrap());
    let mut channels = store.channel_list().await.unwrap();
    channels.sort_by(|one, other| one.name.cmp(&other.name));
    for channel in &channels {
        let mut lists = store.code_list_of(&channel.name).await.unwrap();
        lists.sort_by(|one, other| one.name.cmp(&other.name));
        tell("code lists", &lists);
        for feed in ["pakn", "Z", ODD] {
            tell("cursor", &store.cursor_get(&channel.name, feed).await.unwrap());
        }
    }
    tell("channels", &channels);
    tell("counts", &store.counts().await.unwrap());
    told
}

/// What all pages of a query hold, each begun after the last row of the one before.
async fn pages(store: &dyn Store, mut query: PetitionQuery) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let page: Vec<Petition> = store.petition_list(&query).await.unwrap();
        let Some(last) = page.last() else { return seen };
        query.after = Some((query.sort.key(last), last.id));
        seen.extend(page.into_iter().map(|petition| petition.external_id));
    }
}
