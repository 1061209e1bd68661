//! What a demonstration comes to: figures for each channel, how it went, and what the sides disagree about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    audit::{Disagreement, Evidence, FarSideSaid, Recorded, Waiting},
    expectation::Happening,
    ministry::books::Counts,
};

/// Disagreements that are told one by one; beyond it the number says enough.
pub const DISAGREEMENTS_TOLD_MAX: usize = 20;

/// What a demonstration comes to.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether all sides agree to the last petition.
    pub agree: bool,
    /// The seed that plays it again.
    pub seed: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Each channel's figures.
    pub channels: Vec<ChannelReport>,
    /// Events that were recorded.
    pub events: u64,
    /// How the ministry's calls went.
    pub ministry: Counts,
    /// Pushes that the far sides made, and answers that were lost on the way.
    pub pushes: u64,
    /// Answers to pushes that were lost on purpose.
    pub pushes_lost: u64,
    /// How many disagreements there are.
    pub disagreement_count: usize,
    /// The first of them.
    pub disagreements: Vec<Disagreement>,
}

/// One channel's figures. Each counts petitions, unless it says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ChannelReport {
    /// Its name.
    pub channel: String,
    /// Handed out by the far side, broken ones included.
    pub came_in: u64,
    /// Recorded.
    pub recorded: u64,
    /// Whose content was changed afterwards.
    pub amended: u64,
    /// Withdrawn.
    pub withdrawn: u64,
    /// Whose petitioner was asked for information.
    pub asked: u64,
    /// Answered.
    pub answered: u64,
    /// Whose answer was corrected or given again.
    pub answered_again: u64,
    /// Forwarded to the competent agency.
    pub forwarded: u64,
    /// Declined.
    pub declined: u64,
    /// Rated.
    pub rated: u64,
    /// Opened again.
    pub reopened: u64,
    /// Broken ones that stand in quarantine, by their faults.
    pub quarantined: u64,
    /// Items in quarantine by fault; one petition may be there more than once.
    pub quarantine_reasons: BTreeMap<String, u64>,
    /// Deliveries that are given up, by their reason.
    pub dead_letters: BTreeMap<String, u64>,
}

impl ChannelReport {
    /// The figures of one channel.
    pub(super) fn of(evidence: &Evidence, far_side: &FarSideSaid) -> ChannelReport {
        let channel = &far_side.channel;
        let petitions: Vec<&Recorded> = evidence.petitions.iter().filter(|it| it.channel == *channel).collect();
        let with = |wanted: fn(&Happening) -> bool| count(petitions.iter().filter(|it| it.has(wanted)));
        let answers = |petition: &Recorded| petition.happenings().into_iter().filter(is_answer).count();
        let accounts = far_side.accounts.iter().filter(|it| it.handed_out);
        let quarantine: Vec<_> = evidence.quarantine.iter().filter(|it| it.channel == *channel).collect();
        let mut quarantine_reasons = BTreeMap::new();
        for item in &quarantine {
            *quarantine_reasons.entry(item.reasons.join("+")).or_default() += 1;
        }
        let dead = |it: &&super::audit::Undelivered| it.state == Waiting::DeadLetter && it.channel == *channel;
        let mut dead_letters = BTreeMap::new();
        for delivery in evidence.undelivered.iter().filter(dead) {
            *dead_letters.entry(delivery.reason.clone()).or_default() += 1;
        }
        ChannelReport {
            channel: channel.clone(),
            came_in: count(accounts.clone()),
            recorded: count(petitions.iter()),
            amended: with(|it| *it == Happening::Amended),
            withdrawn: with(|it| *it == Happening::Withdrawn),
            asked: with(|it| *it == Happening::InformationRequested),
            answered: with(is_answer),
            answered_again: count(petitions.iter().filter(|it| answers(it) > 1)),
            forwarded: with(|it| matches!(it, Happening::Forwarded { .. })),
            declined: with(|it| *it == Happening::Declined),
            rated: with(|it| matches!(it, Happening::Rated { .. })),
            reopened: with(|it| *it == Happening::Reopened),
            quarantined: count(accounts.filter(|it| !it.sound)),
            quarantine_reasons,
            dead_letters,
        }
    }

    /// All channels together.
    pub fn sum(channels: &[ChannelReport]) -> ChannelReport {
        let mut sum = ChannelReport::default();
        for it in channels {
            sum.came_in += it.came_in;
            sum.recorded += it.recorded;
            sum.amended += it.amended;
            sum.withdrawn += it.withdrawn;
            sum.asked += it.asked;
            sum.answered += it.answered;
            sum.answered_again += it.answered_again;
            sum.forwarded += it.forwarded;
            sum.declined += it.declined;
            sum.rated += it.rated;
            sum.reopened += it.reopened;
            sum.quarantined += it.quarantined;
            add(&mut sum.quarantine_reasons, &it.quarantine_reasons);
            add(&mut sum.dead_letters, &it.dead_letters);
        }
        sum
    }
}

impl Report {
    /// The events that were recorded.
    pub(super) fn events(evidence: &Evidence) -> u64 {
        let numbers: BTreeSet<u64> =
            evidence.petitions.iter().flat_map(|it| it.events.iter().map(|(n, _)| *n)).collect();
        count(numbers.iter())
    }
}

fn is_answer(happening: &Happening) -> bool {
    matches!(happening, Happening::Answered { .. })
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}

fn add(sum: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (reason, count) in more {
        *sum.entry(reason.clone()).or_default() += count;
    }
}
