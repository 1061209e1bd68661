//! Dialects: field mappings, code tables and addresses of a channel as data.

mod record;

pub use record::{Record, Value};
