//! `request_id`: the client's promise that the same id means the same call.
//!
//! The fingerprint covers the method and everything in the request but the id, so that an id used for another call is
//! refused instead of answered wrongly. Messages are encoded in the order of their fields and maps in the order of their
//! keys (see `build.rs`), so the same request has the same fingerprint in every gateway.

use prost::Message;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{convert::checks::Checks, error::CallError};
use crate::{security::Principal, store::RequestKey};

/// Names that are derived and not told: the namespace of ids that the gateway gives on a client's behalf.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b0f_7a52_5d0e_4c39_9a51_2f1c_7d8e_40b3);

/// The key of a call. `request` must have its `request_id` taken out.
pub(super) fn key(caller: &Principal, method: &str, id: Uuid, request: &impl Message) -> RequestKey {
    let mut hash = Sha256::new();
    hash.update((method.len() as u64).to_be_bytes());
    hash.update(method.as_bytes());
    hash.update(request.encode_to_vec());
    RequestKey { principal: caller.name.clone(), id, fingerprint: hash.finalize().into() }
}

/// Reads a `request_id`.
pub(super) fn parse(checks: &mut Checks, field: &str, text: &str) -> Uuid {
    match Uuid::try_parse(text) {
        Ok(id) if !id.is_nil() && text.len() == 36 => id,
        _ if text.is_empty() => {
            checks.missing(
                field,
                "is required: a UUID that your system makes for this one intent, the same over all retries",
            );
            Uuid::nil()
        }
        _ => {
            checks.format(field, "must be a UUID such as 3f0c2a6e-6d0b-4c57-9f6e-0c6f2f0b7d11");
            Uuid::nil()
        }
    }
}

/// Checks a `request_id` of a call that is idempotent by nature and keeps no key.
pub(super) fn check(text: &str) -> Result<Uuid, CallError> {
    let mut checks = Checks::default();
    let id = parse(&mut checks, "request_id", text);
    checks.done()?;
    Ok(id)
}

/// The id that stands for `parts` of this caller, the same every time.
pub(super) fn derived(caller: &Principal, request_id: Uuid, part: &str) -> Uuid {
    let name = format!("{}\n{request_id}\n{part}", caller.name);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pb, security::Roles};

    fn caller(name: &str) -> Principal {
        Principal { name: name.to_owned(), roles: Roles::default() }
    }

    fn draft(extensions: &[(&str, &str)]) -> pb::SubmitPetitionRequest {
        let extensions = extensions.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let petition = pb::PetitionDraft { extensions, ..pb::PetitionDraft::default() };
        pb::SubmitPetitionRequest { petition: Some(petition), ..pb::SubmitPetitionRequest::default() }
    }

    #[test]
    fn the_order_in_which_a_map_was_sent_does_not_change_the_fingerprint() {
        let names: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
        let forth: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
        let back: Vec<_> = forth.iter().rev().copied().collect();
        let id = Uuid::from_u128(1);
        let a = key(&caller("a"), "Submit", id, &draft(&forth));
        assert_eq!(a, key(&caller("a"), "Submit", id, &draft(&back)));
        assert_ne!(a.fingerprint, key(&caller("a"), "Submit", id, &draft(&forth[1..])).fingerprint);
        assert_ne!(a.fingerprint, key(&caller("a"), "Import", id, &draft(&forth)).fingerprint);
    }

    #[test]
    fn callers_do_not_meet_in_a_derived_id() {
        let id = Uuid::from_u128(7);
        assert_eq!(derived(&caller("a"), id, "1"), derived(&caller("a"), id, "1"));
        assert_ne!(derived(&caller("a"), id, "1"), derived(&caller("b"), id, "1"));
        assert_ne!(derived(&caller("a"), id, "1"), derived(&caller("a"), id, "2"));
    }

    #[test]
    fn what_is_no_uuid_is_refused_without_being_repeated() {
        for text in ["", "42", "00000000-0000-0000-0000-000000000000", "{3f0c2a6e-6d0b-4c57-9f6e-0c6f2f0b7d11}"] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check("3F0C2A6E-6D0B-4C57-9F6E-0C6F2F0B7D11").is_ok());
    }
}
