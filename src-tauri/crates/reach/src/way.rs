//! The ways to a host, and what a person said to open them.

use std::collections::BTreeMap;

use miyabi_plan::{Host, TransportKind};
use miyabi_protocol::Secret;

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By SSH, under the name that `ssh` knows.
    Ssh {
        /// The name, as in `~/.ssh/config`; `user@host` and `host` will do.
        address: String,
    },
    /// By a command that runs what follows it on the host.
    Command {
        /// Its words.
        argv: Vec<String>,
    },
}

impl Way {
    /// The way to a host of a plan; none to this machine.
    #[must_use]
    pub fn to(host: &Host) -> Option<Self> {
        match host.transport {
            TransportKind::Local => None,
            TransportKind::Ssh => Some(Self::Ssh { address: host.address.clone() }),
            TransportKind::Command => Some(Self::Command { argv: host.command.clone() }),
        }
    }
}

/// What a secret opens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretOf {
    /// A key file, by its path.
    Key(String),
    /// The host itself.
    Host,
}

/// What a person said; in memory only.
#[derive(Debug, Clone, Default)]
pub struct Secrets(pub BTreeMap<SecretOf, Secret>);
