//! Every kind of disagreement is found, and agreement is agreement.

use channel_sdk::{model::ResolutionClass, sandbox::Account};

use super::*;
use crate::demo::expectation::{Ear, Happening};

fn answered(sha256: &str, class: Option<ResolutionClass>) -> Happening {
    Happening::Answered { sha256: sha256.to_owned(), class }
}

fn recorded(channel: &str, external_id: &str, status: &str, happenings: &[(u64, Happening)]) -> Recorded {
    let answer = happenings.iter().rev().find_map(|(_, it)| match it {
        Happening::Answered { sha256, class } => Some((sha256.clone(), *class)),
        _ => None,
    });
    Recorded {
        id: format!("id-{external_id}"),
        channel: channel.to_owned(),
        external_id: external_id.to_owned(),
        revision: 1,
        version: happenings.len() as u64,
        status: status.to_owned(),
        answer_sha256: answer.as_ref().map(|(sha256, _)| sha256.clone()),
        class: answer.and_then(|(_, class)| class),
        forwarded_to: None,
        rating: None,
        events: happenings.to_vec(),
        files_missing: 0,
        looks_agree: true,
    }
}

fn account(external_id: &str, statuses: &[&str]) -> Account {
    Account {
        external_id: external_id.to_owned(),
        sound: true,
        handed_out: true,
        revision: 1,
        petition_id: Some(format!("id-{external_id}")),
        statuses: statuses.iter().map(|&it| it.to_owned()).collect(),
        ..Account::default()
    }
}

fn book_of(petition: &Recorded) -> (String, Handled) {
    let handled = Handled {
        channel: petition.channel.clone(),
        external_id: petition.external_id.clone(),
        status: petition.status.clone(),
        version: petition.version,
        answer_sha256: petition.answer_sha256.clone(),
        class: petition.class,
        forwarded_to: petition.forwarded_to.clone(),
        rating: petition.rating,
        decisions: petition.events.iter().filter(|(_, it)| it.is_decision()).cloned().collect(),
        done: true,
        problems: Vec::new(),
    };
    (petition.id.clone(), handled)
}

/// An answered question of the portal, a voter petition, and a broken item.
fn agreement() -> Evidence {
    let question =
        [(1, Happening::Received), (3, Happening::Accepted), (5, answered("aa", None)), (6, Happening::Closed)];
    let voters = [(2, Happening::Received), (4, answered("bb", Some(ResolutionClass::Explained)))];
    let petitions =
        vec![recorded("portal", "PAKN-1", "closed", &question), recorded("assembly", "XIV-1", "answered", &voters)];
    let told = Account { answer_sha256: Some("aa".to_owned()), answers: 1, ..account("PAKN-1", &["03", "06", "11"]) };
    let broken = Account { sound: false, petition_id: None, ..account("PAKN-2", &[]) };
    let answer_class = Some("4".to_owned());
    let heard = Account { answer_sha256: Some("bb".to_owned()), answer_class, answers: 1, ..account("XIV-1", &["4"]) };
    let said = |channel: &str, ear, accounts| FarSideSaid {
        channel: channel.to_owned(),
        ear,
        accounts,
        complaints: Vec::new(),
    };
    Evidence {
        far_sides: vec![said("portal", Ear::Portal, vec![told, broken]), said("assembly", Ear::Assembly, vec![heard])],
        quarantine: vec![Quarantined {
            name: "channels/portal/quarantine/2.0".to_owned(),
            channel: "portal".to_owned(),
            external_id: Some("PAKN-2".to_owned()),
            reasons: vec!["missing".to_owned()],
        }],
        undelivered: Vec::new(),
        handled: petitions.iter().map(book_of).collect(),
        watched: Watched { last_seq: 6, events: 6, jumps: Vec::new() },
        petitions,
    }
}

/// What is found once `spoil` has changed one thing.
fn found(spoil: impl FnOnce(&mut Evidence)) -> Vec<About> {
    let mut evidence = agreement();
    spoil(&mut evidence);
    audit(&evidence).into_iter().map(|it| it.about).collect()
}

fn portal(evidence: &mut Evidence) -> &mut Account {
    &mut evidence.far_sides[0].accounts[0]
}

#[test]
fn sides_that_say_the_same_agree() {
    assert_eq!(audit(&agreement()), []);
}

#[test]
fn a_petition_that_is_missing_doubled_or_invented_is_found() {
    assert!(found(|it| drop(it.petitions.remove(0))).contains(&About::NotRecorded));
    assert!(found(|it| it.petitions.push(it.petitions[0].clone())).contains(&About::RecordedTwice));
    assert!(found(|it| drop(it.far_sides[0].accounts.remove(0))).contains(&About::Invented));
    assert_eq!(found(|it| portal(it).handed_out = false), [About::NotHandedOut]);
}

#[test]
fn a_broken_item_must_be_in_quarantine_and_a_sound_one_must_not() {
    assert_eq!(found(|it| it.quarantine.clear()), [About::BrokenNotQuarantined]);
    assert_eq!(found(|it| it.quarantine[0].external_id = None), [], "an unreadable id is known by its being there");
    let sound =
        found(|it| it.quarantine.push(Quarantined { external_id: Some("PAKN-1".into()), ..it.quarantine[0].clone() }));
    assert_eq!(sound, [About::SoundQuarantined]);
    assert_eq!(found(|it| portal(it).sound = false), [About::BrokenRecorded, About::BrokenNotQuarantined]);
}

#[test]
fn a_far_side_that_heard_something_else_is_found() {
    assert_eq!(found(|it| portal(it).petition_id = Some("id-other".into())), [About::Id]);
    assert_eq!(found(|it| portal(it).revision = 2), [About::Revision]);
    assert_eq!(found(|it| drop(portal(it).statuses.pop())), [About::Messages]);
    assert_eq!(found(|it| portal(it).answers = 2), [About::Answers]);
    assert_eq!(found(|it| portal(it).answer_sha256 = Some("ab".into())), [About::AnswerText]);
    assert_eq!(found(|it| portal(it).forwarded_to = Some("H41".into())), [About::Forwarding]);
    assert_eq!(found(|it| portal(it).rating = Some(2)), [About::Rating]);
    assert_eq!(found(|it| it.far_sides[1].accounts[0].answer_class = Some("1".into())), [About::Class]);
    assert_eq!(found(|it| it.far_sides[0].complaints.push("no key".into())), [About::Complaint]);
}

#[test]
fn what_came_after_a_withdrawal_is_not_held_against_anybody() {
    let spoil = |evidence: &mut Evidence| {
        let account = portal(evidence);
        account.withdrawn = true;
        account.statuses.truncate(1);
        (account.answers, account.answer_sha256) = (0, None);
        let petition = &mut evidence.petitions[0];
        petition.events.push((7, Happening::Withdrawn));
        petition.version += 1;
        evidence.handled = evidence.petitions.iter().map(book_of).collect();
        evidence.watched = Watched { last_seq: 7, events: 7, jumps: Vec::new() };
    };
    assert_eq!(found(spoil), []);
    assert!(found(|it| portal(it).withdrawn = true).contains(&About::Withdrawal));
}

#[test]
fn a_ministry_with_other_books_is_found() {
    let spoilt = |change: fn(&mut Handled)| found(|it| change(it.handled.get_mut("id-PAKN-1").unwrap()));
    assert_eq!(spoilt(|it| it.status = "answered".into()), [About::Status]);
    assert_eq!(spoilt(|it| it.version = 9), [About::Version]);
    assert_eq!(spoilt(|it| it.answer_sha256 = None), [About::AnswerText]);
    assert_eq!(spoilt(|it| drop(it.decisions.pop())), [About::Decision], "one that nobody made");
    assert_eq!(spoilt(|it| it.decisions.push((9, Happening::Reopened))), [About::Decision], "one that is lost");
    assert_eq!(spoilt(|it| it.decisions[0].0 = 2), [About::Decision], "another number");
    assert_eq!(spoilt(|it| it.done = false), [About::Unfinished]);
    assert_eq!(spoilt(|it| it.problems.push("INTERNAL".into())), [About::Call]);
    assert_eq!(found(|it| drop(it.handled.remove("id-PAKN-1"))), [About::Unseen]);
}

#[test]
fn what_waits_is_given_up_or_has_not_arrived_is_found() {
    let delivery = |state| Undelivered {
        name: "channels/portal/deliveries/1".to_owned(),
        channel: "portal".to_owned(),
        external_id: "PAKN-1".to_owned(),
        state,
        reason: "503".to_owned(),
    };
    assert_eq!(found(|it| it.undelivered.push(delivery(Waiting::Pending))), [About::Undelivered]);
    assert_eq!(found(|it| it.undelivered.push(delivery(Waiting::DeadLetter))), [About::DeadLetter]);
    assert_eq!(found(|it| it.petitions[0].files_missing = 1), [About::File]);
    assert_eq!(found(|it| it.petitions[0].looks_agree = false), [About::Looks]);
}

#[test]
fn a_gap_in_the_numbers_or_a_watcher_that_saw_others_is_found() {
    assert!(found(|it| it.petitions[0].events[3].0 = 7).contains(&About::Sequence));
    assert_eq!(found(|it| it.watched.events = 5), [About::Watch]);
    assert_eq!(found(|it| it.watched.jumps.push((3, 3))), [About::Watch]);
}
