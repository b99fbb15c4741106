//! A place of its own for a measured run: home, sockets, journal and tmux server, all in one
//! temporary folder that goes away with it. Nothing of the person's is read or changed.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::plan::PlanFolder;
use crate::process::Program;
use crate::project;

/// The place; dropped, it ends what still runs there.
#[derive(Debug)]
pub(crate) struct Sandbox {
    folder: TempDir,
    miyabi: PathBuf,
}

impl Sandbox {
    pub(crate) fn new() -> Result<Self> {
        // Directly in /tmp: a socket's path has at most 104 bytes on macOS.
        let folder = tempfile::Builder::new()
            .prefix("miyabi-bench-")
            .tempdir_in("/tmp")
            .context("cannot make a temporary folder")?;
        for name in ["home", "run", "tmux", "journal", "plan"] {
            make_private(&folder.path().join(name))?;
        }
        Ok(Self { folder, miyabi: project::target_folder()?.join("release/miyabi") })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the measured run has its files.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// Makes that place before the run does.
    pub(crate) fn make_state_dir(&self) -> Result<PathBuf> {
        make_private(&self.state_dir())?;
        Ok(self.state_dir())
    }

    /// Writes a plan and returns its folder.
    pub(crate) fn write(&self, plan: &PlanFolder) -> Result<PathBuf> {
        let folder = self.path("plan");
        plan.write(&folder)?;
        Ok(folder)
    }

    /// Any program, in this place.
    pub(crate) fn program(&self, program: impl AsRef<Path>) -> Program {
        Program::new(program.as_ref())
            .folder(self.folder.path())
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("XDG_STATE_HOME", self.path("journal"))
            .env("TMUX_TMPDIR", self.path("tmux"))
            .without_env("TMUX")
            .without_env("TMUX_PANE")
    }

    /// `miyabi run` of a plan, to its end.
    pub(crate) fn run(&self, plan: &Path) -> Program {
        self.program(&self.miyabi)
            .arg("run")
            .arg(plan)
            .arg("--state-dir")
            .arg(self.state_dir())
            .args(["--trust", "--new"])
    }

    /// What a program wrote, for an error that says more than "it failed".
    pub(crate) fn tail(log: &Path) -> String {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

fn make_private(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(path).with_context(|| format!("cannot make {}", path.display()))
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.state_dir().exists() {
            let stop =
                self.program(&self.miyabi).args(["stop", "--all", "--state-dir"]).arg(self.state_dir());
            stop.succeeds();
        }
        self.program("tmux").arg("kill-server").succeeds();
    }
}
