//! What the Assembly's system writes down of what it is told: acknowledged pushes, receipts, answers, session reports.
//!
//! Every document is checked against the protocol first; a breach is answered with a [`Refusal`] and remembered as a
//! complaint, so that whoever runs the sandbox sees what we did wrong.

use std::collections::HashSet;

use channel_sdk::tree::{Limits, Node};
use channel_sdk::xml;
use http::StatusCode;
use jiff::{Timestamp, civil::Date};
use sha2::{Digest, Sha256};

use super::{batch::NAMESPACE, state::State};
use crate::multipart::Related;

/// A push that was refused whole so often is not offered any more.
const REFUSALS_MAX: u32 = 5;

/// Why a document was refused: what the `Loi` document tells.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    /// The element or attribute.
    pub(super) place: String,
    pub(super) words: &'static str,
}

/// The document of this root, or why it cannot be read.
pub(super) fn document(bytes: &[u8], root: &str) -> Result<Node, Refusal> {
    let node = xml::read(bytes, &Limits::default())
        .map_err(|fault| refusal(400, "sai-cu-phap", &fault.place, "không đọc được XML"))?;
    if node.is(NAMESPACE, root) {
        Ok(node)
    } else {
        Err(refusal(400, "sai-goc", root, "phần tử gốc phải là phần tử này"))
    }
}

pub(super) fn refusal(status: u16, code: &'static str, place: &str, words: &'static str) -> Refusal {
    let status = StatusCode::from_u16(status).expect("the statuses in this file are valid");
    Refusal { status, code, place: place.to_owned(), words }
}

fn missing(place: &str) -> Refusal {
    refusal(422, "thieu", place, "bắt buộc phải có")
}

fn wrong(place: &str) -> Refusal {
    refusal(422, "sai-dinh-dang", place, "sai định dạng hoặc ngoài danh mục")
}

fn attribute<'a>(node: &'a Node, name: &str) -> Result<&'a str, Refusal> {
    node.attribute(name)
        .filter(|value| !value.trim().is_empty())
        .ok_or_else(|| missing(&format!("{}@{name}", node.name)))
}

impl State {
    /// The petition of this id, if it was handed out in a sound form.
    fn handed_out(&mut self, id: &str, place: &str) -> Result<usize, Refusal> {
        let known = self.by_id.get(id).copied();
        known
            .filter(|&at| self.entries[at].account.handed_out && self.entries[at].flaw.is_none())
            .ok_or_else(|| refusal(404, "khong-ton-tai", place, "không có kiến nghị này"))
    }

    /// `XacNhanKienNghi`: the ministry has a petition durably.
    pub(super) fn confirm(&mut self, document: &Node) -> Result<(), Refusal> {
        let revision: u64 = attribute(document, "phienBan")?.parse().map_err(|_| wrong("XacNhanKienNghi@phienBan"))?;
        let ours = attribute(document, "maHoSo")?.to_owned();
        attribute(document, "thoiDiem")?.parse::<Timestamp>().map_err(|_| wrong("XacNhanKienNghi@thoiDiem"))?;
        let at = self.handed_out(attribute(document, "ma")?, "XacNhanKienNghi@ma")?;
        let entry = &self.entries[at];
        if entry.account.petition_id.as_ref().is_some_and(|known| *known != ours) {
            return Err(refusal(422, "mau-thuan", "XacNhanKienNghi@maHoSo", "kiến nghị đã được xác nhận với mã khác"));
        }
        if revision > entry.petition.revision {
            return Err(wrong("XacNhanKienNghi@phienBan"));
        }
        if entry.confirmed.contains(&revision) {
            return Err(refusal(409, "da-xac-nhan", "XacNhanKienNghi@ma", "đã xác nhận trước đây"));
        }
        if self.loses_ours() {
            return Ok(());
        }
        let entry = &mut self.entries[at];
        entry.confirmed.push(revision);
        entry.account.petition_id = Some(ours);
        Ok(())
    }

    /// `TraLoiKienNghi`: an answer, or a correction of one; gives our reference.
    pub(super) fn answer(&mut self, key: &str, message: &Related, document: &Node) -> Result<String, Refusal> {
        let digest = hex::encode(Sha256::digest(&message.root));
        if let Some((known, reference)) = self.answers.get(key) {
            if *known == digest {
                return Ok(reference.clone());
            }
            return Err(refusal(422, "trung-khoa", "Idempotency-Key", "khóa đã dùng cho nội dung khác"));
        }
        let class = checked_class(document)?;
        let text =
            document.text_of("NoiDung").filter(|text| !text.trim().is_empty()).ok_or_else(|| missing("NoiDung"))?;
        check_letter(document)?;
        self.check_files(document, message)?;
        let mut entries = Vec::new();
        for id in answered(document)? {
            entries.push(self.handed_out(id, "TraLoiKienNghi@ma")?);
        }
        let reference = format!("TL-{:06}", self.answers.len() + 1);
        if self.loses_ours() {
            return Ok(reference);
        }
        let text_digest = hex::encode(Sha256::digest(text));
        for at in entries {
            self.entries[at].answer = Some(text.to_owned());
            let account = &mut self.entries[at].account;
            account.answers += 1;
            account.answer_sha256 = Some(text_digest.clone());
            account.answer_class = Some(class.clone());
            account.statuses.push(class.clone());
            account.forwarded_to = document.attribute("coQuanNhan").map(str::to_owned).or(account.forwarded_to.take());
        }
        self.answers.insert(key.to_owned(), (digest, reference.clone()));
        Ok(reference)
    }

    fn check_files(&mut self, document: &Node, message: &Related) -> Result<(), Refusal> {
        let mut named = 0;
        for announced in document.children("TepDinhKem") {
            attribute(announced, "ten")?;
            let part = message.file(attribute(announced, "ma")?).ok_or_else(|| missing("TepDinhKem@ma"))?;
            if hex::encode(Sha256::digest(&part.content)) != attribute(announced, "sha256")? {
                return Err(wrong("TepDinhKem@sha256"));
            }
            named += 1;
        }
        if message.files.len() > named {
            self.complain("tra-loi: a part of the message is announced by no TepDinhKem");
        }
        Ok(())
    }

    /// `BaoCaoKienNghi`: the session report; every count must add up.
    pub(super) fn report(document: &Node) -> Result<(), Refusal> {
        for name in ["khoa", "kyHop", "thoiDiem", "coQuanBaoCao"] {
            attribute(document, name)?;
        }
        let total: usize = attribute(document, "tongSo")?.parse().map_err(|_| wrong("BaoCaoKienNghi@tongSo"))?;
        for group in ["TheoDoan", "TheoLinhVuc", "TheoKetQua"] {
            let node = document.child(group).ok_or_else(|| missing(group))?;
            let mut sum = 0usize;
            for count in node.children("Dem") {
                attribute(count, "ma")?;
                sum += attribute(count, "soLuong")?.parse::<u32>().map_err(|_| wrong("Dem@soLuong"))? as usize;
            }
            if sum != total {
                return Err(refusal(422, "sai-tong", group, "tổng các số đếm phải bằng tongSo"));
            }
        }
        let list = document.child("DanhSach").ok_or_else(|| missing("DanhSach"))?;
        if list.children("KienNghi").count() != total {
            return Err(refusal(422, "sai-tong", "DanhSach", "số kiến nghị phải bằng tongSo"));
        }
        list.children("KienNghi").try_for_each(|item| attribute(item, "ma").map(|_| ()))
    }

    /// The reply to a push: items are settled, offered again, or complained about.
    pub(super) fn pushed(&mut self, id: u64, answer: Option<(u16, &[u8])>) {
        let Some(items) = self.in_flight.remove(&id) else {
            return self.complain("a push was reported that was never made, or twice");
        };
        match answer {
            Some((200, body)) => self.settle(items, body),
            Some((status @ 400..=499, _)) if !matches!(status, 401 | 403 | 408 | 425 | 429) => {
                self.complain(format!("a push was refused whole with HTTP {status}"));
                items.iter().for_each(|&at| self.entries[at].refusals += 1);
                let again = items.into_iter().filter(|&at| self.entries[at].refusals < REFUSALS_MAX).collect();
                self.offer_again(again);
            }
            _ => self.offer_again(items),
        }
    }

    fn settle(&mut self, items: Vec<usize>, body: &[u8]) {
        let reply = match document(body, "KetQuaTiepNhan") {
            Ok(reply) => reply,
            Err(refusal) => {
                self.complain(format!("KetQuaTiepNhan: {}: {}", refusal.code, refusal.place));
                return self.offer_again(items);
            }
        };
        let mut open: HashSet<usize> = items.iter().copied().collect();
        for result in reply.children("KetQua") {
            let Some(&at) = result.attribute("ma").and_then(|id| self.by_id.get(id)) else {
                self.complain("KetQuaTiepNhan: KetQua@ma names no petition of ours");
                continue;
            };
            open.remove(&at);
            self.settle_one(at, result);
        }
        if !open.is_empty() {
            self.complain("KetQuaTiepNhan: items are missing");
        }
        self.offer_again(items.into_iter().filter(|at| open.contains(at)).collect());
    }

    fn settle_one(&mut self, at: usize, result: &Node) {
        let entry = &mut self.entries[at];
        let sound = entry.flaw.is_none();
        match (result.attribute("trangThai"), result.attribute("maHoSo")) {
            (Some("da-nhan" | "da-co"), Some(ours)) if sound => {
                let before = entry.account.petition_id.replace(ours.to_owned());
                if before.is_some_and(|before| before != ours) {
                    self.complain("KetQuaTiepNhan: one petition has two maHoSo");
                }
            }
            (Some("tu-choi"), _) if !sound => {}
            (Some("tu-choi"), _) => {
                let reason = result.attribute("lyDo").unwrap_or("").to_owned();
                self.complain(format!("KetQuaTiepNhan: a sound petition was refused: {reason}"));
            }
            _ if !sound => self.complain("KetQuaTiepNhan: a broken petition was taken"),
            _ => self.complain("KetQuaTiepNhan: trangThai or maHoSo is wrong"),
        }
    }
}

/// The petitions that an answer is for: `ma`, further `Ma`, or both.
fn answered(document: &Node) -> Result<Vec<&str>, Refusal> {
    let mut ids: Vec<&str> = document.attribute("ma").into_iter().collect();
    ids.extend(document.children("Ma").filter_map(Node::text));
    ids.sort_unstable();
    ids.dedup();
    if ids.iter().all(|id| id.trim().is_empty()) { Err(missing("TraLoiKienNghi@ma")) } else { Ok(ids) }
}

/// The class, 1 to 4; the third with its term.
fn checked_class(document: &Node) -> Result<String, Refusal> {
    let class = attribute(document, "ketQua")?;
    if !matches!(class, "1" | "2" | "3" | "4") {
        return Err(wrong("TraLoiKienNghi@ketQua"));
    }
    if class == "3" {
        attribute(document, "thoiHan")?.parse::<Date>().map_err(|_| wrong("TraLoiKienNghi@thoiHan"))?;
    }
    Ok(class.to_owned())
}

fn check_letter(document: &Node) -> Result<(), Refusal> {
    let Some(letter) = document.child("VanBan") else { return Ok(()) };
    attribute(letter, "soKyHieu")?;
    attribute(letter, "ngayBanHanh")?.parse::<Date>().map_err(|_| wrong("VanBan@ngayBanHanh"))?;
    Ok(())
}
