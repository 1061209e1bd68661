//! Real S3 servers for tests: quick, private and without leftovers.
//!
//! [`S3Server::shared`] is one server for each test process, for tests that want a place of their own and nothing else;
//! [`S3Server::start`] is a server of its own, for tests of what befalls a server. Each is a process on a free port of
//! loopback, installed when the first test asks for it (`run`); nothing of it is left when the test process ends, in
//! whatever way (`server.py`).
//!
//! Everything here blocks and panics with what to do about it: tests are its only callers.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock},
};

/// The bucket that is there.
pub const BUCKET: &str = "attachments";
/// The access key that may do everything.
pub const GATEWAY: &str = "gateway";
/// The access key that may only read.
pub const READER: &str = "reader";
/// The secret of both.
pub const SECRET: &str = "bi-mat-cua-thu-nghiem";

/// A server that runs until this is dropped, or the test process ends.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    /// Orders go in, each is said back when it is done. Closed to end the server.
    pipes: Option<Mutex<(ChildStdin, BufReader<ChildStdout>)>>,
    address: String,
}

impl S3Server {
    /// The server that tests share which do not harm it; each takes a prefix of its own in the bucket.
    ///
    /// # Panics
    /// It does not start.
    pub fn shared() -> &'static S3Server {
        static SHARED: OnceLock<S3Server> = OnceLock::new();
        SHARED.get_or_init(|| S3Server::start(None))
    }

    /// A server of one's own; with a certificate and its key, PEM files both, it speaks TLS.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(tls: Option<(&Path, &Path)>) -> S3Server {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("run"));
        if let Some((certificate, key)) = tls {
            command.args([OsStr::new("--tls"), certificate.as_os_str(), key.as_os_str()]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("tests/s3-server/run is there and bash runs it");
        let orders = child.stdin.take().expect("standard input is piped");
        let mut replies = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut address = String::new();
        replies.read_line(&mut address).expect("standard output can be read");
        let address = address.trim_end().to_owned();
        assert!(address.starts_with("http"), "the S3 server did not start; what it said stands above");
        S3Server { child, pipes: Some(Mutex::new((orders, replies))), address }
    }

    /// Where it listens: `http://127.0.0.1:<port>`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills the server; what it has stays.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(&self) {
        self.order("kill");
    }

    /// Starts it again at the same address, after it was killed.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&self) {
        self.order("start");
    }

    fn order(&self, order: &str) {
        let mut pipes = self.pipes.as_ref().expect("closed by drop only").lock().expect("nobody panics with it");
        let (orders, replies) = &mut *pipes;
        writeln!(orders, "{order}").expect("the server's keeper runs");
        let mut reply = String::new();
        replies.read_line(&mut reply).expect("the server's keeper runs");
        assert_eq!(reply.trim_end(), order, "the S3 server did not obey; what it said stands above");
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.pipes.take());
        // A keeper that has ended is what is wanted.
        drop(self.child.wait());
    }
}
