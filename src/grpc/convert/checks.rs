//! Collects everything that is wrong with a request, so that a client is told all of it at once.

use channel_sdk::fault::{Fault, FaultCode};

use crate::grpc::error::{CallError, Violation};

/// The longest name, code, number or title of an office, in bytes: they stand on one line.
pub(crate) const LINE_BYTES_MAX: usize = 2_000;

/// What is wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Violation>);

impl Checks {
    /// Something required is absent.
    pub(crate) fn missing(&mut self, field: &str, description: impl Into<String>) {
        self.push(FaultCode::Missing, field, description);
    }

    /// A value has the wrong form.
    pub(crate) fn format(&mut self, field: &str, description: impl Into<String>) {
        self.push(FaultCode::Format, field, description);
    }

    /// A fault of the domain's own checks, at a place below `prefix`.
    pub(crate) fn fault(&mut self, prefix: &str, fault: Fault) {
        let fault = fault.under(prefix);
        self.push(fault.code, &fault.place, fault.message);
    }

    /// A text of at most `bytes_max` bytes.
    pub(crate) fn text(&mut self, field: &str, text: String, bytes_max: usize) -> String {
        if text.len() > bytes_max {
            self.push(FaultCode::TooLarge, field, format!("must be at most {bytes_max} bytes"));
            return String::new();
        }
        text
    }

    /// A text of one line.
    pub(crate) fn line(&mut self, field: &str, text: String) -> String {
        self.text(field, text, LINE_BYTES_MAX)
    }

    /// A list of at most `max` members; the members of a longer one are not looked at.
    pub(crate) fn count<T>(&mut self, field: &str, list: Vec<T>, max: usize) -> Vec<T> {
        if list.len() > max {
            self.push(FaultCode::TooLarge, field, format!("must have at most {max} members"));
            return Vec::new();
        }
        list
    }

    /// A whole number that is not negative.
    pub(crate) fn not_negative(&mut self, field: &str, number: i64) -> u64 {
        u64::try_from(number).unwrap_or_else(|_| {
            self.format(field, "must not be negative");
            0
        })
    }

    /// Whether nothing is wrong.
    #[cfg(test)]
    pub(crate) fn are_clean(&self) -> bool {
        self.0.is_empty()
    }

    /// What was parsed; its violations are told with the others, any other refusal at once.
    pub(crate) fn passed<T>(&mut self, parsed: Result<T, CallError>) -> Result<Option<T>, CallError> {
        match parsed {
            Ok(value) => Ok(Some(value)),
            Err(CallError::Invalid(violations)) => {
                self.0.extend(violations);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Nothing is wrong, or all that is.
    pub(crate) fn done(self) -> Result<(), CallError> {
        if self.0.is_empty() { Ok(()) } else { Err(CallError::Invalid(self.0)) }
    }

    fn push(&mut self, code: FaultCode, field: &str, description: impl Into<String>) {
        self.0.push(Violation { code, field: field.to_owned(), description: description.into() });
    }
}
