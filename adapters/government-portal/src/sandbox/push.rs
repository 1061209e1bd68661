//! What the portal wants to push: petitions (one or an array, JSON or XML), withdrawals, supplements, ratings.
//!
//! A push is under way until its answer is known, and is wanted again when no good answer came.

use bytes::Bytes;
use channel_sdk::{remote::segment, sandbox::SandboxPush};
use http::Method;
use rand::Rng;
use serde_json::{Value, json};

use super::{
    answer::{self, Names, written},
    generate,
    state::State,
};

/// The most petitions in one pushed array.
const ARRAY_MAX: usize = 5;

/// Something to be pushed.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Petitions(Vec<usize>),
    Withdrawal(usize),
    Supplement(usize),
    Rating(usize, Value),
}

impl State {
    /// The next push, if there is one.
    pub(super) fn next_push(&mut self) -> Option<SandboxPush> {
        let wanted = loop {
            let wanted = match self.wanted.pop_front()? {
                Wanted::Petitions(cases) => Wanted::Petitions(self.gathered(cases)),
                other => other,
            };
            if !self.is_lost(&wanted) {
                break wanted;
            }
        };
        self.pushes += 1;
        let id = self.pushes;
        let as_xml = id.is_multiple_of(6);
        let (path, document, names) = self.composed(&wanted);
        // XML has no bare array: the petitions stand under a root of their own.
        let document = if as_xml && document.is_array() { json!({"danhSach": document}) } else { document };
        let (content_type, body) = written(&document, names, as_xml);
        self.under_way.insert(id, wanted);
        let content_type = content_type.to_owned();
        Some(SandboxPush { id, method: Method::POST, path, content_type, body: Bytes::from(body) })
    }

    /// Whether this push is lost: counted as made, and never made. Only what a listing shows is lost.
    fn is_lost(&mut self, wanted: &Wanted) -> bool {
        let is_shown = match wanted {
            Wanted::Petitions(cases) => {
                cases.iter().for_each(|&case| self.cases[case].offered = true);
                true
            }
            Wanted::Withdrawal(_) => true,
            Wanted::Supplement(_) | Wanted::Rating(..) => false,
        };
        is_shown && self.dice.happens(self.mischief.drop_inbound_per_mille)
    }

    /// Now and then several petitions travel together.
    fn gathered(&mut self, mut cases: Vec<usize>) -> Vec<usize> {
        let size =
            if self.dice.rng().random_range(0..3) == 0 { self.dice.rng().random_range(2..=ARRAY_MAX) } else { 1 };
        while cases.len() < size {
            let Some(Wanted::Petitions(more)) = self.wanted.front() else { break };
            if cases.len() + more.len() > size || more.iter().any(|case| cases.contains(case)) {
                break;
            }
            cases.extend(more);
            self.wanted.pop_front();
        }
        cases
    }

    fn composed(&mut self, wanted: &Wanted) -> (String, Value, Names) {
        match wanted {
            Wanted::Petitions(cases) => {
                let mut forms: Vec<Value> = cases.iter().map(|&case| self.hand_out(case)).collect();
                let path = "/pakn".to_owned();
                match forms.len() {
                    1 => (path, forms.remove(0), Names::PETITION),
                    _ => (path, Value::Array(forms), Names::PETITIONS),
                }
            }
            Wanted::Withdrawal(case) => {
                let at = generate::after(&self.cases[*case].form, 48);
                let reason = self.cases[*case].form["lyDo"].clone();
                (self.path(*case, "rut"), json!({"lyDo": reason, "thoiDiem": at}), Names::PETITION)
            }
            Wanted::Supplement(case) => {
                let at = generate::after(&self.cases[*case].form, 72);
                let text = generate::supplement(self.settings.seed, *case);
                (self.path(*case, "bo-sung"), json!({"noiDung": text, "thoiDiem": at}), Names::PETITION)
            }
            Wanted::Rating(case, form) => (self.path(*case, "danh-gia"), form.clone(), Names::RATING),
        }
    }

    fn path(&self, case: usize, what: &str) -> String {
        format!("/pakn/{}/{what}", segment(&self.cases[case].id))
    }

    /// The gateway's answer to a push.
    pub(super) fn pushed(&mut self, push: &SandboxPush, answer: Option<(u16, Bytes)>) {
        let Some(wanted) = self.under_way.remove(&push.id) else { return };
        match answer {
            Some((200, body)) => self.acknowledged(push, &wanted, &body),
            // Who is at fault here is not this message but how the two are set up; it comes again when that is mended.
            Some((status @ (401 | 403 | 404), _)) => {
                self.complain_once(&format!("pushes are refused with {status}"));
                self.wanted.push_back(wanted);
            }
            Some((status @ (400..=407 | 409..=424), _)) => {
                self.complain(format!("POST {}: the push was refused whole with {status}", push.path));
            }
            // Not now, or not known: the same again later.
            _ => self.wanted.push_back(wanted),
        }
    }

    fn acknowledged(&mut self, push: &SandboxPush, wanted: &Wanted, body: &[u8]) {
        let results = answer::read(&push.content_type, body).map(results).unwrap_or_default();
        let cases: &[usize] = match wanted {
            Wanted::Petitions(cases) => cases,
            Wanted::Withdrawal(case) | Wanted::Supplement(case) | Wanted::Rating(case, _) => std::slice::from_ref(case),
        };
        if results.len() != cases.len() {
            self.complain(format!("POST {}: the reply does not have one result for each item", push.path));
            return;
        }
        for (&index, result) in cases.iter().zip(&results) {
            self.settled(push, wanted, index, result);
        }
    }

    fn settled(&mut self, push: &SandboxPush, wanted: &Wanted, index: usize, result: &Value) {
        let petition_id = result["maHoSo"].as_str().unwrap_or("").to_owned();
        let broken = self.cases[index].broken.is_some();
        match result["trangThai"].as_str() {
            Some("DA_TIEP_NHAN" | "DA_CO") if broken => {
                self.complain(format!("POST {}: an item that breaks the protocol was taken", push.path));
            }
            Some("DA_TIEP_NHAN" | "DA_CO") if petition_id.is_empty() => {
                self.complain(format!("POST {}: taken without maHoSo", push.path));
            }
            Some("DA_TIEP_NHAN" | "DA_CO") => {
                if matches!(wanted, Wanted::Petitions(_)) {
                    self.confirmed(index, &petition_id);
                    self.edit_pushed(index);
                }
            }
            Some("TU_CHOI") if broken => {}
            _ => self.complain(format!("POST {}: a sound item was refused", push.path)),
        }
    }

    /// A pushed petition is never listed, so its edit is pushed as well.
    fn edit_pushed(&mut self, index: usize) {
        let case = &mut self.cases[index];
        if case.plans.edit && !case.ended() {
            case.edit();
            self.wanted.push_back(Wanted::Petitions(vec![index]));
        }
    }
}

/// The results in a reply, in the order of the items; a single one in the XML form is no list.
fn results(reply: Value) -> Vec<Value> {
    let list = if reply["ketQua"].is_null() { &reply["KetQua"] } else { &reply["ketQua"] };
    match list {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    }
}
