//! The gateway's own readers: page tokens, filters, names, headers, routes, its configuration, drafts over gRPC.

use std::path::Path;

use http::HeaderValue;
use jiff::{Timestamp, civil::date};
use petition_gateway::{
    adapters::KINDS,
    config::{Config, Environment},
    fuzzing, pb,
};
use prost::Message;

use crate::{
    line,
    stain::{MARK, assert_clean},
};

/// The input as a token is refused or is one of ours; as a place it comes back as it went.
pub(crate) fn page_token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let asked = ["filter", ""];
    if let Ok(Some(place)) = fuzzing::page_place(&asked, &text) {
        let again = fuzzing::page_token(&asked, &place);
        assert_eq!(fuzzing::page_place(&asked, &again), Ok(Some(place)));
        assert!(fuzzing::page_place(&["filter"], &text).is_err(), "another list takes the token");
    }
    let token = fuzzing::page_token(&asked, &text);
    match fuzzing::page_place(&asked, &token) {
        Ok(place) => assert_eq!(place.as_deref(), Some(text.as_ref())),
        Err(_) => assert!(token.len() > 400, "our own token is refused"),
    }
    assert!(fuzzing::page_place(&["filter", "x"], &token).is_err(), "another list takes the token");
}

/// Filters and orders: refused within the text, and without its values.
pub(crate) fn filter(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let today = date(2019, 12, 20);
    assert_eq!(fuzzing::filter(&text, today), fuzzing::filter(&text, today));
    for refusal in fuzzing::filter(&text, today).into_iter().filter_map(Result::err) {
        let at = refusal.split("at character ").nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        assert!(at.is_none_or(|at| at <= text.chars().count() + 1), "{refusal}");
    }
    for before in [format!("external_id = \"{MARK}\" AND "), format!("external_id = \"{MARK}\", ")] {
        let refusals = fuzzing::filter(&format!("{before}{text}"), today).into_iter().filter_map(Result::err);
        refusals.for_each(|refusal| assert_clean(&refusal));
    }
    assert!(!fuzzing::order(&text) || text.len() < 64, "an order of any length");
}

/// Names of resources: what is understood is written as it came.
pub(crate) fn names(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    for written in fuzzing::resource_names(&name) {
        assert_eq!(written, name, "two names for one thing");
    }
}

/// `grpc-timeout` in the first line, `Retry-After` in the second.
pub(crate) fn headers(bytes: &[u8]) {
    let (timeout, rest) = line(bytes);
    let value = |line: &[u8]| HeaderValue::from_bytes(line).ok();
    if let Some(found) = value(timeout).and_then(fuzzing::timeout) {
        assert!((2..=9).contains(&timeout.len()) && found.as_secs() <= 99_999_999 * 3600, "{found:?}");
    }
    let now: Timestamp = "2019-12-06T09:02:00Z".parse().unwrap();
    for line in [line(rest).0, timeout] {
        let found = value(line).and_then(|value| fuzzing::retry_after(value, now));
        assert_eq!(found, value(line).and_then(|value| fuzzing::retry_after(value, now)));
        let is_number = std::str::from_utf8(line).is_ok_and(|text| text.trim().parse::<u64>().is_ok());
        // A date has four digits for its year.
        assert!(found.is_none_or(|it| is_number || it.as_secs() < 8000 * 366 * 24 * 3600), "{found:?}");
    }
}

/// Which pushes are of which route: as many segments, each equal or any but an empty one.
pub(crate) fn route(bytes: &[u8]) {
    let path = String::from_utf8_lossy(bytes);
    for pattern in ["/kien-nghi", "/pakn", "/pakn/{ma}/rut", "/pakn/{ma}/bo-sung", "/{a}/{b}"] {
        let (wanted, given): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
        let alike = |(wanted, given): (&&str, &&str)| match wanted.strip_prefix('{') {
            Some(_) => !given.is_empty(),
            None => wanted == given,
        };
        let fits = wanted.len() == given.len() && wanted.iter().zip(&given).all(alike);
        assert_eq!(fuzzing::route_fits(pattern, &path), fits, "{pattern} {path}");
    }
}

/// The operator's file: every problem at once, the same ones each time, each with what it is about.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Keys that name files are read when the file is: what they hold is not what is tested here.
    if text.contains("file") || text.contains("dialect") {
        return;
    }
    let read = || Config::read("gateway.toml", Path::new("/nonexistent"), text, &Environment::empty(), KINDS);
    if let Err(problems) = read() {
        assert!(!problems.0.is_empty());
        assert!(problems.0.iter().all(|problem| !problem.message.is_empty()), "a problem without a message");
        let again = read().err().map(|again| again.0);
        assert!(again.as_ref() == Some(&problems.0), "the same file has two answers");
    }
}

/// A draft over gRPC, with the mark in its texts.
pub(crate) fn draft(bytes: &[u8]) {
    let Ok(mut sent) = pb::PetitionDraft::decode(bytes) else { return };
    assert_eq!(fuzzing::draft(Some(sent.clone())).is_ok(), fuzzing::draft(Some(sent.clone())).is_ok());
    let mut texts = vec![&mut sent.body, &mut sent.subject, &mut sent.external_id];
    if let Some(who) = &mut sent.petitioner {
        let named = [&mut who.full_name, &mut who.identity_number, &mut who.email, &mut who.address];
        texts.extend(named.into_iter().flatten());
    }
    texts.into_iter().for_each(|text| text.insert_str(0, MARK));
    if let Err(refusal) = fuzzing::draft(Some(sent)) {
        assert_clean(&refusal);
    }
}
