//! The far sides: a portal and an Assembly, both on a bad day.

use std::{fmt::Write as _, sync::Arc};

use channel_sdk::sandbox::{FarSide, Mischief};
use petition_gateway::demo::{audit::FarSideSaid, expectation::Ear};

use crate::support::{RunningFarSide, channel_config, serve};

/// A far side and how it hears.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) channel: &'static str,
    pub(crate) ear: Ear,
    pub(crate) side: Arc<dyn FarSide>,
}

/// Both far sides, and the tables of their channels.
pub(crate) struct FarSides {
    pub(crate) ends: Vec<End>,
    pub(crate) config: String,
    /// Whether petitions come to exist by themselves while there is load; otherwise whoever asked for them releases them.
    pub(crate) release_themselves: bool,
}

impl FarSides {
    /// A portal and an Assembly with so many petitions.
    pub(crate) async fn open(petitions: u32, voter_petitions: u32, mischief: Mischief) -> FarSides {
        let portal = serve(&government_portal::KIND, petitions, mischief).await;
        let assembly = serve(&national_assembly::KIND, voter_petitions, mischief).await;
        let mut config = String::new();
        let mut end = |channel, kind, ear, running: RunningFarSide, feeds: &[&str]| {
            config.push_str(&channel_config(channel, kind, running.address));
            for feed in feeds {
                writeln!(config, "poll.{feed}.interval = \"300ms\"").unwrap();
            }
            End { channel, ear, side: running.side }
        };
        let ends = vec![
            end("portal", "government-portal", Ear::Portal, portal, &["pakn", "danh-gia"]),
            end("assembly", "national-assembly", Ear::Assembly, assembly, &["kien-nghi"]),
        ];
        FarSides { ends, config, release_themselves: true }
    }
}

impl End {
    /// What it says now.
    pub(crate) fn said(&self) -> FarSideSaid {
        let (channel, ear) = (self.channel.to_owned(), self.ear);
        FarSideSaid { channel, ear, accounts: self.side.accounts(), complaints: self.side.complaints() }
    }
}
