//! Rows as an inspection finds them: nothing about them is taken for granted, and what cannot be read says so.

use channel_sdk::fault::Fault;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    petition::{NewEvent, Petition, PetitionId},
    store::{
        DeliveryState, Errand, ItemState,
        columns::{DEAD_LETTER, DELIVERED, PENDING, due_on, from_json, signed, state_of, time, unsigned},
        copy::{Row, Value},
    },
};

/// A row, or the number of one that is not what its columns say.
pub type Found<T> = Result<T, Unreadable>;

/// A row that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// Its number.
    pub row: i64,
}

/// The numbers that the store gave last, and the last rows that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// The last event, as counted.
    pub seq: i64,
    /// The last message, as counted.
    pub message: i64,
    /// The last delivery, as counted.
    pub delivery: i64,
    /// The last event, message and delivery that there are.
    pub last: (i64, i64, i64),
}

/// An event, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its number.
    pub seq: i64,
    /// Whose.
    pub petition: PetitionId,
    /// The petition's version after it.
    pub version: i64,
    /// Whether that petition is there.
    pub has_petition: bool,
}

/// A petition as lists and as its document have it.
#[derive(Debug, Clone, PartialEq)]
pub struct PetitionRow {
    /// Its row.
    pub pk: i64,
    /// Its id.
    pub id: PetitionId,
    /// Its version.
    pub version: i64,
    /// The number of its last event.
    pub seq_last: i64,
    /// What lists find it by.
    pub listed: Listed,
    /// The document; `None` when there is none or it cannot be read.
    pub petition: Option<Box<Petition>>,
}

/// The columns that lists find a petition by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    texts: [String; 11],
    received_at_us: i64,
}

impl Listed {
    /// What they have to be.
    pub fn of(petition: &Petition) -> Listed {
        let content = &petition.content;
        let (unit, forwarded_to) = (petition.unit.as_ref(), petition.forwarded_to.as_ref());
        let due_on = due_on(petition);
        let texts = [
            petition.channel.as_str(),
            petition.external_id.as_str(),
            petition.status.as_str(),
            content.kind.as_str(),
            content.field.code.as_str(),
            content.locality(),
            content.forwarding_agency.code.as_str(),
            content.receiving_agency.code.as_str(),
            unit.map_or("", |agency| agency.code.as_str()),
            forwarded_to.map_or("", |agency| agency.code.as_str()),
            due_on.as_str(),
        ];
        Listed { texts: texts.map(str::to_owned), received_at_us: petition.received_at.as_microsecond() }
    }
}

/// An event of a petition, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// The petition's row.
    pub pk: i64,
    /// The event's number.
    pub seq: i64,
    /// The petition's version after it.
    pub version: i64,
    /// What happened; `None` when that cannot be read.
    pub event: Option<NewEvent>,
}

/// A journalled message, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Its number.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// SHA-256 of its bytes when it arrived, lower-case hex.
    pub sha256: String,
    /// 0 received, 1 done.
    pub state: i64,
    /// How many bytes there are.
    pub size_bytes: u64,
}

/// An item of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRow {
    /// The message.
    pub message: i64,
    /// Its place in the message, from 0.
    pub place_no: i64,
    /// What became of it; `None` for a state that we do not know.
    pub state: Option<ItemState>,
    /// Why it is in quarantine; `None` when that cannot be read.
    pub faults: Option<Vec<Fault>>,
    /// The petition that it names.
    pub petition: Option<PetitionId>,
    /// Whether that is there.
    pub has_petition: bool,
    /// Whether a reason is kept for putting it aside.
    pub is_discarded: bool,
}

/// A delivery, and how its lane stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    /// Its number.
    pub n: i64,
    /// Its id.
    pub id: Uuid,
    /// The channel.
    pub channel: String,
    /// Whether it keeps an order.
    pub has_lane: bool,
    /// Its state's number.
    pub state: i64,
    /// Whether it may be claimed.
    pub head: bool,
    /// Whether it is under a lease.
    pub leased: bool,
    /// Attempts begun.
    pub attempts: i64,
    /// Attempts begun in this round.
    pub attempts_in_round: i64,
    /// The next attempt's time, in nanoseconds since 1970, as what follows.
    pub next_at: i64,
    /// The same, or the end of the lease.
    pub due_at: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Whether a reason is kept.
    pub has_reason: bool,
    /// Whether the far side may have it from an attempt before.
    pub in_doubt: bool,
    /// Attempts of this round that ended without a word.
    pub silent_attempts: i64,
    /// Whether what it is to do can be read.
    pub has_errand: bool,
    /// Whether its petition is there.
    pub has_petition: bool,
    /// The first that waits of its lane, if it waits in one.
    pub lane_first: Option<i64>,
    /// How many of its lane may be claimed, if it waits in one.
    pub lane_heads: Option<i64>,
    /// Whether a later one of its lane was sent and delivered while it waits.
    pub was_overtaken: bool,
}

/// An attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// The delivery.
    pub delivery: i64,
    /// From 1.
    pub number: i64,
    /// How it ended.
    pub verdict: String,
}

/// A channel's own counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Petitions.
    pub petitions: i64,
    /// Journalled messages.
    pub messages: i64,
    /// Items in quarantine.
    pub quarantined: i64,
    /// Deliveries that wait.
    pub pending: i64,
    /// Delivered.
    pub delivered: i64,
    /// Dead letters.
    pub dead_letters: i64,
}

/// A caller's key whose answer is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostRequest {
    /// The key.
    pub id: Uuid,
    /// The event that it was answered with.
    pub seq: i64,
    /// The petition that it was answered with.
    pub petition: PetitionId,
}

/// The state of a delivery by its number and when it is due; `None` when there is none of that number.
pub fn delivery_state(number: i64, due_at: i64) -> Option<DeliveryState> {
    matches!(number, PENDING | DELIVERED | DEAD_LETTER).then(|| state_of(number, due_at))
}

/// A row that is read from its first column to its last.
struct Cells(std::vec::IntoIter<Value>);

impl Cells {
    fn integer(&mut self) -> Option<i64> {
        self.0.next()?.integer()
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.0.next()? {
            Value::Boolean(it) => Some(it),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        match self.0.next()? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn uuid(&mut self) -> Option<Uuid> {
        match self.0.next()? {
            Value::Uuid(id) => Some(id),
            _ => None,
        }
    }

    fn petition(&mut self) -> Option<PetitionId> {
        self.uuid().map(PetitionId)
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        match self.0.next()? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Reads a row with `read`; one that cannot be read tells its number, where even that can be read.
pub(super) fn found<T>(row: Row, read: impl FnOnce(Row) -> Option<T>) -> Found<T> {
    let number = row.first().and_then(Value::integer).unwrap_or(-1);
    read(row).ok_or(Unreadable { row: number })
}

pub(super) fn event(row: Row) -> Option<EventRow> {
    let mut cells = Cells(row.into_iter());
    let (seq, petition, version) = (cells.integer()?, cells.petition()?, cells.integer()?);
    time(cells.integer()?).ok()?;
    Some(EventRow { seq, petition, version, has_petition: cells.boolean()? })
}

pub(super) fn petition(row: Row) -> Option<PetitionRow> {
    let mut cells = Cells(row.into_iter());
    let (pk, id, version, seq_last) = (cells.integer()?, cells.petition()?, cells.integer()?, cells.integer()?);
    let mut texts: [String; 11] = Default::default();
    for text in &mut texts[..10] {
        *text = cells.text()?;
    }
    let received_at_us = cells.integer()?;
    texts[10] = cells.text()?;
    let petition = cells.text().and_then(|doc| from_json("petition", &doc).ok()).map(Box::new);
    Some(PetitionRow { pk, id, version, seq_last, listed: Listed { texts, received_at_us }, petition })
}

pub(super) fn history(row: Row) -> Option<HistoryRow> {
    let mut cells = Cells(row.into_iter());
    let (pk, seq, petition_id, version) = (cells.integer()?, cells.integer()?, cells.petition()?, cells.integer()?);
    let (at, actor, body) = (cells.integer()?, cells.text(), cells.text());
    let event = || {
        let (at, body) = (time(at).ok()?, from_json("event", &body?).ok()?);
        Some(NewEvent { petition_id, version: unsigned(version), at, actor: actor?, body })
    };
    Some(HistoryRow { pk, seq, version, event: event() })
}

pub(super) fn message(row: Row) -> Option<MessageRow> {
    let mut cells = Cells(row.into_iter());
    let (id, channel, received_at) = (cells.integer()?, cells.text()?, time(cells.integer()?).ok()?);
    let (sha256, state, size_bytes) = (cells.text()?, cells.integer()?, unsigned(cells.integer()?));
    Some(MessageRow { id, channel, received_at, sha256, state, size_bytes })
}

pub(super) fn body(row: Row) -> Option<(i64, Vec<u8>)> {
    let mut cells = Cells(row.into_iter());
    Some((cells.integer()?, cells.bytes()?))
}

pub(super) fn item(row: Row) -> Option<ItemRow> {
    let mut cells = Cells(row.into_iter());
    let (message, place_no) = (cells.integer()?, cells.integer()?);
    let state = cells.text()?.parse().ok();
    let faults = cells.text().and_then(|faults| from_json("item", &faults).ok());
    let (petition, is_discarded) = (cells.petition(), cells.text().is_some());
    Some(ItemRow { message, place_no, state, faults, petition, has_petition: cells.boolean()?, is_discarded })
}

pub(super) fn delivery(row: Row) -> Option<DeliveryRow> {
    let mut cells = Cells(row.into_iter());
    Some(DeliveryRow {
        n: cells.integer()?,
        id: cells.uuid()?,
        channel: cells.text()?,
        has_lane: cells.text().is_some(),
        state: cells.integer()?,
        head: cells.boolean()?,
        leased: cells.boolean()?,
        attempts: cells.integer()?,
        attempts_in_round: cells.integer()?,
        next_at: cells.integer()?,
        due_at: cells.integer()?,
        created_at: cells.integer()?,
        ended_at: cells.integer(),
        has_reason: cells.text().is_some(),
        in_doubt: cells.boolean()?,
        silent_attempts: cells.integer()?,
        has_errand: cells.text().is_some_and(|body| from_json::<Errand>("errand", &body).is_ok()),
        has_petition: cells.boolean()?,
        lane_first: cells.integer(),
        lane_heads: cells.integer(),
        was_overtaken: cells.boolean()?,
    })
}

pub(super) fn attempt(row: Row) -> Option<AttemptRow> {
    let mut cells = Cells(row.into_iter());
    let (delivery, number) = (cells.integer()?, cells.integer()?);
    time(cells.integer()?).ok()?;
    Some(AttemptRow { delivery, number, verdict: cells.text()? })
}

pub(super) fn tallies(row: Row) -> Option<(String, Tallies)> {
    let mut cells = Cells(row.into_iter());
    let name = cells.text()?;
    let (petitions, messages, quarantined) = (cells.integer()?, cells.integer()?, cells.integer()?);
    let (pending, delivered, dead_letters) = (cells.integer()?, cells.integer()?, cells.integer()?);
    Some((name, Tallies { petitions, messages, quarantined, pending, delivered, dead_letters }))
}

/// Channel, state, count.
pub(super) fn counted(row: Row) -> Option<(String, i64, i64)> {
    let mut cells = Cells(row.into_iter());
    Some((cells.text()?, cells.integer()?, cells.integer()?))
}

pub(super) fn cursor(row: Row) -> Option<(String, String)> {
    let mut cells = Cells(row.into_iter());
    let (channel, feed) = (cells.text()?, cells.text()?);
    cells.text()?;
    Some((channel, feed))
}

pub(super) fn code_list(row: Row) -> Option<(String, String)> {
    let mut cells = Cells(row.into_iter());
    let (channel, name) = (cells.text()?, cells.text()?);
    from_json::<Vec<(String, String)>>("code list", &cells.text()?).ok()?;
    Some((channel, name))
}

pub(super) fn lost_request(row: Row) -> Option<LostRequest> {
    let mut cells = Cells(row.into_iter());
    let (seq, id, petition) = (cells.integer()?, cells.uuid()?, cells.petition()?);
    Some(LostRequest { id, seq, petition })
}

/// All numbers of a row.
pub(super) fn numbers<const COUNT: usize>(row: &Row) -> Option<[i64; COUNT]> {
    let mut numbers = [0; COUNT];
    for (number, value) in numbers.iter_mut().zip(row) {
        *number = value.integer()?;
    }
    (row.len() == COUNT).then_some(numbers)
}

/// Nanoseconds of a time, as the tables keep it.
pub(super) fn nanos(at: Timestamp) -> i64 {
    crate::store::columns::nanos(at)
}

/// As many rows as a page has.
pub(super) fn limit(rows: u32) -> i64 {
    signed(u64::from(rows))
}
