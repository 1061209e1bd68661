//! What this program is when a row starts it again: far sides that only do the least, in processes of their own.

mod desk;
mod echo;

pub(crate) use echo::PATH as ECHO_PATH;

use clap::ValueEnum;

/// A role.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// A gRPC service that answers each petition with itself.
    Echo,
    /// A portal that answers every call at once.
    Desk,
}

pub(crate) async fn run(role: Role) {
    match role {
        Role::Echo => echo::run().await,
        Role::Desk => desk::run().await,
    }
}
