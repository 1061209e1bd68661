//! The rows of one lane's deliveries, and what the store does with them in each transaction: as `src/store` does it, without
//! times. A wait is over at any moment; a lease when the model says so.

/// Deliveries of the lane.
pub(crate) const COUNT: usize = 2;

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Waiting,
    Parked,
    Delivered,
    DeadLetter,
}

/// A delivery's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) stage: Stage,
    pub(crate) head: bool,
    pub(crate) leased: bool,
    /// The lease is over, and nobody has taken note yet.
    pub(crate) lease_is_over: bool,
    pub(crate) attempts_in_round: u8,
    pub(crate) silent_attempts: u8,
    pub(crate) in_doubt: bool,
    /// The last word on it is that it was handed over.
    pub(crate) is_handed_over: bool,
    /// It was a dead letter once: a person took it up again, behind what went on meanwhile.
    pub(crate) has_ended: bool,
}

/// A settlement, without its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    Delivered,
    Retry { in_doubt: bool },
    HandedOver,
    Park,
    DeadLetter { in_doubt: bool },
}

/// The rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Books(pub(crate) [Row; COUNT]);

impl Row {
    fn new(head: bool) -> Row {
        Row {
            stage: Stage::Waiting,
            head,
            leased: false,
            lease_is_over: false,
            attempts_in_round: 0,
            silent_attempts: 0,
            in_doubt: false,
            is_handed_over: false,
            has_ended: false,
        }
    }

    /// In the store's words: pending.
    pub(crate) fn holds_its_lane(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Parked)
    }

    fn is_due(&self) -> bool {
        self.stage == Stage::Waiting && (!self.leased || self.lease_is_over)
    }

    /// Whether whoever has its last lease may send.
    pub(crate) fn is_under_lease(&self) -> bool {
        self.leased && !self.lease_is_over && self.stage == Stage::Waiting
    }
}

impl Books {
    pub(crate) fn new() -> Books {
        Books(std::array::from_fn(|n| Row::new(n == 0)))
    }

    /// Which delivery the next claim would lease.
    pub(crate) fn claimable(&self, keeps_order: bool) -> Option<usize> {
        if !keeps_order {
            return self.0.iter().rposition(Row::is_due);
        }
        let due = self.0.iter().position(|row| row.head && row.is_due())?;
        let first = self.0.iter().position(Row::holds_its_lane)?;
        (first == due || self.0[first].is_due()).then_some(first)
    }

    /// Leases it; an attempt before that ended without a word leaves its doubt.
    pub(crate) fn lease(&mut self, n: usize, forgets_doubt: bool) {
        self.mark();
        let row = &mut self.0[n];
        row.in_doubt |= row.leased && !forgets_doubt;
        row.silent_attempts += u8::from(row.leased);
        (row.leased, row.lease_is_over) = (true, false);
        row.attempts_in_round += 1;
    }

    /// Settles under the last lease, or under one before, or by a receipt. Says whether it took effect.
    pub(crate) fn settle(&mut self, n: usize, under_last_lease: bool, word: Word) -> bool {
        let row = &mut self.0[n];
        let holds_lease = under_last_lease && row.leased && row.stage == Stage::Waiting;
        match word {
            Word::Delivered if row.stage == Stage::Delivered => return false,
            Word::Delivered => self.deliver(n),
            _ if !holds_lease => return false,
            Word::Retry { in_doubt } => (row.leased, row.in_doubt) = (false, in_doubt),
            Word::HandedOver => (row.leased, row.in_doubt) = (false, true),
            Word::Park => (row.stage, row.leased, row.in_doubt) = (Stage::Parked, false, true),
            Word::DeadLetter { in_doubt } => {
                (row.stage, row.head, row.leased, row.in_doubt) = (Stage::DeadLetter, false, false, in_doubt);
                row.has_ended = true;
            }
        }
        self.0[n].is_handed_over = word == Word::HandedOver;
        self.mark();
        true
    }

    fn deliver(&mut self, n: usize) {
        let row = &mut self.0[n];
        (row.stage, row.head, row.leased, row.in_doubt) = (Stage::Delivered, false, false, false);
    }

    /// A person finds that the far side has it, or that it has not.
    pub(crate) fn resolve(&mut self, n: usize, is_there: bool) {
        if is_there {
            self.deliver(n);
            self.mark();
        } else {
            let row = &mut self.0[n];
            (row.stage, row.attempts_in_round, row.silent_attempts, row.in_doubt) = (Stage::Waiting, 0, 0, false);
        }
    }

    /// A person has a dead letter tried again, or lets a lease go that is over.
    pub(crate) fn retry(&mut self, n: usize) {
        let under_way = self.0.iter().any(|row| row.stage == Stage::Waiting && row.leased && !row.lease_is_over);
        let row = &mut self.0[n];
        if row.stage == Stage::DeadLetter {
            (row.stage, row.attempts_in_round, row.silent_attempts) = (Stage::Waiting, 0, 0);
            if !under_way {
                self.mark();
            }
        } else {
            row.in_doubt |= row.leased;
            row.silent_attempts += u8::from(row.leased);
            (row.leased, row.lease_is_over) = (false, false);
        }
    }

    /// The first that holds the lane is the one that may be claimed.
    fn mark(&mut self) {
        let first = self.0.iter().position(Row::holds_its_lane);
        for (n, row) in self.0.iter_mut().enumerate() {
            row.head = first == Some(n);
        }
    }
}
