//! The ministry's officers: they watch, decide, and ask again under the same key until they are told.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use channel_sdk::model::{Agency, Answer, Attachment, DeclineReason, ResolutionClass};
use petition_gateway::{
    decision::{Context, Decided, DecisionError},
    grpc::Parts,
    petition::{Command, Event, EventBody, Petition, PetitionId, Seq},
    store::RequestKey,
    watch::{Tail, Watch},
};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    plan::draws,
    world::{Life, World},
};

/// Who decides, in the events.
pub(crate) const OFFICER: &str = "officer";

/// What the officers know; they outlive every gateway.
pub(crate) struct Office {
    seed: u64,
    /// The last event that they were shown.
    seen: Seq,
    pub(crate) cases: BTreeMap<PetitionId, Case>,
    order: Vec<PetitionId>,
}

/// What they mean to do with one petition.
#[derive(Default)]
pub(crate) struct Case {
    number: u64,
    to_do: VecDeque<Command>,
    /// Calls that were answered for good: done, or refused by the rules.
    answered: u64,
    /// Calls of which they were told that they are done.
    pub(crate) done: u64,
    /// The number of an event that they were told of, for each call.
    pub(crate) told: Vec<Seq>,
    waits_for_information: bool,
    /// A call was made, and its answer not yet heard.
    unheard: bool,
}

impl Office {
    pub(crate) fn of(seed: u64) -> Office {
        Office { seed, seen: Seq(0), cases: BTreeMap::new(), order: Vec::new() }
    }

    /// Whether nothing is left to do, and everything was seen.
    pub(crate) fn is_idle(&self, last: Seq) -> bool {
        self.seen == last && self.order.iter().all(|id| self.next_of(*id).is_none())
    }

    fn next_of(&self, id: PetitionId) -> Option<(Command, u128)> {
        let case = self.cases.get(&id).filter(|case| case.unheard || !case.waits_for_information)?;
        let command = case.to_do.front()?.clone();
        let key = u128::from(self.seed) << 64 | u128::from(case.number) << 16 | u128::from(case.answered);
        Some((command, key | 1 << 127))
    }

    fn see(&mut self, event: &Event, petition: Option<Petition>) {
        let id = event.event.petition_id;
        match (&event.event.body, petition) {
            (EventBody::Received { .. }, Some(petition)) => {
                let number = self.order.len() as u64 + 1;
                let mut rng = draws(self.seed.wrapping_add(number), "officer");
                let to_do = script(&mut rng, &petition).into();
                self.order.push(id);
                self.cases.insert(id, Case { number, to_do, ..Case::default() });
            }
            (EventBody::InformationRequested { .. }, _) => self.case(id).waits_for_information = true,
            (EventBody::InformationProvided { .. } | EventBody::Withdrawn { .. } | EventBody::Reassigned { .. }, _) => {
                self.case(id).waits_for_information = false
            }
            _ => {}
        }
    }

    fn case(&mut self, id: PetitionId) -> &mut Case {
        self.cases.entry(id).or_default()
    }
}

/// What an officer does with a petition, whatever becomes of it meanwhile.
fn script(rng: &mut ChaCha8Rng, petition: &Petition) -> Vec<Command> {
    let note = String::new;
    let of_voters = petition.content.assembly.is_some();
    let reason = "Không thuộc thẩm quyền giải quyết của Bộ".to_owned();
    match rng.random_range(0..10) {
        0 => vec![Command::Decline {
            reason: DeclineReason::NotCompetent,
            explanation: reason,
            legal_basis: "Điều 6 Nghị định 31/2010".to_owned(),
        }],
        1 => {
            let to = Agency { code: "000.00.00.G22".to_owned(), name: "Bộ Y tế".to_owned() };
            vec![Command::Forward { to, reason, legal_basis: String::new() }]
        }
        _ => {
            let unit = Agency { code: String::new(), name: "Cục Việc làm".to_owned() };
            let mut steps = vec![Command::Accept { note: note() }, Command::Assign { unit, note: note() }];
            if rng.random() {
                steps.push(Command::Start { note: note() });
            }
            if !of_voters && rng.random_ratio(1, 5) {
                let question = "Đề nghị cho biết thời gian và địa điểm".to_owned();
                steps.push(Command::RequestInformation { question, reply_by: None });
            }
            steps.push(answer(rng, of_voters, "Bộ đã xem xét và trả lời."));
            if rng.random_ratio(1, 4) {
                steps.push(answer(rng, of_voters, "Bộ đính chính câu trả lời trước."));
            }
            if rng.random() {
                steps.push(Command::Close { note: note() });
            }
            steps
        }
    }
}

fn answer(rng: &mut ChaCha8Rng, of_voters: bool, text: &str) -> Command {
    let classes = [ResolutionClass::Resolved, ResolutionClass::InResolution, ResolutionClass::Explained];
    Command::Answer {
        answer: Answer {
            version: 0,
            text: format!("{text} ({})", rng.random::<u16>()),
            document: None,
            resolution: if of_voters { classes.choose(rng).copied() } else { None },
            resolution_due_on: None,
            public: rng.random(),
            attachments: if !of_voters && rng.random_ratio(1, 4) { vec![file(rng)] } else { Vec::new() },
        },
    }
}

/// A file whose content is its name; it is put into the blob store before the answer names it.
fn file(rng: &mut ChaCha8Rng) -> Attachment {
    Attachment {
        name: format!("phu-luc-{}.txt", rng.random::<u16>()),
        media_type: "text/plain".to_owned(),
        size_bytes: 0,
        sha256: String::new(),
        remote_id: String::new(),
    }
}

/// The officers at work, as long as the gateway lives.
pub(crate) async fn work(world: &World, life: &Life, parts: &Parts) {
    let seen = world.office.lock().unwrap().seen;
    let tail = Tail::new(Arc::clone(&parts.store), parts.committer.seq_changes(), |event| event);
    let mut watch = Watch::new(Arc::new(tail), seen);
    loop {
        look(world, &mut watch).await;
        let ids = world.office.lock().unwrap().order.clone();
        for id in ids {
            let next = world.office.lock().unwrap().next_of(id);
            // Now this one's, now that one's.
            if let Some((command, key)) = next.filter(|_| world.draw("officer's whim", 0..3) > 0) {
                decide(world, life, parts, id, command, key).await;
            }
        }
        sleep(Duration::from_millis(world.draw("officer's pause", 50..1500))).await;
    }
}

/// Sees what has happened, in order and without a gap, as any watcher.
async fn look(world: &World, watch: &mut Watch<Event>) {
    let Ok(events) = watch.next(Duration::ZERO).await else { return };
    for event in events {
        let petition = world.model.lock().unwrap().petitions.get(&event.event.petition_id).cloned();
        let mut office = world.office.lock().unwrap();
        world.check(event.seq.0 == office.seen.0 + 1, || {
            format!("a watcher that has seen event {} is shown event {}", office.seen.0, event.seq.0)
        });
        office.seen = event.seq;
        office.see(&event, petition);
    }
}

async fn decide(world: &World, life: &Life, parts: &Parts, id: PetitionId, command: Command, key: u128) {
    let name = world.trace.name("petition", id.0);
    let what = format!("{command:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned();
    let Some(command) = with_files(parts, command).await else { return };
    let key = RequestKey { principal: OFFICER.to_owned(), id: Uuid::from_u128(key), fingerprint: [7; 32] };
    let context = Context { actor: OFFICER.to_owned(), request: Some(key), ..Context::default() };
    let call = || parts.decisions.decide(id, command.clone(), context.clone());
    world.tell(OFFICER, &format!("asks to {what} {name}"));
    world.office.lock().unwrap().case(id).unheard = true;
    life.step().await;
    let outcome = if world.happens("officer asks twice", 100) {
        let (first, second) = futures::join!(call(), call());
        if let (Ok(first), Ok(second)) = (&first, &second) {
            let (first, second) = (first.seq.0, second.seq.0);
            world.check(first == second, || format!("one call on {name} is events {first} and {second}"));
        }
        // Whichever is heard.
        if first.is_ok() { first } else { second }
    } else {
        call().await
    };
    life.step().await;
    heard(world, id, &format!("{what} {name}"), outcome);
}

/// What the officer was told must be true.
fn heard(world: &World, id: PetitionId, what: &str, outcome: Result<Decided, DecisionError>) {
    let mut office = world.office.lock().unwrap();
    let case = office.case(id);
    match outcome {
        Ok(decided) => {
            let last = world.model.lock().unwrap().last_seq();
            world.check(decided.seq <= last, || format!("{what}: told as event {}, which is not there", decided.seq.0));
            world.tell(OFFICER, &format!("is told: {what} is event {}", decided.seq.0));
            case.to_do.pop_front();
            case.answered += 1;
            case.unheard = false;
            case.done += 1;
            case.told.push(decided.seq);
        }
        Err(DecisionError::Refused(refusal)) => {
            world.tell(OFFICER, &format!("is refused: {what} ({refusal})"));
            case.to_do.pop_front();
            case.answered += 1;
            case.unheard = false;
        }
        // Asked again, under the same key.
        Err(DecisionError::Store(_) | DecisionError::Contended) => {
            world.tell(OFFICER, &format!("hears nothing of {what}"))
        }
        Err(error) => world.broken(format!("{what}: {error}")),
    }
}

/// The command with its files in the blob store; `None` while they cannot be kept.
async fn with_files(parts: &Parts, mut command: Command) -> Option<Command> {
    if let Command::Answer { answer } = &mut command {
        for file in &mut answer.attachments {
            let content = format!("Nội dung của {}", file.name);
            let kept = parts.blobs.put_bytes(content.into_bytes().into()).await.ok()?;
            (file.sha256, file.size_bytes) = (kept.sha256, kept.size_bytes);
        }
    }
    Some(command)
}
