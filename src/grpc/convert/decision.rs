//! Decisions of the ministry: thirteen requests of one form, each a command of the domain.

use channel_sdk::inbound::Extensions;
use uuid::Uuid;

use super::{
    checks::Checks,
    common::{parse_agency, parse_day, parse_files, parse_time},
    enums,
    petition::parse_answer,
};
use crate::{
    grpc::request_id,
    pb,
    petition::{Command, Version},
};

/// The longest text of a decision, in bytes; the domain's own limit.
pub(in crate::grpc) const TEXT_BYTES_MAX: usize = 200_000;

/// What every decision tells beside itself.
pub(in crate::grpc) struct About {
    /// The petition's name.
    pub(in crate::grpc) name: String,
    /// The intent.
    pub(in crate::grpc) request_id: Uuid,
    /// The version that it was made on.
    pub(in crate::grpc) expected_version: Option<Version>,
}

/// A request for a decision.
pub(in crate::grpc) trait Decision: prost::Message {
    /// Its method's name: a `request_id` used for another one is refused.
    const METHOD: &'static str;
    /// What answers it.
    type Response: From<(pb::Petition, i64, bool)>;

    /// What it tells beside itself; takes the `request_id` out.
    fn about(&mut self, checks: &mut Checks) -> About;

    /// What it asks of the domain.
    fn command(self, checks: &mut Checks) -> Command;
}

macro_rules! decisions {
    ($($method:literal $request:ident $response:ident |$it:ident, $checks:pat_param| $command:expr;)+) => { $(
        impl From<(pb::Petition, i64, bool)> for pb::$response {
            fn from((petition, seq, duplicate): (pb::Petition, i64, bool)) -> Self {
                pb::$response { petition: Some(petition), seq, duplicate }
            }
        }

        impl Decision for pb::$request {
            const METHOD: &'static str = $method;
            type Response = pb::$response;

            fn about(&mut self, checks: &mut Checks) -> About {
                let request_id = request_id::parse(checks, "request_id", &std::mem::take(&mut self.request_id));
                let version = checks.not_negative("expected_version", self.expected_version);
                About { name: self.name.clone(), request_id, expected_version: (version > 0).then_some(version) }
            }

            fn command(self, $checks: &mut Checks) -> Command {
                let $it = self;
                $command
            }
        }
    )+ };
}

decisions! {
    "AcceptPetition" AcceptPetitionRequest AcceptPetitionResponse |it, checks| {
        Command::Accept { note: text(checks, "note", it.note) }
    };
    "DeclinePetition" DeclinePetitionRequest DeclinePetitionResponse |it, checks| {
        let reason = enums::parse_decline_reason(it.reason).unwrap_or_else(|| {
            checks.missing("reason", "thiếu lý do (one of DeclineReason)");
            channel_sdk::model::DeclineReason::Other
        });
        let explanation = text(checks, "explanation", it.explanation);
        Command::Decline { reason, explanation, legal_basis: basis(checks, it.legal_basis) }
    };
    "ForwardPetition" ForwardPetitionRequest ForwardPetitionResponse |it, checks| Command::Forward {
        to: parse_agency(checks, "to", it.to),
        reason: text(checks, "reason", it.reason),
        legal_basis: basis(checks, it.legal_basis),
    };
    "AssignPetition" AssignPetitionRequest AssignPetitionResponse |it, checks| Command::Assign {
        unit: parse_agency(checks, "unit", it.unit),
        note: text(checks, "note", it.note),
    };
    "StartProcessing" StartProcessingRequest StartProcessingResponse |it, checks| {
        Command::Start { note: text(checks, "note", it.note) }
    };
    "RequestInformation" RequestInformationRequest RequestInformationResponse |it, checks| {
        Command::RequestInformation {
            question: text(checks, "question", it.question),
            reply_by: parse_day(checks, "reply_by_date", it.reply_by_date),
        }
    };
    "ProvideInformation" ProvideInformationRequest ProvideInformationResponse |it, checks| {
        if it.text.trim().is_empty() && it.attachments.is_empty() {
            checks.missing("text", "is required: what was added, a text or at least one file");
        }
        Command::ProvideInformation {
            text: text(checks, "text", it.text),
            attachments: parse_files(checks, "attachments", it.attachments),
            told_at: parse_time(checks, "provide_time", it.provide_time),
            extensions: Extensions::new(),
        }
    };
    "ExtendDeadline" ExtendDeadlineRequest ExtendDeadlineResponse |it, checks| {
        if it.due_date.is_none() {
            checks.missing("due_date", "thiếu hạn mới (the new due date)");
        }
        Command::ExtendDeadline {
            due_on: parse_day(checks, "due_date", it.due_date).unwrap_or_default(),
            reason: text(checks, "reason", it.reason),
            legal_basis: basis(checks, it.legal_basis),
        }
    };
    "AnswerPetition" AnswerPetitionRequest AnswerPetitionResponse |it, checks| {
        Command::Answer { answer: parse_answer(checks, it) }
    };
    "PublishAnswer" PublishAnswerRequest PublishAnswerResponse |_it, _| Command::Publish;
    "ClosePetition" ClosePetitionRequest ClosePetitionResponse |it, checks| {
        Command::Close { note: text(checks, "note", it.note) }
    };
    "ReopenPetition" ReopenPetitionRequest ReopenPetitionResponse |it, checks| {
        Command::Reopen { reason: text(checks, "reason", it.reason) }
    };
    "WithdrawPetition" WithdrawPetitionRequest WithdrawPetitionResponse |it, checks| Command::Withdraw {
        reason: text(checks, "reason", it.reason),
        told_at: parse_time(checks, "withdraw_time", it.withdraw_time),
    };
}

fn text(checks: &mut Checks, field: &str, text: String) -> String {
    checks.text(field, text, TEXT_BYTES_MAX)
}

fn basis(checks: &mut Checks, basis: Option<pb::LegalBasis>) -> String {
    text(checks, "legal_basis.citation", basis.unwrap_or_default().citation)
}
