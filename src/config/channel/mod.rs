//! `[channels.<name>]`: one far side each. A table is all that a second agency with the same protocol needs.
//!
//! Reading a channel builds its adapter, so that wrong settings and a wrong dialect are told with everything else, at
//! their lines.

mod auth;
mod guarantees;
mod limits;
mod poll;
mod reconcile;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use channel_sdk::{
    Adapter, Kind,
    adapter::{Guarantees, Settings, SettingsFault},
};
use reqwest::Url;

pub use self::{
    auth::{Auth, ClientCertificate, PushAuth},
    limits::Limits,
    poll::FeedPlan,
};
use super::{
    address,
    problem::{Problem, Problems, nearest},
    reader::Section,
    source::Source,
};
use crate::reconcile::task::Plan;

/// Room for a name in logs, metrics and paths.
const NAME_BYTES_MAX: usize = 40;

/// A channel, its adapter built.
#[derive(Clone)]
pub struct Channel {
    /// Its name: part of the push address, of keys in the store and of logs.
    pub name: String,
    /// The name of its kind.
    pub kind: &'static str,
    /// Whether it runs.
    pub enabled: bool,
    /// The agency code that the channel knows us by.
    pub agency: String,
    /// The far side's base address; paths of calls are put behind it.
    pub base_url: Url,
    /// The adapter.
    pub adapter: Arc<dyn Adapter>,
    /// How we show who we are.
    pub auth: Auth,
    /// A client certificate that we show, whatever `auth` says.
    pub client_certificate: Option<ClientCertificate>,
    /// A root that the far side's certificate may come from, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How the far side shows who it is when it pushes.
    pub push: PushAuth,
    /// How much and how long.
    pub limits: Limits,
    /// What is pulled, and how often.
    pub feeds: Vec<FeedPlan>,
    /// What the far side guarantees about what is sent to it.
    pub guarantees: Guarantees,
    /// When our books are compared with the far side's.
    pub reconcile: Plan,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("enabled", &self.enabled)
            .field("agency", &self.agency)
            .field("base_url", &self.base_url.as_str())
            .field("auth", &self.auth)
            .field("push", &self.push)
            .field("limits", &self.limits)
            .field("feeds", &self.feeds)
            .field("reconcile", &self.reconcile)
            .finish_non_exhaustive()
    }
}

/// Every channel, with `[channel_defaults]` beneath each.
pub(super) fn read_all(root: &mut Section<'_>, agency: &str, kinds: &[Kind]) -> Vec<Channel> {
    check_defaults(root.table("channel_defaults"));
    let mut channels = root.table("channels");
    let mut out = Vec::new();
    for name in channels.names() {
        let section = channels.table(&name).over(&root.table("channel_defaults"));
        if !is_name(&name) {
            let message = format!("a channel's name has 1 to {NAME_BYTES_MAX} of the signs a-z, 0-9 and -");
            section.push(section.place("").problem(message));
        }
        out.extend(read(&name, section, agency, kinds));
    }
    channels.finish();
    out
}

/// What may stand in `[channel_defaults]`: what can hold for every channel, whatever its kind.
fn check_defaults(mut section: Section<'_>) {
    section.boolean("enabled");
    poll::read(section.table("poll"), &[]);
    limits::read(section.table("limits"));
    reconcile::read(section.table("reconcile"));
    section.finish();
}

fn read(name: &str, mut section: Section<'_>, gateway_agency: &str, kinds: &[Kind]) -> Option<Channel> {
    let kind = read_kind(&mut section, kinds);
    let agency = section.text_maybe("agency").unwrap_or_else(|| gateway_agency.to_owned());
    let enabled = section.boolean("enabled");
    let base_url = read_base_url(name, &mut section);
    let (auth, client_certificate) = auth::read(section.table("auth"));
    let ca_file = {
        let mut tls = section.table("tls");
        let file = tls.file_maybe("ca_file");
        tls.finish();
        file
    };
    let push = auth::read_push(section.table("push"));
    let limits = limits::read(section.table("limits"));
    let adapter = kind.and_then(|kind| build(&mut section, &kind, &agency));
    let guarantees = adapter.as_ref().map(|adapter| adapter.abilities().guarantees).unwrap_or_default();
    let guarantees = guarantees::read(section.table("guarantees"), guarantees);
    let reconcile = reconcile::read(section.table("reconcile"));
    let poll = section.table("poll");
    let feeds = adapter.as_ref().map(|adapter| poll::read(poll, &adapter.abilities().feeds));
    section.finish();
    Some(Channel {
        name: name.to_owned(),
        kind: kind?.name,
        enabled,
        agency,
        base_url: base_url?,
        adapter: adapter?,
        auth,
        client_certificate,
        ca_file,
        push,
        limits,
        feeds: feeds?,
        guarantees,
        reconcile,
    })
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn read_kind(section: &mut Section<'_>, kinds: &[Kind]) -> Option<Kind> {
    let name = section.text("kind");
    let kind = kinds.iter().find(|kind| kind.name == name).copied();
    if kind.is_none() && section.has("kind") {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
        let hint =
            nearest(&name, names.iter().copied()).map_or(String::new(), |it| format!("; did you mean \"{it}\"?"));
        section.fault("kind", format!("there is no such kind of channel; there are {}{hint}", names.join(", ")));
    }
    kind
}

fn read_base_url(name: &str, section: &mut Section<'_>) -> Option<Url> {
    let variable = format!("PETITION_GATEWAY_CHANNEL_{}_BASE_URL", name.to_ascii_uppercase().replace('-', "_"));
    let (text, place) = section.address("base_url", &variable);
    if text.is_empty() {
        return None;
    }
    match address::parse(&text, "https://pakn.example.gov.vn/", "[.auth]") {
        Ok(url) => Some(url),
        Err(wrong) => {
            section.push(place.problem(wrong));
            None
        }
    }
}

fn build(section: &mut Section<'_>, kind: &Kind, agency: &str) -> Option<Arc<dyn Adapter>> {
    let dialect_file = section.file_maybe("dialect_file");
    let (dialect_name, dialect) = match &dialect_file {
        None => (format!("the default dialect of {}", kind.name), kind.default_dialect.to_owned()),
        Some(path) => match super::read_bounded(path) {
            Ok(text) => (path.display().to_string(), text),
            Err(message) => {
                // That it cannot be opened was said by `file_maybe`.
                if path.is_file() {
                    section.fault("dialect_file", message);
                }
                return None;
            }
        },
    };
    let settings = section.table("settings");
    let (table, origin) = settings.raw();
    let made = (kind.build)(Settings { agency: agency.to_owned(), table, dialect: dialect.clone() });
    let faults = match made {
        Ok(adapter) => return Some(adapter),
        Err(faults) => faults,
    };
    // Syntax errors of the dialect are the adapter's to tell; here only the lines are wanted.
    let lines = Source::parse(&dialect_name, Path::new(""), &dialect, &Problems::default());
    for SettingsFault { in_dialect, key, message } in faults {
        let problem = match (in_dialect, &origin) {
            (true, _) => Problem { file: dialect_name.clone(), line: lines.line_of(&key), key, message },
            (false, Some((source, path))) => {
                let key = if key.is_empty() { path.clone() } else { format!("{path}.{key}") };
                Problem { file: source.name.clone(), line: source.line_of(&key), key, message }
            }
            (false, None) => settings.place(&key).problem(message),
        };
        section.push(problem);
    }
    None
}
