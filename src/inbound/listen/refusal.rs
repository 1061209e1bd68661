//! Why a push does not reach an adapter, in the one plain form for it.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{admission::NoRoom, security::signature::SignatureRefusal};

/// Why a push does not reach an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such address.
    NoRoute,
    /// There is no such channel, or it is disabled.
    NoChannel,
    /// The channel takes this, but not by this method.
    NoMethod {
        /// The methods it takes here.
        allow: String,
    },
    /// Neither a certificate nor a signature came.
    NoCredentials,
    /// A certificate came, and it is not one of the channel's.
    WrongCertificate,
    /// The channel is configured to be pulled only.
    NoPushes,
    /// The signature is not good.
    Signature(SignatureRefusal),
    /// The body is larger than the limit.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The body did not come within its time, or broke off.
    Incomplete,
    /// The channel has too many pushes under way, or their bodies are too large together.
    TooMany,
    /// The gateway takes less than is asked of it now.
    Overloaded {
        /// When to come again.
        again_after: Duration,
    },
}

impl From<NoRoom> for Refusal {
    fn from(NoRoom { again_after }: NoRoom) -> Refusal {
        Refusal::Overloaded { again_after }
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::NoRoute | Refusal::NoChannel => StatusCode::NOT_FOUND,
            Refusal::NoMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Signature(SignatureRefusal::Crowded) | Refusal::TooMany | Refusal::Overloaded { .. } => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Refusal::NoCredentials | Refusal::Signature(_) => StatusCode::UNAUTHORIZED,
            Refusal::WrongCertificate | Refusal::NoPushes => StatusCode::FORBIDDEN,
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Incomplete => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The stable code, for programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Refusal::NoRoute => "not_found",
            Refusal::NoChannel => "unknown_channel",
            Refusal::NoMethod { .. } => "method_not_allowed",
            Refusal::NoCredentials => "unauthenticated",
            Refusal::WrongCertificate => "wrong_certificate",
            Refusal::NoPushes => "pushes_not_accepted",
            Refusal::Signature(SignatureRefusal::Unsigned) => "unauthenticated",
            Refusal::Signature(SignatureRefusal::Replayed) => "replayed",
            Refusal::Signature(SignatureRefusal::Stale) => "stale_timestamp",
            Refusal::Signature(SignatureRefusal::Crowded) | Refusal::TooMany => "too_many_requests",
            Refusal::Overloaded { .. } => "overloaded",
            Refusal::Signature(_) => "wrong_signature",
            Refusal::TooLarge { .. } => "too_large",
            Refusal::Incomplete => "incomplete",
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Refusal::NoRoute => "không có địa chỉ này (no such address)".to_owned(),
            Refusal::NoChannel => "không có kênh này (no such channel)".to_owned(),
            Refusal::NoMethod { allow } => format!("phương thức phải là {allow} (method not allowed)"),
            Refusal::NoCredentials => {
                "cần chứng thư số hoặc chữ ký (a client certificate or a signature is needed)".to_owned()
            }
            Refusal::WrongCertificate => {
                "chứng thư số không thuộc kênh này (the certificate is not one of this channel's)".to_owned()
            }
            Refusal::NoPushes => "kênh này không nhận dữ liệu gửi tới (this channel takes no pushes)".to_owned(),
            Refusal::Signature(why) => why.to_string(),
            Refusal::TooLarge { bytes_max } => {
                format!("nội dung vượt quá {bytes_max} byte (the body is larger than the limit)")
            }
            Refusal::Incomplete => {
                "nội dung không đến đủ trong thời hạn (the body did not come whole in time)".to_owned()
            }
            Refusal::Overloaded { .. } => {
                "hệ thống đang quá tải, thử lại sau (overloaded, come again later)".to_owned()
            }
            Refusal::TooMany => "quá nhiều yêu cầu cùng lúc, thử lại sau (too many pushes at once)".to_owned(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "maLoi": self.code(), "thongDiep": self.message(), "chiTiet": [] });
        let mut response = (self.status(), axum::Json(body)).into_response();
        let headers = response.headers_mut();
        match &self {
            Refusal::NoMethod { allow } => {
                if let Ok(allow) = HeaderValue::from_str(allow) {
                    headers.insert(header::ALLOW, allow);
                }
            }
            Refusal::TooMany | Refusal::Signature(SignatureRefusal::Crowded) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Refusal::Overloaded { again_after } => {
                // Whole seconds are all that the header can say.
                let seconds = again_after.as_secs() + u64::from(again_after.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            _ => {}
        }
        response
    }
}
