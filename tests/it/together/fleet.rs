//! Gateways as processes of their own, on one store and one folder of attachments, each with a folder of its own.

use std::path::Path;

use tempfile::TempDir;

use super::places::{Place, Places};
use crate::{
    cli_gateway::{ALL_ROLES, Gateway, Home},
    support::{TestStore, write_secrets},
};

/// The gateways. One that is gone leaves its place empty until it is replaced.
pub(crate) struct Fleet {
    gateways: Vec<Option<Gateway>>,
    pub(crate) places: Places,
    store: TestStore,
    config: String,
    _attachments: TempDir,
}

impl Fleet {
    /// So many gateways on a store, with these channels.
    pub(crate) fn start(count: usize, store: TestStore, channels: &str) -> Fleet {
        let attachments = tempfile::tempdir().unwrap();
        let config = config(attachments.path(), channels);
        let gateways = (0..count).map(|_| None).collect();
        let mut fleet = Fleet { gateways, places: Places::default(), store, config, _attachments: attachments };
        (0..count).for_each(|at| fleet.begin(at));
        fleet
    }

    /// The gateway of a place.
    pub(crate) fn of(&self, at: usize) -> &Gateway {
        self.gateways[at].as_ref().unwrap()
    }

    /// The gateway that looks after a channel, by what they logged last; `None` while nobody does.
    pub(crate) fn holder(&self, channel: &str) -> Option<usize> {
        let took = |gateway: &Gateway| gateway.logged("this gateway looks after", ("channel.name", channel)).pop();
        let lost = |gateway: &Gateway| gateway.logged("another gateway looks after", ("channel.name", channel)).pop();
        let holds = |gateway: &Gateway| took(gateway).filter(|took| Some(*took) > lost(gateway));
        let running = self.gateways.iter().enumerate().filter_map(|(at, it)| Some((at, it.as_ref()?)));
        running.filter_map(|(at, gateway)| Some((holds(gateway)?, at))).max().map(|(_, at)| at)
    }

    /// Has a new gateway take an empty place: a new machine, on which nothing is.
    pub(crate) fn begin(&mut self, at: usize) {
        assert!(self.gateways[at].is_none(), "the place is taken");
        let folder = tempfile::tempdir().unwrap();
        write_secrets(folder.path());
        let gateway = Gateway::start_in(Home::at(folder, self.store.clone()), &self.config);
        self.places.put(at, Place { grpc: gateway.grpc.parse().unwrap(), http: gateway.http.parse().unwrap() });
        self.gateways[at] = Some(gateway);
    }

    /// Ends a gateway at once, as a machine that loses its power does.
    pub(crate) fn kill(&mut self, at: usize) {
        self.gateways[at].take().unwrap().kill();
    }

    /// Halts a gateway: its connections stay open and nothing answers.
    pub(crate) fn pause(&self, at: usize) {
        self.of(at).signal("STOP");
    }

    /// Lets a halted gateway go on.
    pub(crate) fn wake(&self, at: usize) {
        self.of(at).signal("CONT");
    }

    /// Stops a gateway in good order, and waits for its end.
    pub(crate) fn stop(&mut self, at: usize) {
        let ended = self.gateways[at].take().unwrap().terminate();
        assert!(ended.success(), "a clean stop: {ended}");
    }
}

/// What all gateways are told beside where they listen and where they store. They are killed more often than any gateway
/// that a delivery takes down with it, so that no delivery is taken for such a one.
pub(crate) fn config(attachments: &Path, channels: &str) -> String {
    format!(
        "{ALL_ROLES}[blobs]\nfolder = \"{}\"\n[inbound]\nfailure_pause_seconds = 1\n[outbound]\nlease_seconds = 5\n\
         silent_attempts_max = 100\nschedule = [\"100ms\", \"200ms\", \"400ms\"{}]\n{channels}",
        attachments.display(),
        ", \"1s\"".repeat(40)
    )
}
