//! The government portal's channel: every route and feed in both syntaxes, cursors, replies to our notices.

use std::sync::{Arc, LazyLock};

use channel_sdk::{
    Adapter, Notice,
    adapter::{
        Entrance::{Pull, Push},
        RawMessage, Settings,
    },
    json,
    tree::{Limits, Node},
    xml,
};
use government_portal::KIND;

use crate::{
    chosen,
    decoded::{self, checked, raw, repeats_nothing, says_only_what_came},
    far_side::{FarSide, delivers, pulls},
    line,
    stain::stained,
};

pub(crate) static ADAPTER: LazyLock<Arc<dyn Adapter>> = LazyLock::new(|| {
    let dialect = KIND.default_dialect.to_owned();
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table: toml::Table::new(), dialect };
    (KIND.build)(settings).map_err(|faults| format!("{faults:?}")).unwrap()
});

/// Where a message comes in, and as what.
type Way = (channel_sdk::adapter::Entrance, &'static str, &'static str);

const WAYS: &[Way] = &[
    (Push, "POST /pakn", "application/json"),
    (Push, "POST /pakn", "application/xml"),
    (Pull, "pakn", "application/json"),
    (Pull, "pakn", "application/xml"),
    (Pull, "danh-gia", ""),
    (Pull, "danh-muc/linh-vuc", ""),
    (Push, "POST /pakn/PAKN-2019-0012345/rut", ""),
    (Push, "POST /pakn/PAKN-2019-0012345/bo-sung", ""),
    (Push, "POST /pakn/PAKN-2019-0012345/danh-gia", ""),
    // Route and content type are in the input's first two lines.
    (Push, "", ""),
];

/// Decodes a message.
pub(crate) fn decode(bytes: &[u8]) {
    let Some((&(entrance, route, content_type), body)) = chosen(WAYS, bytes) else { return };
    let message = if route.is_empty() {
        let ((route, rest), lossy) = (line(body), |line: &[u8]| String::from_utf8_lossy(line).into_owned());
        let (content_type, body) = line(rest);
        raw(entrance, &lossy(route), &lossy(content_type), body)
    } else {
        raw(entrance, route, content_type, body)
    };
    let answer = checked(ADAPTER.as_ref(), &message);
    if let Some(tree) = tree(&message) {
        says_only_what_came(&answer, &tree);
        repeats_nothing(ADAPTER.as_ref(), &RawMessage { body: written(&message, stained(tree)).into(), ..message });
    }
}

fn is_xml(message: &RawMessage) -> bool {
    let first = message.body.iter().find(|byte| !byte.is_ascii_whitespace());
    message.content_type.contains("xml") || (!message.content_type.contains("json") && first == Some(&b'<'))
}

fn tree(message: &RawMessage) -> Option<Node> {
    let read = if is_xml(message) { xml::read } else { json::read };
    read(&message.body, &Limits::default()).ok()
}

fn written(message: &RawMessage, tree: Node) -> Vec<u8> {
    if is_xml(message) { xml::write(&tree).unwrap_or_default() } else { json::write(&tree) }
}

const FEEDS: &[(&str, u16)] = &[
    ("pakn", 200),
    ("danh-gia", 200),
    ("danh-muc/linh-vuc", 200),
    ("pakn", 400),
    ("danh-muc/linh-vuc", 304),
    ("pakn", 410),
    ("danh-gia", 503),
];

/// Pulls a page: cursor, header and page are the input's first line, second line and rest.
pub(crate) fn pull(bytes: &[u8]) {
    let Some(((feed, status), rest)) = chosen(FEEDS, bytes) else { return };
    let (cursor, rest) = line(rest);
    let (header, body) = line(rest);
    pulls(ADAPTER.as_ref(), feed, &String::from_utf8_lossy(cursor), &FarSide::new(*status, header, body));
    drop(decoded::checked(ADAPTER.as_ref(), &raw(Pull, feed, "", body)));
}

static NOTICES: LazyLock<Vec<Notice>> = LazyLock::new(|| {
    let golden = [
        include_str!("../../../adapters/government-portal/golden/notice.answered.in.json"),
        include_str!("../../../adapters/government-portal/golden/notice.forwarded.in.json"),
        include_str!("../../../adapters/government-portal/golden/notice.received.in.json"),
    ];
    golden.map(|notice| serde_json::from_str(notice).unwrap()).into()
});

const STATUSES: &[u16] = &[200, 201, 202, 204, 400, 401, 409, 422, 429, 500, 503];

/// Delivers a notice; the first byte chooses the reply's status, the first line is its header.
pub(crate) fn reply(bytes: &[u8]) {
    let Some((status, rest)) = chosen(STATUSES, bytes) else { return };
    let (header, body) = line(rest);
    for notice in NOTICES.iter() {
        delivers(ADAPTER.as_ref(), notice, &FarSide::new(*status, header, body), false);
    }
    let message = raw(Pull, "", "", body);
    if let Some(tree) = tree(&message) {
        let body = written(&message, stained(tree));
        delivers(ADAPTER.as_ref(), &NOTICES[1], &FarSide::new(*status, b"", &body), true);
    }
}
