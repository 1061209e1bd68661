//! The disk fails under a gateway at work: each system call of a whole cycle (accept, journal, decide, send, settle, files)
//! fails once, with an I/O error or a full disk; all of them fail for a while; flushes are slow; the disk is really full; the
//! store cannot be opened.
//!
//! What holds each time: whoever calls is told so clearly, nothing is acknowledged that is not durable, the gateway says
//! that it cannot serve and goes on by itself when the disk does, and at the end everything is there once and the database
//! is whole.
//!
//! The faults are injected by `strace` into the real process, so a machine that lets nobody trace fails these tests and
//! says so.
//!
//! - [`strace`]: the faults; [`cycle`]: the work; [`disk`]: a disk that can be filled;
//! - the tests: [`once`], each call by itself; [`full`], for a while; [`start`], while the gateway starts.

mod cycle;
mod disk;
mod full;
mod once;
mod start;
mod strace;
