//! What a far side should have heard, from what happened to a petition: the oracle of the audit, written from the two
//! protocols and sharing no code with the adapters.
//!
//! Pure. Only what can be compared is kept of an event; texts are compared by SHA-256.

use channel_sdk::model::ResolutionClass;
use serde::Serialize;

/// What an event of a petition was, as far as a far side can hear of it or the audit counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Happening {
    /// Tiếp nhận.
    Received,
    /// Sửa đổi nội dung.
    Amended,
    /// Phiên bản cũ đến muộn.
    LateRevision,
    /// Thụ lý.
    Accepted,
    /// Từ chối.
    Declined,
    /// Chuyển cơ quan có thẩm quyền, by the ministry.
    Forwarded {
        /// Code of the agency.
        to: String,
    },
    /// Moved elsewhere by the channel.
    Reassigned,
    /// Phân công.
    Assigned,
    /// Bắt đầu xử lý.
    Started,
    /// Yêu cầu bổ sung.
    InformationRequested,
    /// Bổ sung thông tin.
    InformationProvided,
    /// Gia hạn.
    DeadlineExtended,
    /// Trả lời.
    Answered {
        /// SHA-256 (hex) of the text.
        sha256: String,
        /// Kết quả giải quyết.
        class: Option<ResolutionClass>,
    },
    /// Công khai.
    Published,
    /// Kết thúc.
    Closed,
    /// Mở lại.
    Reopened,
    /// Rút.
    Withdrawn,
    /// Đánh giá.
    Rated {
        /// 1 to 5.
        score: u8,
    },
    /// The content of a file arrived.
    FileHeld,
    /// A delivery was given up, parked or resolved.
    DeliveryNoted,
    /// Our books were compared with the channel's.
    Compared,
    /// A change that this program does not know.
    Unknown,
}

impl Happening {
    /// Whether only the ministry makes it so, by a call.
    pub fn is_decision(&self) -> bool {
        match self {
            Happening::Accepted
            | Happening::Declined
            | Happening::Forwarded { .. }
            | Happening::Assigned
            | Happening::Started
            | Happening::InformationRequested
            | Happening::DeadlineExtended
            | Happening::Answered { .. }
            | Happening::Published
            | Happening::Closed
            | Happening::Reopened => true,
            Happening::Received
            | Happening::Amended
            | Happening::LateRevision
            | Happening::Reassigned
            | Happening::InformationProvided
            | Happening::Withdrawn
            | Happening::Rated { .. }
            | Happening::FileHeld
            | Happening::DeliveryNoted
            | Happening::Compared
            | Happening::Unknown => false,
        }
    }
}

/// How a kind of far side hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ear {
    /// Every status, in the codes of the portal.
    Portal,
    /// Answers with their class; a refusal and a forwarding arrive as answers that explain.
    Assembly,
}

/// One message that a far side should have taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The channel's own code of it.
    pub code: String,
    /// Set for an answer.
    pub answer: Option<ToldAnswer>,
    /// The agency, for a forwarding.
    pub forwarded_to: Option<String>,
}

/// The answer in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldAnswer {
    /// SHA-256 of the ministry's text; `None` where the channel's dialect makes the text.
    pub sha256: Option<String>,
    /// The class in the channel's own code, where it has classes.
    pub class: Option<String>,
}

impl Ear {
    /// The ear of a kind; `None` for a kind that the demo does not know.
    pub fn of(kind: &str) -> Option<Ear> {
        match kind {
            "government-portal" => Some(Ear::Portal),
            "national-assembly" => Some(Ear::Assembly),
            _ => None,
        }
    }

    /// Everything that a far side should have heard, in order.
    pub fn told(self, happenings: &[Happening]) -> Vec<Told> {
        happenings.iter().filter_map(|it| self.hears(it)).collect()
    }

    fn hears(self, happening: &Happening) -> Option<Told> {
        match self {
            Ear::Portal => portal(happening),
            Ear::Assembly => assembly(happening),
        }
    }
}

fn portal(happening: &Happening) -> Option<Told> {
    let code = match happening {
        Happening::Accepted => "03",
        // The portal has one status for all kinds of work on a petition.
        Happening::Assigned | Happening::Started | Happening::DeadlineExtended | Happening::Reopened => "04",
        Happening::InformationRequested => "05",
        Happening::Answered { .. } => "06",
        Happening::Declined => "07",
        Happening::Forwarded { .. } => "08",
        Happening::Published => "09",
        Happening::Closed => "11",
        _ => return None,
    };
    let answer = match happening {
        Happening::Answered { sha256, .. } => Some(ToldAnswer { sha256: Some(sha256.clone()), class: None }),
        _ => None,
    };
    Some(Told { code: code.to_owned(), answer, forwarded_to: agency_of(happening) })
}

fn assembly(happening: &Happening) -> Option<Told> {
    let (sha256, class) = match happening {
        Happening::Answered { sha256, class } => (Some(sha256.clone()), class.map_or("", class_code)),
        Happening::Declined | Happening::Forwarded { .. } => (None, class_code(ResolutionClass::Explained)),
        _ => return None,
    };
    let answer = ToldAnswer { sha256, class: Some(class.to_owned()) };
    Some(Told { code: class.to_owned(), answer: Some(answer), forwarded_to: agency_of(happening) })
}

fn class_code(class: ResolutionClass) -> &'static str {
    match class {
        ResolutionClass::Resolved => "1",
        ResolutionClass::InResolution => "2",
        ResolutionClass::ToBeResolved => "3",
        ResolutionClass::Explained => "4",
    }
}

fn agency_of(happening: &Happening) -> Option<String> {
    match happening {
        Happening::Forwarded { to } => Some(to.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(ear: Ear, happenings: &[Happening]) -> Vec<String> {
        ear.told(happenings).into_iter().map(|told| told.code).collect()
    }

    fn a_whole_life() -> Vec<Happening> {
        let answered = |class| Happening::Answered { sha256: "ab".to_owned(), class };
        vec![
            Happening::Received,
            Happening::Accepted,
            Happening::Assigned,
            Happening::Started,
            Happening::InformationRequested,
            Happening::InformationProvided,
            Happening::DeadlineExtended,
            answered(Some(ResolutionClass::ToBeResolved)),
            Happening::Published,
            Happening::Rated { score: 1 },
            Happening::Reopened,
            answered(Some(ResolutionClass::Resolved)),
            Happening::Closed,
        ]
    }

    #[test]
    fn the_portal_hears_every_status_in_order() {
        assert_eq!(codes(Ear::Portal, &a_whole_life()), ["03", "04", "04", "05", "04", "06", "09", "04", "06", "11"]);
    }

    #[test]
    fn the_assembly_hears_answers_and_what_stands_for_one() {
        assert_eq!(codes(Ear::Assembly, &a_whole_life()), ["3", "1"]);
        let forwarded = [Happening::Received, Happening::Forwarded { to: "000.00.00.H41".to_owned() }];
        let told = Ear::Assembly.told(&forwarded);
        assert_eq!(told[0].code, "4");
        assert_eq!(told[0].forwarded_to.as_deref(), Some("000.00.00.H41"));
        assert_eq!(told[0].answer.as_ref().and_then(|answer| answer.sha256.clone()), None);
    }
}
