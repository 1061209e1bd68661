//! Bytes to canonical messages, by the shape of what arrived: batches ([`batch`]) or pages of the search ([`search`]).
//!
//! Pure: what is decoded again after a mapping was mended gives the same but for that mapping.

mod batch;
mod files;
mod search;

use channel_sdk::{
    Fault,
    adapter::{Decoded, RawMessage},
};

pub(crate) use self::search::{listed_rows, rows};
use crate::{
    converse::{FEED_FIELDS, FEED_SEARCH},
    protocol::Protocol,
};

/// Decodes what came on any feed or route of this kind.
pub(crate) fn decode(protocol: &Protocol, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
    match raw.route.as_str() {
        FEED_SEARCH => search::page(protocol, &raw.body),
        FEED_FIELDS => search::fields(protocol, &raw.body),
        _ => batch::decode(protocol, &raw.content_type, &raw.body),
    }
}
