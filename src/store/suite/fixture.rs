//! A store under test, and made-up petitions, deliveries and messages to put into it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use channel_sdk::{
    adapter::Entrance,
    model::{Agency, Answer, Field, PetitionKind, Petitioner, PetitionerKind},
    notice::{Notice, NoticeBody},
};
use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

use crate::{
    clock::ManualClock,
    petition::{Command, Content, EventBody, NewEvent, Petition, PetitionId, decide, receive},
    store::{
        Change, Claim, Claimed, Committed, CursorMove, DeliveryId, Errand, ItemRecord, ItemRef, ItemState, ItemsDone,
        MessageId, NewDelivery, NewMessage, RequestKey, Settle, Settlement, Store, Texts, Write, Written,
    },
};

/// The channel of most tests.
pub(super) const PORTAL: &str = "portal";

/// One store of the engine under test.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    /// The store's time: it stands at [`at`]`(0)` until it is set.
    clock: Arc<ManualClock>,
    ids: Arc<AtomicU64>,
    /// Kept as long as the store: the folder that it stands in.
    _place: Arc<dyn Send + Sync>,
}

/// The time at second `second` of the tests' day.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_560_000_000 + second).unwrap()
}

impl Bench {
    /// A bench on a store whose time is `clock`.
    pub(crate) fn new(store: impl Store, clock: Arc<ManualClock>, place: impl Send + Sync + 'static) -> Bench {
        Bench { store: Arc::new(store), clock, ids: Arc::default(), _place: Arc::new(place) }
    }

    /// A clock for a store under test.
    pub(crate) fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(at(0)))
    }

    /// Another gateway's bench, by its own store over the same data at the same time.
    pub(crate) fn beside(&self, store: impl Store) -> Bench {
        Bench { store: Arc::new(store), ..self.clone() }
    }

    /// Sets the store's time.
    pub(crate) fn set(&self, second: i64) {
        self.clock.set(at(second));
    }

    /// An id that no other call of this bench gave; ids grow.
    pub(super) fn id(&self) -> Uuid {
        Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 + self.ids.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) async fn write(&self, write: Write) -> Written {
        self.store.write([write].into()).await.unwrap().pop().unwrap()
    }

    pub(super) async fn commit(&self, change: Change) -> Committed {
        committed(self.write(Write::Change(Box::new(change))).await)
    }

    /// A new petition, received at [`at`]`(0)` through [`PORTAL`].
    pub(crate) fn new_petition(&self, external_id: &str) -> Change {
        self.new_petition_with(external_id, at(0), |_| ())
    }

    /// The same, with one thing to tell its channel.
    pub(crate) fn new_petition_with_delivery(&self, external_id: &str) -> Change {
        let mut change = self.new_petition(external_id);
        change.deliveries = vec![self.delivery(&change.petition, None)];
        change
    }

    pub(super) fn new_petition_with(
        &self,
        external_id: &str,
        received_at: Timestamp,
        edit: impl FnOnce(&mut Content),
    ) -> Change {
        let mut content = content();
        edit(&mut content);
        let body = receive(PORTAL, external_id, 1, content);
        let event = event(PetitionId(self.id()), 1, received_at, body);
        let petition = Petition::begin(&event).unwrap();
        let deliveries = Vec::new();
        Change {
            expected_version: None,
            petition,
            events: vec![event],
            deliveries,
            request: None,
            item: None,
            settle: None,
            differences: Vec::new(),
            texts: Texts::default(),
        }
    }

    /// The same through another channel.
    pub(super) fn new_petition_on(&self, channel: &str, external_id: &str) -> Change {
        let mut change = self.new_petition(external_id);
        let body = receive(channel, external_id, 1, change.petition.content.clone());
        change.events = vec![event(change.petition.id, 1, at(0), body)];
        change.petition = Petition::begin(&change.events[0]).unwrap();
        change
    }

    /// A new petition in the store.
    pub(super) async fn petition(&self, external_id: &str) -> Petition {
        let change = self.new_petition(external_id);
        let petition = change.petition.clone();
        assert!(matches!(self.commit(change).await, Committed::New { .. }));
        petition
    }

    /// A petition that is found by what `edit` gives it.
    pub(super) async fn petition_with(
        &self,
        external_id: &str,
        received_at: Timestamp,
        edit: impl FnOnce(&mut Content),
    ) -> Petition {
        let change = self.new_petition_with(external_id, received_at, edit);
        let petition = change.petition.clone();
        assert!(matches!(self.commit(change).await, Committed::New { .. }));
        petition
    }

    /// Commits a command on a petition as it stands in `petition`, and moves that on.
    pub(super) async fn command(&self, petition: &mut Petition, command: Command) {
        let change = decided(petition, command);
        *petition = change.petition.clone();
        assert!(matches!(self.commit(change).await, Committed::New { .. }));
    }

    /// A new petition whose channel is told this many things, in one lane each where `lane` says so.
    pub(super) async fn deliveries(&self, external_id: &str, lane: Option<&str>, count: usize) -> Vec<DeliveryId> {
        let mut change = self.new_petition(external_id);
        change.deliveries = (0..count).map(|_| self.delivery(&change.petition, lane)).collect();
        let ids = change.deliveries.iter().map(|delivery| delivery.id).collect();
        assert!(matches!(self.commit(change).await, Committed::New { .. }));
        ids
    }

    pub(super) fn delivery(&self, petition: &Petition, lane: Option<&str>) -> NewDelivery {
        let id = DeliveryId(self.id());
        let notice = Notice {
            delivery_id: id.0.to_string(),
            external_id: petition.external_id.clone(),
            petition_id: petition.id.to_string(),
            revision: 3,
            at: at(0),
            due_on: None,
            assembly: None,
            body: NoticeBody::Accepted { note: "đã thụ lý".to_owned() },
        };
        let errand = Errand::Tell { notice: Box::new(notice) };
        NewDelivery { id, channel: petition.channel.clone(), lane: lane.map(str::to_owned), errand }
    }

    /// Claims at `second`, under leases of 60 seconds.
    pub(super) async fn claim(&self, second: i64) -> Vec<Claimed> {
        self.set(second);
        self.claim_as(claim()).await
    }

    pub(super) async fn claim_as(&self, claim: Claim) -> Vec<Claimed> {
        match self.write(Write::Claim(claim)).await {
            Written::Claimed(claimed) => claimed,
            other => panic!("a claim was answered by {other:?}"),
        }
    }

    pub(super) async fn settle(&self, claimed: &Claimed, second: i64, settlement: Settlement) -> bool {
        self.set(second);
        let settle = Settle { id: claimed.delivery.id, lease: claimed.lease, settlement };
        self.settled(Write::Settle(settle)).await
    }

    /// A person has a delivery tried again, at `second`.
    pub(super) async fn retry(&self, id: DeliveryId, second: i64) -> bool {
        self.set(second);
        self.settled(Write::Retry(id)).await
    }

    pub(super) async fn settled(&self, write: Write) -> bool {
        match self.write(write).await {
            Written::Settled(took_effect) => took_effect,
            other => panic!("a settlement was answered by {other:?}"),
        }
    }

    pub(super) async fn pause(&self, channel: &str, paused: bool) {
        let reason = "bảo trì".to_owned();
        self.write(Write::Pause { channel: channel.to_owned(), paused, reason }).await;
    }

    pub(super) async fn journal(&self, body: &'static str) -> MessageId {
        match self.write(Write::Journal(message(PORTAL, body))).await {
            Written::Message(id) => id,
            other => panic!("a message was answered by {other:?}"),
        }
    }

    pub(super) async fn done(&self, message: Option<MessageId>, cursor: Option<(&str, &str)>) {
        let cursor = match cursor {
            Some((feed, to)) => Some(CursorMove {
                feed: feed.to_owned(),
                from: self.store.cursor_get(PORTAL, feed).await.unwrap(),
                to: to.to_owned(),
            }),
            None => None,
        };
        self.set(5);
        self.write(Write::MessageDone(ItemsDone { message, channel: PORTAL.to_owned(), cursor })).await;
    }
}

/// Asks for whatever is due, under leases of 60 seconds.
pub(super) fn claim() -> Claim {
    Claim { lease: Duration::from_secs(60), limit: 100, room_of: BTreeMap::new() }
}

pub(super) fn committed(written: Written) -> Committed {
    match written {
        Written::Committed(committed) => committed,
        other => panic!("a change was answered by {other:?}"),
    }
}

/// What a command decides on a petition.
pub(super) fn decided(petition: &Petition, command: Command) -> Change {
    let mut after = petition.clone();
    let mut events = Vec::new();
    for body in decide(petition, command).unwrap() {
        let event = event(petition.id, after.version + 1, at(100 + after.version as i64), body);
        after.apply(&event);
        events.push(event);
    }
    Change {
        expected_version: Some(petition.version),
        petition: after,
        events,
        deliveries: Vec::new(),
        request: None,
        item: None,
        settle: None,
        differences: Vec::new(),
        texts: Texts::default(),
    }
}

pub(super) fn event(petition_id: PetitionId, version: u64, at: Timestamp, body: EventBody) -> NewEvent {
    NewEvent { petition_id, version, at, actor: "channel:portal".to_owned(), body }
}

pub(super) fn accept() -> Command {
    Command::Accept { note: "thuộc thẩm quyền".to_owned() }
}

pub(super) fn answer(text: &str) -> Command {
    Command::Answer {
        answer: Answer {
            version: 0,
            text: text.to_owned(),
            document: None,
            resolution: None,
            resolution_due_on: None,
            public: true,
            attachments: Vec::new(),
        },
    }
}

pub(super) fn key(id: Uuid, fingerprint: u8) -> RequestKey {
    RequestKey { principal: "bộ phận một cửa".to_owned(), id, fingerprint: [fingerprint; 32] }
}

pub(crate) fn message(channel: &str, body: &'static str) -> NewMessage {
    NewMessage {
        channel: channel.to_owned(),
        entrance: Entrance::Pull,
        route: "pakn".to_owned(),
        content_type: "application/json".to_owned(),
        received_at: at(1),
        sha256: "ab".repeat(32),
        body: Bytes::from_static(body.as_bytes()),
    }
}

pub(super) fn item(message: MessageId, index: u32, state: ItemState) -> ItemRecord {
    ItemRecord {
        item: ItemRef { message, index },
        place: format!("danhSach[{index}]"),
        external_id: Some(format!("PA-{index}")),
        state,
        faults: Vec::new(),
        petition: None,
        discarded: None,
    }
}

pub(super) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn content() -> Content {
    Content {
        kind: PetitionKind::Feedback,
        subject: "Chậm trả kết quả".to_owned(),
        body: "Hồ sơ nộp đã hai tháng, chưa có kết quả.".to_owned(),
        field: Field { code: "KHAC".to_owned(), name: "Khác".to_owned() },
        petitioner: Petitioner::of(PetitionerKind::Citizen),
        receiving_agency: Agency::default(),
        forwarding_agency: Agency::default(),
        sent_at: None,
        forwarded_at: None,
        due_on: None,
        public: true,
        assembly: None,
        attachments: Vec::new(),
        extensions: Default::default(),
    }
}
