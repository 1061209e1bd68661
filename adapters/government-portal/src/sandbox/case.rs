//! One petition as the portal keeps it: its form, its way, and what the ministry has told of it.

use std::collections::BTreeMap;

use channel_sdk::sandbox::Account;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A file of the petitioner; its content is made again from the seed when it is asked for.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) id: String,
    /// Which of the kinds of files that petitioners attach.
    pub(super) kind: usize,
    pub(super) size_bytes: usize,
}

/// How the form of a petition that breaks the protocol is broken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Breakage {
    NoBody,
    UnknownKind,
    UnknownPetitioner,
    ImpossibleDate,
    NoId,
}

impl Breakage {
    pub(super) const ALL: [Breakage; 5] = [
        Breakage::NoBody,
        Breakage::UnknownKind,
        Breakage::UnknownPetitioner,
        Breakage::ImpossibleDate,
        Breakage::NoId,
    ];

    fn apply(self, form: &mut Value) {
        match self {
            Breakage::NoBody => form["noiDung"] = Value::Null,
            Breakage::UnknownKind => form["loaiPAKN"] = json!("9"),
            Breakage::UnknownPetitioner => form["nguoiGui"]["loai"] = json!("7"),
            Breakage::ImpossibleDate => form["ngayGui"] = json!("2019-02-30T08:00:00+07:00"),
            Breakage::NoId => form["maPAKN"] = Value::Null,
        }
    }
}

/// Which changes of the petition itself are still to come; drawn when it is first handed out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Plans {
    pub(super) edit: bool,
    pub(super) withdraw: bool,
}

/// One petition of the portal.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) id: String,
    /// The JSON form of `2.1`, without `trangThai`.
    pub(super) form: Value,
    /// Whether it goes to the ministry by push; the others wait to be pulled.
    pub(super) by_push: bool,
    pub(super) broken: Option<Breakage>,
    pub(super) plans: Plans,
    pub(super) handed_out: bool,
    /// Whether its push was made, or lost: from then on a whole listing shows it too.
    pub(super) offered: bool,
    pub(super) files: Vec<File>,
    /// `trangThai` as it stands.
    pub(super) status: String,
    /// Whether the ministry ever said that it takes the petition on.
    pub(super) accepted: bool,
    pub(super) revision: u64,
    pub(super) confirmed_revision: Option<u64>,
    pub(super) petition_id: Option<String>,
    pub(super) statuses: Vec<String>,
    pub(super) forwarded_to: Option<String>,
    pub(super) answer_sha256: Option<String>,
    pub(super) answers: u32,
    pub(super) rating: Option<u8>,
    /// SHA-256 and size of what was uploaded for an answer.
    pub(super) uploads: BTreeMap<String, usize>,
    /// Grows with every change; the order of the list.
    pub(super) changed: u64,
    /// `tuThoiDiem` of the earliest scan that listed the petition as it stands now.
    pub(super) listed_since: Option<Timestamp>,
    /// The number of the scan that should have listed it and did not.
    pub(super) lost_in: Option<u64>,
}

impl Case {
    pub(super) fn new(form: Value, files: Vec<File>, by_push: bool) -> Case {
        let id = form["maPAKN"].as_str().unwrap_or_default().to_owned();
        Case {
            id,
            form,
            by_push,
            broken: None,
            plans: Plans::default(),
            handed_out: false,
            offered: false,
            files,
            status: "02".to_owned(),
            accepted: false,
            revision: 1,
            confirmed_revision: None,
            petition_id: None,
            statuses: Vec::new(),
            forwarded_to: None,
            answer_sha256: None,
            answers: 0,
            rating: None,
            uploads: BTreeMap::new(),
            changed: 0,
            listed_since: None,
            lost_in: None,
        }
    }

    /// The form as it is handed out now.
    pub(super) fn shown(&self) -> Value {
        let mut form = self.form.clone();
        form["phienBan"] = json!(self.revision);
        form["trangThai"] = json!(self.status);
        if let Some(breakage) = self.broken {
            breakage.apply(&mut form);
        }
        form
    }

    /// Whether nothing more is expected of the ministry.
    pub(super) fn ended(&self) -> bool {
        matches!(self.status.as_str(), "07" | "08" | "10" | "11")
    }

    /// Whether the petitioner may still take it back: the ministry has it, and has not answered.
    pub(super) fn may_be_withdrawn(&self) -> bool {
        self.petition_id.is_some() && matches!(self.status.as_str(), "02" | "03" | "04" | "05")
    }

    /// The petitioner changes what was written.
    pub(super) fn edit(&mut self) {
        self.plans.edit = false;
        let body = self.form["noiDung"].as_str().unwrap_or_default();
        self.form["noiDung"] =
            json!(format!("{body}\n\nTôi xin đính chính và nói rõ thêm như trên, mong cơ quan xem xét."));
        self.revision += 1;
        self.listed_since = None;
    }

    /// The petitioner takes it back.
    pub(super) fn withdraw(&mut self) {
        self.plans.withdraw = false;
        self.status = "10".to_owned();
        self.form["lyDo"] = json!("Người gửi xin rút, vấn đề đã được giải quyết tại địa phương.");
        self.listed_since = None;
    }

    /// Whether the petitioner took it back.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.status == "10"
    }

    /// Follows a status that the ministry told. What was on its way when the petitioner took the petition back is heard,
    /// and changes nothing any more.
    pub(super) fn told(&mut self, status: &str) {
        self.statuses.push(status.to_owned());
        if self.is_withdrawn() {
            return;
        }
        // A reopening (04 after an end) takes it on as well.
        self.accepted |= matches!(status, "03" | "04");
        self.status = status.to_owned();
    }

    pub(super) fn account(&self) -> Account {
        Account {
            external_id: self.id.clone(),
            sound: self.broken.is_none(),
            handed_out: self.handed_out,
            withdrawn: self.is_withdrawn(),
            revision: self.revision,
            petition_id: self.petition_id.clone(),
            statuses: self.statuses.clone(),
            forwarded_to: self.forwarded_to.clone(),
            answer_sha256: self.answer_sha256.clone(),
            answer_class: None,
            answers: self.answers,
            rating: self.rating,
        }
    }
}
