//! What a batch was answered, as it is kept beside its key: should the reply to a commit be lost, the answers are not.

use std::collections::BTreeSet;

use prost::Message;
use uuid::Uuid;

use crate::{
    petition::{PetitionId, Seq},
    store::{Committed, Held, MessageId, StoreError, Written},
};

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// This.
    Written(Written),
    /// What was given out is known again by the end of its leases, in nanoseconds.
    Claimed(i64),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(message, repeated, tag = "1")]
    answers: Vec<KeptAnswer>,
}

/// `kind` says what the rest means; numbers that a kind does not need are left out on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct KeptAnswer {
    #[prost(enumeration = "Kind", tag = "1")]
    kind: i32,
    #[prost(bytes = "vec", tag = "2")]
    petition: Vec<u8>,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(uint64, tag = "4")]
    seq: u64,
    #[prost(sint64, tag = "5")]
    number: i64,
    #[prost(string, repeated, tag = "6")]
    channels: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    to_sync: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Done = 0,
    New = 1,
    Duplicate = 2,
    KeyReused = 3,
    Stale = 4,
    Message = 5,
    Settled = 6,
    Held = 7,
    Claimed = 8,
    Unsettled = 9,
}

/// The answers as bytes.
pub(super) fn encode(answers: &[Answer]) -> Vec<u8> {
    Kept { answers: answers.iter().map(kept).collect() }.encode_to_vec()
}

/// The answers of such bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Answer>, StoreError> {
    let kept = Kept::decode(bytes).map_err(|_| DAMAGED)?;
    kept.answers.into_iter().map(answer).collect()
}

const DAMAGED: StoreError = StoreError::Damaged("answer");

fn kept(answer: &Answer) -> KeptAnswer {
    let of = |kind: Kind| KeptAnswer { kind: kind.into(), ..KeptAnswer::default() };
    let number = |kind: Kind, number: i64| KeptAnswer { number, ..of(kind) };
    let petition = |kind: Kind, id: &PetitionId, version: u64, seq: &Seq| KeptAnswer {
        petition: id.0.as_bytes().to_vec(),
        version,
        seq: seq.0,
        ..of(kind)
    };
    match answer {
        Answer::Claimed(until) => number(Kind::Claimed, *until),
        Answer::Written(written) => match written {
            Written::Done | Written::Claimed(_) => of(Kind::Done),
            Written::Committed(Committed::New { id, version, seq }) => petition(Kind::New, id, *version, seq),
            Written::Committed(Committed::Duplicate { id, version, seq }) => {
                petition(Kind::Duplicate, id, *version, seq)
            }
            Written::Committed(Committed::KeyReused) => of(Kind::KeyReused),
            Written::Committed(Committed::Stale) => of(Kind::Stale),
            Written::Committed(Committed::Unsettled) => of(Kind::Unsettled),
            Written::Message(id) => number(Kind::Message, id.0),
            Written::Settled(took_effect) => number(Kind::Settled, i64::from(*took_effect)),
            Written::Held(held) => KeptAnswer {
                channels: held.channels.iter().cloned().collect(),
                to_sync: held.to_sync.iter().cloned().collect(),
                ..of(Kind::Held)
            },
        },
    }
}

fn answer(kept: KeptAnswer) -> Result<Answer, StoreError> {
    let committed = |new: fn(PetitionId, u64, Seq) -> Committed| -> Result<Written, StoreError> {
        let id = PetitionId(Uuid::from_slice(&kept.petition).map_err(|_| DAMAGED)?);
        Ok(Written::Committed(new(id, kept.version, Seq(kept.seq))))
    };
    Ok(Answer::Written(match Kind::try_from(kept.kind).map_err(|_| DAMAGED)? {
        Kind::Claimed => return Ok(Answer::Claimed(kept.number)),
        Kind::Done => Written::Done,
        Kind::New => committed(|id, version, seq| Committed::New { id, version, seq })?,
        Kind::Duplicate => committed(|id, version, seq| Committed::Duplicate { id, version, seq })?,
        Kind::KeyReused => Written::Committed(Committed::KeyReused),
        Kind::Stale => Written::Committed(Committed::Stale),
        Kind::Unsettled => Written::Committed(Committed::Unsettled),
        Kind::Message => Written::Message(MessageId(kept.number)),
        Kind::Settled => Written::Settled(kept.number != 0),
        Kind::Held => Written::Held(Held {
            channels: kept.channels.into_iter().collect::<BTreeSet<_>>(),
            to_sync: kept.to_sync.into_iter().collect(),
        }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_as_they_were_given() {
        let id = PetitionId(Uuid::from_u128(7));
        let held = Held { channels: BTreeSet::from(["portal".to_owned()]), to_sync: BTreeSet::new() };
        let written = [
            Written::Done,
            Written::Committed(Committed::New { id, version: 1, seq: Seq(9) }),
            Written::Committed(Committed::Duplicate { id, version: 3, seq: Seq(8) }),
            Written::Committed(Committed::KeyReused),
            Written::Committed(Committed::Stale),
            Written::Committed(Committed::Unsettled),
            Written::Message(MessageId(-5)),
            Written::Settled(true),
            Written::Settled(false),
            Written::Held(held),
        ];
        let mut answers: Vec<Answer> = written.into_iter().map(Answer::Written).collect();
        answers.push(Answer::Claimed(1_560_000_000_000_000_000));
        assert_eq!(decode(&encode(&answers)).unwrap(), answers);
        assert!(decode(b"\xff").is_err());
    }
}
