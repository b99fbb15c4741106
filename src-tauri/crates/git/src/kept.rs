//! Work trees and branches of runs that are over.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use miyabi_plan::TaskId;
use miyabi_protocol::{KeptTree, Timestamp};

use crate::process::Git;
use crate::tree::{link, stage};
use crate::{GitError, Repository, refs, state};

/// A branch of a run.
struct Branch {
    name: String,
    commit: String,
    seconds: i64,
}

/// See [`Repository::kept_trees`].
pub(crate) fn list(
    repository: &Repository,
    trees: &Path,
    keep: &[String],
) -> Result<Vec<KeptTree>, GitError> {
    let keepers = Keepers::of(repository, keep)?;
    let folders = folders(repository, trees)?;
    let mut kept = Vec::new();
    let mut used = Vec::new();
    for branch in branches(repository)? {
        let folder = folders.iter().find(|(_, name)| *name == branch.name).map(|(folder, _)| folder);
        used.extend(folder);
        kept.push(entry(repository, &keepers, &branch.name, Some(&branch), folder)?);
    }
    for (folder, name) in folders.iter().filter(|(folder, _)| !used.contains(&folder)) {
        kept.push(entry(repository, &keepers, name, None, Some(folder))?);
    }
    Ok(kept)
}

fn entry(
    repository: &Repository,
    keepers: &Keepers,
    name: &str,
    branch: Option<&Branch>,
    folder: Option<&PathBuf>,
) -> Result<KeptTree, GitError> {
    let size = folder.map_or((0, None), |folder| size(folder));
    let by_folder = folder.and_then(|folder| {
        let run = folder.parent()?.file_name()?.to_str()?;
        let task = folder.file_name()?.to_str()?.rsplit_once('-')?.0;
        Some((run.to_owned(), TaskId::new(task).ok()))
    });
    let by_branch = parts(name);
    let (run_id, task) = by_branch.or(by_folder).unwrap_or_default();
    let at = branch.map(|branch| branch.seconds).into_iter().chain(size.1).max();
    Ok(KeptTree {
        run_id,
        task,
        branch: branch.map(|branch| branch.name.clone()).unwrap_or_default(),
        folder: folder.map(|folder| folder.to_string_lossy().into_owned()),
        size_kib: u32::try_from(size.0 / 1024).unwrap_or(u32::MAX),
        unmerged: unmerged(repository, keepers, branch, folder)?,
        at: at.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))),
    })
}

/// The run and the task in a branch's name.
fn parts(branch: &str) -> Option<(String, Option<TaskId>)> {
    let mut parts = branch.strip_prefix(refs::OURS)?.split('/');
    let run = parts.next().filter(|run| !run.is_empty())?.to_owned();
    let first = parts.next()?;
    let task = if first == "_base" { parts.next()? } else { first };
    Some((run, TaskId::new(task).ok()))
}

fn branches(repository: &Repository) -> Result<Vec<Branch>, GitError> {
    let format = "--format=%(refname) %(objectname) %(committerdate:unix)";
    let text = Git::ask(repository.path(), "for-each-ref").args([format, "refs/heads/miyabi/"]).text()?;
    let read = |line: &str| {
        let mut words = line.split(' ');
        Some(Branch {
            name: words.next()?.strip_prefix("refs/heads/")?.to_owned(),
            commit: words.next()?.to_owned(),
            seconds: words.next()?.parse().unwrap_or(0),
        })
    };
    Ok(text.lines().filter_map(read).collect())
}

/// The work trees of this repository below a folder, and the branch of each: the one that it stands on, else the
/// one it was made for.
fn folders(repository: &Repository, trees: &Path) -> Result<Vec<(PathBuf, String)>, GitError> {
    let common = refs::common_folder(repository.path())?;
    let above = trees.canonicalize().unwrap_or_else(|_| trees.to_owned());
    let mut found = Vec::new();
    for (own, folder) in link::all(&common) {
        if !(folder.starts_with(&above) || folder.starts_with(trees)) {
            continue;
        }
        if !folder.is_dir() {
            continue;
        }
        let standing = link::own(&folder).ok().and_then(|_own| refs::current_branch(&folder).ok()?);
        let ours = standing.filter(|branch| branch.starts_with(refs::OURS));
        found.push((folder, ours.or_else(|| link::mark(&own)).unwrap_or_default()));
    }
    found.sort();
    Ok(found)
}

/// The bytes that a folder takes, and when something in it was last written, in seconds.
fn size(folder: &Path) -> (u64, Option<i64>) {
    let Ok(data) = folder.symlink_metadata() else { return (0, None) };
    let own = (data.blocks().saturating_mul(512), Some(data.mtime()));
    if !data.is_dir() {
        return own;
    }
    let Ok(entries) = fs::read_dir(folder) else { return own };
    entries
        .filter_map(Result::ok)
        .map(|entry| size(&entry.path()))
        .fold(own, |sum, one| (sum.0.saturating_add(one.0), sum.1.max(one.1)))
}

/// Commits that hold work for good.
struct Keepers {
    /// For the work of attempts.
    all: Vec<String>,
    /// For the result of a run: what is the person's.
    persons: Vec<String>,
}

impl Keepers {
    fn of(repository: &Repository, keep: &[String]) -> Result<Self, GitError> {
        let folder = repository.path();
        let places = ["refs/heads/", "refs/remotes/", "refs/tags/"];
        let text = Git::ask(folder, "for-each-ref")
            .args(["--format=%(objecttype) %(*objecttype) %(objectname) %(refname)"])
            .args(places)
            .text()?;
        let (mut all, mut persons) = (Vec::new(), Vec::new());
        for line in text.lines().filter(|line| line.starts_with("commit ") || line.contains(" commit ")) {
            let Some((before, name)) = line.rsplit_once(' ') else { continue };
            let Some(hash) = before.rsplit(' ').next() else { continue };
            if name.starts_with("refs/heads/miyabi/") {
                all.extend(name.ends_with("/_result").then(|| hash.to_owned()));
            } else if !name.contains("/miyabi/") {
                persons.push(hash.to_owned());
            }
        }
        // A commit that is not here holds nothing that is.
        for revision in keep {
            all.extend(refs::commit(folder, revision)?);
        }
        all.extend(persons.iter().cloned());
        Ok(Self { all, persons })
    }

    /// Whether what a commit holds is held by others, too.
    fn hold(&self, repository: &Repository, commit: &str, is_result: bool) -> Result<bool, GitError> {
        let keepers = if is_result { &self.persons } else { &self.all };
        let mut input = format!("{commit}\n");
        for keeper in keepers {
            input.push('^');
            input.push_str(keeper);
            input.push('\n');
        }
        let words = ["--max-count=1", "--stdin"];
        Ok(Git::ask(repository.path(), "rev-list").args(words).input(input).text()?.is_empty())
    }
}

/// Why a branch and its folder must stay.
fn unmerged(
    repository: &Repository,
    keepers: &Keepers,
    branch: Option<&Branch>,
    folder: Option<&PathBuf>,
) -> Result<Option<String>, GitError> {
    if let Some(branch) = branch {
        let is_result = branch.name.ends_with("/_result");
        if !keepers.hold(repository, &branch.commit, is_result)? {
            return Ok(Some(match is_result {
                true => "its result is merged into no branch of yours".to_owned(),
                false => "its work is merged into no result and no branch of yours".to_owned(),
            }));
        }
    }
    let Some(folder) = folder else { return Ok(None) };
    let own = match link::own(folder) {
        Ok(own) => own,
        Err(error) => return Ok(Some(error.message)),
    };
    let Some(mark) = link::mark(&own) else { return Ok(None) };
    if let Some(head) = refs::commit(folder, "HEAD")? {
        let on_it = branch.is_some_and(|branch| branch.commit == head);
        if !on_it && !keepers.hold(repository, &head, false)? {
            return Ok(Some("commits in its folder are on no branch".to_owned()));
        }
    }
    // In a folder of no branch, where all work is verified, nothing but checks has written.
    if mark.is_empty() {
        return Ok(None);
    }
    let left_out = stage::left_out(&own);
    let mut dirty = state::dirty(folder)?;
    dirty.retain(|file| !left_out.contains(file));
    Ok(match dirty.as_slice() {
        [] => None,
        [only] => Some(format!("{only} in its folder is not committed")),
        [first, rest @ ..] => {
            Some(format!("{first} and {} more in its folder are not committed", rest.len()))
        }
    })
}

/// See [`Repository::remove_kept`].
pub(crate) fn remove(repository: &Repository, tree: &KeptTree, keep: &[String]) -> Result<(), GitError> {
    let common = refs::common_folder(repository.path())?;
    let folder = tree.folder.as_ref().map(PathBuf::from).filter(|folder| folder.symlink_metadata().is_ok());
    if let Some(folder) = &folder {
        let real = link::real(folder);
        if !link::all(&common).iter().any(|(_, known)| *known == real || known == folder) {
            return Err(GitError::new(format!(
                "{} is no work tree of {}: remove it by hand",
                folder.display(),
                repository.path().display()
            )));
        }
    }
    let branch = branches(repository)?.into_iter().find(|branch| branch.name == tree.branch);
    let keepers = Keepers::of(repository, keep)?;
    if let Some(why) = unmerged(repository, &keepers, branch.as_ref(), folder.as_ref())? {
        let name = if tree.branch.is_empty() { tree.folder.as_deref().unwrap_or("it") } else { &tree.branch };
        return Err(GitError::new(format!("{name} stays: {why}. Merge it, or remove it by hand")));
    }
    if let Some(folder) = &folder {
        link::remove(&common, folder)?;
        if let Some(parent) = folder.parent() {
            // It stays while another tree is in it.
            let _full = fs::remove_dir(parent);
        }
    } else if let Some(folder) = &tree.folder {
        link::forget(&common, Path::new(folder))?;
    }
    match branch {
        Some(branch) => refs::remove(repository.path(), &branch.name, &branch.commit),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_branches_are_read() {
        let task = |name: &str| TaskId::new(name).ok();
        assert_eq!(parts("miyabi/r1/Task-1/2"), Some(("r1".to_owned(), task("Task-1"))));
        assert_eq!(parts("miyabi/r1/_result"), Some(("r1".to_owned(), None)));
        assert_eq!(parts("miyabi/r1/_base/Task-3"), Some(("r1".to_owned(), task("Task-3"))));
        assert_eq!(parts("main"), None);
    }
}
