//! Enums that stand under the same names in the contract and in the domain.

use channel_sdk::{adapter, fault, model, notice};

use crate::{pb, petition, store};

macro_rules! same_names {
    ($($parse:ident, $render:ident: $domain:ty = $pb:ty { $($name:ident)+ })+) => { $(
        /// The domain's value; `None` for one that is not told or not known.
        #[allow(dead_code, reason = "not every enum comes in")]
        pub(in crate::grpc) fn $parse(value: i32) -> Option<$domain> {
            match <$pb>::try_from(value).ok()? {
                <$pb>::Unspecified => None,
                $(<$pb>::$name => Some(<$domain>::$name),)+
            }
        }

        /// The contract's value.
        #[allow(dead_code, reason = "not every enum goes out")]
        pub(in crate::grpc) fn $render(value: $domain) -> i32 {
            match value { $(<$domain>::$name => <$pb>::$name,)+ }.into()
        }
    )+ };
}

same_names! {
    parse_status, status: petition::Status = pb::PetitionStatus {
        Received Accepted Assigned InProgress InformationRequested Answered Published Closed Declined Forwarded
        Withdrawn Reopened
    }
    parse_kind, kind: model::PetitionKind = pb::PetitionKind {
        Feedback Petition PolicyQuestion VoterPetition DeputyPetition Complaint Denunciation
    }
    parse_petitioner_kind, petitioner_kind: model::PetitionerKind = pb::PetitionerKind {
        Citizen Business Organisation Voters Deputy
    }
    parse_phase, phase: model::SessionPhase = pb::SessionPhase { Before After Between }
    parse_resolution, resolution: model::ResolutionClass = pb::ResolutionClass {
        Resolved InResolution ToBeResolved Explained
    }
    parse_decline_reason, decline_reason: model::DeclineReason = pb::DeclineReason {
        NotCompetent NoContent Abusive AlreadyAnswered OtherProcedure Other
    }
    parse_notice, notice_kind: notice::NoticeKind = pb::NoticeKind {
        Received Accepted Declined Forwarded InformationRequested Assigned InProgress DeadlineExtended Answered
        Published Reopened Closed
    }
    parse_fault_code, fault_code: fault::FaultCode = pb::FaultCode {
        Encoding Malformed WrongMessage TooLarge Missing Format UnknownCode Conflict UnknownPetition NotAllowed
    }
    parse_delivery_state, delivery_state: store::DeliveryState = pb::DeliveryState { Pending Delivered DeadLetter Parked }
    parse_parked_outcome, parked_outcome: petition::ParkedOutcome = pb::ParkedOutcome { Delivered SendAgain }
    parse_difference_kind, difference_kind: petition::DifferenceKind = pb::DifferenceKind {
        MissingHere OlderHere NotVisibleThere Undelivered VisibleUnsettled OvertakenThere UnknownThere AnswerDiffers
    }
    parse_difference_state, difference_state: store::DifferenceState = pb::DifferenceState { Open Repaired Dismissed }
    parse_run_state, run_state: store::RunState = pb::ReconciliationState {
        Listing Comparing Missing Closing Done Failed
    }
    parse_item_state, item_state: store::ItemState = pb::ItemState { Taken AlreadyHad Quarantined Discarded }
    parse_entrance, entrance: adapter::Entrance = pb::Entrance { Push Pull }
}
