//! Everything that the portal knows, behind one lock, and what happens to petitions by themselves: release, first
//! hand-out, edits, withdrawals, ratings.
//!
//! The portal's clock is its own: it begins at the epoch and moves a second with every call, so that a run with the same
//! seed and the same calls is the same run. It only dates the answers. "Changed since T" means: not yet listed, as it
//! stands now, to a scan that began before T. A reader that finishes each scan before it moves T forward gets everything;
//! one that does not, misses what it skipped, and the accounts show it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use channel_sdk::sandbox::{Mischief, SandboxSettings, dice::Dice};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use serde_json::{Value, json};

use super::{
    case::{Breakage, Case},
    generate,
    idempotency::Remembered,
    listing::Scan,
    push::Wanted,
};

/// Complaints kept at most: the contract's own bound.
const COMPLAINTS_MAX: usize = 1000;

/// Of a hundred answered petitions, these many are rated.
const RATED_PERCENT: u32 = 40;

/// What the petitioner thought of an answer.
#[derive(Debug, Clone)]
pub(super) struct Rated {
    pub(super) form: Value,
    pub(super) listed_since: Option<Timestamp>,
}

pub(super) struct State {
    pub(super) settings: SandboxSettings,
    pub(super) mischief: Mischief,
    /// What the portal's clock shows.
    clock: Timestamp,
    /// Draws everything that depends on the order of calls; petitions are made from the seed and their number alone.
    pub(super) dice: Dice,
    /// What is released, in the order of the numbers.
    pub(super) cases: Vec<Case>,
    pub(super) by_id: HashMap<String, usize>,
    pub(super) ratings: Vec<Rated>,
    pub(super) scans: VecDeque<Scan>,
    pub(super) scans_begun: u64,
    pub(super) changes: u64,
    pub(super) wanted: VecDeque<Wanted>,
    pub(super) under_way: BTreeMap<u64, Wanted>,
    pub(super) pushes: u64,
    pub(super) remembered: HashMap<String, Remembered>,
    pub(super) complaints: Vec<String>,
}

impl State {
    pub(super) fn new(settings: SandboxSettings) -> State {
        State {
            mischief: settings.mischief,
            dice: Dice::new(settings.seed),
            clock: settings.epoch,
            settings,
            cases: Vec::new(),
            by_id: HashMap::new(),
            ratings: Vec::new(),
            scans: VecDeque::new(),
            scans_begun: 0,
            changes: 0,
            wanted: VecDeque::new(),
            under_way: BTreeMap::new(),
            pushes: 0,
            remembered: HashMap::new(),
            complaints: Vec::new(),
        }
    }

    /// The time of the next call.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.clock = self.clock.saturating_add(SignedDuration::from_secs(1)).unwrap_or(self.clock);
        self.clock
    }

    pub(super) fn unreleased(&self) -> u32 {
        self.settings.petitions - self.cases.len() as u32
    }

    pub(super) fn release(&mut self, count: u32) -> u32 {
        for _ in 0..count.min(self.unreleased()) {
            let index = self.cases.len();
            let mut case = generate::case(&self.settings, index as u32);
            self.changes += 1;
            case.changed = self.changes;
            self.by_id.insert(case.id.clone(), index);
            if case.by_push {
                self.wanted.push_back(Wanted::Petitions(vec![index]));
            }
            self.cases.push(case);
        }
        self.unreleased()
    }

    /// A breach of the protocol by the gateway. The texts name calls, ids of petitions and fields, never their values.
    pub(super) fn complain(&mut self, text: String) {
        // The first thousand tell what is wrong; a flood of the same adds nothing.
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(text);
        }
    }

    /// A complaint about something that every call does wrong is worth one line.
    pub(super) fn complain_once(&mut self, text: &str) {
        if !self.complaints.iter().any(|known| known == text) {
            self.complain(text.to_owned());
        }
    }

    /// The form of a petition that goes out now; its fate is drawn the first time.
    pub(super) fn hand_out(&mut self, index: usize) -> Value {
        if !self.cases[index].handed_out {
            let mischief = self.mischief;
            let broken = self.dice.happens(mischief.broken_item_per_mille);
            let edit = self.dice.happens(mischief.edited_per_mille);
            let withdraw = self.dice.happens(mischief.withdrawn_per_mille);
            let breakage = Breakage::ALL[self.dice.rng().random_range(0..Breakage::ALL.len())];
            let case = &mut self.cases[index];
            case.handed_out = true;
            case.broken = broken.then_some(breakage);
            case.plans.edit = edit && !broken;
            case.plans.withdraw = withdraw && !broken && !edit;
        }
        self.cases[index].shown()
    }

    /// The petitioners change what they planned to change, so that the next scan lists it.
    pub(super) fn carry_out_edits(&mut self) {
        for index in 0..self.cases.len() {
            let case = &mut self.cases[index];
            if case.plans.edit && !case.by_push && case.petition_id.is_some() && !case.ended() {
                case.edit();
                self.changed(index);
            }
        }
    }

    /// The ministry has the petition: whoever planned to withdraw it does so now.
    pub(super) fn confirmed(&mut self, index: usize, petition_id: &str) {
        let case = &mut self.cases[index];
        case.petition_id.get_or_insert_with(|| petition_id.to_owned());
        if case.plans.withdraw && case.may_be_withdrawn() {
            case.withdraw();
            // Half of what is listed is pushed as well: the gateway hears it twice, with its time and without.
            if case.by_push || self.dice.rng().random_range(0..2) == 0 {
                self.wanted.push_back(Wanted::Withdrawal(index));
            }
            self.changed(index);
        }
    }

    fn changed(&mut self, index: usize) {
        self.changes += 1;
        self.cases[index].changed = self.changes;
    }

    /// The ministry asked for information: the petitioner answers.
    pub(super) fn asked(&mut self, index: usize) {
        self.wanted.push_back(Wanted::Supplement(index));
    }

    /// The ministry answered at `at`: some petitioners rate it, heard of partly by pull, partly by push.
    pub(super) fn answered(&mut self, index: usize, at: Timestamp) {
        let rated = self.dice.rng().random_range(0..100) < RATED_PERCENT;
        let score: u8 = [5, 5, 5, 4, 4, 4, 3, 3, 2, 1][self.dice.rng().random_range(0..10)];
        if !rated || self.cases[index].rating.is_some() {
            return;
        }
        self.cases[index].rating = Some(score);
        let id = &self.cases[index].id;
        let comment = generate::comment(score);
        let at = generate::local(at.saturating_add(SignedDuration::from_mins(1)).unwrap_or(at));
        let form = json!({"maPAKN": id, "mucDo": score, "yKien": comment, "thoiDiem": at});
        if self.dice.rng().random_range(0..2) == 0 {
            self.wanted.push_back(Wanted::Rating(index, form));
        } else {
            self.ratings.push(Rated { form, listed_since: None });
        }
    }
}
