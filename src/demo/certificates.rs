//! A set of throw-away certificates in a folder: an authority, the server's pair, and a pair for everybody who calls.
//!
//! For trials only: the authority's key is never written down, so nothing can be added or renewed later.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use super::DemoError;
use crate::security::throwaway::{Authority, Names, write_private};

/// The authority's certificate.
pub const AUTHORITY: &str = "ca.pem";

/// The server's pair.
pub const SERVER: &str = "server";

/// The holders of client pairs; each is the common name in its certificate, and the name of its files.
pub const CLIENTS: &[(&str, &str, &str)] = &[
    ("ministry", "hệ thống của Bộ, vai trò ministry_system", "a system of the ministry, role ministry_system"),
    ("operator", "người vận hành, vai trò operator", "an operator, role operator"),
    ("reader", "người xem, vai trò reader", "somebody who only looks, role reader"),
    ("portal", "Cổng của Chính phủ, khi đẩy vào kênh", "the Government portal, when it pushes to its channel"),
    ("assembly", "hệ thống của Quốc hội, khi đẩy vào kênh", "the National Assembly's system, when it pushes"),
];

/// A folder with such certificates.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

/// A certificate with its key, PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

impl Certificates {
    /// Makes all of them in `folder`, which is made too.
    ///
    /// # Errors
    /// A file of the set is there already and `replace` is not set; or the folder cannot be written.
    pub fn make(folder: &Path, replace: bool) -> Result<Certificates, DemoError> {
        let certificates = Certificates { folder: folder.to_owned() };
        fs::create_dir_all(folder).map_err(DemoError::at(folder))?;
        if let Some(there) = certificates.files().into_iter().find(|path| path.exists() && !replace) {
            return Err(DemoError::Exists(there));
        }
        let authority = Authority::new("petition-gateway, for trials only")?;
        let path = certificates.path(AUTHORITY);
        write_private(&path, authority.pem().as_bytes()).map_err(DemoError::at(&path))?;
        let ips: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let server = Names { common_name: SERVER, dns: &["localhost"], ips: &ips, ..Names::default() };
        authority.issue(&server)?.write(folder, SERVER).map_err(DemoError::at(folder))?;
        for (name, ..) in CLIENTS {
            let client = Names { common_name: name, ..Names::default() };
            authority.issue(&client)?.write(folder, name).map_err(DemoError::at(folder))?;
        }
        Ok(certificates)
    }

    /// The path of one of the files.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The authority's certificate, PEM.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn authority(&self) -> Result<Vec<u8>, DemoError> {
        self.read(AUTHORITY)
    }

    /// The pair of a holder.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn pair(&self, name: &str) -> Result<Pair, DemoError> {
        Ok(Pair { certificate: self.read(&format!("{name}.pem"))?, key: self.read(&format!("{name}.key"))? })
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, DemoError> {
        let path = self.path(file);
        fs::read(&path).map_err(DemoError::at(&path))
    }

    fn files(&self) -> Vec<PathBuf> {
        let names = CLIENTS.iter().map(|(name, ..)| *name).chain([SERVER]);
        let pairs = names.flat_map(|name| [format!("{name}.pem"), format!("{name}.key")]);
        pairs.chain([AUTHORITY.to_owned()]).map(|file| self.path(&file)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_set_is_written_once_and_its_keys_are_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::make(folder.path(), false).unwrap();
        for path in certificates.files() {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        let before = certificates.authority().unwrap();
        assert!(matches!(Certificates::make(folder.path(), false), Err(DemoError::Exists(_))));
        assert_eq!(certificates.authority().unwrap(), before);
        Certificates::make(folder.path(), true).unwrap();
        assert_ne!(certificates.authority().unwrap(), before);
    }

    #[test]
    fn every_client_certificate_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::make(folder.path(), false).unwrap();
        for (name, ..) in CLIENTS {
            let pair = certificates.pair(name).unwrap();
            let (_, pem) = x509_parser::pem::parse_x509_pem(&pair.certificate).unwrap();
            let certificate = pem.parse_x509().unwrap();
            let common_name = certificate.subject().iter_common_name().next().and_then(|it| it.as_str().ok());
            assert_eq!(common_name, Some(*name));
        }
    }
}
