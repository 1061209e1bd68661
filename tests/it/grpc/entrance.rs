//! What every call passes first: certificates, roles, deadlines, sizes, health, reflection.

use std::{net::Ipv4Addr, time::Duration};

use petition_gateway::{
    admission::Rooms,
    grpc::Limits,
    pb::{self, petition_service_client::PetitionServiceClient},
    security::{
        CertificateMatcher, ClientCertificates, Principal, Principals, Role, Roles, ServerTls, TlsFiles,
        throwaway::{Authority, Names},
        tls,
    },
};
use tempfile::TempDir;
use tonic::{
    Code, Request,
    transport::{Certificate, Channel, ClientTlsConfig, Identity},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::{
    said::{accept, assert_refused, metadata, submit},
    served::{Served, Settings, limits},
};

/// A server that asks for certificates, and an authority that both sides trust.
struct Secured {
    served: Served,
    authority: Authority,
    _folder: TempDir,
}

impl Secured {
    async fn new() -> Secured {
        tls::provider();
        let authority = Authority::new("Cơ quan chứng thực thử nghiệm").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let names = Names { common_name: "gateway", ips: &[Ipv4Addr::LOCALHOST.into()], ..Names::default() };
        authority.issue(&names).unwrap().write(folder.path(), "gateway").unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("gateway.pem"),
            key: folder.path().join("gateway.key"),
            client_ca: Some(folder.path().join("ca.pem")),
            client_certificates: ClientCertificates::Required,
        };
        let known = [("case", Role::MinistrySystem), ("other", Role::MinistrySystem), ("viewer", Role::Reader)];
        let known = known.into_iter().map(|(name, role)| {
            let principal = Principal { name: name.to_owned(), roles: Roles::of(&[role]) };
            (CertificateMatcher::SubjectCn(name.to_owned()), principal)
        });
        let principals = Principals::new(known.collect(), Roles::default());
        let tls = Some(ServerTls::load(files, &["h2"]).unwrap());
        let served = Served::with(Settings { principals, tls, ..Settings::default() }).await;
        Secured { served, authority, _folder: folder }
    }

    async fn connect(&self, common_name: &str) -> PetitionServiceClient<Channel> {
        let issued = self.authority.issue(&Names { common_name, ..Names::default() }).unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.pem()))
            .identity(Identity::from_pem(issued.certificate_pem, issued.key_pem));
        let address = format!("https://{}", self.served.address);
        let endpoint = Channel::from_shared(address).unwrap().tls_config(tls).unwrap();
        PetitionServiceClient::new(endpoint.connect().await.unwrap())
    }
}

#[tokio::test]
async fn the_caller_is_read_from_the_certificate_and_stands_in_the_event() {
    let secured = Secured::new().await;
    let mut case = secured.connect("case").await;
    case.submit_petition(submit("HD-1", "Một")).await.unwrap();
    let events = secured.served.store.event_list_after(petition_gateway::petition::Seq(0), 10).await.unwrap();
    assert_eq!(events[0].event.actor, "case");
    let mut viewer = secured.connect("viewer").await;
    viewer.list_petitions(pb::ListPetitionsRequest::default()).await.unwrap();
    let status =
        assert_refused(viewer.submit_petition(submit("HD-2", "Hai")).await, Code::PermissionDenied, "ROLE_MISSING");
    assert_eq!(metadata(&status, "roles"), "ministry_system");
}

#[tokio::test]
async fn a_certificate_that_nobody_is_named_by_is_refused() {
    let secured = Secured::new().await;
    let mut stranger = secured.connect("stranger").await;
    let refused = stranger.list_petitions(pb::ListPetitionsRequest::default()).await;
    assert_refused(refused, Code::Unauthenticated, "CERTIFICATE_REQUIRED");
}

#[tokio::test]
async fn request_ids_of_different_callers_never_meet() {
    let secured = Secured::new().await;
    let (mut case, mut other) = (secured.connect("case").await, secured.connect("other").await);
    let request = submit("", "Cùng một mã yêu cầu");
    let first = case.submit_petition(request.clone()).await.unwrap().into_inner();
    let second = other.submit_petition(request).await.unwrap().into_inner();
    assert!(!first.duplicate && !second.duplicate);
    assert_ne!(first.petition.unwrap().name, second.petition.unwrap().name);
}

#[tokio::test]
async fn nobody_is_let_in_on_loopback_by_default() {
    let served = Served::to(&[]).await;
    let refused = served.petitions().await.list_petitions(pb::ListPetitionsRequest::default()).await;
    assert_refused(refused, Code::Unauthenticated, "CERTIFICATE_REQUIRED");
    let mut health = HealthClient::new(served.connect().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_call_beyond_its_deadline_ends_and_says_so() {
    let served =
        Served::with(Settings { limits: Limits { call_max: Duration::ZERO, ..limits() }, ..Settings::default() }).await;
    let mut client = served.petitions().await;
    let refused = client.submit_petition(submit("HD-1", "Một")).await;
    assert_refused(refused, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_watch_ends_when_the_clients_deadline_has_passed() {
    let served = Served::new().await;
    let mut request = Request::new(pb::WatchPetitionsRequest::default());
    // As a client of another language sends it, whose library leaves the rest to the server.
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let mut stream = served.petitions().await.watch_petitions(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert_refused(stream.message().await, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn what_is_beyond_the_calls_at_once_is_told_to_come_again() {
    let rooms = Rooms { people_max: 0, ..limits().rooms };
    let served = Served::with(Settings { limits: Limits { rooms, ..limits() }, ..Settings::default() }).await;
    let refused = served.petitions().await.submit_petition(submit("HD-1", "Một")).await;
    let status = assert_refused(refused, Code::ResourceExhausted, "OVERLOADED");
    let details = tonic_types::StatusExt::get_error_details(&status);
    assert!(details.retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    // A busy gateway is not a dead one.
    let mut health = HealthClient::new(served.connect().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_the_connection_goes_on() {
    let served = Served::new().await;
    let mut client = served.petitions().await.max_encoding_message_size(64 << 20);
    let huge = client.submit_petition(submit("HD-1", &"x".repeat(5 << 20))).await.unwrap_err();
    assert_eq!(huge.code(), Code::OutOfRange);
    client.submit_petition(submit("HD-2", "Vừa")).await.unwrap();
}

#[tokio::test]
async fn a_compressed_request_is_understood() {
    let served = Served::new().await;
    let client = served.petitions().await;
    let mut client = client.send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let petition = client.submit_petition(submit("HD-1", &"dài ".repeat(1_000))).await.unwrap().into_inner().petition;
    client.accept_petition(accept(&petition.unwrap().name)).await.unwrap();
}

#[tokio::test]
async fn every_service_tells_its_health() {
    let served = Served::new().await;
    let mut health = HealthClient::new(served.connect().await);
    for service in ["", "petition.gateway.v1.PetitionService", "petition.gateway.v1.ChannelService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "petition.gateway.v1.Nothing".to_owned() };
    assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn reflection_tells_the_services_and_their_files() {
    let served = Served::new().await;
    let mut client = ServerReflectionClient::new(served.connect().await);
    let ask = |message_request| ServerReflectionRequest { host: String::new(), message_request: Some(message_request) };
    let asked = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("petition.gateway.v1.PetitionService".to_owned())),
    ];
    let mut answers = client.server_reflection_info(futures::stream::iter(asked)).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(services)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services")
    };
    let names: Vec<_> = services.service.into_iter().map(|it| it.name).collect();
    for name in ["petition.gateway.v1.PetitionService", "petition.gateway.v1.ChannelService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|it| it == name), "{name} in {names:?}");
    }
    let Some(MessageResponse::FileDescriptorResponse(files)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no file")
    };
    assert!(!files.file_descriptor_proto.is_empty());
}
