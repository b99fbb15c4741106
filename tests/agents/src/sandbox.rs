//! A machine of its own for agent programs: a home, folders for everything that they keep, a tmux
//! server, and an environment that holds nothing of the person's.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::model::Model;
use crate::process::{self, command};

/// No key of anybody.
const KEY: &str = "made-up-key";

/// The folders, and the variables that name them. The temporary folder must not hold Codex' home.
const FOLDERS: [(&str, &str); 9] = [
    ("HOME", "home"),
    ("TMPDIR", "tmp"),
    ("CODEX_HOME", "codex"),
    ("XDG_CONFIG_HOME", "home/.config"),
    ("XDG_CACHE_HOME", "home/.cache"),
    ("XDG_DATA_HOME", "home/.data"),
    ("XDG_STATE_HOME", "home/.state"),
    ("XDG_RUNTIME_DIR", "runtime"),
    ("TMUX_TMPDIR", "tmux"),
];

/// Whatever was started in it ends with it.
#[derive(Debug)]
pub struct Sandbox {
    root: TempDir,
    path: OsString,
    model: Vec<(String, String)>,
}

impl Sandbox {
    /// Makes the folders, and settles that the agent programs in it speak to this model.
    ///
    /// # Errors
    /// When folders cannot be made or a Python with pytest is missing.
    pub fn new(model: &Model) -> Result<Self> {
        // Short, because sockets lie in it.
        let root = tempfile::Builder::new().prefix("ma-").tempdir()?;
        for (_, folder) in FOLDERS {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder)?;
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        }
        std::fs::write(root.path().join("codex/config.toml"), codex_config(&model.url()))?;
        let sandbox = Self { root, path: path()?, model: variables(&model.url()) };
        Ok(sandbox)
    }

    /// A place in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// What an agent program in it must find in its environment to reach the model.
    #[must_use]
    pub fn model_variables(&self) -> Vec<(String, String)> {
        let codex = ("CODEX_HOME".to_owned(), self.path("codex").display().to_string());
        self.model.iter().cloned().chain([codex]).collect()
    }

    /// A program with the environment of this sandbox and nothing else.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut line = command(program);
        line.env_clear().env("PATH", &self.path).env("LANG", "C.UTF-8").env("TERM", "xterm-256color");
        line.envs(FOLDERS.iter().map(|(name, folder)| (name, self.path(folder))));
        line.envs(self.model.iter().map(|(name, value)| (name, value)));
        line.current_dir(self.path("home")).stdin(Stdio::null());
        line
    }

    /// One of our own programs, by its name.
    ///
    /// # Errors
    /// When the folder of the programs cannot be told.
    pub fn ours(&self, program: &str) -> Result<Command> {
        Ok(self.command(programs_folder()?.join(program)))
    }

    /// Puts a folder before all others on the PATH.
    ///
    /// # Errors
    /// When its name cannot stand there.
    pub fn prefer(&mut self, folder: &Path) -> Result<()> {
        let rest = std::env::split_paths(&self.path).collect::<Vec<_>>();
        self.path = std::env::join_paths([folder.to_owned()].into_iter().chain(rest))?;
        Ok(())
    }

    /// The processes in it that run a program, the oldest first.
    #[must_use]
    pub fn running(&self, program: &Path) -> Vec<rustix::process::Pid> {
        process::running(program, &self.word())
    }

    /// What all processes in it have in their environment.
    fn word(&self) -> String {
        format!("TMUX_TMPDIR={}", self.path("tmux").display())
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, line: &mut Command) -> Result<Output> {
        line.output().with_context(|| format!("{} cannot be started", line.get_program().display()))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        process::kill_with_environment(&self.word());
    }
}

/// The folder in which our programs were built.
///
/// # Errors
/// When they are not built.
pub fn programs_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("MIYABI_BIN_DIR") {
        return Ok(folder.into());
    }
    let this = std::env::current_exe()?;
    let folder = this.ancestors().skip(1).find(|folder| folder.join("miyabi").is_file());
    Ok(folder.context("miyabi is not built: cargo build --bins")?.to_owned())
}

/// A Python that has pytest: not every one on the PATH does.
///
/// # Errors
/// When there is none.
pub fn python() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/bin".into()]);
    let has_pytest = |program: &PathBuf| {
        let mut probe = command(program);
        probe.args(["-c", "import pytest, sys; sys.exit(sys.version_info < (3, 11))"]);
        probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        program.is_file() && probe.status().is_ok_and(|status| status.success())
    };
    let found = folders.map(|folder| folder.join("python3")).find(has_pytest);
    found
        .context("no python3 of 3.11 or newer with pytest is here; on Debian: apt-get install python3-pytest")
}

/// That Python first, then the person's PATH: node and tmux are found by it.
fn path() -> Result<OsString> {
    let python = python()?;
    let first = python.parent().unwrap_or(Path::new("/usr/bin")).to_owned();
    let rest = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths([first].into_iter().chain(std::env::split_paths(&rest)))?)
}

/// What an agent program must find in its environment to reach the model at this address.
#[must_use]
pub fn variables(url: &str) -> Vec<(String, String)> {
    [
        ("ANTHROPIC_BASE_URL", url),
        ("ANTHROPIC_API_KEY", KEY),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_MAX_RETRIES", "2"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("SCRIPTED_MODEL_KEY", KEY),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Codex' `config.toml` for the model at this address. Everything that it would ask of another place is turned off.
#[must_use]
pub fn codex_config(url: &str) -> String {
    format!(
        r#"model_provider = "scripted"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted model"
base_url = "{url}/v1"
env_key = "SCRIPTED_MODEL_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2

[features]
plugins = false
unbounded_connection_retries = false

[analytics]
enabled = false
"#
    )
}
