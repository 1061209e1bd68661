//! What holds over every sequence of commands: tried on random ones.

use channel_sdk::model::{
    Agency, Answer, Attachment, DeclineReason, Field, PetitionKind, Petitioner, PetitionerKind, ResolutionClass,
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use super::{
    AboutDelivery, AttachmentState, Command, Content, DeliveryNote, EventBody, NewEvent, ParkedOutcome, Petition,
    PetitionId, Status, decide, moves, receive,
};

/// Few values of each sort, so that sequences meet themselves again: the same text, the same time, the same file.
fn text() -> impl Strategy<Value = String> {
    select(vec!["", "  ", "hồ sơ đã nộp", "chưa có kết quả"]).prop_map(str::to_owned)
}

fn told_at() -> impl Strategy<Value = Option<Timestamp>> {
    option::of((0..3_i64).prop_map(second))
}

fn date() -> impl Strategy<Value = Date> {
    (1..6_i8).prop_map(|day| Date::constant(2019, 7, day))
}

fn agency() -> impl Strategy<Value = Agency> {
    select(vec!["", "H41", "000.00.00.G22"]).prop_map(|code| Agency { code: code.to_owned(), name: String::new() })
}

fn attachment() -> impl Strategy<Value = Attachment> {
    (select(vec!["don.pdf", "anh.jpg"]), select(vec!["", "ab", "cd"]), select(vec!["", "f-1", "f-2"])).prop_map(
        |(name, sha256, remote_id)| Attachment {
            name: name.to_owned(),
            media_type: String::new(),
            size_bytes: 0,
            sha256: sha256.to_owned(),
            remote_id: remote_id.to_owned(),
        },
    )
}

fn kind() -> impl Strategy<Value = PetitionKind> {
    select(PetitionKind::ALL.to_vec())
}

fn content() -> impl Strategy<Value = Content> {
    (kind(), text(), option::of(date()), vec(attachment(), 0..3), any::<bool>()).prop_map(
        |(kind, body, due_on, attachments, public)| Content {
            kind,
            subject: String::new(),
            body,
            field: Field::default(),
            petitioner: Petitioner::of(PetitionerKind::Citizen),
            receiving_agency: Agency::default(),
            forwarding_agency: Agency::default(),
            sent_at: None,
            forwarded_at: None,
            due_on,
            public,
            assembly: None,
            attachments,
            extensions: Default::default(),
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    let resolution = option::of(select(ResolutionClass::ALL.to_vec()));
    // `version` is the rules' to set: whatever a caller writes there does not count.
    (text(), resolution, option::of(date()), any::<bool>(), vec(attachment(), 0..2), any::<u32>()).prop_map(
        |(text, resolution, resolution_due_on, public, attachments, version)| Answer {
            version,
            text,
            document: None,
            resolution,
            resolution_due_on,
            public,
            attachments,
        },
    )
}

/// What the ministry asks.
fn ministry_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        text().prop_map(|note| Command::Accept { note }),
        (select(DeclineReason::ALL.to_vec()), text(), text())
            .prop_map(|(reason, explanation, legal_basis)| { Command::Decline { reason, explanation, legal_basis } }),
        (agency(), text()).prop_map(|(to, reason)| Command::Forward { to, reason, legal_basis: String::new() }),
        (agency(), text()).prop_map(|(unit, note)| Command::Assign { unit, note }),
        text().prop_map(|note| Command::Start { note }),
        (text(), option::of(date()))
            .prop_map(|(question, reply_by)| Command::RequestInformation { question, reply_by }),
        (date(), text()).prop_map(|(due_on, reason)| Command::ExtendDeadline {
            due_on,
            reason,
            legal_basis: String::new()
        }),
        answer().prop_map(|answer| Command::Answer { answer }),
        Just(Command::Publish),
        text().prop_map(|note| Command::Close { note }),
        text().prop_map(|reason| Command::Reopen { reason }),
    ]
}

fn note(of: u8, reason: String) -> Command {
    let delivery = AboutDelivery { id: Uuid::nil(), channel: "portal".to_owned(), errand: "answered".to_owned() };
    let note = match of {
        0 => DeliveryNote::Failed { reason },
        1 => DeliveryNote::Parked { reason },
        2 => DeliveryNote::Resolved { outcome: ParkedOutcome::Delivered, reason },
        _ => DeliveryNote::Resolved { outcome: ParkedOutcome::SendAgain, reason },
    };
    Command::NoteDelivery { delivery, note }
}

/// What the channel tells and what the gateway does by itself.
fn channel_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (text(), vec(attachment(), 0..2), told_at()).prop_map(|(text, attachments, told_at)| {
            Command::ProvideInformation { text, attachments, told_at, extensions: Default::default() }
        }),
        (text(), told_at()).prop_map(|(reason, told_at)| Command::Withdraw { reason, told_at }),
        (0..4_u8, text()).prop_map(|(of, reason)| note(of, reason)),
        (agency(), text(), told_at()).prop_map(|(to, reason, told_at)| Command::Reassign { to, reason, told_at }),
        (0..4_u64, content()).prop_map(|(revision, content)| Command::Amend { revision, content: Box::new(content) }),
        (0..7_u8, text(), told_at()).prop_map(|(score, comment, told_at)| Command::Rate { score, comment, told_at }),
        (0..4_u32, select(vec!["ab", "cd"]))
            .prop_map(|(id, sha256)| { Command::HoldAttachment { id, sha256: sha256.to_owned(), size_bytes: 9 } }),
    ]
}

/// A message that names itself: by its time or its revision. One without cannot be told from a second one like it.
fn message() -> impl Strategy<Value = Command> {
    channel_command().prop_filter("it names itself", |command| match command {
        Command::ProvideInformation { told_at, .. }
        | Command::Rate { told_at, .. }
        | Command::Withdraw { told_at, .. }
        | Command::Reassign { told_at, .. } => told_at.is_some(),
        Command::Amend { .. } => true,
        _ => false,
    })
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    vec(prop_oneof![3 => ministry_command(), 2 => channel_command()], 1..40)
}

fn second(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_560_000_000 + second)
}

/// A petition with its whole history.
struct Case {
    petition: Petition,
    events: Vec<NewEvent>,
}

impl Case {
    fn begin(revision: u64, content: Content) -> Case {
        let body = receive("portal", "PA-1", revision, content);
        let event = event(1, body);
        Case { petition: Petition::begin(&event).expect("a receipt begins a petition"), events: vec![event] }
    }

    /// Does what the command says, as the gateway does; gives what happened, `None` for a refusal.
    fn command(&mut self, command: Command) -> Option<Vec<EventBody>> {
        let bodies = decide(&self.petition, command).ok()?;
        for body in bodies.clone() {
            let event = event(self.petition.version + 1, body);
            self.petition.apply(&event);
            self.events.push(event);
        }
        Some(bodies)
    }
}

fn event(version: u64, body: EventBody) -> NewEvent {
    let at = second(i64::try_from(version).unwrap());
    NewEvent { petition_id: PetitionId(Uuid::from_u128(7)), version, at, actor: "channel:portal".to_owned(), body }
}

/// What must hold of a petition, whatever happened to it.
fn assert_legal(petition: &Petition) {
    let asked = petition.status == Status::InformationRequested;
    assert_eq!(petition.status_before_request.is_some(), asked, "only a waiting petition knows where it goes back to");
    assert_eq!(petition.information_request.is_some(), asked, "only a waiting petition has an open question");
    assert!(petition.status_before_request.is_none_or(|before| before.is_open() && before != petition.status));
    let versions: Vec<u32> = petition.answers.iter().map(|answer| answer.version).collect();
    assert_eq!(versions, (1..=versions.len() as u32).collect::<Vec<_>>(), "answers are numbered from 1 without a gap");
    if petition.status == Status::Answered {
        assert!(petition.answer().is_some());
    }
    if petition.status == Status::Published {
        assert!(petition.answer().is_some_and(|answer| answer.public), "only a public answer is published");
    }
    let ids: Vec<u32> = petition.attachments.iter().map(|held| held.id).collect();
    assert_eq!(ids, (1..=ids.len() as u32).collect::<Vec<_>>(), "files are numbered from 1 without a gap");
    let named = petition.supplements.iter().flat_map(|it| &it.attachment_ids);
    assert!(named.into_iter().all(|id| ids.contains(id)), "a supplement names files that are there");
    assert_eq!(
        petition.revisions.last(),
        Some(&(petition.revision, petition.content.digest())),
        "the last of the revisions is the one in force"
    );
    assert!(petition.revisions.iter().all(|(revision, _)| *revision <= petition.revision));
    assert!(petition.ratings.iter().all(|rating| (1..=5).contains(&rating.score)));
}

/// What a move may lead from and to, by the table.
fn assert_allowed(before: &Petition, command: &Command, after: &Petition) {
    if after == before {
        return;
    }
    let Some(action) = command.action() else {
        assert_eq!(before.status, after.status, "what the gateway does by itself moves nothing");
        return;
    };
    let allowed = match moves::target(action, before.status).expect("it was not refused") {
        moves::To::Status(status) => status,
        moves::To::Same => before.status,
        moves::To::Before => before.status_before_request.expect("it waits for information"),
    };
    assert_eq!(after.status, allowed, "{action} from {}", before.status);
}

proptest! {
    #[test]
    fn no_sequence_of_commands_reaches_an_illegal_state(
        revision in 0..3_u64, first in content(), commands in commands()
    ) {
        let mut case = Case::begin(revision, first);
        assert_legal(&case.petition);
        for command in commands {
            let before = case.petition.clone();
            if case.command(command.clone()).is_some() {
                assert_allowed(&before, &command, &case.petition);
            }
            assert_legal(&case.petition);
        }
    }

    #[test]
    fn a_refusal_and_a_repeat_leave_the_petition_as_it_was(first in content(), commands in commands()) {
        let mut case = Case::begin(1, first);
        for command in commands {
            let before = case.petition.clone();
            if case.command(command).is_none_or(|events| events.is_empty()) {
                prop_assert_eq!(&case.petition, &before);
            }
        }
    }

    #[test]
    fn every_petition_is_the_fold_of_its_events_and_its_version_counts_them(
        revision in 0..3_u64, first in content(), commands in commands()
    ) {
        let mut case = Case::begin(revision, first);
        for command in commands {
            case.command(command);
            prop_assert_eq!(case.petition.version, case.events.len() as u64);
        }
        prop_assert_eq!(Petition::fold(&case.events), Some(case.petition));
    }

    #[test]
    fn events_and_petitions_are_read_back_from_json_as_they_were(first in content(), commands in commands()) {
        let mut case = Case::begin(1, first);
        for command in commands {
            case.command(command);
        }
        for event in &case.events {
            let text = serde_json::to_string(&event.body).unwrap();
            prop_assert_eq!(&serde_json::from_str::<EventBody>(&text).unwrap(), &event.body);
        }
        let text = serde_json::to_string(&case.petition).unwrap();
        prop_assert_eq!(serde_json::from_str::<Petition>(&text).unwrap(), case.petition);
    }

    #[test]
    fn answers_are_only_added_never_taken_away_or_changed(first in content(), commands in commands()) {
        let mut case = Case::begin(1, first);
        for command in commands {
            let before = case.petition.answers.clone();
            case.command(command);
            prop_assert!(case.petition.answers.starts_with(&before));
        }
    }

    #[test]
    fn a_complaint_or_denunciation_is_never_answered(
        kind in select(vec![PetitionKind::Complaint, PetitionKind::Denunciation]),
        first in content(),
        commands in vec(ministry_command(), 1..40),
    ) {
        let mut case = Case::begin(1, Content { kind, ..first });
        for command in commands {
            case.command(command);
            prop_assert!(case.petition.answers.is_empty());
        }
    }

    #[test]
    fn the_same_message_again_is_no_event_whatever_came_between(
        first in content(), before in commands(), message in message(), between in commands()
    ) {
        let mut case = Case::begin(1, first);
        for command in before {
            case.command(command);
        }
        if case.command(message.clone()).is_some_and(|events| !events.is_empty()) {
            prop_assert_eq!(case.command(message.clone()), Some(Vec::new()));
            // Content without a number is known while it is in force: changed and changed back is two amendments.
            if !matches!(message, Command::Amend { revision: 0, .. }) {
                for command in between {
                    case.command(command);
                }
                prop_assert_eq!(case.command(message), Some(Vec::new()));
            }
        }
    }

    #[test]
    fn whatever_a_channel_tells_is_taken_whatever_the_status(
        first in content(), before in commands(), reason in text(), to in agency(), content in content()
    ) {
        let mut case = Case::begin(1, first);
        for command in before {
            case.command(command);
        }
        let told_at = Some(second(9));
        for command in [
            Command::Amend { revision: 9, content: Box::new(content) },
            Command::ProvideInformation {
                text: reason.clone(), attachments: Vec::new(), told_at, extensions: Default::default(),
            },
            Command::Reassign { to, reason: reason.clone(), told_at },
            Command::Withdraw { reason, told_at },
        ] {
            prop_assert!(case.command(command.clone()).is_some(), "{:?} in {}", command.action(), case.petition.status);
        }
    }

    #[test]
    fn a_file_once_held_stays_held(first in content(), commands in commands()) {
        let mut case = Case::begin(1, first);
        for command in commands {
            let before = case.petition.attachments.clone();
            case.command(command);
            for (old, new) in before.iter().zip(&case.petition.attachments) {
                prop_assert_eq!(&old.attachment.name, &new.attachment.name);
                prop_assert!(old.state == AttachmentState::Announced || new.state == AttachmentState::Held);
            }
        }
    }
}
