//! Keeping what is in a work tree: nothing that was in it before is lost by it, and doing it again adds nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use miyabi_protocol::{CommittedWork, RepositoryAt, Signature, TreeAt};

use crate::process::Git;
use crate::tree::undecided::Merged;
use crate::tree::{conflicts, link, stage, undecided};
use crate::{GitError, changes, locks, merging, refs, tree};

/// What git keeps of something that is not done, in a tree's own folder. It is over once all is committed.
const UNFINISHED: &[&str] = &[
    "MERGE_HEAD",
    "MERGE_MODE",
    "MERGE_MSG",
    "AUTO_MERGE",
    "SQUASH_MSG",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "BISECT_NAMES",
    "BISECT_TERMS",
    "BISECT_EXPECTED_REV",
];
const UNFINISHED_FOLDERS: &[&str] = &["rebase-merge", "rebase-apply", "sequencer"];

/// See [`crate::Tree::commit`].
pub(super) fn commit(folder: &Path, tree: &TreeAt, signature: &Signature) -> Result<CommittedWork, GitError> {
    let own = link::own(folder)?;
    refs::check_ours(&tree.branch)?;
    let moved_on = belongs(folder, &own, tree)? != tree.branch;
    let base = refs::commit(folder, &tree.base)?.ok_or_else(|| {
        GitError::new(format!("`{}` names no commit in {}: fetch it", tree.base, folder.display()))
    })?;
    let standing = refs::branch_commit(folder, &tree.branch)?;
    let (commit, unresolved) = match standing {
        Some(commit) if moved_on => (commit, Vec::new()),
        None if moved_on => {
            let place = folder.display();
            let branch = &tree.branch;
            return Err(GitError::new(format!(
                "the branch {branch} is gone, and a later attempt goes on in {place}: its reflog may name its commit"
            )));
        }
        _ => {
            let mut suspects: BTreeSet<String> = tree.conflicts.iter().cloned().collect();
            let index = stage::Index::of(folder)?;
            suspects.extend(index.conflicts());
            let (commit, undecided) =
                keep_as(folder, &own, &index, (&tree.branch, &base), &message(signature))?;
            let unresolved = unresolved(folder, &own, &commit, (suspects, undecided))?;
            (commit, unresolved)
        }
    };
    let files = changes::between(folder, &base, &commit)?;
    Ok(CommittedWork { branch: tree.branch.clone(), base: tree.base.clone(), commit, files, unresolved })
}

/// What is still in conflict: files with markers, those about which nobody decided, and all of them where the other
/// side is not in the commit at all.
fn unresolved(
    folder: &Path,
    own: &Path,
    commit: &str,
    (suspects, mut undecided): (BTreeSet<String>, BTreeSet<String>),
) -> Result<Vec<String>, GitError> {
    undecided.extend(conflicts::unresolved(folder, &suspects));
    let is_lost = |merged: Merged| Ok(!refs::holds(folder, commit, &merged.commit)?);
    if undecided.is_empty() && Merged::read(own).map_or(Ok(false), is_lost)? {
        undecided = suspects;
    }
    Ok(undecided.into_iter().collect())
}

/// The branch that a tree belongs to; an error where somebody turned its tie to another repository.
fn belongs(folder: &Path, own: &Path, tree: &TreeAt) -> Result<String, GitError> {
    let right = match &tree.repository {
        RepositoryAt::Path(path) => link::common(own) == Some(refs::common_folder(Path::new(path))?),
        RepositoryAt::Store(_) => true,
    };
    link::mark(own).filter(|_| right).ok_or_else(|| {
        GitError::new(format!(
            "{} is tied to {}, which is no work tree of this run: its files are still there, copy what you need",
            folder.display(),
            own.display()
        ))
    })
}

/// Commits what an attempt left in a folder in which another one goes on now.
pub(super) fn keep(folder: &Path, own: &Path, branch: &str, base: &str) -> Result<(), GitError> {
    let index = stage::Index::of(folder)?;
    keep_as(folder, own, &index, (branch, base), "What an attempt left behind").map(|_kept| ())
}

/// Commits all that is in a folder, lets the branch point to it, and the folder stand on the branch. Gives back the
/// commit, and the files of a merge about which nobody decided.
fn keep_as(
    folder: &Path,
    own: &Path,
    index: &stage::Index,
    (branch, base): (&str, &str),
    message: &str,
) -> Result<(String, BTreeSet<String>), GitError> {
    locks::clear(&[own.join("index.lock"), own.join("HEAD.lock")], folder)?;
    let undecided = match Merged::read(own) {
        Some(mut merged) => merged.undecided(folder, own, index)?,
        None => BTreeSet::new(),
    };
    undecided::take_back(folder, &undecided)?;
    // Half a merge is none: what comes after merges again, and meets the same conflict.
    let merging = if undecided.is_empty() { merging_now(own) } else { Vec::new() };
    let parents = parents(folder, &merging, branch, base)?;
    let content = stage::all(folder, own, index, Some(base))?;
    let commit = match parents.as_slice() {
        [only] if refs::tree_of(folder, only)? == content => only.clone(),
        parents => {
            let mut git = Git::change(folder, "commit-tree").arg(&content);
            for parent in parents {
                git = git.args(["-p", parent]);
            }
            tree::signed(git.args(["-F", "-"]).input(message), folder).text()?
        }
    };
    keep_autostash(folder, own, branch)?;
    refs::point(folder, branch, &commit)?;
    let here = refs::current_branch(folder)?;
    if here.as_deref() != Some(branch) {
        let words = ["-m", "miyabi: back to its branch", "HEAD"];
        Git::change(folder, "symbolic-ref").args(words).arg(refs::full(branch)).done()?;
    }
    finish(own);
    Ok((commit, undecided))
}

/// All that the new commit must hold: where the folder stands, where the branch stands, what is being merged, and
/// what the work began from; those that another one of them holds add nothing.
fn parents(folder: &Path, merging: &[String], branch: &str, base: &str) -> Result<Vec<String>, GitError> {
    let mut all = Vec::new();
    all.extend(refs::commit(folder, "HEAD")?);
    all.extend(refs::branch_commit(folder, branch)?);
    for commit in merging {
        all.extend(refs::commit(folder, commit)?);
    }
    all.push(base.to_owned());
    refs::independent(folder, &all)
}

/// The commits of a merge that is under way.
fn merging_now(own: &Path) -> Vec<String> {
    let merged = fs::read_to_string(own.join("MERGE_HEAD")).unwrap_or_default();
    merged.lines().map(|line| line.trim().to_owned()).collect()
}

/// What a rebase put aside before it began would go with it.
fn keep_autostash(folder: &Path, own: &Path, branch: &str) -> Result<(), GitError> {
    for place in ["rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH"] {
        let Ok(text) = fs::read_to_string(own.join(place)) else { continue };
        if let Some(stashed) = refs::commit(folder, text.trim())? {
            let run = branch.trim_start_matches(refs::OURS).split('/').next().unwrap_or("run");
            let short = stashed.get(..12).unwrap_or(&stashed);
            refs::point(folder, &format!("{}{run}/_kept/{short}", refs::OURS), &stashed)?;
        }
    }
    Ok(())
}

fn finish(own: &Path) {
    // Most of these are not there.
    for name in UNFINISHED {
        let _none = fs::remove_file(own.join(name));
    }
    for name in UNFINISHED_FOLDERS {
        let _none = fs::remove_dir_all(own.join(name));
    }
}

/// The text of the commit: who made it, where, for what.
fn message(signature: &Signature) -> String {
    let Signature { run_id, attempt, agent, host, subject } = signature;
    let run = merging::one_line(run_id);
    format!(
        "{}\n\nMiyabi-Run: {run}\nMiyabi-Task: {}\nMiyabi-Attempt: {}\nMiyabi-Agent: {agent}\nMiyabi-Host: {host}\n",
        merging::one_line(subject),
        attempt.task,
        attempt.number
    )
}
