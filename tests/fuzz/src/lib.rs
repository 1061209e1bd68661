//! What strangers can send us, as functions from bytes to nothing that panic when a promise is broken.
//!
//! Each target reads its bytes as one of the gateway's decoders would and checks more than survival: what is read twice is
//! the same, what is written reads back, what is accepted keeps to its limits, and a refusal repeats no value that was
//! sent. Two drivers run them: `tests/short.rs` replays the corpus and mutations of it in every test run, and
//! `tests/fuzz/run` gives one target to libFuzzer for as long as wanted. The corpus stands in `corpus/<target>/`; an input
//! that found a fault gets a name there and stays for ever.
//!
//! The first byte of most inputs chooses among shapes of the message (route, syntax, status), so that a driver can change
//! the shape alone.
#![expect(clippy::unwrap_used, reason = "a target's panic is its finding")]

mod addresses;
mod assembly;
mod decoded;
mod dialect;
mod far_side;
#[cfg(feature = "gateway")]
mod gateway;
pub mod hostile;
mod json;
pub mod mutate;
mod portal;
#[cfg(feature = "gateway")]
mod records;
#[cfg(feature = "gateway")]
mod signature;
mod stain;
mod xml;

/// One decoder under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, that of its folder in `corpus/` too.
    pub name: &'static str,
    /// Reads the bytes and checks what must hold.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "addresses", run: addresses::run },
    Target { name: "assembly", run: assembly::decode },
    Target { name: "assembly_pull", run: assembly::pull },
    Target { name: "assembly_reply", run: assembly::reply },
    Target { name: "dialect", run: dialect::run },
    Target { name: "json", run: json::run },
    Target { name: "portal", run: portal::decode },
    Target { name: "portal_pull", run: portal::pull },
    Target { name: "portal_reply", run: portal::reply },
    Target { name: "xml", run: xml::run },
    #[cfg(feature = "gateway")]
    Target { name: "config", run: gateway::config },
    #[cfg(feature = "gateway")]
    Target { name: "draft", run: gateway::draft },
    #[cfg(feature = "gateway")]
    Target { name: "filter", run: gateway::filter },
    #[cfg(feature = "gateway")]
    Target { name: "headers", run: gateway::headers },
    #[cfg(feature = "gateway")]
    Target { name: "names", run: gateway::names },
    #[cfg(feature = "gateway")]
    Target { name: "page_token", run: gateway::page_token },
    #[cfg(feature = "gateway")]
    Target { name: "records", run: records::run },
    #[cfg(feature = "gateway")]
    Target { name: "route", run: gateway::route },
    #[cfg(feature = "gateway")]
    Target { name: "signature", run: signature::run },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The choice among `options` that the first byte makes, and the rest; the digits `0` to `9` choose the first ones, so
/// that a corpus stays readable.
pub(crate) fn chosen<'o, 'b, T>(options: &'o [T], bytes: &'b [u8]) -> Option<(&'o T, &'b [u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((&options[usize::from(first.wrapping_sub(b'0')) % options.len()], rest))
}

/// The bytes up to the first line break, and what follows it.
pub(crate) fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}
