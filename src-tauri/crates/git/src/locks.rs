//! Locks that a killed git left behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::GitError;
use crate::process;

/// A lock that is younger than this belongs to a program that is at work.
const FRESH: Duration = Duration::from_secs(3);
/// How long a program that holds a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const STEP: Duration = Duration::from_millis(50);

/// Waits until none of these locks is held, and removes those whose holder is no more: they are older than a
/// moment, and no git program has its working folder in `folder` or in the lock's own.
pub(crate) fn clear(locks: &[PathBuf], folder: &Path) -> Result<(), GitError> {
    let until = Instant::now() + PATIENCE;
    for lock in locks {
        while let Some(age) = age_of(lock) {
            let near = lock.parent().unwrap_or(folder);
            let holder = if age < FRESH { None } else { git_in(&[folder, near]) };
            if age >= FRESH && holder.is_none() {
                tracing::warn!(lock = %lock.display(), "a lock that a killed git left behind is removed");
                // Somebody else may have removed it just now.
                let _gone = std::fs::remove_file(lock);
                continue;
            }
            if Instant::now() >= until {
                let who = holder.map_or_else(String::new, |pid| format!(" (process {pid})"));
                return Err(GitError::new(format!(
                    "a git program{who} holds the lock {}: end it, or wait for it",
                    lock.display()
                )));
            }
            process::pause(STEP);
        }
    }
    Ok(())
}

/// All locks on branches of runs, and with `whole` those on a repository as a whole.
pub(crate) fn of_repository(common: &Path, whole: bool) -> Vec<PathBuf> {
    let mut locks = Vec::new();
    below(&common.join("refs/heads/miyabi"), &mut locks);
    if whole {
        let names = ["config.lock", "HEAD.lock", "packed-refs.lock", "shallow.lock"];
        locks.extend(names.iter().map(|name| common.join(name)));
    }
    locks
}

fn below(folder: &Path, locks: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&path, locks);
        } else if path.extension().is_some_and(|end| end == "lock") {
            locks.push(path);
        }
    }
}

/// Removes what transfers left that were killed more than a day ago.
pub(crate) fn sweep(common: &Path) {
    for (place, sign) in [("objects/pack", "tmp_"), ("objects", "tmp_objdir-"), ("objects", "incoming-")] {
        let Ok(entries) = std::fs::read_dir(common.join(place)) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let named = entry.file_name().to_string_lossy().starts_with(sign);
            if !named || age_of(&entry.path()).is_none_or(|age| age < DAY) {
                continue;
            }
            // What cannot be removed today is met again tomorrow.
            let _file = std::fs::remove_file(entry.path());
            let _folder = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// How long ago a lock was taken; none where there is none. One from the future is new.
fn age_of(lock: &Path) -> Option<Duration> {
    let taken = lock.symlink_metadata().ok()?.modified().ok()?;
    Some(taken.elapsed().unwrap_or_default())
}

/// A git program that works in one of these folders. Where the system does not tell, there is none.
fn git_in(folders: &[&Path]) -> Option<u32> {
    let folders: Vec<PathBuf> = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    std::fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        let there = std::fs::read_link(entry.path().join("cwd")).ok()?;
        let inside = folders.iter().any(|folder| there.starts_with(folder));
        (name.starts_with("git") && inside).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_lock_without_a_holder_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = folder.path().join("index.lock");
        let file = std::fs::File::create(&lock).expect("a lock");
        let old = file.metadata().and_then(|data| data.modified()).expect("a time") - FRESH * 2;
        file.set_modified(old).expect("an older time");
        clear(std::slice::from_ref(&lock), folder.path()).expect("cleared");
        assert!(!lock.exists());
    }

    #[test]
    fn what_was_received_by_half_is_swept_a_day_later() {
        let common = tempfile::tempdir().expect("a folder");
        let pack = common.path().join("objects/pack");
        std::fs::create_dir_all(&pack).expect("a folder");
        let old = std::time::SystemTime::UNIX_EPOCH + DAY;
        for name in ["tmp_pack_old", "tmp_pack_new", "pack-1.pack"] {
            let file = std::fs::File::create(pack.join(name)).expect("a file");
            if !name.ends_with("new") {
                file.set_modified(old).expect("an older time");
            }
        }
        sweep(common.path());
        let left = |name: &str| pack.join(name).exists();
        assert!(!left("tmp_pack_old") && left("tmp_pack_new") && left("pack-1.pack"));
    }
}
