//! What a runner is started with, and why it cannot begin.

use std::io;
use std::path::PathBuf;

use miyabi_plan::AgentId;
use miyabi_protocol::state_dir::StateDirError;

/// What a runner is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whose runner it is.
    pub agent: AgentId,
    /// What people call its window.
    pub title: String,
    /// The state folder, absolute.
    pub state_dir: PathBuf,
    /// The run that it serves.
    pub run_id: String,
    /// Where helpers find it.
    pub socket: PathBuf,
    /// Whether it needs a lease before it begins any work.
    pub leased: bool,
}

/// Why a runner cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The state folder is unusable.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// Another runner of this agent lives.
    #[error("another runner of this agent is at work (it answers at {})", .0.display())]
    Another(PathBuf),
    /// The socket cannot be made.
    #[error("cannot make the socket {}: {source}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("cannot begin: {0}")]
    Io(#[from] io::Error),
}
