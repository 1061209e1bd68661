//! The caller of a request, as handlers see it. Who is behind a certificate is told by `crate::security`; the
//! [`super::entrance`] has asked it before any handler runs.

use std::sync::Arc;

use super::error::CallError;
use crate::security::{Principal, Role};

/// The caller.
pub(super) type Caller = Arc<Principal>;

/// The caller of a request.
pub(super) fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, CallError> {
    request.extensions().get::<Caller>().cloned().ok_or(CallError::Unauthenticated)
}

/// Whether the caller may see personal data; a reader alone may not.
pub(super) fn sees_personal_data(caller: &Principal) -> bool {
    caller.roles.contains(Role::MinistrySystem) || caller.roles.contains(Role::Operator)
}
