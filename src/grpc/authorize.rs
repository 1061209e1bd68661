//! What each method needs: the roles of which one must be held, how long it may take, and the room in which it needs a
//! place. What is not in the table is not served.

use crate::{
    admission::Place::{self, *},
    security::{Principal, Role, Role::*},
};

use super::error::CallError;

/// One method.
#[derive(Debug)]
pub(super) struct Method {
    /// `/package.Service/Method`.
    pub(super) path: &'static str,
    /// Who may call it.
    pub(super) who: Who,
    /// Whether it is one question and one answer, or has a stream on either side.
    pub(super) shape: Shape,
    /// The room in which it needs a place.
    pub(super) place: Place,
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody that could connect: load balancers ask for health, and have no name.
    Anybody,
    /// A principal with one of these roles.
    OneOf(&'static [Role]),
}

/// How a method's messages come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Bounded by the gateway's own longest call.
    Unary,
    /// As long as the client's deadline allows.
    Streaming,
}

const DECIDE: Who = Who::OneOf(&[MinistrySystem]);
const OPERATE: Who = Who::OneOf(&[Operator]);
const LOOK: Who = Who::OneOf(&[MinistrySystem, Operator, Reader]);
const LOOK_AT_FILES: Who = Who::OneOf(&[MinistrySystem, Operator]);

macro_rules! methods {
    ($($service:literal { $($method:literal: $who:expr, $shape:ident, $place:expr;)+ })+) => {
        &[$($(Method { path: concat!("/", $service, "/", $method), who: $who, shape: Shape::$shape, place: $place },)+)+]
    };
}

/// Every method that is served.
pub(super) const METHODS: &[Method] = methods! {
    "petition.gateway.v1.PetitionService" {
        "SubmitPetition": DECIDE, Unary, People;
        "ImportPetitions": DECIDE, Streaming, Imports;
        "GetPetition": LOOK, Unary, Reads;
        "ListPetitions": LOOK, Unary, Reads;
        "SearchPetitions": LOOK, Unary, Reads;
        "WatchPetitions": LOOK, Streaming, Free;
        "AcceptPetition": DECIDE, Unary, People;
        "DeclinePetition": DECIDE, Unary, People;
        "ForwardPetition": DECIDE, Unary, People;
        "AssignPetition": DECIDE, Unary, People;
        "StartProcessing": DECIDE, Unary, People;
        "RequestInformation": DECIDE, Unary, People;
        "ProvideInformation": DECIDE, Unary, People;
        "ExtendDeadline": DECIDE, Unary, People;
        "AnswerPetition": DECIDE, Unary, People;
        "PublishAnswer": DECIDE, Unary, People;
        "ClosePetition": DECIDE, Unary, People;
        "ReopenPetition": DECIDE, Unary, People;
        "WithdrawPetition": DECIDE, Unary, People;
        "UploadAttachment": DECIDE, Streaming, Transfers;
        "DownloadAttachment": LOOK_AT_FILES, Streaming, Transfers;
        "GetDossier": LOOK, Streaming, Transfers;
    }
    "petition.gateway.v1.ChannelService" {
        "ListGateways": LOOK, Unary, Reads;
        "ListChannels": LOOK, Unary, Reads;
        "GetChannel": LOOK, Unary, Reads;
        "PauseChannel": OPERATE, Unary, Operators;
        "ResumeChannel": OPERATE, Unary, Operators;
        "SyncChannel": OPERATE, Unary, Operators;
        "ListCodeLists": LOOK, Unary, Reads;
        "ListDeliveries": LOOK, Unary, Reads;
        "GetDelivery": LOOK, Unary, Reads;
        "RetryDelivery": OPERATE, Unary, Operators;
        "ResolveDelivery": OPERATE, Unary, Operators;
        "ListQuarantine": LOOK, Unary, Reads;
        "GetQuarantinedMessage": LOOK, Unary, Reads;
        "ReprocessMessage": OPERATE, Unary, Operators;
        "ReprocessMessages": OPERATE, Streaming, Operators;
        "DiscardMessage": OPERATE, Unary, Operators;
        "ReconcileChannel": OPERATE, Streaming, Operators;
        "ListDifferences": LOOK, Unary, Reads;
        "RepairDifferences": OPERATE, Streaming, Operators;
        "DismissDifference": OPERATE, Unary, Operators;
    }
    "grpc.health.v1.Health" {
        "Check": Who::Anybody, Unary, Free;
        "Watch": Who::Anybody, Streaming, Free;
        "List": Who::Anybody, Unary, Free;
    }
    "grpc.reflection.v1.ServerReflection" {
        "ServerReflectionInfo": LOOK, Streaming, Free;
    }
    "grpc.reflection.v1alpha.ServerReflection" {
        "ServerReflectionInfo": LOOK, Streaming, Free;
    }
};

/// The method at `path`, if the caller may call it.
pub(super) fn authorize(path: &str, caller: Option<&Principal>) -> Result<&'static Method, CallError> {
    let method = METHODS.iter().find(|method| method.path == path);
    let who = method.map_or(LOOK, |method| method.who);
    if let Who::OneOf(roles) = who {
        let caller = caller.ok_or(CallError::Unauthenticated)?;
        if !roles.iter().any(|role| caller.roles.contains(*role)) {
            return Err(CallError::RoleMissing(roles));
        }
    }
    method.ok_or(CallError::NoSuchMethod)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;

    use super::*;
    use crate::{pb, security::Roles};

    fn somebody(roles: &[Role]) -> Principal {
        Principal { name: "somebody".to_owned(), roles: Roles::of(roles) }
    }

    #[test]
    fn every_method_of_the_contract_stands_in_the_table_once_and_nothing_else() {
        let files = prost_types::FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
        let mut contract = BTreeSet::new();
        for file in &files.file {
            for service in &file.service {
                for method in &service.method {
                    let streams = method.client_streaming() || method.server_streaming();
                    let shape = if streams { Shape::Streaming } else { Shape::Unary };
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    contract.insert((path, format!("{shape:?}")));
                }
            }
        }
        let ours = METHODS.iter().filter(|it| it.path.starts_with("/petition."));
        let table: Vec<_> = ours.map(|it| (it.path.to_owned(), format!("{:?}", it.shape))).collect();
        assert_eq!(table.len(), contract.len());
        assert_eq!(table.into_iter().collect::<BTreeSet<_>>(), contract);
    }

    #[test]
    fn nobody_may_do_anything_but_ask_for_health() {
        for method in METHODS {
            for caller in [None, Some(&somebody(&[]))] {
                let is_health = method.path.starts_with("/grpc.health.v1.");
                assert_eq!(authorize(method.path, caller).is_ok(), is_health, "{}", method.path);
            }
        }
    }

    #[test]
    fn a_method_that_is_not_in_the_table_is_not_served_even_to_one_who_may_do_all() {
        let all = somebody(&[MinistrySystem, Operator, Reader]);
        let refusal = authorize("/petition.gateway.v1.PetitionService/DeletePetition", Some(&all));
        assert!(matches!(refusal, Err(CallError::NoSuchMethod)));
    }

    #[test]
    fn readers_change_nothing_and_operators_decide_nothing() {
        let may = |role, method: &str| {
            let method = METHODS.iter().find(|it| it.path.ends_with(&format!("/{method}"))).unwrap();
            authorize(method.path, Some(&somebody(&[role]))).is_ok()
        };
        for method in ["SubmitPetition", "AnswerPetition", "PauseChannel", "DiscardMessage", "DownloadAttachment"] {
            assert!(!may(Reader, method), "{method}");
        }
        for method in ["SubmitPetition", "AcceptPetition", "UploadAttachment", "WithdrawPetition"] {
            assert!(!may(Operator, method), "{method}");
        }
        assert!(may(Operator, "ReprocessMessage") && !may(MinistrySystem, "ReprocessMessage"));
        assert!(may(Reader, "WatchPetitions") && may(Operator, "GetDossier"));
    }
}
