//! What a batch decided becomes one multi-row statement for each table.

use std::borrow::Cow;

use uuid::Uuid;

use super::{
    batch::{Batch, Life, PetitionRow, ReconciliationRow, Tally},
    known::Standing,
    pipeline::{Step, Value},
    reconciliation,
};
use crate::{
    petition::Petition,
    store::{
        StoreError,
        columns::due_on,
        postgres::rows::{nanos, signed, text, to_json},
    },
};
use channel_sdk::adapter::Entrance;

pub(super) const MESSAGES_UPDATE: &str = "UPDATE messages m SET state = v.state, owner = v.owner
     FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) v (id, state, owner) WHERE m.id = v.id";

pub(super) const PETITIONS_UPDATE: &str = "UPDATE petitions p
     SET version = v.version, seq_last = v.seq_last, status = v.status, kind = v.kind,
         field_code = v.field_code, locality = v.locality,
         forwarding_agency = v.forwarding_agency, receiving_agency = v.receiving_agency,
         unit = v.unit, forwarded_to = v.forwarded_to, due_on = v.due_on
     FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
         $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
         v (pk, id, version, seq_last, status, kind, field_code, locality, forwarding_agency,
            receiving_agency, unit, forwarded_to, due_on)
     WHERE p.pk = v.pk";

pub(super) const DOSSIERS_UPDATE: &str =
    "UPDATE dossiers d SET doc = v.doc FROM unnest($1::bigint[], $2::text[]) v (petition, doc)
     WHERE d.petition = v.petition";

pub(super) const DELIVERIES_UPDATE: &str = "UPDATE deliveries d
     SET state = v.state, head = coalesce(v.head, d.head), leased = v.leased,
         attempts_in_round = v.attempts_in_round, next_at = v.next_at, due_at = v.due_at,
         ended_at = v.ended_at, reason = v.reason, remote_reference = v.remote_reference,
         in_doubt = v.in_doubt, silent_attempts = v.silent_attempts
     FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::boolean[], $5::bigint[],
                 $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::boolean[],
                 $12::bigint[])
         v (n, state, head, leased, attempts_in_round, next_at, due_at, ended_at, reason,
            remote_reference, in_doubt, silent_attempts)
     WHERE d.n = v.n";

/// The first of each lane becomes the one that may be claimed, unless a later one is being attempted. Whose mark is taken away
/// under a lease that is over is let go with it: that attempt ended without a word.
pub(super) const LANES_MARK: &str = "UPDATE deliveries d
     SET head = (d.n = l.first), leased = d.leased AND d.n = l.first,
         in_doubt = d.in_doubt OR (d.leased AND d.n <> l.first),
         silent_attempts = d.silent_attempts + (d.leased AND d.n <> l.first)::int,
         next_at = CASE WHEN d.leased AND d.n <> l.first THEN d.due_at ELSE d.next_at END
     FROM (SELECT k.channel, k.lane,
                  (SELECT e.n FROM deliveries e
                   WHERE e.channel = k.channel AND e.lane = k.lane AND e.state = 0
                   ORDER BY e.n LIMIT 1) AS first
           FROM unnest($1::text[], $2::text[]) k (channel, lane)
           WHERE NOT EXISTS (SELECT 1 FROM deliveries u
                             WHERE u.channel = k.channel AND u.lane = k.lane AND u.state = 0
                               AND u.head AND u.leased AND u.due_at > $3)) l
     WHERE d.channel = l.channel AND d.lane = l.lane AND d.state = 0 AND d.lane IS NOT NULL
       AND d.head <> (d.n = l.first)";

type Texts<'a> = Vec<Cow<'a, str>>;

/// Everything that the batch writes, in an order in which each finds what it refers to.
pub(super) fn steps<'a>(batch: &'a Batch<'a>) -> Result<Vec<Step<'a>>, StoreError> {
    let mut steps = Vec::new();
    messages(batch, &mut steps);
    petitions(batch, &mut steps)?;
    events(batch, &mut steps)?;
    requests(batch, &mut steps);
    items(batch, &mut steps)?;
    deliveries(batch, &mut steps)?;
    channels(batch, &mut steps)?;
    for row in &batch.rows.reconciliations {
        match row {
            ReconciliationRow::Step(step) => reconciliation::steps(step, &mut steps)?,
            ReconciliationRow::Differences(changes) => reconciliation::differences(changes, &mut steps),
        }
    }
    life(batch, &mut steps)?;
    let known = &batch.known;
    let counters: Vec<Value<'a>> = vec![Box::new(signed(known.seq)), Box::new(known.message), Box::new(known.delivery)];
    steps.push(Step::new("UPDATE counters SET seq = $1, message = $2, delivery = $3", counters));
    Ok(steps)
}

/// A column of many rows.
fn column<'a, R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Value<'a>
where
    Vec<T>: tokio_postgres::types::ToSql + Sync + Send + 'a,
{
    Box::new(rows.iter().map(of).collect::<Vec<T>>())
}

fn messages<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) {
    let rows = &batch.rows.messages;
    if !rows.is_empty() {
        const SQL: &str = "INSERT INTO messages (id, channel, entrance, route, content_type, received_at, sha256, body,
                                                 state, owner)
                           SELECT *, 0, $9::uuid FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[],
                                                       $6::bigint[], $7::text[], $8::bytea[])";
        let values = vec![
            column(rows, |(id, _)| *id),
            column(rows, |(_, it)| text(&it.channel)),
            column(rows, |(_, it)| i64::from(it.entrance == Entrance::Pull)),
            column(rows, |(_, it)| text(&it.route)),
            column(rows, |(_, it)| text(&it.content_type)),
            column(rows, |(_, it)| nanos(it.received_at)),
            column(rows, |(_, it)| text(&it.sha256)),
            column(rows, |(_, it)| &it.body[..]),
            Box::new(batch.gateway),
        ];
        steps.push(Step::new(SQL, values));
    }
    let states: Vec<_> = batch.rows.message_states.iter().collect();
    if !states.is_empty() {
        let values = vec![
            column(&states, |(id, _)| **id),
            column(&states, |(_, (state, _))| *state),
            column(&states, |(_, (_, owner))| *owner),
        ];
        steps.push(Step::new(MESSAGES_UPDATE, values));
    }
}

fn petitions<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO petitions (pk, id, version, seq_last, status, kind, field_code, locality,
                              forwarding_agency, receiving_agency, unit, forwarded_to, due_on, channel, external_id,
                              received_at_us)
                          SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[],
                              $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                              $13::text[], $14::text[], $15::text[], $16::bigint[])";
    let new = batch.petitions(true);
    if !new.is_empty() {
        let mut values = petition_columns(&new);
        values.push(column(&new, |(_, row)| text(&row.petition.channel)));
        values.push(column(&new, |(_, row)| text(&row.petition.external_id)));
        values.push(column(&new, |(_, row)| row.petition.received_at.as_microsecond()));
        steps.push(Step::new(INSERT, values));
    }
    let changed = batch.petitions(false);
    if !changed.is_empty() {
        steps.push(Step::new(PETITIONS_UPDATE, petition_columns(&changed)));
    }
    dossiers(&new, &changed, steps)
}

/// The columns that every change sets, in the order of both statements.
fn petition_columns<'a>(rows: &[(i64, &'a PetitionRow<'a>)]) -> Vec<Value<'a>> {
    fn of<'a>(rows: &[(i64, &'a PetitionRow<'a>)], of: impl Fn(&'a Petition) -> &'a str) -> Value<'a> {
        Box::new(rows.iter().map(|(_, row)| text(of(row.petition))).collect::<Texts<'a>>())
    }
    vec![
        column(rows, |(pk, _)| *pk),
        column(rows, |(_, row)| row.petition.id.0),
        column(rows, |(_, row)| signed(row.petition.version)),
        column(rows, |(_, row)| signed(row.seq_last)),
        of(rows, |it| it.status.as_str()),
        of(rows, |it| it.content.kind.as_str()),
        of(rows, |it| &it.content.field.code),
        of(rows, |it| it.content.locality()),
        of(rows, |it| &it.content.forwarding_agency.code),
        of(rows, |it| &it.content.receiving_agency.code),
        of(rows, |it| it.unit.as_ref().map_or("", |agency| &agency.code)),
        of(rows, |it| it.forwarded_to.as_ref().map_or("", |agency| &agency.code)),
        column(rows, |(_, row)| due_on(row.petition)),
    ]
}

fn dossiers<'a>(
    new: &[(i64, &'a PetitionRow<'a>)],
    changed: &[(i64, &'a PetitionRow<'a>)],
    steps: &mut Vec<Step<'a>>,
) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO dossiers (petition, doc) SELECT * FROM unnest($1::bigint[], $2::text[])";
    const TEXTS: &str = "INSERT INTO texts (petition, words)
                         SELECT petition, string_to_array(words, ' ') FROM unnest($1::bigint[], $2::text[])
                             v (petition, words)
                         ON CONFLICT (petition) DO UPDATE SET words = excluded.words";
    for (sql, rows) in [(INSERT, new), (DOSSIERS_UPDATE, changed)] {
        if !rows.is_empty() {
            let docs: Vec<&'a str> = rows.iter().map(|(_, row)| row.doc).collect();
            steps.push(Step::new(sql, vec![column(rows, |(pk, _)| *pk), Box::new(docs)]));
        }
    }
    let texts = new.iter().chain(changed).filter_map(|(pk, row)| row.words.map(|words| (*pk, words)));
    let (keys, words): (Vec<i64>, Vec<&'a str>) = texts.unzip();
    if !keys.is_empty() {
        steps.push(Step::new(TEXTS, vec![Box::new(keys), Box::new(words)]));
    }
    Ok(())
}

fn events<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO events (seq, petition, version, at, actor, body)
                       SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[],
                                            $6::text[])";
    let rows = &batch.rows.events;
    if rows.is_empty() {
        return Ok(());
    }
    let bodies: Vec<&'a str> = rows.iter().map(|(_, _, body)| *body).collect();
    let values = vec![
        column(rows, |(seq, ..)| signed(*seq)),
        column(rows, |(_, event, _)| event.petition_id.0),
        column(rows, |(_, event, _)| signed(event.version)),
        column(rows, |(_, event, _)| nanos(event.at)),
        column(rows, |(_, event, _)| text(&event.actor)),
        Box::new(bodies),
    ];
    steps.push(Step::new(SQL, values));
    Ok(())
}

fn requests<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) {
    const SQL: &str = "INSERT INTO requests (id, principal, fingerprint, petition, version, seq)
                       SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::bigint[],
                                            $6::bigint[])";
    let rows = &batch.rows.requests;
    if rows.is_empty() {
        return;
    }
    let values = vec![
        column(rows, |(key, _)| key.id),
        column(rows, |(key, _)| text(&key.principal)),
        column(rows, |(key, _)| &key.fingerprint[..]),
        column(rows, |(_, made)| made.petition),
        column(rows, |(_, made)| signed(made.version)),
        column(rows, |(_, made)| signed(made.seq.0)),
    ];
    steps.push(Step::new(SQL, values));
}

fn items<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO items (message, place_no, place, external_id, state, faults, petition, discarded)
                       SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                                            $7::uuid[], $8::text[])
                       ON CONFLICT (message, place_no) DO UPDATE SET
                           place = excluded.place, external_id = excluded.external_id, state = excluded.state,
                           faults = excluded.faults, petition = excluded.petition, discarded = excluded.discarded";
    let rows: Vec<_> = batch.rows.items.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let faults: Vec<String> = rows.iter().map(|(_, row)| to_json(&row.record.faults)).collect::<Result<_, _>>()?;
    let values = vec![
        column(&rows, |((message, _), _)| *message),
        column(&rows, |((_, place), _)| *place),
        column(&rows, |(_, row)| text(&row.record.place)),
        column(&rows, |(_, row)| row.record.external_id.as_deref().map(text)),
        column(&rows, |(_, row)| row.record.state.as_str()),
        Box::new(faults),
        column(&rows, |(_, row)| row.petition.map(|petition| petition.0)),
        column(&rows, |(_, row)| row.record.discarded.as_deref().map(text)),
    ];
    steps.push(Step::new(SQL, values));
    Ok(())
}

fn deliveries<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO deliveries (n, id, petition, channel, lane, created_at, state, head, leased,
                                                  attempts, attempts_in_round, next_at, due_at)
                          SELECT n, id, petition, channel, lane, created_at, 0, lane IS NULL, false, 0, 0, $7::bigint, $7::bigint
                          FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[])
                              v (n, id, petition, channel, lane, created_at)";
    const ERRANDS: &str = "INSERT INTO errands (delivery, body) SELECT * FROM unnest($1::bigint[], $2::text[])";
    let rows = &batch.rows.deliveries;
    if !rows.is_empty() {
        let values = vec![
            column(rows, |row| row.n),
            column(rows, |row| row.new.id.0),
            column(rows, |row| row.petition.0),
            column(rows, |row| text(&row.new.channel)),
            column(rows, |row| row.new.lane.as_deref().map(text)),
            column(rows, |row| row.created_at),
            Box::new(batch.known.now),
        ];
        steps.push(Step::new(INSERT, values));
        let errands: Vec<&'a str> = rows.iter().map(|row| row.errand).collect();
        steps.push(Step::new(ERRANDS, vec![column(rows, |row| row.n), Box::new(errands)]));
    }
    standings(batch, steps);
    attempts(batch, steps);
    lanes(batch, steps);
    Ok(())
}

fn standings<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) {
    let rows: Vec<&'a Standing> = batch.changed().collect();
    if rows.is_empty() {
        return;
    }
    let values = vec![
        column(&rows, |it| it.n),
        column(&rows, |it| it.state),
        column(&rows, |it| it.head),
        column(&rows, |it| it.leased),
        column(&rows, |it| it.attempts_in_round),
        column(&rows, |it| it.next_at),
        column(&rows, |it| it.due_at),
        column(&rows, |it| it.ended_at),
        column(&rows, |it| it.reason.as_deref().map(text)),
        column(&rows, |it| it.remote_reference.as_deref().map(text)),
        column(&rows, |it| it.in_doubt),
        column(&rows, |it| it.silent_attempts),
    ];
    steps.push(Step::new(DELIVERIES_UPDATE, values));
}

fn attempts<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) {
    const SQL: &str = "INSERT INTO attempts (delivery, number, at, verdict, reason)
                       SELECT delivery, number, $5::bigint, verdict, reason
                       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])
                           v (delivery, number, verdict, reason)";
    let rows = &batch.rows.attempts;
    if rows.is_empty() {
        return;
    }
    let values = vec![
        column(rows, |row| row.delivery),
        column(rows, |row| row.number),
        column(rows, |row| row.verdict),
        column(rows, |row| row.reason.map(text)),
        Box::new(batch.known.now),
    ];
    steps.push(Step::new(SQL, values));
}

/// In each lane that was touched the first that waits is marked as the one that may be claimed. While one is being attempted,
/// the lane stays as it is: its end marks it anew.
fn lanes<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) {
    let rows: Vec<_> = batch.rows.lanes.iter().collect();
    if rows.is_empty() {
        return;
    }
    let values = vec![
        column(&rows, |(channel, _)| text(channel)),
        column(&rows, |(_, lane)| text(lane)),
        Box::new(batch.known.now),
    ];
    steps.push(Step::new(LANES_MARK, values));
}

fn channels<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    tallies(batch, steps);
    let rows: Vec<_> = batch.rows.pauses.iter().collect();
    if !rows.is_empty() {
        const SQL: &str = "INSERT INTO channels (name, paused, paused_reason)
                           SELECT * FROM unnest($1::text[], $2::boolean[], $3::text[])
                           ON CONFLICT (name) DO UPDATE SET
                               paused = excluded.paused, paused_reason = excluded.paused_reason";
        let values = vec![
            column(&rows, |(name, _)| text(name)),
            column(&rows, |(_, (paused, _))| *paused),
            column(&rows, |(_, (_, reason))| text(reason)),
        ];
        steps.push(Step::new(SQL, values));
    }
    let rows: Vec<_> = batch.rows.syncs.iter().collect();
    if !rows.is_empty() {
        const SQL: &str = "INSERT INTO channels (name, sync_asked) SELECT * FROM unnest($1::text[], $2::boolean[])
                           ON CONFLICT (name) DO UPDATE SET sync_asked = excluded.sync_asked";
        steps.push(Step::new(SQL, vec![column(&rows, |(name, _)| text(name)), column(&rows, |(_, asked)| **asked)]));
    }
    let rows: Vec<_> = batch.rows.cursors.iter().collect();
    if !rows.is_empty() {
        const SQL: &str = "INSERT INTO cursors (channel, feed, cursor, at)
                           SELECT *, $4::bigint FROM unnest($1::text[], $2::text[], $3::text[])
                           ON CONFLICT (channel, feed) DO UPDATE SET cursor = excluded.cursor, at = excluded.at";
        let values = vec![
            column(&rows, |((channel, _), _)| text(channel)),
            column(&rows, |((_, feed), _)| text(feed)),
            column(&rows, |(_, cursor)| text(cursor)),
            Box::new(batch.known.now),
        ];
        steps.push(Step::new(SQL, values));
    }
    code_lists(batch, steps)
}

fn tallies<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) {
    const SQL: &str = "INSERT INTO channels AS c (name, petitions, messages, quarantined, pending, delivered,
                                                  dead_letters, last_inbound_at, last_delivered_at)
                       SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                                            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
                       ON CONFLICT (name) DO UPDATE SET
                           petitions = c.petitions + excluded.petitions,
                           messages = c.messages + excluded.messages,
                           quarantined = c.quarantined + excluded.quarantined,
                           pending = c.pending + excluded.pending,
                           delivered = c.delivered + excluded.delivered,
                           dead_letters = c.dead_letters + excluded.dead_letters,
                           last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
                           last_delivered_at = greatest(c.last_delivered_at, excluded.last_delivered_at)";
    let rows: Vec<(&'a String, &'a Tally)> = batch.rows.tallies.iter().collect();
    if rows.is_empty() {
        return;
    }
    let values = vec![
        column(&rows, |(name, _)| text(name)),
        column(&rows, |(_, it)| it.petitions),
        column(&rows, |(_, it)| it.messages),
        column(&rows, |(_, it)| it.quarantined),
        column(&rows, |(_, it)| it.pending),
        column(&rows, |(_, it)| it.delivered),
        column(&rows, |(_, it)| it.dead_letters),
        column(&rows, |(_, it)| it.last_inbound_at.map(nanos)),
        column(&rows, |(_, it)| it.last_delivered_at.map(nanos)),
    ];
    steps.push(Step::new(SQL, values));
}

fn code_lists<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO code_lists (channel, name, entries)
                       SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
                       ON CONFLICT (channel, name) DO UPDATE SET entries = excluded.entries";
    let rows: Vec<_> = batch.rows.code_lists.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    let entries: Vec<String> = rows.iter().map(|(_, list)| to_json(&list.entries)).collect::<Result<_, _>>()?;
    let values = vec![
        column(&rows, |((channel, _), _)| text(channel)),
        column(&rows, |((_, name), _)| text(name)),
        Box::new(entries),
    ];
    steps.push(Step::new(SQL, values));
    Ok(())
}

fn life<'a>(batch: &'a Batch<'a>, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    const BEAT: &str = "INSERT INTO gateways (id, until, about, seen) VALUES ($1, $2, $3, $4)
                        ON CONFLICT (id) DO UPDATE SET
                            until = excluded.until, about = excluded.about, seen = excluded.seen";
    /// A day after its last beat nobody asks what a gateway was answered.
    const FORGET: &str = "DELETE FROM gateways WHERE until < $1";
    const TURNS: &str = "INSERT INTO turns (channel, gateway, until)
                         SELECT channel, $3::uuid, until FROM unnest($1::text[], $2::bigint[]) v (channel, until)
                         ON CONFLICT (channel) DO UPDATE SET gateway = excluded.gateway, until = excluded.until";
    const LEAVE: &str = "UPDATE gateways SET until = $2 WHERE id = $1";
    const LET_GO: &str = "DELETE FROM turns WHERE gateway = $1";
    const DAY: i64 = 24 * 3600 * 1_000_000_000;
    let gateway: Uuid = batch.gateway;
    match &batch.rows.beat {
        None => {}
        Some(Life::Beats(until, beat)) => {
            let (about, seen) = (to_json(&beat.about)?, to_json(&beat.seen)?);
            let values: Vec<Value<'a>> = vec![Box::new(gateway), Box::new(*until), Box::new(about), Box::new(seen)];
            steps.push(Step::new(BEAT, values));
            steps.push(Step::new(FORGET, vec![Box::new(batch.known.now - DAY)]));
        }
        Some(Life::Leaves) => {
            steps.push(Step::new(LEAVE, vec![Box::new(gateway), Box::new(batch.known.now)]));
            steps.push(Step::new(LET_GO, vec![Box::new(gateway)]));
        }
    }
    let turns: Vec<_> = batch.rows.turns.iter().collect();
    if !turns.is_empty() {
        let values =
            vec![column(&turns, |(channel, _)| text(channel)), column(&turns, |(_, until)| **until), Box::new(gateway)];
        steps.push(Step::new(TURNS, values));
    }
    Ok(())
}
