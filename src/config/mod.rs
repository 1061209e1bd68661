//! The configuration: `defaults.toml` (compiled in), the operator's file laid over it, and the environment for secrets
//! and addresses only.
//!
//! Loading tells **everything** that is wrong at once: file, line, key path, what is wrong and what would be right; keys
//! that do not exist are refused with the nearest right name. What comes out is checked: each part of the gateway is
//! handed its own section's struct and trusts it; nobody passes [`Config`] around.
//!
//! The environment variables that stand before the files:
//!
//! | variable | key |
//! | --- | --- |
//! | `PETITION_GATEWAY_DATA_FOLDER` | `gateway.data_folder` |
//! | `PETITION_GATEWAY_STORE_URL` | `store.url` |
//! | `PETITION_GATEWAY_BLOBS_S3_ENDPOINT` | `blobs.s3.endpoint` |
//! | `PETITION_GATEWAY_GRPC_LISTEN` | `grpc.listen` |
//! | `PETITION_GATEWAY_HTTP_LISTEN` | `http.listen` |
//! | `PETITION_GATEWAY_CHANNEL_<NAME>_BASE_URL` | `channels.<name>.base_url` (name in capitals, `-` as `_`) |
//!
//! and, for secrets, every variable that a key ending in `_env` names.

mod address;
mod blobs;
pub mod channel;
mod environment;
mod gateway;
mod grpc;
mod http;
mod inbound;
mod listener;
mod log;
mod outbound;
pub(crate) mod postgres;
mod problem;
mod reader;
mod security;
mod source;
mod store;
#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;

use channel_sdk::Kind;

pub use self::{
    blobs::{Blobs, S3},
    channel::Channel,
    environment::Environment,
    gateway::Gateway,
    grpc::Grpc,
    http::Http,
    inbound::Inbound,
    listener::Listener,
    log::{Log, LogFormat, LogLevel},
    outbound::Outbound,
    postgres::{Postgres, Server},
    problem::{ConfigError, Problem},
    store::{Store, store_of_url},
};
use self::{problem::Problems, reader::Section, source::Source};
use crate::security::Principals;

/// Every key with its default and what it is for; compiled in, so that documentation and defaults cannot part.
pub const DEFAULTS: &str = include_str!("../../config/defaults.toml");

/// A configuration file larger than this is a wrong file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// Who we are and where our data lies.
    pub gateway: Gateway,
    /// Where petitions are stored.
    pub store: Store,
    /// Where attachments are stored.
    pub blobs: Blobs,
    /// The gRPC listener.
    pub grpc: Grpc,
    /// The listener for channels' pushes.
    pub http: Http,
    /// Who may do what over gRPC.
    pub principals: Principals,
    /// How messages are taken in.
    pub inbound: Inbound,
    /// How notices are delivered.
    pub outbound: Outbound,
    /// What is logged.
    pub log: Log,
    /// The channels by name; disabled ones too.
    pub channels: Vec<Channel>,
}

impl Config {
    /// Reads the file at `path` (`None`: the defaults alone) and checks everything.
    ///
    /// # Errors
    /// Every problem of the file, the files it names and the environment.
    pub fn load(path: Option<&Path>, environment: &Environment, kinds: &[Kind]) -> Result<Config, ConfigError> {
        let Some(path) = path else { return Config::read("", Path::new(""), "", environment, kinds) };
        let name = path.display().to_string();
        let text = read_bounded(path).map_err(|message| {
            ConfigError(vec![Problem { file: name.clone(), line: None, key: String::new(), message }])
        })?;
        Config::read(&name, path.parent().unwrap_or(Path::new("")), &text, environment, kinds)
    }

    /// Reads `text` as if it were the file `name` in `folder`.
    ///
    /// # Errors
    /// Every problem of the text, the files it names and the environment.
    pub fn read(
        name: &str,
        folder: &Path,
        text: &str,
        environment: &Environment,
        kinds: &[Kind],
    ) -> Result<Config, ConfigError> {
        let problems = Problems::default();
        let defaults = Source::parse("defaults.toml", Path::new(""), DEFAULTS, &problems);
        let user = Source::parse(name, folder, text, &problems);
        let config = sections(Section::root(&[&user, &defaults], environment, &problems), kinds);
        let problems = problems.into_sorted();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }
}

fn sections(mut root: Section<'_>, kinds: &[Kind]) -> Config {
    let gateway = gateway::read(root.table("gateway"));
    let config = Config {
        store: store::read(root.table("store"), &gateway.data_folder),
        blobs: blobs::read(root.table("blobs"), &gateway.data_folder),
        grpc: grpc::read(root.table("grpc")),
        http: http::read(root.table("http")),
        principals: security::read(root.table("security")),
        inbound: inbound::read(root.table("inbound")),
        outbound: outbound::read(root.table("outbound")),
        log: log::read(root.table("log")),
        channels: channel::read_all(&mut root, &gateway.agency.code, kinds),
        gateway,
    };
    root.finish();
    config
}

/// The text of a file of bounded size, or why there is none.
fn read_bounded(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {}", error.kind()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {}", error.kind()))?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}
