//! The operator's way to a running gateway: address, certificates, time-out, and the generated clients.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use petition_gateway::pb::{
    channel_service_client::ChannelServiceClient, petition_service_client::PetitionServiceClient,
};
use tonic::{
    Request,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri},
};
use uuid::Uuid;

use super::{failure::Failure, words::said};

/// Larger than anything the gateway answers (4 MiB, with room for a contract that grows).
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A gateway that does not answer the handshake by then is not there.
const CONNECT_SECONDS_MAX: u64 = 10;
/// A stream on which nothing moves is asked for a sign of life this often, so that a dead connection is noticed.
const KEEP_ALIVE_SECONDS: u64 = 30;

/// How to reach the gateway.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection (kết nối)")]
pub(crate) struct Connection {
    /// The gateway (địa chỉ của cổng); plain http:// only to this machine
    #[arg(
        long,
        global = true,
        env = "PETITION_GATEWAY_ADDRESS",
        default_value = "https://127.0.0.1:7443",
        value_name = "URL"
    )]
    address: String,
    /// The authority that signed the gateway's certificate, PEM (chứng thư của cơ quan cấp)
    #[arg(long, global = true, env = "PETITION_GATEWAY_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate, PEM (chứng thư của người gọi)
    #[arg(long, global = true, env = "PETITION_GATEWAY_CERTIFICATE", value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The key of our certificate, PEM (khóa riêng)
    #[arg(long, global = true, env = "PETITION_GATEWAY_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// The name in the gateway's certificate, if it is not the address's
    #[arg(long, global = true, env = "PETITION_GATEWAY_SERVER_NAME", value_name = "NAME")]
    server_name: Option<String>,
    /// Seconds that one call may take; streams may take as long as they move (thời gian chờ)
    #[arg(long, global = true, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// UUID of an earlier intent, to repeat it without doing it twice (mã yêu cầu); made anew without this
    #[arg(long, global = true, value_name = "UUID")]
    request_id: Option<Uuid>,
}

/// A connection with the clients of both services.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// What ministry systems do.
    pub(crate) petitions: PetitionServiceClient<Channel>,
    /// What operators do.
    pub(crate) channels: ChannelServiceClient<Channel>,
    /// The intent of this command.
    pub(crate) request_id: Uuid,
    timeout: Duration,
}

impl Gateway {
    /// A call with one answer, which must come in time. The gateway is told how long we wait.
    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The address or a certificate is wrong, or nobody answers.
    pub(crate) async fn open(&self) -> Result<Gateway, Failure> {
        let channel = self.endpoint()?.connect().await;
        let channel = channel.map_err(|source| Failure::Unreachable { address: self.address.clone(), source })?;
        Ok(Gateway {
            petitions: PetitionServiceClient::new(channel.clone()).max_decoding_message_size(RESPONSE_BYTES_MAX),
            channels: ChannelServiceClient::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX),
            request_id: self.request_id.unwrap_or_else(Uuid::now_v7),
            timeout: Duration::from_secs(self.timeout),
        })
    }

    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let uri = self.address.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
        let Some(uri) = uri else {
            return Err(Failure::Usage(said!(
                "--address phải có dạng https://may-chu:7443",
                "--address must look like https://host:7443"
            )));
        };
        let plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") if uri.host().is_some_and(is_loopback) => true,
            Some("http") => {
                return Err(Failure::Usage(said!(
                    "http:// không mã hóa chỉ dùng trong máy này; dùng https:// với --ca, --certificate, --key",
                    "plain http:// is for this machine only; use https:// with --ca, --certificate, --key"
                )));
            }
            _ => {
                return Err(Failure::Usage(said!(
                    "--address phải là https:// hoặc http://",
                    "--address must be https:// or http://"
                )));
            }
        };
        let endpoint = Endpoint::from(uri)
            .user_agent(concat!("petition-gateway/", env!("CARGO_PKG_VERSION")))
            .expect("name and version are plain text")
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .http2_keep_alive_interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
        if plain {
            return Ok(endpoint);
        }
        endpoint
            .tls_config(self.tls()?)
            .map_err(|source| Failure::Unreachable { address: self.address.clone(), source })
    }

    fn tls(&self) -> Result<ClientTlsConfig, Failure> {
        let Some(ca) = &self.ca else {
            return Err(Failure::Usage(said!(
                "https:// cần --ca (hoặc PETITION_GATEWAY_CA): chứng thư của cơ quan cấp cho cổng",
                "https:// needs --ca (or PETITION_GATEWAY_CA): who signed the gateway's certificate"
            )));
        };
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(ca)?));
        tls = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => tls.identity(Identity::from_pem(pem(certificate)?, pem(key)?)),
            (None, None) => tls,
            _ => {
                return Err(Failure::Usage(said!(
                    "--certificate và --key phải đi cùng nhau",
                    "--certificate and --key go together"
                )));
            }
        };
        Ok(match &self.server_name {
            Some(name) => tls.domain_name(name),
            None => tls,
        })
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::file(path))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    fn to(address: &str) -> Connection {
        Connection {
            address: address.to_owned(),
            ca: None,
            certificate: None,
            key: None,
            server_name: None,
            timeout: 30,
            request_id: None,
        }
    }

    #[test]
    fn plain_connections_stay_on_this_machine() {
        for address in ["http://127.0.0.1:7443", "http://localhost:7443", "http://[::1]:7443"] {
            assert!(to(address).endpoint().is_ok(), "{address}");
        }
        for address in
            ["http://192.0.2.1:7443", "http://cong.example:7443", "https://127.0.0.1:7443", "ftp://a", "a b", "/"]
        {
            assert_eq!(to(address).endpoint().unwrap_err().exit(), Exit::Usage, "{address}");
        }
    }
}
