//! The session report (báo cáo kết quả giải quyết kiến nghị cử tri): what a ministry owes the Assembly before and after
//! each session. Counts per delegation, field and class, and the list they were counted from. Pure.
//!
//! It is no notice about one petition, so it is not delivered through the adapter; whoever reports posts the request.

use std::collections::BTreeMap;

use channel_sdk::{
    Fault, Request,
    adapter::SettingsFault,
    dialect::{Record, Value},
    model::{Agency, Field, OfficialDocument, ResolutionClass, SessionPhase},
};
use http::Method;

use crate::{encode::XML, protocol::Protocol};

/// What is reported.
#[derive(Debug, Clone)]
pub struct SessionReport {
    /// Khóa, e.g. `XIV`.
    pub term: String,
    /// Kỳ họp.
    pub session: u32,
    /// Before, after or between sessions.
    pub phase: SessionPhase,
    /// The code of the agency that reports.
    pub agency: String,
    /// Every petition of the session.
    pub petitions: Vec<ReportedPetition>,
}

/// One petition of the list.
#[derive(Debug, Clone)]
pub struct ReportedPetition {
    /// The Assembly's id.
    pub external_id: String,
    /// Đoàn đại biểu Quốc hội.
    pub delegation: Agency,
    /// Lĩnh vực.
    pub field: Field,
    /// The class of the answer in force; `None` while there is no answer.
    pub resolution: Option<ResolutionClass>,
    /// The letter that answered it.
    pub document: Option<OfficialDocument>,
}

/// Writes reports in the words of one dialect.
pub struct Reporter {
    protocol: Protocol,
}

impl Reporter {
    /// A reporter for this dialect, or everything that is wrong with it.
    ///
    /// # Errors
    /// The dialect's faults.
    pub fn new(dialect: &str) -> Result<Reporter, Vec<SettingsFault>> {
        Protocol::read(dialect).map(|protocol| Reporter { protocol })
    }

    /// The request that posts the report; `key` is its idempotency key.
    ///
    /// # Errors
    /// A value that the document cannot carry.
    pub fn request(&self, report: &SessionReport, key: &str) -> Result<Request, Fault> {
        let document =
            self.protocol.document(self.protocol.map("report").write(&self.record(report))?, "report_root")?;
        Ok(Request::new(Method::POST, self.protocol.path("report")).bytes(XML, document).key(key))
    }

    fn record(&self, report: &SessionReport) -> Record {
        let petitions = &report.petitions;
        let mut record = Record::new();
        record.set("term", report.term.as_str()).set("session", report.session).set("agency", report.agency.as_str());
        record.set("phase", Value::Code(report.phase.as_str().to_owned())).set("total", count(petitions.len()));
        record.set("by_delegation", self.counts(petitions, |it| (it.delegation.code.as_str(), &it.delegation.name)));
        record.set("by_field", self.counts(petitions, |it| (it.field.code.as_str(), &it.field.name)));
        record.set("by_class", self.counts(petitions, |it| (self.class(it), "")));
        record.set("petitions", petitions.iter().map(|it| self.listed(it)).collect::<Vec<_>>());
        record
    }

    /// How many petitions there are of each code that `of` gives, by code.
    fn counts<'a>(
        &'a self,
        petitions: &'a [ReportedPetition],
        of: impl Fn(&'a ReportedPetition) -> (&'a str, &'a str),
    ) -> Vec<Value> {
        let mut counts: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for petition in petitions {
            let (code, name) = of(petition);
            let code = [code, name, self.protocol.constant("report_other")].into_iter().find(|it| !it.is_empty());
            counts.entry(code.unwrap_or("")).or_insert((name, 0)).1 += 1;
        }
        let counts = counts.into_iter().map(|(code, (name, number))| {
            let mut record = Record::new();
            record.set("code", code).set_text("name", name).set("count", count(number));
            Value::Record(record)
        });
        counts.collect()
    }

    /// The class in the channel's code, or the code of what is not answered yet.
    fn class(&self, petition: &ReportedPetition) -> &str {
        let unanswered = self.protocol.constant("report_unanswered");
        let code = petition.resolution.and_then(|it| self.protocol.codes("resolutions").to_channel(it.as_str()));
        code.unwrap_or(unanswered)
    }

    fn listed(&self, petition: &ReportedPetition) -> Value {
        let mut record = Record::new();
        record.set("external_id", petition.external_id.as_str()).set("class", self.class(petition));
        record.set_text("delegation", &petition.delegation.code).set_text("field", &petition.field.code);
        if let Some(letter) = &petition.document {
            record.set_text("document.number", &letter.number).set_some("document.issued_on", letter.issued_on);
        }
        Value::Record(record)
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
