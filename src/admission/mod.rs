//! Admission: who is let in, before any work is done for them, when more is asked than can be done.
//!
//! Every call needs a place in a room, and rooms are for what goes together: people's calls that write, reads, operators,
//! imports, transfers of files. So reads hold up no form and a storm of forms no operator. A room is shared fairly among
//! clients ([`share`]), and the one for people's writes is as large as the store answers in time ([`pace`]). Who finds no
//! place is told at once, and when to come again; who is in finds a short queue. Large bodies have a room of bytes.
//!
//! Absent: the order in which writes that were let in are committed; that is the committer's.

pub mod pace;
pub mod share;

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use self::{
    pace::{Bounds, Pace},
    share::Share,
};
pub use share::Client;

/// The smallest room for people's writes: a group commit needs some hundred to be worth its sync, and 256 calls in flight
/// of one system find a place.
const PEOPLE_LEAST: usize = 320;
/// Operators' calls at once: people with a console and their scripts; enough that none waits for another.
const OPERATORS_MAX: usize = 64;
/// How many times what is free a client may hold: alone it gets eight ninths, and the last ninth is for who comes new.
const GREED: usize = 8;
/// The same for bytes: alone two thirds, because one body may want much of the rest.
const GREED_FOR_BYTES: usize = 2;

/// Which room a call needs a place in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// None: health, and streams that have a limit of their own.
    Free,
    /// Whatever people write: forms, decisions, pushes.
    People,
    /// Whatever only reads.
    Reads,
    /// What operators do.
    Operators,
    /// Imports by the stream.
    Imports,
    /// Files and dossiers, in and out.
    Transfers,
}

/// How large the rooms are.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// The most calls of people that write; the room is as large as is answered in time, up to this.
    pub people_max: usize,
    /// Half of them should be answered within this.
    pub answer_target: Duration,
    /// Reads at once.
    pub reads_max: usize,
    /// Imports at once.
    pub imports_max: usize,
    /// Files and dossiers under way at once.
    pub transfers_max: usize,
}

/// Somebody found no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room now")]
pub struct NoRoom {
    /// When to come again.
    pub again_after: Duration,
}

/// All rooms. Cheap to clone.
#[derive(Clone)]
pub struct Admission {
    people: Arc<Room>,
    reads: Arc<Room>,
    operators: Arc<Room>,
    imports: Arc<Room>,
    transfers: Arc<Room>,
    names: RandomState,
}

struct Room {
    opened: Instant,
    inside: Mutex<Inside>,
}

struct Inside {
    share: Share,
    pace: Pace,
}

/// A place in a room; given back when dropped.
pub struct Permit {
    room: Arc<Room>,
    client: Client,
    entered: Instant,
}

impl Admission {
    /// Empty rooms of these sizes.
    pub fn new(rooms: &Rooms) -> Admission {
        let fixed = |size| Room::new(Bounds { least: size, most: size, target: Duration::MAX });
        let people = Bounds { least: PEOPLE_LEAST, most: rooms.people_max, target: rooms.answer_target };
        Admission {
            people: Room::new(people),
            reads: fixed(rooms.reads_max),
            operators: fixed(OPERATORS_MAX),
            imports: fixed(rooms.imports_max),
            transfers: fixed(rooms.transfers_max),
            names: RandomState::new(),
        }
    }

    /// The client of this name. Those who have none of their own, on loopback, are told apart by their connections.
    pub fn client(&self, name: &str, connection: Option<SocketAddr>) -> Client {
        self.names.hash_one((name, connection))
    }

    /// Takes a place; `Ok(None)` where none is needed.
    ///
    /// # Errors
    /// The room is full, or the client has its share.
    pub fn enter(&self, place: Place, client: Client) -> Result<Option<Permit>, NoRoom> {
        self.enter_at(place, client, Instant::now())
    }

    fn enter_at(&self, place: Place, client: Client, entered: Instant) -> Result<Option<Permit>, NoRoom> {
        let Some(room) = self.room(place) else { return Ok(None) };
        let now = entered.duration_since(room.opened);
        let mut inside = room.inside();
        if inside.share.try_take(client, 1) {
            inside.pace.let_in(now);
            drop(inside);
            return Ok(Some(Permit { room: Arc::clone(room), client, entered }));
        }
        let again_after = inside.pace.turned_away(now);
        inside.resize();
        Err(NoRoom { again_after })
    }

    /// Whether a place could be taken now; who could not is told when to come again.
    ///
    /// # Errors
    /// See [`Admission::enter`].
    pub fn look(&self, place: Place, client: Client) -> Result<(), NoRoom> {
        let Some(room) = self.room(place) else { return Ok(()) };
        let mut inside = room.inside();
        if inside.share.has_room(client, 1) {
            return Ok(());
        }
        Err(NoRoom { again_after: inside.pace.turned_away(room.opened.elapsed()) })
    }

    /// How many places of a room are taken.
    pub fn taken(&self, place: Place) -> usize {
        self.room(place).map_or(0, |room| room.inside().share.taken())
    }

    fn room(&self, place: Place) -> Option<&Arc<Room>> {
        match place {
            Place::Free => None,
            Place::People => Some(&self.people),
            Place::Reads => Some(&self.reads),
            Place::Operators => Some(&self.operators),
            Place::Imports => Some(&self.imports),
            Place::Transfers => Some(&self.transfers),
        }
    }
}

impl Room {
    fn new(bounds: Bounds) -> Arc<Room> {
        let pace = Pace::new(bounds);
        let share = Share::new(pace.room(), GREED);
        Arc::new(Room { opened: Instant::now(), inside: Mutex::new(Inside { share, pace }) })
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn resize(&mut self) {
        self.share.resize(self.pace.room());
    }
}

impl Permit {
    /// The call was done and is answered now: what the room's size is learnt from. Refusals and calls that break off say
    /// nothing of how long work takes.
    pub fn answered(&self) {
        self.answered_at(Instant::now());
    }

    fn answered_at(&self, at: Instant) {
        let (lasted, now) = (at.duration_since(self.entered), at.duration_since(self.room.opened));
        let mut inside = self.room.inside();
        inside.pace.answered(now, lasted);
        inside.resize();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.room.inside().share.give_back(self.client, 1);
    }
}

/// A room of bytes, for bodies while they are read and worked on. Cheap to clone.
#[derive(Clone)]
pub struct Budget(Arc<Mutex<Share>>);

/// Bytes that are held; given back when dropped.
pub struct Held {
    budget: Budget,
    client: Client,
    bytes: usize,
}

impl Budget {
    /// A room of so many bytes.
    pub fn new(bytes_max: usize) -> Budget {
        Budget(Arc::new(Mutex::new(Share::new(bytes_max, GREED_FOR_BYTES))))
    }

    /// Nothing yet, for this client.
    pub fn open(&self, client: Client) -> Held {
        Held { budget: self.clone(), client, bytes: 0 }
    }

    /// How many bytes are held.
    pub fn taken(&self) -> usize {
        self.share().taken()
    }

    fn share(&self) -> std::sync::MutexGuard<'_, Share> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Holds at least so many bytes in all; `false` when that is more than the client's share of what is free.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let fits = more == 0 || self.budget.share().try_take(self.client, more);
        if fits {
            self.bytes += more;
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.share().give_back(self.client, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms() -> Rooms {
        Rooms {
            people_max: 1_024,
            answer_target: Duration::from_millis(20),
            reads_max: 16,
            imports_max: 4,
            transfers_max: 4,
        }
    }

    #[test]
    fn rooms_are_apart_and_places_come_back() {
        let admission = Admission::new(&rooms());
        let (one, other) = (admission.client("one", None), admission.client("other", None));
        let reads: Vec<_> = (0..).map_while(|_| admission.enter(Place::Reads, one).ok()).collect();
        assert_eq!(reads.len(), 15);
        assert!(admission.enter(Place::Reads, other).is_ok(), "one that holds nothing finds the last place");
        for place in [Place::Free, Place::People, Place::Operators, Place::Imports, Place::Transfers] {
            assert!(admission.enter(place, one).is_ok(), "{place:?}");
        }
        drop(reads);
        let places = [Place::People, Place::Reads, Place::Operators, Place::Imports, Place::Transfers];
        assert_eq!(places.map(|place| admission.taken(place)), [0; 5]);
    }

    #[test]
    fn a_client_is_known_by_its_name_and_without_one_by_its_connection() {
        let admission = Admission::new(&rooms());
        let at = |port: u16| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(admission.client("one", None), admission.client("one", None));
        assert_ne!(admission.client("loopback", at(1)), admission.client("loopback", at(2)));
    }

    /// How many are let in at last, when each time all who are in are answered after so long.
    fn let_in(admission: &Admission, at: &mut Instant, lasting: Duration) -> usize {
        let client = admission.client("one", None);
        let mut most = 0;
        for _ in 0..200 {
            let enter = |_| admission.enter_at(Place::People, client, *at).ok().flatten();
            let inside: Vec<_> = (0..).map_while(enter).collect();
            most = inside.len();
            *at += lasting;
            inside.iter().for_each(|permit| permit.answered_at(*at));
        }
        most
    }

    #[test]
    fn people_find_more_room_while_they_are_answered_in_time() {
        let admission = Admission::new(&rooms());
        let mut at = Instant::now();
        let (alone_in_the_largest, alone_in_the_smallest) = (911, 285);
        assert_eq!(let_in(&admission, &mut at, Duration::from_millis(10)), alone_in_the_largest);
        assert_eq!(let_in(&admission, &mut at, Duration::from_millis(100)), alone_in_the_smallest);
        assert_eq!(admission.taken(Place::People), 0);
    }

    #[test]
    fn bytes_are_held_until_they_are_dropped_and_by_no_client_alone() {
        let budget = Budget::new(120);
        let (mut one, mut other) = (budget.open(1), budget.open(2));
        assert!(one.grow_to(50) && one.grow_to(80) && one.grow_to(20) && !one.grow_to(81));
        assert!(other.grow_to(26) && !other.grow_to(40));
        assert_eq!(budget.taken(), 106);
        drop(one);
        assert!(other.grow_to(40));
        drop(other);
        assert_eq!(budget.taken(), 0);
    }
}
