//! Ids and addresses that the far side chose, in calls to it: they must stay where they belong. The input's first line is
//! the petition's id, the rest is the file's.

use channel_sdk::{Adapter, Request, model::Attachment};
use futures::executor::block_on;

use crate::{assembly, far_side::FarSide, line, portal};

pub(crate) fn run(bytes: &[u8]) {
    let (id, file) = line(bytes);
    let (id, file) = (String::from_utf8_lossy(id), String::from_utf8_lossy(file));
    for request in asked(portal::ADAPTER.as_ref(), &id, &file) {
        let segments: Vec<&str> = request.path.split('/').collect();
        assert!(matches!(segments[..], ["", "api", "v1", "pakn", _, "tep", _]), "{}", request.path);
        assert!(is_plain(&request.path) && !segments.contains(&"..") && !segments.contains(&"."), "{}", request.path);
    }
    for request in asked(assembly::SEARCH.as_ref(), &id, &file) {
        assert!(request.path.starts_with('/') && !request.path.starts_with("//"), "{}", request.path);
        let folded = request.path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
        assert!(!folded.split('/').any(|segment| segment == ".."), "{}", request.path);
        assert!(is_plain(&request.path), "{}", request.path);
    }
}

/// What the adapter asks for when it fetches the file.
fn asked(adapter: &dyn Adapter, id: &str, file: &str) -> Vec<Request> {
    let far_side = FarSide::new(200, b"", b"");
    let attachment = Attachment {
        name: "đơn.pdf".to_owned(),
        media_type: String::new(),
        size_bytes: 0,
        sha256: String::new(),
        remote_id: file.to_owned(),
    };
    drop(block_on(adapter.fetch(&far_side, id, &attachment)));
    far_side.requests()
}

/// Whether only what may stand in a path stands in it.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte))
}
