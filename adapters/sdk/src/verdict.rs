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

/// A far side that asks for more patience than a day has made a mistake (a date far off, milliseconds for seconds), and a
/// delivery must not sleep because of it; a real maintenance window of days costs one attempt a day.
const NOT_BEFORE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

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
            refused(status, &detail, reply.retry_after().map(|asked| asked.min(NOT_BEFORE_MAX)))
        }
        Err(error) => unanswered(error),
    }
}

/// The verdict on a status that is no success.
fn refused(status: u16, detail: &str, not_before: Option<Duration>) -> Verdict {
    match status {
        401 | 403 => Verdict::Retry {
            reason: format!("HTTP {status}{detail}: thông tin xác thực bị từ chối"),
            not_before,
        },
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};

    use super::*;

    fn reply(status: u16, retry_after: Option<&'static str>) -> Result<Reply, RemoteError> {
        let mut headers = HeaderMap::new();
        retry_after.map(|text| headers.insert(RETRY_AFTER, HeaderValue::from_static(text)));
        Ok(Reply { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    #[test]
    fn success_and_already_are_delivered_time_and_operators_mend_the_rest_but_what_is_wrong_with_the_message() {
        let delivered = |status| matches!(verdict(&reply(status, None), &[409]), Verdict::Delivered { .. });
        let retried = |status| matches!(verdict(&reply(status, None), &[409]), Verdict::Retry { .. });
        let rejected = |status| matches!(verdict(&reply(status, None), &[409]), Verdict::Reject { .. });
        assert!([200, 201, 202, 204, 409].into_iter().all(delivered));
        assert!([301, 302, 401, 403, 408, 425, 429, 500, 502, 503, 504, 599].into_iter().all(retried));
        assert!([400, 404, 405, 410, 413, 415, 422].into_iter().all(rejected));
        assert!(matches!(verdict(&reply(409, None), &[]), Verdict::Reject { .. }));
    }

    #[test]
    fn the_far_side_says_when_to_come_back() {
        let expected = Verdict::Retry { reason: "HTTP 429".to_owned(), not_before: Some(Duration::from_secs(7)) };
        assert_eq!(verdict(&reply(429, Some("7")), &[]), expected);
    }

    #[test]
    fn nobody_makes_a_delivery_wait_for_more_than_a_day() {
        for (asked, waited) in [("86399", 86_399), ("86401", 86_400), ("18446744073709551615", 86_400)] {
            let Verdict::Retry { not_before, .. } = verdict(&reply(503, Some(asked)), &[]) else {
                panic!("503 passes")
            };
            assert_eq!(not_before, Some(Duration::from_secs(waited)), "{asked}");
        }
    }

    #[test]
    fn no_answer_is_tried_again_and_an_answer_beyond_the_limit_is_not() {
        for error in
            [RemoteError::Unreachable("dns".into()), RemoteError::NoAnswer("timeout".into()), RemoteError::Status(503)]
        {
            assert!(matches!(verdict(&Err(error), &[]), Verdict::Retry { .. }));
        }
        for error in [RemoteError::TooLarge { bytes_max: 1 }, RemoteError::Status(404)] {
            assert!(matches!(verdict(&Err(error), &[]), Verdict::Reject { .. }));
        }
    }

    #[test]
    fn a_reason_names_code_and_fields_and_nothing_that_could_be_personal() {
        let complaint = |code: &str, fields: &[&str]| {
            let fields = fields.iter().map(|it| (*it).to_owned()).collect();
            let complaint = Complaint { code: code.to_owned(), fields };
            match verdict_with(&reply(422, None), &[], |_| Some(complaint)) {
                Verdict::Reject { reason } => reason,
                _ => unreachable!("422 is rejected"),
            }
        };
        assert_eq!(complaint("E-17", &["noiDung", "tepDinhKem[0].ten"]), "HTTP 422 [E-17; noiDung, tepDinhKem[0].ten]");
        assert_eq!(complaint("001199012345", &["Trần Thị B", "0912345678"]), "HTTP 422");
        assert_eq!(complaint("", &["noiDung"]), "HTTP 422 [noiDung]");
    }
}
