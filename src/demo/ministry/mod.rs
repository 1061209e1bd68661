//! The scripted ministry: a client of the public contract that watches every petition and decides by rules and seed.
//!
//! It is what a ministry's own system would be: it keeps its own books, sends every decision with a `request_id` of its
//! own, repeats it under the same one until it is answered, and goes on where its watch broke off. Petitions are worked
//! on at the same time, the decisions on one of them one after the other.
//!
//! - [`plan`]: what is decided, pure; `words`: what is said; `calls`: a decision as a call; [`gateways`]: to whom;
//! - `office`: one petition's decisions, with patience; `watching`: the events; [`books`]: what was seen and done.

pub mod books;
mod calls;
pub mod gateways;
mod office;
pub mod plan;
mod watching;
mod words;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::plan::Case;
use self::{
    books::Books,
    gateways::Gateways,
    office::{File, Office, Task},
};
use super::{expectation::Happening, reading};
use crate::pb::{self, petition_event::Change};

/// Events that wait for the desk; a slow desk slows the watch, and loses nothing.
const EVENTS_WAITING_MAX: usize = 256;

/// The ministry.
pub struct Ministry {
    gateways: Gateways,
    books: Books,
    office: Arc<Office>,
}

impl Ministry {
    /// A ministry that decides by `seed` and thinks about a petition for at most `thought_max`.
    pub fn new(gateways: Gateways, books: Books, seed: u64, thought_max: Duration) -> Ministry {
        let office = Arc::new(Office::new(gateways.clone(), books.clone(), seed, thought_max));
        Ministry { gateways, books, office }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let watching = watching::watch(self.gateways, self.books.clone(), sender);
        let desk = Desk { office: self.office, files: HashMap::new(), working: FuturesUnordered::new() };
        tokio::select! {
            () = stop.cancelled() => {}
            ((), ()) = async { tokio::join!(watching, desk.run(events)) } => {}
        }
    }
}

/// Where events become work: one petition's tasks in their order, different petitions at the same time.
struct Desk {
    office: Arc<Office>,
    files: HashMap<String, Place>,
    working: FuturesUnordered<BoxFuture<'static, File>>,
}

/// One petition's place on the desk: its file, unless somebody works on it, and what is still to do.
struct Place {
    file: Option<File>,
    tasks: VecDeque<Task>,
}

impl Desk {
    async fn run(mut self, mut events: mpsc::Receiver<pb::PetitionEvent>) {
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(&event),
                    None => return,
                },
                Some(file) = self.working.next(), if !self.working.is_empty() => self.put_back(file),
            }
        }
    }

    fn take(&mut self, event: &pb::PetitionEvent) {
        let id = reading::id_of(&event.petition).to_owned();
        let task = match (&event.change, reading::happening(event)) {
            (Some(Change::Received(it)), _) => {
                let case = it.content.as_ref().map(reading::case).unwrap_or_else(|| reading::case(&Default::default()));
                let file = Some(File::new(event.petition.clone(), case));
                self.files.insert(id.clone(), Place { file, tasks: VecDeque::new() });
                Task::First
            }
            (_, Happening::InformationProvided) => Task::GoOn,
            (_, Happening::Rated { score }) => Task::Reconsider { score: i32::from(score) },
            (_, Happening::Withdrawn | Happening::Reassigned) => Task::Stop,
            _ => return,
        };
        // Before the task has begun, not after: whoever waits for the ministry must not find it idle in between.
        self.office.books.open().begin(&id);
        if let Some(place) = self.files.get_mut(&id) {
            place.tasks.push_back(task);
        }
        self.next(&id);
    }

    fn put_back(&mut self, file: File) {
        let id = reading::id_of(&file.name).to_owned();
        if let Some(place) = self.files.get_mut(&id) {
            place.file = Some(file);
        }
        self.next(&id);
    }

    /// Begins the next task of a petition, if nobody works on it and there is one.
    fn next(&mut self, id: &str) {
        let Some(place) = self.files.get_mut(id) else { return };
        let Some(file) = place.file.take() else { return };
        match place.tasks.pop_front() {
            Some(task) => self.working.push(Box::pin(Arc::clone(&self.office).work(file, task))),
            None => {
                if file.is_done() {
                    self.office.books.open().end(id);
                }
                place.file = Some(file);
            }
        }
    }
}
