//! How a work tree comes to be: every step may be the last one before a crash, and all of them may be done again.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::process::Git;
use crate::tree::{commit, link};
use crate::{GitError, Repository, locks, refs};

/// A tree on a branch that holds `start`.
pub(super) fn on_branch(
    repository: &Repository,
    folder: &Path,
    branch: &str,
    start: &str,
) -> Result<(), GitError> {
    refs::check_ours(branch)?;
    let start = repository.commit_of(start)?;
    let place = Place::of(repository, folder)?;
    refs::clear_lock(repository.path(), branch)?;
    match place.standing() {
        Some((own, mark)) if mark == branch => {
            tracing::debug!(folder = %folder.display(), own = %own.display(), "the work tree stands");
            Ok(())
        }
        Some((own, mark)) => place.go_on(&own, &mark, branch, &start),
        None => {
            place.clear()?;
            begin_branch(repository.path(), branch, &start)?;
            place.add(branch, branch)
        }
    }
}

/// A tree of a commit, on no branch.
pub(super) fn detached(repository: &Repository, folder: &Path, commit: &str) -> Result<(), GitError> {
    let commit = repository.commit_of(commit)?;
    let place = Place::of(repository, folder)?;
    if place.standing().is_some_and(|(_, mark)| mark.is_empty()) {
        link::remove(&place.common, folder)?;
    }
    place.clear()?;
    place.add(&commit, "")
}

/// A branch that holds `start`: where it does already, it stays where it is.
fn begin_branch(folder: &Path, branch: &str, start: &str) -> Result<(), GitError> {
    match refs::branch_commit(folder, branch)? {
        Some(commit) if refs::holds(folder, &commit, start)? => Ok(()),
        _ => refs::move_safely(folder, branch, start),
    }
}

/// Where a tree is to stand.
struct Place<'a> {
    repository: &'a Repository,
    folder: &'a Path,
    common: PathBuf,
}

impl<'a> Place<'a> {
    fn of(repository: &'a Repository, folder: &'a Path) -> Result<Self, GitError> {
        if !folder.is_absolute() {
            return Err(GitError::new(format!("{} is no absolute path: name one", folder.display())));
        }
        let common = refs::common_folder(repository.path())?;
        Ok(Self { repository, folder, common })
    }

    /// What a whole tree that stands there has of its own, and the branch it belongs to.
    fn standing(&self) -> Option<(PathBuf, String)> {
        let own = self.ours()?;
        let mark = link::mark(&own)?;
        Some((own, mark))
    }

    /// The tree's own folder of git, where it is this repository's.
    fn ours(&self) -> Option<PathBuf> {
        let own = link::named(self.folder)?.canonicalize().ok()?;
        own.starts_with(self.common.join("worktrees")).then_some(own)
    }

    /// Makes room: a tree that was made by half is removed, for nobody worked in it; anything else that is there
    /// is put beside it.
    fn clear(&self) -> Result<(), GitError> {
        if self.ours().is_some_and(|own| link::mark(&own).is_none()) {
            link::remove(&self.common, self.folder)?;
        }
        link::forget(&self.common, self.folder)?;
        if holds_a_tie_alone(self.folder) {
            link::remove_folder(self.folder)?;
        }
        // An empty folder goes, a full one does not, and one that is not there is no matter.
        let _full = fs::remove_dir(self.folder);
        if self.folder.symlink_metadata().is_ok() {
            self.put_aside()?;
        }
        Ok(())
    }

    fn put_aside(&self) -> Result<(), GitError> {
        let name =
            self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = |number: u32| self.folder.with_file_name(format!("{name}.kept-{number}"));
        let free = (1..1000).map(beside).find(|path| path.symlink_metadata().is_err());
        let Some(free) = free else {
            return Err(GitError::new(format!("{} is in the way: move it", self.folder.display())));
        };
        tracing::warn!(from = %self.folder.display(), to = %free.display(), "a folder in the way is put aside");
        fs::rename(self.folder, &free).map_err(|error| link::cannot("move", self.folder, &error))
    }

    /// Adds the tree on a branch or a commit: first the tie, then the files, then the mark.
    fn add(&self, what: &str, mark: &str) -> Result<(), GitError> {
        make_private(self.folder)?;
        if self.common.join("reftable").exists() {
            self.add_by_git(what, mark.is_empty())?;
        } else {
            let head = if mark.is_empty() { what.to_owned() } else { format!("ref: {}", refs::full(what)) };
            link::tie(&self.common, self.folder, &head)?;
        }
        Git::change(self.folder, "reset").args(["--hard", "--quiet"]).done()?;
        link::set_mark(&link::own(self.folder)?, mark)
    }

    /// The same tie, made by git one tree after the other, where branches are kept in tables that it alone writes.
    fn add_by_git(&self, what: &str, detached: bool) -> Result<(), GitError> {
        let path = self.common.join("miyabi.lock");
        let cannot = |error| link::cannot("lock", &path, &error);
        let file = fs::File::create(&path).map_err(cannot)?;
        file.lock().map_err(cannot)?;
        let detach = detached.then_some("--detach");
        Git::change(self.repository.path(), "worktree")
            .args(["add", "--force", "--no-checkout"])
            .args(detach)
            .arg("--")
            .arg(self.folder)
            .arg(what)
            .done()?;
        Ok(())
    }

    /// Goes on in a tree on another branch. What the attempt before it left is committed to its branch.
    fn go_on(&self, own: &Path, before: &str, branch: &str, start: &str) -> Result<(), GitError> {
        locks::clear(&[own.join("index.lock"), own.join("HEAD.lock")], self.folder)?;
        let moved = refs::current_branch(self.folder)?.is_some_and(|current| current == branch);
        if !moved {
            commit::keep(self.folder, own, before, start)?;
        }
        begin_branch(self.repository.path(), branch, start)?;
        Git::change(self.folder, "checkout")
            .args(["--quiet", "--force", "--ignore-other-worktrees", "--no-guess", branch, "--"])
            .done()?;
        link::set_mark(own, branch)
    }
}

/// Whether a crash left nothing in a folder but a tie that leads nowhere.
fn holds_a_tie_alone(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.file_name()).take(2).collect();
    names == [".git"] && link::named(folder).is_some_and(|own| !own.exists())
}

/// A folder that is nobody else's business, and those above it that are not there yet.
fn make_private(folder: &Path) -> Result<(), GitError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(link::cannot("make", folder, &error))
        }
        _ => Ok(()),
    }
}
