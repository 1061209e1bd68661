//! What must hold for everything that an adapter decodes.

use bytes::Bytes;
use channel_sdk::{
    Adapter, Fault, Inbound,
    adapter::{Decoded, Entrance, Item, ItemOutcome, ItemResult, Outcome, RawMessage},
    tree::Node,
};
use jiff::Timestamp;

use crate::stain::{assert_clean, texts};

/// What decoding gives.
pub(crate) type Answer = Result<Decoded, Vec<Fault>>;

/// Faults of one item: those of a dialect's reading, and as many again for its files and its message.
const FAULTS_MAX: usize = 250;

/// Extensions of one item: those of a dialect's reading, and those of the batch.
const EXTENSIONS_MAX: usize = 10_100;

/// A message as it may arrive.
pub(crate) fn raw(entrance: Entrance, route: &str, content_type: &str, body: &[u8]) -> RawMessage {
    RawMessage {
        entrance,
        route: route.to_owned(),
        content_type: content_type.to_owned(),
        received_at: Timestamp::UNIX_EPOCH,
        body: Bytes::copy_from_slice(body),
    }
}

/// Decodes and checks what holds for any message; what was decoded, for what holds for some.
pub(crate) fn checked(adapter: &dyn Adapter, raw: &RawMessage) -> Answer {
    let answer = adapter.decode(raw);
    assert!(is_same(&answer, &adapter.decode(raw)), "the same bytes were decoded as two things");
    match &answer {
        Err(faults) => assert!(!faults.is_empty() && faults.len() <= FAULTS_MAX, "{} faults", faults.len()),
        Ok(decoded) => decoded.items.iter().for_each(item),
    }
    if raw.entrance == Entrance::Push {
        replies(adapter, raw, &answer);
    }
    answer
}

fn item(item: &Item) {
    match &item.message {
        Err(faults) => assert!(!faults.is_empty() && faults.len() <= FAULTS_MAX, "{} faults", faults.len()),
        Ok(message) => {
            assert_eq!(message.external_id(), item.external_id.as_deref(), "the item is told under another id");
            if let Inbound::Petition(draft) = message {
                assert!(!draft.external_id.trim().is_empty() && !draft.body.trim().is_empty());
                assert!(draft.extensions.len() <= EXTENSIONS_MAX, "{} extensions", draft.extensions.len());
            }
        }
    }
}

fn is_same(one: &Answer, other: &Answer) -> bool {
    let alike = |one: &Item, other: &Item| {
        one.place == other.place && one.external_id == other.external_id && one.message == other.message
    };
    match (one, other) {
        (Ok(one), Ok(other)) => {
            one.warnings == other.warnings
                && one.items.len() == other.items.len()
                && one.items.iter().zip(&other.items).all(|(one, other)| alike(one, other))
        }
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// The reply to a push exists for every outcome, and is an error where nothing was read.
fn replies(adapter: &dyn Adapter, raw: &RawMessage, answer: &Answer) {
    let outcome = match answer {
        Err(faults) => Outcome::Unreadable(faults.clone()),
        Ok(decoded) => Outcome::Items(decoded.items.iter().map(outcome_of).collect()),
    };
    let reply = adapter.acknowledge(raw, &outcome);
    assert!(reply.status.is_success() == answer.is_ok() && !reply.status.is_server_error(), "{}", reply.status);
    assert!(!reply.body.is_empty(), "the reply says nothing");
}

fn outcome_of(item: &Item) -> ItemOutcome {
    let result = match &item.message {
        Ok(_) => ItemResult::Taken { petition_id: "HS-1".to_owned() },
        Err(faults) => ItemResult::Refused(faults.clone()),
    };
    ItemOutcome { external_id: item.external_id.clone(), result }
}

/// No fault of a message whose texts all bear the mark repeats one.
pub(crate) fn repeats_nothing(adapter: &dyn Adapter, raw: &RawMessage) {
    let said = match adapter.decode(raw) {
        Err(faults) => faults,
        Ok(decoded) => {
            let refused = decoded.items.into_iter().filter_map(|item| item.message.err()).flatten();
            refused.chain(decoded.warnings).collect()
        }
    };
    said.iter().for_each(|fault| assert_clean(&fault.to_string()));
}

/// Subjects and bodies are texts of the message, character for character.
pub(crate) fn says_only_what_came(answer: &Answer, tree: &Node) {
    let Ok(decoded) = answer else { return };
    let mut came = Vec::new();
    texts(tree, &mut came);
    for draft in decoded.items.iter().filter_map(|item| match &item.message {
        Ok(Inbound::Petition(draft)) => Some(draft),
        _ => None,
    }) {
        for text in [&draft.subject, &draft.body] {
            assert!(text.is_empty() || came.contains(&text.as_str()), "a text is none that came");
        }
    }
}
