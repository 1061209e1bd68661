//! Who may connect to a server's port, and how.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use postgres_server::{Options, Server, Tls};
use tokio_postgres::NoTls;

/// Connects without TLS; why not, when that is refused.
fn connect(url: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
    connected.map(drop).map_err(|error| error.as_db_error().unwrap().message().to_owned())
}

#[test]
fn the_port_asks_for_the_password() {
    let server = Server::start(Options { tcp: true, ..Options::default() });
    let database = server.database();
    let url = server.tcp_url(database.name());
    assert_eq!(connect(&url), Ok(()));
    let refused = connect(&url.replace(server.password(), "đoán")).unwrap_err();
    assert_eq!(refused, "password authentication failed for user \"gateway\"");
}

#[test]
fn a_server_with_tls_takes_nobody_without() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls { certificate: issued.cert.pem(), key: issued.signing_key.serialize_pem() };
    let server = Server::start(Options { tls: Some(tls), ..Options::default() });
    let refused = connect(&format!("{}?sslmode=disable", server.tcp_url("postgres"))).unwrap_err();
    assert!(refused.ends_with("no encryption"), "{refused}");

    // The request for TLS, and the server's yes.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&[0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F]).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"S");
}

#[test]
fn a_test_may_change_any_setting() {
    let server = Server::start(Options::default().with("max_connections", "17"));
    assert_eq!(server.try_run("postgres", "SHOW max_connections").unwrap(), [["17"]]);
    assert_eq!(server.try_run("postgres", "SHOW fsync").unwrap(), [["on"]]);
}
