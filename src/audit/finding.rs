//! What can be found, and where. Words for people are the command line's.

use channel_sdk::named_enum;
use serde::Serialize;

use super::Section;

/// Something that is not as it should be, or that an operator may want to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which section it was found.
    pub section: Section,
    /// What it is.
    pub what: What,
    /// Which row: numbers, ids and channels' names, never what a petition says.
    pub row: String,
}

impl Finding {
    pub(super) fn new(section: Section, what: What, row: impl Into<String>) -> Finding {
        Finding { section, what, row: row.into() }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// A promise is broken: something is lost, damaged or stands where it cannot.
    Finding,
    /// Worth knowing; nothing is wrong.
    Remark,
}

named_enum! {
    /// What was found.
    pub enum What {
        /// A number is left out.
        EventMissing = "event_missing",
        /// Columns of an event are not what they must be.
        EventUnreadable = "event_unreadable",
        /// An event of a petition that is not there.
        EventWithoutPetition = "event_without_petition",
        /// The counter and the last event differ.
        EventCounter = "event_counter",
        /// A petition's row or document cannot be read.
        PetitionUnreadable = "petition_unreadable",
        /// A petition has no events.
        HistoryMissing = "history_missing",
        /// A version of a petition has no event, or two.
        HistoryGap = "history_gap",
        /// A later version has an earlier number.
        HistoryDisordered = "history_disordered",
        /// What an event says cannot be read.
        HistoryUnreadable = "history_unreadable",
        /// The document is not what its events make.
        PetitionDiffers = "petition_differs",
        /// What lists find the petition by is not what its document says.
        ListingDiffers = "listing_differs",
        /// Petitions cannot be found by their words.
        WordsMissing = "words_missing",
        /// A number in the journal is left out.
        MessageMissing = "message_missing",
        /// Columns of a message are not what they must be.
        MessageUnreadable = "message_unreadable",
        /// The bytes are not those that arrived.
        MessageAltered = "message_altered",
        /// It arrived long ago, gateways are at work, and none deals with it.
        MessageForgotten = "message_forgotten",
        /// It is not dealt with, and no gateway is at work.
        MessageWaiting = "message_waiting",
        /// A message that is dealt with has no word on one of its items.
        ItemMissing = "item_missing",
        /// An item cannot be read, or stands in no state that there is.
        ItemUnreadable = "item_unreadable",
        /// An item that was taken names a petition that is not there.
        ItemWithoutPetition = "item_without_petition",
        /// An item is in quarantine, or put aside, without a reason.
        ItemWithoutReason = "item_without_reason",
        /// A number of a delivery is left out.
        DeliveryMissing = "delivery_missing",
        /// Columns of a delivery, or what it is to do, cannot be read.
        DeliveryUnreadable = "delivery_unreadable",
        /// A delivery of a petition that is not there.
        DeliveryWithoutPetition = "delivery_without_petition",
        /// Its columns do not go together: no state that a delivery can be in.
        DeliveryState = "delivery_state",
        /// Its attempts are not those that it counts, or do not say how it ended.
        DeliveryAttempts = "delivery_attempts",
        /// Not exactly one of a lane may be claimed, or not the first.
        LaneHead = "lane_head",
        /// A later one of the lane was delivered first.
        LaneOvertaken = "lane_overtaken",
        /// A channel's count is not what there is.
        TallyDiffers = "tally_differs",
        /// A channel's row, a cursor or a code list cannot be read.
        ChannelUnreadable = "channel_unreadable",
        /// A caller's key was answered with an event that is not there.
        RequestLost = "request_lost",
        /// The content of an attachment is not there.
        FileMissing = "file_missing",
        /// The content of an attachment has another size.
        FileSize = "file_size",
        /// A content is not what its name says.
        FileDamaged = "file_damaged",
        /// A content cannot be read.
        FileUnreadable = "file_unreadable",
        /// A content that no petition names.
        FileUnnamed = "file_unnamed",
        /// The engine cannot read on in this section.
        SectionUnreadable = "section_unreadable",
    }
}

impl What {
    /// How much it matters.
    pub fn weight(self) -> Weight {
        match self {
            What::MessageWaiting | What::FileUnnamed => Weight::Remark,
            _ => Weight::Finding,
        }
    }
}

/// What is left out between the last number that came and the next.
pub(super) fn gap(last: i64, next: i64, tell: impl FnOnce(i64, i64) -> Finding) -> Option<Finding> {
    (next > last + 1).then(|| tell(last + 1, next - 1))
}
