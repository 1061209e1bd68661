//! The part of [`crate::fuzzing`] that stands on what is private to the services.

use std::time::Duration;

use channel_sdk::inbound::Draft;
use http::{HeaderMap, HeaderValue};
use jiff::civil::Date;

use super::{
    convert::{checks::Checks, draft as drafts, names},
    entrance, filter as filters,
    page::Asked,
};
use crate::{
    pb,
    store::{DeliveryQuery, PetitionQuery, QuarantineQuery},
};

/// The token of the page after `place` in a list that was asked for by `parts`.
pub fn page_token(parts: &[&str], place: &str) -> String {
    Asked::of("List", parts).token(place)
}

/// The place of a token; why it is refused.
///
/// # Errors
/// It is not a token of this list.
pub fn page_place(parts: &[&str], token: &str) -> Result<Option<String>, String> {
    Asked::of("List", parts).place(token).map_err(|error| error.to_string())
}

/// Reads a filter as each list does; why each refuses it.
pub fn filter(text: &str, today: Date) -> [Result<(), String>; 3] {
    let read = [
        filters::petitions(text, today, &mut PetitionQuery::default()),
        filters::deliveries(text, &mut DeliveryQuery::default()),
        filters::quarantine(text, &mut QuarantineQuery::default()),
    ];
    read.map(|read| read.map_err(|error| error.to_string()))
}

/// Reads an order of petitions; whether it is known.
pub fn order(text: &str) -> bool {
    filters::order(text).is_ok()
}

/// Reads a resource name as each method does that takes one; what each understood, written again.
pub fn resource_names(name: &str) -> Vec<String> {
    let read = [
        names::parse_petition(name).ok().map(names::petition),
        names::parse_attachment(name).ok().map(|(id, sha256)| names::attachment(id, sha256)),
        names::parse_channel("name", name).ok().map(names::channel),
        names::parse_parent(name).ok().map(|channel| names::channel(channel.unwrap_or("-"))),
        names::parse_delivery(name).ok().map(|(channel, id)| names::delivery(channel, id)),
        names::parse_quarantined(name).ok().map(|(channel, item)| names::quarantined(channel, item)),
    ];
    read.into_iter().flatten().collect()
}

/// The deadline in a `grpc-timeout`.
pub fn timeout(value: HeaderValue) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-timeout", value);
    entrance::grpc_timeout(&headers)
}

/// A draft as it came over gRPC, checked as far as its form goes.
///
/// # Errors
/// Everything that is wrong with it.
pub fn draft(sent: Option<pb::PetitionDraft>) -> Result<Draft, String> {
    let mut checks = Checks::default();
    let submitted = drafts::parse(&mut checks, sent, "id".to_owned());
    match checks.done() {
        Ok(()) => Ok(submitted.draft),
        Err(error) => Err(format!("{error} {error:?}")),
    }
}
