//! What the calls that decide on a petition answer: all the same, in a message of its own each.

use petition_gateway::pb;
use serde_json::json;
use uuid::Uuid;

use crate::cli::{
    failure::Failure,
    output::Output,
    rendering::{self, Privacy},
    words::{self, said},
};

/// A decision as it was recorded.
#[derive(Debug)]
pub(crate) struct Decided {
    petition: pb::Petition,
    seq: i64,
    duplicate: bool,
}

macro_rules! decided {
    ($($answer:ident),* $(,)?) => {
        $(impl From<pb::$answer> for Decided {
            fn from(answer: pb::$answer) -> Decided {
                let petition = answer.petition.unwrap_or_default();
                Decided { petition, seq: answer.seq, duplicate: answer.duplicate }
            }
        })*
    };
}

decided!(
    AcceptPetitionResponse,
    AnswerPetitionResponse,
    AssignPetitionResponse,
    ClosePetitionResponse,
    DeclinePetitionResponse,
    ExtendDeadlineResponse,
    ForwardPetitionResponse,
    ProvideInformationResponse,
    PublishAnswerResponse,
    ReopenPetitionResponse,
    RequestInformationResponse,
    StartProcessingResponse,
    WithdrawPetitionResponse,
);

impl Decided {
    /// Tells it.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn tell(self, request_id: Uuid, output: Output) -> Result<(), Failure> {
        let record = json!({
            "petition": rendering::json(&self.petition, Privacy::Hidden),
            "seq": self.seq,
            "duplicate": self.duplicate,
            "request_id": request_id,
        });
        if output.json {
            return output.record(&record);
        }
        let status = words::value(record["petition"]["status"].as_str().unwrap_or_default(), output.lang);
        let (name, version, seq) = (&self.petition.name, self.petition.version, self.seq);
        output.say(&if self.duplicate {
            said!("{name}: {status}, đã như vậy từ trước (seq {seq})", "{name}: {status}, as before (seq {seq})")
        } else {
            said!(
                "{name}: {status} (phiên bản {version}, seq {seq})",
                "{name}: {status} (version {version}, seq {seq})"
            )
        })
    }
}
