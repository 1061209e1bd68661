//! What is written reads back as the same, for any text; what is read is what another reader reads.

use channel_sdk::{
    dialect::{Dialect, Map},
    json,
    tree::{Content, Limits, Node},
    xml,
};
use proptest::prelude::*;

use crate::arbitrary::{json_tree, record, text, xml_text, xml_tree};

fn limits() -> Limits {
    Limits::default()
}

/// The tree without lines, which a written tree does not have.
fn without_lines(mut node: Node) -> Node {
    node.line = 0;
    node.content = match node.content {
        Content::Children(nodes) => Content::Children(nodes.into_iter().map(without_lines).collect()),
        other => other,
    };
    node
}

fn petition() -> Map {
    let dialect = Dialect::parse(
        r#"
        [maps.petition]
        external_id = { at = "maPAKN", as = "text", required = true }
        kind = { at = "loai", as = "code", codes = "kinds", required = true }
        public = { at = "congKhai", as = "boolean", default = true }
        body = { at = "noiDung", as = "text", null = true }
        due_on = { at = "han", as = "date", null = true }
        letter_date = { at = "vanBan.ngay", as = "date", formats = ["%d/%m/%Y"] }
        sent_at = { at = "ngayGui", as = "timestamp" }
        revision = { at = "phienBan", as = "integer" }
        "field.code" = { at = "linhVuc.ma", as = "text" }
        attachments = { at = "tep.muc", as = "list", map = "file" }
        also = { at = "cungMa", as = "list", of = "text" }
        [maps.file]
        name = { at = "ten", as = "text", required = true }
        size_bytes = { at = "kichThuoc", as = "integer", min = 0 }
        [codes.kinds]
        "1" = "feedback"
        "01" = "feedback"
        "2" = "petition"
        "#,
    );
    dialect.unwrap().map("petition").unwrap().clone()
}

/// A tree as `serde_json` knows it.
fn told_by_serde(node: &Node) -> serde_json::Value {
    match &node.content {
        Content::Null => serde_json::Value::Null,
        Content::Text(text) => serde_json::Value::String(text.clone()),
        Content::Number(number) => serde_json::from_str(number).unwrap(),
        Content::Boolean(value) => serde_json::Value::Bool(*value),
        Content::List(items) => serde_json::Value::Array(items.iter().map(told_by_serde).collect()),
        Content::Children(nodes) => {
            serde_json::Value::Object(nodes.iter().map(|it| (it.name.clone(), told_by_serde(it))).collect())
        }
    }
}

proptest! {
    #[test]
    fn any_json_tree_survives_writing_and_reading(tree in json_tree()) {
        let bytes = json::write(&tree);
        prop_assert_eq!(json::read(&bytes, &limits()).unwrap(), tree.clone());
        let other: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(other, told_by_serde(&tree));
    }

    #[test]
    fn any_xml_tree_survives_writing_and_reading(tree in xml_tree()) {
        let bytes = xml::write(&tree).unwrap();
        prop_assert_eq!(without_lines(xml::read(&bytes, &limits()).unwrap()), tree);
    }

    #[test]
    fn text_in_xml_survives_a_reader_that_folds_line_ends_as_the_standard_asks(text in xml_text()) {
        let tree = Node::leaf("a", text.clone()).with_attribute("b", text);
        let written = String::from_utf8(xml::write(&tree).unwrap()).unwrap();
        let folded = written.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(without_lines(xml::read(folded.as_bytes(), &limits()).unwrap()), tree);
    }

    #[test]
    fn a_record_written_in_json_reads_back_as_the_same(record in record()) {
        let map = petition();
        let reading = map.take(json::read(&json::write(&map.write(&record).unwrap()), &limits()).unwrap());
        prop_assert_eq!(&reading.faults, &[]);
        prop_assert!(reading.record == record);
        prop_assert!(reading.extensions.is_empty());
    }

    #[test]
    fn a_record_written_in_xml_reads_back_as_the_same(record in record()) {
        let map = petition();
        let tree = map.write(&record).unwrap().named("PAKN").in_namespace("urn:a");
        let reading = map.take(xml::read(&xml::write(&tree).unwrap(), &limits()).unwrap());
        prop_assert_eq!(&reading.faults, &[]);
        prop_assert!(reading.record == record);
        prop_assert!(reading.extensions.is_empty());
    }

    #[test]
    fn our_json_reader_takes_nothing_that_serde_refuses(source in "[\\[\\]{}:,\"\\\\u0-9a-fA-F.eE+\\- \\n\\ttrufalsn]{0,30}") {
        if let Ok(tree) = json::read(source.as_bytes(), &limits()) {
            let other: serde_json::Value = serde_json::from_str(&source).unwrap();
            prop_assert_eq!(other, told_by_serde(&tree));
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in text()) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            drop(json::read(input, &limits()));
            drop(xml::read(input, &limits()));
        }
    }

    #[test]
    fn no_markup_makes_the_xml_reader_panic(source in "(<|>|/|a|b:|=|\"|'|&|;|#|x|!|\\[|\\]|-|\\?| |xmlns|CDATA|xml|1){0,40}") {
        drop(xml::read(source.as_bytes(), &limits()));
    }

    #[test]
    fn any_json_tree_is_read_by_a_dialect_without_panic_and_no_leaf_is_lost(tree in json_tree()) {
        let reading = petition().read(&tree);
        if let Content::Children(nodes) = &tree.content {
            // Every member that is no business of the dialect and says something is an extension.
            for node in nodes.iter().filter(|it| it.name.starts_with('đ') && !it.is_blank()) {
                if matches!(node.content, Content::Text(_) | Content::Number(_) | Content::Boolean(_)) {
                    prop_assert!(reading.extensions.contains_key(&node.name));
                }
            }
        }
    }
}
