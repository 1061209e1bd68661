//! TLS towards the database, by the files as they are when a connection is made.

use std::{convert::Infallible, sync::Arc};

use tokio_postgres::{Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::security::ClientTls;

/// Makes TLS for each new connection; never asked for one by a server that is spoken to without.
#[derive(Clone)]
pub(super) struct Tls(pub(super) Arc<ClientTls>);

impl MakeTlsConnect<Socket> for Tls {
    type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = Infallible;

    fn make_tls_connect(&mut self, server_name: &str) -> Result<Self::TlsConnect, Infallible> {
        let config = rustls::ClientConfig::clone(&self.0.current());
        MakeTlsConnect::<Socket>::make_tls_connect(&mut MakeRustlsConnect::new(config), server_name)
    }
}
