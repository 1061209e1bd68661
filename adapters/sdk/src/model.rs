//! The canonical data model (Enterprise Integration Patterns): what every channel's messages become and are made from.
//!
//! Each type names the Vietnamese term beside the English one. Codes of agencies, provinces and fields are data of the
//! channel's dialect and kept as they came.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An enum whose variants each have one stable name, used in stores, dialects, JSON and logs alike.
#[macro_export]
macro_rules! named_enum {
    ($(#[$meta:meta])* pub enum $enum:ident { $($(#[$vmeta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $enum { $($(#[$vmeta])* #[serde(rename = $name)] $variant,)+ }

        impl $enum {
            /// Every value, in declaration order.
            pub const ALL: &'static [$enum] = &[$($enum::$variant),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $($enum::$variant => $name,)+ }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $enum {
            type Err = $crate::model::UnknownName;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name { $($name => Ok($enum::$variant),)+ _ => Err($crate::model::UnknownName) }
            }
        }
    };
}

/// A name that stands for no value of the enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known name")]
pub struct UnknownName;

named_enum! {
    /// What a message asks of the ministry (loại phản ánh, kiến nghị).
    pub enum PetitionKind {
        /// Phản ánh: feedback on regulations or on conduct.
        Feedback = "feedback",
        /// Kiến nghị: a recommendation.
        Petition = "petition",
        /// Hỏi đáp chính sách: a policy question.
        PolicyQuestion = "policy_question",
        /// Kiến nghị cử tri: a voter petition, passed on by the National Assembly.
        VoterPetition = "voter_petition",
        /// Kiến nghị của đại biểu Quốc hội: a deputy's own petition.
        DeputyPetition = "deputy_petition",
        /// Khiếu nại: a complaint. It follows its own law and is forwarded there, never answered as feedback.
        Complaint = "complaint",
        /// Tố cáo: a denunciation. It follows its own law and is forwarded there, never answered as feedback.
        Denunciation = "denunciation",
    }
}

named_enum! {
    /// Who sends a petition (loại người gửi).
    pub enum PetitionerKind {
        /// Công dân.
        Citizen = "citizen",
        /// Doanh nghiệp.
        Business = "business",
        /// Tổ chức.
        Organisation = "organisation",
        /// Cử tri of a delegation; usually no single name.
        Voters = "voters",
        /// Đại biểu Quốc hội.
        Deputy = "deputy",
    }
}

named_enum! {
    /// Where a voter petition stands relative to the session (thời điểm): reports are owed before and after each.
    pub enum SessionPhase {
        /// Trước kỳ họp.
        Before = "before",
        /// Sau kỳ họp.
        After = "after",
        /// Giữa hai kỳ họp.
        Between = "between",
    }
}

named_enum! {
    /// The resolution class of an answer to a voter petition (kết quả giải quyết).
    pub enum ResolutionClass {
        /// Đã giải quyết xong.
        Resolved = "resolved",
        /// Đang giải quyết.
        InResolution = "in_resolution",
        /// Sẽ giải quyết, with a term.
        ToBeResolved = "to_be_resolved",
        /// Giải trình, cung cấp thông tin.
        Explained = "explained",
    }
}

named_enum! {
    /// Why a petition is declined (lý do từ chối).
    pub enum DeclineReason {
        /// Không thuộc thẩm quyền.
        NotCompetent = "not_competent",
        /// Không có nội dung cụ thể.
        NoContent = "no_content",
        /// Nội dung xúc phạm, lạm dụng.
        Abusive = "abusive",
        /// Đã được trả lời.
        AlreadyAnswered = "already_answered",
        /// Thuộc thủ tục khiếu nại, tố cáo.
        OtherProcedure = "other_procedure",
        /// Lý do khác; the explanation says which.
        Other = "other",
    }
}

/// An agency (cơ quan), by its national identification code where it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agency {
    /// The code as it came, e.g. `000.00.00.G22` or `H41.02`; empty where the body has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// A field of state management (lĩnh vực), by the code list of its channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The code, e.g. `BHTN`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The name, e.g. `Bảo hiểm thất nghiệp`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// Who sent the petition (người gửi). Personal data: never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Petitioner {
    /// Citizen, business, organisation, voters, deputy.
    pub kind: PetitionerKind,
    /// Họ tên.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Số định danh: the personal identification number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_number: Option<String>,
    /// Số điện thoại.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    /// Thư điện tử.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Địa chỉ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Mã tỉnh: the province code as it came; not personal data by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province_code: Option<String>,
    /// Tên tổ chức.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_name: Option<String>,
    /// Mã số thuế.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<String>,
    /// Ẩn danh: the petitioner asked not to be named.
    #[serde(default)]
    pub anonymous: bool,
}

impl Petitioner {
    /// A petitioner of whom nothing but the kind is known.
    pub fn of(kind: PetitionerKind) -> Petitioner {
        Petitioner {
            kind,
            full_name: None,
            identity_number: None,
            telephone: None,
            email: None,
            address: None,
            province_code: None,
            organisation_name: None,
            tax_code: None,
            anonymous: false,
        }
    }
}

impl std::fmt::Debug for Petitioner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Petitioner").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What a voter or deputy petition belongs to in the National Assembly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssemblyContext {
    /// Khóa: the term in Roman numerals, e.g. `XIV`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub term: String,
    /// Kỳ họp: the number of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// Before, after or between sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<SessionPhase>,
    /// Số văn bản of the letter that passed the petition on, e.g. `415/BDN`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub letter_number: String,
    /// Ngày văn bản.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter_date: Option<Date>,
    /// Đoàn đại biểu Quốc hội: code and name of the delegation.
    #[serde(default)]
    pub delegation: Agency,
    /// Địa bàn of the voters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constituency: String,
    /// Đại biểu: the deputy, for a deputy's own petition.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub deputy: String,
}

/// A file that belongs to a petition, an answer or a document (tệp đính kèm). Its name is data, never a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Tên tệp, as it came.
    pub name: String,
    /// Loại tệp (media type).
    #[serde(default)]
    pub media_type: String,
    /// Kích thước in bytes; 0 where the channel does not say.
    #[serde(default)]
    pub size_bytes: u64,
    /// SHA-256 of the content in lower-case hex; empty while neither the channel told it nor the gateway has the content.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// The far side's reference by which the content is fetched (`maTep`); empty where it came inline or over gRPC.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remote_id: String,
}

/// An official document (văn bản): number and notation, date, signer. With the agency they identify a letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialDocument {
    /// Số, ký hiệu, e.g. `6029/LĐTBXH-VP`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Ngày ban hành.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_on: Option<Date>,
    /// Người ký.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signer: String,
    /// Chức vụ of the signer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub position: String,
}

/// The ministry's answer (trả lời). A correction is a further version; all versions stay in the dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// 1 for the first answer, one more for each correction.
    pub version: u32,
    /// Nội dung, byte for byte.
    pub text: String,
    /// Văn bản trả lời, where the answer was issued as a letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<OfficialDocument>,
    /// Kết quả: the resolution class; owed for voter petitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<ResolutionClass>,
    /// When the matter will be resolved, for [`ResolutionClass::ToBeResolved`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution_due_on: Option<Date>,
    /// Công khai: whether the answer may be published.
    #[serde(default)]
    pub public: bool,
    /// Documents sent with the answer; their content is held by the gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}
