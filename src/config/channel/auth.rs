//! `[channels.<name>.auth]` and `[.push]`: how we show who we are, and how the far side does.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::{
    config::{problem::nearest, reader::Section},
    security::CertificateMatcher,
};

/// How we show who we are. `Debug` shows no secret: they are kept in types that do not print them.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nothing; for the tests of a protocol.
    None,
    /// OAuth 2 client credentials.
    OAuth2 {
        /// Below the base address.
        token_path: String,
        /// Client id.
        client_id: String,
        /// Client secret.
        client_secret: SecretString,
        /// Scope, where the far side asks for one.
        scope: Option<String>,
    },
    /// User name and password.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: SecretString,
    },
    /// A bearer token that was handed to us.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// `X-Signature` over `X-Timestamp` and the body, as for pushes to us.
    Hmac {
        /// The shared secret.
        secret: SecretString,
    },
    /// The client certificate alone.
    Mtls,
}

/// A certificate that we show as a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain, PEM, leaf first.
    pub certificate_file: PathBuf,
    /// The key, PEM.
    pub key_file: PathBuf,
}

/// How the far side shows who it is when it pushes; where both are configured either is enough; with neither, no push
/// is let in.
#[derive(Debug, Clone, Default)]
pub struct PushAuth {
    /// Its client certificate is one of these.
    pub client_certificates: Vec<CertificateMatcher>,
    /// It signs with this secret.
    pub hmac_secret: Option<SecretString>,
}

const TYPES: [&str; 6] = ["none", "oauth2", "basic", "bearer", "hmac", "mtls"];

pub(super) fn read(mut section: Section<'_>) -> (Auth, Option<ClientCertificate>) {
    let sort = section.text("type");
    let auth = match sort.as_str() {
        "none" => Auth::None,
        "oauth2" => read_oauth2(&mut section),
        "basic" => Auth::Basic { user: section.text("user"), password: section.secret("password") },
        "bearer" => Auth::Bearer { token: section.secret("token") },
        "hmac" => Auth::Hmac { secret: section.secret("secret") },
        "mtls" => Auth::Mtls,
        _ => {
            if section.has("type") {
                let hint = nearest(&sort, TYPES).map_or(String::new(), |it| format!("; did you mean \"{it}\"?"));
                section.fault("type", format!("must be one of {}{hint}", TYPES.join(", ")));
            }
            // The other keys cannot be judged without the type.
            return (Auth::None, None);
        }
    };
    let certificate = read_certificate(&mut section, matches!(auth, Auth::Mtls));
    section.finish();
    (auth, certificate)
}

fn read_oauth2(section: &mut Section<'_>) -> Auth {
    let token_path = section.text_maybe("token_path").unwrap_or_else(|| "/oauth2/token".to_owned());
    if !token_path.starts_with('/') {
        section.fault("token_path", "must begin with /: it lies below base_url");
    }
    Auth::OAuth2 {
        token_path,
        client_id: section.text("client_id"),
        client_secret: section.secret("client_secret"),
        scope: section.text_maybe("scope"),
    }
}

fn read_certificate(section: &mut Section<'_>, required: bool) -> Option<ClientCertificate> {
    let given = (section.has("certificate_file"), section.has("key_file"));
    if !required && given == (false, false) {
        return None;
    }
    Some(ClientCertificate { certificate_file: section.file("certificate_file"), key_file: section.file("key_file") })
}

pub(super) fn read_push(mut section: Section<'_>) -> PushAuth {
    /// An HMAC secret shorter than this is guessed.
    const SECRET_BYTES_MIN: usize = 16;
    let client_certificates =
        section.tables("client_certificates").into_iter().filter_map(crate::config::security::read_matcher).collect();
    let hmac_secret = section.secret_maybe("hmac_secret");
    if hmac_secret.as_ref().is_some_and(|it| secrecy::ExposeSecret::expose_secret(it).len() < SECRET_BYTES_MIN) {
        let place = section.place("hmac_secret");
        section.push(place.problem(format!("the secret is shorter than {SECRET_BYTES_MIN} bytes")));
    }
    section.finish();
    PushAuth { client_certificates, hmac_secret }
}
