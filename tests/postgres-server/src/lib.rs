//! Real PostgreSQL servers for tests: quick, private and without leftovers.
//!
//! [`Server::shared`] is one server for each test process, for tests that want an empty database and nothing else; it
//! forgets everything when the process ends, so it saves the time that durability costs.
//!
//! Nobody else sees a server: it listens on a socket in a folder of its own. Nothing of it is left when the test
//! process ends, in whatever way ([`home`]). PostgreSQL refuses to run as root; a test process that is root runs it as
//! somebody else ([`programs`]).
//!
//! Everything here blocks and panics with what to do about it: tests are its only callers.

mod database;
mod home;
mod programs;
mod server;
mod sql;
mod template;

pub use database::Database;
pub use server::Server;
pub use sql::{Rows, RunError};

/// The superuser of every server, who needs no password on the socket.
pub const USER: &str = "gateway";
