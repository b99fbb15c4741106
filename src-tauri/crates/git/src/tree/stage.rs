//! Everything in a work tree, as a tree object.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::process::Git;
use crate::tree::link;
use crate::{GitError, caches};

/// Where the paths are kept that are left out of a tree's commits.
const LEFT_OUT: &str = "miyabi-left-out";

/// See [`crate::Tree::leave_out`].
pub(super) fn leave_out(own: &Path, paths: &[String]) -> Result<(), GitError> {
    fs::write(own.join(LEFT_OUT), paths.join("\0")).map_err(|error| link::cannot("write to", own, &error))
}

/// What [`leave_out`] was told.
pub(crate) fn left_out(own: &Path) -> Vec<String> {
    let text = fs::read_to_string(own.join(LEFT_OUT)).unwrap_or_default();
    text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// Words for git that mean everything but caches, what was copied into the tree, and `more`.
pub(crate) fn specs(own: &Path, more: &[String]) -> Vec<String> {
    let mut specs = caches::left_out();
    specs.extend(left_out(own).iter().chain(more).map(|path| format!(":(exclude,literal){path}")));
    specs
}

/// What the index of a tree holds before it is staged.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Mode, hash and stage of what is in conflict, and its path.
    unmerged: Vec<(String, String, String, String)>,
    /// The paths of links to repositories.
    links: Vec<String>,
}

impl Index {
    pub(crate) fn of(folder: &Path) -> Result<Self, GitError> {
        let listed = Git::ask(folder, "ls-files").args(["--stage", "-z"]).done()?;
        let mut index = Self::default();
        for entry in listed.parts() {
            let Some((about, path)) = entry.split_once('\t') else { continue };
            let mut words = about.split(' ').map(str::to_owned);
            let (Some(mode), Some(hash), Some(stage)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if stage != "0" {
                index.unmerged.push((mode, hash, stage, path.to_owned()));
            } else if mode == LINK {
                index.links.push(path.to_owned());
            }
        }
        Ok(index)
    }

    /// The paths of files in conflict of which at least one side is there.
    pub(super) fn files_in_conflict(&self) -> BTreeSet<String> {
        let sides = self.unmerged.iter().filter(|(mode, _, stage, _)| mode != LINK && stage != "1");
        sides.map(|(_, _, _, path)| path.clone()).collect()
    }

    /// The paths of what is in conflict.
    pub(super) fn conflicts(&self) -> BTreeSet<String> {
        self.unmerged.iter().map(|(_, _, _, path)| path.clone()).collect()
    }
}

/// The mode of a link to a repository's commit.
const LINK: &str = "160000";

/// Stages all that is in a folder and gives back its tree. Repositories that were begun within it are taken in
/// as the files they hold: a link to a commit that only they have would hold nothing.
pub(crate) fn all(folder: &Path, own: &Path, index: &Index, base: Option<&str>) -> Result<String, GitError> {
    settle_links(folder, index)?;
    let mut embedded = begun(folder)?;
    embedded.extend(linked(folder, index, base)?);
    add(folder, &specs(own, &embedded.iter().cloned().collect::<Vec<_>>()))?;
    for path in &embedded {
        tracing::warn!(folder = %folder.display(), path, "a repository within the work tree is kept as plain files");
        take_in(folder, path)?;
    }
    if !index.unmerged.is_empty() {
        settle_rest(folder)?;
    }
    Git::change(folder, "write-tree").text()
}

/// What git says of a file whose text is in another encoding than `.gitattributes` names.
const ENCODING: &[&str] = &["failed to encode", "BOM is "];
/// What it says of one that cannot be read.
const UNREADABLE: &str = "open(\"";

/// `git add` of everything that these words mean. Files that cannot be read are left out, and one in another
/// encoding than it should be is kept as it is.
fn add(folder: &Path, specs: &[String]) -> Result<(), GitError> {
    let words = ["-A", "--pathspec-from-file=-", "--pathspec-file-nul"];
    let git = || Git::change(folder, "add").input(specs.join("\0"));
    let first = git().args(words).run()?;
    if first.code == Some(0) {
        return Ok(());
    }
    let second = git().args(words).arg("--ignore-errors").run()?;
    if second.code == Some(1) {
        tracing::warn!(folder = %folder.display(), said = second.words(), "not every file could be kept");
        return Ok(());
    }
    if is_encoding(&second.words()) {
        return add_one_by_one(folder, specs);
    }
    Err(first.refused(folder, &["add".into()]))
}

fn is_encoding(words: &str) -> bool {
    ENCODING.iter().any(|said| words.contains(said))
}

/// The same where git gives up at some of the files: the others are added without them.
fn add_one_by_one(folder: &Path, specs: &[String]) -> Result<(), GitError> {
    let words = ["--cached", "--others", "--exclude-standard", "-z", "--"];
    let listed = Git::ask(folder, "ls-files").args(words).args(specs).done()?;
    let paths = listed.stdout.split(|byte| *byte == 0);
    // What ends with a slash is a repository within.
    let paths: BTreeSet<&[u8]> = paths.filter(|path| !path.is_empty() && !path.ends_with(b"/")).collect();
    add_part(folder, &paths.into_iter().collect::<Vec<_>>())
}

/// Adds these paths; where git refuses, first the one half of them, then the other. Any refusal that is not about
/// a file alone, as that of a full disk, is an error.
fn add_part(folder: &Path, paths: &[&[u8]]) -> Result<(), GitError> {
    let words = ["--add", "--remove", "--replace", "--ignore-skip-worktree-entries", "-z", "--stdin"];
    let answer = Git::change(folder, "update-index").args(words).input(paths.join(&0)).run()?;
    if answer.code == Some(0) {
        return Ok(());
    }
    let said = answer.words();
    if !is_encoding(&said) && !said.contains(UNREADABLE) {
        return Err(answer.refused(folder, &["update-index".into()]));
    }
    let [path] = paths else {
        let (one, other) = paths.split_at(paths.len() / 2);
        return add_part(folder, one).and_then(|()| add_part(folder, other));
    };
    let name = String::from_utf8_lossy(path);
    if is_encoding(&said) {
        tracing::warn!(folder = %folder.display(), %name, said, "a file is kept in the encoding that it has");
        return add_as_it_is(folder, path);
    }
    tracing::warn!(folder = %folder.display(), %name, said, "a file could not be kept");
    Ok(())
}

/// Adds a file byte by byte, without what `.gitattributes` says of it.
fn add_as_it_is(folder: &Path, path: &[u8]) -> Result<(), GitError> {
    let name = OsStr::from_bytes(path);
    let file = folder.join(name);
    let about = file.metadata().map_err(|error| link::cannot("read", &file, &error))?;
    let mode = if about.permissions().mode() & 0o100 == 0 { "100644" } else { "100755" };
    let hash = Git::change(folder, "hash-object").args(["-w", "--no-filters", "--"]).arg(name).text()?;
    let line = [format!("{mode} {hash}\t").as_bytes(), path, b"\0"].concat();
    Git::change(folder, "update-index").args(["-z", "--index-info"]).input(line).done()?;
    Ok(())
}

/// Repositories below the folder of which git knows nothing yet.
fn begun(folder: &Path) -> Result<BTreeSet<String>, GitError> {
    let listed = Git::ask(folder, "ls-files").args(["--others", "--exclude-standard", "-z"]).done()?;
    let folders = listed.parts().filter_map(|path| path.strip_suffix('/').map(str::to_owned));
    Ok(folders.filter(|path| !caches::is_one(&format!("{path}/"))).collect())
}

/// Links to repositories that an agent began, added as links and named nowhere: neither the base nor
/// `.gitmodules` knows them.
fn linked(folder: &Path, index: &Index, base: Option<&str>) -> Result<Vec<String>, GitError> {
    let links = &index.links;
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: BTreeSet<String> = BTreeSet::new();
    if let Some(base) = base {
        let listed = Git::ask(folder, "ls-tree").args(["-r", "-z", base]).done()?;
        known.extend(listed.parts().filter_map(|entry| link_path(&entry)));
    }
    let modules = fs::read_to_string(folder.join(".gitmodules")).unwrap_or_default();
    let named = |path: &str| {
        modules
            .lines()
            .filter_map(|line| line.split_once('='))
            .any(|(name, value)| name.trim() == "path" && value.trim() == path)
    };
    let lost: Vec<String> = links
        .iter()
        .filter(|path| !known.contains(*path) && !named(path) && folder.join(path).join(".git").is_dir())
        .cloned()
        .collect();
    for path in &lost {
        Git::change(folder, "update-index").args(["--force-remove", "--", path]).done()?;
    }
    Ok(lost)
}

/// The path of an entry that is a link to a repository's commit.
fn link_path(entry: &str) -> Option<String> {
    let (about, path) = entry.split_once('\t')?;
    about.starts_with(LINK).then(|| path.to_owned())
}

/// Adds the files of a repository within the folder, and those of repositories within that.
fn take_in(folder: &Path, path: &str) -> Result<(), GitError> {
    let within = folder.join(path);
    let listed =
        Git::ask(&within, "ls-files").args(["--cached", "--others", "--exclude-standard", "-z"]).run()?;
    let mut files: Vec<String> = if listed.code == Some(0) { listed.parts().collect() } else { Vec::new() };
    files.sort_unstable();
    files.dedup();
    let (inner, files): (Vec<String>, Vec<String>) =
        files.into_iter().partition(|file| within.join(file).is_dir() && !within.join(file).is_symlink());
    let names: Vec<String> = files
        .iter()
        .filter(|file| !caches::is_one(file) && within.join(file).symlink_metadata().is_ok())
        .map(|file| format!("{path}/{file}\0"))
        .collect();
    Git::change(folder, "update-index").args(["--add", "-z", "--stdin"]).input(names.concat()).done()?;
    for inner in inner {
        let inner = inner.trim_end_matches('/');
        if within.join(inner).join(".git").exists() {
            take_in(folder, &format!("{path}/{inner}"))?;
        }
    }
    Ok(())
}

/// Submodules that are in conflict and not checked out: git would look for their commit in an empty folder.
fn settle_links(folder: &Path, index: &Index) -> Result<(), GitError> {
    let mut lines = Vec::new();
    let mut done = BTreeSet::new();
    for (mode, hash, stage, path) in &index.unmerged {
        let is_side = stage == "2" || stage == "3";
        let empty = !folder.join(path).join(".git").exists();
        if mode == LINK && is_side && empty && done.insert(path) {
            let none = "0".repeat(hash.len());
            lines.push(format!("0 {none}\t{path}\0{LINK} {hash}\t{path}\0"));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    Git::change(folder, "update-index").args(["-z", "--index-info"]).input(lines.concat()).done()?;
    Ok(())
}

/// What is still in conflict was left out by name: it is taken as it lies there, or is gone.
fn settle_rest(folder: &Path) -> Result<(), GitError> {
    let unmerged = Git::ask(folder, "ls-files").args(["--unmerged", "-z"]).done()?;
    let paths: BTreeSet<String> = unmerged
        .parts()
        .filter_map(|entry| entry.split_once('\t').map(|(_, path)| path.to_owned()))
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = paths.iter().map(|path| format!("{path}\0")).collect();
    let words = ["--add", "--remove", "-z", "--stdin"];
    Git::change(folder, "update-index").args(words).input(names.concat()).done()?;
    Ok(())
}
