//! The ministry's decisions: one sub-command for each call, from `accept` to `withdraw`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use petition_gateway::pb;

use super::{decision::Decided, draft::text_of, files};
use crate::cli::{connection::Gateway, contract, failure::Failure, output::Output, reading, resource};

/// On what is decided.
#[derive(Debug, Args)]
pub(crate) struct On {
    /// `petitions/{petition}`, or only its id
    petition: String,
    /// Only if the petition has exactly this version; 0 for whichever it is (phiên bản)
    #[arg(long, default_value_t = 0, value_name = "N")]
    expected_version: i64,
}

/// A reason, and the law that it rests on.
#[derive(Debug, Args)]
pub(crate) struct Because {
    /// Why; the petitioner is told (lý do)
    #[arg(long)]
    reason: String,
    /// Citation of the law (căn cứ pháp lý)
    #[arg(long, value_name = "CITATION")]
    legal_basis: Option<String>,
}

/// An agency or a unit: code or name or both.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Whom {
    /// Code of the agency or unit (mã định danh)
    #[arg(long)]
    code: Option<String>,
    /// Name of the agency or unit (tên)
    #[arg(long)]
    name: Option<String>,
}

/// What is decided.
#[derive(Debug, Subcommand)]
pub(crate) enum Decide {
    /// The ministry is competent (thụ lý)
    Accept {
        #[command(flatten)]
        on: On,
        /// Note (ghi chú)
        #[arg(long)]
        note: Option<String>,
    },
    /// Refuse, with reason and legal basis (từ chối)
    Decline {
        #[command(flatten)]
        on: On,
        /// Why (lý do)
        #[arg(long, value_parser = contract::names("DeclineReason"))]
        reason: String,
        /// Why, in words; the petitioner is told (giải thích)
        #[arg(long)]
        explanation: String,
        /// Citation of the law (căn cứ pháp lý)
        #[arg(long, value_name = "CITATION")]
        legal_basis: String,
    },
    /// Pass on to the competent agency (chuyển cơ quan có thẩm quyền)
    Forward {
        #[command(flatten)]
        on: On,
        #[command(flatten)]
        to: Whom,
        #[command(flatten)]
        because: Because,
    },
    /// Give to a unit (phân công)
    Assign {
        #[command(flatten)]
        on: On,
        #[command(flatten)]
        unit: Whom,
        /// Note (ghi chú)
        #[arg(long)]
        note: Option<String>,
    },
    /// The unit works on it (bắt đầu xử lý)
    Start {
        #[command(flatten)]
        on: On,
        /// Note (ghi chú)
        #[arg(long)]
        note: Option<String>,
    },
    /// Ask the petitioner (yêu cầu bổ sung thông tin)
    RequestInformation {
        #[command(flatten)]
        on: On,
        /// What is asked (nội dung yêu cầu)
        #[arg(long)]
        question: String,
        /// Until this day, such as 2026-12-31 (trả lời trước ngày)
        #[arg(long, value_name = "DAY", value_parser = day)]
        reply_by: Option<pb::CivilDate>,
    },
    /// Record what the petitioner brought by other means (bổ sung thông tin)
    ProvideInformation(ProvideInformation),
    /// Move the due date (gia hạn)
    Extend {
        #[command(flatten)]
        on: On,
        /// The new due date, such as 2026-12-31 (hạn mới)
        #[arg(long, value_name = "DAY", value_parser = day)]
        due_date: pb::CivilDate,
        #[command(flatten)]
        because: Because,
    },
    /// Answer, or correct the answer (trả lời)
    Answer(Box<Answer>),
    /// The answer is public (công khai)
    Publish {
        #[command(flatten)]
        on: On,
        /// Note (ghi chú)
        #[arg(long)]
        note: Option<String>,
    },
    /// Close (kết thúc)
    Close {
        #[command(flatten)]
        on: On,
        /// Note (ghi chú)
        #[arg(long)]
        note: Option<String>,
    },
    /// Open again (mở lại)
    Reopen {
        #[command(flatten)]
        on: On,
        /// Why (lý do)
        #[arg(long)]
        reason: String,
    },
    /// Record that the petitioner withdrew (rút)
    Withdraw {
        #[command(flatten)]
        on: On,
        /// Why (lý do)
        #[arg(long)]
        reason: Option<String>,
        /// When, such as 2026-12-31T08:00:00+07:00 (thời điểm)
        #[arg(long, value_name = "TIME", value_parser = instant)]
        at: Option<prost_types::Timestamp>,
    },
}

/// What the petitioner brought.
#[derive(Debug, Args)]
pub(crate) struct ProvideInformation {
    #[command(flatten)]
    on: On,
    /// What was told (nội dung bổ sung)
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    /// File with what was told, UTF-8; - is standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// Upload this file and add it; may be repeated (tệp đính kèm)
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// When the petitioner gave it (thời điểm)
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<prost_types::Timestamp>,
}

/// The answer.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    #[command(flatten)]
    on: On,
    /// The answer (nội dung trả lời)
    #[arg(long, required_unless_present = "text_file", conflicts_with = "text_file")]
    text: Option<String>,
    /// File with the answer, UTF-8, carried byte for byte; - is standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// Number and notation of the letter (số, ký hiệu văn bản)
    #[arg(long, requires = "document_date", value_name = "NUMBER")]
    document_number: Option<String>,
    /// Day of the letter, such as 2026-12-31 (ngày ban hành)
    #[arg(long, requires = "document_number", value_name = "DAY", value_parser = day)]
    document_date: Option<pb::CivilDate>,
    /// Who signed the letter (người ký)
    #[arg(long, requires = "document_number")]
    signer: Option<String>,
    /// The signer's position (chức vụ)
    #[arg(long, requires = "document_number")]
    position: Option<String>,
    /// Resolution class; required for voters' and deputies' petitions (kết quả giải quyết)
    #[arg(long, value_parser = contract::names("ResolutionClass"))]
    resolution: Option<String>,
    /// When it will be resolved, with to_be_resolved (thời hạn giải quyết)
    #[arg(long, value_name = "DAY", value_parser = day)]
    resolution_due_date: Option<pb::CivilDate>,
    /// The answer may be published (được công khai)
    #[arg(long)]
    publishable: bool,
    /// Upload this file and attach it; may be repeated (tệp đính kèm)
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
}

fn day(text: &str) -> Result<pb::CivilDate, String> {
    reading::day(text).ok_or_else(|| "a day looks like 2026-12-31 (ngày có dạng 2026-12-31)".to_owned())
}

fn instant(text: &str) -> Result<prost_types::Timestamp, String> {
    let example = "2026-12-31T08:00:00+07:00";
    reading::instant(text).ok_or_else(|| format!("an instant looks like {example} (thời điểm có dạng {example})"))
}

fn text(given: Option<String>, file: Option<&PathBuf>) -> Result<String, Failure> {
    file.map_or_else(|| Ok(given.unwrap_or_default()), |path| text_of(path))
}

impl From<Whom> for pb::Agency {
    fn from(whom: Whom) -> pb::Agency {
        pb::Agency { code: whom.code.unwrap_or_default(), display_name: whom.name.unwrap_or_default() }
    }
}

impl Because {
    fn parts(self) -> (String, Option<pb::LegalBasis>) {
        (self.reason, self.legal_basis.map(|citation| pb::LegalBasis { citation }))
    }
}

/// Sends a decision: the request's fields beyond those that all decisions have, by the method of its name.
macro_rules! send {
    ($gateway:ident, $on:ident, $method:ident, $request:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
        let request = $gateway.call(pb::$request {
            name: resource::petition(&$on.petition),
            request_id: $gateway.request_id.to_string(),
            expected_version: $on.expected_version,
            $($field $(: $value)?,)*
        });
        let answer = $gateway.petitions.$method(request).await;
        answer.map(|answer| Decided::from(answer.into_inner())).map_err(Failure::change($gateway.request_id))
    }};
}

impl Decide {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let request_id = gateway.request_id;
        self.send(&mut gateway, output).await?.tell(request_id, output)
    }

    async fn send(self, gateway: &mut Gateway, output: Output) -> Result<Decided, Failure> {
        match self {
            Decide::Accept { on, note } => {
                send!(gateway, on, accept_petition, AcceptPetitionRequest { note: note.unwrap_or_default() })
            }
            Decide::Decline { on, reason, explanation, legal_basis: citation } => {
                let reason = contract::number("DeclineReason", &reason);
                let legal_basis = Some(pb::LegalBasis { citation });
                send!(gateway, on, decline_petition, DeclinePetitionRequest { reason, explanation, legal_basis })
            }
            Decide::Forward { on, to, because } => {
                let (to, (reason, legal_basis)) = (Some(to.into()), because.parts());
                send!(gateway, on, forward_petition, ForwardPetitionRequest { to, reason, legal_basis })
            }
            Decide::Assign { on, unit, note } => {
                let (unit, note) = (Some(unit.into()), note.unwrap_or_default());
                send!(gateway, on, assign_petition, AssignPetitionRequest { unit, note })
            }
            Decide::Start { on, note } => {
                send!(gateway, on, start_processing, StartProcessingRequest { note: note.unwrap_or_default() })
            }
            Decide::RequestInformation { on, question, reply_by: reply_by_date } => {
                send!(gateway, on, request_information, RequestInformationRequest { question, reply_by_date })
            }
            Decide::ProvideInformation(provide) => provide.send(gateway, output).await,
            Decide::Extend { on, due_date, because } => {
                let (due_date, (reason, legal_basis)) = (Some(due_date), because.parts());
                send!(gateway, on, extend_deadline, ExtendDeadlineRequest { due_date, reason, legal_basis })
            }
            Decide::Answer(answer) => answer.send(gateway, output).await,
            Decide::Publish { on, note } => {
                send!(gateway, on, publish_answer, PublishAnswerRequest { note: note.unwrap_or_default() })
            }
            Decide::Close { on, note } => {
                send!(gateway, on, close_petition, ClosePetitionRequest { note: note.unwrap_or_default() })
            }
            Decide::Reopen { on, reason } => send!(gateway, on, reopen_petition, ReopenPetitionRequest { reason }),
            Decide::Withdraw { on, reason, at: withdraw_time } => {
                let reason = reason.unwrap_or_default();
                send!(gateway, on, withdraw_petition, WithdrawPetitionRequest { reason, withdraw_time })
            }
        }
    }
}

impl ProvideInformation {
    async fn send(self, gateway: &mut Gateway, output: Output) -> Result<Decided, Failure> {
        let on = self.on;
        let text = text(self.text, self.text_file.as_ref())?;
        let attachments = files::upload_all(gateway, &self.attach, output).await?;
        let provide_time = self.at;
        send!(gateway, on, provide_information, ProvideInformationRequest { text, attachments, provide_time })
    }
}

impl Answer {
    async fn send(self, gateway: &mut Gateway, output: Output) -> Result<Decided, Failure> {
        let on = self.on;
        let text = text(self.text, self.text_file.as_ref())?;
        let attachments = files::upload_all(gateway, &self.attach, output).await?;
        let document = self.document_number.map(|number| pb::OfficialDocument {
            number,
            issue_date: self.document_date,
            signer: self.signer.unwrap_or_default(),
            position: self.position.unwrap_or_default(),
        });
        let resolution = self.resolution.map_or(0, |it| contract::number("ResolutionClass", &it));
        send!(
            gateway,
            on,
            answer_petition,
            AnswerPetitionRequest {
                text,
                document,
                resolution,
                resolution_due_date: self.resolution_due_date,
                publishable: self.publishable,
                attachments,
            }
        )
    }
}
