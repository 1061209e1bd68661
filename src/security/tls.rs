//! The server side of TLS, from files that may change while we run: certificates are renewed every few months, and a
//! gateway that must be restarted for it is forgotten one night.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. A new certificate is laid down days before the old one ends.
const RELOAD_EVERY: Duration = Duration::from_secs(30);

/// The files of a listener's TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Our key, PEM.
    pub key: PathBuf,
    /// The authorities that clients' certificates must come from; without it no certificate is asked for.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show one.
    pub client_certificates: ClientCertificates,
}

/// Whether a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No connection without one.
    Required,
    /// A client may show none (it signs what it sends); one that it shows is verified all the same.
    Optional,
}

/// Why TLS cannot be set up from the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// `certificate_file`.
    #[error("holds no certificate (PEM) that can be read")]
    Certificate,
    /// `key_file`.
    #[error("holds no private key (PEM) that can be read, or not that of the certificate")]
    Key,
    /// `client_ca_file`.
    #[error("holds no authority's certificate (PEM) that can be read")]
    ClientCa,
    /// `ca_file`.
    #[error("holds no authority's certificate (PEM) that can be read")]
    Ca,
    /// No `ca_file`, and nothing in its stead.
    #[error("is missing, and the system has no root certificates")]
    NoRoots,
}

impl TlsError {
    /// The configuration key that names the file.
    pub fn key(&self) -> &'static str {
        match self {
            TlsError::Certificate => "certificate_file",
            TlsError::Key => "key_file",
            TlsError::ClientCa => "client_ca_file",
            TlsError::Ca | TlsError::NoRoots => "ca_file",
        }
    }
}

/// The one provider of cryptography in this process.
pub fn provider() -> Arc<CryptoProvider> {
    // reqwest and tonic ask for the process's default: whoever comes first installs it, always the same.
    if CryptoProvider::get_default().is_none() && aws_lc_rs::default_provider().install_default().is_err() {
        tracing::debug!("the provider of cryptography was installed already");
    }
    CryptoProvider::get_default().cloned().expect("a provider was installed above")
}

/// Whether TLS can be set up from the files.
///
/// # Errors
/// The file that it cannot be set up from.
pub fn check_server_files(files: &TlsFiles) -> Result<(), TlsError> {
    server_config(files, &[]).map(drop)
}

/// A listener's TLS, as its files are now.
#[derive(Debug)]
pub struct ServerTls {
    files: TlsFiles,
    alpn: Vec<Vec<u8>>,
    current: RwLock<(Fingerprint, Arc<ServerConfig>)>,
}

type Fingerprint = [u8; 32];

impl ServerTls {
    /// Reads the files; `alpn` are the protocols that the listener speaks, best first.
    ///
    /// # Errors
    /// The file that TLS cannot be set up from.
    pub fn load(files: TlsFiles, alpn: &[&str]) -> Result<ServerTls, TlsError> {
        let alpn: Vec<Vec<u8>> = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let config = server_config(&files, &alpn)?;
        let current = RwLock::new((fingerprint(&files), config));
        Ok(ServerTls { files, alpn, current })
    }

    /// What the next connection uses.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Reads the files again if they changed; whether they had. On an error the old ones stay in use.
    ///
    /// # Errors
    /// The file that TLS cannot be set up from.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let now = fingerprint(&self.files);
        if self.current.read().unwrap_or_else(PoisonError::into_inner).0 == now {
            return Ok(false);
        }
        let config = server_config(&self.files, &self.alpn)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (now, config);
        Ok(true)
    }

    /// Follows the files until stopped; a task for the supervisor.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(RELOAD_EVERY)).await.is_some() {
            match self.reload() {
                Ok(false) => {}
                Ok(true) => tracing::info!(file = %self.files.certificate.display(), "certificates were read again"),
                Err(error) => {
                    tracing::error!(
                        file = %self.files.certificate.display(),
                        tls.file = error.key(),
                        "changed certificate files cannot be used, the old ones stay in use: {error}"
                    );
                }
            }
        }
    }
}

/// Digest of the files' contents: a swapped symbolic link or a restored time stamp changes nothing about it.
fn fingerprint(files: &TlsFiles) -> Fingerprint {
    let mut digest = Sha256::new();
    for path in [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()].into_iter().flatten() {
        digest.update(Sha256::digest(std::fs::read(path).unwrap_or_default()));
    }
    digest.finalize().into()
}

fn server_config(files: &TlsFiles, alpn: &[Vec<u8>]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&files.certificate).ok_or(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|_| TlsError::Key)?;
    // rustls' safe defaults are TLS 1.2 and 1.3 with forward secrecy only.
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3");
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path).ok_or(TlsError::ClientCa)? {
                roots.add(certificate).map_err(|_| TlsError::ClientCa)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let verifier = match files.client_certificates {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|_| TlsError::ClientCa)?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|_| TlsError::Key)?;
    config.alpn_protocols = alpn.to_vec();
    Ok(Arc::new(config))
}

/// The certificates of a PEM file; `None` when it has none or is not PEM.
pub(crate) fn certificates(path: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path).ok()?.collect::<Result<Vec<_>, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}
