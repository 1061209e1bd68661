//! The far side of this kind: a Government portal for the demo, the tests and a first look.
//!
//! A real HTTP server with state of its own. It behaves as the protocol says, checks what it is sent, and misbehaves
//! when told to. Everything that it makes up follows from the seed; petitions from the seed and their number alone.
//! It shares no code with the adapter but the syntax readers, so an error in one does not hide in the other.
//!
//! - `state`: what the portal knows; what happens to petitions by themselves;
//! - `routes`: the HTTP server; `auth`: tokens; `files`: the petitioners' files; `codes`: the code lists;
//! - `listing`: what is pulled; `push`: what is pushed;
//! - `protocol`: the ministry's calls, checked and carried out; `idempotency`: the same call twice;
//! - `generate`: made-up petitions; `case`: one of them, and what the ministry told of it;
//! - `answer`: documents and refusals in both syntaxes.

mod answer;
mod auth;
mod case;
mod codes;
mod files;
mod generate;
mod idempotency;
mod listing;
mod protocol;
mod push;
mod routes;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use channel_sdk::sandbox::{Account, FarSide, Mischief, SandboxPush, SandboxSettings};

use auth::Door;
use state::State;

/// The portal: its state and its door, each behind a lock that no wait is made under.
struct Portal {
    settings: SandboxSettings,
    state: Mutex<State>,
    door: Mutex<Door>,
}

/// Makes the far side.
pub(crate) fn sandbox(settings: SandboxSettings) -> Arc<dyn FarSide> {
    let door = Mutex::new(Door::new(settings.credentials.clone()));
    Arc::new(Portal { state: Mutex::new(State::new(settings.clone())), settings, door })
}

impl Portal {
    // A handler that panicked answered nothing; what it left is as good as after any other lost call.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FarSide for Portal {
    fn router(self: Arc<Self>) -> axum::Router {
        routes::router(self)
    }

    fn release(&self, count: u32) -> u32 {
        self.state().release(count)
    }

    fn unreleased(&self) -> u32 {
        self.state().unreleased()
    }

    fn misbehave(&self, mischief: Mischief) {
        self.state().mischief = mischief;
    }

    fn next_push(&self) -> Option<SandboxPush> {
        self.state().next_push()
    }

    fn pushed(&self, push: &SandboxPush, answer: Option<(u16, Bytes)>) {
        self.state().pushed(push, answer);
    }

    fn accounts(&self) -> Vec<Account> {
        self.state().cases.iter().map(case::Case::account).collect()
    }

    fn complaints(&self) -> Vec<String> {
        self.state().complaints.clone()
    }
}
