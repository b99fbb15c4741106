//! What can go wrong with tmux, with the remedy.

use std::io;

/// Why tmux did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum TmuxError {
    /// The program is missing.
    #[error(
        "tmux is not installed; install it with `apt-get install tmux` (Debian, Ubuntu) or `brew install tmux` (macOS)"
    )]
    Missing,
    /// No server, or no such session.
    #[error("the tmux session {session} is not there ({message}); it is made again by the next start")]
    NoSession {
        /// The session.
        session: String,
        /// tmux's own words.
        message: String,
    },
    /// It refused a command.
    #[error("tmux refused `{command}`: {message}")]
    Refused {
        /// The command, shortened.
        command: String,
        /// Its own words.
        message: String,
    },
    /// It could not be run, or did not answer.
    #[error("cannot run tmux: {0}; look at it with `tmux list-sessions`")]
    Io(#[from] io::Error),
}
