//! The comparison itself, pure: one petition, what we sent of it, and what the far side shows of it.

use channel_sdk::{
    listing::{Listed, Shown, Standing},
    notice::NoticeKind,
};

use crate::{
    petition::{DifferenceKind, Petition, Status},
    store::DeliveryId,
};

/// What our books say of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Books {
    /// The far side has it.
    Delivered,
    /// It was tried, and is to be tried again.
    Waiting,
    /// Given up, or put aside until a person decides.
    GivenUp,
}

/// A delivery with both sides' word on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Which.
    pub id: DeliveryId,
    /// What it tells.
    pub notice: NoticeKind,
    /// Our word.
    pub books: Books,
    /// Theirs.
    pub shown: Shown,
}

/// A difference, before it is anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// In what.
    pub kind: DifferenceKind,
    /// The delivery that it is about.
    pub delivery: Option<DeliveryId>,
}

/// Everything in which the books differ about a petition of ours. `deliveries` stand in the order of their lane.
pub fn of_petition(petition: &Petition, listed: Option<&Listed>, deliveries: &[Judged]) -> Vec<Found> {
    let Some(listed) = listed else {
        return vec![Found { kind: DifferenceKind::UnknownThere, delivery: None }];
    };
    let mut found = Vec::new();
    if is_older(petition, listed) {
        found.push(Found { kind: DifferenceKind::OlderHere, delivery: None });
    }
    found.extend((0..deliveries.len()).filter_map(|at| of_delivery(deliveries, at)));
    found
}

/// Whether the far side has something of the petition that never came.
fn is_older(petition: &Petition, listed: &Listed) -> bool {
    let is_newer_there = listed.revision.is_some_and(|theirs| theirs > petition.revision);
    let is_ended_there = match listed.standing {
        Some(Standing::Withdrawn) => petition.status != Status::Withdrawn && petition.withdrawals.is_empty(),
        Some(Standing::Anothers) => petition.forwarded_to.is_none() && petition.reassignments.is_empty(),
        Some(Standing::Ours) | None => false,
    };
    is_newer_there || is_ended_there
}

fn of_delivery(deliveries: &[Judged], at: usize) -> Option<Found> {
    let it = deliveries[at];
    let kind = match (it.books, it.shown) {
        (Books::Delivered | Books::GivenUp, Shown::No) if is_overtaken(deliveries, at) => {
            DifferenceKind::OvertakenThere
        }
        (Books::Delivered, Shown::No) => DifferenceKind::NotVisibleThere,
        (Books::GivenUp, Shown::No) => DifferenceKind::Undelivered,
        (Books::Waiting | Books::GivenUp, Shown::Yes) => DifferenceKind::VisibleUnsettled,
        (Books::Delivered, Shown::Other) => replaced(deliveries, at)?,
        _ => return None,
    };
    Some(Found { kind, delivery: Some(it.id) })
}

/// Whether the far side has a later message of the lane, so that this one would put it back. A receipt says nothing that a
/// later message takes back.
fn is_overtaken(deliveries: &[Judged], at: usize) -> bool {
    let tells = |it: &Judged| it.notice != NoticeKind::Received;
    tells(&deliveries[at]) && deliveries[at + 1..].iter().any(|it| tells(it) && it.shown == Shown::Yes)
}

/// What it means that something else stands in this one's place: only the last of ours should stand there.
fn replaced(deliveries: &[Judged], at: usize) -> Option<DifferenceKind> {
    let is_same = |it: &&Judged| (it.notice == NoticeKind::Received) == (deliveries[at].notice == NoticeKind::Received);
    let is_last = !deliveries[at + 1..]
        .iter()
        .filter(is_same)
        .any(|it| it.books == Books::Delivered && it.shown != Shown::CannotTell);
    let stands_before = deliveries[..at].iter().filter(is_same).any(|it| it.shown == Shown::Yes);
    match (is_last, stands_before) {
        (false, _) => None,
        (true, true) => Some(DifferenceKind::NotVisibleThere),
        (true, false) => Some(DifferenceKind::AnswerDiffers),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{petition::DifferenceKind as Kind, store::suite::sqlite_bench};

    fn petition() -> Petition {
        sqlite_bench().new_petition("PA-1").petition
    }

    fn listed(revision: Option<u64>, standing: Option<Standing>) -> Listed {
        Listed { external_id: "PA-1".to_owned(), revision, standing, ..Listed::default() }
    }

    fn judged(number: u128, notice: NoticeKind, books: Books, shown: Shown) -> Judged {
        Judged { id: DeliveryId(Uuid::from_u128(number)), notice, books, shown }
    }

    fn kinds(listed: &Listed, deliveries: &[(NoticeKind, Books, Shown)]) -> Vec<(Kind, Option<u128>)> {
        let numbered = (1..).zip(deliveries);
        let deliveries: Vec<Judged> =
            numbered.map(|(number, (notice, books, shown))| judged(number, *notice, *books, *shown)).collect();
        let found = of_petition(&petition(), Some(listed), &deliveries);
        found.into_iter().map(|it| (it.kind, it.delivery.map(|id| id.0.as_u128()))).collect()
    }

    #[test]
    fn what_is_not_listed_is_one_difference_whatever_was_sent() {
        let sent = [judged(1, NoticeKind::Received, Books::Delivered, Shown::No)];
        let found = of_petition(&petition(), None, &sent);
        assert_eq!(found, [Found { kind: Kind::UnknownThere, delivery: None }]);
    }

    #[test]
    fn a_newer_revision_or_an_end_that_never_came_is_older_here() {
        for (revision, standing, is_older) in [
            (None, None, false),
            (Some(1), Some(Standing::Ours), false),
            (Some(2), Some(Standing::Ours), true),
            (Some(1), Some(Standing::Withdrawn), true),
            (None, Some(Standing::Anothers), true),
        ] {
            let found = kinds(&listed(revision, standing), &[]);
            assert_eq!(
                found,
                if is_older { vec![(Kind::OlderHere, None)] } else { vec![] },
                "{revision:?} {standing:?}"
            );
        }
    }

    #[test]
    fn each_word_of_ours_and_theirs_has_its_difference() {
        use Books::*;
        for (books, shown, kind) in [
            (Delivered, Shown::Yes, None),
            (Delivered, Shown::No, Some(Kind::NotVisibleThere)),
            (Delivered, Shown::CannotTell, None),
            (GivenUp, Shown::No, Some(Kind::Undelivered)),
            (GivenUp, Shown::Yes, Some(Kind::VisibleUnsettled)),
            (GivenUp, Shown::CannotTell, None),
            (Waiting, Shown::Yes, Some(Kind::VisibleUnsettled)),
            (Waiting, Shown::No, None),
            (Delivered, Shown::Other, Some(Kind::AnswerDiffers)),
        ] {
            let found = kinds(&listed(None, None), &[(NoticeKind::Answered, books, shown)]);
            assert_eq!(found, kind.map(|kind| (kind, Some(1))).into_iter().collect::<Vec<_>>(), "{books:?} {shown:?}");
        }
    }

    #[test]
    fn what_a_later_message_overtook_is_not_sent_again_but_a_receipt_is() {
        use Books::*;
        let found = kinds(
            &listed(None, None),
            &[
                (NoticeKind::Received, Delivered, Shown::No),
                (NoticeKind::Accepted, Delivered, Shown::No),
                (NoticeKind::Assigned, GivenUp, Shown::No),
                (NoticeKind::Answered, Delivered, Shown::Yes),
                (NoticeKind::Closed, Delivered, Shown::No),
            ],
        );
        let expected = [
            (Kind::NotVisibleThere, Some(1)),
            (Kind::OvertakenThere, Some(2)),
            (Kind::OvertakenThere, Some(3)),
            (Kind::NotVisibleThere, Some(5)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn of_several_answers_the_last_should_stand_there() {
        use Books::Delivered;
        let answers = |first, last| {
            let answers = [(NoticeKind::Answered, Delivered, first), (NoticeKind::Answered, Delivered, last)];
            kinds(&listed(None, None), &answers)
        };
        assert_eq!(answers(Shown::Other, Shown::Yes), []);
        assert_eq!(answers(Shown::Yes, Shown::Other), [(Kind::NotVisibleThere, Some(2))]);
        assert_eq!(answers(Shown::Other, Shown::Other), [(Kind::AnswerDiffers, Some(2))]);
    }

    /// What happened to a message on its way.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        /// Arrived, and told so.
        Arrived,
        /// Told as arrived, and forgotten.
        Dropped,
        /// Given up, and not there.
        Refused,
        /// Given up, and there.
        Doubted,
        /// Waits, and is there.
        Waits,
    }

    /// What both sides have of one message.
    #[derive(Debug, Clone, Copy)]
    struct Message {
        notice: NoticeKind,
        books: Books,
        is_there: bool,
        is_noted: bool,
    }

    fn message() -> impl Strategy<Value = Message> {
        let notices = prop::sample::select(NoticeKind::ALL.to_vec());
        let of = |(notice, fate)| {
            let (books, is_there) = match fate {
                Fate::Arrived => (Books::Delivered, true),
                Fate::Dropped => (Books::Delivered, false),
                Fate::Refused => (Books::GivenUp, false),
                Fate::Doubted => (Books::GivenUp, true),
                Fate::Waits => (Books::Waiting, true),
            };
            Message { notice, books, is_there, is_noted: false }
        };
        (notices, prop::sample::select(vec![Fate::Arrived, Fate::Dropped, Fate::Refused, Fate::Doubted, Fate::Waits]))
            .prop_map(of)
    }

    fn differences(petition: &Petition, listed: &Listed, messages: &[Message]) -> Vec<Found> {
        let judged: Vec<Judged> = (0..)
            .zip(messages)
            .map(|(number, it)| judged(number, it.notice, it.books, if it.is_there { Shown::Yes } else { Shown::No }))
            .collect();
        let noted = |it: &Found| it.delivery.is_some_and(|id| messages[id.0.as_u128() as usize].is_noted);
        of_petition(petition, Some(listed), &judged).into_iter().filter(|it| !noted(it)).collect()
    }

    proptest! {
        #[test]
        fn after_every_difference_is_repaired_there_is_none(
            revision in 0_u64..4,
            mut messages in prop::collection::vec(message(), 0..12),
        ) {
            let (mut petition, listed) = (petition(), listed(Some(revision), Some(Standing::Ours)));
            for found in differences(&petition, &listed, &messages) {
                prop_assert!(found.kind.is_repairable());
                let Some(at) = found.delivery.map(|id| id.0.as_u128() as usize) else {
                    petition.revision = revision;
                    continue;
                };
                match found.kind {
                    Kind::OvertakenThere => messages[at].is_noted = true,
                    _ => (messages[at].books, messages[at].is_there) = (Books::Delivered, true),
                }
            }
            // What was sent again came after what was noted, never before it.
            prop_assert_eq!(differences(&petition, &listed, &messages), []);
        }
    }
}
