//! Why a demonstration could not be played to its end. What the sides disagree about is no error but its result.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{app::AppError, config::ConfigError, security::throwaway::CannotIssue};

/// Why a demonstration could not be played.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or folder cannot be read or written.
    #[error("{}: {}", path.display(), source.kind())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something is there that would be overwritten.
    #[error("{}: có sẵn, không ghi đè (is there already and is not overwritten)", .0.display())]
    Exists(PathBuf),
    /// No port to listen on.
    #[error("không mở được cổng mạng (cannot listen)")]
    Listen(#[source] io::Error),
    /// The certificates could not be made.
    #[error(transparent)]
    Certificates(#[from] CannotIssue),
    /// The configuration that was written is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The gateway did not start.
    #[error("cổng không khởi động được (the gateway did not start)")]
    Gateway(#[from] AppError),
    /// There is no such kind of channel.
    #[error("không có loại kênh này; có (there is no such kind; there are): {0}")]
    UnknownKind(String),
    /// The gateway cannot be reached.
    #[error("không kết nối được tới cổng (the gateway cannot be reached)")]
    Connection(#[source] tonic::transport::Error),
    /// A client for pushes could not be made.
    #[error("không tạo được kết nối đẩy (no client for pushes)")]
    Client(#[source] reqwest::Error),
    /// A call that must succeed did not.
    #[error("{call}: {code:?}")]
    Call {
        /// Which.
        call: &'static str,
        /// How it ended.
        code: tonic::Code,
    },
}

impl DemoError {
    /// What to make of an error of the file system at `path`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> DemoError {
        let path = path.to_owned();
        move |source| DemoError::File { path, source }
    }

    /// What to make of a call that did not succeed.
    pub(super) fn call(call: &'static str) -> impl FnOnce(tonic::Status) -> DemoError {
        move |status| DemoError::Call { call, code: status.code() }
    }
}
