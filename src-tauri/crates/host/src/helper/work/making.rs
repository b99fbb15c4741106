//! Makes work trees, and makes them ready: files that git does not keep, and the plan's own commands.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use miyabi_git::{GitError, Tree};
use miyabi_plan::AttemptId;
use miyabi_protocol::link::Report;
use miyabi_protocol::{CopiedFile, TreeOrder};
use tokio::sync::Semaphore;

use super::on_a_thread;
use crate::helper::checks::{self, CheckPlace};
use crate::helper::host::Host;

/// Lies in what git keeps of the tree alone once it is ready, and goes with it: a crash before that makes it ready
/// anew, and so does a tree that is made again in the same place.
const READY: &str = "miyabi-ready";

/// The attempts whose trees are being made: an order that comes again meanwhile is answered by the first one.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<HashSet<(String, AttemptId)>>);

impl UnderWay {
    /// None where that tree is being made already.
    pub(super) fn begin(self: &Arc<Self>, order: &TreeOrder) -> Option<Begun> {
        let key = (order.run_id.clone(), order.attempt.clone());
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_new.then(|| Begun { among: self.clone(), key })
    }
}

/// One that is being made; it is over when this is dropped.
pub(super) struct Begun {
    among: Arc<UnderWay>,
    key: (String, AttemptId),
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.among.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A tree that stands.
struct Made {
    folder: PathBuf,
    conflicts: Vec<String>,
    cache: PathBuf,
    /// There once it is ready.
    mark: PathBuf,
}

/// Makes a tree and tells of it, once for all orders that come meanwhile.
pub(super) async fn make(host: Arc<Host>, room: Arc<Semaphore>, begun: Begun, order: TreeOrder) {
    let attempt = order.attempt.clone();
    let report = match ready(&host, &room, order).await {
        Ok(made) => Report::TreeMade {
            attempt,
            folder: made.folder.to_string_lossy().into_owned(),
            conflicts: made.conflicts,
        },
        Err(message) => Report::TreeProblem { attempt, message },
    };
    // First: an order that comes once this is told is a new one.
    drop(begun);
    host.reports.send(&report);
}

async fn ready(host: &Arc<Host>, room: &Semaphore, order: TreeOrder) -> Result<Made, String> {
    let order = Arc::new(order);
    let (there, asked) = (host.clone(), order.clone());
    let made = on_a_thread(room, move || stand(&there, &asked)).await;
    let made = made.ok_or("the helper itself failed; look into its log")?.map_err(|error| error.message)?;
    if !made.mark.exists() {
        set_up(&order, &made).await?;
        let written = fs::write(&made.mark, b"");
        written.map_err(|error| {
            format!(
                "cannot write {}: {error}; is the disk full, or was the tree removed?",
                made.mark.display()
            )
        })?;
    }
    Ok(made)
}

/// What git keeps of a tree alone: the folder that its file `.git` names, when that names the tree in turn.
fn own_folder(folder: &Path) -> Result<PathBuf, GitError> {
    let named = |file: &Path, prefix: &[u8]| {
        let bytes = fs::read(file).ok()?;
        let path = bytes.strip_prefix(prefix)?;
        let path = path.strip_suffix(b"\n").unwrap_or(path);
        file.parent()?.join(OsStr::from_bytes(path)).canonicalize().ok()
    };
    let tie = folder.join(".git");
    let own = named(&tie, b"gitdir: ").filter(|own| {
        let is_tied =
            named(&own.join("gitdir"), b"").is_some_and(|back| tie.canonicalize().ok() == Some(back));
        let is_a_trees = own.parent().and_then(Path::file_name) == Some(OsStr::new("worktrees"));
        is_tied && is_a_trees
    });
    own.ok_or_else(|| {
        GitError::new(format!(
            "{} does not lead to a folder of this work tree: run `git worktree repair` in its repository",
            tie.display()
        ))
    })
}

fn stand(host: &Host, order: &TreeOrder) -> Result<Made, GitError> {
    let repository = host.places.repository(&order.repository)?;
    let own = host.places.tree(&order.run_id, &order.attempt)?;
    let folder = earlier(host, order).unwrap_or(own);
    let tree = Tree::make(&repository, &folder, &order.branch, &order.start)?;
    let paths: Vec<String> = order.copies.iter().map(|copy| copy.path.clone()).collect();
    tree.leave_out(&paths)?;
    for copy in &order.copies {
        put(&folder, copy)?;
    }
    let conflicts = match &order.merge {
        Some(commit) => tree.merge(commit)?,
        None => Vec::new(),
    };
    let cache = host.places.cache(&order.repository)?;
    let mark = own_folder(&folder)?.join(READY);
    Ok(Made { folder, conflicts, cache, mark })
}

/// The folder of an attempt before, where it is one of ours and still there.
fn earlier(host: &Host, order: &TreeOrder) -> Option<PathBuf> {
    let folder = PathBuf::from(order.folder.as_ref()?);
    let is_ours = folder.starts_with(host.places.trees())
        && !folder.components().any(|part| part == Component::ParentDir);
    (is_ours && folder.is_dir()).then_some(folder)
}

/// Writes a file that git does not keep. It stays in the tree, follows no link, and replaces nothing.
fn put(folder: &Path, copy: &CopiedFile) -> Result<(), GitError> {
    let wrong = |why: String| GitError::new(format!("cannot put {} into the work tree: {why}", copy.path));
    let relative = Path::new(&copy.path);
    if copy.path.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(wrong("it leads out of it; name a path below the work folder".to_owned()));
    }
    let mut place = folder.to_owned();
    for part in relative.parent().into_iter().flat_map(Path::components) {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(wrong(format!("{} is no folder", place.display()))),
            Err(_) => fs::create_dir(&place).map_err(|error| wrong(error.to_string()))?,
        }
    }
    let path = folder.join(relative);
    if fs::symlink_metadata(&path).is_ok() {
        // Of the commit, or put there before.
        return Ok(());
    }
    let bytes = STANDARD.decode(&copy.content).map_err(|error| wrong(error.to_string()))?;
    let mode = if copy.executable { 0o700 } else { 0o600 };
    let mut file = fs::OpenOptions::new();
    let mut file =
        file.write(true).create_new(true).mode(mode).open(&path).map_err(|error| wrong(error.to_string()))?;
    file.write_all(&bytes).map_err(|error| wrong(error.to_string()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(|error| wrong(error.to_string()))
}

async fn set_up(order: &TreeOrder, made: &Made) -> Result<(), String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut environment = order.environment.clone();
    environment.insert("MIYABI_TREE".to_owned(), text(&made.folder));
    environment.insert("MIYABI_BRANCH".to_owned(), order.branch.clone());
    environment.insert("MIYABI_CACHE_DIR".to_owned(), text(&made.cache));
    let marker = format!("{}/{}", order.run_id, order.attempt);
    let place = CheckPlace { folder: Some(text(&made.folder)), environment, marker };
    for check in &order.setup {
        let result = checks::run_one(&place, check).await;
        if !result.passed {
            let command = result.run.join(" ");
            return Err(format!(
                "the work tree could not be made ready: `{command}` did not succeed ({})\n{}",
                result.ended,
                result.tail.trim_end()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_lies_in_the_trees_own_folder_and_nowhere_else() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().canonicalize().expect("real");
        let (tree, own) = (root.join("tree"), root.join("repo/worktrees/tree"));
        fs::create_dir_all(&tree).expect("made");
        fs::create_dir_all(&own).expect("made");
        assert!(own_folder(&tree).is_err(), "no tie at all");
        fs::write(tree.join(".git"), format!("gitdir: {}\n", own.display())).expect("written");
        assert!(own_folder(&tree).is_err(), "tied at one end only");
        fs::write(own.join("gitdir"), format!("{}/.git\n", tree.display())).expect("written");
        assert_eq!(own_folder(&tree).expect("tied"), own);
        let other = root.join("other");
        fs::create_dir(&other).expect("made");
        fs::write(other.join(".git"), format!("gitdir: {}\n", own.display())).expect("written");
        assert!(own_folder(&other).is_err(), "the tie of another tree");
        fs::write(other.join(".git"), format!("gitdir: {}\n", root.display())).expect("written");
        fs::write(root.join("gitdir"), format!("{}/.git\n", other.display())).expect("written");
        assert!(own_folder(&other).is_err(), "no folder of a work tree");
    }
}
