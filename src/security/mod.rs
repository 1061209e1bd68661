//! Who is at the other end of a connection, and what they may do.
//!
//! - [`tls`]: the server side of TLS from files that may change while we run; one crypto provider for all of it;
//! - [`client_tls`]: the client side of it, towards the database;
//! - [`accept`]: connections of a listener, handshake done, each with its [`Peer`];
//! - [`identity`]: what a client certificate says of its holder, and how the configuration names one;
//! - [`principals`]: names and roles, deny by default;
//! - [`signature`]: signed pushes of channels that show no certificate;
//! - [`throwaway`]: certificates for the demo and the tests.
//!
//! What a role may do is decided where it is asked for (gRPC); nothing here knows a petition.

pub mod accept;
pub mod client_tls;
pub mod identity;
pub mod principals;
pub mod signature;
pub mod throwaway;
pub mod tls;

pub use self::{
    accept::{Connection, Incoming, PeerAt},
    client_tls::{ClientTls, ClientTlsFiles},
    identity::{CertificateMatcher, Identity, Peer},
    principals::{Principal, Principals, Role, Roles},
    tls::{ClientCertificates, ServerTls, TlsError, TlsFiles, check_server_files},
};
