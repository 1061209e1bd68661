//! What a client certificate says of its holder. That it comes from an authority we trust was verified before, by TLS.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub enum Peer {
    /// TLS, with a verified client certificate.
    Certificate(Arc<Identity>),
    /// TLS, without one.
    NoCertificate,
    /// Plain text from this machine.
    Loopback,
}

/// The names in a certificate. They name systems, not persons, and may be logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Common names of the subject.
    pub subject_cn: Vec<String>,
    /// URIs of the subject's alternative names (such as SPIFFE ids).
    pub san_uri: Vec<String>,
    /// DNS names of the subject's alternative names.
    pub san_dns: Vec<String>,
    /// SHA-256 of the certificate's DER.
    pub sha256: [u8; 32],
}

/// How the configuration names a certificate: by exactly one property, compared whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateMatcher {
    /// A common name of the subject.
    SubjectCn(String),
    /// A URI among the alternative names.
    SanUri(String),
    /// A DNS name among the alternative names; without regard to case.
    SanDns(String),
    /// SHA-256 of the certificate's DER.
    Sha256([u8; 32]),
}

/// The certificate is not one that can be read.
#[derive(Debug, thiserror::Error)]
#[error("the certificate cannot be read")]
pub struct UnreadableCertificate;

impl Identity {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it is not X.509.
    pub fn of_der(der: &[u8]) -> Result<Identity, UnreadableCertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| UnreadableCertificate)?;
        let subject = certificate.subject().iter_common_name();
        let mut identity = Identity {
            subject_cn: subject.filter_map(|name| name.as_str().ok().map(str::to_owned)).collect(),
            sha256: Sha256::digest(der).into(),
            ..Identity::default()
        };
        // Two SAN extensions make a certificate unreadable: nobody may choose which one counts.
        let names = certificate.subject_alternative_name().map_err(|_| UnreadableCertificate)?;
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => identity.san_dns.push((*name).to_owned()),
                GeneralName::URI(uri) => identity.san_uri.push((*uri).to_owned()),
                _ => {}
            }
        }
        Ok(identity)
    }
}

impl CertificateMatcher {
    /// The matcher of a configuration key; `None` when the text cannot be one.
    pub fn of(key: &str, text: &str) -> Option<CertificateMatcher> {
        if text.trim().is_empty() {
            return None;
        }
        match key {
            "subject_cn" => Some(CertificateMatcher::SubjectCn(text.to_owned())),
            "san_uri" => Some(CertificateMatcher::SanUri(text.to_owned())),
            "san_dns" => Some(CertificateMatcher::SanDns(text.to_owned())),
            "sha256" => {
                let digits: String = text.chars().filter(|c| *c != ':').collect();
                let bytes = hex::decode(digits).ok()?;
                bytes.try_into().ok().map(CertificateMatcher::Sha256)
            }
            _ => None,
        }
    }

    /// Whether the certificate is the one meant.
    pub fn matches(&self, identity: &Identity) -> bool {
        match self {
            CertificateMatcher::SubjectCn(name) => identity.subject_cn.contains(name),
            CertificateMatcher::SanUri(uri) => identity.san_uri.contains(uri),
            CertificateMatcher::SanDns(name) => identity.san_dns.iter().any(|it| it.eq_ignore_ascii_case(name)),
            CertificateMatcher::Sha256(digest) => identity.sha256 == *digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::throwaway::{Authority, Names};

    #[test]
    fn a_certificate_is_told_by_its_name_its_alternative_names_or_its_digest() {
        let authority = Authority::new("CA").unwrap();
        let names = Names { common_name: "pakn", dns: &["Pakn.Example.vn"], uris: &["spiffe://x/pakn"], ips: &[] };
        let issued = authority.issue(&names).unwrap();
        let identity = Identity::of_der(&issued.der).unwrap();
        let fingerprint = hex::encode_upper(identity.sha256);
        let matching = [
            ("subject_cn", "pakn"),
            ("san_dns", "pakn.example.vn"),
            ("san_uri", "spiffe://x/pakn"),
            ("sha256", &fingerprint),
        ];
        for (key, text) in matching {
            assert!(CertificateMatcher::of(key, text).unwrap().matches(&identity), "{key}");
        }
        for (key, text) in
            [("subject_cn", "PAKN"), ("san_dns", "example.vn"), ("san_uri", "spiffe://x"), ("sha256", &"0".repeat(64))]
        {
            assert!(!CertificateMatcher::of(key, text).unwrap().matches(&identity), "{key}");
        }
        assert!(CertificateMatcher::of("sha256", "12:34").is_none());
        assert!(Identity::of_der(b"no certificate").is_err());
    }
}
