//! Who gets how much of a room that all want: nobody can take it whole, and what nobody else wants is there for one.
//!
//! A client may hold so many times what is still free, and no more. Alone it gets nearly all; the more others hold, the
//! less is free and the less it may hold, so that the shares draw level as calls end; and because something stays free,
//! whoever comes first finds room. It needs no list of who is active and no weights to be tuned.

use std::collections::HashMap;

/// A client as a room knows it.
pub type Client = u64;

/// What is taken of a room, and by whom. Counted in calls, or in bytes.
#[derive(Debug)]
pub struct Share {
    room: usize,
    greed: usize,
    taken: usize,
    /// Only who holds something.
    by_client: HashMap<Client, usize>,
}

impl Share {
    /// An empty room of this size, of which a client may hold `greed` times what is free.
    pub fn new(room: usize, greed: usize) -> Share {
        Share { room, greed, taken: 0, by_client: HashMap::new() }
    }

    /// Takes so much for a client; `false` when that is more than its share of what is free.
    pub fn try_take(&mut self, client: Client, amount: usize) -> bool {
        if !self.has_room(client, amount) {
            return false;
        }
        self.taken += amount;
        *self.by_client.entry(client).or_default() += amount;
        true
    }

    /// Whether a client could take so much.
    pub fn has_room(&self, client: Client, amount: usize) -> bool {
        let free = self.room.saturating_sub(self.taken);
        let held = self.by_client.get(&client).copied().unwrap_or_default();
        amount <= free && held.saturating_add(amount) <= free.saturating_mul(self.greed)
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, client: Client, amount: usize) {
        self.taken = self.taken.saturating_sub(amount);
        if let Some(held) = self.by_client.get_mut(&client) {
            *held = held.saturating_sub(amount);
            if *held == 0 {
                self.by_client.remove(&client);
            }
        }
    }

    /// Makes the room larger or smaller; who is in stays in.
    pub fn resize(&mut self, room: usize) {
        self.room = room;
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How much a client gets when it asks for one after the other.
    fn greedy(share: &mut Share, client: Client) -> usize {
        (0..).take_while(|_| share.try_take(client, 1)).count()
    }

    #[test]
    fn one_client_alone_gets_nearly_all_and_never_the_last_place() {
        for (room, alone) in [(1, 1), (10, 9), (16, 15), (320, 285), (1_024, 911)] {
            let mut share = Share::new(room, 8);
            assert_eq!(greedy(&mut share, 1), alone, "of {room}");
            let newcomer = greedy(&mut share, 2);
            assert_eq!(newcomer > 0, room > 1, "of {room} the second gets {newcomer}");
        }
    }

    #[test]
    fn shares_draw_level_as_calls_end() {
        let mut share = Share::new(320, 8);
        let (mut first, mut second) = (greedy(&mut share, 1), 0);
        for _ in 0..1_000 {
            // Each call of the first ends in its turn; both ask again at once, the first twice as eagerly.
            share.give_back(1, 1);
            first -= 1;
            for client in [1, 2, 1] {
                let taken = usize::from(share.try_take(client, 1));
                if client == 1 { first += taken } else { second += taken }
            }
        }
        assert!(first.abs_diff(second) <= 16, "{first} and {second}");
    }

    #[test]
    fn a_room_that_shrinks_lets_nobody_in_until_enough_have_left() {
        let mut share = Share::new(100, 8);
        let held = greedy(&mut share, 1);
        share.resize(50);
        assert!(!share.try_take(2, 1));
        for _ in 0..held - 40 {
            share.give_back(1, 1);
        }
        assert!(share.try_take(2, 1) && !share.try_take(1, 45));
    }

    #[test]
    fn amounts_that_do_not_fit_are_refused_whole() {
        let mut share = Share::new(128, 2);
        assert!(!share.try_take(1, 129) && share.try_take(1, 85) && !share.try_take(1, 2));
        assert!(share.try_take(2, 28) && !share.try_take(2, usize::MAX));
        assert_eq!(share.taken(), 113);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_clients_hold_never_more_than_the_room_and_all_comes_back(
            room in 0_usize..200,
            greed in 1_usize..10,
            steps in prop::collection::vec((0_u64..5, 0_usize..40, any::<bool>()), 0..300),
        ) {
            let mut share = Share::new(room, greed);
            let mut held: Vec<(Client, usize)> = Vec::new();
            for (client, amount, takes) in steps {
                if takes {
                    let could = share.has_room(client, amount);
                    let took = share.try_take(client, amount);
                    prop_assert_eq!(could, took);
                    if took {
                        held.push((client, amount));
                    }
                } else if let Some((client, amount)) = held.pop() {
                    share.give_back(client, amount);
                }
                let sum: usize = held.iter().map(|(_, amount)| amount).sum();
                prop_assert!(share.taken() == sum && sum <= room);
                let newcomer_fits = share.has_room(99, 1);
                prop_assert_eq!(newcomer_fits, sum < room, "whoever holds nothing finds what is free");
            }
            for (client, amount) in held {
                share.give_back(client, amount);
            }
            prop_assert_eq!(share.taken(), 0);
            prop_assert!(share.by_client.is_empty(), "nobody is remembered who holds nothing");
        }
    }
}
