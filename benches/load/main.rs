//! The gateway under load, as a process of its own: what it promises for an overload and for a long day, and what is seen.
//!
//! - `cargo bench --bench load -- overload [SECONDS]`: first its peak, then five times as many calls as that for a minute
//!   (or SECONDS). Most must be refused, with a time to come again; what is let in must be as much as before and nearly as
//!   quick; a quiet client and the health must not suffer; and whatever was accepted must be in the store, once, and nothing
//!   that was refused.
//! - `cargo bench --bench load -- soak [MINUTES]`: half of the peak for thirty minutes (or MINUTES), with watchers and lists.
//!   Memory, descriptors, threads and the store's log must stay as they are after a sixth of the time.
//!
//! Each prints a table of what is promised and what was seen, and a JSON line for each row. Gateway and callers share the
//! machine, so figures are of use as ratios only. It ends with 1 when something was not as promised.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a load driver ends at the first thing that goes wrong")]

mod callers;
mod gateway;
mod overload;
mod soak;
mod table;

use std::{process::ExitCode, time::Duration};

/// How long the storm lasts unless something else is said.
const STORM_SECONDS: u64 = 60;
/// How long the soak lasts unless something else is said.
const SOAK_MINUTES: u64 = 30;

fn main() -> ExitCode {
    // Cargo adds a word of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |unless: u64| words.get(1).and_then(|word| word.parse().ok()).unwrap_or(unless);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let table = match words.first().map(String::as_str) {
        Some("soak") => runtime.block_on(soak::run(Duration::from_secs(60 * number(SOAK_MINUTES)))),
        Some("overload") | None => runtime.block_on(overload::run(Duration::from_secs(number(STORM_SECONDS)))),
        Some(other) => panic!("{other:?} is neither \"overload\" nor \"soak\""),
    };
    match table.print() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
