//! What all runs came to, for people.

use std::{collections::BTreeMap, time::Duration};

use super::life::{Life, Lived};

/// After a restart the first delivery should be made within so long. Told and not asserted: it is the machine's as well.
const FIRST_DELIVERY_WANTED: Duration = Duration::from_secs(2);

/// The sums of all runs, by engine.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<&'static str, Row>,
    pub(super) failures: Vec<String>,
}

#[derive(Default)]
struct Row {
    lives: usize,
    deaths: usize,
    failed: usize,
    told: [u64; 3],
    entered: [usize; 3],
    starts: Vec<Duration>,
    first_deliveries: Vec<Duration>,
}

impl Table {
    /// Adds a run; one that failed is told at once.
    pub(super) fn add(&mut self, life: &Life, lived: Result<Lived, Vec<String>>) {
        let row = self.rows.entry(life.engine.name()).or_default();
        row.lives += 1;
        match lived {
            Ok(lived) => row.take(life, lived),
            Err(wrong) => {
                row.failed += 1;
                let (first, more) = (wrong.first().map_or("", String::as_str), wrong.len().saturating_sub(1));
                let told = format!("{}\n  first: {first}\n  and {more} more", life.command());
                eprintln!("FAILED {told}");
                self.failures.push(told);
            }
        }
    }

    pub(super) fn show(&self) {
        for (engine, row) in &self.rows {
            let [submitted, decided, events] = row.told;
            let [imported, uploaded, mended] = row.entered;
            eprintln!(
                "{engine}: {} deaths on {} stores, {} failed; acknowledged: {submitted} submissions and replies, \
                 {imported} imported, {uploaded} uploaded, {decided} decisions, {events} events; {mended} broken pushes \
                 discarded",
                row.deaths, row.lives, row.failed
            );
            let late = row.first_deliveries.iter().filter(|it| **it > FIRST_DELIVERY_WANTED).count();
            eprintln!(
                "{engine}: start to serving {}; start to the first delivery {}; {late} of {} later than \
                 {FIRST_DELIVERY_WANTED:?}",
                spread(&row.starts),
                spread(&row.first_deliveries),
                row.first_deliveries.len()
            );
        }
    }
}

impl Row {
    fn take(&mut self, life: &Life, lived: Lived) {
        self.deaths += life.deaths.len();
        (0..3).for_each(|at| self.told[at] += lived.told[at]);
        (0..3).for_each(|at| self.entered[at] += lived.entered[at]);
        self.starts.extend(lived.starts);
        self.first_deliveries.extend(lived.first_deliveries);
    }
}

/// Middle and longest.
fn spread(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let Some(longest) = times.last() else { return "–".to_owned() };
    format!("{:.2?} in the middle, {longest:.2?} at most", times[times.len() / 2])
}
