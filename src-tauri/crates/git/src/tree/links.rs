//! Links to the commits of other repositories, and whether anybody else could follow them.

use std::path::Path;

use crate::GitError;
use crate::process::Git;

/// The mode of a link to a repository's commit.
const LINK: &str = "160000";

/// See [`crate::Tree::lost_links`].
pub(super) fn lost(folder: &Path, base: &str, commit: &str) -> Result<Vec<String>, GitError> {
    let words = ["-r", "-z", "--raw", "--no-renames", "--full-index", "--no-ext-diff", base, commit];
    let answer = Git::ask(folder, "diff-tree").args(words).done()?;
    let parts: Vec<String> = answer.parts().collect();
    let entries = parts.chunks_exact(2).map(|entry| (entry[0].as_str(), entry[1].as_str()));
    let linked = entries.filter_map(|(raw, path)| Some((linked(raw)?, path)));
    let mut lost = Vec::new();
    for (commit, path) in linked {
        if is_only_here(&folder.join(path), commit)? {
            lost.push(path.to_owned());
        }
    }
    Ok(lost)
}

/// The commit that an entry as `:160000 160000 <hash> <hash> M` links to afterwards.
fn linked(raw: &str) -> Option<&str> {
    let mut words = raw.trim_start_matches(':').split(' ').skip(1);
    let is_link = words.next()? == LINK;
    words.nth(1).filter(|_| is_link)
}

/// Whether a repository that is checked out here has a commit which none of its remotes is known to have.
fn is_only_here(module: &Path, commit: &str) -> Result<bool, GitError> {
    if !module.join(".git").exists() {
        return Ok(false);
    }
    let words = ["--count=1", &format!("--contains={commit}"), "refs/remotes"];
    let remote = Git::ask(module, "for-each-ref").args(words).run()?;
    Ok(remote.code == Some(0) && remote.parts().all(|line| line.trim().is_empty()))
}
