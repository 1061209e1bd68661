//! The National Assembly's channel: batches in XML, alone and with their files, the JSON search, cursors, replies.

use std::sync::{Arc, LazyLock};

use channel_sdk::{
    Adapter, Notice,
    adapter::{
        Entrance::{self, Pull, Push},
        RawMessage, Settings,
    },
    json,
    tree::{Limits, Node},
    xml,
};
use national_assembly::KIND;

use crate::{
    chosen,
    decoded::{checked, raw, repeats_nothing, says_only_what_came},
    far_side::{FarSide, delivers, pulls},
    line,
    stain::stained,
};

fn adapter(interface: &str) -> Arc<dyn Adapter> {
    let dialect = KIND.default_dialect.to_owned();
    let mut table = toml::Table::new();
    table.insert("interface".to_owned(), interface.into());
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table, dialect };
    (KIND.build)(settings).map_err(|faults| format!("{faults:?}")).unwrap()
}

pub(crate) static BATCH: LazyLock<Arc<dyn Adapter>> = LazyLock::new(|| adapter("batch"));
pub(crate) static SEARCH: LazyLock<Arc<dyn Adapter>> = LazyLock::new(|| adapter("search"));

const RELATED: &str = "multipart/related; type=\"application/xml\"; boundary=\"b-27\"; start=\"<goc>\"";

const WAYS: &[(Entrance, &str, &str)] = &[
    (Push, "POST /kien-nghi", "application/xml"),
    (Push, "POST /kien-nghi", RELATED),
    (Pull, "kien-nghi", "application/xml"),
    (Pull, "tim-kiem", "application/json"),
    (Pull, "danh-muc", "application/json"),
    // The content type is in the input's first line.
    (Push, "POST /kien-nghi", ""),
];

/// Decodes a message.
pub(crate) fn decode(bytes: &[u8]) {
    let Some((&(entrance, route, content_type), body)) = chosen(WAYS, bytes) else { return };
    let message = match content_type {
        "" => {
            let (content_type, body) = line(body);
            raw(entrance, route, &String::from_utf8_lossy(content_type), body)
        }
        _ => raw(entrance, route, content_type, body),
    };
    let adapter = if message.content_type == "application/json" { &SEARCH } else { &BATCH };
    let answer = checked(adapter.as_ref(), &message);
    let read = if message.content_type == "application/json" { json::read } else { xml::read };
    // The parts of a multipart message are no document.
    if let Ok(tree) = read(&message.body, &Limits::default())
        && !message.content_type.contains("related")
    {
        says_only_what_came(&answer, &tree);
        let body = written(&message, stained(tree)).into();
        repeats_nothing(adapter.as_ref(), &RawMessage { body, ..message });
    }
}

fn written(message: &RawMessage, tree: Node) -> Vec<u8> {
    if message.content_type == "application/json" { json::write(&tree) } else { xml::write(&tree).unwrap_or_default() }
}

const FEEDS: &[(&str, u16)] =
    &[("kien-nghi", 200), ("tim-kiem", 200), ("danh-muc", 200), ("kien-nghi", 304), ("tim-kiem", 500)];

/// Pulls a page: cursor, header and page are the input's first line, second line and rest.
pub(crate) fn pull(bytes: &[u8]) {
    let Some(((feed, status), rest)) = chosen(FEEDS, bytes) else { return };
    let (cursor, rest) = line(rest);
    let (header, body) = line(rest);
    let adapter = if *feed == "kien-nghi" { &BATCH } else { &SEARCH };
    pulls(adapter.as_ref(), feed, &String::from_utf8_lossy(cursor), &FarSide::new(*status, header, body));
}

static NOTICES: LazyLock<Vec<Notice>> = LazyLock::new(|| {
    let golden = [
        include_str!("../../../adapters/national-assembly/golden/answered-with-files.notice.json"),
        include_str!("../../../adapters/national-assembly/golden/received.notice.json"),
    ];
    golden.map(|notice| serde_json::from_str(notice).unwrap()).into()
});

const STATUSES: &[u16] = &[200, 201, 202, 204, 400, 401, 409, 422, 429, 500, 503];

/// Delivers a notice; the first byte chooses the reply's status, the first line is its header.
pub(crate) fn reply(bytes: &[u8]) {
    let Some((status, rest)) = chosen(STATUSES, bytes) else { return };
    let (header, body) = line(rest);
    for notice in NOTICES.iter() {
        delivers(BATCH.as_ref(), notice, &FarSide::new(*status, header, body), false);
    }
    if let Some(body) = xml::read(body, &Limits::default()).ok().and_then(|tree| xml::write(&stained(tree)).ok()) {
        delivers(BATCH.as_ref(), &NOTICES[1], &FarSide::new(*status, b"", &body), true);
    }
}
