//! The client side of TLS towards a server of ours (the database), from files that may change while we run: a renewed
//! certificate counts from the next connection on.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};

use super::tls::{TlsError, certificates, provider};

/// The files of the client side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// The authorities that the server's certificate must come from, PEM; the system's without it.
    pub ca: Option<PathBuf>,
    /// The certificate that we show and its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// The client side of TLS, as its files are now.
#[derive(Debug)]
pub struct ClientTls {
    files: ClientTlsFiles,
    current: Mutex<([u8; 32], Arc<ClientConfig>)>,
}

impl ClientTlsFiles {
    /// All of them.
    pub fn paths(&self) -> Vec<&Path> {
        let pair = self.certificate.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.ca.iter().chain(pair).map(PathBuf::as_path).collect()
    }

    /// Whether TLS can be set up from the files.
    ///
    /// # Errors
    /// The file that it cannot be set up from.
    pub fn check(&self) -> Result<(), TlsError> {
        self.config().map(drop)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3");
        let builder = match &self.ca {
            None => builder.with_platform_verifier().map_err(|_| TlsError::NoRoots)?,
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path).ok_or(TlsError::Ca)? {
                    roots.add(certificate).map_err(|_| TlsError::Ca)?;
                }
                builder.with_root_certificates(roots)
            }
        };
        let config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate).ok_or(TlsError::Certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| TlsError::Key)?;
                builder.with_client_auth_cert(chain, key).map_err(|_| TlsError::Key)?
            }
        };
        Ok(Arc::new(config))
    }

    /// Digest of the files' contents: a swapped symbolic link or a restored time stamp changes nothing about it.
    fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for path in self.paths() {
            digest.update(Sha256::digest(std::fs::read(path).unwrap_or_default()));
        }
        digest.finalize().into()
    }
}

impl ClientTls {
    /// Reads the files.
    ///
    /// # Errors
    /// The file that TLS cannot be set up from.
    pub fn load(files: ClientTlsFiles) -> Result<ClientTls, TlsError> {
        let current = Mutex::new((files.fingerprint(), files.config()?));
        Ok(ClientTls { files, current })
    }

    /// What the next connection uses. Changed files that cannot be used leave the old ones in use.
    pub fn current(&self) -> Arc<ClientConfig> {
        let now = self.files.fingerprint();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != now {
            match self.files.config() {
                Ok(config) => *current = (now, config),
                Err(error) => tracing::error!(
                    tls.file = error.key(),
                    "changed certificate files cannot be used, the old ones stay in use: {error}"
                ),
            }
        }
        Arc::clone(&current.1)
    }
}
