//! The JSON reader and writer of the SDK.

use channel_sdk::{
    json::{read, write},
    tree::{Content, Limits, Node},
};

use crate::stain::{MARK, assert_clean, measured};

/// So small that short inputs reach them.
fn tight() -> Limits {
    Limits { bytes_max: 4096, depth_max: 6, nodes_max: 40, attributes_max: 4, text_bytes_max: 64 }
}

pub(crate) fn run(bytes: &[u8]) {
    let found = read(bytes, &Limits::default());
    assert!(found == read(bytes, &Limits::default()), "the same bytes were read as two things");
    if let Ok(tree) = &found {
        let written = write(tree);
        assert!(read(&written, &Limits::default()).as_ref() == Ok(tree), "what is written does not read back");
        agree(bytes, tree);
    }
    within(bytes);
    repeats_nothing(bytes);
}

/// Another reader takes what we take, and understands the same.
fn agree(bytes: &[u8], tree: &Node) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let other: serde_json::Value = serde_json::from_slice(bytes).expect("serde refuses what we take");
    assert!(is_same(tree, &other), "serde understands something else");
}

fn is_same(node: &Node, other: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (&node.content, other) {
        (Content::Null, Value::Null) => true,
        (Content::Boolean(own), Value::Bool(other)) => own == other,
        (Content::Text(own), Value::String(other)) => own == other,
        // serde spells an exponent in its own way.
        (Content::Number(own), Value::Number(other)) => {
            *own == other.to_string() || own.parse::<f64>().ok() == other.to_string().parse().ok()
        }
        (Content::List(own), Value::Array(other)) => {
            own.len() == other.len() && own.iter().zip(other).all(|(own, other)| is_same(own, other))
        }
        (Content::Children(own), Value::Object(other)) => {
            own.len() == other.len()
                && own.iter().zip(other).all(|(own, (name, value))| own.name == *name && is_same(own, value))
        }
        _ => false,
    }
}

fn within(bytes: &[u8]) {
    let limits = tight();
    let Ok(tree) = read(bytes, &limits) else { return };
    let (depth, nodes, text) = measured(&tree);
    assert!(bytes.len() <= limits.bytes_max && depth <= limits.depth_max && nodes <= limits.nodes_max);
    assert!(text <= limits.text_bytes_max, "a text of {text} bytes was taken");
}

/// Whatever follows a value, no refusal repeats it.
fn repeats_nothing(bytes: &[u8]) {
    for before in [format!("{{\"a\":\"{MARK}\",\"b\":"), format!("[\"{MARK}\",")] {
        let message = [before.as_bytes(), bytes].concat();
        if let Err(fault) = read(&message, &Limits::default()) {
            assert_clean(&fault.to_string());
        }
    }
}
