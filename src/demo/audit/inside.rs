//! The store against the ministry's books and the watcher; deliveries, files, event numbers.

use super::{About, Disagreement, Evidence, Handled, Recorded, Waiting, same, shown};
use crate::demo::expectation::Happening;

pub(super) fn compare(evidence: &Evidence, found: &mut Vec<Disagreement>) {
    for petition in &evidence.petitions {
        let told = match evidence.handled.get(&petition.id) {
            Some(handled) => books(petition, handled),
            None => vec![Disagreement::new(About::Unseen, "–", &petition.status)],
        };
        let told = told.into_iter().chain(itself(petition));
        found.extend(told.map(|it| it.of(&petition.channel, &petition.external_id)));
    }
    for (id, handled) in &evidence.handled {
        if !evidence.petitions.iter().any(|it| it.id == *id) {
            found.push(Disagreement::new(About::Invented, "–", id).of(&handled.channel, &handled.external_id));
        }
    }
    for delivery in &evidence.undelivered {
        let about = match delivery.state {
            Waiting::Pending => About::Undelivered,
            Waiting::DeadLetter => About::DeadLetter,
        };
        let told = Disagreement::new(about, &delivery.name, &delivery.reason);
        found.push(told.of(&delivery.channel, &delivery.external_id));
    }
    numbers(evidence, found);
}

fn books(petition: &Recorded, handled: &Handled) -> Vec<Disagreement> {
    let mut found = Vec::new();
    found.extend(same(About::Status, &petition.status, &handled.status));
    found.extend(same(About::Version, &petition.version.to_string(), &handled.version.to_string()));
    let texts = (shown(petition.answer_sha256.as_deref()), shown(handled.answer_sha256.as_deref()));
    found.extend(same(About::AnswerText, &texts.0, &texts.1));
    found.extend(same(About::Class, &shown(petition.class), &shown(handled.class)));
    let agencies = (shown(petition.forwarded_to.as_deref()), shown(handled.forwarded_to.as_deref()));
    found.extend(same(About::Forwarding, &agencies.0, &agencies.1));
    found.extend(same(About::Rating, &shown(petition.rating), &shown(handled.rating)));
    found.extend(decisions(petition, handled));
    if !handled.done {
        found.push(Disagreement::new(About::Unfinished, "–", &handled.status));
    }
    found.extend(handled.problems.iter().map(|it| Disagreement::new(About::Call, "–", it)));
    found
}

/// What the ministry was told that it decided, under which number, against what stands in the store.
fn decisions(petition: &Recorded, handled: &Handled) -> Option<Disagreement> {
    let shown = |decisions: &mut dyn Iterator<Item = &(u64, Happening)>| {
        let mut decisions: Vec<_> = decisions.map(|(seq, happening)| (*seq, format!("{seq} {happening:?}"))).collect();
        decisions.sort();
        decisions.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>().join(", ")
    };
    let recorded = shown(&mut petition.events.iter().filter(|(_, happening)| happening.is_decision()));
    same(About::Decision, &shown(&mut handled.decisions.iter()), &recorded)
}

/// What the store says of a petition must agree with itself.
fn itself(petition: &Recorded) -> Vec<Disagreement> {
    let mut found = Vec::new();
    found.extend(same(About::Version, &petition.version.to_string(), &petition.events.len().to_string()));
    if petition.files_missing > 0 {
        found.push(Disagreement::new(About::File, "0", petition.files_missing.to_string()));
    }
    if !petition.looks_agree {
        found.push(Disagreement::new(About::Looks, "ListPetitions, GetPetition", "GetDossier"));
    }
    found
}

/// Event numbers: 1 to n without gap in the store, and the same n at the watcher, each once.
fn numbers(evidence: &Evidence, found: &mut Vec<Disagreement>) {
    let mut numbers: Vec<u64> =
        evidence.petitions.iter().flat_map(|it| it.events.iter().map(|(seq, _)| *seq)).collect();
    numbers.sort_unstable();
    let wrong = numbers.iter().zip(1u64..).find(|(seq, expected)| *seq != expected);
    if let Some((seq, expected)) = wrong {
        found.push(Disagreement::new(About::Sequence, expected.to_string(), seq.to_string()));
    }
    let watched = &evidence.watched;
    found.extend(same(About::Watch, &numbers.len().to_string(), &watched.events.to_string()));
    found.extend(same(About::Watch, &shown(numbers.last()), &shown(Some(watched.last_seq).filter(|seq| *seq > 0))));
    let jumps = watched.jumps.iter();
    found.extend(jumps.map(|(after, came)| Disagreement::new(About::Watch, (after + 1).to_string(), came.to_string())));
}
