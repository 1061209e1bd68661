//! The lists that are pulled: pages of petitions and of ratings, over a snapshot that each scan takes at its start.

use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::{answer::Refusal, state::State};

/// A listing that begins so long before the year shows everything, what was pushed included.
const ARCHIVED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Scans whose pages can still be asked for; an older token is refused as expired.
const SCANS_MAX: usize = 16;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Petitions,
    Ratings,
}

/// One reader's way through one list.
pub(super) struct Scan {
    number: u64,
    list: List,
    since: Timestamp,
    items: Vec<usize>,
}

/// What a reader asks for.
pub(super) struct Asked {
    pub(super) list: List,
    pub(super) since: Timestamp,
    pub(super) token: Option<String>,
    pub(super) size: usize,
}

/// Where a token points: the scan, the first item, and how often the place was served in vain.
struct Place {
    scan: u64,
    offset: usize,
    again: u32,
}

impl Place {
    fn token(&self) -> String {
        // Opaque to the reader, as a real one would be; the characters need escaping in a query on purpose.
        format!("{}/{}+{}==", self.scan, self.offset, self.again)
    }

    fn read(token: &str) -> Option<Place> {
        let (scan, rest) = token.strip_suffix("==")?.split_once('/')?;
        let (offset, again) = rest.split_once('+')?;
        Some(Place { scan: scan.parse().ok()?, offset: offset.parse().ok()?, again: again.parse().ok()? })
    }
}

impl State {
    /// One page.
    pub(super) fn page(&mut self, asked: &Asked) -> Result<Value, Refusal> {
        let place = match asked.token.as_deref() {
            None => self.begin_scan(asked),
            Some(token) => Place::read(token)
                .filter(|place| self.scans.iter().any(|scan| scan.number == place.scan && scan.list == asked.list))
                .ok_or_else(|| {
                    Refusal::new(400, "CON_TRO_KHONG_HOP_LE", "Con trỏ không hợp lệ hoặc đã hết hạn", "conTro")
                })?,
        };
        if place.offset > 0 && place.again == 0 && self.dice.happens(self.mischief.reserve_page_per_mille) {
            let earlier = place.offset.saturating_sub(asked.size);
            let again = Place { again: 1, ..place };
            let items = self.items(place.scan, earlier, place.offset);
            return Ok(self.rendered(asked, &items, Some(again.token())));
        }
        let end = place.offset + asked.size;
        let items = self.items(place.scan, place.offset, end);
        let more = self.scans.iter().any(|scan| scan.number == place.scan && scan.items.len() > end);
        let next = more.then(|| Place { scan: place.scan, offset: end, again: 0 }.token());
        Ok(self.rendered(asked, &items, next))
    }

    fn begin_scan(&mut self, asked: &Asked) -> Place {
        let listed = |since: Option<Timestamp>| since.is_none_or(|listed| listed >= asked.since);
        let items: Vec<usize> = match asked.list {
            List::Petitions => {
                self.carry_out_edits();
                self.lose(asked.since);
                let is_whole = asked.since <= self.settings.epoch.saturating_sub(ARCHIVED).unwrap_or(Timestamp::MIN);
                let of_lists =
                    self.cases.iter().enumerate().filter(|(_, case)| !case.by_push || is_whole && case.offered);
                let number = self.scans_begun + 1;
                let (again, per_mille) = (&mut self.dice, self.mischief.reserve_page_per_mille);
                // A withdrawal stands in the list without a time of its own, and portals serve it again and again.
                let mut due: Vec<(u64, usize)> = of_lists
                    .filter(|(_, case)| case.lost_in != Some(number))
                    .filter(|(_, case)| listed(case.listed_since) || (case.is_withdrawn() && again.happens(per_mille)))
                    .map(|(index, case)| (case.changed, index))
                    .collect();
                due.sort_unstable();
                due.into_iter().map(|(_, index)| index).collect()
            }
            List::Ratings => {
                let due = self.ratings.iter().enumerate().filter(|(_, rated)| listed(rated.listed_since));
                due.map(|(index, _)| index).collect()
            }
        };
        self.scans_begun += 1;
        if self.scans.len() == SCANS_MAX {
            self.scans.pop_front();
        }
        self.scans.push_back(Scan { number: self.scans_begun, list: asked.list, since: asked.since, items });
        Place { scan: self.scans_begun, offset: 0, again: 0 }
    }

    /// Counts as listed what no page of this scan will show: whoever reads on from it never meets it again, and only a
    /// listing from as early does.
    fn lose(&mut self, since: Timestamp) {
        let per_mille = self.mischief.drop_inbound_per_mille;
        for case in self.cases.iter_mut().filter(|case| !case.by_push && case.listed_since.is_none()) {
            if self.dice.happens(per_mille) {
                case.listed_since = Some(since);
                case.lost_in = Some(self.scans_begun + 1);
            }
        }
    }

    fn items(&mut self, scan: u64, from: usize, to: usize) -> Vec<usize> {
        let Some(scan) = self.scans.iter().find(|known| known.number == scan) else { return Vec::new() };
        let items = scan.items[from.min(scan.items.len())..to.min(scan.items.len())].to_vec();
        let (list, since) = (scan.list, scan.since);
        for &item in &items {
            let listed_since = match list {
                List::Petitions => &mut self.cases[item].listed_since,
                List::Ratings => &mut self.ratings[item].listed_since,
            };
            *listed_since = Some(listed_since.map_or(since, |earlier| earlier.min(since)));
        }
        items
    }

    fn rendered(&mut self, asked: &Asked, items: &[usize], next: Option<String>) -> Value {
        let mut forms: Vec<Value> = Vec::with_capacity(items.len());
        for &item in items {
            let form = self.form(asked.list, item);
            if self.dice.happens(self.mischief.duplicate_per_mille) {
                forms.push(form.clone());
            }
            forms.push(form);
        }
        if self.dice.happens(self.mischief.out_of_order_per_mille) {
            forms.shuffle(self.dice.rng());
        }
        json!({"danhSach": forms, "conTro": next, "conNua": next.is_some()})
    }

    fn form(&mut self, list: List, item: usize) -> Value {
        match list {
            List::Petitions => self.hand_out(item),
            List::Ratings => self.ratings[item].form.clone(),
        }
    }
}
