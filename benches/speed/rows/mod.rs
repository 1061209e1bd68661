//! The rows, one file each.

mod decode;
mod deliver;
mod footprint;
mod growth;
mod import;
mod pull;
mod reads;
mod submit;
mod watch;

use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use crate::{options::Options, outcome::Outcome, process::Gateway, store};

/// What every row has.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) folder: &'a Path,
    pub(crate) runtime: &'a Runtime,
}

impl Bench<'_> {
    /// A folder of this name, empty.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Petitions of the large store.
    pub(crate) fn many(&self) -> u64 {
        self.options.scaled(self.options.stored, 2_000)
    }

    /// The folder of a gateway whose store holds so many petitions; made once for all rows that want it.
    pub(crate) fn filled(&self, name: &str, count: u64) -> PathBuf {
        let folder = self.folder.join(format!("filled-{name}"));
        if !folder.exists() {
            self.note(&format!("a store of {count} petitions is made"));
            // A gateway makes the tables, and the petition that the others are like.
            let gateway = Gateway::start(&folder, "");
            self.runtime.block_on(store::plant(&gateway.grpc));
            let database = gateway.database();
            drop(gateway);
            let took = store::fill(&database, count);
            self.note(&format!("it took {:.0} s", took.as_secs_f64()));
        }
        folder
    }

    /// Says on the terminal what is going on.
    pub(crate) fn note(&self, text: &str) {
        println!("{text}");
    }
}

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Bench<'_>) -> Vec<Outcome>,
}

impl Row {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.trim())
    }
}

/// All of them, in order.
pub(crate) const ROWS: [Row; 9] = [
    Row { name: "S1", run: submit::run },
    Row { name: "S2", run: import::run },
    Row { name: "S3", run: pull::run },
    Row { name: "S4", run: deliver::run },
    Row { name: "S5", run: decode::run },
    Row { name: "S7", run: growth::run },
    Row { name: "S8", run: reads::run },
    Row { name: "S9", run: watch::run },
    Row { name: "F", run: footprint::run },
];
