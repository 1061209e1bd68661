//! What the Assembly's system knows, and what it hands out: releases, pulled pages, pushed batches, edits.
//!
//! Its clock is its own: it begins at the epoch and moves three hours with everything that happens, so that a run with
//! the same seed and the same calls is the same run.

use std::collections::{BTreeMap, HashMap, VecDeque};

use channel_sdk::sandbox::{
    Account, Mischief, SandboxPush, SandboxSettings,
    dice::{CallFate, Dice},
};
use http::Method;
use jiff::{Timestamp, ToSpan};
use rand::{Rng, seq::SliceRandom};

use super::{
    batch::{self, Sent},
    catalogue::{self, Letter, Petition},
};

/// How often an undersized batch waits for the rest of its letter before it goes all the same.
const WAITS_MAX: u32 = 20;

/// A letter that is not smaller than this never waits.
const BATCH_MIN: usize = 5;

/// Batches have at most thirty petitions.
const BATCH_MAX: usize = 30;

/// Thirty days before the year: the ministry's overlaps end long after it.
const ARCHIVED_HOURS: i64 = 30 * 24;

/// Complaints beyond this many say nothing new.
const COMPLAINTS_MAX: usize = 1_000;

/// The way in which a broken item is spoilt; its id can always be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    NoText,
    WrongDate,
    WrongRevision,
}

/// A petition with all that became of it.
pub(super) struct Entry {
    pub(super) petition: Petition,
    pub(super) flaw: Option<Flaw>,
    /// When it was released or last edited.
    changed_at: Timestamp,
    /// Whether it will be edited once it has been handed out.
    to_be_edited: bool,
    /// The revisions that were confirmed.
    pub(super) confirmed: Vec<u64>,
    /// The text of the answer in force.
    pub(super) answer: Option<String>,
    /// Its revision that stands on no page of what changed.
    lost: Option<u64>,
    /// How often a push with it was refused whole.
    pub(super) refusals: u32,
    pub(super) account: Account,
}

/// Everything behind the lock.
pub(super) struct State {
    pub(super) settings: SandboxSettings,
    letters: Vec<Letter>,
    petitions: VecDeque<Petition>,
    pub(super) entries: Vec<Entry>,
    pub(super) by_id: HashMap<String, usize>,
    dice: Dice,
    pub(super) clock: Timestamp,
    /// Entries that wait to be pushed, oldest first.
    queue: VecDeque<usize>,
    pub(super) in_flight: BTreeMap<u64, Vec<usize>>,
    pushes: u64,
    waits: u32,
    complaints: Vec<String>,
    /// Idempotency key to the digest of what came under it and our reference.
    pub(super) answers: HashMap<String, (String, String)>,
    /// Calls left for each token that was given out.
    pub(super) tokens: HashMap<String, u32>,
}

impl State {
    pub(super) fn new(settings: SandboxSettings) -> State {
        let (letters, petitions) = catalogue::make(settings.seed, settings.petitions, settings.epoch);
        State {
            // The catalogue draws from the seed itself.
            dice: Dice::new(settings.seed.wrapping_add(1)),
            clock: settings.epoch,
            settings,
            letters,
            petitions: petitions.into(),
            entries: Vec::new(),
            by_id: HashMap::new(),
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            pushes: 0,
            waits: 0,
            complaints: Vec::new(),
            answers: HashMap::new(),
            tokens: HashMap::new(),
        }
    }

    pub(super) fn mischief(&self) -> Mischief {
        self.settings.mischief
    }

    /// What befalls the next call.
    pub(super) fn fate(&mut self) -> CallFate {
        self.dice.call(&self.settings.mischief)
    }

    fn hits(&mut self, per_mille: u16) -> bool {
        self.dice.happens(per_mille)
    }

    pub(super) fn complain(&mut self, words: impl Into<String>) {
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(words.into());
        }
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.complaints.clone()
    }

    pub(super) fn unreleased(&self) -> usize {
        self.petitions.len()
    }

    pub(super) fn release_one(&mut self) -> bool {
        let Some(petition) = self.petitions.pop_front() else { return false };
        let flaws = [Flaw::NoText, Flaw::WrongDate, Flaw::WrongRevision];
        let flaw = self.hits(self.mischief().broken_item_per_mille).then(|| flaws[self.dice.rng().random_range(0..3)]);
        let at = self.entries.len();
        self.by_id.insert(petition.id.clone(), at);
        if self.letters[petition.letter].pushed {
            self.queue.push_back(at);
        }
        let account = Account { external_id: petition.id.clone(), sound: flaw.is_none(), ..Account::default() };
        let to_be_edited = flaw.is_none() && self.hits(self.mischief().edited_per_mille);
        let changed_at = self.tick();
        let lost = self.draw_loss(petition.revision);
        self.entries.push(Entry {
            petition,
            flaw,
            changed_at,
            to_be_edited,
            confirmed: Vec::new(),
            answer: None,
            lost,
            refusals: 0,
            account,
        });
        true
    }

    /// Whether this revision is to be lost on its way: `Some` of it.
    fn draw_loss(&mut self, revision: u64) -> Option<u64> {
        self.hits(self.mischief().drop_inbound_per_mille).then_some(revision)
    }

    /// Whether a message of the ministry's, just taken, is forgotten again.
    pub(super) fn loses_ours(&mut self) -> bool {
        self.hits(self.mischief().drop_outbound_per_mille)
    }

    fn is_lost(&self, at: usize) -> bool {
        self.entries[at].lost == Some(self.entries[at].petition.revision)
    }

    /// Everything that was ever meant for the ministry, whatever became of it on the way.
    pub(super) fn archived(&mut self) -> Sent {
        let chosen: Vec<usize> = (0..self.entries.len()).filter(|&at| !self.queue.contains(&at)).collect();
        self.write(0, &chosen)
    }

    /// Whoever asks for what changed since this or earlier wants everything.
    pub(super) fn archive_until(&self) -> Timestamp {
        self.settings.epoch.saturating_sub(ARCHIVED_HOURS.hours()).unwrap_or(Timestamp::MIN)
    }

    /// One petition, with the letter that it belongs to.
    pub(super) fn one(&mut self, id: &str) -> Option<Sent> {
        let at = *self.by_id.get(id)?;
        Some(self.write(self.entries[at].petition.letter, &[at]))
    }

    fn tick(&mut self) -> Timestamp {
        self.clock = self.clock.saturating_add(3.hours()).unwrap_or(self.clock);
        self.clock
    }

    /// The batch of what is to be pulled and changed at or after `since`.
    pub(super) fn pulled(&mut self, since: Option<Timestamp>, wanted: bool) -> Sent {
        self.edit_handed_out(false);
        let since = if self.hits(self.mischief().reserve_page_per_mille) { None } else { since };
        let mut chosen: Vec<usize> =
            (0..self.entries.len()).filter(|&at| self.is_pulled(at, since) && !self.is_lost(at)).collect();
        if !wanted {
            chosen.clear();
        }
        self.disturb(&mut chosen);
        self.write(0, &chosen)
    }

    fn is_pulled(&self, at: usize, since: Option<Timestamp>) -> bool {
        let entry = &self.entries[at];
        entry.petition.letter == 0 && since.is_none_or(|since| entry.changed_at >= since)
    }

    /// Every released petition for a search, newest first, as a page of `size`.
    pub(super) fn searched(&mut self, page: usize, size: usize, id: &str) -> Vec<usize> {
        self.edit_handed_out(false);
        let back = usize::from(page > 1 && self.hits(self.mischief().reserve_page_per_mille));
        let found: Vec<usize> =
            (0..self.entries.len()).rev().filter(|&at| id.is_empty() || self.entries[at].petition.id == id).collect();
        let mut chosen: Vec<usize> = found.into_iter().skip((page - 1 - back) * size).take(size).collect();
        self.disturb(&mut chosen);
        for &at in &chosen {
            self.hand_out(at);
        }
        chosen
    }

    /// Lists items twice and in another order, if it is told to.
    fn disturb(&mut self, chosen: &mut Vec<usize>) {
        for at in chosen.clone() {
            if self.hits(self.mischief().duplicate_per_mille) {
                chosen.push(at);
            }
        }
        if self.hits(self.mischief().out_of_order_per_mille) {
            chosen.shuffle(self.dice.rng());
        }
    }

    fn hand_out(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        entry.account.handed_out = true;
        entry.account.revision = entry.petition.revision;
    }

    fn write(&mut self, letter: usize, chosen: &[usize]) -> Sent {
        chosen.iter().for_each(|&at| self.hand_out(at));
        let items: Vec<_> = chosen.iter().map(|&at| (&self.entries[at].petition, self.entries[at].flaw)).collect();
        batch::write(&self.letters[letter], &self.settings.agency, &items)
    }

    /// Edits what was drawn to be edited, once it has been handed out; what was pushed is queued again.
    fn edit_handed_out(&mut self, pushed: bool) {
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let of_that_way = self.letters[entry.petition.letter].pushed == pushed;
            if !(entry.to_be_edited && entry.account.handed_out && of_that_way) || self.is_on_its_way(at) {
                continue;
            }
            let now = self.tick();
            let entry = &mut self.entries[at];
            entry.to_be_edited = false;
            entry.petition.revision += 1;
            entry.petition.body.push_str(" Cử tri bổ sung: đề nghị trả lời rõ lộ trình thực hiện.");
            entry.changed_at = now;
            let revision = entry.petition.revision;
            let lost = self.draw_loss(revision);
            self.entries[at].lost = lost;
            if pushed {
                self.queue.push_back(at);
            }
        }
    }

    fn is_on_its_way(&self, at: usize) -> bool {
        self.queue.contains(&at) || self.in_flight.values().any(|items| items.contains(&at))
    }

    /// The next batch to push: what is queued of the oldest letter.
    pub(super) fn next_push(&mut self) -> Option<SandboxPush> {
        self.edit_handed_out(true);
        // What is lost counts as pushed.
        let lost: Vec<usize> = self.queue.iter().copied().filter(|&at| self.is_lost(at)).collect();
        self.queue.retain(|at| !lost.contains(at));
        let letter = self.entries[*self.queue.front()?].petition.letter;
        let of_letter = |at: &usize| self.entries[*at].petition.letter == letter;
        let mut chosen: Vec<usize> = self.queue.iter().copied().filter(of_letter).take(BATCH_MAX).collect();
        if chosen.len() < BATCH_MIN && self.more_will_come(letter) && self.waits < WAITS_MAX {
            self.waits += 1;
            return None;
        }
        self.waits = 0;
        self.queue.retain(|at| !chosen.contains(at));
        let settled = chosen.clone();
        self.disturb(&mut chosen);
        let Sent { content_type, body } = self.write(letter, &chosen);
        self.pushes += 1;
        self.in_flight.insert(self.pushes, settled);
        Some(SandboxPush { id: self.pushes, method: Method::POST, path: "/kien-nghi".to_owned(), content_type, body })
    }

    fn more_will_come(&self, letter: usize) -> bool {
        self.petitions.iter().any(|petition| petition.letter == letter)
    }

    /// Offers these again, before everything else.
    pub(super) fn offer_again(&mut self, items: Vec<usize>) {
        items.into_iter().rev().for_each(|at| self.queue.push_front(at));
    }

    /// A stable string of letters and digits, made up.
    pub(super) fn token(&mut self) -> String {
        format!("{:032x}", self.dice.rng().random::<u128>())
    }
}
