//! How fast the gateway is, against references that are taken in the same run: `cargo bench --bench speed -- --help`.
//!
//! Every figure is a ratio, because absolute times vary with the machine: a reference and the gateway are measured in turn,
//! several times, and the median counts. The gateway is the real binary with its default settings and a durable store on
//! this disk; clients and far sides are processes of their own on the same machine. Nothing here is a test: a figure that
//! falls short is printed as such, and [`rows`] say what limits it. What the last full run measured stands in `README.md`.
//!
//! The rows:
//!
//! | row | what | reference | at least |
//! | --- | --- | --- | --- |
//! | S1 | `SubmitPetition`, 256 in flight | a service that echoes the message | 0.45 × its calls; p99 ≤ 3 × its p99 |
//! | S2 | `ImportPetitions` | bare SQLite, the same rows, 512 a transaction | 0.6 × |
//! | S3 | portal ▶ gateway ▶ watcher | the portal read dry by a client that throws all away | 0.4 × |
//! | S4 | answers delivered, in order for each petition | the same HTTP client posting the same bytes | 0.4 × |
//! | S5 | a batch decoded into canonical messages | libxml2 building a tree of the same bytes | 2 × |
//! | S7 | S1 on a store of many petitions | S1 on 10,000 | 0.8 × |
//! | S8 | reads on a store of many petitions | the same on 10,000 | p99 ≤ 3 × |
//! | S9 | 1,000 watchers of 1,000 events a second | – | each event once, in order; p99 lag ≤ 250 ms |
//! | F | the footprint: memory, start, binary | – | see the row |
//!
//! - [`options`]: the command line; [`outcome`]: what a row says, as a table and as JSON; [`machine`]: what it ran on;
//! - [`process`]: the gateway and other processes; [`roles`]: what this program is when a row starts it again as a far
//!   side; [`load`]: calls in flight; [`petitions`]: made-up petitions; [`store`]: stores looked into and filled;
//! - [`rows`]: one file for each row.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first thing that goes wrong")]

mod load;
mod machine;
mod options;
mod outcome;
mod petitions;
mod process;
mod roles;
mod rows;
mod store;

use std::io::Write;

use clap::Parser;

use options::Options;

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Some(role) = options.role {
        return runtime.block_on(roles::run(role));
    }
    let folder = options.folder();
    println!("{}", machine::describe(folder.path()));
    let mut json = options.json.as_ref().map(|path| std::fs::File::create(path).unwrap());
    let mut outcomes = Vec::new();
    for row in options.rows() {
        let bench = rows::Bench { options: &options, folder: folder.path(), runtime: &runtime };
        for outcome in (row.run)(&bench) {
            if let Some(file) = &mut json {
                writeln!(file, "{}", outcome.to_json()).unwrap();
            }
            outcomes.push(outcome);
        }
    }
    println!("\n{}", outcome::table(&outcomes));
    for outcome in &outcomes {
        println!("{}", outcome.to_json());
    }
}
