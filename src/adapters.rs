//! The registry of channel kinds: the one place that names the adapter crates.

use channel_sdk::Kind;

/// Every kind of channel that this gateway speaks. To add one: a crate in `adapters/`, a dependency, a line here.
pub const KINDS: &[Kind] = &[government_portal::KIND, national_assembly::KIND];
