//! How other hosts are reached: by SSH or by any command, and the helper that is put there.
//!
//! [`serve`] opens a way to a host, makes sure that the right `miyabi-host` lies there, starts it, and
//! gives back the link to it. Whatever a person has to say first comes back as
//! [`ReachError::Question`], to be tried again with the answer. Nothing here knows what the messages
//! on a link mean.

mod bootstrap;
mod command;
mod environment;
mod error;
mod helpers;
mod process;
mod ssh;
mod stream;
mod way;

pub use environment::Environment;
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

/// An open connection. Dropping it cuts it: nothing of it is left on this machine.
#[derive(Debug)]
pub struct Connection {
    _kept: Kept,
}

/// What ends with a connection.
#[derive(Debug)]
enum Kept {
    Ssh { _session: ssh::Kept },
    Command { _running: process::Running },
}

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

/// What the helper's program is started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The helper: frames on stdin and stdout.
    Serve,
    /// The look at agent programs.
    Probe,
}

impl Part {
    fn word(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Probe => "probe",
        }
    }
}

/// Reaches a host and starts its helper. Must be called within a tokio runtime. When the future is
/// dropped before its end, nothing of it is left on this machine.
///
/// # Errors
/// [`ReachError`]; with a question when a person has to say something first.
pub async fn serve(reach: &Reach) -> Result<Reached, ReachError> {
    serve_in(reach, &Environment::of_this_process()).await
}

/// As [`serve`], in other surroundings than this process's own.
///
/// # Errors
/// As [`serve`].
pub async fn serve_in(reach: &Reach, environment: &Environment) -> Result<Reached, ReachError> {
    let spoken = start_in(reach, Part::Serve, environment).await?;
    let (sender, receiver) = miyabi_transport::Link::new(spoken.stdout, spoken.stdin).split();
    Ok(Reached { sender, receiver, helper: spoken.helper, connection: spoken.connection })
}

/// Reaches a host and starts a part of `miyabi-host` there.
///
/// # Errors
/// As [`serve`].
pub async fn start(reach: &Reach, part: Part) -> Result<Spoken, ReachError> {
    start_in(reach, part, &Environment::of_this_process()).await
}

/// As [`start`], in other surroundings than this process's own.
///
/// # Errors
/// As [`serve`].
pub async fn start_in(reach: &Reach, part: Part, environment: &Environment) -> Result<Spoken, ReachError> {
    let (streams, kept) = match &reach.way {
        Way::Ssh { address } => {
            let (streams, session) = ssh::open(address, &reach.secrets, environment).await?;
            (streams, Kept::Ssh { _session: session })
        }
        Way::Command { argv } => {
            let (streams, running) = command::open(argv)?;
            (streams, Kept::Command { _running: running })
        }
    };
    // From here on a dropped future drops the connection.
    let connection = Connection { _kept: kept };
    let begun = bootstrap::begin(streams, &reach.helpers, part).await?;
    Ok(Spoken { stdout: begun.stdout, stdin: begun.stdin, helper: begun.helper, connection })
}

/// Keeps a host's key as known, if the host shows the key with this fingerprint.
///
/// # Errors
/// When it shows another one, or the file cannot be written.
pub async fn trust(address: &str, fingerprint: &str) -> Result<(), ReachError> {
    trust_in(address, fingerprint, &Environment::of_this_process()).await
}

/// As [`trust`], in other surroundings than this process's own.
///
/// # Errors
/// As [`trust`].
pub async fn trust_in(address: &str, fingerprint: &str, environment: &Environment) -> Result<(), ReachError> {
    ssh::trust(address, fingerprint, environment).await
}

/// The names that the person's `~/.ssh/config` knows, without patterns, in its order, files that it
/// includes too.
#[must_use]
pub fn known_names() -> Vec<String> {
    known_names_in(&Environment::of_this_process())
}

/// As [`known_names`], in other surroundings than this process's own.
#[must_use]
pub fn known_names_in(environment: &Environment) -> Vec<String> {
    ssh::known_names(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send(_future: impl Future + Send) {}

    #[test]
    fn reaching_a_host_can_be_left_to_any_thread() {
        let way = Way::Ssh { address: "box".to_owned() };
        let helpers = Helpers { own: "own".into(), folder: "folder".into() };
        is_send(serve(&Reach { way, helpers, secrets: Secrets::default() }));
        is_send(trust("box", "SHA256:x"));
    }
}
