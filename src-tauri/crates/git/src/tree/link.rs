//! The tie between a work tree's folder and its repository: the file `.git` at the one end, a folder below
//! `worktrees/` at the other.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::GitError;

/// Written when a tree is whole, with the branch that it belongs to; without it nobody worked there yet.
const MARK: &str = "miyabi-tree";

/// The folder that a work tree's `.git` names; none where there is no such file.
pub(crate) fn named(folder: &Path) -> Option<PathBuf> {
    let bytes = fs::read(folder.join(".git")).ok()?;
    let path = bytes.strip_prefix(b"gitdir: ")?;
    let path = path.strip_suffix(b"\n").unwrap_or(path);
    Some(folder.join(OsStr::from_bytes(path)))
}

/// The repository's folder, of which a tree's own folder is a part.
pub(crate) fn common(own: &Path) -> Option<PathBuf> {
    let bytes = fs::read(own.join("commondir")).ok()?;
    let path = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    own.join(OsStr::from_bytes(path)).canonicalize().ok()
}

/// The folder that a work tree's `.git` names, which is there.
///
/// # Errors
/// When the folder is no work tree (any more).
pub(crate) fn own(folder: &Path) -> Result<PathBuf, GitError> {
    let place = folder.display();
    let own = named(folder).ok_or_else(|| {
        GitError::new(format!(
            "{place} is no work tree of a run any more: its file `.git` is gone or is another one. Its files are \
             still there: `git worktree repair`, run in the repository, brings it back"
        ))
    })?;
    if own.is_dir() {
        return Ok(own);
    }
    Err(GitError::new(format!(
        "the work tree {place} belongs to a repository that does not know it any more ({} is gone). Its files are \
         still there: copy what you need",
        own.display()
    )))
}

/// The branch that a whole tree belongs to, empty for one on no branch; none where it was made by half.
pub(crate) fn mark(own: &Path) -> Option<String> {
    fs::read_to_string(own.join(MARK)).ok()
}

/// Says that a tree is whole, at once and for good.
pub(crate) fn set_mark(own: &Path, branch: &str) -> Result<(), GitError> {
    let new = own.join(format!("{MARK}.new"));
    fs::write(&new, branch)
        .and_then(|()| fs::rename(&new, own.join(MARK)))
        .map_err(|error| cannot("write to", own, &error))
}

/// What a repository knows of its work trees: its own folder for each, and where the tree lies.
pub(crate) fn all(common: &Path) -> Vec<(PathBuf, PathBuf)> {
    let Ok(entries) = fs::read_dir(common.join("worktrees")) else { return Vec::new() };
    let known = entries.filter_map(Result::ok).filter_map(|entry| {
        let own = entry.path();
        let bytes = fs::read(own.join("gitdir")).ok()?;
        let path = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let file = own.join(OsStr::from_bytes(path));
        Some((own, file.parent()?.to_owned()))
    });
    known.collect()
}

/// Removes a work tree: its folder, and what its repository knows of it.
pub(crate) fn remove(common: &Path, folder: &Path) -> Result<(), GitError> {
    remove_folder(folder)?;
    forget(common, folder)
}

/// Lets a repository forget a work tree: at once, for other git programs read these folders at any time.
pub(crate) fn forget(common: &Path, folder: &Path) -> Result<(), GitError> {
    let real = real(folder);
    for (own, known) in all(common) {
        if known == folder || known == real {
            let old = aside(common, "old", &own);
            remove_folder(&old)?;
            fs::rename(&own, &old).map_err(|error| cannot("move", &own, &error))?;
            remove_folder(&old)?;
        }
    }
    Ok(())
}

/// Lets a repository know a work tree at once, with what `git worktree add` would write. That program lets others
/// see it by half, and they fail then.
///
/// `head` is what the file of that name holds.
pub(crate) fn tie(common: &Path, folder: &Path, head: &str) -> Result<(), GitError> {
    let real = real(folder);
    let new = aside(common, "new", &real);
    remove_folder(&new)?;
    let at_new = |error| cannot("write to", &new, &error);
    fs::create_dir_all(&new).map_err(at_new)?;
    fs::create_dir_all(common.join("worktrees")).map_err(at_new)?;
    let file = [real.join(".git").as_os_str().as_bytes(), b"\n"].concat();
    fs::write(new.join("gitdir"), file).map_err(at_new)?;
    fs::write(new.join("commondir"), "../..\n").map_err(at_new)?;
    fs::write(new.join("HEAD"), format!("{head}\n")).map_err(at_new)?;
    let name = id(&real);
    for number in 0..10_000 {
        let id = if number == 0 { name.clone() } else { format!("{name}-{number}") };
        let own = common.join("worktrees").join(id);
        if own.symlink_metadata().is_ok() {
            continue;
        }
        let tie = [b"gitdir: ", own.as_os_str().as_bytes(), b"\n"].concat();
        fs::write(folder.join(".git"), tie).map_err(|error| cannot("write to", folder, &error))?;
        match fs::rename(&new, &own) {
            // Somebody else took that name just now.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            done => return done.map_err(|error| cannot("write to", &own, &error)),
        }
    }
    Err(GitError::new(format!("{} has too many work trees: remove some", common.display())))
}

/// A name for a tree in its repository.
fn id(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let id: String = name.chars().take(64).map(plain).collect();
    if id.is_empty() { "tree".to_owned() } else { id }
}

/// Where something of a tree lies while it is no part of its repository: the same place for the same tree.
fn aside(common: &Path, what: &str, of: &Path) -> PathBuf {
    let digest = Sha256::digest(of.as_os_str().as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    common.join(format!("miyabi-{what}-{digest}"))
}

/// A path with no link in it but for its last part, which need not be there.
pub(crate) fn real(folder: &Path) -> PathBuf {
    let parent = folder.parent().and_then(|parent| parent.canonicalize().ok());
    match (parent, folder.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => folder.to_owned(),
    }
}

/// Removes a folder with all in it, read-only folders as build tools make them included.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), GitError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => {
            unlock(folder);
            fs::remove_dir_all(folder).map_err(|error| cannot("remove", folder, &error))
        }
        Ok(()) => Ok(()),
    }
}

/// Lets every folder be written; what cannot be is told when it is removed.
fn unlock(folder: &Path) {
    let _may_be_anothers = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

/// The error of a folder that cannot be changed.
pub(crate) fn cannot(what: &str, folder: &Path, error: &io::Error) -> GitError {
    GitError::new(format!(
        "cannot {what} {}: {error}; let it be yours to write, on a disk with room",
        folder.display()
    ))
}
