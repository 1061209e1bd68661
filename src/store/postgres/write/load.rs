//! Begins a transaction: takes the lock and reads what the batch touches, in one round trip.

use std::collections::BTreeSet;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    batch::external_id,
    known::{Known, KnownPetition, KnownRequest, Standing},
    pipeline::{Sent, Step, Value, run},
};
use crate::{
    petition::Seq,
    store::{
        StoreError, Write,
        postgres::{
            clock::DatabaseClock,
            rows::{get, get_text, get_text_opt, text, unsigned},
        },
    },
};

/// Locks the one row that orders all writing. Whoever holds it too long is cut off by the database.
const LOCK: &str = "SELECT seq, message, delivery FROM counters FOR UPDATE";
/// Asked after the lock is held: what is read before it may be older than another's commit.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 AS now";
const LAST_BATCH: &str = "SELECT batch, answers FROM gateways WHERE id = $1";

pub(super) const REQUESTS: &str = "SELECT r.* FROM unnest($1::uuid[], $2::text[]) k (id, principal)
                        JOIN requests r ON r.id = k.id AND r.principal = k.principal";
pub(super) const PETITIONS: &str = "SELECT id, pk, version FROM petitions WHERE id = ANY ($1::uuid[])";
pub(super) const EXTERNAL_IDS: &str = "SELECT p.channel, p.external_id, p.id, p.version, p.seq_last
                            FROM unnest($1::text[], $2::text[]) k (channel, external_id)
                            JOIN petitions p ON p.channel = k.channel AND p.external_id = k.external_id";
pub(super) const ITEMS: &str = "SELECT i.message, i.place_no, i.state = 'quarantined' AS is_quarantined
                     FROM unnest($1::bigint[], $2::bigint[]) k (message, place_no)
                     JOIN items i ON i.message = k.message AND i.place_no = k.place_no";
pub(super) const CHANNELS_OF: &str = "SELECT id, channel FROM messages WHERE id = ANY ($1::bigint[])";
/// A message is free when nobody has it, or whoever has it is gone or silent.
pub(super) const MAY_TAKE: &str = "SELECT m.id FROM messages m
                        WHERE m.id = ANY ($1::bigint[]) AND m.state = 0
                          AND (m.owner IS NULL OR m.owner = $2 OR NOT EXISTS (
                              SELECT 1 FROM gateways g WHERE g.id = m.owner AND g.until > $3))";
pub(super) const DELIVERIES: &str =
    "SELECT d.*, (SELECT coalesce(max(a.number), 0) FROM attempts a WHERE a.delivery = d.n)
                                      AS attempt_last
                          FROM deliveries d WHERE d.id = ANY ($1::uuid[])";
const CURSORS: &str = "SELECT c.channel, c.feed, c.cursor FROM unnest($1::text[], $2::text[]) k (channel, feed)
                       JOIN cursors c ON c.channel = k.channel AND c.feed = k.feed";
const TURNS: &str = "SELECT channel, gateway, until FROM turns WHERE channel = ANY ($1::text[])";
const SYNC_ASKED: &str = "SELECT name FROM channels WHERE name = ANY ($1::text[]) AND sync_asked";

/// A transaction that holds the lock.
pub(super) struct Begun {
    /// What the batch is decided on.
    pub(super) known: Known,
    /// This gateway's last batch, and what was answered to it.
    pub(super) last_batch: Option<(Uuid, Vec<u8>)>,
}

/// What a batch asks for.
#[derive(Default)]
struct Asked {
    request_ids: Vec<Uuid>,
    principals: Vec<String>,
    petitions: Vec<Uuid>,
    channels: Vec<String>,
    external_ids: Vec<String>,
    item_messages: Vec<i64>,
    item_places: Vec<i64>,
    take_over: Vec<i64>,
    deliveries: Vec<Uuid>,
    cursor_channels: Vec<String>,
    feeds: Vec<String>,
    turns: Vec<String>,
}

impl Asked {
    fn of(batch: &[Write]) -> Asked {
        let mut asked = Asked::default();
        for write in batch {
            asked.add(write);
        }
        asked
    }

    fn add(&mut self, write: &Write) {
        match write {
            Write::Change(change) => {
                if let Some(key) = &change.request {
                    self.request_ids.push(key.id);
                    self.principals.push(text(&key.principal).into_owned());
                }
                if change.expected_version.is_some() {
                    self.petitions.push(change.petition.id.0);
                } else {
                    let (channel, external_id) = external_id(change);
                    self.channels.push(text(&channel).into_owned());
                    self.external_ids.push(text(&external_id).into_owned());
                }
                self.items(change.item.as_slice());
                self.deliveries.extend(change.settle.iter().map(|settle| settle.id.0));
            }
            Write::Items(items) => self.items(items),
            Write::MessageDone(done) => {
                if let Some(cursor) = &done.cursor {
                    self.cursor_channels.push(text(&done.channel).into_owned());
                    self.feeds.push(text(&cursor.feed).into_owned());
                }
            }
            Write::TakeOver(message) => self.take_over.push(message.0),
            Write::Beat(beat) => self.turns.extend(beat.channels.iter().map(|it| text(it).into_owned())),
            Write::Settle(settle) => self.deliveries.push(settle.id.0),
            Write::Retry(id) | Write::SendAgain(id) => self.deliveries.push(id.0),
            Write::Journal(_)
            | Write::Reopen(_)
            | Write::Leave
            | Write::Sync(_)
            | Write::Claim(_)
            | Write::Reconcile(_)
            | Write::Pause { .. }
            | Write::CodeList { .. } => {}
        }
    }

    fn items(&mut self, items: &[crate::store::ItemRecord]) {
        self.item_messages.extend(items.iter().map(|it| it.item.message.0));
        self.item_places.extend(items.iter().map(|it| i64::from(it.item.index)));
    }
}

/// What to do with the rows of a step.
type Keep = fn(&mut Known, &Row) -> Result<(), StoreError>;

/// Begins a transaction for `batch`. Should it fail, the connection must not be used again.
pub(super) async fn begin(
    conn: &ClientWrapper,
    clock: &DatabaseClock,
    gateway: Uuid,
    batch: &[Write],
) -> Result<Begun, StoreError> {
    let asked = Asked::of(batch);
    // Judged a moment before the lock is held, which at worst leaves a message with a gateway that has just gone.
    let looks = looks(&asked, gateway, clock.now_nanos());
    let mut keeps = Vec::with_capacity(looks.len());
    let mut steps = vec![Sent::Text("BEGIN"), step(LOCK, Vec::new()), step(NOW, Vec::new())];
    steps.push(step(LAST_BATCH, vec![Box::new(gateway)]));
    let before = steps.len();
    for (sql, values, keep) in looks {
        steps.push(step(sql, values));
        keeps.push(keep);
    }
    let rows = run(conn, &steps).await?;
    let counters = one(&rows[1])?;
    let mut known = Known {
        now: clock.judge(get(one(&rows[2])?, "now")?),
        seq: unsigned(get(counters, "seq")?),
        message: get(counters, "message")?,
        delivery: get(counters, "delivery")?,
        ..Known::default()
    };
    for (rows, keep) in rows[before..].iter().zip(keeps) {
        for row in rows {
            keep(&mut known, row)?;
        }
    }
    Ok(Begun { known, last_batch: last_batch(&rows[3])? })
}

fn step<'a>(sql: &'static str, values: Vec<Value<'a>>) -> Sent<'a> {
    Sent::Step(Step::new(sql, values))
}

fn one(rows: &[Row]) -> Result<&Row, StoreError> {
    rows.first().ok_or(StoreError::Damaged("counters"))
}

fn last_batch(rows: &[Row]) -> Result<Option<(Uuid, Vec<u8>)>, StoreError> {
    let Some(row) = rows.first() else { return Ok(None) };
    let (batch, answers): (Option<Uuid>, Option<Vec<u8>>) = (get(row, "batch")?, get(row, "answers")?);
    Ok(batch.zip(answers))
}

/// The statements of what is asked for at all.
fn looks<'a>(asked: &'a Asked, gateway: Uuid, now: i64) -> Vec<(&'static str, Vec<Value<'a>>, Keep)> {
    let mut looks: Vec<(&'static str, Vec<Value<'a>>, Keep)> = Vec::new();
    if !asked.request_ids.is_empty() {
        looks.push((REQUESTS, vec![Box::new(&asked.request_ids), Box::new(&asked.principals)], keep_request));
    }
    if !asked.petitions.is_empty() {
        looks.push((PETITIONS, vec![Box::new(&asked.petitions)], keep_petition));
    }
    if !asked.channels.is_empty() {
        looks.push((EXTERNAL_IDS, vec![Box::new(&asked.channels), Box::new(&asked.external_ids)], keep_external_id));
    }
    if !asked.item_messages.is_empty() {
        looks.push((ITEMS, vec![Box::new(&asked.item_messages), Box::new(&asked.item_places)], keep_item));
        let messages: BTreeSet<i64> = asked.item_messages.iter().copied().collect();
        let messages: Vec<i64> = messages.into_iter().collect();
        looks.push((CHANNELS_OF, vec![Box::new(messages)], keep_channel_of));
    }
    if !asked.take_over.is_empty() {
        looks.push((MAY_TAKE, vec![Box::new(&asked.take_over), Box::new(gateway), Box::new(now)], keep_may_take));
    }
    if !asked.deliveries.is_empty() {
        looks.push((DELIVERIES, vec![Box::new(&asked.deliveries)], keep_delivery));
    }
    if !asked.feeds.is_empty() {
        looks.push((CURSORS, vec![Box::new(&asked.cursor_channels), Box::new(&asked.feeds)], keep_cursor));
    }
    if !asked.turns.is_empty() {
        looks.push((TURNS, vec![Box::new(&asked.turns)], keep_turn));
        looks.push((SYNC_ASKED, vec![Box::new(&asked.turns)], keep_sync_asked));
    }
    looks
}

fn keep_request(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    let request = KnownRequest {
        fingerprint: get(row, "fingerprint")?,
        petition: get(row, "petition")?,
        version: unsigned(get(row, "version")?),
        seq: Seq(unsigned(get(row, "seq")?)),
    };
    known.requests.insert((get(row, "id")?, get_text(row, "principal")?), request);
    Ok(())
}

fn keep_petition(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    let petition = KnownPetition { pk: get(row, "pk")?, version: unsigned(get(row, "version")?) };
    known.petitions.insert(get(row, "id")?, petition);
    Ok(())
}

fn keep_external_id(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    let (version, seq) = (unsigned(get(row, "version")?), Seq(unsigned(get(row, "seq_last")?)));
    let key = (get_text(row, "channel")?, get_text(row, "external_id")?);
    known.external_ids.insert(key, (get(row, "id")?, version, seq));
    Ok(())
}

fn keep_item(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    known.items.insert((get(row, "message")?, get(row, "place_no")?), get(row, "is_quarantined")?);
    Ok(())
}

fn keep_channel_of(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    known.channels_of.insert(get(row, "id")?, get_text(row, "channel")?);
    Ok(())
}

fn keep_may_take(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    known.may_take.insert(get(row, "id")?);
    Ok(())
}

fn keep_delivery(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    let standing = Standing {
        n: get(row, "n")?,
        channel: get_text(row, "channel")?,
        lane: get_text_opt(row, "lane")?,
        state: get(row, "state")?,
        head: None,
        leased: get(row, "leased")?,
        attempts: get(row, "attempts")?,
        attempts_in_round: get(row, "attempts_in_round")?,
        in_doubt: get(row, "in_doubt")?,
        silent_attempts: get(row, "silent_attempts")?,
        next_at: get(row, "next_at")?,
        due_at: get(row, "due_at")?,
        ended_at: get(row, "ended_at")?,
        reason: get_text_opt(row, "reason")?,
        remote_reference: get_text_opt(row, "remote_reference")?,
        attempt_last: get(row, "attempt_last")?,
        is_changed: false,
    };
    known.deliveries.insert(get(row, "id")?, standing);
    Ok(())
}

fn keep_cursor(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    let feed = (get_text(row, "channel")?, get_text(row, "feed")?);
    known.cursors.insert(feed, get_text(row, "cursor")?);
    Ok(())
}

fn keep_turn(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    known.turns.insert(get_text(row, "channel")?, (get(row, "gateway")?, get(row, "until")?));
    Ok(())
}

fn keep_sync_asked(known: &mut Known, row: &Row) -> Result<(), StoreError> {
    known.sync_asked.insert(get_text(row, "name")?);
    Ok(())
}
