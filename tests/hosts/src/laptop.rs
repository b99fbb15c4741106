//! The machine that orchestrates: its SSH configuration, keys and known hosts, and our programs with an
//! environment that holds nothing of the person's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::command;
use miyabi_agent_tests::sandbox;

use crate::files::{new_key, private_file, private_folder, run};
use crate::host::Host;

/// Names the file that takes the place of `~/.ssh/config`.
const SSH_CONFIG: &str = "MIYABI_SSH_CONFIG";
const FOLDERS: [(&str, &str); 5] = [
    ("HOME", "home"),
    ("TMPDIR", "tmp"),
    ("XDG_STATE_HOME", "state"),
    ("XDG_RUNTIME_DIR", "run"),
    ("TMUX_TMPDIR", "tmux"),
];

/// One laptop: a person has one, a test may have two.
#[derive(Debug, Clone)]
pub struct Laptop {
    root: PathBuf,
    variables: Vec<(String, String)>,
}

impl Laptop {
    /// Makes its folders.
    pub(crate) fn new(root: PathBuf) -> Result<Self> {
        for (_, folder) in FOLDERS {
            private_folder(&root.join(folder))?;
        }
        private_folder(&root.join("ssh"))?;
        Ok(Self { root, variables: Vec::new() })
    }

    /// A place on it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The key that it logs in with.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path("ssh/id")
    }

    /// The keys of hosts that it knows.
    #[must_use]
    pub fn known_hosts(&self) -> PathBuf {
        self.path("ssh/known_hosts")
    }

    /// Makes a new key; its public half.
    pub(crate) fn make_key(&self) -> Result<String> {
        new_key(&self.key(), "")
    }

    /// Takes the key of another laptop, and what it knows.
    pub(crate) fn take_ssh_of(&self, other: &Self) -> Result<()> {
        for name in ["ssh/id", "ssh/known_hosts"] {
            let text = std::fs::read_to_string(other.path(name))?;
            private_file(&self.path(name), &text)?;
        }
        Ok(())
    }

    /// Locks the key by a passphrase.
    ///
    /// # Errors
    /// When `ssh-keygen` refuses.
    pub fn lock_key(&self, passphrase: &str) -> Result<()> {
        run(command("ssh-keygen").args(["-q", "-p", "-P", "", "-N", passphrase, "-f"]).arg(self.key()))
            .map(drop)
    }

    /// Writes the SSH configuration: each host under its alias, at this address.
    pub(crate) fn write_config(&self, hosts: &[(&str, &str)]) -> Result<()> {
        let (key, known) = (self.key(), self.known_hosts());
        let mut text = String::new();
        for (alias, address) in hosts {
            text += &format!("Host {alias}\n  HostName {address}\n  HostKeyAlias {alias}\n");
        }
        text += &format!(
            "Host *\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  \
             GlobalKnownHostsFile /dev/null\n  IdentityAgent none\n",
            key.display(),
            known.display()
        );
        private_file(&self.config(), &text)
    }

    /// Knows the keys of these hosts and of no others.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn know(&self, hosts: &[&Host]) -> Result<()> {
        let line = |host: &&Host| Ok(format!("{} {}\n", host.alias, host.public_key()?));
        let text: String = hosts.iter().map(line).collect::<Result<_>>()?;
        private_file(&self.known_hosts(), &text)
    }

    fn config(&self) -> PathBuf {
        self.path("ssh/config")
    }

    /// Every program that is started from now on finds this in its environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A program on it.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut line = command(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        line.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("TERM", "xterm-256color");
        line.envs(FOLDERS.iter().map(|(name, folder)| (name, self.path(folder))));
        line.env(SSH_CONFIG, self.config()).env("USER", "root");
        line.envs(self.variables.iter().map(|(name, value)| (name, value)));
        line.current_dir(self.path("home")).stdin(Stdio::null());
        line
    }

    /// Our own program `miyabi`.
    ///
    /// # Errors
    /// When it is not built.
    pub fn miyabi(&self, words: &[&str]) -> Result<Command> {
        let mut line = self.command(sandbox::programs_folder()?.join("miyabi"));
        line.args(words);
        Ok(line)
    }

    /// Runs `miyabi` to its end, whatever that is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn try_miyabi(&self, words: &[&str]) -> Result<Output> {
        self.miyabi(words)?.output().context("miyabi cannot be started")
    }

    /// The person's `ssh`, to a program's good end on a host; what it printed.
    ///
    /// # Errors
    /// When it is not let in, or the program fails.
    pub fn ssh(&self, alias: &str, words: &[&str]) -> Result<String> {
        run(self.ssh_command(alias).args(words))
    }

    /// The person's `ssh` to a host.
    #[must_use]
    pub fn ssh_command(&self, alias: &str) -> Command {
        let mut line = self.command("ssh");
        line.arg("-F").arg(self.config()).args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", alias]);
        line
    }

    /// What the windows of its tmux session are called.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn windows(&self, session: &str) -> Result<Vec<String>> {
        let format = ["list-windows", "-t", session, "-F", "#{window_name}"];
        Ok(run(self.command("tmux").args(format))?.lines().map(str::to_owned).collect())
    }
}

/// What must be there before a lab can be made; what is missing, in words.
pub(crate) fn lacks() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let is_there = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    let needed = ["unshare", "nsenter", "ip", "nft", "ssh", "ssh-keygen", "tmux"];
    let missing: Vec<_> = needed.iter().filter(|name| !is_there(name)).collect();
    ensure!(missing.is_empty(), "not on the PATH: {missing:?}");
    ensure!(Path::new("/usr/sbin/sshd").is_file(), "there is no /usr/sbin/sshd");
    Ok(())
}
