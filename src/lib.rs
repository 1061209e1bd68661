//! petition-gateway.

pub mod clock;
pub mod pb;
pub mod petition;
pub mod store;
