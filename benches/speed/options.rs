//! The command line.

use std::path::PathBuf;

use clap::Parser;
use tempfile::TempDir;

use crate::{
    roles::Role,
    rows::{ROWS, Row},
};

/// How fast the gateway is, against references taken in the same run.
///
/// Each row measures its reference and the gateway in turn, as often as --rounds says, and compares the medians. A full run
/// takes most of an hour and 20 GB; --scale 0.1 a few minutes. On a busy machine trust the ratios and not the times.
#[derive(Debug, Parser)]
#[command(
    name = "speed",
    after_help = "Examples:\n  \
    cargo bench --bench speed                               every row, whole\n  \
    cargo bench --bench speed -- --rows s1,s4 --scale 0.1   two rows, a tenth of the work\n  \
    cargo bench --bench speed -- --rows s7,s8 --stored 1000000 --json figures.jsonl\n\n\
    Beside the build S5 needs `cc` and libxml2 with its headers (Debian: libxml2-dev); without them its reference is\n\
    left out, and the row says so."
)]
pub(crate) struct Options {
    /// The rows, as `s1,s4`; all unless given
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    rows: Vec<String>,
    /// The share of the work that is done: of seconds, of petitions, of watchers
    #[arg(long, default_value = "0.001", default_value_if("bench", "true", "1"), value_name = "SHARE")]
    pub(crate) scale: f64,
    /// How often reference and gateway are measured in turn
    #[arg(long, default_value = "1", default_value_if("bench", "true", "3"), value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Petitions of the large store of S7, S8 and the footprint, before --scale
    #[arg(long, default_value_t = 10_000_000, value_name = "COUNT")]
    pub(crate) stored: u64,
    /// Where stores are made: on the disk that is to be measured; below target/ unless given
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// A file for the JSON lines, which are also printed
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// What `cargo bench` adds to every bench's command line. Without it, as under `cargo test --benches`, only whether the
    /// rows run to their end is wanted: as little is done as can be.
    #[arg(long, hide = true)]
    bench: bool,
    /// What this process is, when a row starts it
    #[arg(long, hide = true)]
    pub(crate) role: Option<Role>,
}

impl Options {
    /// The rows that were asked for, in their order.
    pub(crate) fn rows(&self) -> Vec<&'static Row> {
        let unknown: Vec<_> = self.rows.iter().filter(|name| !ROWS.iter().any(|row| row.is(name))).collect();
        assert!(unknown.is_empty(), "no such row: {unknown:?}; there are {}", ROWS.map(|row| row.name).join(", "));
        ROWS.iter().filter(|row| self.rows.is_empty() || self.rows.iter().any(|name| row.is(name))).collect()
    }

    /// A share of `whole`, at least `least`.
    pub(crate) fn scaled(&self, whole: u64, least: u64) -> u64 {
        ((whole as f64 * self.scale) as u64).max(least)
    }

    /// A folder for this run, gone at its end.
    pub(crate) fn folder(&self) -> TempDir {
        let within = self
            .folder
            .clone()
            .unwrap_or_else(|| PathBuf::from(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp")));
        std::fs::create_dir_all(&within).unwrap();
        tempfile::tempdir_in(within).unwrap()
    }
}
