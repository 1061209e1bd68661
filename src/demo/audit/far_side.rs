//! A far side's accounts against the store.

use std::collections::{HashMap, HashSet};

use channel_sdk::sandbox::Account;

use super::{About, Disagreement, Evidence, FarSideSaid, Recorded, same, shown};
use crate::demo::expectation::{Happening, Told};

pub(super) fn compare(evidence: &Evidence, far_side: &FarSideSaid, found: &mut Vec<Disagreement>) {
    let channel = &far_side.channel;
    let mut recorded: HashMap<&str, Vec<&Recorded>> = HashMap::new();
    for petition in evidence.petitions.iter().filter(|it| it.channel == *channel) {
        recorded.entry(&petition.external_id).or_default().push(petition);
    }
    for account in &far_side.accounts {
        let ours = recorded.remove(account.external_id.as_str()).unwrap_or_default();
        let told = one(far_side, account, &ours);
        found.extend(told.into_iter().map(|it| it.of(channel, &account.external_id)));
    }
    for petition in recorded.into_values().flatten() {
        found.push(Disagreement::new(About::Invented, "–", &petition.status).of(channel, &petition.external_id));
    }
    quarantine(evidence, far_side, found);
    let complaints = far_side.complaints.iter();
    found.extend(complaints.map(|it| Disagreement::new(About::Complaint, "–", it).of(channel, "")));
}

fn one(far_side: &FarSideSaid, account: &Account, ours: &[&Recorded]) -> Vec<Disagreement> {
    match (account.sound, ours) {
        (_, _) if !account.handed_out => vec![Disagreement::new(About::NotHandedOut, "handed out", "–")],
        (true, []) => vec![Disagreement::new(About::NotRecorded, "1", "0")],
        (true, [petition]) => sound(far_side, account, petition),
        (true, many) => vec![Disagreement::new(About::RecordedTwice, "1", many.len().to_string())],
        (false, []) => Vec::new(),
        (false, many) => vec![Disagreement::new(About::BrokenRecorded, "0", many.len().to_string())],
    }
}

/// A sound petition that is recorded once: do both say the same of it?
fn sound(far_side: &FarSideSaid, account: &Account, petition: &Recorded) -> Vec<Disagreement> {
    let mut found = Vec::new();
    found.extend(same(About::Id, &petition.id, &shown(account.petition_id.as_deref())));
    found.extend(same(About::Revision, &account.revision.to_string(), &petition.revision.to_string()));
    found.extend(same(About::Rating, &shown(account.rating), &shown(petition.rating)));
    let withdrawn = petition.has(|it| *it == Happening::Withdrawn);
    found.extend(same(About::Withdrawal, &account.withdrawn.to_string(), &withdrawn.to_string()));
    found.extend(heard(&far_side.ear.told(&petition.happenings()), account));
    found
}

/// What the far side should have heard against what it says it heard.
fn heard(told: &[Told], account: &Account) -> Vec<Disagreement> {
    // Once its petitioner has withdrawn, the far side takes our word politely and keeps nothing of it.
    let taken = if account.withdrawn { told.len().min(account.statuses.len()) } else { told.len() };
    let told = &told[..taken];
    let codes: Vec<&str> = told.iter().map(|it| it.code.as_str()).collect();
    let answers: Vec<_> = told.iter().filter_map(|it| it.answer.as_ref()).collect();
    let forwarded_to = told.iter().rev().find_map(|it| it.forwarded_to.as_deref());
    let in_force = answers.last();
    let mut found = Vec::new();
    found.extend(same(About::Messages, &codes.join(" "), &account.statuses.join(" ")));
    found.extend(same(About::Answers, &answers.len().to_string(), &account.answers.to_string()));
    found.extend(same(About::Forwarding, &shown(forwarded_to), &shown(account.forwarded_to.as_deref())));
    let class = in_force.and_then(|it| it.class.as_deref());
    found.extend(same(About::Class, &shown(class), &shown(account.answer_class.as_deref())));
    match in_force.map(|it| it.sha256.as_deref()) {
        // The channel's dialect made the text; that there is one is all that can be said.
        Some(None) if account.answer_sha256.is_some() => {}
        Some(None) => found.push(Disagreement::new(About::AnswerText, "a text", "–")),
        Some(sha256) => found.extend(same(About::AnswerText, &shown(sha256), &shown(account.answer_sha256.as_deref()))),
        None => found.extend(same(About::AnswerText, "–", &shown(account.answer_sha256.as_deref()))),
    }
    found
}

/// Every broken item is in quarantine, and no sound one.
fn quarantine(evidence: &Evidence, far_side: &FarSideSaid, found: &mut Vec<Disagreement>) {
    let channel = &far_side.channel;
    let items: Vec<_> = evidence.quarantine.iter().filter(|it| it.channel == *channel).collect();
    let named: HashSet<&str> = items.iter().filter_map(|it| it.external_id.as_deref()).collect();
    let is_broken = |account: &&Account| account.handed_out && !account.sound;
    let broken: HashSet<&str> =
        far_side.accounts.iter().filter(is_broken).map(|account| account.external_id.as_str()).collect();
    for item in &items {
        let Some(external_id) = item.external_id.as_deref() else { continue };
        if !broken.contains(external_id) {
            let reasons = item.reasons.join(" ");
            found.push(Disagreement::new(About::SoundQuarantined, "–", reasons).of(channel, external_id));
        }
    }
    // An item whose id cannot be read is known by its being there only.
    let nameless = items.iter().filter(|it| it.external_id.is_none()).count();
    let mut unnamed: Vec<&str> = broken.into_iter().filter(|id| !named.contains(id)).collect();
    unnamed.sort_unstable();
    for external_id in unnamed.into_iter().skip(nameless) {
        found.push(Disagreement::new(About::BrokenNotQuarantined, "1", "0").of(channel, external_id));
    }
}
