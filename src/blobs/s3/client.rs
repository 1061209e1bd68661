//! Connections and TLS towards the S3 server.

use reqwest::{Certificate, Client, redirect::Policy, tls::Version};

use super::upload::UPLOADS_MAX;
use crate::{blobs::OpenError, config, security::tls};

/// What the server sees us as.
const USER_AGENT: &str = concat!("petition-gateway/", env!("CARGO_PKG_VERSION"));

pub(super) fn build(config: &config::S3) -> Result<Client, OpenError> {
    tls::provider();
    let mut builder = Client::builder()
        .tls_backend_rustls()
        .tls_version_min(Version::TLS_1_2)
        .https_only(config.endpoint.scheme() == "https")
        // A redirect means another region or address; a request is signed for one.
        .redirect(Policy::none())
        // A proxy of the environment would see attachments; it is not ours to pick up by chance.
        .no_proxy()
        .user_agent(USER_AGENT)
        // One connection for each transfer is faster than all of them in one.
        .http1_only()
        .connect_timeout(config.connect_timeout)
        // From the request to the answer's head, and then between two pieces of it. There is no limit for the whole: a
        // download takes as long as whoever reads it.
        .read_timeout(config.timeout)
        .pool_max_idle_per_host(UPLOADS_MAX);
    if config.endpoint.scheme() == "http" {
        // Loopback: no TLS, so a machine without root certificates can do it.
        builder = builder.tls_certs_only([]);
    } else if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).map_err(|_| OpenError::CaFile)?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|_| OpenError::CaFile)?;
        if roots.is_empty() {
            return Err(OpenError::CaFile);
        }
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(OpenError::Tls)
}
