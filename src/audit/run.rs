//! Reads the rows of a store for the rules, page by page, and tells what they find.
//!
//! What belongs together is read from one snapshot: a petition and its events, a message and its items, a delivery, its lane
//! and its attempts, counts and what they count. Between pages a new snapshot is taken now and then.

mod walks;

use std::time::{Duration, Instant};

use super::{AuditError, Finding, Options, Report, Section, Told, What};
use crate::{
    blobs::Shelf,
    store::{StoreError, inspect::Inspection},
};

/// How old a snapshot becomes: long enough that taking it costs nothing, short enough that what the engine must keep for it
/// (the write-ahead log, dead rows) stays small under any load.
const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(5);

/// How many of each sort are told one by one; whoever has more has one cause, and is helped by its count.
const TOLD_EACH_MAX: u64 = 1_000;

/// Looks a store through. `shelf` holds the contents of attachments; without it they are left out. `told` hears what is found
/// and how far it is.
///
/// # Errors
/// The store or the contents cannot be read for now. What cannot be read because it is damaged is a finding.
pub async fn audit(
    store: &Inspection,
    shelf: Option<&Shelf>,
    options: &Options,
    told: &mut (dyn FnMut(Told) + Send),
) -> Result<Report, AuditError> {
    let report =
        Report { store: store.name().to_owned(), is_served: store.watch().await?.is_served, ..Report::default() };
    let mut run = Run { store, shelf, options, told, report, renewed_at: Instant::now() };
    for section in Section::ALL.iter().filter(|section| options.sections.contains(section)) {
        run.section(*section).await?;
    }
    Ok(run.report)
}

/// An audit under way.
struct Run<'a> {
    store: &'a Inspection,
    shelf: Option<&'a Shelf>,
    options: &'a Options,
    told: &'a mut (dyn FnMut(Told) + Send),
    report: Report,
    renewed_at: Instant,
}

impl Run<'_> {
    /// A section that is so damaged that the engine cannot read on does not keep the others from being looked through.
    async fn section(&mut self, section: Section) -> Result<(), AuditError> {
        self.renew().await?;
        let walked = match section {
            Section::Events => self.events().await,
            Section::Petitions => self.petitions().await,
            Section::Journal => self.journal().await,
            Section::Deliveries => self.deliveries().await,
            Section::Channels => self.channels().await,
            Section::Requests => self.requests().await,
            Section::Files => self.files().await,
        };
        match walked {
            Err(AuditError::Store(StoreError::Engine(_) | StoreError::Damaged(_))) => {
                let rows = self.report.rows.get(&section).copied().unwrap_or(0);
                self.find([Finding::new(section, What::SectionUnreadable, format!("{section}, after {rows} rows"))]);
                Ok(())
            }
            walked => walked,
        }
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        self.renewed_at = Instant::now();
        self.store.renew().await
    }

    /// Between two pages: what is read after this may be newer than what was read before.
    async fn renew_if_old(&mut self) -> Result<(), StoreError> {
        if self.renewed_at.elapsed() > SNAPSHOT_AGE_MAX { self.renew().await } else { Ok(()) }
    }

    fn find(&mut self, found: impl IntoIterator<Item = Finding>) {
        for finding in found {
            let count = self.report.found.entry(finding.what).or_default();
            *count += 1;
            // Contents that nobody names are counted: there is nothing to do about any of them.
            if *count <= TOLD_EACH_MAX && finding.what != What::FileUnnamed {
                (self.told)(Told::Found(finding));
            }
        }
    }

    /// So many more rows of this section were looked at.
    fn saw(&mut self, section: Section, rows: usize, rows_all: Option<u64>) {
        let seen = self.report.rows.entry(section).or_default();
        *seen += rows as u64;
        let progress = Told::Progress { section, rows: *seen, rows_all };
        (self.told)(progress);
    }
}
