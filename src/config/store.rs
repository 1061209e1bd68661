//! `[store]` and `[blobs]`: where petitions and attachments are stored.

use std::path::{Path, PathBuf};

use super::reader::Section;

/// Where petitions are stored; the scheme of `store.url` picks the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// The embedded engine.
    Sqlite {
        /// The database file.
        file: PathBuf,
    },
}

/// Where attachments are stored.
#[derive(Debug, Clone)]
pub struct Blobs {
    /// The folder, by SHA-256 below.
    pub folder: PathBuf,
    /// The largest attachment that is taken in or sent.
    pub attachment_bytes_max: u64,
}

pub(super) fn read(mut section: Section<'_>, data_folder: &Path) -> Store {
    let (url, place) = section.address("url", "PETITION_GATEWAY_STORE_URL");
    let file = match url.split_once(':') {
        Some(("sqlite", file)) if !file.trim_start_matches('/').is_empty() => file,
        _ => {
            // The url may hold a password (of another engine): it is not repeated here.
            section.push(place.problem("must be \"sqlite:<file>\"; this build knows no other engine"));
            ""
        }
    };
    section.finish();
    Store::Sqlite { file: data_folder.join(file.strip_prefix("//").unwrap_or(file)) }
}

pub(super) fn read_blobs(mut section: Section<'_>, data_folder: &Path) -> Blobs {
    // A relative folder lies in the data folder, not beside the configuration file.
    let folder = data_folder.join(section.text("folder"));
    let attachment_bytes_max = section.integer("attachment_bytes_max", 1024..=2 * 1024 * 1024 * 1024);
    section.finish();
    Blobs { folder, attachment_bytes_max }
}
