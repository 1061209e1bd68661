//! The only place where parts are joined: configuration ▶ parts ▶ tasks ▶ drain.
//!
//! Read [`start`] from top to bottom: it is the order in which the gateway comes to life. It stops in the reverse order:
//! the entrances close first, what is under way ends, and the committer goes last, when nobody can write any more.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    blobs::{BlobError, Blobs},
    channels::Channels,
    clock::SharedClock,
    committer::{self, Committer},
    config::{self, Config},
    decision::Decisions,
    inbound::{Inbound, poll::Poll, revisit::Revisit},
    intake::{Intake, IntakeError},
    outbound::{Outbound, Schedule, attempt::Attempts},
    store::{Store, StoreError, sqlite::SqliteStore},
    supervise::{Ended, Supervisor},
};
