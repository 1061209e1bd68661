//! `DanhSachKienNghi`: one batch, alone or with its files, becomes one item for each `KienNghi`.
//!
//! What the batch says holds for each of its items: a wrong phase or date refuses every one of them, while a wrong total
//! only warns. Elements beside the items, and attributes without a rule, are kept with every item as extensions.

use std::collections::BTreeMap;

use bytes::Bytes;
use channel_sdk::{
    Draft, Fault, Inbound,
    adapter::{Decoded, Item},
    canonical,
    dialect::{Reading, Record, Value},
    fault::FaultCode,
    inbound::Extensions,
    tree::{Content, Limits, Node},
    xml::{self, Torn},
};

use super::files;
use crate::{
    multipart::{self, Related},
    protocol::{Protocol, at_line},
};

/// Twice the largest national session (2,250 petitions) in one letter.
const ITEMS_MAX: usize = 5_000;

/// What the batch says of all its items stands with each of them: the largest session with 4 KiB about the letter.
const SHARED_BYTES_MAX: usize = 16 << 20;

/// Faults of the batch that each of its items is refused with; nobody mends more in one round.
const BATCH_FAULTS_MAX: usize = 10;

/// Reads a batch.
pub(super) fn decode(protocol: &Protocol, content_type: &str, body: &Bytes) -> Result<Decoded, Vec<Fault>> {
    let message = if multipart::is_related(content_type) {
        multipart::read(content_type, body).map_err(|fault| vec![fault])?
    } else {
        Related { root: body.clone(), files: Vec::new() }
    };
    let (root, torn) = document(protocol, &message.root).map_err(|fault| vec![fault])?;
    let (items, rest) = parted(protocol, root);
    if items.len() > ITEMS_MAX {
        let message = format!("danh sách có quá {ITEMS_MAX} kiến nghị; hãy chia thành nhiều văn bản");
        return Err(vec![Fault::new(FaultCode::TooLarge, protocol.constant("batch_root"), message)]);
    }
    if text_bytes(&rest).saturating_mul(items.len()) > SHARED_BYTES_MAX {
        let message = "phần chung của danh sách quá lớn: nó đi kèm từng kiến nghị; hãy chia thành nhiều văn bản";
        return Err(vec![Fault::new(FaultCode::TooLarge, protocol.constant("batch_root"), message)]);
    }
    let mut batch = Batch::read(protocol, rest);
    if items.is_empty() && batch.has_other_content(protocol) {
        let message = format!("danh sách có nội dung nhưng không có <{}> nào", protocol.constant("batch_item"));
        return Err(vec![Fault::new(FaultCode::WrongMessage, protocol.constant("batch_root"), message)]);
    }
    let mut warnings = batch.warnings(protocol, items.len());
    if items.is_empty() {
        // There is no item to carry what is wrong with the batch.
        warnings.append(&mut batch.faults);
    }
    let items = items.into_iter().enumerate();
    let items = items.map(|(at, node)| match torn.get(&at) {
        Some(unread) => torn_item(protocol, at, unread),
        None => item(protocol, &batch, &message, at, node),
    });
    Ok(Decoded { items: items.collect(), warnings })
}

/// The document, and those of its items that could not be read, by number: they are refused for themselves.
fn document(protocol: &Protocol, bytes: &[u8]) -> Result<(Node, BTreeMap<usize, Torn>), Fault> {
    let limits = Limits::default();
    let (root, torn) = match xml::read(bytes, &limits) {
        Ok(root) => (root, Vec::new()),
        Err(fault) => {
            let parted = xml::part(bytes, &limits, protocol.constant("batch_item"), &fault).ok_or(fault)?;
            (parted.root, parted.torn)
        }
    };
    let root = protocol.expect_root(root, "batch_root")?;
    Ok((root, torn.into_iter().map(|it| (it.at, it)).collect()))
}

/// An item that could not be read; its id is told where it can still be made out.
fn torn_item(protocol: &Protocol, at: usize, torn: &Torn) -> Item {
    let place = format!("{}[{at}]", protocol.constant("batch_item"));
    let record = torn.guess.as_ref().map(|node| protocol.map("petition").read(node).record);
    let external_id = record.and_then(|mut record| record.take_text("external_id"));
    let fault = match torn.fault.place.starts_with("byte ") {
        true => Fault { place: format!("{place}, {}", torn.fault.place), ..torn.fault.clone() },
        false => torn.fault.clone().under(&place),
    };
    Item { place, external_id, message: Err(vec![fault]) }
}

/// The bytes of all texts below a node.
fn text_bytes(node: &Node) -> usize {
    let attributes = node.attributes.iter().map(|it| it.name.len() + it.value.len());
    let content = match &node.content {
        Content::Text(text) => text.len(),
        Content::Children(nodes) => nodes.iter().map(|it| it.name.len() + text_bytes(it)).sum(),
        _ => 0,
    };
    attributes.sum::<usize>() + content
}

/// The items, and the batch without them.
fn parted(protocol: &Protocol, mut root: Node) -> (Vec<Node>, Node) {
    let name = protocol.constant("batch_item");
    // An item whose namespace is wrong is an item still: it must be refused by name and not vanish as an extension.
    let foreign = format!("}}{name}");
    let (items, rest) = match root.content {
        Content::Children(children) => {
            children.into_iter().partition(|it| it.name == name || it.name.ends_with(&foreign))
        }
        content => (Vec::new(), vec![Node::new("#text", content)]),
    };
    root.content = Content::Children(rest);
    (items, root)
}

/// What holds for every item.
struct Batch {
    record: Record,
    extensions: Extensions,
    total: Option<String>,
    faults: Vec<Fault>,
}

impl Batch {
    fn read(protocol: &Protocol, root: Node) -> Batch {
        let line = root.line;
        let Reading { mut record, extensions, faults } = protocol.map("batch").take(root);
        let name = protocol.constant("batch_root");
        Batch {
            total: record.take_text("total"),
            record,
            extensions: extensions.into_iter().map(|(path, text)| (path_under(name, &path), text)).collect(),
            faults: faults.into_iter().take(BATCH_FAULTS_MAX).map(|fault| with_line(fault.under(name), line)).collect(),
        }
    }

    fn has_other_content(&self, protocol: &Protocol) -> bool {
        let name = protocol.constant("batch_root");
        self.extensions.keys().any(|path| path.strip_prefix(name).is_some_and(|path| path.starts_with('.')))
    }

    fn warnings(&self, protocol: &Protocol, count: usize) -> Vec<Fault> {
        let Some(total) = &self.total else { return Vec::new() };
        if total.trim().parse() == Ok(count) {
            return Vec::new();
        }
        let message = format!("tổng số ghi trong danh sách không khớp: danh sách có {count} kiến nghị");
        vec![Fault::new(FaultCode::Conflict, protocol.constant("batch_root"), message)]
    }
}

/// Extensions are kept by path; an attribute (`@…`) follows its element without a dot.
fn path_under(name: &str, path: &str) -> String {
    if path.starts_with('@') { format!("{name}{path}") } else { format!("{name}.{path}") }
}

fn item(protocol: &Protocol, batch: &Batch, message: &Related, at: usize, node: Node) -> Item {
    let name = protocol.constant("batch_item");
    let place = format!("{name}[{at}]");
    if node.name != name {
        let message = format!("sai không gian tên; phải là <{name}> trong {}", protocol.constant("namespace"));
        let fault = Fault::new(FaultCode::WrongMessage, at_line(&place, node.line), message);
        let id = protocol.map("petition").place_of("external_id");
        let id = id.as_deref().and_then(|place| node.attribute(place.strip_prefix('@')?)).map(str::to_owned);
        return Item { place, external_id: id, message: Err(vec![fault]) };
    }
    let line = node.line;
    let Reading { mut record, mut extensions, mut faults } = protocol.map("petition").take(node);
    let external_id = record.text("external_id").map(str::to_owned);
    let attachments = files::take(protocol, ("petition", "attachment"), &mut record, Some(message), &mut faults);
    let mut faults: Vec<Fault> = faults.into_iter().map(|fault| with_line(fault.under(&place), line)).collect();
    faults.extend(batch.faults.iter().cloned());
    if !faults.is_empty() {
        return Item { place, external_id, message: Err(faults) };
    }
    name_the_petitioner(protocol, &mut record, &mut extensions);
    record.fill_from(batch.record.clone());
    extensions.extend(batch.extensions.clone());
    let message = canonical::draft_from(record, extensions)
        .map(|draft| Inbound::Petition(Box::new(Draft { attachments, ..draft })))
        .map_err(|wrong| wrong.into_iter().map(|fault| fault.under(&place)).collect());
    Item { place, external_id, message }
}

/// The fault with the line of its item, where it has none of its own.
fn with_line(fault: Fault, line: u32) -> Fault {
    let place = if fault.place.contains(", line ") { fault.place } else { at_line(&fault.place, line) };
    Fault { place, ..fault }
}

/// A named deputy makes it the deputy's own petition; otherwise voters ask.
fn name_the_petitioner(protocol: &Protocol, record: &mut Record, extensions: &mut Extensions) {
    let deputy = record.take_text("assembly.deputy").filter(|name| !name.trim().is_empty());
    let (kind, petitioner) =
        if deputy.is_some() { ("deputy_petition", "deputy") } else { ("voter_petition", "voters") };
    record.set("kind", Value::Code(kind.to_owned()));
    record.set("petitioner.kind", Value::Code(petitioner.to_owned()));
    let Some(deputy) = deputy else { return };
    if let Some(voters) = record.take_text("petitioner.full_name") {
        let place = protocol.map("petition").place_of("petitioner.full_name").unwrap_or_default();
        extensions.insert(place, voters);
    }
    record.set_text("petitioner.full_name", &deputy);
    record.set_text("assembly.deputy", &deputy);
}
