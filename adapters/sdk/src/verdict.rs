//! From the far side's answer to a [`Verdict`]: retry or give up, decided in one place for every HTTP channel.
//!
//! The rule: what time or an operator can mend is retried (no connection, overload, a fault of the server, credentials,
//! a moved address); what our message can never pass with is rejected, so that a person looks at it. The reason carries
//! the status, the far side's error code and the names of the fields it complains of; never its free text, which may
//! quote the petition.

use std::time::Duration;

use crate::{
    notice::Verdict,
    remote::{RemoteError, Reply},
};

/// What the far side says about its refusal, as far as it may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaint {
    /// Its error code (`maLoi`).
    pub code: String,
    /// The names of the fields that it complains of (`chiTiet[].truong`).
    pub fields: Vec<String>,
}

/// The verdict on a delivery from the answer alone. `already` are the statuses that say "I have this from before".
pub fn verdict(result: &Result<Reply, RemoteError>, already: &[u16]) -> Verdict {
    verdict_with(result, already, |_| None)
}

/// The same, with the far side's complaint read from the body of a refusal by `complaint`.
pub fn verdict_with(
    result: &Result<Reply, RemoteError>,
    already: &[u16],
    complaint: impl FnOnce(&Reply) -> Option<Complaint>,
) -> Verdict {
    match result {
        Ok(reply) => {
            let status = reply.status.as_u16();
            if reply.status.is_success() || already.contains(&status) {
                return Verdict::Delivered { remote_reference: None };
            }
            let detail = complaint(reply).map(|it| it.shown()).unwrap_or_default();
            refused(status, &detail, reply.retry_after())
        }
        Err(error) => unanswered(error),
    }
}

/// The verdict on a status that is no success.
fn refused(status: u16, detail: &str, not_before: Option<Duration>) -> Verdict {
    match status {
        401 | 403 => Verdict::Retry { reason: format!("HTTP {status}{detail}: credentials refused"), not_before },
        300..=399 | 408 | 425 | 429 | 500.. => Verdict::Retry { reason: format!("HTTP {status}{detail}"), not_before },
        _ => Verdict::Reject { reason: format!("HTTP {status}{detail}") },
    }
}

/// The verdict when no answer can be judged; also for a failed download.
pub fn unanswered(error: &RemoteError) -> Verdict {
    match error {
        RemoteError::Status(status) => refused(*status, "", None),
        RemoteError::TooLarge { .. } => Verdict::Reject { reason: error.to_string() },
        RemoteError::Unreachable(_) | RemoteError::NoAnswer(_) | RemoteError::Credentials(_) | RemoteError::Blob(_) => {
            Verdict::Retry { reason: error.to_string(), not_before: None }
        }
    }
}

impl Complaint {
    /// ` [code; field, field]`, or nothing. Both come from outside: only what looks like a code or a field's name passes.
    fn shown(&self) -> String {
        /// More fields than this help nobody and make the reason endless.
        const FIELDS_MAX: usize = 16;
        let fields: Vec<&str> =
            self.fields.iter().map(String::as_str).filter(|it| is_name(it)).take(FIELDS_MAX).collect();
        let code = if is_name(&self.code) { self.code.as_str() } else { "" };
        match (code.is_empty(), fields.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!(" [{code}]"),
            (true, false) => format!(" [{}]", fields.join(", ")),
            (false, false) => format!(" [{code}; {}]", fields.join(", ")),
        }
    }
}

/// Whether `text` has the shape of a code or of a field's path: short, ASCII, no spaces, and not a run of digits as
/// identity and telephone numbers are.
fn is_name(text: &str) -> bool {
    /// The longest field path of the known dialects has 40 characters.
    const NAME_BYTES_MAX: usize = 64;
    /// Error codes are numbers of up to six digits; identity numbers have nine or twelve, telephones ten.
    const DIGITS_MAX: usize = 6;
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./[]".contains(&byte))
        && text.bytes().filter(u8::is_ascii_digit).count() <= DIGITS_MAX
}
