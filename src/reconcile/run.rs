//! One run, step by step: list, compare our petitions, look for what never came, close what is gone. Each step ends with
//! its place in the store; whatever is cut off between two steps is done again by the next, and harmlessly.

use std::collections::{HashMap, HashSet};

use channel_sdk::listing::Listed;
use jiff::Timestamp;

use super::{
    ReconcileError, Reconciler,
    books::{Span, judge},
    compare::{Found, of_petition},
};
use crate::{
    channels::Channel,
    committer::Urgency,
    decision::{Context, uuid_at},
    petition::{DifferenceKind, EventBody, Petition},
    store::{
        Delivery, Difference, DifferenceChange, DifferenceQuery, DifferenceState, QuarantineQuery, Reconcile,
        Reconciliation, RunState, StoreError,
    },
};

/// Petitions, entries or differences of one step: some calls to the store for each step, and a step is done again after a
/// kill.
const STEP_ROWS: u32 = 200;
/// Items in quarantine that are looked through. Beyond so many, some are told as missing although they came; a person who
/// has so many there has seen them.
const QUARANTINED_MAX: usize = 100_000;
/// Who found what nobody asked for.
const ACTOR: &str = "gateway";
/// What is said of a difference that was not found again.
const GONE: &str = "không còn khi đối soát lại (gone by the next run)";

/// What a run needs besides what stands in the store; made anew by whoever goes on with it.
pub struct Progress {
    pages: u64,
    pages_max: u64,
    since: Option<Timestamp>,
    /// What came, and was refused: it is missing in nobody's books.
    quarantined: Option<HashSet<String>>,
}

impl Progress {
    /// For a run whose far side may list so many pages.
    pub fn new(pages_max: u64, last_done: Option<&Reconciliation>) -> Progress {
        Progress { pages: 0, pages_max, since: last_done.map(|run| run.began_at), quarantined: None }
    }
}

impl Reconciler {
    /// The next step of a run.
    ///
    /// # Errors
    /// See [`ReconcileError`]; the step can be tried again.
    pub async fn step(&self, run: &mut Reconciliation, progress: &mut Progress) -> Result<(), ReconcileError> {
        match run.state {
            RunState::Listing => self.list(run, progress).await,
            RunState::Comparing => self.compare(run, progress).await,
            RunState::Missing => self.look_for_missing(run, progress).await,
            RunState::Closing => self.close_gone(run).await,
            RunState::Done | RunState::Failed => Ok(()),
        }
    }

    /// Ends a run that cannot be done.
    ///
    /// # Errors
    /// The store failed.
    pub async fn fail(&self, run: &mut Reconciliation, reason: String) -> Result<(), StoreError> {
        let ended = Reconciliation {
            state: RunState::Failed,
            ended_at: Some(self.clock.now()),
            failure: Some(reason),
            ..run.clone()
        };
        self.keep(run, ended, Vec::new(), Vec::new()).await
    }

    async fn list(&self, run: &mut Reconciliation, progress: &mut Progress) -> Result<(), ReconcileError> {
        let channel = self.channel(&run.channel)?;
        if progress.pages >= progress.pages_max {
            return Err(ReconcileError::Endless { pages_max: progress.pages_max });
        }
        let page = channel.adapter.list(&*channel.remote, run.cursor.as_deref(), self.clock.now()).await?;
        progress.pages += 1;
        let items = self.merged(run, page.items).await?;
        let mut next = run.clone();
        next.listed += items.len() as u64;
        next.unreadable += u64::from(page.unreadable);
        if page.next.is_none() {
            next.state = RunState::Comparing;
        }
        next.cursor = page.next;
        Ok(self.keep(run, next, items, Vec::new()).await?)
    }

    /// One entry for each petition, with what earlier pages said of it.
    async fn merged(&self, run: &Reconciliation, items: Vec<Listed>) -> Result<Vec<Listed>, StoreError> {
        let ids: Vec<String> = items.iter().map(|it| it.external_id.clone()).collect();
        let known = self.store.listed_of(run, &ids).await?;
        let mut merged: HashMap<String, Listed> = known.into_iter().map(|it| (it.external_id.clone(), it)).collect();
        for item in items {
            match merged.get_mut(&item.external_id) {
                Some(known) => known.add(item),
                None => drop(merged.insert(item.external_id.clone(), item)),
            }
        }
        Ok(merged.into_values().collect())
    }

    async fn compare(&self, run: &mut Reconciliation, progress: &mut Progress) -> Result<(), ReconcileError> {
        let channel = self.channel(&run.channel)?;
        let after = run.cursor.as_deref();
        let petitions = self.store.petition_list_by_external_id(&run.channel, after, STEP_ROWS).await?;
        let Some(last) = petitions.last().map(|it| it.external_id.clone()) else {
            let next = Reconciliation { state: RunState::Missing, cursor: None, ..run.clone() };
            return Ok(self.keep(run, next, Vec::new(), Vec::new()).await?);
        };
        if run.cursor.is_none() && !self.store.listed_any(run).await? {
            // Taken over with a store that was moved, the listing stayed behind; otherwise there was none.
            return if run.listed > 0 { self.list_anew(run).await } else { Err(ReconcileError::ListsNothing) };
        }
        let page = self.page(run, petitions).await?;
        let span = Span { since: progress.since, until: run.began_at };
        let quarantined = self.quarantined(&run.channel, progress).await?;
        let (mut next, mut seen) = (run.clone(), Vec::new());
        for petition in &page.petitions {
            let (found, asked) = page.differences(&channel, span, petition).await?;
            let found = found
                .into_iter()
                .filter(|it| it.kind != DifferenceKind::OlderHere || !quarantined.contains(&petition.external_id));
            let (new, again) = page.sorted(run, petition, found.collect());
            next.asked += asked;
            next.found += (new.len() + again.len()) as u64;
            self.tell(petition, new).await?;
            seen.extend(again);
        }
        next.compared += page.petitions.len() as u64;
        next.cursor = Some(last);
        Ok(self.keep(run, next, Vec::new(), seen).await?)
    }

    async fn list_anew(&self, run: &mut Reconciliation) -> Result<(), ReconcileError> {
        let next = Reconciliation { state: RunState::Listing, listed: 0, unreadable: 0, ..run.clone() };
        Ok(self.keep(run, next, Vec::new(), Vec::new()).await?)
    }

    /// Everything that is known of some petitions; those that came after the run began are left to the next.
    async fn page(&self, run: &Reconciliation, petitions: Vec<Petition>) -> Result<Page, StoreError> {
        let petitions: Vec<Petition> = petitions.into_iter().filter(|it| it.received_at < run.began_at).collect();
        let external_ids: Vec<String> = petitions.iter().map(|it| it.external_id.clone()).collect();
        let ids: Vec<_> = petitions.iter().map(|it| it.id).collect();
        let listed = self.store.listed_of(run, &external_ids).await?;
        Ok(Page {
            deliveries: self.store.delivery_list_of(&ids).await?,
            known: self.store.difference_list_of(&run.channel, &external_ids).await?,
            listed: listed.into_iter().map(|it| (it.external_id.clone(), it)).collect(),
            petitions,
            now: self.clock.now(),
        })
    }

    /// New differences of a petition are events of it, in the transaction that brings them.
    async fn tell(&self, petition: &Petition, new: Vec<Difference>) -> Result<(), ReconcileError> {
        if new.is_empty() {
            return Ok(());
        }
        let bodies = new.iter().map(|it| EventBody::DifferenceFound {
            difference: it.id.to_string(),
            kind: it.kind,
            delivery: it.delivery.map(|id| id.0.to_string()),
        });
        let bodies = bodies.collect();
        let differences = new.into_iter().map(DifferenceChange::Found).collect();
        let context = Context { actor: ACTOR.to_owned(), differences, urgency: Urgency::Bulk, ..Context::default() };
        self.decisions.note(petition.id, bodies, context).await?;
        Ok(())
    }

    async fn look_for_missing(&self, run: &mut Reconciliation, progress: &mut Progress) -> Result<(), ReconcileError> {
        let missing = self.store.listed_missing(run, run.cursor.as_deref(), STEP_ROWS).await?;
        let Some(last) = missing.last().map(|it| it.external_id.clone()) else {
            let next = Reconciliation { state: RunState::Closing, cursor: None, ..run.clone() };
            return Ok(self.keep(run, next, Vec::new(), Vec::new()).await?);
        };
        let quarantined = self.quarantined(&run.channel, progress).await?;
        let ids: Vec<String> =
            missing.into_iter().map(|it| it.external_id).filter(|id| !quarantined.contains(id)).collect();
        let known = self.store.difference_list_of(&run.channel, &ids).await?;
        let found = Found { kind: DifferenceKind::MissingHere, delivery: None };
        let now = self.clock.now();
        let changes = ids.iter().filter_map(|id| match standing(&known, id, found) {
            None => Some(DifferenceChange::Found(difference(run, id, found, now))),
            Some(it) if it.state == DifferenceState::Open => Some(DifferenceChange::Seen { id: it.id, run: run.id }),
            Some(_) => None,
        });
        let changes: Vec<_> = changes.collect();
        let next = Reconciliation { found: run.found + changes.len() as u64, cursor: Some(last), ..run.clone() };
        Ok(self.keep(run, next, Vec::new(), changes).await?)
    }

    /// What was open and is not found any more is closed by itself.
    async fn close_gone(&self, run: &mut Reconciliation) -> Result<(), ReconcileError> {
        let query = DifferenceQuery {
            channel: Some(run.channel.clone()),
            state: Some(DifferenceState::Open),
            not_seen_in: Some(run.id),
            limit: STEP_ROWS,
            ..DifferenceQuery::default()
        };
        let gone = self.store.difference_list(&query).await?;
        for difference in &gone {
            self.close(difference, DifferenceState::Repaired, GONE.to_owned(), ACTOR).await?;
        }
        if gone.is_empty() {
            let next = Reconciliation { state: RunState::Done, ended_at: Some(self.clock.now()), ..run.clone() };
            self.keep(run, next, Vec::new(), Vec::new()).await?;
        }
        Ok(())
    }

    /// The far side's ids of what stands in quarantine.
    async fn quarantined<'p>(
        &self,
        channel: &str,
        progress: &'p mut Progress,
    ) -> Result<&'p HashSet<String>, StoreError> {
        if progress.quarantined.is_none() {
            let mut ids = HashSet::new();
            let mut query =
                QuarantineQuery { channel: Some(channel.to_owned()), limit: STEP_ROWS, ..QuarantineQuery::default() };
            while ids.len() < QUARANTINED_MAX {
                let page = self.store.quarantine_list(&query).await?;
                let Some(last) = page.last() else { break };
                query.after = Some(last.record.item);
                ids.extend(page.into_iter().filter_map(|it| it.record.external_id));
            }
            progress.quarantined = Some(ids);
        }
        Ok(progress.quarantined.as_ref().expect("it was filled above if it was empty"))
    }

    /// Keeps a run's place with what it brought.
    async fn keep(
        &self,
        run: &mut Reconciliation,
        next: Reconciliation,
        listed: Vec<Listed>,
        differences: Vec<DifferenceChange>,
    ) -> Result<(), StoreError> {
        self.committer.reconcile(Reconcile::Step { run: next.clone(), listed, differences }).await?;
        *run = next;
        Ok(())
    }
}

/// Some petitions, and everything that is known of them.
struct Page {
    petitions: Vec<Petition>,
    listed: HashMap<String, Listed>,
    deliveries: Vec<Delivery>,
    known: Vec<Difference>,
    now: Timestamp,
}

impl Page {
    async fn differences(
        &self,
        channel: &Channel,
        span: Span,
        petition: &Petition,
    ) -> Result<(Vec<Found>, u64), ReconcileError> {
        let Some(listed) = self.listed.get(&petition.external_id) else {
            return Ok((of_petition(petition, None, &[]), 0));
        };
        let deliveries: Vec<&Delivery> = self.deliveries.iter().filter(|it| it.petition == petition.id).collect();
        let open = self.known.iter().filter(|it| it.state == DifferenceState::Open);
        let doubted = open.filter_map(|it| it.delivery).collect();
        let (judged, asked) = judge(channel, span, listed, &deliveries, &doubted).await?;
        Ok((of_petition(petition, Some(listed), &judged), asked))
    }

    /// The new ones, and the open ones that were found again; what a person dismissed, or is past mending, is neither.
    fn sorted(
        &self,
        run: &Reconciliation,
        petition: &Petition,
        found: Vec<Found>,
    ) -> (Vec<Difference>, Vec<DifferenceChange>) {
        let (mut new, mut seen) = (Vec::new(), Vec::new());
        for found in found {
            match standing(&self.known, &petition.external_id, found) {
                None => new.push(Difference {
                    petition: Some(petition.id),
                    ..difference(run, &petition.external_id, found, self.now)
                }),
                Some(it) if it.state == DifferenceState::Open => {
                    seen.push(DifferenceChange::Seen { id: it.id, run: run.id });
                }
                Some(_) => {}
            }
        }
        (new, seen)
    }
}

/// The difference that already says this. What was repaired and is found again is new; a newer revision may not be hidden
/// by the dismissal of an older one.
fn standing<'k>(known: &'k [Difference], external_id: &str, found: Found) -> Option<&'k Difference> {
    let is_same =
        |it: &&Difference| it.external_id == external_id && it.kind == found.kind && it.delivery == found.delivery;
    known.iter().filter(is_same).find(|it| match it.state {
        DifferenceState::Open => true,
        DifferenceState::Dismissed => it.kind != DifferenceKind::OlderHere,
        DifferenceState::Repaired => it.kind == DifferenceKind::OvertakenThere,
    })
}

fn difference(run: &Reconciliation, external_id: &str, found: Found, now: Timestamp) -> Difference {
    Difference {
        id: uuid_at(now),
        channel: run.channel.clone(),
        external_id: external_id.to_owned(),
        petition: None,
        delivery: found.delivery,
        kind: found.kind,
        state: DifferenceState::Open,
        found_in: run.id,
        seen_in: run.id,
        found_at: now,
        closed_at: None,
        outcome: None,
    }
}
