//! The engine under pressure: properties over arbitrary trees and records, and input that means harm.
#![expect(clippy::unwrap_used, reason = "clippy's exemption for tests does not reach their helpers")]

mod arbitrary;
mod hostile_json;
mod hostile_xml;
mod properties;
