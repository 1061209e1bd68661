//! `[gateway]`: who we are and where our data lies.

use std::{path::PathBuf, time::Duration};

use channel_sdk::model::Agency;

use super::reader::Section;

/// Who we are and where our data lies.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The ministry: its national identification code and name.
    pub agency: Agency,
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
    let data_folder = match section.variable("PETITION_GATEWAY_DATA_FOLDER") {
        Some(folder) => PathBuf::from(folder),
        None => section.path_maybe("data_folder").unwrap_or_default(),
    };
    let stop_limit = section.seconds("stop_seconds", 1..=600);
    section.finish();
    Gateway { agency, data_folder, stop_limit }
}
