//! Arbitrary texts, trees and records for the properties.

use channel_sdk::{
    dialect::{Record, Value},
    tree::{Content, Node},
};
use jiff::{Timestamp, civil::Date};
use proptest::prelude::*;

/// Text as people and programs send it, and as nobody should: any characters but U+0000, with a weight on what codecs get
/// wrong.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9ạảãâấầẩẫậđĐưừứử ,.]{0,40}",
        2 => prop::collection::vec(awkward(), 0..12).prop_map(|parts| parts.concat()),
        1 => any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

/// Text that XML 1.0 can carry.
pub(crate) fn xml_text() -> impl Strategy<Value = String> {
    text().prop_map(|text| {
        text.chars().filter(|it| matches!(it, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{1_0000}'..)).collect()
    })
}

fn awkward() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "e\u{302}\u{301}",
        "a\u{323}",
        "\u{a0}",
        "\r\n",
        "\r",
        "\n",
        "\t",
        " ",
        "&",
        "<",
        ">",
        "\"",
        "'",
        "]]>",
        "&amp;",
        "<p>",
        "\\",
        "\u{2028}",
        "\u{feff}",
        "\u{85}",
        "\u{7f}",
        "🙂",
        "\u{10FFFF}",
        "&#13;",
        "<![CDATA[",
        "<!--",
        "\u{1}",
    ])
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_.đ-]{0,8}"
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,10})?([eE][+-]?[0-9]{1,4})?"
}

/// Any JSON value, keys distinct.
pub(crate) fn json_tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Content::Null),
        any::<bool>().prop_map(Content::Boolean),
        number().prop_map(Content::Number),
        text().prop_map(Content::Text),
    ];
    let content = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| Content::List(items.into_iter().map(|it| Node::new("", it)).collect())),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|members| {
                Content::Children(members.into_iter().map(|(name, it)| Node::new(name, it)).collect())
            }),
        ]
    });
    content.prop_map(|content| Node::new("", content))
}

/// Any element, with namespaces and attributes; what has child elements has no other text.
pub(crate) fn xml_tree() -> impl Strategy<Value = Node> {
    let leaf = (name(), space(), attributes(), xml_text())
        .prop_map(|(name, space, attributes, text)| element(name, space, attributes, Content::Text(text)));
    leaf.prop_recursive(4, 40, 6, |inner| {
        (name(), space(), attributes(), prop::collection::vec(inner, 1..6))
            .prop_map(|(name, space, attributes, nodes)| element(name, space, attributes, Content::Children(nodes)))
    })
}

fn space() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(vec!["urn:a".to_owned(), "urn:b?x=1&y=\"2\"".to_owned()]))
}

type Attributes = std::collections::BTreeMap<(Option<String>, String), String>;

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::btree_map((space(), name()), xml_text(), 0..4)
        .prop_map(|map| map.into_iter().filter(|((_, name), _)| !name.starts_with("xmlns")).collect())
}

fn element(name: String, space: Option<String>, attributes: Attributes, content: Content) -> Node {
    let mut node = Node::new(name, content);
    node.namespace = space.map(Into::into);
    for ((space, name), value) in attributes {
        node = node.with_attribute(name, value);
        node.attributes.last_mut().unwrap().namespace = space.map(Into::into);
    }
    node
}

/// Text that is not blank, so that it is not the same as absent.
fn present(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    text.prop_filter("blank is as good as absent", |it| !it.trim().is_empty())
}

fn date() -> impl Strategy<Value = Date> {
    (1900i16..=2199, 1i8..=12, 1i8..=31)
        .prop_filter_map("a real date", |(year, month, day)| Date::new(year, month, day).ok())
}

fn instant() -> impl Strategy<Value = Timestamp> {
    // 1901 to 2198, with and without fractions of a second.
    (-2_177_452_800i64..7_226_582_400, prop_oneof![Just(0), 0i32..1_000_000_000])
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond.abs()).unwrap())
}

/// A record of the dialect in `properties.rs`, every value optional but the required ones.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let file = (present(xml_text()), prop::option::of(0i64..i64::MAX)).prop_map(|(name, size)| {
        let mut record = Record::new();
        record.set("name", name).set_some("size_bytes", size);
        Value::Record(record)
    });
    let kinds = prop::sample::select(vec!["feedback", "petition"]);
    (
        (present(xml_text()), kinds, any::<bool>()),
        (prop::option::of(present(xml_text())), prop::option::of(date()), prop::option::of(date())),
        (prop::option::of(instant()), prop::option::of(any::<i64>()), prop::option::of(present(xml_text()))),
        prop::collection::vec(file, 0..3),
        prop::collection::vec(present(xml_text()), 0..3),
    )
        .prop_map(|((id, kind, public), (body, due_on, letter), (sent_at, revision, code), files, also)| {
            let mut record = Record::new();
            record.set("external_id", id).set("kind", Value::Code(kind.to_owned())).set("public", public);
            record.set_some("body", body).set_some("due_on", due_on).set_some("letter_date", letter);
            record.set_some("sent_at", sent_at).set_some("revision", revision).set_some("field.code", code);
            if !files.is_empty() {
                record.set("attachments", files);
            }
            if !also.is_empty() {
                record.set("also", also.into_iter().map(Value::Text).collect::<Vec<_>>());
            }
            record
        })
}
