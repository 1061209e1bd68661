//! Connections to the gateway as its users have them: TLS, and a client certificate that says who they are.

use std::{net::SocketAddr, time::Duration};

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};

use super::{DemoError, certificates::Certificates};

/// The longest that one call may take; a watch has no end.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Connecting on one machine takes milliseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The largest answer that is read. Pages of petitions are cut at 3 MiB, so 4 MiB are enough; a dossier's parts too.
pub(super) const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Connects to the gateway's gRPC listener as the holder of a certificate.
pub(super) async fn connect(address: SocketAddr, certificates: &Certificates, who: &str) -> Result<Channel, DemoError> {
    let pair = certificates.pair(who)?;
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(certificates.authority()?))
        .identity(Identity::from_pem(pair.certificate, pair.key))
        .domain_name("localhost");
    endpoint(address, tls).map_err(DemoError::Connection)?.connect().await.map_err(DemoError::Connection)
}

fn endpoint(address: SocketAddr, tls: ClientTlsConfig) -> Result<Endpoint, Error> {
    Endpoint::from_shared(format!("https://{address}"))?
        .connect_timeout(CONNECT_LIMIT)
        .tcp_nodelay(true)
        .tls_config(tls)
}
