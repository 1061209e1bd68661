//! `[store]` where its url names PostgreSQL: which servers, who we are there, and how we know that it is them.

use std::{fmt, net::IpAddr, time::Duration};

use secrecy::SecretString;
use tokio_postgres::config::Host;

use super::reader::{Place, Section};
use crate::security::ClientTlsFiles;

/// A PostgreSQL database and how to reach it. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// The servers, one of which is the primary.
    pub servers: Vec<Server>,
    /// Who we are there.
    pub user: String,
    /// By which we show it, where the server asks.
    pub password: Option<SecretString>,
    /// The database.
    pub database: String,
    /// The files of TLS; used for the servers that need it.
    pub tls: ClientTlsFiles,
    /// Connections for reading; one more writes.
    pub connections_max: usize,
    /// A read that takes longer is cut off.
    pub statement_limit: Duration,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address, or the folder of its socket.
    pub host: Host,
    /// Its port; a part of the socket's name otherwise.
    pub port: u16,
    /// Whether we speak TLS with it, and know it by its certificate.
    pub tls: bool,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp(address) if address.contains(':') => write!(f, "[{address}]:{}", self.port),
            Host::Tcp(name) => write!(f, "{name}:{}", self.port),
            Host::Unix(folder) => write!(f, "{}:{}", folder.display(), self.port),
        }
    }
}

#[cfg(test)]
impl Postgres {
    /// The database of a url, everything else as it is by default.
    pub(crate) fn at(url: &str) -> Postgres {
        let text = format!("[store]\nurl = \"{url}\"\n");
        let config = super::Config::read("", "".as_ref(), &text, &super::Environment::empty(), &[]).unwrap();
        let super::Store::Postgres(settings) = config.store else { panic!("not a url of PostgreSQL") };
        *settings
    }
}

/// `postgres://host:5432,other-host:5432/database`: neither who we are nor how we show it.
impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.servers.iter().map(Server::to_string).collect();
        write!(f, "postgres://{}/{}", servers.join(","), self.database)
    }
}

/// What a url says.
struct Url {
    hosts: Vec<(Host, u16)>,
    user: String,
    password: Option<SecretString>,
    database: String,
    /// TLS is asked for (`true`) or refused (`false`).
    sslmode: Option<bool>,
}

const FORM: &str = "is written postgres://user@host:5432/database, with several hosts separated by commas, and a socket's \
                    folder as postgres://user@%2Frun%2Fpostgresql/database";

/// Whether the url is for this engine.
pub(super) fn is_for(url: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
}

/// Knows the keys of this engine and does not look at them: another engine is in use.
pub(super) fn pass_over(section: &mut Section<'_>) {
    for key in ["password_file", "password_env", "connections_max", "statement_seconds_max", "tls"] {
        section.has(key);
    }
}

/// Reads the section whose url is `text`, which stands at `place`.
pub(super) fn read(section: &mut Section<'_>, text: &str, place: &Place) -> Postgres {
    // Only the environment has no lines.
    let url = Url::parse(text, place.line.is_none());
    let has_tls = section.has("tls");
    let servers = url.as_ref().map_err(String::clone).and_then(|url| url.servers(has_tls)).unwrap_or_else(|wrong| {
        section.push(place.problem(wrong));
        Vec::new()
    });
    let (user, url_password, database) =
        url.map_or_else(|_| Default::default(), |url| (url.user, url.password, url.database));
    let password = section.secret_maybe("password");
    Postgres {
        user,
        // A whole url of the environment stands before the file's password as it does before the file's url.
        password: url_password.or(password),
        database,
        tls: read_tls(section, servers.iter().any(|server| server.tls)),
        servers,
        connections_max: section.count("connections_max", 2..=1000),
        statement_limit: section.seconds("statement_seconds_max", 1..=600),
    }
}

fn read_tls(section: &mut Section<'_>, is_used: bool) -> ClientTlsFiles {
    let mut tls = section.table("tls");
    let shows_certificate = tls.has("certificate_file") || tls.has("key_file");
    let ca = tls.file_maybe("ca_file");
    let certificate = shows_certificate.then(|| (tls.file("certificate_file"), tls.file("key_file")));
    let files = ClientTlsFiles { ca, certificate };
    // What cannot be read was said above.
    if is_used
        && files.paths().iter().all(|path| path.is_file())
        && let Err(error) = files.check()
    {
        tls.fault(error.key(), error.to_string());
    }
    tls.finish();
    files
}

impl Url {
    /// Reads a url; the error never repeats a part that may be a password.
    fn parse(text: &str, may_hold_password: bool) -> Result<Url, String> {
        let start = text.find('@').unwrap_or(0);
        let (base, query) = match text[start..].find('?') {
            Some(at) => (&text[..start + at], &text[start + at + 1..]),
            None => (text, ""),
        };
        let base: tokio_postgres::Config = base.parse().map_err(|_| format!("cannot be read; it {FORM}"))?;
        let password = base.get_password().filter(|it| !it.is_empty());
        if password.is_some() && !may_hold_password {
            return Err(
                "must not hold a password: name a file that does in password_file, or a variable in password_env"
                    .to_owned(),
            );
        }
        let password = password.map(|it| std::str::from_utf8(it).map(SecretString::from)).transpose();
        let password = password.map_err(|_| "holds a password that is not UTF-8".to_owned())?;
        let named = |name: Option<&str>| name.filter(|it| !it.is_empty()).map(str::to_owned);
        let user = named(base.get_user()).ok_or_else(|| format!("names no user; it {FORM}"))?;
        let database = named(base.get_dbname()).ok_or_else(|| format!("names no database; it {FORM}"))?;
        let hosts: Vec<_> = base.get_hosts().iter().cloned().zip(base.get_ports().iter().copied()).collect();
        if hosts.is_empty() || hosts.iter().any(|(host, _)| !is_host(host)) {
            return Err(format!("names no host, or one that cannot be; it {FORM}; an @ in a password is written %40"));
        }
        Ok(Url { hosts, user, password, database, sslmode: read_query(query)? })
    }

    fn servers(&self, has_tls: bool) -> Result<Vec<Server>, String> {
        let mut servers = Vec::new();
        for (host, port) in self.hosts.iter().cloned() {
            let tls = match &host {
                // A socket is this machine; PostgreSQL speaks no TLS on it.
                Host::Unix(_) => false,
                Host::Tcp(name) if is_loopback(name) => self.sslmode.unwrap_or(has_tls),
                Host::Tcp(name) if self.sslmode == Some(false) => {
                    return Err(format!(
                        "must not switch TLS off for {name}: petitions are personal data; leave sslmode out and name the \
                         authority of the server's certificate in [store.tls] ca_file"
                    ));
                }
                Host::Tcp(_) => true,
            };
            servers.push(Server { host, port, tls });
        }
        Ok(servers)
    }
}

/// What a query asks of TLS; nothing else can be asked for in it.
fn read_query(query: &str) -> Result<Option<bool>, String> {
    let mut sslmode = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("sslmode", "require" | "verify-ca" | "verify-full") => sslmode = Some(true),
            ("sslmode", "disable" | "allow" | "prefer") => sslmode = Some(false),
            ("sslmode", _) => {
                return Err(
                    "has an sslmode that there is not; \"verify-full\" is what is done in any case beyond loopback: \
                            the server's certificate and its name are verified"
                        .to_owned(),
                );
            }
            // What is done in any case.
            ("target_session_attrs", "read-write" | "primary") => {}
            ("password", _) => return Err("must not hold a password".to_owned()),
            _ => {
                return Err(
                    "can ask for sslmode alone after the ?; connections and time-outs have keys of their own here, \
                            and the primary among several hosts is found without being asked for"
                        .to_owned(),
                );
            }
        }
    }
    Ok(sslmode)
}

fn is_host(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
            !name.is_empty() && name.bytes().all(is_sign)
        }
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
