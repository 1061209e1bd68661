//! The folder of a demonstration: certificates, secrets, and the gateway's configuration as a file that a reader can
//! open, copy and change.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rand::Rng;
use tempfile::TempDir;

use super::{DemoError, certificates::Certificates};
use crate::security::throwaway::write_private;

/// The ministry's code; the far sides know us by it. This and the names below stand in the template as well.
pub(super) const AGENCY: &str = "000.00.00.G07";

/// The name by which the gateway calls itself to the far sides.
pub(super) const CLIENT_ID: &str = "gateway";

/// The configuration's file.
pub(super) const CONFIG: &str = "gateway.toml";

/// What is written, but for the addresses.
const TEMPLATE: &str = include_str!("../../config/demo.toml");

/// The channels' names.
pub(super) const PORTAL: &str = "portal";
pub(super) const ASSEMBLY: &str = "assembly";

/// A folder with everything that a gateway needs to start.
pub(super) struct Folder {
    path: PathBuf,
    /// Removed with the demonstration; `None` for a folder that was named.
    temporary: Option<TempDir>,
    pub(super) certificates: Certificates,
    pub(super) secrets: Secrets,
}

/// What the gateway and the far sides share.
pub(super) struct Secrets {
    pub(super) portal: String,
    pub(super) assembly: String,
    pub(super) assembly_push: String,
}

/// Where everybody listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) portal: SocketAddr,
    pub(super) assembly: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) http: SocketAddr,
}

impl Folder {
    /// An empty folder: `path`, or a temporary one.
    pub(super) fn make(path: Option<&Path>) -> Result<Folder, DemoError> {
        let (path, temporary) = match path {
            Some(path) => (path.to_owned(), None),
            None => {
                let made = tempfile::Builder::new().prefix("petition-gateway-demo-").tempdir();
                let folder = made.map_err(DemoError::at(&std::env::temp_dir()))?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        fs::create_dir_all(&path).map_err(DemoError::at(&path))?;
        // A demonstration ends by counting everything; what is left of an earlier one would be counted too.
        if fs::read_dir(&path).map_err(DemoError::at(&path))?.next().is_some() {
            return Err(DemoError::Exists(path));
        }
        let path = path.canonicalize().map_err(DemoError::at(&path))?;
        let certificates = Certificates::make(&path.join("certificates"), false)?;
        let secrets = Secrets { portal: secret(), assembly: secret(), assembly_push: secret() };
        let folder = Folder { path, temporary, certificates, secrets };
        folder.write_secrets()?;
        Ok(folder)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a temporary folder beyond the end, for whoever must look into it.
    pub(super) fn keep(&mut self) {
        if let Some(folder) = self.temporary.take() {
            self.path = folder.keep();
        }
    }

    /// Writes the configuration; its path.
    pub(super) fn write_config(&self, places: Places) -> Result<PathBuf, DemoError> {
        let path = self.path.join(CONFIG);
        fs::write(&path, config(places)).map_err(DemoError::at(&path))?;
        Ok(path)
    }

    fn write_secrets(&self) -> Result<(), DemoError> {
        let folder = self.path.join("secrets");
        fs::create_dir(&folder).map_err(DemoError::at(&folder))?;
        let secrets = &self.secrets;
        for (name, value) in
            [("portal", &secrets.portal), ("assembly", &secrets.assembly), ("assembly-push", &secrets.assembly_push)]
        {
            let path = folder.join(name);
            write_private(&path, value.as_bytes()).map_err(DemoError::at(&path))?;
        }
        Ok(())
    }
}

fn secret() -> String {
    hex::encode(rand::rng().random::<[u8; 24]>())
}

/// The configuration of the demonstration, with the places where everybody listens.
fn config(places: Places) -> String {
    let Places { portal, assembly, grpc, http } = places;
    let filled = [("{portal}", portal), ("{assembly}", assembly), ("{grpc}", grpc), ("{http}", http)];
    filled.iter().fold(TEMPLATE.to_owned(), |text, (name, at)| text.replace(name, &at.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        adapters::KINDS,
        config::{Config, Environment},
    };

    #[test]
    fn the_configuration_that_is_written_is_accepted() {
        let named = tempfile::tempdir().unwrap();
        let folder = Folder::make(Some(named.path())).unwrap();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let places = Places { portal: anywhere, assembly: anywhere, grpc: anywhere, http: anywhere };
        let path = folder.write_config(places).unwrap();
        let config = Config::load(Some(&path), &Environment::default(), KINDS).unwrap();
        assert_eq!(config.channels.len(), 2);
        assert!(config.grpc.listener.tls.is_some() && config.http.listener.tls.is_some());
    }

    #[test]
    fn a_folder_that_is_not_empty_is_left_alone() {
        let named = tempfile::tempdir().unwrap();
        fs::write(named.path().join("note"), "").unwrap();
        assert!(matches!(Folder::make(Some(named.path())), Err(DemoError::Exists(_))));
    }
}
