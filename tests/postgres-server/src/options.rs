//! What a server is set to.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
};

use crate::{
    home::{Home, Place},
    programs::Programs,
    template,
};

/// What a test asks of a server of its own.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// It listens on a free port of 127.0.0.1 besides its socket. There the password is asked for.
    pub tcp: bool,
    /// It listens on such a port, with TLS and never without.
    pub tls: Option<Tls>,
    /// It lies on a disk though there is memory enough, for tests that measure what a disk costs. A process that is
    /// killed loses nothing of what it wrote to either.
    pub on_disk: bool,
    /// Further settings, as in `postgresql.conf`. They win over this crate's.
    pub settings: Vec<(String, String)>,
}

/// With what a server proves who it is: PEM, not files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate, and those between it and its authority.
    pub certificate: String,
    /// The certificate's private key.
    pub key: String,
}

impl Options {
    /// This with one setting more.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Options {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Where its folder is made.
    pub(crate) fn place(&self) -> Place {
        if self.on_disk { Place::Disk } else { Place::Memory }
    }

    /// Whether it listens on a port.
    pub(crate) fn listens(&self) -> bool {
        self.tcp || self.tls.is_some()
    }
}

/// Small in memory, wide in connections: many tests at once, each with the pools of several gateways.
/// The time zone is Việt Nam's, written without a name: what works only in UTC shows.
pub(crate) const EVERYWHERE: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    // In the data folder, which goes away; in the default place, /dev/shm, a server that is killed leaves it behind.
    ("dynamic_shared_memory_type", "mmap"),
    ("shared_buffers", "64MB"),
    ("max_connections", "300"),
    ("timezone", "<+07>-07"),
];

/// Everything that a server which forgets does not need: the disk, the log for replicas, the cleaning in the
/// background (which would also make plans depend on the time of day).
pub(crate) const FORGETFUL: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    // It may lie in memory.
    ("max_wal_size", "128MB"),
    ("autovacuum", "off"),
];

/// What a ministry's server must be set to. A replica that was paused finds the log of the meantime.
pub(crate) const DURABLE: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("wal_level", "replica"),
    ("wal_keep_size", "128MB"),
    // It may lie in memory.
    ("max_wal_size", "256MB"),
];

/// All settings of a server, the later over the earlier; what they name is written into its folder.
pub(crate) fn settings(base: &[(&str, &str)], options: &Options, home: &Home) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut set = |key: &str, value: &str| settings.push((key.to_owned(), value.to_owned()));
    EVERYWHERE.iter().chain(base).for_each(|(key, value)| set(key, value));
    if options.listens() {
        set("listen_addresses", "127.0.0.1");
    }
    if options.tls.is_some() {
        set("ssl", "on");
        set("ssl_cert_file", &home.folder().join(CERTIFICATE).display().to_string());
        set("ssl_key_file", &home.folder().join(KEY).display().to_string());
    }
    options.settings.iter().for_each(|(key, value)| set(key, value));
    settings
}

const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

/// Writes who may connect how, and the certificate.
pub(crate) fn write(options: &Options, programs: &Programs, home: &Home) {
    // On the socket nobody is asked anything: its folder lets nobody else in.
    let mut who = "local all all trust\nlocal replication all trust\n".to_owned();
    match &options.tls {
        Some(Tls { certificate, key }) => {
            who.push_str("hostssl all all 127.0.0.1/32 scram-sha-256\n");
            for (name, pem) in [(CERTIFICATE, certificate), (KEY, key)] {
                let path = home.folder().join(name);
                // PostgreSQL refuses a key that others may read.
                let file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&path);
                file.and_then(|mut file| file.write_all(pem.as_bytes())).expect("the server's folder can be written");
                template::give(programs, &path);
            }
        }
        None => who.push_str("host all all 127.0.0.1/32 scram-sha-256\n"),
    }
    fs::write(home.data().join("pg_hba.conf"), who).expect("the data folder can be written");
}

/// A password that no other user of this machine guesses while the server listens.
pub(crate) fn password() -> String {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut it| it.read_exact(&mut bytes)).expect("every Unix has /dev/urandom");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
