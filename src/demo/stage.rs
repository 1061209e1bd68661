//! The play: petitions are released over the year, everything comes to rest, and the evidence is gathered.

use std::time::Duration;

use channel_sdk::sandbox::Account;
use tokio::time::{Instant, sleep};

use super::{
    Demo, DemoError, End,
    audit::{self, Evidence, FarSideSaid},
    collect,
    expectation::Ear,
    progress::{ChannelProgress, Progress, StillOpen},
    report::{ChannelReport, DISAGREEMENTS_TOLD_MAX, Report},
};
use crate::pb;

/// How often petitions are released and the view is drawn.
const TICK: Duration = Duration::from_millis(200);

/// How long what runs may take to be finished after the channels were told to rest.
const FINISHING: Duration = Duration::from_millis(500);

/// Petitions that are named among what is still open.
const EXAMPLES_MAX: usize = 10;

impl Demo {
    /// Plays the year: releases everything, waits until all is at rest, and lets the channels rest. What is left open
    /// when patience ends is told; then nothing rests.
    ///
    /// # Errors
    /// The gateway cannot be asked.
    pub async fn play(&mut self, mut show: impl FnMut(&Progress)) -> Result<StillOpen, DemoError> {
        self.begun = Instant::now();
        let mut released_at = None;
        loop {
            self.release();
            let channels = self.operator.look().await?;
            show(&self.progress(&channels));
            let open = self.still_open(&channels).await?;
            if open.is_nothing() && self.rests().await? {
                return Ok(open);
            }
            if open.unreleased == 0 {
                let since: &mut Instant = released_at.get_or_insert_with(Instant::now);
                if since.elapsed() > self.options.patience {
                    return Ok(open);
                }
            }
            sleep(TICK).await;
        }
    }

    /// Compares all sides; then the channels go on.
    ///
    /// # Errors
    /// The gateway cannot be asked.
    pub async fn report(&mut self) -> Result<Report, DemoError> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let evidence = self.evidence().await?;
        self.wake().await?;
        let mut disagreements = audit::audit(&evidence);
        let disagreement_count = disagreements.len();
        disagreements.truncate(DISAGREEMENTS_TOLD_MAX);
        Ok(Report {
            agree: disagreement_count == 0,
            seed: self.options.seed,
            seconds: (seconds * 10.0).round() / 10.0,
            channels: evidence.far_sides.iter().map(|it| ChannelReport::of(&evidence, it)).collect(),
            events: Report::events(&evidence),
            ministry: self.books.open().counts,
            pushes: self.ends.iter().map(|end| end.activity.made()).sum(),
            pushes_lost: self.ends.iter().map(|end| end.activity.lost()).sum(),
            disagreement_count,
            disagreements,
        })
    }

    /// Lets petitions exist, as far as the year has come.
    fn release(&self) {
        // The last third is for what the petitions set in motion.
        let whole = self.options.length.as_secs_f64() * 2.0 / 3.0;
        let gone = (self.begun.elapsed().as_secs_f64() / whole.max(f64::EPSILON)).min(1.0);
        for end in &self.ends {
            let share = match end.ear {
                Ear::Portal => gone,
                // Voters' petitions come before a session, not all year.
                Ear::Assembly => (gone * 2.0).min(1.0),
            };
            let due = (f64::from(end.all) * share).ceil() as u32;
            let released = end.all - end.side.unreleased();
            if due > released {
                end.side.release(due - released);
            }
        }
    }

    fn progress(&self, channels: &[pb::Channel]) -> Progress {
        let pages = self.books.open();
        let answered = collect::answered_by_channel(pages.handled.values());
        let of = |end: &End| {
            let name = format!("channels/{}", end.channel);
            let channel = channels.iter().find(|it| it.name == name).cloned().unwrap_or_default();
            let count = |count: i64| u64::try_from(count).unwrap_or_default();
            ChannelProgress {
                channel: end.channel.to_owned(),
                all: end.all.into(),
                released: (end.all - end.side.unreleased()).into(),
                recorded: count(channel.petition_count),
                answered: answered.get(end.channel).copied().unwrap_or_default(),
                waiting: count(channel.pending_delivery_count),
                quarantined: count(channel.quarantined_count),
                dead_letters: count(channel.dead_letter_count),
            }
        };
        Progress {
            elapsed: self.begun.elapsed(),
            channels: self.ends.iter().map(of).collect(),
            events: pages.watched.events,
            decisions: pages.counts.calls,
            open: pages.unfinished().count() as u64,
        }
    }

    /// What is not at rest. While petitions are still to be released, nothing else is looked at.
    async fn still_open(&mut self, channels: &[pb::Channel]) -> Result<StillOpen, DemoError> {
        let mut open = StillOpen {
            unreleased: self.ends.iter().map(|end| u64::from(end.side.unreleased())).sum(),
            ..StillOpen::default()
        };
        if open.unreleased > 0 {
            return Ok(open);
        }
        open.pushing = self.ends.iter().filter(|end| !end.activity.is_idle()).count() as u64;
        open.undelivered = channels.iter().map(|it| u64::try_from(it.pending_delivery_count).unwrap_or_default()).sum();
        self.far_sides_open(&mut open);
        self.ministry_open(&mut open);
        if open.is_nothing() {
            let last = self.operator.last_seq().await?;
            open.unseen = last.saturating_sub(self.books.open().watched.last_seq);
        }
        Ok(open)
    }

    fn far_sides_open(&self, open: &mut StillOpen) {
        for end in &self.ends {
            for account in end.side.accounts() {
                let confirmed = if account.sound { account.petition_id.is_some() } else { account.handed_out };
                if !confirmed {
                    open.unconfirmed += 1;
                } else if account.sound && !self.books.open().knows(end.channel, &account) {
                    open.unheard += 1;
                } else {
                    continue;
                }
                example(open, end.channel, &account);
            }
        }
    }

    fn ministry_open(&self, open: &mut StillOpen) {
        let pages = self.books.open();
        for page in pages.unfinished() {
            open.unfinished += 1;
            if open.examples.len() < EXAMPLES_MAX {
                open.examples.push(format!("{}/{}: {}", page.channel, page.external_id, page.status));
            }
        }
    }

    /// Lets the channels rest, so that both sides are counted at one moment. False if something moved meanwhile; then
    /// everything goes on.
    async fn rests(&mut self) -> Result<bool, DemoError> {
        let before = self.books.open().watched.last_seq;
        for channel in self.ends.iter().map(|end| end.channel).collect::<Vec<_>>() {
            self.operator.pause(channel).await?;
        }
        sleep(FINISHING).await;
        let channels = self.operator.look().await?;
        let open = self.still_open(&channels).await?;
        let rests = open.is_nothing() && self.books.open().watched.last_seq == before;
        if !rests {
            self.wake().await?;
        }
        Ok(rests)
    }

    async fn wake(&mut self) -> Result<(), DemoError> {
        for channel in self.ends.iter().map(|end| end.channel).collect::<Vec<_>>() {
            self.operator.resume(channel).await?;
        }
        Ok(())
    }

    async fn evidence(&self) -> Result<Evidence, DemoError> {
        let far_side = |end: &End| FarSideSaid {
            channel: end.channel.to_owned(),
            ear: end.ear,
            accounts: end.side.accounts(),
            complaints: end.side.complaints(),
        };
        let far_sides = self.ends.iter().map(far_side).collect();
        collect::evidence(&self.operator, far_sides, &self.books).await
    }
}

fn example(open: &mut StillOpen, channel: &str, account: &Account) {
    if open.examples.len() < EXAMPLES_MAX {
        let status = account.statuses.last().map_or("–", String::as_str);
        open.examples.push(format!("{channel}/{}: {status}", account.external_id));
    }
}
