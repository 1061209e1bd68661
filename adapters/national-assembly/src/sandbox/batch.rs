//! `DanhSachKienNghi` as the Assembly writes it: plain XML, or `multipart/related` where petitions carry files.
//!
//! Names stand here a second time, apart from the adapter's dialect: a far side does not change when our mapping does.

use bytes::Bytes;
use channel_sdk::{tree::Node, xml};
use sha2::{Digest, Sha256};

use super::{
    catalogue::{File, Letter, Petition, SESSION, TERM},
    state::Flaw,
};

/// The namespace of every document.
pub(super) const NAMESPACE: &str = "urn:petition-gateway:voter-petitions:1";

/// A document ready to be sent.
pub(super) struct Sent {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// `items` of `letter` for `agency`, in this order; each with the way in which it is spoilt, if it is.
pub(super) fn write(letter: &Letter, agency: &str, items: &[(&Petition, Option<Flaw>)]) -> Sent {
    let mut files = Vec::new();
    let elements = items.iter().map(|(petition, flaw)| element(petition, *flaw, &mut files)).collect();
    let root = Node::object("DanhSachKienNghi", elements)
        .with_attribute("khoa", TERM)
        .with_attribute("kyHop", SESSION.to_string())
        .with_attribute("thoiDiem", "truoc")
        .with_attribute("soVanBan", &letter.number)
        .with_attribute("ngayVanBan", letter.date.to_string())
        .with_attribute("coQuanChuyen", "Ban Dân nguyện")
        .with_attribute("coQuanNhan", agency)
        .with_attribute("tongSo", items.len().to_string());
    let document = document(root);
    if files.is_empty() {
        return Sent { content_type: "application/xml; charset=utf-8".to_owned(), body: document };
    }
    related(&document, &files)
}

/// `root` and everything below it in our namespace, as bytes.
pub(super) fn document(root: Node) -> Bytes {
    let bytes = xml::write(&root.in_namespace(NAMESPACE)).expect("made-up texts hold no control characters");
    Bytes::from(bytes)
}

fn element<'a>(petition: &'a Petition, flaw: Option<Flaw>, files: &mut Vec<&'a File>) -> Node {
    let mut children = vec![
        Node::leaf("DoanDBQH", "")
            .with_attribute("ma", petition.province_code)
            .with_attribute("ten", format!("Đoàn đại biểu Quốc hội {}", petition.province)),
        Node::leaf("CuTri", "cử tri").with_attribute("diaBan", petition.constituency),
        Node::leaf("LinhVuc", petition.field_name).with_attribute("ma", petition.field_code),
    ];
    if flaw != Some(Flaw::NoText) {
        children.push(Node::leaf("NoiDung", &petition.body));
    }
    children.push(Node::leaf("DaiBieu", petition.deputy.unwrap_or("")));
    let due_on = if flaw == Some(Flaw::WrongDate) { "2019-02-30".to_owned() } else { petition.due_on.to_string() };
    children.push(Node::leaf("HanTraLoi", due_on));
    if let Some(file) = &petition.file {
        files.push(file);
        children.push(announcement(file, files.len()));
    }
    let revision = if flaw == Some(Flaw::WrongRevision) { "một".to_owned() } else { petition.revision.to_string() };
    Node::object("KienNghi", children).with_attribute("ma", &petition.id).with_attribute("phienBan", revision)
}

fn announcement(file: &File, number: usize) -> Node {
    Node::leaf("TepDinhKem", "")
        .with_attribute("ten", &file.name)
        .with_attribute("loai", file.media_type)
        .with_attribute("kichThuoc", file.content.len().to_string())
        .with_attribute("sha256", hex::encode(Sha256::digest(&file.content)))
        .with_attribute("ma", format!("cid:{number}"))
}

/// RFC 2387. The boundary follows from the document, so that the same batch is the same bytes.
fn related(document: &[u8], files: &[&File]) -> Sent {
    let boundary = format!("batch-{}", &hex::encode(Sha256::digest(document))[..24]);
    let mut body = Vec::new();
    let mut part = |id: &str, media_type: &str, content: &[u8]| {
        let head = format!("--{boundary}\r\nContent-ID: <{id}>\r\nContent-Type: {media_type}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    part("kien-nghi", "application/xml; charset=utf-8", document);
    for (at, file) in files.iter().enumerate() {
        part(&(at + 1).to_string(), file.media_type, &file.content);
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type =
        format!("multipart/related; type=\"application/xml\"; start=\"<kien-nghi>\"; boundary=\"{boundary}\"");
    Sent { content_type, body: body.into() }
}
