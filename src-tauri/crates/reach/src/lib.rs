//! How other hosts are reached: by SSH or by any command, and the helper that is put there.
//!
//! [`serve`] opens a way to a host, makes sure that the right `miyabi-host` lies there, starts it, and
//! gives back the link to it. Whatever a person has to say first comes back as
//! [`ReachError::Question`], to be tried again with the answer. Nothing here knows what the messages
//! on a link mean.

mod error;
mod helpers;
mod way;

pub use error::ReachError;
pub use helpers::{Helpers, Platform};
pub use way::{SecretOf, Secrets, Way};

use miyabi_transport::{LinkReceiver, LinkSender};
use tokio::io::{AsyncRead, AsyncWrite};

/// All that is needed to reach a host.
#[derive(Debug, Clone)]
pub struct Reach {
    /// How it is reached.
    pub way: Way,
    /// The programs that may be put there.
    pub helpers: Helpers,
    /// What a person said, for this time.
    pub secrets: Secrets,
}

/// A helper on another host, started and not yet greeted.
pub struct Reached {
    /// To the helper.
    pub sender: LinkSender,
    /// From the helper.
    pub receiver: LinkReceiver,
    /// What it runs on, and where it lies.
    pub helper: HelperThere,
    /// Keeps the connection; dropping it cuts it.
    pub connection: Connection,
}

/// The helper's program on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperThere {
    /// What the host is.
    pub platform: Platform,
    /// Where the program lies there, absolute.
    pub path: String,
    /// Whether it was put there just now.
    pub is_new: bool,
}

/// An open connection. Dropping it cuts it.
#[derive(Debug)]
pub struct Connection;

/// The bytes of a program of ours on the host, as `miyabi-host probe`.
pub struct Spoken {
    /// Its stdout.
    pub stdout: Box<dyn AsyncRead + Unpin + Send>,
    /// Its stdin.
    pub stdin: Box<dyn AsyncWrite + Unpin + Send>,
    /// What it runs on, and where it lies.
    pub helper: HelperThere,
    /// Keeps the connection; dropping it cuts it.
    pub connection: Connection,
}

impl std::fmt::Debug for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spoken").field("helper", &self.helper).finish_non_exhaustive()
    }
}

/// Reaches a host and starts its helper. Must be called within a tokio runtime.
///
/// # Errors
/// [`ReachError`]; with a question when a person has to say something first.
pub async fn serve(reach: &Reach) -> Result<Reached, ReachError> {
    let spoken = start(reach, Part::Serve).await?;
    let (sender, receiver) = miyabi_transport::Link::new(spoken.stdout, spoken.stdin).split();
    Ok(Reached { sender, receiver, helper: spoken.helper, connection: spoken.connection })
}

/// What the helper's program is started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The helper: frames on stdin and stdout.
    Serve,
    /// The look at agent programs.
    Probe,
}

/// Reaches a host and starts a part of `miyabi-host` there.
///
/// # Errors
/// As [`serve`].
pub async fn start(_reach: &Reach, _part: Part) -> Result<Spoken, ReachError> {
    Err(ReachError::Unreachable { why: "not built yet".to_owned() })
}

/// Keeps a host's key as known, if the host shows the key with this fingerprint.
///
/// # Errors
/// When it shows another one, or the file cannot be written.
pub async fn trust(_address: &str, _fingerprint: &str) -> Result<(), ReachError> {
    Err(ReachError::Unreachable { why: "not built yet".to_owned() })
}

/// The names that the person's `~/.ssh/config` knows, without patterns, in its order, files that it
/// includes too.
#[must_use]
pub fn known_names() -> Vec<String> {
    Vec::new()
}
