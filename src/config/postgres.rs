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
    /// Connections for reading; two more write and watch.
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::{Config, ConfigError, Environment, Problem, Store};

    const VARIABLE: &str = "PETITION_GATEWAY_STORE_URL";

    fn read(section: &str, environment: &Environment) -> Result<Postgres, String> {
        let text = format!("[store]\n{section}\n");
        let read = Config::read("gateway.toml", Path::new("/nowhere"), &text, environment, &[]);
        match read.map(|config| config.store) {
            Ok(Store::Postgres(settings)) => Ok(*settings),
            Ok(Store::Sqlite { .. }) => Err("sqlite".to_owned()),
            Err(ConfigError(all)) => Err(all.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    fn of_url(url: &str) -> Result<Postgres, String> {
        read(&format!("url = \"{url}\""), &Environment::empty())
    }

    #[track_caller]
    fn refused(url: &str, why: &str) {
        let told = of_url(url).unwrap_err();
        assert!(told.starts_with("gateway.toml:2: store.url: ") && told.contains(why), "{url}: {told}");
        assert!(!told.contains("s3cret"), "{url}: {told}");
    }

    fn tls_of(settings: &Postgres) -> Vec<bool> {
        settings.servers.iter().map(|server| server.tls).collect()
    }

    #[test]
    fn a_url_names_servers_user_and_database() {
        let settings = of_url("postgres://gateway@db1.example.vn:6432,db2.example.vn,[::1]/petitions").unwrap();
        assert_eq!(settings.to_string(), "postgres://db1.example.vn:6432,db2.example.vn:5432,[::1]:5432/petitions");
        assert_eq!((settings.user.as_str(), settings.password.is_none()), ("gateway", true));
        assert_eq!((settings.connections_max, settings.statement_limit.as_secs()), (16, 30));
        let settings = of_url("postgresql://gateway@%2Frun%2Fpostgresql/petitions").unwrap();
        assert_eq!(settings.servers[0].host, Host::Unix("/run/postgresql".into()));
    }

    #[test]
    fn beyond_loopback_and_sockets_tls_is_used_and_cannot_be_switched_off() {
        let url = "postgres://u@%2Frun%2Fpostgresql,127.0.0.1,localhost,db.example.vn,10.0.0.5/d";
        assert_eq!(tls_of(&of_url(url).unwrap()), [false, false, false, true, true]);
        for query in ["?sslmode=require", "?sslmode=verify-full&target_session_attrs=read-write"] {
            assert_eq!(tls_of(&of_url(&format!("{url}{query}")).unwrap()), [false, true, true, true, true]);
        }
        assert_eq!(tls_of(&of_url("postgres://u@127.0.0.1/d?sslmode=disable").unwrap()), [false]);
        for weak in ["disable", "allow", "prefer"] {
            refused(
                &format!("{url}?sslmode={weak}"),
                "must not switch TLS off for db.example.vn: petitions are personal data",
            );
        }
        refused(&format!("{url}?sslmode=verify"), "has an sslmode that there is not; \"verify-full\"");
    }

    #[test]
    fn on_loopback_tls_is_used_when_its_table_is_there() {
        let ca = crate::security::throwaway::Authority::new("ca").unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), ca.pem()).unwrap();
        let section = format!("url = \"postgres://u@localhost/d\"\ntls.ca_file = \"{}\"", file.path().display());
        assert_eq!(tls_of(&read(&section, &Environment::empty()).unwrap()), [true]);

        std::fs::write(file.path(), "nothing").unwrap();
        let told = read(&section, &Environment::empty()).unwrap_err();
        assert_eq!(told, "gateway.toml:3: store.tls.ca_file: holds no authority's certificate (PEM) that can be read");
        let section = "url = \"postgres://u@db.example.vn/d\"\n[store.tls]\ncertificate_file = \"no-such\"\nca = \"x\"";
        assert_eq!(
            read(section, &Environment::empty()).unwrap_err(),
            "gateway.toml:3: store.tls.key_file: is missing\n\
             gateway.toml:4: store.tls.certificate_file: cannot read /nowhere/no-such: entity not found\n\
             gateway.toml:5: store.tls.ca: unknown key; did you mean `ca_file`?"
        );
    }

    #[test]
    fn what_a_url_must_not_say_is_told_and_never_a_password() {
        refused("postgres://u:s3cret@db/d", "must not hold a password: name a file that does in password_file");
        refused("postgres://u@db/d?password=s3cret", "must not hold a password");
        refused("postgres://u:p@s3cret@db/d", "must not hold a password");
        refused("postgres://u@s3cret@db/d", "an @ in a password is written %40");
        refused("postgres://u:s3cret/d", "cannot be read; it is written postgres://user@host:5432/database");
        refused("postgres://u@db:s3cret/d", "cannot be read");
        refused("postgres://db/d", "names no user");
        refused("postgres://u@db", "names no database");
        refused("postgres://u@/d", "names no host");
        refused("postgres://u@db,/d", "names no host");
        refused("postgres://u@db/d?connect_timeout=3", "can ask for sslmode alone");
        refused("postgres://u@db/d?target_session_attrs=any", "can ask for sslmode alone");
    }

    #[test]
    fn the_password_comes_from_a_file_or_a_variable_or_with_the_whole_url_of_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret of the file\n").unwrap();
        let by_file = format!("url = \"postgres://u@db/d\"\npassword_file = \"{}\"", file.path().display());
        let by_variable = "url = \"postgres://u@db/d\"\npassword_env = \"STORE\"";
        let whole = Environment::of([(VARIABLE, "postgres://v:s3cret%40of%20the%20url@db/d")]);
        let environment = Environment::of([("STORE", "s3cret of the variable")]);
        for (section, environment, expected) in [
            (by_file.as_str(), &Environment::empty(), "s3cret of the file"),
            (by_variable, &environment, "s3cret of the variable"),
            ("", &whole, "s3cret@of the url"),
            (&by_file, &whole, "s3cret@of the url"),
        ] {
            let settings = read(section, environment).unwrap();
            assert_eq!(settings.password.as_ref().unwrap().expose_secret(), expected);
            assert!(!format!("{settings:?}{settings}").contains("s3cret"));
        }
        let whole = Environment::of([(VARIABLE, "postgres://v:s3cret@db/d?sslmode=off")]);
        let told = read("", &whole).unwrap_err();
        assert!(
            told.starts_with("environment variable PETITION_GATEWAY_STORE_URL: store.url: has an sslmode"),
            "{told}"
        );
        assert!(!told.contains("s3cret"), "{told}");
    }

    #[test]
    fn the_keys_of_this_engine_may_stand_beside_the_url_of_another() {
        let section = "url = \"sqlite:x.db\"\npassword_file = \"no-such\"\n[store.tls]\nca_file = \"no-such\"";
        assert_eq!(read(section, &Environment::empty()).unwrap_err(), "sqlite");
        let told = read("url = \"sqlite:x.db\"\nconections_max = 3", &Environment::empty()).unwrap_err();
        assert_eq!(told, "gateway.toml:3: store.conections_max: unknown key; did you mean `connections_max`?");
    }
}
