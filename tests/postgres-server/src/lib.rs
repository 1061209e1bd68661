//! Real PostgreSQL servers for tests: quick, private and without leftovers.
//!
//! [`Server::shared`] is one server for each test process, for tests that want an empty database and nothing else; it
//! forgets everything when the process ends, so it saves the time that durability costs.
//!
//! [`Server::start`] is a server of its own, for tests of what befalls a server: it keeps what it acknowledged, can be
//! killed, paused and started again, and have a synchronous replica that takes its place.
//!
//! Nobody else sees a server: it listens on a socket in a folder of its own, and on a port only if asked to. Nothing of
//! it is left when the test process ends, in whatever way (`home.rs`). PostgreSQL refuses to run as root; a test process
//! that is root runs it as somebody else (`programs.rs`). It is for Linux: processes are looked up in `/proc`.
//!
//! Everything here blocks and panics with what to do about it: tests are its only callers.

mod database;
mod failover;
mod home;
mod options;
mod process;
mod programs;
mod server;
mod sql;
mod template;

pub use database::Database;
pub use options::{Options, Tls};
pub use server::Server;
pub use sql::{Rows, RunError};

/// The superuser of every server, who needs no password on the socket.
pub const USER: &str = "gateway";
