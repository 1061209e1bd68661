//! Connections and TLS towards one far side.

use reqwest::{Certificate, Client, Identity, redirect::Policy, tls::Version};

use crate::{config::channel::Channel, security::tls};

/// What every far side sees us as.
const USER_AGENT: &str = concat!("petition-gateway/", env!("CARGO_PKG_VERSION"));

/// Why calls to a far side cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `tls.ca_file`.
    #[error("channels.{0}.tls.ca_file holds no certificate (PEM) that can be read")]
    CaFile(String),
    /// `auth.certificate_file` and `auth.key_file`.
    #[error("channels.{0}.auth: certificate_file and key_file hold no certificate and key (PEM) that belong together")]
    ClientCertificate(String),
    /// Everything else.
    #[error("TLS towards channels.{0} cannot be set up; has the system no root certificates?")]
    Tls(String, #[source] reqwest::Error),
}

pub(super) fn build(channel: &Channel) -> Result<Client, SetupError> {
    tls::provider();
    let mut builder = Client::builder()
        .tls_backend_rustls()
        .tls_version_min(Version::TLS_1_2)
        .https_only(channel.base_url.scheme() == "https")
        .redirect(Policy::none())
        // A proxy of the environment would see petitions; it is not ours to pick up by chance.
        .no_proxy()
        .user_agent(USER_AGENT)
        .connect_timeout(channel.limits.connect_timeout)
        .pool_max_idle_per_host(channel.limits.concurrency);
    if channel.base_url.scheme() == "http" {
        // Loopback: no TLS, so a machine without root certificates can do it.
        builder = builder.tls_certs_only([]);
    } else if let Some(path) = &channel.ca_file {
        let wrong = || SetupError::CaFile(channel.name.clone());
        let pem = std::fs::read(path).map_err(|_| wrong())?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|_| wrong())?;
        if roots.is_empty() {
            return Err(wrong());
        }
        builder = builder.tls_certs_merge(roots);
    }
    if let Some(files) = &channel.client_certificate {
        let wrong = |_| SetupError::ClientCertificate(channel.name.clone());
        let mut pem = std::fs::read(&files.key_file).map_err(wrong)?;
        pem.push(b'\n');
        pem.extend(std::fs::read(&files.certificate_file).map_err(wrong)?);
        let identity = Identity::from_pem(&pem).map_err(|_| SetupError::ClientCertificate(channel.name.clone()))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| SetupError::Tls(channel.name.clone(), error))
}
