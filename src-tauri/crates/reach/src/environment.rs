//! What of this process's surroundings reaching a host depends on, in one value.

use std::path::PathBuf;

/// What of a process's surroundings reaching a host depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The configuration that `ssh` reads instead of the person's own and the system's (`-F`).
    pub ssh_config: Option<PathBuf>,
    /// The person's home folder.
    pub home: Option<PathBuf>,
    /// The person's name on this machine.
    pub user: Option<String>,
    /// The socket of the key agent, where the configuration names no other.
    pub agent: Option<PathBuf>,
    /// The shell that a `ProxyCommand` is given to, as `ssh` does.
    pub shell: Option<PathBuf>,
}

impl Environment {
    /// That of this process. `MIYABI_SSH_CONFIG` names another `ssh` configuration.
    #[must_use]
    pub fn of_this_process() -> Self {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            ssh_config: path("MIYABI_SSH_CONFIG"),
            home: path("HOME"),
            user: std::env::var("USER").ok().filter(|value| !value.is_empty()),
            agent: path("SSH_AUTH_SOCK"),
            shell: path("SHELL"),
        }
    }

    /// A path with `~` in front, as `ssh` reads it.
    pub(crate) fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}
