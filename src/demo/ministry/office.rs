//! One petition at a time: the steps of its plan, each as a call that is repeated until it is answered.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tonic::{Code, Status, transport::Channel};
use uuid::Uuid;

use super::{
    books::Books,
    calls::{self, Call, Said},
    gateways::Gateways,
    plan::{self, Case, Step},
    words,
};
use crate::{
    demo::{audit::Handled, client::CALL_LIMIT, expectation::Happening, reading},
    pb::{self, petition_service_client::PetitionServiceClient},
};

/// Petitions that are decided on at the same time: a small department's worth of hands.
const HANDS: usize = 16;

/// Of this many calls one is made twice, as by a client that lost the answer.
const MADE_TWICE: u32 = 40;

/// Where petitions are decided on.
pub(super) struct Office {
    gateways: Gateways,
    pub(super) books: Books,
    seed: u64,
    thought_max: Duration,
    hands: Semaphore,
}

/// One petition's file.
pub(super) struct File {
    /// `petitions/{petition}`.
    pub(super) name: String,
    case: Case,
    /// What is still to do of the first plan; `None` before it is made.
    steps: Option<std::vec::IntoIter<Step>>,
    /// Whether the plan rests until the petitioner has replied.
    rests: bool,
    /// Whether it is no longer the ministry's.
    stopped: bool,
    /// Calls made so far; with the petition it makes the key of the next.
    calls: u32,
}

/// What an event asks of the ministry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// A new petition.
    First,
    /// The petitioner has replied.
    GoOn,
    /// The petitioner has rated the answer.
    Reconsider {
        /// 1 to 5.
        score: i32,
    },
    /// It is no longer the ministry's to answer.
    Stop,
}

/// How a step ended.
enum Outcome {
    Done,
    /// The petition was withdrawn, or moved away, while the ministry decided.
    Gone,
}

impl File {
    pub(super) fn new(name: String, case: Case) -> File {
        File { name, case, steps: None, rests: false, stopped: false, calls: 0 }
    }

    /// Whether the ministry owes nothing more.
    pub(super) fn is_done(&self) -> bool {
        !self.rests && self.steps.as_ref().is_some_and(|steps| steps.len() == 0)
    }

    fn stop(&mut self) {
        self.steps = Some(Vec::new().into_iter());
        self.rests = false;
        self.stopped = true;
    }

    fn basis(&self, step: &Step) -> &'static str {
        match step {
            Step::Decline(pb::DeclineReason::OtherProcedure, _) => words::COMPLAINT_BASIS,
            _ if self.case.of_voters => words::VOTERS_BASIS,
            _ => words::PORTAL_BASIS,
        }
    }
}

impl Office {
    pub(super) fn new(gateways: Gateways, books: Books, seed: u64, thought_max: Duration) -> Office {
        Office { gateways, books, seed, thought_max, hands: Semaphore::new(HANDS) }
    }

    /// Does one task and gives the file back.
    pub(super) async fn work(self: Arc<Self>, mut file: File, task: Task) -> File {
        match task {
            _ if file.stopped => {}
            Task::Stop => file.stop(),
            Task::First => {
                tokio::time::sleep(self.thought_max * plan::thought_per_mille(self.seed, &file.case) / 1000).await;
                file.steps = Some(plan::first(self.seed, &file.case).into_iter());
                self.go_on(&mut file).await;
            }
            Task::GoOn if file.rests => {
                file.rests = false;
                self.go_on(&mut file).await;
            }
            Task::GoOn => {}
            Task::Reconsider { score } => {
                // There was an answer to rate, so the first plan has come to its end.
                file.steps = Some(plan::after_rating(self.seed, &file.case, score).into_iter());
                self.go_on(&mut file).await;
            }
        }
        file
    }

    /// Takes step after step until the plan rests or ends.
    async fn go_on(&self, file: &mut File) {
        // The hands are never closed.
        let Ok(_hand) = self.hands.acquire().await else { return };
        while let Some(step) = file.steps.as_mut().and_then(Iterator::next) {
            match self.take(file, &step).await {
                Ok(Outcome::Done) if matches!(step, Step::Ask(_)) => {
                    file.rests = true;
                    return;
                }
                Ok(Outcome::Done) => {}
                Ok(Outcome::Gone) => return file.stop(),
                Err(problem) => {
                    self.books.open().of(reading::id_of(&file.name)).problems.push(problem);
                    return file.stop();
                }
            }
        }
    }

    /// One step; the error names the step and the code, never a text.
    async fn take(&self, file: &mut File, step: &Step) -> Result<Outcome, String> {
        let problem = |status: &Status| format!("{}: {:?}", name_of(step), status.code());
        let file_sha256 = match step {
            Step::Answer(reply) => match &reply.file {
                Some(document) => {
                    let request_id = self.key(file);
                    let sha256 = self.gateways.persist(|client| calls::upload(client, &request_id, document)).await;
                    self.books.open().counts.files += 1;
                    Some(sha256.map_err(|status| problem(&status))?)
                }
                None => None,
            },
            _ => None,
        };
        let request_id = self.key(file);
        let basis = file.basis(step);
        let call = Call { name: &file.name, request_id: &request_id, basis, file_sha256: file_sha256.as_deref() };
        match self.gateways.persist(|client| call.make(client, step)).await {
            Ok(said) => {
                self.enter(file, step, &said);
                self.make_twice(file, &call, step, &said).await.map(|()| Outcome::Done)
            }
            Err(status) if status.code() == Code::FailedPrecondition && self.is_gone(&file.name).await => {
                Ok(Outcome::Gone)
            }
            Err(status) => Err(problem(&status)),
        }
    }

    /// Now and then a call is made again under its key: it must be known, and answered as the first time.
    async fn make_twice(&self, file: &File, call: &Call<'_>, step: &Step, said: &Said) -> Result<(), String> {
        let draw = Uuid::parse_str(call.request_id).map_or(0, |key| key.as_fields().0);
        if !draw.is_multiple_of(MADE_TWICE) {
            return Ok(());
        }
        let again = self.gateways.persist(|client| call.make(client, step)).await;
        let again = again.map_err(|status| format!("{} again: {:?}", name_of(step), status.code()))?;
        self.books.open().counts.repeated += 1;
        let known = again.duplicate && again.seq == said.seq;
        let problem = format!("{} again: done twice ({}, {})", name_of(step), file.case.external_id, again.seq);
        if known { Ok(()) } else { Err(problem) }
    }

    /// Whether somebody took the petition away while the ministry decided: that is no mistake of anybody.
    async fn is_gone(&self, name: &str) -> bool {
        let ask = |mut client: PetitionServiceClient<Channel>| async move {
            let mut request = tonic::Request::new(pb::GetPetitionRequest { name: name.to_owned(), view: 0 });
            request.set_timeout(CALL_LIMIT);
            client.get_petition(request).await
        };
        let Ok(answer) = self.gateways.persist(ask).await else { return false };
        let status = answer.into_inner().petition.map(|it| it.status()).unwrap_or_default();
        matches!(status, pb::PetitionStatus::Withdrawn | pb::PetitionStatus::Forwarded)
    }

    /// The key of the next call: the same seed, the same keys.
    fn key(&self, file: &mut File) -> String {
        file.calls += 1;
        let name = format!("{} {} {}", self.seed, file.name, file.calls);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }

    /// Writes an acknowledged decision into the ministry's own books.
    fn enter(&self, file: &File, step: &Step, said: &Said) {
        let mut pages = self.books.open();
        pages.counts.calls += 1;
        let page: &mut Handled = pages.of(reading::id_of(&file.name));
        page.decisions.push((u64::try_from(said.seq).unwrap_or_default(), happening_of(step)));
        match step {
            Step::Answer(reply) => {
                page.answer_sha256 = Some(reading::sha256(&reply.text));
                page.class = reply.class.map(|(class, _)| class);
            }
            Step::Forward(to) => page.forwarded_to = Some(to.code.clone()),
            _ => {}
        }
    }
}

/// The event that a step should make.
fn happening_of(step: &Step) -> Happening {
    match step {
        Step::Accept => Happening::Accepted,
        Step::Assign(_) => Happening::Assigned,
        Step::Start => Happening::Started,
        Step::Ask(_) => Happening::InformationRequested,
        Step::Extend(_) => Happening::DeadlineExtended,
        Step::Answer(reply) => {
            Happening::Answered { sha256: reading::sha256(&reply.text), class: reply.class.map(|(class, _)| class) }
        }
        Step::Publish => Happening::Published,
        Step::Close => Happening::Closed,
        Step::Forward(to) => Happening::Forwarded { to: to.code.clone() },
        Step::Decline(..) => Happening::Declined,
        Step::Reopen => Happening::Reopened,
    }
}

fn name_of(step: &Step) -> &'static str {
    match step {
        Step::Accept => "AcceptPetition",
        Step::Assign(_) => "AssignPetition",
        Step::Start => "StartProcessing",
        Step::Ask(_) => "RequestInformation",
        Step::Extend(_) => "ExtendDeadline",
        Step::Answer(_) => "AnswerPetition",
        Step::Publish => "PublishAnswer",
        Step::Close => "ClosePetition",
        Step::Forward(_) => "ForwardPetition",
        Step::Decline(..) => "DeclinePetition",
        Step::Reopen => "ReopenPetition",
    }
}
