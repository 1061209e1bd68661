//! From the far side's answer to a [`Verdict`]: retry, in doubt or give up, decided in one place for every HTTP channel.
//!
//! The rule: what was refused before any work, and what time or an operator can mend, is retried (no connection, overload,
//! credentials, a moved address); what our message can never pass with is rejected, so that a person looks at it. Where
//! the request left and nothing tells whether it took effect, the outcome is [`Verdict::Unknown`]: no answer or half of
//! one, a fault of the server (it may have failed after it had committed), a success with a body that the far side
//! itself cannot have written (a maintenance page). An error document under 200 is a refusal like any. The reason
//! carries the status, the far side's error code and the names of the fields it complains of; never its free text, which
//! may quote the petition.

use std::time::Duration;

use crate::{
    json,
    model::Attachment,
    notice::Verdict,
    remote::{Fetched, RemoteError, Reply},
    tree::{Content, Limits, Node},
    xml,
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

/// A syntax that a far side writes its replies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// A JSON object.
    Json,
    /// An XML document.
    Xml,
}

/// The verdict on a delivery from the answer alone. `already` are the statuses that say "I have this from before".
pub fn verdict(result: &Result<Reply, RemoteError>, already: &[u16], syntaxes: &[Syntax]) -> Verdict {
    verdict_with(result, already, syntaxes, |_| None)
}

/// The same, with the far side's complaint read by `complaint` from the body of a refusal, and from that of a success,
/// where one with an error code makes it none.
pub fn verdict_with(
    result: &Result<Reply, RemoteError>,
    already: &[u16],
    syntaxes: &[Syntax],
    complaint: impl FnOnce(&Reply) -> Option<Complaint>,
) -> Verdict {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => return unanswered(error),
    };
    let status = reply.status.as_u16();
    let not_before = reply.retry_after().map(|asked| asked.min(NOT_BEFORE_MAX));
    if already.contains(&status) {
        return Verdict::Delivered { remote_reference: None };
    }
    if reply.status.is_success() {
        return match no_success(reply, syntaxes, complaint) {
            None => Verdict::Delivered { remote_reference: None },
            Some(NoSuccess::Refusal(why)) => Verdict::Retry { reason: format!("HTTP {status}{why}"), not_before },
            Some(NoSuccess::Strange(why)) => Verdict::Unknown { reason: format!("HTTP {status}{why}"), not_before },
        };
    }
    let detail = complaint(reply).map(|it| it.shown()).unwrap_or_default();
    refused(status, &detail, not_before)
}

/// Why a success is none.
enum NoSuccess {
    /// The far side says so itself.
    Refusal(String),
    /// Somebody in the far side's place answered, or its answer is damaged: what it did is not known.
    Strange(String),
}

/// Why a success is none, if it is none. An empty body is as good as any, under 202 too: the protocols know no other acknowledgement
/// that would come later, so whoever waited for one would send the same message for ever.
fn no_success(
    reply: &Reply,
    syntaxes: &[Syntax],
    complaint: impl FnOnce(&Reply) -> Option<Complaint>,
) -> Option<NoSuccess> {
    let body = reply.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&reply.body).trim_ascii();
    if body.is_empty() {
        return None;
    }
    if !syntaxes.iter().any(|syntax| syntax.document(body).is_some_and(|root| !is_html(&root))) {
        let found =
            if looks_like_html(body) { "một trang HTML (an HTML page" } else { "nội dung lạ (something else" };
        return Some(NoSuccess::Strange(format!(": đối tác trả về {found} instead of a reply of the protocol)")));
    }
    // Without the white space around it, which stands before an XML declaration where no strict reader takes it.
    let reply = Reply { body: reply.body.slice_ref(body), ..reply.clone() };
    let complaint = complaint(&reply).filter(Complaint::is_error)?;
    let why = format!("{}: đối tác trả về thông báo lỗi (an error document under a success status)", complaint.shown());
    Some(NoSuccess::Refusal(why))
}

impl Syntax {
    /// `body` as a document of this syntax. Told by its first character and not by its content type, because the
    /// servers that put up a page in the far side's place are the ones that declare whatever they like.
    fn document(self, body: &[u8]) -> Option<Node> {
        let limits = Limits::default();
        match self {
            Syntax::Xml if body.starts_with(b"<") => xml::read(body, &limits).ok(),
            Syntax::Json if body.starts_with(b"{") => {
                json::read(body, &limits).ok().filter(|root| matches!(root.content, Content::Children(_)))
            }
            _ => None,
        }
    }
}

/// Whether the root is that of a page, which may be well-formed XML.
fn is_html(root: &Node) -> bool {
    root.name.eq_ignore_ascii_case("html")
}

fn looks_like_html(body: &[u8]) -> bool {
    /// A page names itself at its beginning, after comments and declarations at most.
    const BEGINNING_BYTES: usize = 1024;
    let beginning = String::from_utf8_lossy(&body[..body.len().min(BEGINNING_BYTES)]).to_ascii_lowercase();
    beginning.starts_with('<') && ["<html", "<!doctype html", "<head", "<body"].iter().any(|it| beginning.contains(it))
}

/// The verdict on a status that is no success.
fn refused(status: u16, detail: &str, not_before: Option<Duration>) -> Verdict {
    match status {
        401 | 403 => Verdict::Retry {
            reason: format!("HTTP {status}{detail}: thông tin xác thực bị từ chối"),
            not_before,
        },
        // Said before any work: moved, the request did not come whole, too early, too many.
        300..=399 | 408 | 425 | 429 => Verdict::Retry { reason: format!("HTTP {status}{detail}"), not_before },
        // Whoever says when to come back has turned us away; whoever does not may have fallen over in the middle.
        503 if not_before.is_some() => Verdict::Retry { reason: format!("HTTP {status}{detail}"), not_before },
        500.. => Verdict::Unknown { reason: format!("HTTP {status}{detail}"), not_before },
        _ => Verdict::Reject { reason: format!("HTTP {status}{detail}") },
    }
}

/// The verdict when no answer to a message can be judged.
fn unanswered(error: &RemoteError) -> Verdict {
    let (reason, not_before) = (error.to_string(), None);
    match error {
        RemoteError::Status(status) => refused(*status, "", None),
        RemoteError::NoAnswer(_) | RemoteError::TooLarge { .. } => Verdict::Unknown { reason, not_before },
        RemoteError::Unreachable(_) | RemoteError::Credentials(_) => Verdict::Retry { reason, not_before },
        RemoteError::Blob(_) => Verdict::NotTried { reason },
    }
}

/// The verdict on a failed download. Reading changes nothing at the far side, so nothing of it is ever in doubt.
pub fn not_fetched(error: &RemoteError) -> Verdict {
    match (error, unanswered(error)) {
        // The limit is ours: the same file will not pass it another time.
        (RemoteError::TooLarge { .. }, _) => Verdict::Reject { reason: error.to_string() },
        (_, Verdict::Unknown { reason, not_before }) => Verdict::Retry { reason, not_before },
        (_, verdict) => verdict,
    }
}

/// The verdict on a download that brought a page where another file was announced: something on the way answered for the
/// far side, as it does while that is away. `None` for what may be the file.
pub fn page_instead_of_file(announced: &Attachment, fetched: &Fetched) -> Option<Verdict> {
    let is_page = |text: &str| text.to_ascii_lowercase().contains("htm");
    let may_be_one = is_page(&announced.media_type) || is_page(&announced.name);
    (is_page(&fetched.media_type) && !may_be_one).then(|| Verdict::Retry {
        reason: "đối tác trả về một trang HTML (an HTML page instead of the file)".to_owned(),
        not_before: None,
    })
}

impl Complaint {
    /// Whether the code tells of an error: zero and `OK` say that there was none.
    fn is_error(&self) -> bool {
        let code = self.code.trim();
        !code.bytes().all(|byte| byte == b'0') && !code.eq_ignore_ascii_case("OK")
    }

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

    const JSON: &[Syntax] = &[Syntax::Json];
    const XML: &[Syntax] = &[Syntax::Xml];

    fn reply(status: u16, retry_after: Option<&'static str>) -> Result<Reply, RemoteError> {
        let mut headers = HeaderMap::new();
        retry_after.map(|text| headers.insert(RETRY_AFTER, HeaderValue::from_static(text)));
        Ok(Reply { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    #[test]
    fn a_page_in_a_files_place_is_tried_again_and_a_file_that_is_a_page_is_none() {
        let announced = |name: &str, media_type: &str| Attachment {
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            size_bytes: 0,
            sha256: String::new(),
            remote_id: String::new(),
        };
        let fetched =
            |media_type: &str| Fetched { sha256: String::new(), size_bytes: 1, media_type: media_type.to_owned() };
        let judged = |announced: &Attachment, media_type| page_instead_of_file(announced, &fetched(media_type));
        let scan = announced("don.pdf", "application/pdf");
        assert!(matches!(judged(&scan, "text/HTML; charset=utf-8"), Some(Verdict::Retry { .. })));
        assert_eq!(judged(&scan, "application/pdf"), None);
        assert_eq!(judged(&scan, ""), None);
        assert_eq!(judged(&announced("trang.html", ""), "text/html"), None);
        assert_eq!(judged(&announced("trang", "text/html"), "text/html"), None);
    }

    #[test]
    fn success_and_already_are_delivered_time_and_operators_mend_the_rest_but_what_is_wrong_with_the_message() {
        let delivered = |status| matches!(verdict(&reply(status, None), &[409], JSON), Verdict::Delivered { .. });
        let retried = |status| matches!(verdict(&reply(status, None), &[409], JSON), Verdict::Retry { .. });
        let rejected = |status| matches!(verdict(&reply(status, None), &[409], JSON), Verdict::Reject { .. });
        let unknown = |status| matches!(verdict(&reply(status, None), &[409], JSON), Verdict::Unknown { .. });
        assert!([200, 201, 202, 204, 409].into_iter().all(delivered));
        assert!([301, 302, 401, 403, 408, 425, 429].into_iter().all(retried));
        assert!([500, 502, 503, 504, 599].into_iter().all(unknown));
        assert!([400, 404, 405, 410, 413, 415, 422].into_iter().all(rejected));
        assert!(matches!(verdict(&reply(409, None), &[], JSON), Verdict::Reject { .. }));
    }

    #[test]
    fn the_far_side_says_when_to_come_back() {
        let expected = Verdict::Retry { reason: "HTTP 429".to_owned(), not_before: Some(Duration::from_secs(7)) };
        assert_eq!(verdict(&reply(429, Some("7")), &[], JSON), expected);
    }

    #[test]
    fn nobody_makes_a_delivery_wait_for_more_than_a_day() {
        for (asked, waited) in [("86399", 86_399), ("86401", 86_400), ("18446744073709551615", 86_400)] {
            let Verdict::Retry { not_before, .. } = verdict(&reply(503, Some(asked)), &[], JSON) else {
                panic!("503 passes")
            };
            assert_eq!(not_before, Some(Duration::from_secs(waited)), "{asked}");
        }
    }

    #[test]
    fn what_did_not_leave_is_tried_again_and_what_left_without_a_whole_answer_is_in_doubt() {
        let verdict = |error| verdict(&Err(error), &[], JSON);
        assert!(matches!(verdict(RemoteError::Unreachable("dns".into())), Verdict::Retry { .. }));
        assert!(matches!(verdict(RemoteError::NoAnswer("timeout".into())), Verdict::Unknown { .. }));
        assert!(matches!(verdict(RemoteError::Blob("i/o".into())), Verdict::NotTried { .. }));
        assert!(matches!(verdict(RemoteError::TooLarge { bytes_max: 1 }), Verdict::Unknown { .. }));
        assert!(matches!(verdict(RemoteError::Status(500)), Verdict::Unknown { .. }));
        assert!(matches!(verdict(RemoteError::Status(404)), Verdict::Reject { .. }));
    }

    #[test]
    fn a_server_that_says_when_to_come_back_has_done_nothing() {
        assert!(matches!(verdict(&reply(503, Some("7")), &[], JSON), Verdict::Retry { .. }));
        assert!(matches!(verdict(&reply(500, Some("7")), &[], JSON), Verdict::Unknown { not_before: Some(_), .. }));
    }

    #[test]
    fn a_download_is_never_in_doubt_and_a_file_beyond_the_limit_is_given_up() {
        for error in [RemoteError::NoAnswer("timeout".into()), RemoteError::Status(500), RemoteError::Status(429)] {
            assert!(matches!(not_fetched(&error), Verdict::Retry { .. }), "{error}");
        }
        for error in [RemoteError::TooLarge { bytes_max: 1 }, RemoteError::Status(404)] {
            assert!(matches!(not_fetched(&error), Verdict::Reject { .. }), "{error}");
        }
    }

    #[test]
    fn a_reason_names_code_and_fields_and_nothing_that_could_be_personal() {
        let complaint = |code: &str, fields: &[&str]| {
            let fields = fields.iter().map(|it| (*it).to_owned()).collect();
            let complaint = Complaint { code: code.to_owned(), fields };
            match verdict_with(&reply(422, None), &[], JSON, |_| Some(complaint)) {
                Verdict::Reject { reason } => reason,
                _ => unreachable!("422 is rejected"),
            }
        };
        assert_eq!(complaint("E-17", &["noiDung", "tepDinhKem[0].ten"]), "HTTP 422 [E-17; noiDung, tepDinhKem[0].ten]");
        assert_eq!(complaint("001199012345", &["Trần Thị B", "0912345678"]), "HTTP 422");
        assert_eq!(complaint("", &["noiDung"]), "HTTP 422 [noiDung]");
    }

    fn under_200(body: &str, syntaxes: &[Syntax], code: &str) -> Verdict {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let reply = Reply { status: StatusCode::OK, headers: HeaderMap::new(), body };
        let complaint = Complaint { code: code.to_owned(), fields: Vec::new() };
        verdict_with(&Ok(reply), &[], syntaxes, |_| Some(complaint))
    }

    #[test]
    fn a_success_counts_with_an_empty_body_or_a_document_of_the_protocol() {
        for (body, syntaxes) in [
            ("", JSON),
            (" \r\n", XML),
            ("{}", JSON),
            ("\u{FEFF} {\"a\": 1}", JSON),
            ("<?xml version=\"1.0\"?><a/>", XML),
        ] {
            assert_eq!(under_200(body, syntaxes, ""), Verdict::Delivered { remote_reference: None }, "{body}");
        }
    }

    #[test]
    fn a_page_or_another_syntax_under_a_success_is_in_doubt_and_named() {
        let both = &[Syntax::Json, Syntax::Xml];
        for (body, word) in [
            ("<!DOCTYPE html><html><body>bảo trì</body></html>", "HTML"),
            ("<html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>", "HTML"),
            ("<!-- x --><HTML><br></HTML>", "HTML"),
            ("bảo trì", "something else"),
            ("{\"a\": ", "something else"),
            ("\"bảo trì\"", "something else"),
            ("<a>", "something else"),
        ] {
            let Verdict::Unknown { reason, .. } = under_200(body, both, "") else { panic!("{body} counted") };
            assert!(reason.contains(word) && !reason.contains("bảo trì"), "{body}: {reason}");
        }
        assert!(matches!(under_200("<a/>", JSON, ""), Verdict::Unknown { .. }));
        assert!(matches!(under_200("{}", XML, ""), Verdict::Unknown { .. }));
    }

    #[test]
    fn an_error_document_under_a_success_is_tried_again_with_its_code() {
        for none in ["", "0", "00", "OK", "ok"] {
            assert!(matches!(under_200("{}", JSON, none), Verdict::Delivered { .. }), "{none}");
        }
        for (code, shown) in [("E-17", "HTTP 200 [E-17]: "), ("Trần Thị B", "HTTP 200: ")] {
            let Verdict::Retry { reason, .. } = under_200("{}", JSON, code) else { panic!("{code} counted") };
            assert!(reason.starts_with(shown), "{reason}");
        }
    }
}
