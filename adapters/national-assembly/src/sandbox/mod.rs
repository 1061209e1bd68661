//! The far side: the National Assembly's system as a real HTTP server, for the demo and the tests.
//!
//! It makes up voters' and deputies' petitions, hands about half of them out in pushed batches and the other half when
//! they are pulled, checks everything that it is sent against the protocol, and misbehaves when it is told to.
//! The protocol has no withdrawal, so `withdrawn_per_mille` does nothing here. What was broken by mischief is never
//! repaired: it must end in quarantine. The search interface shows every released petition under the same id.

mod batch;
mod book;
mod catalogue;
mod places;
mod search;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use channel_sdk::sandbox::{Account, FarSide, Mischief, SandboxPush, SandboxSettings};

use self::state::State;

/// One Assembly.
pub(crate) struct Sandbox {
    state: Mutex<State>,
}

/// An Assembly that has released nothing yet.
pub(crate) fn make(settings: SandboxSettings) -> Arc<dyn FarSide> {
    Arc::new(Sandbox { state: Mutex::new(State::new(settings)) })
}

impl Sandbox {
    /// A panic under the lock leaves at worst one petition half told; the audit at the end shows it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FarSide for Sandbox {
    fn router(self: Arc<Self>) -> axum::Router {
        server::router(self)
    }

    fn release(&self, count: u32) -> u32 {
        let mut state = self.state();
        for _ in 0..count {
            if !state.release_one() {
                break;
            }
        }
        u32::try_from(state.unreleased()).unwrap_or(u32::MAX)
    }

    fn unreleased(&self) -> u32 {
        u32::try_from(self.state().unreleased()).unwrap_or(u32::MAX)
    }

    fn misbehave(&self, mischief: Mischief) {
        self.state().settings.mischief = mischief;
    }

    fn next_push(&self) -> Option<SandboxPush> {
        self.state().next_push()
    }

    fn pushed(&self, push: &SandboxPush, answer: Option<(u16, Bytes)>) {
        let answer = answer.as_ref().map(|(status, body)| (*status, &body[..]));
        self.state().pushed(push.id, answer);
    }

    fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = self.state().entries.iter().map(|entry| entry.account.clone()).collect();
        accounts.sort_by(|a, b| a.external_id.cmp(&b.external_id));
        accounts
    }

    fn complaints(&self) -> Vec<String> {
        self.state().complaints()
    }
}
