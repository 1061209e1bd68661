//! Petitions: each is what its events make, its versions have no gap, and lists find it by what it says.

use super::{Finding, Section, What};
use crate::{
    petition::{NewEvent, Petition, Version},
    store::inspect::{Found, HistoryRow, Listed, PetitionRow},
};

/// The rules of one petition; `history` is what was found of its events, in any order.
pub(super) fn petition(row: &Found<PetitionRow>, mut history: Vec<HistoryRow>) -> Vec<Finding> {
    let row = match row {
        Ok(row) => row,
        Err(unreadable) => return vec![of(What::PetitionUnreadable, format!("row {}", unreadable.row))],
    };
    let name = format!("petition {}", row.id);
    let mut found = Vec::new();
    let mut tell = |what: What, more: String| found.push(of(what, format!("{name}{more}")));
    history.sort_by_key(|event| (event.version, event.seq));
    let Some(last) = history.last() else {
        tell(What::HistoryMissing, String::new());
        return found;
    };
    let version = row.petition.as_ref().map_or(row.version, |petition| signed(petition.version));
    let gap = gap(&history, version);
    if let Some(gap) = gap {
        tell(What::HistoryGap, format!(", version {gap}"));
    }
    if !history.is_sorted_by(|one, next| one.seq < next.seq) {
        tell(What::HistoryDisordered, String::new());
    }
    if row.version != version || (gap.is_none() && row.seq_last != last.seq) {
        let (listed, seq) = (row.version, row.seq_last);
        let is = format!(", version {listed} and event {seq}, last are {version} and {}", last.seq);
        tell(What::ListingDiffers, is);
    }
    for event in history.iter().filter(|event| event.event.is_none()) {
        tell(What::HistoryUnreadable, format!(", event {}", event.seq));
    }
    match &row.petition {
        None => tell(What::PetitionUnreadable, String::new()),
        Some(petition) => {
            if Listed::of(petition) != row.listed {
                tell(What::ListingDiffers, String::new());
            }
            let events: Vec<&NewEvent> = history.iter().filter_map(|event| event.event.as_ref()).collect();
            // Where events are missing or cannot be read it differs by that, which is told.
            let is_whole = events.len() == history.len() && gap.is_none();
            if is_whole && Petition::fold(events.iter().copied()).as_ref() != Some(&**petition) {
                tell(What::PetitionDiffers, String::new());
            }
        }
    }
    found
}

/// The first version up to the last that is missing or there twice.
fn gap(history: &[HistoryRow], last: i64) -> Option<i64> {
    let mut versions = history.iter().map(|event| event.version);
    let missing = (1..=last).find(|version| versions.next() != Some(*version));
    missing.or_else(|| versions.next())
}

fn signed(version: Version) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Every petition can be found by its words. Of one snapshot.
pub(super) fn words(petitions: i64, findable: i64) -> Option<Finding> {
    let counts = || format!("{petitions} petitions, {findable} in the index of words");
    (petitions != findable).then(|| of(What::WordsMissing, counts()))
}

fn of(what: What, row: String) -> Finding {
    Finding::new(Section::Petitions, what, row)
}

#[cfg(test)]
mod tests {
    use channel_sdk::model::{Agency, Field, PetitionKind, Petitioner, PetitionerKind};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        petition::{Command, Content, PetitionId, decide, receive},
        store::inspect::Unreadable,
    };

    fn content() -> Content {
        Content {
            kind: PetitionKind::Feedback,
            subject: "Chậm trả kết quả".to_owned(),
            body: "Hồ sơ nộp đã hai tháng.".to_owned(),
            field: Field { code: "KHAC".to_owned(), name: "Khác".to_owned() },
            petitioner: Petitioner::of(PetitionerKind::Citizen),
            receiving_agency: Agency::default(),
            forwarding_agency: Agency::default(),
            sent_at: None,
            forwarded_at: None,
            due_on: None,
            public: true,
            assembly: None,
            attachments: Vec::new(),
            extensions: Default::default(),
        }
    }

    /// A petition that was accepted, and its events, numbered 11 and 13.
    fn accepted() -> (PetitionRow, Vec<HistoryRow>) {
        let id = PetitionId(Uuid::nil());
        let event = |version, body| {
            let at = Timestamp::from_second(1_560_000_000 + version as i64).unwrap();
            NewEvent { petition_id: id, version, at, actor: "channel:portal".to_owned(), body }
        };
        let first = event(1, receive("portal", "PA-1", 1, content()));
        let mut petition = Petition::begin(&first).unwrap();
        let accept = Command::Accept { note: "thuộc thẩm quyền".to_owned() };
        let second = event(2, decide(&petition, accept).unwrap().pop().unwrap());
        petition.apply(&second);
        let history =
            |seq, event: NewEvent| HistoryRow { pk: 1, seq, version: event.version as i64, event: Some(event) };
        let listed = Listed::of(&petition);
        let row = PetitionRow { pk: 1, id, version: 2, seq_last: 13, listed, petition: Some(Box::new(petition)) };
        (row, vec![history(11, first), history(13, second)])
    }

    fn found(row: PetitionRow, history: Vec<HistoryRow>) -> Vec<What> {
        petition(&Ok(row), history).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_petition_that_is_what_its_events_make_is_as_it_should_be_in_whatever_order_they_come() {
        let (row, mut history) = accepted();
        assert!(found(row.clone(), history.clone()).is_empty());
        history.reverse();
        assert!(found(row, history).is_empty());
    }

    #[test]
    fn a_document_that_its_events_do_not_make_is_found() {
        let (mut row, history) = accepted();
        row.petition.as_mut().unwrap().content.subject.push('!');
        assert_eq!(found(row, history), [What::PetitionDiffers]);
    }

    #[test]
    fn a_missing_event_is_found_as_that_and_not_as_a_document_that_differs() {
        let (row, mut history) = accepted();
        for missing in [0, 1] {
            let mut history = history.clone();
            history.remove(missing);
            assert_eq!(found(row.clone(), history), [What::HistoryGap]);
        }
        history.push(HistoryRow { seq: 14, ..history[1].clone() });
        assert_eq!(found(row.clone(), history), [What::HistoryGap], "one is there twice");
        assert_eq!(found(row, Vec::new()), [What::HistoryMissing]);
    }

    #[test]
    fn versions_whose_numbers_go_back_are_found() {
        let (mut row, mut history) = accepted();
        (history[0].seq, row.seq_last) = (14, 13);
        assert_eq!(found(row, history), [What::HistoryDisordered]);
    }

    #[test]
    fn what_lists_find_it_by_is_compared_with_what_it_says() {
        let (mut row, history) = accepted();
        row.version = 1;
        assert_eq!(found(row, history.clone()), [What::ListingDiffers]);
        let (mut row, _) = accepted();
        let mut other = row.petition.clone().unwrap();
        other.content.field.code = "DAT_DAI".to_owned();
        row.listed = Listed::of(&other);
        assert_eq!(found(row, history), [What::ListingDiffers]);
    }

    #[test]
    fn what_cannot_be_read_is_found() {
        let (mut row, mut history) = accepted();
        row.petition = None;
        assert_eq!(found(row, history.clone()), [What::PetitionUnreadable]);
        let (row, _) = accepted();
        history[1].event = None;
        assert_eq!(found(row, history), [What::HistoryUnreadable]);
        assert_eq!(petition(&Err(Unreadable { row: 7 }), Vec::new())[0].row, "row 7");
    }

    #[test]
    fn no_finding_says_what_a_petition_says() {
        let (mut row, history) = accepted();
        row.petition.as_mut().unwrap().content.subject.push('!');
        for finding in petition(&Ok(row), history) {
            assert_eq!(finding.row, "petition 00000000-0000-0000-0000-000000000000");
        }
    }
}
