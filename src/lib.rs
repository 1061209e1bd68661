//! petition-gateway.

pub mod clock;
pub mod petition;
pub mod store;
