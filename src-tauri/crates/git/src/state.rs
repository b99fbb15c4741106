//! Where a person's checkout stands before a run.

use std::path::Path;

use crate::process::Git;
use crate::{GitError, caches, refs};

/// What was found in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryState {
    /// The commit that is checked out; none before the first commit.
    pub head: Option<String>,
    /// The branch; none on a detached head.
    pub branch: Option<String>,
    /// Files that are not committed, by path, untracked ones that are not ignored included.
    pub dirty: Vec<String>,
    /// What is in the midst of being done, as `a merge` or `a rebase`.
    pub in_the_midst_of: Option<String>,
}

/// What git leaves in its folder in the midst of something.
const SIGNS: &[(&str, &str)] = &[
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
];

/// Looks at a repository.
pub(crate) fn of(folder: &Path) -> Result<RepositoryState, GitError> {
    let git = refs::git_folder(folder)?;
    let midst = SIGNS.iter().find(|(sign, _)| git.join(sign).exists());
    Ok(RepositoryState {
        head: refs::commit(folder, "HEAD")?,
        branch: refs::current_branch(folder)?,
        dirty: if folder.join(".git").exists() { dirty(folder)? } else { Vec::new() },
        in_the_midst_of: midst.map(|(_, word)| (*word).to_owned()),
    })
}

/// What is not committed in a work tree: caches that nobody tracks are no reason to call it dirty.
pub(crate) fn dirty(folder: &Path) -> Result<Vec<String>, GitError> {
    let answer = Git::ask(folder, "status")
        .args(["--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none"])
        .done()?;
    let mut files: Vec<String> = answer
        .parts()
        .filter_map(|entry| {
            let (sign, path) = (entry.get(..2)?, entry.get(3..)?);
            (sign != "??" || !caches::is_one(path)).then(|| path.to_owned())
        })
        .collect();
    files.sort_unstable();
    files.dedup();
    Ok(files)
}
