//! One walk for each section: which rows are read, in which order, and which rules see them.

use std::{collections::BTreeMap, pin::pin};

use futures::StreamExt;

use super::Run;
use crate::{
    audit::{
        AuditError, Section, What, channels,
        deliveries::{self, Deliveries},
        events::{self, Events},
        files::{self, Names},
        journal::{self, Journal},
        petitions,
    },
    blobs::{self, Seen, Shelf},
    petition::Petition,
    store::{
        StoreError,
        inspect::{AttemptRow, Counted, Found, Growing, HistoryRow, ItemRow, MessageRow, Unreadable},
    },
};

/// Rows on a page: narrow ones, those with a document, and those with a few others beside each.
const EVENTS_PAGE: u32 = 4_096;
const PETITIONS_PAGE: u32 = 256;
const ROWS_PAGE: u32 = 1_024;
/// Bytes of messages that are read at once, beside the last message: they are up to 32 MiB each.
const BODIES_BYTES: u64 = 4 * 1024 * 1024;
/// The most messages that are watched because they seem forgotten, and callers' keys that are told.
const WATCHED_MAX: usize = 1_000;
/// How often a watched message is looked at.
const WATCH_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

impl Run<'_> {
    async fn row_before(&self, what: Growing) -> Result<i64, StoreError> {
        match self.options.since {
            Some(since) => self.store.row_before(what, since).await,
            None => Ok(0),
        }
    }

    pub(super) async fn events(&mut self) -> Result<(), AuditError> {
        let mut rules = Events::after(self.row_before(Growing::Events).await?);
        let rows_all = rows_after(self.store.counters().await?.seq, rules.last());
        loop {
            let page = self.store.events(rules.last(), EVENTS_PAGE).await?;
            if page.is_empty() {
                break;
            }
            self.find(page.iter().flat_map(|event| rules.next(event)).collect::<Vec<_>>());
            self.saw(Section::Events, page.len(), rows_all);
            self.renew_if_old().await?;
        }
        self.renew().await?;
        let counters = self.store.counters().await?;
        self.find(events::counter(&counters));
        Ok(())
    }

    pub(super) async fn petitions(&mut self) -> Result<(), AuditError> {
        let mut after = self.first_petition();
        let rows_all = self.petitions_all().await?;
        loop {
            let page = self.store.petitions(after, PETITIONS_PAGE).await?;
            let Some(last) = page.last().map(|row| number(row, |row| row.pk)) else { break };
            let mut histories = self.histories(after, last).await?;
            for row in &page {
                let history = histories.remove(&number(row, |row| row.pk)).unwrap_or_default();
                self.find(petitions::petition(row, history));
            }
            after = last;
            self.saw(Section::Petitions, page.len(), rows_all);
            self.renew_if_old().await?;
        }
        if self.options.since.is_none() {
            self.renew().await?;
            let petitions = self.counted_petitions().await?;
            let findable = self.store.findable().await?;
            self.find(petitions::words(petitions, findable));
        }
        Ok(())
    }

    fn first_petition(&self) -> i64 {
        self.options.since.map_or(-1, |since| self.store.petitions_before(since))
    }

    /// About how many there are: as counted in passing.
    async fn petitions_all(&self) -> Result<Option<u64>, StoreError> {
        if self.options.since.is_some() {
            return Ok(None);
        }
        let kept = self.store.tallies().await?;
        let petitions: i64 = kept.into_iter().flatten().map(|(_, tallies)| tallies.petitions).sum();
        Ok(u64::try_from(petitions).ok())
    }

    async fn counted_petitions(&self) -> Result<i64, StoreError> {
        let counted = self.store.counted(Counted::Petitions).await?;
        Ok(counted.into_iter().flatten().map(|(_, _, rows)| rows).sum())
    }

    /// The events of these petitions, by petition.
    async fn histories(&mut self, after: i64, until: i64) -> Result<BTreeMap<i64, Vec<HistoryRow>>, StoreError> {
        let mut histories: BTreeMap<i64, Vec<HistoryRow>> = BTreeMap::new();
        for event in self.store.histories(after, until).await?.into_iter().flatten() {
            histories.entry(event.pk).or_default().push(event);
        }
        Ok(histories)
    }

    pub(super) async fn journal(&mut self) -> Result<(), AuditError> {
        let mut rules = Journal::after(self.row_before(Growing::Messages).await?);
        let rows_all = rows_after(self.store.counters().await?.last.1, rules.last());
        let now = self.store.watch().await?.now;
        let mut waiting = Vec::new();
        loop {
            let after = rules.last();
            let page = self.store.messages(after, ROWS_PAGE).await?;
            let Some(last) = page.last().map(|row| number(row, |row| row.id)) else { break };
            let mut items = self.items(after, last).await?;
            for message in &page {
                let items = items.remove(&number(message, |row| row.id)).unwrap_or_default();
                self.find(rules.next(message, &items));
            }
            for group in groups(&page, after) {
                self.bodies(&page, group).await?;
            }
            let old = page.iter().flatten().filter(|message| journal::may_be_forgotten(message, now));
            waiting.extend(old.take(WATCHED_MAX.saturating_sub(waiting.len())).cloned());
            self.saw(Section::Journal, page.len(), rows_all);
            self.renew_if_old().await?;
        }
        self.renew().await?;
        let counters = self.store.counters().await?;
        self.find(journal::counter(counters.message, counters.last.1));
        self.watch(waiting).await
    }

    async fn items(&mut self, after: i64, until: i64) -> Result<BTreeMap<i64, Vec<Found<ItemRow>>>, StoreError> {
        let mut items: BTreeMap<i64, Vec<Found<ItemRow>>> = BTreeMap::new();
        for item in self.store.items(after, until).await? {
            items.entry(number(&item, |item| item.message)).or_default().push(item);
        }
        Ok(items)
    }

    /// Compares the bytes of the messages of a page after and up to these numbers with their digests.
    async fn bodies(&mut self, page: &[Found<MessageRow>], (after, until): (i64, i64)) -> Result<(), StoreError> {
        let bodies = self.store.bodies(after, until).await?;
        let bodies: BTreeMap<i64, Vec<u8>> = bodies.into_iter().flatten().collect();
        let messages = page.iter().flatten().filter(|message| (after + 1..=until).contains(&message.id));
        let altered = messages.filter_map(|message| {
            // One without bytes that can be read is altered, too.
            journal::bytes(message, bodies.get(&message.id).map_or(&[][..], Vec::as_slice))
        });
        let altered: Vec<_> = altered.collect();
        self.find(altered);
        Ok(())
    }

    /// Looks at what seems forgotten until all of it is dealt with or the patience is over.
    async fn watch(&mut self, mut waiting: Vec<MessageRow>) -> Result<(), AuditError> {
        let began = std::time::Instant::now();
        let is_served = self.store.watch().await?.is_served;
        loop {
            self.renew().await?;
            let mut still = Vec::with_capacity(waiting.len());
            for message in waiting {
                if self.store.is_unfinished(message.id).await? {
                    still.push(message);
                }
            }
            waiting = still;
            if waiting.is_empty() || !is_served || began.elapsed() >= self.options.patience {
                break;
            }
            tokio::time::sleep(WATCH_EVERY).await;
        }
        self.find(waiting.iter().map(|message| journal::forgotten(message, is_served)).collect::<Vec<_>>());
        Ok(())
    }

    pub(super) async fn deliveries(&mut self) -> Result<(), AuditError> {
        let mut rules = Deliveries::after(self.row_before(Growing::Deliveries).await?);
        let rows_all = rows_after(self.store.counters().await?.last.2, rules.last());
        loop {
            let after = rules.last();
            let page = self.store.deliveries(after, ROWS_PAGE).await?;
            let Some(last) = page.last().map(|row| number(row, |row| row.n)) else { break };
            let mut attempts: BTreeMap<i64, Vec<AttemptRow>> = BTreeMap::new();
            for attempt in self.store.attempts(after, last).await? {
                match attempt {
                    Ok(attempt) => attempts.entry(attempt.delivery).or_default().push(attempt),
                    Err(unreadable) => self.find([deliveries::attempt_unreadable(unreadable)]),
                }
            }
            for delivery in &page {
                let attempts = attempts.remove(&number(delivery, |row| row.n)).unwrap_or_default();
                self.find(rules.next(delivery, &attempts));
            }
            self.saw(Section::Deliveries, page.len(), rows_all);
            self.renew_if_old().await?;
        }
        self.renew().await?;
        let counters = self.store.counters().await?;
        self.find(deliveries::counter(counters.delivery, counters.last.2));
        Ok(())
    }

    /// On one snapshot.
    pub(super) async fn channels(&mut self) -> Result<(), AuditError> {
        let mut count = channels::Count::default();
        for what in [Counted::Petitions, Counted::Messages, Counted::Quarantined, Counted::Deliveries] {
            let counted = self.store.counted(what).await?;
            self.find(count.add(what, counted));
        }
        let kept = self.store.tallies().await?;
        let rows = kept.len();
        self.find(count.compare(kept));
        let (cursors, code_lists) = (self.store.cursors().await?, self.store.code_lists().await?);
        self.saw(Section::Channels, rows + cursors.len() + code_lists.len(), None);
        self.find(channels::readable("a cursor", cursors));
        self.find(channels::readable("a code list", code_lists));
        Ok(())
    }

    pub(super) async fn requests(&mut self) -> Result<(), AuditError> {
        let after = self.row_before(Growing::Events).await?;
        let lost = self.store.lost_requests(after, u32::try_from(WATCHED_MAX).unwrap_or(u32::MAX)).await?;
        let rows = self.store.requests(after).await?;
        self.saw(Section::Requests, usize::try_from(rows).unwrap_or(0), None);
        self.find(lost.iter().map(events::request_lost).collect::<Vec<_>>());
        Ok(())
    }

    /// First what petitions hold, then what is kept: a content comes before the event that names it.
    pub(super) async fn files(&mut self) -> Result<(), AuditError> {
        let Some(shelf) = self.shelf else { return Ok(()) };
        let contents = if self.options.since.is_none() { shelf.extent().await?.0 } else { 0 };
        let mut names = Names::with_room(contents);
        let (mut after, rows_all) = (self.first_petition(), self.petitions_all().await?.map(|all| all + contents));
        loop {
            let page = self.store.petitions(after, PETITIONS_PAGE).await?;
            let Some(last) = page.last().map(|row| number(row, |row| row.pk)) else { break };
            for petition in page.iter().flatten().filter_map(|row| row.petition.as_deref()) {
                self.held(shelf, petition, &mut names).await?;
            }
            after = last;
            self.saw(Section::Files, page.len(), rows_all);
            self.renew_if_old().await?;
        }
        if self.options.since.is_none() { self.contents(shelf, &names, rows_all).await } else { Ok(()) }
    }

    async fn held(&mut self, shelf: &Shelf, petition: &Petition, names: &mut Names) -> Result<(), AuditError> {
        for held in files::held(petition) {
            names.add(&held.sha256);
            match shelf.stat(&held.sha256).await {
                Ok(size_bytes) => self.find(files::is_there(&held, size_bytes)),
                Err(blobs::BlobError::NotADigest) => self.find(files::is_there(&held, None)),
                Err(source) => {
                    return Err(blobs::CopyError::From { place: shelf.place().to_owned(), source }.into());
                }
            }
        }
        Ok(())
    }

    async fn contents(&mut self, shelf: &Shelf, names: &Names, rows_all: Option<u64>) -> Result<(), AuditError> {
        let mut contents = pin!(blobs::verify_all(shelf));
        while let Some(seen) = contents.next().await {
            let (blob, what) = match seen? {
                Seen::Sound(blob) | Seen::Copied(blob) | Seen::AlreadyHad(blob) => (blob, None),
                Seen::Damaged(blob) => (blob, Some(What::FileDamaged)),
                Seen::Unreadable(blob, _) => (blob, Some(What::FileUnreadable)),
            };
            self.find(what.map(|what| files::content(what, &blob.sha256)));
            if !names.knows(&blob.sha256) {
                self.find([files::content(What::FileUnnamed, &blob.sha256)]);
            }
            self.saw(Section::Files, 1, rows_all);
        }
        Ok(())
    }
}

/// The number of a row, also of one that cannot be read.
fn number<T>(row: &Found<T>, number: impl FnOnce(&T) -> i64) -> i64 {
    match row {
        Ok(row) => number(row),
        Err(Unreadable { row }) => *row,
    }
}

fn rows_after(last: i64, after: i64) -> Option<u64> {
    u64::try_from(last - after).ok()
}

/// The page cut into runs of so many bytes: after this number, up to that.
fn groups(page: &[Found<MessageRow>], after: i64) -> Vec<(i64, i64)> {
    let (mut groups, mut begin, mut bytes) = (Vec::new(), after, 0);
    for message in page.iter().flatten() {
        bytes += message.size_bytes;
        if bytes >= BODIES_BYTES {
            groups.push((begin, message.id));
            (begin, bytes) = (message.id, 0);
        }
    }
    let last = page.last().map_or(after, |message| number(message, |row| row.id));
    if last > begin {
        groups.push((begin, last));
    }
    groups
}
