//! What is known of each delivery on both sides, before it is compared: our word stands in the store, theirs is read from
//! the listing, or asked for where the far side can be asked.
//!
//! Asking costs a call, so only what may have changed is asked about: what ended since the last whole run, what is not
//! delivered, what a difference stands about, and everything of a petition whose listing contradicts our last word.

use std::collections::HashSet;

use channel_sdk::{
    listing::{Listed, Shown},
    notice::{Known, Notice, NoticeKind},
};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use jiff::Timestamp;

use super::{
    ReconcileError,
    compare::{Books, Judged},
};
use crate::{
    channels::Channel,
    store::{Delivery, DeliveryId, DeliveryState, Errand},
};

/// Questions under way at once; the channel's own limits hold besides.
const ASKED_AT_ONCE: usize = 8;

/// What a run compares.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// What ended before was compared by the last whole run; `None` when there was none.
    pub since: Option<Timestamp>,
    /// When the run began: the listing does not know of what ended later.
    pub until: Timestamp,
}

/// The deliveries of one petition, judged; and of how many the far side was asked.
///
/// # Errors
/// The far side did not answer a question.
pub async fn judge(
    channel: &Channel,
    span: Span,
    listed: &Listed,
    deliveries: &[&Delivery],
    doubted: &HashSet<DeliveryId>,
) -> Result<(Vec<Judged>, u64), ReconcileError> {
    let told: Vec<(&Delivery, &Notice)> = deliveries.iter().filter_map(|it| Some((*it, told(it, span)?))).collect();
    let shows = |notice: &Notice| channel.adapter.shows(listed, notice);
    let can_ask = channel.abilities.guarantees.answers_by_reference;
    let is_contradicted = told
        .iter()
        .rev()
        .find(|(it, notice)| it.state == DeliveryState::Delivered && notice.body.kind() != NoticeKind::Received)
        .is_some_and(|(_, notice)| shows(notice) == Shown::Other);
    let mut questions: Vec<BoxFuture<'_, Result<(Judged, u64), ReconcileError>>> = Vec::with_capacity(told.len());
    for &(delivery, notice) in &told {
        let must_ask = is_contradicted || doubted.contains(&delivery.id) || is_news(delivery, span);
        let shown = match can_ask {
            true if must_ask => None,
            // Asked about before, by the run after it was delivered.
            true => Some(Shown::Yes),
            // The listing is older than this word of ours.
            false if delivery.ended_at.is_some_and(|at| at >= span.until) => Some(Shown::CannotTell),
            false => Some(shows(notice)),
        };
        questions.push(Box::pin(judge_one(channel, listed, (delivery, notice), shown)));
    }
    let judged: Vec<(Judged, u64)> = stream::iter(questions).buffered(ASKED_AT_ONCE).try_collect().await?;
    let asked = judged.iter().map(|(_, asked)| asked).sum();
    Ok((judged.into_iter().map(|(judged, _)| judged).collect(), asked))
}

/// One delivery, judged by what is `shown`, or by what the far side answers.
async fn judge_one(
    channel: &Channel,
    listed: &Listed,
    (delivery, notice): (&Delivery, &Notice),
    shown: Option<Shown>,
) -> Result<(Judged, u64), ReconcileError> {
    let (shown, asked) = match shown {
        Some(shown) => (shown, 0),
        None => {
            let told = ask(channel, notice).await?;
            (told.unwrap_or_else(|| channel.adapter.shows(listed, notice)), 1)
        }
    };
    Ok((Judged { id: delivery.id, notice: notice.body.kind(), books: books(delivery), shown }, asked))
}

/// What a delivery tells, if it was sent at all and is not being sent now.
fn told(delivery: &Delivery, span: Span) -> Option<&Notice> {
    let Errand::Tell { notice } = &delivery.errand else { return None };
    let is_waiting = delivery.attempts > 0 && delivery.next_at > span.until;
    let was_sent = delivery.state != DeliveryState::Pending || is_waiting;
    was_sent.then_some(notice)
}

fn books(delivery: &Delivery) -> Books {
    match delivery.state {
        DeliveryState::Delivered => Books::Delivered,
        DeliveryState::Pending => Books::Waiting,
        DeliveryState::DeadLetter | DeliveryState::Parked => Books::GivenUp,
    }
}

fn is_news(delivery: &Delivery, span: Span) -> bool {
    let ended_since = |since: Timestamp| delivery.ended_at.is_none_or(|at| at >= since);
    delivery.state != DeliveryState::Delivered || span.since.is_none_or(ended_since)
}

/// The far side's answer; `None` when it cannot tell.
async fn ask(channel: &Channel, notice: &Notice) -> Result<Option<Shown>, ReconcileError> {
    Ok(match channel.adapter.ask(&*channel.remote, notice).await? {
        Known::Has { .. } => Some(Shown::Yes),
        Known::HasNot => Some(Shown::No),
        Known::CannotTell => None,
    })
}
