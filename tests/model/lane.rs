//! One lane of deliveries, two gateways, a network that loses, a far side, a person: every step that any of them can take.

use std::time::Duration;

use channel_sdk::{Guarantees, Notice, NoticeBody, Verdict};
use jiff::Timestamp;
use petition_gateway::{
    outbound::{
        Schedule,
        course::{Course, Step},
    },
    petition::PetitionId,
    store::{Delivery, DeliveryId, DeliveryState, Errand, Settlement},
};
use stateright::{Model, Property};
use uuid::Uuid;

use crate::books::{Books, COUNT, Row, Stage, Word};

/// Attempts of a round that may end without a word.
const SILENT_ATTEMPTS_MAX: u8 = 2;
/// Times that a person has something tried again, or lets go of a lease, in one history.
const RETRIES: u8 = 1;
/// Messages that a far side takes over and loses before it acknowledges them, in one history.
const LOSSES: u8 = 1;

/// What has to hold always.
pub(crate) const ONCE: &str = "nothing takes effect twice";
pub(crate) const IN_ORDER: &str = "nothing overtakes what goes before it in its lane";
pub(crate) const FLAGGED: &str = "what may have arrived is delivered, in doubt, or under way";
pub(crate) const NO_STANDSTILL: &str = "nothing stands still before every delivery has ended";
const TRUE: &str = "what is delivered in the books took effect";
const STAYS: &str = "what is delivered stays delivered";
/// What has to come.
const ENDS: &str = "every delivery ends as delivered, parked or a dead letter";
/// What the model must be able to come to, or it shows nothing.
const EXAMPLES: [&str; 3] = ["all are delivered", "one is a dead letter", "an attempt ended without a word"];

/// The model.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) guarantees: Guarantees,
    /// What is done wrong, to show that it is found.
    pub(crate) flaw: Option<Flaw>,
    /// Kills, and leases that end while their gateway is at work, in one history: two make a delivery poison.
    pub(crate) troubles: u8,
    pub(crate) schedule: Schedule,
}

/// A gateway or a store that does one thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    SendsBlindly,
    SendsAfterItsLease,
    ForgetsDoubt,
    KeepsNoOrder,
    LeaseNeverEnds,
}

/// What a gateway has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Work {
    n: usize,
    /// Nobody has leased it since.
    has_last_lease: bool,
    /// As it was claimed.
    claimed: Claimed,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Claimed {
    in_doubt: bool,
    is_handed_over: bool,
    attempts_in_round: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum At {
    Asking,
    Sending {
        in_doubt: bool,
    },
    /// The settlement, by its place in [`WORDS`].
    Heard(usize),
}

/// Every settlement, so that what a gateway heard has an order.
const WORDS: [Word; 7] = [
    Word::Delivered,
    Word::Retry { in_doubt: false },
    Word::Retry { in_doubt: true },
    Word::HandedOver,
    Word::Park,
    Word::DeadLetter { in_doubt: false },
    Word::DeadLetter { in_doubt: true },
];

/// Everything that there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    books: Books,
    /// In order: it does not matter which gateway is which.
    gateways: [Option<Work>; 2],
    /// How often each delivery took effect at the far side.
    effects: [u8; COUNT],
    breaker_is_open: bool,
    troubles_left: u8,
    retries_left: u8,
    losses_left: u8,
    was_overtaken: bool,
    was_undone: bool,
}

/// What happens to a message that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It takes effect, and the answer comes.
    Answered,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// It is taken over, to be acknowledged later, and then lost.
    TakenAndLost,
    /// It is lost on its way, and nobody knows.
    Lost,
    /// The far side takes nothing now.
    Refused,
    /// The far side never will.
    Rejected,
}

/// What comes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Truth,
    CannotTell,
    None,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    Claim {
        gateway: usize,
    },
    Ask {
        gateway: usize,
        reply: Reply,
    },
    Send {
        gateway: usize,
        fate: Fate,
    },
    Settle {
        gateway: usize,
        opens_breaker: bool,
    },
    /// It was held up for too long, and sends nothing any more.
    GiveUp {
        gateway: usize,
    },
    Kill {
        gateway: usize,
    },
    LeaseEnds {
        n: usize,
    },
    Receipt {
        n: usize,
    },
    Resolve {
        n: usize,
    },
    Retry {
        n: usize,
    },
    Probe,
}

impl Lane {
    /// As it should be.
    pub(crate) fn of(guarantees: Guarantees) -> Lane {
        let schedule = Schedule { waits: vec![Duration::from_secs(5)], jitter_per_mille: 0 };
        // Receipts make many more histories; that a delivery can be poison is seen at the other sides.
        let troubles = if guarantees.acknowledges_later.is_some() { 1 } else { 2 };
        Lane { guarantees, flaw: None, troubles, schedule }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Asks the gateway's own rules.
    fn rules<T>(&self, claimed: Claimed, of: impl FnOnce(&Course<'_>) -> T) -> T {
        let delivery = delivery(claimed);
        of(&Course {
            delivery: &delivery,
            guarantees: self.guarantees,
            is_handed_over: claimed.is_handed_over,
            schedule: &self.schedule,
            draw: 0,
        })
    }

    fn begin(&self, row: &Row, claimed: Claimed) -> At {
        if row.silent_attempts >= SILENT_ATTEMPTS_MAX {
            return heard(Word::DeadLetter { in_doubt: claimed.in_doubt });
        }
        match self.rules(claimed, |course| course.first_step()) {
            _ if self.has(Flaw::SendsBlindly) => At::Sending { in_doubt: false },
            Step::Send => At::Sending { in_doubt: claimed.in_doubt },
            Step::Ask => At::Asking,
            Step::Park => heard(word(self.rules(claimed, |course| course.park()))),
        }
    }

    fn judged(&self, claimed: Claimed, verdict: Verdict, was_in_doubt: bool) -> At {
        let settlement = self.rules(claimed, |course| course.after(verdict, was_in_doubt));
        match word(settlement) {
            Word::Park if self.has(Flaw::SendsBlindly) => self.judged(claimed, retry(), false),
            word => heard(word),
        }
    }

    fn may_send(&self, world: &World, work: &Work) -> bool {
        self.has(Flaw::SendsAfterItsLease) || work.has_last_lease && world.books.0[work.n].is_under_lease()
    }

    fn gateway_moves(&self, world: &World, gateway: usize, moves: &mut Vec<Move>) {
        let Some(work) = &world.gateways[gateway] else {
            // One idle gateway is as good as the other.
            let is_first = world.gateways.iter().position(Option::is_none) == Some(gateway);
            let claimable = world.books.claimable(!self.has(Flaw::KeepsNoOrder));
            if is_first && !world.breaker_is_open && claimable.is_some() {
                moves.push(Move::Claim { gateway });
            }
            return;
        };
        if world.troubles_left > 0 {
            moves.push(Move::Kill { gateway });
        }
        match work.at {
            At::Heard(_) => {
                let speaks_of_far_side = matches!(WORDS[heard_at(work)], Word::Retry { .. });
                moves.push(Move::Settle { gateway, opens_breaker: false });
                if speaks_of_far_side {
                    moves.push(Move::Settle { gateway, opens_breaker: true });
                }
            }
            _ if !self.may_send(world, work) => moves.push(Move::GiveUp { gateway }),
            At::Asking => {
                let replies = [Reply::Truth, Reply::CannotTell, Reply::None];
                moves.extend(replies.map(|reply| Move::Ask { gateway, reply }));
            }
            At::Sending { .. } => {
                let fates = [Fate::Answered, Fate::AnswerLost, Fate::Lost, Fate::Refused, Fate::Rejected];
                moves.extend(fates.map(|fate| Move::Send { gateway, fate }));
                if self.guarantees.acknowledges_later.is_some() && world.losses_left > 0 {
                    moves.push(Move::Send { gateway, fate: Fate::TakenAndLost });
                }
            }
        }
    }

    fn delivery_moves(&self, world: &World, n: usize, moves: &mut Vec<Move>) {
        let row = &world.books.0[n];
        let is_at_work = world.works_on(n);
        let may_end = !is_at_work || world.troubles_left > 0;
        if row.leased && !row.lease_is_over && may_end && !self.has(Flaw::LeaseNeverEnds) {
            moves.push(Move::LeaseEnds { n });
        }
        let has_effect = world.effects[n] > 0;
        if self.guarantees.acknowledges_later.is_some() && has_effect && row.stage != Stage::Delivered {
            moves.push(Move::Receipt { n });
        }
        let is_parked = row.stage == Stage::Parked;
        if has_effect && (is_parked || row.stage == Stage::DeadLetter) || is_parked && world.retries_left > 0 {
            moves.push(Move::Resolve { n });
        }
        let lets_go = row.stage == Stage::Waiting && row.leased && row.lease_is_over;
        if world.retries_left > 0 && (row.stage == Stage::DeadLetter || lets_go) {
            moves.push(Move::Retry { n });
        }
    }

    fn claim(&self, world: &mut World, gateway: usize) {
        let Some(n) = world.books.claimable(!self.has(Flaw::KeepsNoOrder)) else { return };
        world.books.lease(n, self.has(Flaw::ForgetsDoubt));
        world.gateways.iter_mut().flatten().filter(|work| work.n == n).for_each(|work| work.has_last_lease = false);
        let row = world.books.0[n];
        let claimed = Claimed {
            in_doubt: row.in_doubt,
            is_handed_over: row.is_handed_over,
            attempts_in_round: row.attempts_in_round,
        };
        let at = self.begin(&row, claimed);
        world.gateways[gateway] = Some(Work { n, has_last_lease: true, claimed, at });
    }

    fn ask(&self, world: &World, work: &Work, reply: Reply) -> At {
        match reply {
            Reply::Truth if world.effects[work.n] > 0 => heard(Word::Delivered),
            Reply::Truth => match self.rules(work.claimed, |course| course.after_has_not()) {
                Some(given_up) => heard(word(given_up)),
                None => At::Sending { in_doubt: false },
            },
            Reply::CannotTell => heard(word(self.rules(work.claimed, |course| course.park()))),
            Reply::None => self.judged(work.claimed, retry(), true),
        }
    }

    fn send(&self, world: &mut World, work: &Work, fate: Fate) -> At {
        if matches!(fate, Fate::Answered | Fate::AnswerLost) {
            self.take_effect(world, work.n);
        }
        world.losses_left -= u8::from(fate == Fate::TakenAndLost);
        let At::Sending { in_doubt } = work.at else { return work.at };
        let verdict = match fate {
            Fate::Answered | Fate::TakenAndLost => Verdict::Delivered { remote_reference: None },
            Fate::AnswerLost | Fate::Lost => Verdict::Unknown { reason: String::new(), not_before: None },
            Fate::Refused => retry(),
            Fate::Rejected => Verdict::Reject { reason: String::new() },
        };
        self.judged(work.claimed, verdict, in_doubt)
    }

    fn take_effect(&self, world: &mut World, n: usize) {
        let goes_before = |m: usize| {
            let row = &world.books.0[m];
            row.holds_its_lane() && !row.has_ended && world.effects[m] == 0
        };
        if world.effects[n] > 0 && self.guarantees.honours_key {
            return;
        }
        world.was_overtaken |= (0..n).any(goes_before);
        world.effects[n] += 1;
    }
}

impl World {
    fn settle(&mut self, n: usize, under_last_lease: bool, word: Word) {
        let was_delivered = self.books.0[n].stage == Stage::Delivered;
        self.books.settle(n, under_last_lease, word);
        self.was_undone |= was_delivered && self.books.0[n].stage != Stage::Delivered;
    }

    /// Whether a gateway is at work under the lease of this delivery.
    fn works_on(&self, n: usize) -> bool {
        self.gateways
            .iter()
            .flatten()
            .any(|work| work.n == n && work.has_last_lease && self.books.0[n].is_under_lease())
    }

    fn all(&self, holds: impl Fn(&Row, u8) -> bool) -> bool {
        self.books.0.iter().zip(self.effects).all(|(row, effects)| holds(row, effects))
    }

    /// Delivered, parked (or behind one that is), or a dead letter.
    fn has_ended(&self) -> bool {
        let first = self.books.0.iter().position(Row::holds_its_lane);
        first.is_none_or(|first| self.books.0[first].stage == Stage::Parked)
    }
}

impl Model for Lane {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            books: Books::new(),
            gateways: [None; 2],
            effects: [0; COUNT],
            breaker_is_open: false,
            troubles_left: self.troubles,
            retries_left: RETRIES,
            losses_left: LOSSES,
            was_overtaken: false,
            was_undone: false,
        }]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        (0..2).for_each(|gateway| self.gateway_moves(world, gateway, moves));
        (0..COUNT).for_each(|n| self.delivery_moves(world, n, moves));
        if world.breaker_is_open {
            moves.push(Move::Probe);
        }
    }

    fn next_state(&self, last: &World, step: Move) -> Option<World> {
        let mut world = last.clone();
        match step {
            Move::Claim { gateway } => self.claim(&mut world, gateway),
            Move::Ask { gateway, reply } => {
                let work = last.gateways[gateway]?;
                world.gateways[gateway] = Some(Work { at: self.ask(last, &work, reply), ..work });
            }
            Move::Send { gateway, fate } => {
                let work = last.gateways[gateway]?;
                world.gateways[gateway] = Some(Work { at: self.send(&mut world, &work, fate), ..work });
            }
            Move::Settle { gateway, opens_breaker } => {
                let work = world.gateways[gateway].take()?;
                world.settle(work.n, work.has_last_lease, WORDS[heard_at(&work)]);
                world.breaker_is_open |= opens_breaker;
            }
            Move::GiveUp { gateway } => world.gateways[gateway] = None,
            Move::Kill { gateway } => (world.gateways[gateway], world.troubles_left) = (None, last.troubles_left - 1),
            Move::LeaseEnds { n } => {
                world.troubles_left -= u8::from(last.works_on(n));
                world.books.0[n].lease_is_over = true;
            }
            Move::Receipt { n } => world.settle(n, false, Word::Delivered),
            Move::Resolve { n } => {
                let is_there = last.effects[n] > 0;
                world.books.resolve(n, is_there);
                world.retries_left -= u8::from(!is_there);
            }
            Move::Retry { n } => {
                world.books.retry(n);
                world.retries_left -= 1;
            }
            Move::Probe => world.breaker_is_open = false,
        }
        world.gateways.sort_unstable();
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Lane>> {
        vec![
            Property::always(ONCE, |_, world: &World| world.all(|_, effects| effects <= 1)),
            Property::always(IN_ORDER, |_, world: &World| !world.was_overtaken),
            Property::always(STAYS, |_, world: &World| !world.was_undone),
            Property::always(TRUE, |_, world: &World| {
                world.all(|row, effects| row.stage != Stage::Delivered || effects > 0)
            }),
            Property::always(FLAGGED, |_, world: &World| {
                world.all(|row, effects| effects == 0 || row.stage == Stage::Delivered || row.in_doubt || row.leased)
            }),
            Property::always(NO_STANDSTILL, |lane: &Lane, world: &World| {
                let mut moves = Vec::new();
                lane.actions(world, &mut moves);
                !moves.is_empty() || world.has_ended()
            }),
            Property::eventually(ENDS, |_, world: &World| world.has_ended()),
            Property::sometimes(EXAMPLES[0], |_, world: &World| world.all(|row, _| row.stage == Stage::Delivered)),
            Property::sometimes(EXAMPLES[1], |_, world: &World| !world.all(|row, _| row.stage != Stage::DeadLetter)),
            Property::sometimes(EXAMPLES[2], |_, world: &World| !world.all(|row, _| row.silent_attempts == 0)),
        ]
    }
}

fn heard(word: Word) -> At {
    At::Heard(WORDS.iter().position(|known| *known == word).unwrap())
}

fn heard_at(work: &Work) -> usize {
    match work.at {
        At::Heard(word) => word,
        At::Asking | At::Sending { .. } => panic!("nothing was heard yet"),
    }
}

fn retry() -> Verdict {
    Verdict::Retry { reason: String::new(), not_before: None }
}

fn word(settlement: Settlement) -> Word {
    match settlement {
        Settlement::Delivered { .. } => Word::Delivered,
        Settlement::Retry { in_doubt, .. } => Word::Retry { in_doubt },
        Settlement::HandedOver { .. } => Word::HandedOver,
        Settlement::Park { .. } => Word::Park,
        Settlement::DeadLetter { in_doubt, .. } => Word::DeadLetter { in_doubt },
        Settlement::Resolve(_) | Settlement::GiveBack { .. } => {
            panic!("the rules of an attempt resolve nothing and give nothing back")
        }
    }
}

/// The delivery as the rules see it.
fn delivery(claimed: Claimed) -> Delivery {
    let notice = Notice {
        delivery_id: Uuid::nil().to_string(),
        external_id: "PA-1".to_owned(),
        petition_id: "HS-1".to_owned(),
        revision: 1,
        at: Timestamp::UNIX_EPOCH,
        due_on: None,
        assembly: None,
        body: NoticeBody::Published,
    };
    Delivery {
        id: DeliveryId(Uuid::nil()),
        petition: PetitionId(Uuid::nil()),
        channel: "portal".to_owned(),
        lane: Some("PA-1".to_owned()),
        errand: Errand::Tell { notice: Box::new(notice) },
        state: DeliveryState::Pending,
        attempts: u32::from(claimed.attempts_in_round),
        attempts_in_round: u32::from(claimed.attempts_in_round),
        in_doubt: claimed.in_doubt,
        silent_attempts: 0,
        next_at: Timestamp::UNIX_EPOCH,
        created_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
        reason: None,
        remote_reference: None,
    }
}
