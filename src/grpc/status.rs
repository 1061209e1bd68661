//! Every error as a gRPC status: the only file that names codes.
//!
//! Each status carries an `ErrorInfo` whose reason is stable: clients program against it, so one that was given out is
//! never given another meaning. Texts hold no value that was sent. What is a defect of ours is logged here with its
//! whole chain, once, and told outside as nothing but "internal error".

#![deny(clippy::wildcard_enum_match_arm)]

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::error::{CallError, Thing, Violation};
use crate::{
    blobs::BlobError,
    decision::DecisionError,
    inbound::engine::ReprocessError,
    intake::IntakeError,
    petition::{Refusal, Seq, moves},
    reconcile::ReconcileError,
    store::StoreError,
};

/// Whose reasons these are, in every `ErrorInfo`.
const DOMAIN: &str = "petition-gateway";
/// When to come again after an overload: the queue of a group commit drains in far less.
const RETRY_SOON: Duration = Duration::from_millis(200);
/// When to come again with a large message: those that are under way are read and committed by then.
const RETRY_LARGE: Duration = Duration::from_secs(1);
/// When to come again while the store is away, or every place of a watcher is taken.
const RETRY_LATER: Duration = Duration::from_secs(5);
/// The most field violations told: a status travels in a header, and clients take 8 KiB of those.
const VIOLATIONS_MAX: usize = 32;

/// A status in the making.
struct Told {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: Vec<(&'static str, String)>,
    violations: Vec<FieldViolation>,
    retry: Option<Duration>,
}

impl Told {
    fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Told {
        Told { code, reason, message: message.into(), metadata: Vec::new(), violations: Vec::new(), retry: None }
    }

    fn with(mut self, key: &'static str, value: impl ToString) -> Told {
        self.metadata.push((key, value.to_string()));
        self
    }

    fn again_after(mut self, delay: Duration) -> Told {
        self.retry = Some(delay);
        self
    }

    fn about(mut self, field: impl Into<String>, description: impl Into<String>) -> Told {
        self.violations.push(FieldViolation::new(field, description));
        self
    }

    fn into_status(self) -> Status {
        let metadata: HashMap<String, String> = self.metadata.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let mut details = ErrorDetails::with_error_info(self.reason, DOMAIN, metadata);
        if !self.violations.is_empty() {
            details.set_bad_request(self.violations);
        }
        if let Some(delay) = self.retry {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(self.code, self.message, details)
    }
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Status {
        told(error).into_status()
    }
}

fn told(error: CallError) -> Told {
    use Code::*;
    let message = error.to_string();
    match error {
        CallError::Unauthenticated => Told::new(Unauthenticated, "CERTIFICATE_REQUIRED", message),
        CallError::RoleMissing(roles) => {
            let names = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",");
            Told::new(PermissionDenied, "ROLE_MISSING", message).with("roles", names)
        }
        CallError::NoSuchMethod => Told::new(Unimplemented, "NO_SUCH_METHOD", message),
        CallError::Overloaded { again_after } => {
            Told::new(ResourceExhausted, "OVERLOADED", message).again_after(again_after)
        }
        CallError::BytesExhausted => Told::new(ResourceExhausted, "OVERLOADED", message).again_after(RETRY_LARGE),
        CallError::DeadlineExceeded => Told::new(
            DeadlineExceeded,
            "DEADLINE_EXCEEDED",
            "the call took longer than its deadline; whether it took effect is not known: repeat it with the same \
             request_id",
        ),
        CallError::ShuttingDown { last_seq } => {
            let told = Told::new(Unavailable, "SHUTTING_DOWN", message).again_after(RETRY_LATER);
            last_seq.iter().fold(told, |told, Seq(seq)| told.with("last_seq", seq))
        }
        CallError::Invalid(violations) => invalid(violations),
        CallError::InvalidFilter(why) => Told::new(InvalidArgument, "INVALID_FILTER", message).about("filter", why),
        CallError::InvalidPageToken => Told::new(InvalidArgument, "INVALID_PAGE_TOKEN", message).about(
            "page_token",
            "must be the next_page_token of the page before, with parent, filter, order and query unchanged",
        ),
        CallError::InvalidQuery(why) => Told::new(InvalidArgument, "INVALID_QUERY", message).about("query", why),
        CallError::NotFound(thing) => not_found(thing),
        CallError::Decision(error) => of_decision(error),
        CallError::Reprocess(error) => of_reprocess(error),
        CallError::Store(error) => of_store(&error),
        CallError::Blob(error) => of_blob(&error),
        CallError::AttachmentNotUploaded { sha256 } => {
            let message = "a file that the request names was not uploaded: upload it first";
            Told::new(FailedPrecondition, "ATTACHMENT_NOT_UPLOADED", message).with("sha256", sha256)
        }
        CallError::AttachmentNotHeld => Told::new(FailedPrecondition, "ATTACHMENT_NOT_HELD", message),
        CallError::OffsetBeyondEnd { size_bytes } => {
            Told::new(OutOfRange, "OFFSET_BEYOND_END", message).with("size_bytes", size_bytes)
        }
        CallError::DigestMismatch => Told::new(InvalidArgument, "DIGEST_MISMATCH", message),
        CallError::FileTooLarge { bytes_max } => {
            Told::new(InvalidArgument, "FILE_TOO_LARGE", message).with("bytes_max", bytes_max)
        }
        CallError::ChannelHasFarSide => Told::new(FailedPrecondition, "CHANNEL_HAS_FAR_SIDE", message),
        CallError::ChannelNotPausable => Told::new(FailedPrecondition, "CHANNEL_NOT_PAUSABLE", message),
        CallError::ChannelPaused => Told::new(FailedPrecondition, "CHANNEL_PAUSED", message),
        CallError::NotListable => Told::new(FailedPrecondition, "NOT_LISTABLE", message),
        CallError::Reconcile(error) => of_reconcile(error),
        CallError::NoFeeds => Told::new(FailedPrecondition, "NO_FEEDS", message),
        CallError::AlreadyDelivered => Told::new(FailedPrecondition, "ALREADY_DELIVERED", message),
        CallError::DeliveryParked => Told::new(FailedPrecondition, "DELIVERY_PARKED", message),
        CallError::NotParked => Told::new(FailedPrecondition, "NOT_PARKED", message),
        CallError::NotQuarantined(state) => {
            Told::new(FailedPrecondition, "NOT_QUARANTINED", message).with("state", state.as_str())
        }
        CallError::TooManyItems { items_max } => {
            Told::new(InvalidArgument, "TOO_MANY_ITEMS", message).with("items_max", items_max)
        }
        CallError::TooManyWatchers => {
            Told::new(ResourceExhausted, "TOO_MANY_WATCHERS", message).again_after(RETRY_LATER)
        }
        CallError::SeqNotReached { last: Seq(last) } => {
            Told::new(OutOfRange, "SEQ_NOT_REACHED", message).with("last_seq", last)
        }
    }
}

fn invalid(mut violations: Vec<Violation>) -> Told {
    let count = violations.len();
    violations.truncate(VIOLATIONS_MAX);
    let first = violations.first().map(|it| format!(": {}: {}", it.field, it.description)).unwrap_or_default();
    let told = Told::new(Code::InvalidArgument, "INVALID_REQUEST", format!("the request has {count} fault(s){first}"));
    violations.into_iter().fold(told, |told, it| told.about(it.field, it.description))
}

fn not_found(thing: Thing) -> Told {
    let (reason, message) = match thing {
        Thing::Petition => ("PETITION_NOT_FOUND", "there is no such petition"),
        Thing::Channel => ("CHANNEL_NOT_FOUND", "there is no such channel"),
        Thing::Delivery => ("DELIVERY_NOT_FOUND", "there is no such delivery"),
        Thing::Message => ("MESSAGE_NOT_FOUND", "there is no such message"),
        Thing::Difference => ("DIFFERENCE_NOT_FOUND", "there is no such difference"),
        Thing::Attachment => ("ATTACHMENT_NOT_FOUND", "the petition has no such file"),
    };
    Told::new(Code::NotFound, reason, message)
}

fn of_decision(error: DecisionError) -> Told {
    let message = error.to_string();
    match error {
        DecisionError::NotFound => not_found(Thing::Petition),
        DecisionError::Refused(refusal) => of_refusal(&refusal),
        DecisionError::Changed { now, .. } => {
            Told::new(Code::Aborted, "VERSION_MISMATCH", message).with("current_version", now)
        }
        DecisionError::KeyReused => Told::new(Code::AlreadyExists, "REQUEST_ID_REUSED", message),
        DecisionError::Unsettled | DecisionError::Contended => {
            Told::new(Code::Aborted, "CONTENDED", message).again_after(RETRY_SOON)
        }
        DecisionError::Store(error) => of_store(&error),
    }
}

fn of_refusal(refusal: &Refusal) -> Told {
    let message = refusal.to_string();
    match refusal {
        Refusal::WrongStatus { action, status } => {
            let allowed = moves::allowed_in(*action).iter().map(|it| it.as_str()).collect::<Vec<_>>().join(",");
            Told::new(Code::FailedPrecondition, "MOVE_NOT_ALLOWED", message)
                .with("status", status.as_str())
                .with("allowed_in", allowed)
        }
        Refusal::OwnProcedure { .. } => Told::new(Code::FailedPrecondition, "OWN_PROCEDURE", message),
        Refusal::Missing { field, why } => {
            Told::new(Code::InvalidArgument, "INVALID_REQUEST", message).about(contract_name(field), *why)
        }
        Refusal::Invalid { field, why } => {
            Told::new(Code::InvalidArgument, "INVALID_REQUEST", message).about(contract_name(field), *why)
        }
        Refusal::NotPublic => Told::new(Code::FailedPrecondition, "NOT_PUBLISHABLE", message),
        Refusal::NoAnswer => Told::new(Code::FailedPrecondition, "NO_ANSWER", message),
        Refusal::NoSuchAttachment => not_found(Thing::Attachment),
    }
}

/// The contract's name of a field that the rules complain of.
fn contract_name(field: &'static str) -> &'static str {
    match field {
        "due_on" => "due_date",
        "resolution_due_on" => "resolution_due_date",
        "legal_basis" => "legal_basis.citation",
        same => same,
    }
}

fn of_reprocess(error: ReprocessError) -> Told {
    match error {
        ReprocessError::NotFound => not_found(Thing::Message),
        ReprocessError::NotQuarantined(state) => told(CallError::NotQuarantined(state)),
        ReprocessError::NoChannel => Told::new(
            Code::FailedPrecondition,
            "CHANNEL_NOT_CONFIGURED",
            "the channel of the message is not configured",
        ),
        ReprocessError::Intake(IntakeError::Store(error)) => of_store(&error),
        ReprocessError::Intake(IntakeError::Blob(error)) => of_blob(&error),
        ReprocessError::UnderWay | ReprocessError::Intake(IntakeError::Contended) => {
            of_decision(DecisionError::Contended)
        }
    }
}

fn of_reconcile(error: ReconcileError) -> Told {
    match error {
        ReconcileError::Store(error) | ReconcileError::Intake(IntakeError::Store(error)) => of_store(&error),
        ReconcileError::Decision(error) => of_decision(error),
        ReconcileError::Intake(IntakeError::Blob(error)) => of_blob(&error),
        ReconcileError::Intake(IntakeError::Contended) => of_decision(DecisionError::Contended),
        ReconcileError::NoChannel => told(CallError::NotListable),
        error @ (ReconcileError::Remote(_) | ReconcileError::ListsNothing | ReconcileError::Endless { .. }) => {
            internal(&error)
        }
    }
}

fn of_store(error: &StoreError) -> Told {
    match error {
        // Not known is answered alike: the same request_id finds out.
        StoreError::Unavailable(_) | StoreError::Unknown => {
            let message = "the store is not available now; repeat the call with the same request_id";
            Told::new(Code::Unavailable, "STORE_UNAVAILABLE", message).again_after(RETRY_LATER)
        }
        StoreError::Full => told(CallError::Overloaded { again_after: RETRY_SOON }),
        StoreError::Engine(_) | StoreError::Damaged(_) => internal(error),
    }
}

fn of_blob(error: &BlobError) -> Told {
    match error {
        BlobError::TooLarge { size_bytes_max } => told(CallError::FileTooLarge { bytes_max: *size_bytes_max }),
        // Digests are checked when they are read from a request: here it is one of ours.
        BlobError::NotADigest | BlobError::OtherContent | BlobError::Source(_) => internal(error),
        BlobError::Storage(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "the blob store failed");
            let message = "files cannot be kept or read now; repeat the call with the same request_id";
            Told::new(Code::Unavailable, "STORE_UNAVAILABLE", message).again_after(RETRY_LATER)
        }
    }
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Told {
    tracing::error!(error, "a call failed by a fault of the gateway");
    Told::new(Code::Internal, "INTERNAL", "internal error")
}
