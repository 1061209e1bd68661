//! What tests are promised about their servers.
#![allow(missing_docs, reason = "test names are the documentation")]

mod shared;
