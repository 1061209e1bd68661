//! Filters: a small part of AIP-160 that maps onto what the store can ask. [`grammar`] reads the text into conditions;
//! here each list says which keys it knows and what they mean.
//!
//! What cannot be read or is not known is refused with its position; nothing is guessed and nothing is left out in
//! silence. Values are never repeated in a refusal.

mod grammar;
mod petitions;

use channel_sdk::fault::FaultCode;

pub(super) use petitions::{order, petitions};

use self::grammar::{Condition, Operator, Value};
use super::error::CallError;
use crate::{
    petition::{DifferenceKind, PetitionId},
    store::{DeliveryQuery, DeliveryState, DifferenceQuery, DifferenceState, ItemState, QuarantineQuery},
};

/// Reads the filter of a list of deliveries into `query`.
pub(super) fn deliveries(text: &str, query: &mut DeliveryQuery) -> Result<(), CallError> {
    for condition in read(text, &["state", "petition"], &[])? {
        let value = condition.one()?;
        match condition.key {
            "state" => query.state = Some(value.name::<DeliveryState>()?),
            _ => query.petition = Some(petition_id(value)?),
        }
    }
    Ok(())
}

/// Reads the filter of a list of what is in quarantine into `query`.
pub(super) fn quarantine(text: &str, query: &mut QuarantineQuery) -> Result<(), CallError> {
    for condition in read(text, &["code", "place", "external_id", "route", "state"], &["receive_time"])? {
        let value = condition.one()?;
        match condition.key {
            "code" => query.fault_code = Some(value.name::<FaultCode>()?.as_str().to_owned()),
            "place" => query.place = Some(value.text.clone()),
            "external_id" => query.external_id = Some(value.text.clone()),
            "route" => query.route = Some(value.text.clone()),
            "state" => query.state = kept_aside(value)?,
            _ => petitions::within(&condition, &mut query.received_from, &mut query.received_before)?,
        }
    }
    Ok(())
}

/// Reads the filter of a list of differences into `query`.
pub(super) fn differences(text: &str, query: &mut DifferenceQuery) -> Result<(), CallError> {
    for condition in read(text, &["state", "kind"], &[])? {
        let value = condition.one()?;
        match condition.key {
            "state" => query.state = Some(value.name::<DifferenceState>()?),
            _ => query.kind = Some(value.name::<DifferenceKind>()?),
        }
    }
    Ok(())
}

/// What was taken stands with its petition; here are the others.
fn kept_aside(value: &Value) -> Result<ItemState, CallError> {
    match value.name::<ItemState>()? {
        state @ (ItemState::Quarantined | ItemState::Discarded) => Ok(state),
        ItemState::Taken | ItemState::AlreadyHad => Err(value.refuse("must be quarantined or discarded")),
    }
}

fn petition_id(value: &Value) -> Result<PetitionId, CallError> {
    let text = value.text.strip_prefix("petitions/").unwrap_or(&value.text);
    text.parse().map_err(|_| value.refuse("must be the id of a petition, a UUID"))
}

/// The conditions of `text`, each of a known key and an operator that the key takes: `keys` take `=` only and once,
/// `ranges` take every comparison, one from below and one from above.
fn read<'k>(text: &str, keys: &[&'k str], ranges: &[&'k str]) -> Result<Vec<Known<'k>>, CallError> {
    let mut known: Vec<Known<'k>> = Vec::new();
    for Condition { key, key_at, operator, operator_at, values } in grammar::read(text)? {
        let find = |among: &[&'k str]| among.iter().find(|it| **it == key).copied();
        let (key, most) = match (find(keys), find(ranges)) {
            (Some(key), _) => (key, 1),
            (None, Some(key)) => (key, 2),
            (None, None) => {
                let names: Vec<&str> = keys.iter().chain(ranges).copied().collect();
                return Err(refuse(key_at, &format!("unknown key; known are {}", names.join(", "))));
            }
        };
        if most == 1 && operator != Operator::Equal {
            return Err(refuse(operator_at, &format!("`{key}` takes `=` only")));
        }
        if known.iter().filter(|it| it.key == key).count() >= most {
            return Err(refuse(key_at, &format!("`{key}` stands too often; join values by commas")));
        }
        known.push(Known { key, operator, values });
    }
    Ok(known)
}

/// A condition of a known key.
struct Known<'k> {
    key: &'k str,
    operator: Operator,
    values: Vec<Value>,
}

impl Known<'_> {
    /// The only value.
    fn one(&self) -> Result<&Value, CallError> {
        match self.values.as_slice() {
            [value] => Ok(value),
            [_, second, ..] => Err(second.refuse(&format!("`{}` takes one value", self.key))),
            [] => Err(refuse(1, "a value is missing")),
        }
    }

    /// `true` or `false`.
    fn truth(&self) -> Result<bool, CallError> {
        let value = self.one()?;
        match value.text.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(value.refuse("must be true or false")),
        }
    }

    /// Values of an enum.
    fn names<T: Named>(&self) -> Result<Vec<T>, CallError> {
        self.values.iter().map(Value::name).collect()
    }

    /// Texts.
    fn texts(&self) -> Vec<String> {
        self.values.iter().map(|value| value.text.clone()).collect()
    }
}

/// An enum whose values are written by name.
trait Named: std::str::FromStr + Sized + 'static {
    /// Every name, for a refusal.
    fn names() -> Vec<&'static str>;
}

macro_rules! named {
    ($($name:ty),+) => { $(impl Named for $name {
        fn names() -> Vec<&'static str> { <$name>::ALL.iter().map(|it| it.as_str()).collect() }
    })+ };
}
named!(
    DeliveryState,
    DifferenceKind,
    DifferenceState,
    FaultCode,
    ItemState,
    crate::petition::Status,
    channel_sdk::model::PetitionKind
);

impl Value {
    /// The value of an enum, in either case.
    fn name<T: Named>(&self) -> Result<T, CallError> {
        let lower = self.text.to_ascii_lowercase();
        lower.parse().map_err(|_| self.refuse(&format!("must be one of {}", T::names().join(", "))))
    }

    fn refuse(&self, why: &str) -> CallError {
        refuse(self.at, why)
    }
}

/// A refusal at a position, counted in characters from 1.
fn refuse(at: usize, why: &str) -> CallError {
    CallError::InvalidFilter(format!("at character {at}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_filtered_by_state_and_petition() {
        let mut query = DeliveryQuery::default();
        let id = "0190a3c2-0000-7000-8000-000000000001";
        deliveries(&format!("state = DEAD_LETTER AND petition = petitions/{id}"), &mut query).unwrap();
        assert_eq!(query.state, Some(DeliveryState::DeadLetter));
        assert_eq!(query.petition.unwrap().to_string(), id);
    }

    #[test]
    fn a_refusal_names_the_position_and_what_would_be_right() {
        let mut query = QuarantineQuery::default();
        let refusal = quarantine("code = Nguyễn", &mut query).unwrap_err().to_string();
        assert!(refusal.contains("at character 8") && refusal.contains("unknown_code"), "{refusal}");
        assert!(!refusal.contains("Nguyễn"), "{refusal}");
        let refusal = quarantine("kode = x", &mut query).unwrap_err().to_string();
        assert!(refusal.contains("at character 1: unknown key; known are code"), "{refusal}");
    }

    #[test]
    fn the_quarantine_is_searched_by_place_id_route_state_and_time() {
        let mut query = QuarantineQuery::default();
        let text = "place = \"danhSach[3]\" AND external_id = \"PA-7/2019\" AND route = /pakn AND state = discarded \
                    AND receive_time >= 2019-12-06 AND receive_time < 2019-12-07";
        quarantine(text, &mut query).unwrap();
        assert_eq!((query.place.as_deref(), query.route.as_deref()), (Some("danhSach[3]"), Some("/pakn")));
        assert_eq!((query.external_id.as_deref(), query.state), (Some("PA-7/2019"), ItemState::Discarded));
        let times = (query.received_from, query.received_before);
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(times, (at("2019-12-05T17:00:00Z"), at("2019-12-06T17:00:00Z")));
        assert!(quarantine("state = taken", &mut query).is_err());
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let refusal = quarantine("code = format AND code = missing", &mut QuarantineQuery::default()).unwrap_err();
        assert!(refusal.to_string().contains("at character 19"), "{refusal}");
    }
}
