//! Addresses of systems beyond this process, as configured: complete, without credentials, and plain only on loopback.

use std::net::IpAddr;

use reqwest::Url;

/// The address in `text`, or what is wrong with it; `example` is one that would be right, `credentials` says where
/// they belong instead.
pub(super) fn parse(text: &str, example: &str, credentials: &str) -> Result<Url, String> {
    let wrong = match Url::parse(text) {
        Err(_) => return Err(format!("must be an address such as \"{example}\"")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => "must begin with https://",
        // Refused rather than used: an address is printed and logged.
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            return Err(format!("must not carry credentials; they belong into {credentials}"));
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => "must not carry a query or a fragment",
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            "plain http:// is for loopback only: petitions are personal data; use https://"
        }
        Ok(url) => return Ok(url),
    };
    Err(wrong.to_owned())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
