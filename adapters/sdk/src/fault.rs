//! Why something was refused: what was wrong, where, and what would be right.
//!
//! A fault is shown to the far side, to operators and in logs, so it never carries a value that came with the message:
//! only the names of elements and fields, positions, limits and allowed codes.

use serde::{Deserialize, Serialize};

use crate::named_enum;

named_enum! {
    /// The reason of a refusal, stable across releases: integrators program against it.
    pub enum FaultCode {
        /// The bytes are not in the declared or any allowed encoding.
        Encoding = "encoding",
        /// The bytes are not well-formed XML or JSON, or are cut short.
        Malformed = "malformed",
        /// The root element, the namespace or the message type is not one that this channel carries.
        WrongMessage = "wrong_message",
        /// A limit of size, count, depth or length was passed.
        TooLarge = "too_large",
        /// A required element or field is absent or empty.
        Missing = "missing",
        /// A value is not of the form that its field asks for (a date, a number, a boolean).
        Format = "format",
        /// A code stands in no code table.
        UnknownCode = "unknown_code",
        /// A field or element stands twice where one is allowed, or two fields contradict each other.
        Conflict = "conflict",
        /// The message speaks of a petition that the gateway does not have.
        UnknownPetition = "unknown_petition",
        /// The petition's status does not allow what the message asks.
        NotAllowed = "not_allowed",
    }
}

/// One reason why a message, an item or a field was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {place}: {message}", .code.as_str())]
pub struct Fault {
    /// The stable reason.
    pub code: FaultCode,
    /// Where: a path such as `danhSach[3].nguoiGui.hoTen`, with the line where one is known (`KienNghi[2].NoiDung, line 14`).
    /// Items are counted from 0, lines from 1.
    pub place: String,
    /// What was wrong and what would be right, in Vietnamese first where it travels to a channel; never a received value.
    pub message: String,
}

/// What stands before the line in a place.
const LINE: &str = "line ";

impl Fault {
    /// A fault of `code` at `place`.
    pub fn new(code: FaultCode, place: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { code, place: place.into(), message: message.into() }
    }

    /// The same fault seen from one level further out: `prefix` is put before its place.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Fault {
        let between = match self.place.as_str() {
            "" => "",
            place if place.starts_with(['@', '[']) => "",
            place if place.starts_with(LINE) => ", ",
            _ => ".",
        };
        self.place = format!("{prefix}{between}{}", self.place);
        self
    }

    /// The place without its line: the path of the element or field.
    pub fn element(&self) -> &str {
        match self.place.rfind(LINE) {
            Some(at) if self.line().is_some() => self.place[..at].trim_end_matches(", "),
            _ => &self.place,
        }
    }

    /// The line, where one is known.
    pub fn line(&self) -> Option<u32> {
        let at = self.place.rfind(LINE)?;
        self.place[at + LINE.len()..].parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_seen_from_further_out_names_the_whole_way_and_keeps_its_line() {
        let under = |place: &str| Fault::new(FaultCode::Missing, place, "").under("KienNghi[2]");
        for (place, whole, element, line) in [
            ("", "KienNghi[2]", "KienNghi[2]", None),
            ("NoiDung", "KienNghi[2].NoiDung", "KienNghi[2].NoiDung", None),
            ("NoiDung, line 14", "KienNghi[2].NoiDung, line 14", "KienNghi[2].NoiDung", Some(14)),
            ("@ma, line 3", "KienNghi[2]@ma, line 3", "KienNghi[2]@ma", Some(3)),
            ("line 3", "KienNghi[2], line 3", "KienNghi[2]", Some(3)),
            ("[0].line up", "KienNghi[2][0].line up", "KienNghi[2][0].line up", None),
        ] {
            let fault = under(place);
            assert_eq!((fault.place.as_str(), fault.element(), fault.line()), (whole, element, line));
        }
    }
}
