//! A repository: a person's own, or a bare store.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use miyabi_protocol::{CommittedWork, FileChange, KeptTree, MergeOutcome};
use sha2::{Digest as _, Sha256};

use crate::process::Git;
use crate::tree::stage;
use crate::{GitError, RepositoryState, changes, identity, kept, locks, merging, refs, state};

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// The repository whose work tree has its top here, or the bare one that lies here.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let path = std::path::absolute(path)
            .map_err(|error| GitError::new(format!("{} is no path: {error}", path.display())))?;
        let is_bare = Git::ask(&path, "rev-parse").arg("--is-bare-repository").text()? == "true";
        if is_bare || Self::is_top(&path) {
            return Ok(Self { path });
        }
        Err(GitError::new(format!(
            "{} is not the top folder of a repository: name that folder",
            path.display()
        )))
    }

    /// Whether a folder is the top of a work tree; one inside another repository is not. One that git refuses to
    /// look at, as somebody else's, is: [`Self::open`] then says why.
    #[must_use]
    pub fn is_top(path: &Path) -> bool {
        if !path.join(".git").exists() {
            return false;
        }
        let asked = Git::ask(path, "rev-parse").args(["--is-inside-work-tree", "--show-prefix"]).text();
        asked.map_or_else(
            |error| error.message.contains("dubious ownership"),
            |said| said.trim_end() == "true",
        )
    }

    /// Makes a repository of a folder, with everything in it in a first commit. One that is a repository
    /// already is left as it is, unless it has no commit yet.
    ///
    /// # Errors
    /// When git cannot.
    pub fn init(path: &Path) -> Result<Self, GitError> {
        if !Self::is_top(path) {
            let named = identity::setting(path, "init.defaultBranch").is_some();
            let main = if named { &[][..] } else { &["--initial-branch=main"] };
            Git::change(path, "init").arg("--quiet").args(main).done()?;
        }
        let repository = Self::open(path)?;
        if refs::commit(path, "HEAD")?.is_none() {
            repository.commit_all("Begin")?;
        }
        Ok(repository)
    }

    /// Commits all that is in the work tree of a repository without commits.
    fn commit_all(&self, message: &str) -> Result<(), GitError> {
        let index = stage::Index::of(&self.path)?;
        let tree = stage::all(&self.path, &refs::git_folder(&self.path)?, &index, None)?;
        let commit = Git::change(&self.path, "commit-tree").args([&tree, "-F", "-"]).input(message);
        let commit = identity::signed(commit, &self.path).text()?;
        let note = format!("commit (initial): {message}");
        Git::change(&self.path, "update-ref").args(["-m", &note, "HEAD", &commit]).done()?;
        Ok(())
    }

    /// The bare repository at this path, made when it is not there.
    ///
    /// # Errors
    /// When git cannot.
    pub fn store(path: &Path) -> Result<Self, GitError> {
        let at = |error: std::io::Error| {
            GitError::new(format!("cannot make {}: {error}; let it be a folder of yours", path.display()))
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at)?;
        locks::clear(&locks::of_repository(path, true), path)?;
        let words = ["--quiet", "--bare", "--template=", "--initial-branch=main"];
        // What is whole is left as it is, and what was made by half is completed.
        if identity::setting(path, STORE_MARK).is_none() {
            Git::change(path, "init").args(words).done()?;
            configure_store(path)?;
        }
        locks::sweep(path);
        Self::open(path)
    }

    /// Waits for the locks on branches of runs, and removes those that a killed git left behind: to be called before
    /// a transfer that the caller starts itself. A store does so when it is opened.
    ///
    /// # Errors
    /// When a program holds one for a minute.
    pub fn unlock(&self) -> Result<(), GitError> {
        let common = refs::common_folder(&self.path)?;
        locks::clear(&locks::of_repository(&common, false), &common)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name for its store on other hosts: the same for the same repository at the same place.
    #[must_use]
    pub fn store_name(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-' || *letter == '_';
        let mut text: String = name.chars().filter(plain).take(32).collect();
        if text.is_empty() || text.starts_with('-') {
            text.insert_str(0, "work");
        }
        text.push('-');
        for byte in Sha256::digest(path.as_os_str().as_bytes()).iter().take(6) {
            // Writing into a text cannot fail.
            let _written = write!(text, "{byte:02x}");
        }
        text
    }

    /// Where the checkout stands.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn state(&self) -> Result<RepositoryState, GitError> {
        state::of(&self.path)
    }

    /// Puts aside what is not committed, untracked files included, and says how git names it: a reference, with
    /// which `git stash apply` gives it back. It is not in the list of `git stash`: all work trees share that one,
    /// and an agent's `git stash pop` would take it.
    ///
    /// # Errors
    /// When git cannot.
    pub fn stash(&self, message: &str) -> Result<String, GitError> {
        let before = refs::commit(&self.path, "refs/stash")?;
        let push = Git::change(&self.path, "stash").args(["push", "--quiet", "--include-untracked", "-m"]);
        identity::signed(push.arg(message), &self.path).done()?;
        let after = refs::commit(&self.path, "refs/stash")?;
        let commit = after.filter(|after| before.as_ref() != Some(after)).ok_or_else(|| {
            GitError::new(format!("there is nothing to put aside in {}", self.path.display()))
        })?;
        let name = format!("refs/miyabi/stash/{}", commit.get(..12).unwrap_or(&commit));
        Git::change(&self.path, "update-ref").args(["-m", message, &name, &commit]).done()?;
        // Another program may have put something on top by now: then it stays in both places.
        if refs::commit(&self.path, "refs/stash")?.as_ref() == Some(&commit) {
            Git::change(&self.path, "stash").args(["drop", "--quiet", "stash@{0}"]).done()?;
        }
        Ok(name)
    }

    /// The commit that a branch or another revision names.
    ///
    /// # Errors
    /// When it names none.
    pub fn commit_of(&self, revision: &str) -> Result<String, GitError> {
        refs::commit(&self.path, revision)?.ok_or_else(|| {
            let place = self.path.display();
            GitError::new(format!(
                "`{revision}` names no commit in {place}: `git log --all` shows those there"
            ))
        })
    }

    /// Where a branch stands; none where there is no such branch.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn branch_commit(&self, branch: &str) -> Result<Option<String>, GitError> {
        refs::branch_commit(&self.path, branch)
    }

    /// Whether a commit holds all of these.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn holds(&self, commit: &str, others: &[String]) -> Result<bool, GitError> {
        let commit = self.commit_of(commit)?;
        for other in others {
            if !refs::holds(&self.path, &commit, &self.commit_of(other)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Merges commits in their order, without a work tree; heads that another one holds add nothing. The
    /// same heads give the same commit.
    #[must_use]
    pub fn merge(&self, heads: &[String], subject: &str) -> MergeOutcome {
        merging::merge(self, heads, subject)
            .unwrap_or_else(|error| MergeOutcome::Failed { message: error.message })
    }

    /// Lets a branch of a run point to a commit, whatever it pointed to.
    ///
    /// # Errors
    /// When git cannot, or the branch is not below `miyabi/`.
    pub fn set_branch(&self, branch: &str, commit: &str) -> Result<(), GitError> {
        refs::point(&self.path, branch, &self.commit_of(commit)?)
    }

    /// Every file that differs between two commits.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn changes(&self, base: &str, commit: &str) -> Result<Vec<FileChange>, GitError> {
        changes::between(&self.path, &self.commit_of(base)?, &self.commit_of(commit)?)
    }

    /// The unified diff of these files between two commits, file by file in their order: at most so many
    /// bytes each, `Err` with its length for one that is longer.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn patches(
        &self,
        work: &CommittedWork,
        files: &[FileChange],
        most: usize,
    ) -> Result<Vec<Result<String, usize>>, GitError> {
        let (base, commit) = (self.commit_of(&work.base)?, self.commit_of(&work.commit)?);
        files.iter().map(|file| changes::patch(&self.path, (&base, &commit), file, most)).collect()
    }

    /// The work trees and branches of all runs. One whose work is in none of `keep`, in no result branch and
    /// in no branch of the person's says so.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn kept_trees(&self, trees: &Path, keep: &[String]) -> Result<Vec<KeptTree>, GitError> {
        kept::list(self, trees, keep)
    }

    /// Removes a branch of a run and its work tree, unless work in it is nowhere else.
    ///
    /// # Errors
    /// When it is, or git cannot.
    pub fn remove_kept(&self, tree: &KeptTree, keep: &[String]) -> Result<(), GitError> {
        kept::remove(self, tree, keep)
    }

    /// Gives back the room of what no branch and no work tree holds any more and what is older than a day: younger
    /// objects may be part of a commit that is just being made.
    ///
    /// # Errors
    /// When git cannot.
    pub fn collect_garbage(&self) -> Result<(), GitError> {
        Git::change(&self.path, "gc").args(["--quiet", "--prune=1.day.ago"]).done().map(|_nothing| ())
    }
}

/// Written last into a store's settings: it is whole.
const STORE_MARK: &str = "miyabi.store";

/// Agents use git in the work trees of a store by themselves: no clean-up starts behind them, and they can
/// commit where nobody has said who they are.
fn configure_store(path: &Path) -> Result<(), GitError> {
    let set =
        |name: &str, value: &str| Git::change(path, "config").args([name, value]).done().map(|_nothing| ());
    set("gc.auto", "0")?;
    set("maintenance.auto", "false")?;
    set("gc.worktreePruneExpire", "never")?;
    set("core.logAllRefUpdates", "true")?;
    for (name, value) in [("user.name", identity::NAME), ("user.email", identity::EMAIL)] {
        if identity::setting(path, name).is_none() {
            set(name, value)?;
        }
    }
    set(STORE_MARK, "1")
}
