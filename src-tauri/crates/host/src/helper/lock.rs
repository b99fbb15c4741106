//! One owner a state folder: a lock on a file of ours in it, and who may take it from whom.
//!
//! The lock itself is the system's (`flock`) and goes with its process. The file says who holds it, so that
//! a refusal can name them, and so that a helper whose link died unseen can be ended by the next one.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_protocol::link::Hello;
use miyabi_protocol::{StateDir, atomic};
use rustix::fs::{FlockOperation, flock};
use tokio::time::Instant;

use super::holder::{Claim, Holder};
use crate::clock;
use crate::process_tree::kill_marked;

/// A helper whose backend was killed exits within moments.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// How long an old helper of ours may take to notice the end of its link, before it is ended.
const GRACE: Duration = Duration::from_millis(250);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// The lock; gone with the process.
pub(crate) struct FolderLock {
    path: PathBuf,
    holder: Holder,
    file: File,
}

/// What came of one try.
enum Try {
    Taken(File),
    /// Somebody holds it, and says so, if not just now.
    Held(Option<Holder>),
}

impl FolderLock {
    /// Takes the lock: waits a little for a helper that is about to end, and ends one of ours that serves
    /// an older link. Refused in words for people.
    pub(crate) async fn take(dir: &StateDir, hello: &Hello, patience: Duration) -> Result<Self, String> {
        let path = dir.helper_lock();
        let holder = Holder::ours(hello);
        let begun = Instant::now();
        let (mut deadline, mut killed) = (begun + patience, None);
        loop {
            let before = match attempt(dir, &path, &holder)? {
                Try::Taken(file) => return Ok(Self { path, holder, file }),
                Try::Held(before) => before,
            };
            let now = Instant::now();
            if let Some(old) = before.as_ref().filter(|old| holder.claim_on(old) == Claim::Newer)
                && now >= begun + GRACE
                && killed != Some(old.pid)
                && old.is_of_this_machine()
                && kill_marked(old.pid, &old.birth)
            {
                tracing::warn!(pid = old.pid, link = old.link, "ended the helper of an older link");
                killed = Some(old.pid);
                deadline = now + patience;
            }
            if now >= deadline {
                return Err(before.map_or_else(|| unknown_holder(dir), |old| holder.refusal(&old, dir)));
            }
            clock::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes the lock of a folder that was wiped and made again.
    pub(crate) fn renew(&mut self, dir: &StateDir) -> Result<(), String> {
        let now = std::fs::metadata(&self.path).map(|found| (found.dev(), found.ino())).ok();
        let held_file = self.file.metadata().map(|found| (found.dev(), found.ino())).ok();
        if now.is_some() && now == held_file {
            return Ok(());
        }
        self.file = match attempt(dir, &self.path, &self.holder)? {
            Try::Taken(file) => file,
            Try::Held(Some(other)) => return Err(self.holder.refusal(&other, dir)),
            Try::Held(None) => return Err(unknown_holder(dir)),
        };
        Ok(())
    }
}

fn attempt(dir: &StateDir, path: &Path, holder: &Holder) -> Result<Try, String> {
    let name = |error: io::Error| format!("cannot lock {}: {error}", path.display());
    let mut file = atomic::open_private(path).map_err(name)?;
    let taken = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => true,
        Err(rustix::io::Errno::WOULDBLOCK) => false,
        Err(error) => return Err(name(error.into())),
    };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(name)?;
    let before = serde_json::from_str::<Holder>(&text).ok();
    if !taken {
        return Ok(Try::Held(before));
    }
    if let Some(before) = before
        && matches!(holder.claim_on(&before), Claim::Older | Claim::OtherHost)
    {
        return Err(holder.refusal(&before, dir));
    }
    let line = serde_json::to_string(holder).map_err(|error| name(error.into()))? + "\n";
    // Written over and shortened afterwards: a disk that is full still takes it, where one before us did,
    // and no moment is without a holder that others can compare themselves with.
    file.rewind().map_err(name)?;
    file.write_all(line.as_bytes()).map_err(name)?;
    file.set_len(line.len() as u64).map_err(name)?;
    Ok(Try::Taken(file))
}

fn unknown_holder(dir: &StateDir) -> String {
    format!(
        "the state folder {} is held by another helper; look at it with `miyabi status`, or choose another folder with --state-dir",
        dir.root().display()
    )
}

#[cfg(test)]
mod tests {
    use super::super::holder::tests::hello;
    use super::*;

    const BRIEF: Duration = Duration::from_millis(50);

    #[tokio::test(flavor = "current_thread")]
    async fn the_holder_is_named_and_an_older_backend_refused() {
        let base = tempfile::tempdir().expect("folder");
        let dir = StateDir::open(&base.path().join("state")).expect("made");
        let first = FolderLock::take(&dir, &hello("r1", 2, 1), BRIEF).await.expect("free");
        let refused = FolderLock::take(&dir, &hello("r2", 1, 1), BRIEF).await.err().expect("held");
        assert!(refused.contains("r1") && refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        let old = FolderLock::take(&dir, &hello("r1", 1, 9), BRIEF).await.err().expect("older");
        assert!(old.contains("epoch 1"), "{old}");
        let long = "x".repeat(4_000);
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.helper_lock())
            .and_then(|mut file| file.write_all(long.as_bytes()))
            .expect("longer than what comes next");
        let mut next = FolderLock::take(&dir, &hello("r1", 3, 1), BRIEF).await.expect("newer");
        let told = std::fs::read_to_string(dir.helper_lock()).expect("read");
        assert_eq!(serde_json::from_str::<Holder>(&told).expect("nothing behind it").epoch, 3);
        std::fs::remove_dir_all(dir.root()).expect("wiped");
        StateDir::open(dir.root()).expect("made again");
        next.renew(&dir).expect("taken again");
        assert!(FolderLock::take(&dir, &hello("r2", 4, 1), BRIEF).await.is_err());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_number_that_passed_on_to_another_process_is_never_killed() {
        let base = tempfile::tempdir().expect("folder");
        let dir = StateDir::open(&base.path().join("state")).expect("made");
        let mut held = FolderLock::take(&dir, &hello("r1", 1, 1), BRIEF).await.expect("free");
        // The file tells of this very process, but of a start that was not its own.
        held.holder.birth = "1".to_owned();
        let text = serde_json::to_string(&held.holder).expect("json");
        std::fs::write(&held.path, text).expect("written");
        let patience = GRACE + BRIEF;
        let refused = FolderLock::take(&dir, &hello("r1", 1, 2), patience).await.err().expect("still held");
        assert!(refused.contains("does not end"), "{refused}");
    }
}
