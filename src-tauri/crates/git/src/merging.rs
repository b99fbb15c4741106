//! Merging commits without a work tree.

use miyabi_protocol::MergeOutcome;

use crate::process::{Answer, Git};
use crate::{GitError, MERGES_SINCE, Repository, identity, process, refs};

/// What came of merging two commits.
enum Pair {
    /// A tree that holds both.
    Tree(String),
    /// The files in which they contradict each other.
    Conflict(Vec<String>),
}

/// See [`Repository::merge`].
pub(crate) fn merge(
    repository: &Repository,
    heads: &[String],
    subject: &str,
) -> Result<MergeOutcome, GitError> {
    let folder = repository.path();
    let commits: Vec<String> =
        heads.iter().map(|head| repository.commit_of(head)).collect::<Result<_, _>>()?;
    let commits = refs::independent(folder, &commits)?;
    let Some((first, others)) = commits.split_first() else {
        return Err(GitError::new("there is nothing to merge: name at least one commit"));
    };
    let mut ours = first.clone();
    for theirs in others {
        match pair(repository, &ours, theirs)? {
            Pair::Tree(tree) => ours = commit(repository, &tree, [&ours, theirs], subject)?,
            Pair::Conflict(files) => {
                return Ok(MergeOutcome::Conflict { ours, theirs: theirs.clone(), files });
            }
        }
    }
    let tree = refs::tree_of(folder, &ours)?;
    Ok(MergeOutcome::Clean { commit: ours, tree })
}

fn pair(repository: &Repository, ours: &str, theirs: &str) -> Result<Pair, GitError> {
    let (major, minor) = process::version()?;
    if (major, minor) < MERGES_SINCE {
        let (least, least_minor) = MERGES_SINCE;
        return Err(GitError::new(format!(
            "git {major}.{minor} cannot merge without a work tree: install git {least}.{least_minor} or newer"
        )));
    }
    let words = ["--write-tree", "-z", "--messages", "--allow-unrelated-histories", ours, theirs];
    let answer = Git::change(repository.path(), "merge-tree").args(words).run()?;
    match answer.code {
        Some(0) => answer
            .parts()
            .next()
            .map(Pair::Tree)
            .ok_or_else(|| GitError::new("git merged and named no tree: update git")),
        Some(1) => Ok(Pair::Conflict(conflicts(&answer, ours, theirs))),
        _ => Err(answer.refused(repository.path(), &["merge-tree".into()])),
    }
}

/// The files of a conflict: from the entries that are not merged, else from the messages about it.
fn conflicts(answer: &Answer, ours: &str, theirs: &str) -> Vec<String> {
    let parts: Vec<String> = answer.parts().collect();
    let entries = parts.iter().skip(1).take_while(|part| !part.is_empty()).count();
    let staged = parts.iter().skip(1).take(entries);
    let mut files: Vec<String> =
        staged.filter_map(|entry| entry.split_once('\t')).map(|(_, path)| path.to_owned()).collect();
    if files.is_empty() {
        files = told(&parts[(entries + 2).min(parts.len())..]);
    }
    // What stands in the way of a folder is put beside it under such a name.
    for file in &mut files {
        for side in [ours, theirs] {
            if let Some(path) = file.strip_suffix(&format!("~{side}")) {
                *file = path.to_owned();
            }
        }
    }
    files.sort_unstable();
    files.dedup();
    files
}

/// The paths of messages: each one is a count, so many paths, its kind and its text.
fn told(mut parts: &[String]) -> Vec<String> {
    let mut files = Vec::new();
    while let Some((count, rest)) = parts.split_first() {
        let Ok(count) = count.parse::<usize>() else { break };
        let (Some(paths), Some(kind)) = (rest.get(..count), rest.get(count)) else { break };
        if kind.starts_with("CONFLICT") {
            files.extend(paths.iter().cloned());
        }
        parts = rest.get(count + 2..).unwrap_or_default();
    }
    files
}

/// A merge commit that is the same whenever and wherever it is made.
fn commit(
    repository: &Repository,
    tree: &str,
    parents: [&String; 2],
    subject: &str,
) -> Result<String, GitError> {
    let folder = repository.path();
    let times = Git::ask(folder, "log").args(["--no-walk", "--format=%ct"]).args(parents).text()?;
    let latest = times.lines().filter_map(|time| time.trim().parse::<u64>().ok()).max().unwrap_or(0);
    let mut git = Git::change(folder, "commit-tree").arg(tree);
    for parent in parents {
        git = git.args(["-p", parent]);
    }
    let message = one_line(subject);
    identity::fixed(git.args(["-F", "-"]).input(message), latest).text()
}

/// A text as the first line of a commit; never empty.
pub(crate) fn one_line(subject: &str) -> String {
    let words: Vec<&str> = subject
        .split(|letter: char| letter.is_control() || letter == ' ')
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() { "Work".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_files_of_conflicts_only() {
        let parts = ["1", "a", "Auto-merging", "text", "2", "b", "c", "CONFLICT (rename/delete)", "text"];
        assert_eq!(told(&parts.map(str::to_owned)), ["b", "c"]);
        assert!(told(&["x".to_owned()]).is_empty());
        assert!(told(&["9".to_owned(), "a".to_owned()]).is_empty());
    }

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(one_line("a\nb\t c\0"), "a b c");
        assert_eq!(one_line("\n"), "Work");
    }
}
