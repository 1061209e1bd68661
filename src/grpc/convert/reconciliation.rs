//! Reconciliations and differences, as the contract shows them.

use super::{
    common::{signed, time},
    enums, names,
};
use crate::{
    pb,
    store::{Difference, Reconciliation},
};

/// A run.
pub(in crate::grpc) fn reconciliation(run: Reconciliation) -> pb::Reconciliation {
    pb::Reconciliation {
        name: names::reconciliation(&run.channel, run.id),
        state: enums::run_state(run.state),
        begin_time: Some(time(run.began_at)),
        end_time: run.ended_at.map(time),
        listed_count: signed(run.listed),
        unreadable_count: signed(run.unreadable),
        compared_count: signed(run.compared),
        asked_count: signed(run.asked),
        difference_count: signed(run.found),
        failure: run.failure.unwrap_or_default(),
    }
}

/// A difference.
pub(in crate::grpc) fn difference(it: Difference) -> pb::Difference {
    pb::Difference {
        name: names::difference(&it.channel, it.id),
        kind: enums::difference_kind(it.kind),
        state: enums::difference_state(it.state),
        external_id: it.external_id,
        petition: it.petition.map(names::petition).unwrap_or_default(),
        delivery: it.delivery.map(|id| names::delivery(&it.channel, id)).unwrap_or_default(),
        next_action: it.kind.next_action().to_owned(),
        repairable: it.kind.is_repairable(),
        find_time: Some(time(it.found_at)),
        close_time: it.closed_at.map(time),
        outcome: it.outcome.unwrap_or_default(),
    }
}
