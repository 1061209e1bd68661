//! The XML reader and writer of the SDK, and the splitter of broken lists.

use channel_sdk::{
    tree::{Content, Limits, Node},
    xml::{read, write},
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
        let written = write(tree).expect("what was read can be written");
        let again = read(&written, &Limits::default()).map(without_lines);
        assert!(again == Ok(without_lines(tree.clone())), "what is written does not read back");
    }
    within(bytes);
    repeats_nothing(bytes);
}

/// Lines are counted in what came and not in what we write.
fn without_lines(mut node: Node) -> Node {
    node.line = 0;
    if let Content::Children(nodes) = node.content {
        node.content = Content::Children(nodes.into_iter().map(without_lines).collect());
    }
    node
}

fn within(bytes: &[u8]) {
    let limits = tight();
    let Ok(tree) = read(bytes, &limits) else { return };
    let (depth, _, text) = measured(&tree);
    assert!(bytes.len() <= limits.bytes_max && depth < limits.depth_max);
    assert!(text <= limits.text_bytes_max, "a text of {text} bytes was taken");
}

/// Whatever follows a value, no refusal repeats it.
fn repeats_nothing(bytes: &[u8]) {
    for (before, after) in [
        (format!("<r a=\"{MARK}\"><b>{MARK}</b>{MARK}"), "</r>"),
        (format!("<r a=\"{MARK}\" "), "/>"),
        (format!("<r><![CDATA[{MARK}]]>"), ""),
    ] {
        let message = [before.as_bytes(), bytes, after.as_bytes()].concat();
        if let Err(fault) = read(&message, &Limits::default()) {
            assert_clean(&fault.to_string());
        }
    }
}
