//! Messages that nobody wrote: cut, bent and random bytes never panic, and what can be written is read back exactly.

use std::sync::{Arc, LazyLock};

use channel_sdk::{
    Adapter, Inbound,
    adapter::{Entrance, Outcome, RawMessage, Settings},
    tree::Node,
    xml,
};
use national_assembly::KIND;
use proptest::prelude::*;

const NAMESPACE: &str = "urn:petition-gateway:voter-petitions:1";

static ADAPTER: LazyLock<Arc<dyn Adapter>> = LazyLock::new(|| {
    let dialect = KIND.default_dialect.to_owned();
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table: toml::Table::new(), dialect };
    (KIND.build)(settings).unwrap_or_else(|faults| panic!("the default dialect is sound: {faults:?}"))
});

fn raw(route: &str, content_type: &str, body: Vec<u8>) -> RawMessage {
    RawMessage {
        entrance: Entrance::Push,
        route: route.to_owned(),
        content_type: content_type.to_owned(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        body: body.into(),
    }
}

/// Decodes, and answers what could not be read; neither may panic.
fn survives(route: &str, content_type: &str, body: Vec<u8>) {
    let raw = raw(route, content_type, body);
    if let Err(faults) = ADAPTER.decode(&raw) {
        assert!(!faults.is_empty());
        let reply = ADAPTER.acknowledge(&raw, &Outcome::Unreadable(faults));
        assert!(reply.status.is_client_error() && !reply.body.is_empty());
    }
}

/// A golden message with bytes at `at` replaced, and cut at `end`.
fn bent(golden: &[u8], at: usize, with: &[u8], end: usize) -> Vec<u8> {
    let mut bytes = golden.to_vec();
    let at = at % bytes.len();
    let to = (at + with.len()).min(bytes.len());
    bytes.splice(at..to, with.iter().copied());
    bytes.truncate(end % (bytes.len() + bytes.len() / 4));
    bytes
}

/// Text that XML can carry.
fn text() -> impl Strategy<Value = String> {
    let char = any::<char>().prop_filter(
        "allowed in XML 1.0",
        |it| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{1_0000}'..),
    );
    proptest::collection::vec(char, 1..60).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn bent_batches_never_panic(at: usize, with in proptest::collection::vec(any::<u8>(), 0..8), end: usize) {
        let golden = include_bytes!("../golden/ordinary.in.xml");
        survives("POST /kien-nghi", "application/xml", bent(golden, at, &with, end));
    }

    #[test]
    fn bent_multipart_messages_never_panic(at: usize, with in proptest::collection::vec(any::<u8>(), 0..8), end: usize) {
        let golden = include_bytes!("../golden/files.in.mime");
        let content_type = "multipart/related; boundary=\"b-27\"; start=\"<goc>\"";
        survives("POST /kien-nghi", content_type, bent(golden, at, &with, end));
    }

    #[test]
    fn bent_pages_never_panic(at: usize, with in proptest::collection::vec(any::<u8>(), 0..8), end: usize) {
        survives("tim-kiem", "application/json", bent(include_bytes!("../golden/search.in.json"), at, &with, end));
    }

    #[test]
    fn random_bytes_and_content_types_never_panic(content_type in ".*", body: Vec<u8>) {
        survives("POST /kien-nghi", &content_type, body.clone());
        survives("POST /kien-nghi", &format!("multipart/related; {content_type}"), body);
    }

    #[test]
    fn text_is_read_back_exactly(body in text(), place in text()) {
        let item = Node::object("KienNghi", vec![
            Node::leaf("NoiDung", format!("{body}.")),
            Node::leaf("GhiChu", format!("{place}.")),
        ]).with_attribute("ma", "XIV-08-0001-001").with_attribute("noi", format!("{place}."));
        let document = Node::object("DanhSachKienNghi", vec![item]).in_namespace(NAMESPACE);
        let bytes = xml::write(&document).expect("XML can carry the text");
        let decoded = ADAPTER.decode(&raw("POST /kien-nghi", "application/xml", bytes)).expect("it is a batch");
        let Ok(Inbound::Petition(draft)) = &decoded.items[0].message else { panic!("{:?}", decoded.items[0].message) };
        prop_assert_eq!(&draft.body, &format!("{body}."));
        prop_assert_eq!(draft.extensions.get("GhiChu"), Some(&format!("{place}.")));
        prop_assert_eq!(draft.extensions.get("@noi"), Some(&format!("{place}.")));
    }
}
