//! Both sides of a conflict in the files of a work tree, and whether they are still there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::process::Git;
use crate::tree::undecided::Merged;
use crate::tree::{link, stage};
use crate::{GitError, locks, refs, tree};

/// A line that git leaves where two sides contradict each other.
const MARKER: &str = "^(<<<<<<<+|>>>>>>>+)( |\r?$)";
/// There while a merge is on its way: after a crash it is begun anew.
const BEGUN: &str = "miyabi-merging";

/// See [`crate::Tree::merge`].
pub(super) fn merge(folder: &Path, own: &Path, commit: &str) -> Result<Vec<String>, GitError> {
    let commit = refs::commit(folder, commit)?.ok_or_else(|| {
        GitError::new(format!("`{commit}` names no commit in {}: fetch it", folder.display()))
    })?;
    let whole = !own.join(BEGUN).exists();
    if whole && refs::commit(folder, "MERGE_HEAD")?.is_some_and(|begun| begun == commit) {
        return unmerged(folder);
    }
    if refs::commit(folder, "HEAD")?.is_some_and(|head| refs::holds(folder, &head, &commit) == Ok(true)) {
        Merged::before(&commit).write(own)?;
        return left_from(folder, &commit);
    }
    recover(folder, own)?;
    let cannot = |error| link::cannot("write to", own, &error);
    fs::write(own.join(BEGUN), &commit).map_err(cannot)?;
    let words = ["--no-commit", "--no-ff", "--no-edit", "--no-verify", "--quiet"];
    let git = Git::change(folder, "merge").args(words).args(["--allow-unrelated-histories", &commit]);
    let answer = tree::signed(git, folder).run()?;
    let files = unmerged(folder)?;
    Merged::now(folder, &commit)?.write(own)?;
    fs::remove_file(own.join(BEGUN)).map_err(cannot)?;
    match answer.code {
        Some(0) => Ok(files),
        Some(1) if !files.is_empty() => Ok(files),
        _ => Err(answer.refused(folder, &["merge".into()])),
    }
}

/// Takes back a merge that was killed on its way. Nobody worked in the tree since: a merge is made before it is
/// handed out.
fn recover(folder: &Path, own: &Path) -> Result<(), GitError> {
    if !own.join(BEGUN).exists() {
        return Ok(());
    }
    locks::clear(&[own.join("index.lock"), own.join("HEAD.lock")], folder)?;
    if let Some(branch) = refs::current_branch(folder)? {
        refs::clear_lock(folder, &branch)?;
    }
    Git::change(folder, "reset").args(["--hard", "--quiet"]).done()?;
    let kept = stage::left_out(own);
    let kept = kept.iter().map(|path| format!("--exclude=/{path}"));
    Git::change(folder, "clean").args(["--force", "-d", "--quiet"]).args(kept).done()?;
    Ok(())
}

/// The files that git holds to be in conflict.
pub(super) fn unmerged(folder: &Path) -> Result<Vec<String>, GitError> {
    let listed = Git::ask(folder, "ls-files").args(["--unmerged", "-z"]).done()?;
    let paths: BTreeSet<String> =
        listed.parts().filter_map(|entry| entry.split_once('\t').map(|(_, path)| path.to_owned())).collect();
    Ok(paths.into_iter().collect())
}

/// The files that an earlier attempt left with markers: those that have them here and not in `commit`, where they
/// would be a part of the text.
fn left_from(folder: &Path, commit: &str) -> Result<Vec<String>, GitError> {
    let words = ["-I", "-l", "-z", "-E", "-e", MARKER];
    let here = Git::ask(folder, "grep").args(words).run()?;
    if here.code != Some(0) {
        return Ok(Vec::new());
    }
    let there = Git::ask(folder, "grep").args(words).arg(commit).run()?;
    let prefix = format!("{commit}:");
    let there: BTreeSet<String> =
        there.parts().filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned)).collect();
    Ok(here.parts().filter(|path| !there.contains(path)).collect())
}

/// Those of these files that still hold a marker.
pub(super) fn unresolved(folder: &Path, files: &BTreeSet<String>) -> Vec<String> {
    files.iter().filter(|file| holds_marker(&folder.join(file))).cloned().collect()
}

pub(super) fn holds_marker(path: &Path) -> bool {
    // A link may lead anywhere, and its target is no text of this tree.
    if !path.symlink_metadata().is_ok_and(|data| data.is_file()) {
        return false;
    }
    let Ok(file) = File::open(path) else { return false };
    let mut lines = BufReader::new(file).split(b'\n');
    lines.any(|line| line.is_ok_and(|line| is_marker(&line)))
}

/// Seven or more of one sign at the beginning, and then a space or nothing.
fn is_marker(line: &[u8]) -> bool {
    [b'<', b'>'].iter().any(|sign| {
        let count = line.iter().take_while(|byte| *byte == sign).count();
        count >= 7 && matches!(line.get(count), None | Some(b' ' | b'\r'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_told_from_text() {
        for marker in ["<<<<<<< HEAD", ">>>>>>> theirs\r", "<<<<<<<", "<<<<<<<<<< ours"] {
            assert!(is_marker(marker.as_bytes()), "{marker}");
        }
        for text in ["=======", " <<<<<<< HEAD", "<<<<<< six", ">>>>>>>x", ""] {
            assert!(!is_marker(text.as_bytes()), "{text}");
        }
    }
}
