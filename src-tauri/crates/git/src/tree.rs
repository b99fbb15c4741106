//! A work tree of an attempt.

mod commit;
mod conflicts;
pub(crate) mod link;
mod links;
mod make;
pub(crate) mod stage;
mod undecided;

use std::path::{Path, PathBuf};

use miyabi_protocol::{CommittedWork, Signature, TreeAt};

use crate::process::Git;
use crate::{GitError, Repository, caches, identity, refs};

/// As many files as are told of a tree that is looked at.
const MOST_TOUCHED: usize = 5000;

/// A work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    folder: PathBuf,
}

impl Tree {
    /// Makes it, on a branch of its own that begins at `start`; or, where the folder is a work tree already, goes
    /// on in it on that branch. Idempotent. What an earlier attempt left in the folder uncommitted is committed
    /// to that attempt's branch first, and what is there and is no work tree of ours is put beside it.
    ///
    /// # Errors
    /// When git cannot.
    pub fn make(repository: &Repository, folder: &Path, branch: &str, start: &str) -> Result<Self, GitError> {
        make::on_branch(repository, folder, branch, start)?;
        Ok(Self::at(folder))
    }

    /// A fresh one of a commit, on no branch, in place of what was checked out there before.
    ///
    /// # Errors
    /// When git cannot.
    pub fn check_out(repository: &Repository, folder: &Path, commit: &str) -> Result<Self, GitError> {
        make::detached(repository, folder, commit)?;
        Ok(Self::at(folder))
    }

    /// The one that stands in a folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether its folder still leads to its repository.
    #[must_use]
    pub fn is_tied(&self) -> bool {
        link::own(&self.folder).is_ok()
    }

    /// The paths of all files that a commit holds, those of submodules left out.
    ///
    /// # Errors
    /// When git does not know the commit.
    pub fn files_of(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let words = ["-r", "-z", "--name-only", "--full-tree", commit];
        Ok(Git::ask(&self.folder, "ls-tree").args(words).done()?.parts().collect())
    }

    /// The submodules whose new commit lies in this folder alone: no remote of theirs is known to have it, so that
    /// nobody else could check the work out.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn lost_links(&self, base: &str, commit: &str) -> Result<Vec<String>, GitError> {
        links::lost(&self.folder, base, commit)
    }

    /// Removes it with all that is in it; its branch stays.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(&self, repository: &Repository) -> Result<(), GitError> {
        link::remove(&refs::common_folder(repository.path())?, &self.folder)
    }

    /// Files below it that are never committed from it, beside those that the repository ignores: those that were
    /// copied into it, as `.env`.
    ///
    /// # Errors
    /// When this cannot be kept.
    pub fn leave_out(&self, paths: &[String]) -> Result<(), GitError> {
        stage::leave_out(&link::own(&self.folder)?, paths)
    }

    /// Merges a commit into it without committing; gives back the files in which both sides are left. Idempotent.
    ///
    /// # Errors
    /// When git cannot.
    pub fn merge(&self, commit: &str) -> Result<Vec<String>, GitError> {
        conflicts::merge(&self.folder, &link::own(&self.folder)?, commit)
    }

    /// Commits everything that changed, under the attempt's name; where nothing did, says where the branch stands.
    /// An agent's own commits stay, wherever in this tree it made them. A folder in which a later attempt goes
    /// on is left alone.
    ///
    /// # Errors
    /// When git cannot, or the folder is no work tree any more.
    pub fn commit(&self, tree: &TreeAt, signature: &Signature) -> Result<CommittedWork, GitError> {
        commit::commit(&self.folder, tree, signature)
    }

    /// The files that differ from a commit, committed or not, by path: no caches, and at most 5,000.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn touched(&self, base: &str) -> Result<Vec<String>, GitError> {
        let own = link::own(&self.folder)?;
        let specs = stage::specs(&own, &[]);
        let folder = &self.folder;
        let base = refs::commit(folder, base)?.ok_or_else(|| {
            GitError::new(format!("`{base}` names no commit in {}: fetch it", folder.display()))
        })?;
        let changed = Git::ask(folder, "diff")
            .args(["--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"])
            .args(["--ignore-submodules=dirty", &base, "--"])
            .args(&specs)
            .done()?;
        let new = Git::ask(folder, "ls-files")
            .args(["--others", "--exclude-standard", "-z", "--"])
            .args(&specs)
            .done()?;
        let mut files: Vec<String> =
            changed.parts().chain(new.parts()).filter(|path| !caches::is_one(path)).collect();
        files.sort_unstable();
        files.dedup();
        files.truncate(MOST_TOUCHED);
        Ok(files)
    }
}

/// Adds the name in which this tree's commits are made.
fn signed<'a>(git: Git<'a>, folder: &Path) -> Git<'a> {
    identity::signed(git, folder)
}
