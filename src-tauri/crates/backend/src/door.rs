//! The way to a site: a child process here, a link to a host elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use miyabi_protocol::atomic;
use miyabi_protocol::{HostQuestion, Secret};
use miyabi_reach::{Reach, ReachError, SecretOf, Way};
use miyabi_transport::local::{self, HelperProcess, Stderr};
use miyabi_transport::{LinkReceiver, LinkSender};
use tokio::time::timeout;

/// A way that hangs, as a command may, is given up after so long: time enough to put a helper there over
/// a slow line.
const REACHED_WITHIN: Duration = Duration::from_secs(600);

/// The way to a site.
pub(crate) enum Door {
    /// A helper on this machine.
    Here {
        /// Its program.
        program: PathBuf,
        /// Where its own words go.
        log: PathBuf,
    },
    /// A helper on another host.
    There(Reach),
}

/// A helper that was started, and not yet greeted.
pub(crate) struct OpenLink {
    sender: LinkSender,
    receiver: LinkReceiver,
    hold: Hold,
}

/// What keeps a link.
pub(crate) enum Hold {
    Process(HelperProcess),
    Connection(miyabi_reach::Connection),
}

impl OpenLink {
    pub(crate) fn split(self) -> (LinkReceiver, LinkSender, Hold) {
        (self.receiver, self.sender, self.hold)
    }
}

impl Hold {
    /// Lets go: a connection is cut, the end of a process is awaited and told.
    pub(crate) async fn close(self) -> Option<String> {
        match self {
            Self::Process(mut process) => match process.wait().await {
                Ok(status) => Some(status.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Self::Connection(connection) => {
                drop(connection);
                None
            }
        }
    }
}

impl Door {
    /// Starts a helper.
    pub(crate) async fn open(&self) -> Result<OpenLink, ReachError> {
        match self {
            Self::Here { program, log } => {
                let log = atomic::append_private(log);
                let stderr = log.map_or(Stderr::Inherited, Stderr::File);
                let helper = local::spawn(program, &["serve".to_owned()], &[], stderr)
                    .map_err(|error| ReachError::Unreachable { why: error.to_string() })?;
                let hold = Hold::Process(helper.process);
                Ok(OpenLink { sender: helper.sender, receiver: helper.receiver, hold })
            }
            Self::There(reach) => {
                let reached = timeout(REACHED_WITHIN, miyabi_reach::serve(reach)).await.map_err(|_| {
                    let why = format!("its helper did not start within {} s", REACHED_WITHIN.as_secs());
                    ReachError::Unreachable { why }
                })??;
                let hold = Hold::Connection(reached.connection);
                Ok(OpenLink { sender: reached.sender, receiver: reached.receiver, hold })
            }
        }
    }

    /// Keeps what a person said to a question, in memory only.
    pub(crate) fn keep_secret(&mut self, question: &HostQuestion, secret: Secret) {
        if let (Self::There(reach), Some(opens)) = (self, opened_by(question)) {
            reach.secrets.0.insert(opens, secret);
        }
    }

    /// A secret that was wrong is not tried again.
    pub(crate) fn forget_wrong(&mut self, error: &ReachError) {
        let ReachError::Question { question, was_wrong: true } = error else { return };
        if let (Self::There(reach), Some(opens)) = (self, opened_by(question)) {
            reach.secrets.0.remove(&opens);
        }
    }

    /// Keeps the host's key as known.
    pub(crate) async fn trust(&self, fingerprint: &str) -> Result<(), ReachError> {
        match self {
            Self::There(Reach { way: Way::Ssh { address }, .. }) => {
                miyabi_reach::trust(address, fingerprint).await
            }
            Self::There(_) | Self::Here { .. } => Ok(()),
        }
    }
}

fn opened_by(question: &HostQuestion) -> Option<SecretOf> {
    match question {
        HostQuestion::Passphrase { key } => Some(SecretOf::Key(key.clone())),
        HostQuestion::Password { .. } => Some(SecretOf::Host),
        HostQuestion::UnknownKey { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_reach::{Helpers, Secrets};

    #[test]
    fn a_secret_is_kept_for_what_it_opens_until_it_was_wrong_and_shown_to_nobody() {
        let helpers = Helpers { own: PathBuf::from("/a"), folder: PathBuf::from("/b") };
        let way = Way::Ssh { address: "mugen".to_owned() };
        let mut door = Door::There(Reach { way, helpers, secrets: Secrets::default() });
        let question = HostQuestion::Passphrase { key: "/k".to_owned() };
        door.keep_secret(&question, Secret("hush".to_owned()));
        let kept = |door: &Door| match door {
            Door::There(reach) => reach.secrets.clone(),
            Door::Here { .. } => Secrets::default(),
        };
        let opens = SecretOf::Key("/k".to_owned());
        assert_eq!(kept(&door).0.get(&opens), Some(&Secret("hush".to_owned())));
        assert!(!format!("{:?}", kept(&door)).contains("hush"));
        door.forget_wrong(&ReachError::Question { question: question.clone(), was_wrong: false });
        assert_eq!(kept(&door).0.len(), 1, "it was not said to be wrong");
        door.forget_wrong(&ReachError::Question { question, was_wrong: true });
        assert!(kept(&door).0.is_empty());
    }
}
