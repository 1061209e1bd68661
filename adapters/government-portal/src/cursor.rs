//! How far a feed was read: the cursor that the gateway keeps for us, as a small JSON text.
//!
//! A *scan* asks for everything since an instant, page by page. Only when its last page was dealt with does the instant
//! move forward, to the start of that scan less the overlap: what changed at the portal while we read, and what its
//! slow writes hid from us, is asked for again. Reading twice costs little, for the intake knows what it has.
//!
//! The instants are the portal's own, from its `Date` header, for its clock decides what "since" means: with ours ahead of
//! it, changes would be skipped for ever. Ours serves only where it tells none. A cursor that is later than the clock was
//! made by a clock that was wrong; it is not believed (see [`Cursor::healed`]).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::Portal;

/// The servers of one portal may differ by so much in their time; minutes, where nobody looks after it.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Where a scan stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// Everything that changed before this instant was read.
    pub(crate) since: Timestamp,
    /// When the scan under way began; `None` between scans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scan_started: Option<Timestamp>,
    /// The page to ask for; `None` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
}

/// What a page said about the one after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) token: Option<String>,
    pub(crate) more: bool,
}

impl Cursor {
    /// The cursor as it was kept; the beginning where none was kept or it cannot be read, for reading again is safe.
    pub(crate) fn read(portal: &Portal, kept: Option<&str>) -> Cursor {
        let kept = kept.and_then(|text| serde_json::from_str(text).ok());
        kept.unwrap_or(Cursor { since: portal.pull_from, scan_started: None, token: None })
    }

    /// The cursor as it is kept.
    pub(crate) fn kept(&self) -> String {
        serde_json::to_string(self).expect("a cursor has string keys and plain values")
    }

    /// Where to begin instead, when a scan begins later than `clock`; `None` where the cursor can be believed.
    ///
    /// What is hardly later comes from another server of the same portal, and a little is read again. What is later by
    /// more tells nothing of what was read: then everything is, once, for what was skipped can be anywhere.
    pub(crate) fn healed(&self, portal: &Portal, clock: Timestamp) -> Option<Cursor> {
        let is_believed = self.token.is_some() || self.since <= clock.max(portal.pull_from);
        let is_near = self.since.duration_since(clock) <= SKEW;
        let near = clock.saturating_sub(SKEW).unwrap_or(portal.pull_from);
        let since = if is_near { near.max(portal.pull_from) } else { portal.pull_from };
        (!is_believed).then_some(Cursor { since, scan_started: None, token: None })
    }

    /// The cursor after a page that was answered at `clock`, and whether to go on at once.
    pub(crate) fn after(&self, portal: &Portal, clock: Timestamp, after: &After) -> (Cursor, bool) {
        let started = self.scan_started.unwrap_or(clock);
        if !after.more {
            let overlap = SignedDuration::from_mins(i64::from(portal.overlap_minutes));
            // Not back by the overlap either: what was read before the scan was read with an overlap of its own.
            let since = started.saturating_sub(overlap).unwrap_or(self.since).max(self.since);
            return (Cursor { since, scan_started: None, token: None }, false);
        }
        match &after.token {
            Some(token) if Some(token) != self.token.as_ref() => {
                (Cursor { since: self.since, scan_started: Some(started), token: Some(token.clone()) }, true)
            }
            // "More" without a way to it, or with the way we came: the scan cannot be finished, so it is begun anew
            // later, and nothing is taken as read.
            _ => (self.begun_anew(), false),
        }
    }

    /// The same scan from its first page.
    pub(crate) fn begun_anew(&self) -> Cursor {
        Cursor { since: self.since, scan_started: None, token: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portal() -> Portal {
        Portal::read("000.00.00.G07", &toml::Table::new()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn after(token: Option<&str>, more: bool) -> After {
        After { token: token.map(str::to_owned), more }
    }

    #[test]
    fn a_finished_scan_moves_to_its_start_less_the_overlap() {
        let portal = portal();
        let begun = at("2019-12-06T10:00:00+07:00");
        let first = Cursor::read(&portal, None);
        let (second, more) = first.after(&portal, begun, &after(Some("p2"), true));
        assert!(more);
        let (done, more) = second.after(&portal, at("2019-12-06T10:30:00+07:00"), &after(Some("p3"), false));
        assert!(!more);
        assert_eq!(done, Cursor { since: at("2019-12-06T09:50:00+07:00"), scan_started: None, token: None });
    }

    #[test]
    fn a_scan_that_cannot_be_finished_is_begun_anew_and_nothing_is_taken_as_read() {
        let portal = portal();
        let now = at("2019-12-06T10:00:00+07:00");
        let first = Cursor::read(&portal, None);
        let (second, _) = first.after(&portal, now, &after(Some("p2"), true));
        for broken in [after(Some("p2"), true), after(None, true)] {
            assert_eq!(second.after(&portal, now, &broken), (first.clone(), false));
        }
    }

    #[test]
    fn a_cursor_later_than_the_clock_is_not_believed_and_an_earlier_one_is() {
        let portal = portal();
        let cursor = |since| Cursor { since: at(since), scan_started: None, token: None };
        let healed = |since| cursor(since).healed(&portal, at("2019-12-06T10:00:00Z")).map(|cursor| cursor.since);
        for believed in ["2019-12-06T09:50:00Z", "2019-12-06T10:00:00Z"] {
            assert_eq!(healed(believed), None, "{believed}");
        }
        assert_eq!(healed("2019-12-06T10:00:01Z"), Some(at("2019-12-06T09:55:00Z")), "another server of the portal");
        assert_eq!(healed("2019-12-06T10:05:01Z"), Some(portal.pull_from), "a wrong clock");
        assert_eq!(healed("9999-12-30T00:00:00Z"), Some(portal.pull_from));
    }

    #[test]
    fn a_beginning_in_the_future_or_a_scan_under_way_is_not_healed_again_and_again() {
        let portal = portal();
        let long_ago = at("1970-01-01T00:00:00Z");
        assert_eq!(Cursor::read(&portal, None).healed(&portal, long_ago), None);
        let under_way = Cursor {
            since: at("2019-12-06T10:00:00Z"),
            scan_started: Some(at("2019-12-06T10:10:00Z")),
            token: Some("p2".to_owned()),
        };
        assert_eq!(under_way.healed(&portal, long_ago), None);
    }

    #[test]
    fn a_cursor_survives_being_kept() {
        let portal = portal();
        let now = at("2019-12-06T10:00:00+07:00");
        let (cursor, _) = Cursor::read(&portal, None).after(&portal, now, &after(Some("a/b+c=="), true));
        assert_eq!(Cursor::read(&portal, Some(&cursor.kept())), cursor);
        assert_eq!(Cursor::read(&portal, Some("gibberish")).since, portal.pull_from);
    }
}
