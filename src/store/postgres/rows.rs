//! Between our types and columns, and what an error of the database means to us.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use tokio_postgres::{
    Error, Row,
    error::SqlState,
    types::{FromSql, FromSqlOwned},
};

use crate::store::StoreError;
pub(super) use crate::store::columns::{
    NO_DUE_DATE, from_json, from_name, is_in, nanos, signed, small, state_of, time, to_json, unsigned,
};

/// Begins an escape in a text; a code point that is no character, and that nobody types.
const ESCAPE: char = '\u{10FFFE}';

/// The connection is gone, or of no use any more: what was asked on it can be asked on another.
pub(super) const LOST: &str = "the connection to the database was lost";

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        match error.code() {
            // Without a code it did not come from the server: the connection is gone.
            None if error.is_closed() || is_io(&error) => StoreError::Unavailable(LOST),
            None => StoreError::engine(error),
            Some(_) if is_outdated(&error) => StoreError::Unavailable(LOST),
            Some(code) => {
                meaning(code).map_or_else(|| StoreError::engine(without_detail(&error)), StoreError::Unavailable)
            }
        }
    }
}

/// What keeps the database from doing now what it could do at another time; the class of a code is its first two characters
/// (PostgreSQL, appendix A).
fn meaning(code: &SqlState) -> Option<&'static str> {
    Some(match code {
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            "the database is read-only (a replica, or being failed over)"
        }
        _ if *code == SqlState::DISK_FULL => "the database's disk is full",
        _ if *code == SqlState::TOO_MANY_CONNECTIONS => "the database has too many connections",
        _ if *code == SqlState::LOCK_NOT_AVAILABLE => "another gateway holds the database up",
        _ if *code == SqlState::QUERY_CANCELED => "the database took too long",
        _ if *code == SqlState::IO_ERROR => "the database's disk failed",
        _ => match &code.code()[..2] {
            // The server cannot be spoken to, or stops: told before it closes the connection.
            "08" | "57" => LOST,
            "40" => "the database asks to try again",
            "53" => "the database has no resources left",
            "25" => "the database cut this transaction off",
            _ => return None,
        },
    })
}

/// Whether a statement that was prepared on this connection fits the schema no more: a migration brought it forward.
fn is_outdated(error: &Error) -> bool {
    error.as_db_error().is_some_and(|told| told.routine() == Some("RevalidateCachedQuery"))
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

/// The server's error without its detail, which may quote a row and with it personal data.
#[derive(Debug, thiserror::Error)]
#[error("SQLSTATE {code}: {message}{constraint}")]
pub(super) struct ServerError {
    code: String,
    message: String,
    constraint: String,
}

pub(super) fn without_detail(error: &Error) -> ServerError {
    let told = error.as_db_error();
    ServerError {
        code: error.code().map_or_else(String::new, |code| code.code().to_owned()),
        message: told.map_or_else(String::new, |it| it.message().to_owned()),
        constraint: told.and_then(|it| it.constraint()).map_or_else(String::new, |it| format!(" ({it})")),
    }
}

/// A column's value.
pub(super) fn get<T: FromSqlOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| StoreError::Damaged("row"))
}

/// A text column's value, as it was given.
pub(super) fn get_text(row: &Row, column: &str) -> Result<String, StoreError> {
    Ok(unescaped(borrowed(row, column)?))
}

/// A text column's value that may be absent.
pub(super) fn get_text_opt(row: &Row, column: &str) -> Result<Option<String>, StoreError> {
    Ok(borrowed::<Option<&str>>(row, column)?.map(unescaped))
}

/// The record of a column that holds our JSON. That is stored as it is: it holds no NUL, and what begins an escape in a text
/// means itself.
pub(super) fn get_json<T: DeserializeOwned>(what: &'static str, row: &Row, column: &str) -> Result<T, StoreError> {
    let json: Option<&str> = borrowed(row, column)?;
    from_json(what, json.ok_or(StoreError::Damaged(what))?)
}

/// An array of texts.
pub(super) fn get_texts(row: &Row, column: &str) -> Result<Vec<String>, StoreError> {
    Ok(borrowed::<Vec<&str>>(row, column)?.into_iter().map(unescaped).collect())
}

fn borrowed<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| StoreError::Damaged("row"))
}

/// A text as the database can hold it: it knows no NUL. Every text that is stored or compared goes through here, but our
/// JSON, which holds none.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, '1']),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// A text as it was given, from what is stored of it.
pub(super) fn unescaped(text: &str) -> String {
    if !text.contains(ESCAPE) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ESCAPE => plain.push(if letters.next() == Some('0') { '\0' } else { ESCAPE }),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was_and_never_holds_a_nul_meanwhile() {
        for plain in ["", "Chậm trả", "a\0b", "\0\0", "\u{10FFFE}", "\u{10FFFE}0\0\u{10FFFE}1"] {
            let stored = text(plain);
            assert!(!stored.contains('\0'), "{plain:?}");
            assert_eq!(unescaped(&stored), plain);
        }
        assert_ne!(text("\0"), text("\u{10FFFE}0"), "two texts never become one");
    }
}
