//! Dialects: any dialect, any tree, both directions. The input is a dialect in TOML, a line `----`, and a document.

use channel_sdk::{
    dialect::{Dialect, Map},
    json,
    tree::{Limits, Node},
    xml,
};

use crate::stain::{assert_clean, stained};

/// Between the dialect and the document.
const BORDER: &[u8] = b"\n----\n";

/// The mapping whose rules the input says nothing of.
const OURS: &str = include_str!("../../../adapters/government-portal/src/dialect.toml");

pub(crate) fn run(bytes: &[u8]) {
    let at = bytes.windows(BORDER.len()).position(|it| it == BORDER);
    let (dialect, document) = match at {
        Some(at) => (std::str::from_utf8(&bytes[..at]), &bytes[at + BORDER.len()..]),
        None => (Ok(OURS), bytes),
    };
    let Ok(dialect) = dialect else { return };
    let read = if document.starts_with(b"<") { xml::read } else { json::read };
    let tree = read(document, &Limits::default()).unwrap_or_else(|_| Node::null(""));
    match Dialect::parse(dialect) {
        Ok(dialect) => ["petition", "attachment", "a", "b"].iter().filter_map(|it| dialect.map(it)).for_each(|map| {
            reads(map, &tree);
        }),
        Err(faults) => assert!(!faults.is_empty() && faults.iter().all(|fault| fault.in_dialect)),
    }
}

fn reads(map: &Map, tree: &Node) {
    let reading = map.read(tree);
    assert!(reading.faults.len() <= 100, "{} faults", reading.faults.len());
    let again = map.take(tree.clone());
    assert!(reading.record == again.record && reading.extensions == again.extensions);
    assert!(reading.faults == again.faults, "the same tree was read as two things");
    map.read(&stained(tree.clone())).faults.iter().for_each(|fault| assert_clean(&fault.to_string()));
    if reading.faults.is_empty() && each_has_a_place_of_its_own(map) {
        let Ok(written) = map.write(&reading.record) else { return };
        let back = map.take(written);
        assert!(back.faults.is_empty(), "what is written is refused: {:?}", back.faults);
        assert!(back.record == reading.record, "what is written reads back as {:?}", back.record);
        assert!(back.extensions.is_empty(), "what is written has no rule");
    }
}

/// Where two rules read one value, only one of them writes it.
fn each_has_a_place_of_its_own(map: &Map) -> bool {
    let mut places: Vec<String> = map.names().filter_map(|name| map.place_of(name)).collect();
    let count = places.len();
    places.sort_unstable();
    places.dedup();
    places.len() == count && count == map.names().count()
}
