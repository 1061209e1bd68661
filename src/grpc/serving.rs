//! The server: every service on one listener, with health, reflection, limits and a clean stop.

use std::{io, sync::Arc, time::Duration};

use futures::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, server::NamedService, service::Routes, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{Limits, Parts, channels::ChannelCalls, entrance::Entrance, petitions::Petitions, watch::Watched};
use crate::{
    admission::{Admission, Budget},
    pb::{self, channel_service_server::ChannelServiceServer, petition_service_server::PetitionServiceServer},
    security::{Connection, Principals},
};

/// The whole of a server's health, by the protocol's convention.
const WHOLE: &str = "";
/// The services that have a health of their own.
const SERVICES: [&str; 2] = [
    <PetitionServiceServer<Petitions> as NamedService>::NAME,
    <ChannelServiceServer<ChannelCalls> as NamedService>::NAME,
];
/// How long those who ask for health are still told NOT_SERVING after the stop began, before they are let go.
const TELL_NOT_SERVING: Duration = Duration::from_millis(500);

/// Why the server cannot be set up: the contract's descriptors are not what reflection can serve.
#[derive(Debug, thiserror::Error)]
#[error("the contract cannot be served by reflection")]
pub struct SetupError(#[from] tonic_reflection::server::Error);

/// The gRPC server, not yet serving.
pub struct Grpc {
    parts: Parts,
    principals: Arc<Principals>,
    admission: Admission,
    limits: Limits,
    health: Health,
    reflection: Routes,
}

/// Says whether the gateway serves; what load balancers and probes are told.
#[derive(Clone)]
struct Health(HealthReporter);

impl Health {
    /// No service serves: new calls should go elsewhere. Those that come are answered all the same.
    async fn not_serving(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    /// Says what `ready` says, until the stop; never ends by itself.
    async fn follow(&self, mut ready: watch::Receiver<bool>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let is_ready = *ready.borrow_and_update();
            self.set(if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
            if !matches!(stop.run_until_cancelled(ready.changed()).await, Some(Ok(()))) {
                break;
            }
        }
        std::future::pending().await
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES.into_iter().chain([WHOLE]) {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Ends the streams of those who watch the health, which would otherwise keep their connections open for ever.
    async fn let_go(mut self) {
        for service in SERVICES.into_iter().chain([WHOLE]) {
            self.0.clear_service_status(service).await;
        }
    }
}

impl Grpc {
    /// A server over these parts for these principals.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(parts: Parts, principals: Arc<Principals>, limits: Limits) -> Result<Grpc, SetupError> {
        // Clients of before 2023 ask by the older name.
        let reflection = Routes::new(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
        let admission = Admission::new(&limits.rooms);
        Ok(Grpc { parts, principals, admission, limits, health: Health(HealthReporter::new()), reflection })
    }

    /// Who is let in: pushes ask the same, because they take from the same store.
    pub fn admission(&self) -> Admission {
        self.admission.clone()
    }

    /// Serves the connections of `incoming` until told to stop, then until every call has ended: unary calls finish,
    /// streams end with a status that tells where to go on.
    ///
    /// Its health follows `ready`.
    pub async fn run(
        self,
        incoming: impl Stream<Item = io::Result<Connection>> + Send,
        ready: watch::Receiver<bool>,
        stop: CancellationToken,
    ) {
        let Grpc { parts, principals, admission, limits, health, reflection } = self;
        let entrance = Entrance {
            principals,
            admission,
            budget: Budget::new(limits.bytes_in_flight_max),
            committer: parts.committer.clone(),
            call_max: limits.call_max,
        };
        let size = limits.message_bytes_max;
        let petitions = Watched::new(Petitions::new(parts.clone(), &limits, stop.clone()), size);
        let channels = ChannelServiceServer::new(ChannelCalls { parts, stop: stop.clone() })
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(size)
            .max_encoding_message_size(size);
        let asked = tonic_health::server::HealthService::from_health_reporter(health.0.clone());
        let services = reflection
            .add_service(petitions)
            .add_service(channels)
            .add_service(tonic_health::pb::health_server::HealthServer::new(asked));
        let router = server(&limits).layer(entrance).add_routes(services);
        let stopping = async {
            stop.cancelled().await;
            health.not_serving().await;
        };
        let serving = router.serve_with_incoming_shutdown(incoming, stopping);
        let letting_go = async {
            stop.cancelled().await;
            tokio::time::sleep(TELL_NOT_SERVING).await;
            health.clone().let_go().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = serving => {
                if let Err(error) = served {
                    tracing::error!(error = &error as &dyn std::error::Error, "the gRPC transport failed");
                }
            }
            () = letting_go => {}
            () = health.follow(ready, &stop) => {}
        }
    }
}

fn server(limits: &Limits) -> Server {
    Server::builder()
        .max_concurrent_streams(limits.streams_per_connection_max)
        .max_connection_age(limits.connection_age_max)
        .http2_keepalive_interval(Some(limits.keep_alive))
        .http2_keepalive_timeout(Some(limits.keep_alive_timeout))
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
