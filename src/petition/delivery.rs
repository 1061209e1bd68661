//! What became of a delivery of the petition, where a person should know: given up, parked, or resolved by a person.
//!
//! That a delivery arrived is no event: it is what everybody expects, and stands with the delivery itself.

use channel_sdk::named_enum;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which delivery an event tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutDelivery {
    /// Its id, which the far side sees as `Idempotency-Key`.
    pub id: Uuid,
    /// The channel it goes to.
    pub channel: String,
    /// What it does: the name of its notice, or `fetch` for a file that is fetched.
    pub errand: String,
}

named_enum! {
    /// What a person found out about a parked delivery.
    pub enum ParkedOutcome {
        /// The far side has it (đối tác đã nhận).
        Delivered = "delivered",
        /// The far side does not have it: it goes out again (gửi lại).
        SendAgain = "send_again",
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryNote {
    /// Given up: it is a dead letter.
    Failed {
        /// Why.
        reason: String,
    },
    /// Tạm giữ: it may have arrived, and nobody but a person can tell.
    Parked {
        /// Why.
        reason: String,
    },
    /// A person, or the far side's late receipt, decided on it.
    Resolved {
        /// What was found.
        outcome: ParkedOutcome,
        /// From what.
        reason: String,
    },
}
