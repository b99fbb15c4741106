//! Why a backend cannot serve.

use std::io;
use std::path::PathBuf;

use miyabi_engine::journal::JournalError;
use miyabi_protocol::atomic::FileError;
use miyabi_protocol::state_dir::StateDirError;

/// Why a backend cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No such run.
    #[error("there is no run `{0}`; `miyabi runs` lists them")]
    NoRun(String),
    /// Another backend has the state folder.
    #[error("{state_dir} is held by another backend: {holder}; `miyabi stop --all` ends it")]
    Held {
        /// The folder.
        state_dir: String,
        /// Process and run.
        holder: String,
    },
    /// A file of ours cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The state folder is not usable.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The journal is broken.
    #[error("{}: {source}; nothing was changed: mend or remove the line, or begin anew with --new", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: JournalError,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl BackendError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
