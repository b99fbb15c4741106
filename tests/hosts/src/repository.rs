//! A person's repository, which a run works on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::command;

/// A repository of a person's: one commit, a dirty file that git ignores, and a branch that is checked out.
#[derive(Debug)]
pub struct Repository(PathBuf);

impl Repository {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it.
    ///
    /// # Errors
    /// When git cannot.
    pub fn new(path: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&path)?;
        let repository = Self(path);
        repository.git(&["init", "-q", "-b", "main"])?;
        std::fs::write(repository.0.join("README.md"), "# Greetings\n")?;
        std::fs::write(repository.0.join(".gitignore"), "*.local\n")?;
        std::fs::write(repository.0.join("settings.local"), "of this machine\n")?;
        repository.git(&["add", "-A"])?;
        let me = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        repository.git(&[&me[..], &["commit", "-q", "-m", "first"]].concat())?;
        Ok(repository)
    }

    /// A git command on it, to its good end; what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn git(&self, words: &[&str]) -> Result<String> {
        let mut line = command("git");
        line.arg("-C").arg(&self.0).args(words).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = line.output().context("git cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {words:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// What a file of a branch holds.
    ///
    /// # Errors
    /// When there is none.
    pub fn show(&self, branch: &str, file: &str) -> Result<String> {
        self.git(&["show", &format!("{branch}:{file}")])
    }

    /// The files of a branch, by path.
    ///
    /// # Errors
    /// When there is no such branch.
    pub fn files(&self, branch: &str) -> Result<BTreeSet<String>> {
        let list = self.git(&["ls-tree", "-r", "--name-only", branch])?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    /// All objects are sound, and what a person had checked out is as it was.
    ///
    /// # Errors
    /// With what is not.
    pub fn is_sound(&self) -> Result<()> {
        let found = self.git(&["fsck", "--full", "--strict"])?;
        ensure!(!found.contains("missing") && !found.contains("broken"), "{found}");
        ensure!(self.git(&["status", "--porcelain"])?.is_empty(), "the checkout was touched");
        ensure!(self.git(&["symbolic-ref", "--short", "HEAD"])? == "main", "another branch is checked out");
        ensure!(self.files("main")?.len() == 2, "the person's branch has moved");
        Ok(())
    }
}
