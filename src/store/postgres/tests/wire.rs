//! A wire between an engine and its database that can be cut at the worst moment; for tests.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use postgres_server::Database;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_postgres::config::Host;

/// When to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Never,
    /// The next time a commit passes, before it does.
    BeforeCommit,
    /// The next time a commit has passed: its reply is lost.
    ReplyToCommit,
}

/// A socket that stands for the database's.
pub(super) struct Wire {
    /// How the database is reached over it.
    pub(super) url: String,
    _folder: tempfile::TempDir,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    database: PathBuf,
    cut: Mutex<Cut>,
    lost: AtomicU64,
}

/// What PostgreSQL calls the socket of its usual port.
const SOCKET: &str = ".s.PGSQL.5432";
/// What is looked for in what the engine sends.
const COMMIT: &[u8] = b"COMMIT\0";

impl Wire {
    /// A wire to a database.
    pub(super) fn to(database: &Database) -> Wire {
        let config: tokio_postgres::Config = database.url().parse().unwrap();
        let [Host::Unix(socket)] = config.get_hosts() else { panic!("the database is reached by a socket") };
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let place = folder.path().display().to_string().replace('/', "%2F");
        let url = format!("postgres://gateway@{place}/{}", database.name());
        let database = socket.join(SOCKET);
        let state = Arc::new(State { database, cut: Mutex::new(Cut::Never), lost: AtomicU64::new(0) });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, Arc::clone(&state)));
        Wire { url, _folder: folder, state, _tasks: tasks }
    }

    /// The next commit is carried out, and nobody here hears of it.
    pub(super) fn lose_next_reply_to_a_commit(&self) {
        self.state.set(Cut::ReplyToCommit);
    }

    /// The next commit never arrives.
    pub(super) fn cut_before_next_commit(&self) {
        self.state.set(Cut::BeforeCommit);
    }

    /// How often it was cut.
    pub(super) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::SeqCst)
    }
}

impl State {
    fn set(&self, cut: Cut) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// Whether to cut at a commit, once.
    fn take(&self) -> Cut {
        std::mem::replace(&mut *self.cut.lock().unwrap_or_else(PoisonError::into_inner), Cut::Never)
    }
}

async fn listen(listener: UnixListener, state: Arc<State>) {
    let mut wires = JoinSet::new();
    while let Ok((engine, _)) = listener.accept().await {
        wires.spawn(carry(engine, Arc::clone(&state)));
    }
}

/// Carries what both sides say, until one is gone or the wire is cut.
async fn carry(mut engine: UnixStream, state: Arc<State>) {
    let Ok(mut database) = UnixStream::connect(&state.database).await else { return };
    let (mut said, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut is_lost = false;
    loop {
        tokio::select! {
            count = engine.read(&mut said) => {
                let Ok(count @ 1..) = count else { return };
                let commits = said[..count].windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                let cut = if commits { state.take() } else { Cut::Never };
                if cut == Cut::BeforeCommit {
                    state.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                is_lost |= cut == Cut::ReplyToCommit;
                if database.write_all(&said[..count]).await.is_err() {
                    return;
                }
            }
            count = database.read(&mut answered) => {
                let Ok(count @ 1..) = count else { return };
                if !is_lost {
                    if engine.write_all(&answered[..count]).await.is_err() {
                        return;
                    }
                } else if answered[..count].windows(COMMIT.len()).any(|bytes| bytes == COMMIT) {
                    // The database says that it is committed.
                    state.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }
    }
}
