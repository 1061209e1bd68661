//! Throw-away certificates for the demo and the tests: an authority that lives as long as the process.
//!
//! Nothing here is for a real installation: its authority's key is never written down, so nothing can be renewed.

use std::{io, io::Write, net::IpAddr, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

/// A certificate authority that lives as long as the process.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a certificate says of its holder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// The subject's common name.
    pub common_name: &'a str,
    /// Alternative names: DNS.
    pub dns: &'a [&'a str],
    /// Alternative names: URIs.
    pub uris: &'a [&'a str],
    /// Alternative names: addresses.
    pub ips: &'a [IpAddr],
}

/// A certificate with its key.
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The key, PEM.
    pub key_pem: String,
}

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate could not be made")]
pub struct CannotIssue(#[from] rcgen::Error);

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// When the machine has no randomness, or the name cannot stand in a certificate.
    pub fn new(name: &str) -> Result<Authority, CannotIssue> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Authority { issuer: Issuer::new(params, key), pem })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate that can be shown as server and as client.
    ///
    /// # Errors
    /// When the machine has no randomness, or a name cannot stand in a certificate.
    pub fn issue(&self, names: &Names<'_>) -> Result<Issued, CannotIssue> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, names.common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        for dns in names.dns {
            params.subject_alt_names.push(SanType::DnsName((*dns).try_into()?));
        }
        for uri in names.uris {
            params.subject_alt_names.push(SanType::URI((*uri).try_into()?));
        }
        params.subject_alt_names.extend(names.ips.iter().copied().map(SanType::IpAddress));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate_pem: certificate.pem(), der: certificate.der().to_vec(), key_pem: key.serialize_pem() })
    }
}

impl Issued {
    /// Writes `<name>.pem` and `<name>.key` into a folder, readable by the owner only.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, folder: &Path, name: &str) -> io::Result<()> {
        write_private(&folder.join(format!("{name}.pem")), self.certificate_pem.as_bytes())?;
        write_private(&folder.join(format!("{name}.key")), self.key_pem.as_bytes())
    }
}

/// Writes a file that only its owner can read, from its first byte on; a file that is there is replaced.
///
/// # Errors
/// What the file system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // An existing file would keep its mode: it is taken away first.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}
