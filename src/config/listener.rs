//! `listen` and `[….tls]` of both listeners, and the rule that no listener is open to the network without TLS and client
//! certificates.

use std::net::SocketAddr;

use super::reader::Section;
use crate::security::{ClientCertificates, TlsFiles, check_server_files};

/// Where a listener listens, and its TLS.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The address.
    pub listen: SocketAddr,
    /// TLS; `None` only on loopback.
    pub tls: Option<TlsFiles>,
}

pub(super) fn read(section: &mut Section<'_>, variable: &str) -> Listener {
    let listen = section.socket("listen", variable);
    let tls = read_tls(section);
    let verified = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if !listen.ip().is_loopback() && !verified {
        let message = format!(
            "a listener beyond loopback needs [{0}.tls] with certificate_file, key_file and client_ca_file",
            section.path()
        );
        section.fault("listen", message);
    }
    Listener { listen, tls }
}

fn read_tls(section: &mut Section<'_>) -> Option<TlsFiles> {
    if !section.has("tls") {
        return None;
    }
    let mut tls = section.table("tls");
    let client_certificates = match tls.text_maybe("client_certificates").as_deref() {
        None | Some("required") => ClientCertificates::Required,
        Some("optional") => ClientCertificates::Optional,
        Some(_) => {
            tls.fault("client_certificates", "must be \"required\" or \"optional\"");
            ClientCertificates::Required
        }
    };
    let files = TlsFiles {
        certificate: tls.file("certificate_file"),
        key: tls.file("key_file"),
        client_ca: tls.file_maybe("client_ca_file"),
        client_certificates,
    };
    let readable = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()];
    // What cannot be read was said above.
    if readable.into_iter().flatten().all(|path| path.is_file())
        && let Err(error) = check_server_files(&files)
    {
        tls.fault(error.key(), error.to_string());
    }
    tls.finish();
    Some(files)
}
