//! Branches and commits, by their names.

use std::path::{Path, PathBuf};

use crate::GitError;
use crate::locks;
use crate::process::Git;
use crate::tree::link;

/// All branches of runs lie below this.
pub(crate) const OURS: &str = "miyabi/";

/// The folder that a work tree's own files of git lie in.
pub(crate) fn git_folder(folder: &Path) -> Result<PathBuf, GitError> {
    let path = Git::ask(folder, "rev-parse").arg("--absolute-git-dir").text()?;
    Ok(PathBuf::from(path))
}

/// The folder that objects and branches lie in: the same for all work trees of a repository.
pub(crate) fn common_folder(folder: &Path) -> Result<PathBuf, GitError> {
    // A work tree of ours says so in a file, and is asked for often.
    if let Some(common) = link::named(folder).and_then(|own| link::common(&own)) {
        return Ok(common);
    }
    let path = Git::ask(folder, "rev-parse").arg("--git-common-dir").text()?;
    let path = folder.join(path);
    Ok(path.canonicalize().unwrap_or(path))
}

/// The commit that a revision names; none where it names none.
pub(crate) fn commit(folder: &Path, revision: &str) -> Result<Option<String>, GitError> {
    let odd = revision.starts_with(['-', '^']) || revision.contains(['\0', '\n']) || revision.is_empty();
    if odd {
        return Ok(None);
    }
    let peeled = format!("{revision}^{{commit}}");
    let answer = Git::ask(folder, "rev-parse").args(["--verify", "--quiet", &peeled]).run()?;
    let text = answer.text();
    let is_hash = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match answer.code {
        Some(0) if is_hash => Ok(Some(text)),
        // 128 is said of a text that is no revision at all, as of one that names no commit.
        Some(0 | 1 | 128) => Ok(None),
        _ => Err(answer.refused(folder, &["rev-parse".into()])),
    }
}

/// The tree of a commit.
pub(crate) fn tree_of(folder: &Path, commit: &str) -> Result<String, GitError> {
    Git::ask(folder, "rev-parse").args(["--verify", "--quiet", &format!("{commit}^{{tree}}")]).text()
}

/// Whether a commit holds another one, or is it.
pub(crate) fn holds(folder: &Path, commit: &str, other: &str) -> Result<bool, GitError> {
    if commit == other {
        return Ok(true);
    }
    let answer = Git::ask(folder, "merge-base").args(["--is-ancestor", other, commit]).maybe()?;
    Ok(answer.is_some())
}

/// These commits in their order, without those that another one of them holds.
pub(crate) fn independent(folder: &Path, commits: &[String]) -> Result<Vec<String>, GitError> {
    let mut once: Vec<String> = Vec::new();
    for commit in commits {
        if !once.contains(commit) {
            once.push(commit.clone());
        }
    }
    if once.len() < 2 {
        return Ok(once);
    }
    let kept = Git::ask(folder, "merge-base").arg("--independent").args(&once).text()?;
    let kept: Vec<&str> = kept.lines().collect();
    once.retain(|commit| kept.contains(&commit.as_str()));
    Ok(once)
}

/// The branch that is checked out; none on a detached head.
pub(crate) fn current_branch(folder: &Path) -> Result<Option<String>, GitError> {
    let name = Git::ask(folder, "symbolic-ref").args(["--quiet", "HEAD"]).maybe()?;
    Ok(name.map(|name| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned()))
}

/// The commit of a branch; none where there is no such branch.
pub(crate) fn branch_commit(folder: &Path, branch: &str) -> Result<Option<String>, GitError> {
    commit(folder, &full(branch))
}

/// The name of a branch as git keeps it.
pub(crate) fn full(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Refuses branches that are not a run's.
pub(crate) fn check_ours(branch: &str) -> Result<(), GitError> {
    let plain = branch.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter));
    if branch.starts_with(OURS) && plain {
        return Ok(());
    }
    Err(GitError::new(format!("`{branch}` is no branch of a run: such a name begins with {OURS}")))
}

/// Lets one of our branches point to a commit, whatever it pointed to.
pub(crate) fn point(folder: &Path, branch: &str, commit: &str) -> Result<(), GitError> {
    check_ours(branch)?;
    clear_lock(folder, branch)?;
    Git::change(folder, "update-ref").args(["-m", "miyabi", &full(branch), commit]).done()?;
    Ok(())
}

/// The same; what the branch pointed to is kept on a branch of its own where nothing else holds it.
pub(crate) fn move_safely(folder: &Path, branch: &str, commit: &str) -> Result<(), GitError> {
    check_ours(branch)?;
    if let Some(old) = branch_commit(folder, branch)? {
        keep_aside(folder, branch, &old, commit)?;
    }
    point(folder, branch, commit)
}

/// Gives a commit that a branch is about to leave a branch of its own, unless the new one holds it or another
/// branch does.
pub(crate) fn keep_aside(folder: &Path, branch: &str, old: &str, new: &str) -> Result<(), GitError> {
    if holds(folder, new, old)? {
        return Ok(());
    }
    let holders = Git::ask(folder, "for-each-ref")
        .args(["--format=%(refname)", &format!("--contains={old}"), "refs/heads"])
        .text()?;
    if holders.lines().any(|holder| holder != full(branch)) {
        return Ok(());
    }
    let run = branch.trim_start_matches(OURS).split('/').next().unwrap_or("run");
    let short = old.get(..12).unwrap_or(old);
    tracing::warn!(branch, commit = old, "a branch moves away from work that nothing else holds: it is kept");
    point(folder, &format!("{OURS}{run}/_kept/{short}"), old)
}

/// Removes one of our branches, as long as it points to this commit.
pub(crate) fn remove(folder: &Path, branch: &str, commit: &str) -> Result<(), GitError> {
    check_ours(branch)?;
    clear_lock(folder, branch)?;
    Git::change(folder, "update-ref").args(["-d", &full(branch), commit]).done()?;
    Ok(())
}

/// Waits for a branch's lock, and removes one that a killed git left behind.
pub(crate) fn clear_lock(folder: &Path, branch: &str) -> Result<(), GitError> {
    let common = common_folder(folder)?;
    locks::clear(&[common.join(format!("{}.lock", full(branch)))], &common)
}
