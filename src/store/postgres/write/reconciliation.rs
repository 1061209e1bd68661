//! What a batch writes of reconciliations. Their rows are few beside those of petitions, and each step is one channel's, so
//! each becomes statements of its own, in the batch's order.

use std::collections::BTreeMap;

use channel_sdk::listing::Listed;
use uuid::Uuid;

use super::pipeline::{Step, Value};
use crate::store::{
    Difference, DifferenceChange, Reconcile, Reconciliation, StoreError,
    postgres::rows::{nanos, signed, text, to_json},
};

/// Under the lock that every batch holds, so that of two that begin one finds the other.
const BEGIN: &str = "INSERT INTO reconciliations (id, channel, state, cursor, began_at, ended_at, listed, unreadable,
         compared, asked, found, failure)
     SELECT $1::uuid, $2::text, $3::text, $4::text, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::bigint,
            $10::bigint, $11::bigint, $12::text
     WHERE NOT EXISTS (SELECT 1 FROM reconciliations WHERE channel = $2 AND ended_at IS NULL)";

const PUT: &str =
    "INSERT INTO reconciliations AS r (id, channel, state, cursor, began_at, ended_at, listed, unreadable,
         compared, asked, found, failure)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT (id) DO UPDATE SET
         state = excluded.state, cursor = excluded.cursor, ended_at = excluded.ended_at, listed = excluded.listed,
         unreadable = excluded.unreadable, compared = excluded.compared, asked = excluded.asked,
         found = excluded.found, failure = excluded.failure
     WHERE r.ended_at IS NULL";

const LISTED: &str = "INSERT INTO listings (channel, external_id, run, entry)
     SELECT $1::text, external_id, $2::uuid, entry FROM unnest($3::text[], $4::text[]) v (external_id, entry)
     ON CONFLICT (channel, external_id) DO UPDATE SET run = excluded.run, entry = excluded.entry";

const FOUND: &str =
    "INSERT INTO differences (id, channel, external_id, petition, delivery, kind, state, found_in, seen_in,
         found_at, closed_at, outcome)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING";
const SEEN: &str = "UPDATE differences SET seen_in = $2 WHERE id = $1 AND state = 'open'";
const CLOSED: &str = "UPDATE differences SET state = $2, closed_at = $3, outcome = $4 WHERE id = $1 AND state = 'open'";

/// The statements of one step.
pub(super) fn steps<'a>(step: &'a Reconcile, steps: &mut Vec<Step<'a>>) -> Result<(), StoreError> {
    match step {
        Reconcile::Begin(run) => steps.push(Step::new(BEGIN, run_values(run))),
        Reconcile::Step { run, listed, differences: changes } => {
            steps.push(Step::new(PUT, run_values(run)));
            if !listed.is_empty() {
                steps.push(listing(run, listed)?);
            }
            differences(changes, steps);
        }
        Reconcile::Differences(changes) => differences(changes, steps),
    }
    Ok(())
}

fn run_values(run: &Reconciliation) -> Vec<Value<'_>> {
    vec![
        Box::new(run.id),
        Box::new(text(&run.channel)),
        Box::new(run.state.as_str()),
        Box::new(run.cursor.as_deref().map(text)),
        Box::new(nanos(run.began_at)),
        Box::new(run.ended_at.map(nanos)),
        Box::new(signed(run.listed)),
        Box::new(signed(run.unreadable)),
        Box::new(signed(run.compared)),
        Box::new(signed(run.asked)),
        Box::new(signed(run.found)),
        Box::new(run.failure.as_deref().map(text)),
    ]
}

/// One row for each petition: a statement must not touch a row twice.
fn listing<'a>(run: &'a Reconciliation, listed: &'a [Listed]) -> Result<Step<'a>, StoreError> {
    let entries: BTreeMap<&str, &Listed> = listed.iter().map(|it| (it.external_id.as_str(), it)).collect();
    let ids: Vec<_> = entries.keys().map(|id| text(id)).collect();
    let entries: Vec<String> = entries.values().map(to_json).collect::<Result<_, _>>()?;
    let values: Vec<Value<'a>> = vec![Box::new(text(&run.channel)), Box::new(run.id), Box::new(ids), Box::new(entries)];
    Ok(Step::new(LISTED, values))
}

/// The statements of what happens to differences.
pub(super) fn differences<'a>(changes: &'a [DifferenceChange], steps: &mut Vec<Step<'a>>) {
    for change in changes {
        steps.push(match change {
            DifferenceChange::Found(difference) => Step::new(FOUND, found_values(difference)),
            DifferenceChange::Seen { id, run } => Step::new(SEEN, vec![Box::new(*id), Box::new(*run)]),
            DifferenceChange::Closed { id, state, at, outcome } => Step::new(
                CLOSED,
                vec![Box::new(*id), Box::new(state.as_str()), Box::new(nanos(*at)), Box::new(text(outcome))],
            ),
        });
    }
}

fn found_values(it: &Difference) -> Vec<Value<'_>> {
    let (petition, delivery): (Option<Uuid>, Option<Uuid>) = (it.petition.map(|id| id.0), it.delivery.map(|id| id.0));
    vec![
        Box::new(it.id),
        Box::new(text(&it.channel)),
        Box::new(text(&it.external_id)),
        Box::new(petition),
        Box::new(delivery),
        Box::new(it.kind.as_str()),
        Box::new(it.state.as_str()),
        Box::new(it.found_in),
        Box::new(it.seen_in),
        Box::new(nanos(it.found_at)),
        Box::new(it.closed_at.map(nanos)),
        Box::new(it.outcome.as_deref().map(text)),
    ]
}
