//! What the store keeps as JSON and reads again: what is read is written as the same.

use std::fmt::Debug;

use channel_sdk::{Fault, Notice, inbound::CodeList};
use petition_gateway::petition::{EventBody, Petition};
use serde::{Serialize, de::DeserializeOwned};

use crate::chosen;

const READERS: &[fn(&str)] = &[
    comes_back::<Petition>,
    comes_back::<EventBody>,
    comes_back::<Notice>,
    comes_back::<CodeList>,
    comes_back::<Vec<Fault>>,
];

pub(crate) fn run(bytes: &[u8]) {
    let Some((reader, text)) = chosen(READERS, bytes) else { return };
    if let Ok(text) = std::str::from_utf8(text) {
        reader(text);
    }
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    let Ok(record) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&record).expect("what was read can be written");
    let again: T = serde_json::from_str(&written).expect("what was written can be read");
    assert!(again == record, "what was written reads back as another");
}
