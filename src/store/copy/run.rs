//! Copying a store into another, and comparing two.

use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::{
    CopyError,
    report::{Phase, Progress, Report, TableReport},
    rows::{Row, Sum, Summing},
    shelf::{Mark, Place, Shelf},
    tables::{STATE, TABLES, Table, table},
};

/// Hears how far it is.
pub(super) type Told<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Copies `source` into `target` and compares the two. The target keeps its mark when they differ.
pub(super) async fn copy(
    source: &dyn Shelf,
    target: &dyn Shelf,
    start_over: bool,
    told: Told<'_>,
) -> Result<Report, CopyError> {
    let mark = begin(source, target, start_over).await?;
    let counts = counts(source, told).await?;
    let mut copying = Copying { source, target, place: mark.place, told: Telling::new(Phase::Copy, &counts, told) };
    let mut sums = Vec::with_capacity(TABLES.len());
    let mut rows_before = 0;
    for (table, count) in TABLES.iter().zip(&counts) {
        let there = mark.place.rows_of(table);
        let sum = copying.table(table, there).await?;
        // Also when a reader ended before its end, for whatever reason, it is found here.
        if sum.rows != *count {
            return Err(CopyError::Changed(source.name().to_owned()));
        }
        rows_before += there.min(sum.rows);
        sums.push(sum);
    }
    let mut told = Telling::new(Phase::Compare, &counts, copying.told.told);
    let mut tables = Vec::with_capacity(TABLES.len());
    for (table, from) in TABLES.iter().zip(sums) {
        let to = sum(target, table, |rows| told.tell(table, rows)).await?;
        tables.push(TableReport { table: table.name, from, to });
    }
    let unfindable = unfindable(target, &tables).await?;
    let (from, to) = (source.name().to_owned(), target.name().to_owned());
    let report = Report { from, to, rows_before, tables, unfindable };
    if report.is_equal() {
        target.finish().await?;
    }
    Ok(report)
}

/// Compares two stores.
pub(super) async fn compare(one: &dyn Shelf, other: &dyn Shelf, told: Told<'_>) -> Result<Report, CopyError> {
    let counts = counts(one, told).await?;
    let mut told = Telling::new(Phase::Compare, &counts, told);
    let mut tables = Vec::with_capacity(TABLES.len());
    for (table, count) in TABLES.iter().zip(&counts) {
        let both = futures::future::try_join(sum(one, table, |rows| told.tell(table, rows)), sum(other, table, |_| ()));
        let (from, to) = both.await?;
        if from.rows != *count {
            return Err(CopyError::Changed(one.name().to_owned()));
        }
        tables.push(TableReport { table: table.name, from, to });
    }
    let unfindable = unfindable(other, &tables).await?;
    let (from, to) = (one.name().to_owned(), other.name().to_owned());
    Ok(Report { from, to, rows_before: 0, tables, unfindable })
}

/// The mark from which this copy goes on.
async fn begin(source: &dyn Shelf, target: &dyn Shelf, start_over: bool) -> Result<Mark, CopyError> {
    let fresh = Mark { source: source.name().to_owned(), state: state(source).await?, place: Place::start() };
    let mark = target.mark().await.map_err(CopyError::of(target.name()))?;
    match mark {
        Some(mark) if !start_over && mark.state == fresh.state => Ok(mark),
        Some(mark) if !start_over => Err(CopyError::OfAnother {
            store: target.name().to_owned(),
            source_name: mark.source,
            wanted: fresh.source,
        }),
        unfinished => {
            if unfinished.is_some() {
                target.clear().await.map_err(CopyError::of(target.name()))?;
            }
            target.begin(&fresh).await?;
            Ok(fresh)
        }
    }
}

/// What the tables come to in which every batch of a gateway's leaves its mark.
async fn state(shelf: &dyn Shelf) -> Result<Vec<u8>, CopyError> {
    let mut all = Sha256::new();
    for name in STATE {
        let table = table(name).expect("a test looks each of them up");
        all.update(sum(shelf, table, |_| ()).await?.sha256);
    }
    Ok(all.finalize().to_vec())
}

async fn counts(shelf: &dyn Shelf, told: Told<'_>) -> Result<Vec<u64>, CopyError> {
    let mut counts = Vec::with_capacity(TABLES.len());
    for (rows, table) in (0..).zip(&TABLES) {
        told(Progress { phase: Phase::Count, table: table.name, rows, rows_all: TABLES.len() as u64 });
        counts.push(shelf.count(table).await.map_err(CopyError::of(shelf.name()))?);
    }
    Ok(counts)
}

async fn unfindable(shelf: &dyn Shelf, tables: &[TableReport]) -> Result<u64, CopyError> {
    let findable = shelf.findable_count().await.map_err(CopyError::of(shelf.name()))?;
    let petitions = tables.first().map_or(0, |petitions| petitions.to.rows);
    Ok(petitions.saturating_sub(findable))
}

/// What a table comes to; `seen` hears how many rows have gone by.
async fn sum(shelf: &dyn Shelf, table: &'static Table, mut seen: impl FnMut(u64) + Send) -> Result<Sum, CopyError> {
    let failed = CopyError::of(shelf.name());
    let mut walk = shelf.walk(table).await.map_err(&failed)?;
    let (mut summing, mut rows) = (Summing::of(table), 0);
    seen(0);
    while let Some(page) = walk.try_next().await.map_err(&failed)? {
        page.iter().for_each(|row| summing.add(row));
        rows += page.len() as u64;
        seen(rows);
    }
    Ok(summing.end())
}

/// A copy under way.
struct Copying<'a> {
    source: &'a dyn Shelf,
    target: &'a dyn Shelf,
    place: Place,
    told: Telling<'a>,
}

impl Copying<'_> {
    /// Copies a table but for its first rows, which are there, and says what all of it comes to.
    async fn table(&mut self, table: &'static Table, there: u64) -> Result<Sum, CopyError> {
        let failed = CopyError::of(self.source.name());
        let mut walk = self.source.walk(table).await.map_err(&failed)?;
        let (mut summing, mut rows) = (Summing::of(table), 0);
        self.told.tell(table, 0);
        while let Some(page) = walk.try_next().await.map_err(&failed)? {
            page.iter().for_each(|row| summing.add(row));
            let begin = rows;
            rows += page.len() as u64;
            if rows > there {
                self.put(skipped(page, there.saturating_sub(begin)), Place { table, rows }).await?;
            }
            self.told.tell(table, rows);
        }
        Ok(summing.end())
    }

    async fn put(&mut self, rows: Vec<Row>, to: Place) -> Result<(), CopyError> {
        self.target.put(rows, self.place, to).await?;
        self.place = to;
        Ok(())
    }
}

/// The page without its first rows.
fn skipped(mut page: Vec<Row>, rows: u64) -> Vec<Row> {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX).min(page.len());
    page.drain(..rows);
    page
}

/// Tells how far a phase is.
struct Telling<'a> {
    phase: Phase,
    rows_before: u64,
    rows_all: u64,
    last: (&'static str, u64),
    told: Told<'a>,
}

impl<'a> Telling<'a> {
    fn new(phase: Phase, counts: &[u64], told: Told<'a>) -> Telling<'a> {
        Telling { phase, rows_before: 0, rows_all: counts.iter().sum(), last: ("", 0), told }
    }

    /// So many rows of this table have gone by.
    fn tell(&mut self, table: &'static Table, rows: u64) {
        if self.last.0 != table.name {
            self.rows_before += self.last.1;
        }
        self.last = (table.name, rows);
        let rows = self.rows_before + rows;
        (self.told)(Progress { phase: self.phase, table: table.name, rows, rows_all: self.rows_all });
    }
}
