//! `[store]`: where petitions are stored.

use std::path::{Path, PathBuf};

use super::{
    Config, ConfigError, Environment,
    postgres::{self, Postgres},
    reader::{Place, Section},
};

/// Where petitions are stored; the scheme of `store.url` picks the engine. `Debug` shows no password.
#[derive(Debug, Clone)]
pub enum Store {
    /// The embedded engine.
    Sqlite {
        /// The database file.
        file: PathBuf,
    },
    /// The engine for several gateways.
    Postgres(Box<Postgres>),
}

/// The store of a url, with everything else as it is by default: for what works on a store without a gateway. A relative
/// file lies in the working folder.
///
/// # Errors
/// What is wrong with the url; a password in it, because command lines are seen by everybody on the machine.
pub fn store_of_url(url: &str) -> Result<Store, ConfigError> {
    let mut text = toml::Table::new();
    text.insert("gateway".to_owned(), toml::Table::from_iter([("data_folder".to_owned(), "".into())]).into());
    text.insert("store".to_owned(), toml::Table::from_iter([("url".to_owned(), url.into())]).into());
    Config::read("", Path::new(""), &text.to_string(), &Environment::empty(), &[]).map(|config| config.store)
}

pub(super) fn read(mut section: Section<'_>, data_folder: &Path) -> Store {
    let (url, place) = section.address("url", "PETITION_GATEWAY_STORE_URL");
    let store = if postgres::is_for(&url) {
        Store::Postgres(Box::new(postgres::read(&mut section, &url, &place)))
    } else {
        postgres::pass_over(&mut section);
        Store::Sqlite { file: data_folder.join(read_file(&section, &url, &place)) }
    };
    section.finish();
    store
}

fn read_file<'a>(section: &Section<'_>, url: &'a str, place: &Place) -> &'a str {
    match url.split_once(':') {
        Some(("sqlite", file)) if !file.trim_start_matches('/').is_empty() => file.strip_prefix("//").unwrap_or(file),
        _ => {
            // The url may hold a password (of another engine): it is not repeated here.
            section.push(place.problem("must be \"sqlite:<file>\" or \"postgres://<user>@<host>/<database>\""));
            ""
        }
    }
}
