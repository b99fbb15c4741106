//! What differs between two commits.

use std::collections::HashMap;
use std::path::Path;

use miyabi_protocol::{ChangeKind, FileChange};

use crate::GitError;
use crate::process::Git;

/// Never a program of somebody's, and always the same form.
const PLAIN: &[&str] = &["--no-ext-diff", "--no-textconv", "--find-renames", "-r", "--full-index"];

/// Every file that differs, by path.
pub(crate) fn between(folder: &Path, base: &str, commit: &str) -> Result<Vec<FileChange>, GitError> {
    let answer =
        Git::ask(folder, "diff-tree").args(PLAIN).args(["-z", "--raw", "--numstat", base, commit]).done()?;
    let parts: Vec<String> = answer.parts().collect();
    let mut files = read(&parts);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Reads raw entries, each with one path or two, and then the counts of the same files.
fn read(parts: &[String]) -> Vec<FileChange> {
    let mut files: Vec<FileChange> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut parts = parts.iter();
    while let Some(part) = parts.next() {
        if let Some(raw) = part.strip_prefix(':') {
            let Some(file) = entry(raw, &mut parts) else { break };
            places.insert(file.path.clone(), files.len());
            files.push(file);
        } else {
            let Some((added, removed, path)) = counts(part, &mut parts) else { break };
            let Some(file) = places.get(&path).and_then(|place| files.get_mut(*place)) else { continue };
            file.binary = added.is_none() || removed.is_none();
            file.added = added.unwrap_or(0);
            file.removed = removed.unwrap_or(0);
        }
    }
    files
}

/// `100644 100644 <hash> <hash> R097`, and its paths after it.
fn entry<'a>(raw: &str, parts: &mut impl Iterator<Item = &'a String>) -> Option<FileChange> {
    let kind = raw.rsplit(' ').next()?.chars().next()?;
    let first = parts.next()?.clone();
    let (path, from) =
        if matches!(kind, 'R' | 'C') { (parts.next()?.clone(), Some(first)) } else { (first, None) };
    let kind = match kind {
        'A' | 'C' => ChangeKind::Added,
        'D' => ChangeKind::Removed,
        'R' => ChangeKind::Renamed,
        _ => ChangeKind::Modified,
    };
    Some(FileChange { path, from, kind, added: 0, removed: 0, binary: false })
}

type Counts = (Option<u32>, Option<u32>, String);

/// `12<tab>3<tab>path`, or without the path and both paths after it.
fn counts<'a>(part: &str, parts: &mut impl Iterator<Item = &'a String>) -> Option<Counts> {
    let mut columns = part.splitn(3, '\t');
    let (added, removed) = (columns.next()?.parse().ok(), columns.next()?.parse().ok());
    let path = columns.next()?;
    if !path.is_empty() {
        return Some((added, removed, path.to_owned()));
    }
    let _from = parts.next()?;
    Some((added, removed, parts.next()?.clone()))
}

/// The unified diff of one file; its length where that is more than `most`.
pub(crate) fn patch(
    folder: &Path,
    (base, commit): (&str, &str),
    file: &FileChange,
    most: usize,
) -> Result<Result<String, usize>, GitError> {
    let answer = Git::ask(folder, "diff-tree")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .args(PLAIN)
        .args(["-p", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", base, commit, "--"])
        .args(file.from.iter().chain([&file.path]))
        .keep(most)
        .done()?;
    if answer.length > most {
        return Ok(Err(answer.length));
    }
    Ok(Ok(String::from_utf8_lossy(&answer.stdout).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_and_odd_names_are_read() {
        let parts = [
            ":100644 100644 1 2 R090",
            "old name",
            "new\nname",
            ":000000 100644 0 3 A",
            "画像.png",
            "3\t1\t",
            "old name",
            "new\nname",
            "-\t-\t画像.png",
        ];
        let files = read(&parts.map(str::to_owned));
        assert_eq!(files.len(), 2);
        assert_eq!((files[0].path.as_str(), files[0].from.as_deref()), ("new\nname", Some("old name")));
        assert_eq!((files[0].kind, files[0].added, files[0].removed), (ChangeKind::Renamed, 3, 1));
        assert!(files[1].binary && files[1].kind == ChangeKind::Added);
    }

    #[test]
    fn a_cut_answer_is_no_panic() {
        for cut in [":100644 100644 1 2 R090", "3\t1\t", "3", ""] {
            assert!(read(&[cut.to_owned()]).is_empty());
        }
    }
}
