//! Between our types and columns.

use rusqlite::{ErrorCode, Row, types::FromSql};

use crate::store::StoreError;
pub(super) use crate::store::columns::{
    AWAITED, DEAD_LETTER, DELIVERED, NEVER, NO_DUE_DATE, PENDING, after, due_on, from_json, from_name, is_in, lease_of,
    nanos, signed, small, state_of, time, to_json, unsigned, uuid,
};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Unavailable("the disk is full"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Unavailable("it is locked"),
            Some(ErrorCode::ReadOnly) => StoreError::Unavailable("it is read-only"),
            Some(ErrorCode::SystemIoFailure) => StoreError::Unavailable("the disk failed"),
            Some(ErrorCode::OperationInterrupted) => StoreError::Unavailable("a read took too long"),
            Some(ErrorCode::CannotOpen) => StoreError::Unavailable("its file cannot be opened"),
            _ => StoreError::engine(error),
        }
    }
}

/// A column's value.
pub(super) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    row.get(column).map_err(StoreError::from)
}
