//! petition-gateway.

fn main() {}
