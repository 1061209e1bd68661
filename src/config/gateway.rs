//! `[gateway]`: who we are and where our data lies.

use std::{path::PathBuf, time::Duration};

use channel_sdk::model::Agency;

use super::reader::Section;

/// The longest name of a node: a machine's name has 64 bytes at most.
const NODE_BYTES_MAX: usize = 100;

/// Who we are and where our data lies.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The ministry: its national identification code and name.
    pub agency: Agency,
    /// What this gateway is called among those that share its store.
    pub node: String,
    /// Everything that the gateway writes lies below this folder, unless its own key says otherwise.
    pub data_folder: PathBuf,
    /// How long a clean stop may take before what still runs is cut off.
    pub stop_limit: Duration,
}

pub(super) fn read(mut section: Section<'_>) -> Gateway {
    let agency = Agency { code: section.text("agency"), name: section.text("agency_name") };
    if agency.code.is_empty() || agency.code.chars().any(char::is_whitespace) {
        section.fault("agency", "must be a national identification code such as \"000.00.00.G07\" or \"G07\"");
    }
    let node = match section.variable("PETITION_GATEWAY_NODE") {
        Some(node) => node.to_owned(),
        None => section.text_maybe("node").unwrap_or_else(machine),
    };
    if node.trim().is_empty() || node.len() > NODE_BYTES_MAX || node.contains(char::is_control) {
        section.fault("node", "must be a short name such as \"gw-1\", of at most 100 bytes");
    }
    let data_folder = match section.variable("PETITION_GATEWAY_DATA_FOLDER") {
        Some(folder) => PathBuf::from(folder),
        None => section.path_maybe("data_folder").unwrap_or_default(),
    };
    let stop_limit = section.seconds("stop_seconds", 1..=600);
    section.finish();
    Gateway { agency, node, data_folder, stop_limit }
}

/// What the system calls this machine.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "gateway".to_owned() } else { name.trim().to_owned() }
}
