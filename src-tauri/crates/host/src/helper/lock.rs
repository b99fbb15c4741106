//! One helper a state folder: a lock on a file of ours in it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_protocol::link::Hello;
use miyabi_protocol::{StateDir, atomic};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock;

/// A helper whose backend was killed exits within moments.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// What the file says of its holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    run_id: String,
    epoch: u32,
}

/// The lock; gone with the process.
pub(crate) struct FolderLock {
    path: PathBuf,
    holder: Holder,
    file: File,
}

impl FolderLock {
    /// Takes the lock; waits a little for a helper that is about to end. Refused in words for
    /// people.
    pub(crate) async fn take(dir: &StateDir, hello: &Hello, patience: Duration) -> Result<Self, String> {
        let path = dir.helper_lock();
        let holder = Holder { pid: std::process::id(), run_id: hello.run_id.clone(), epoch: hello.epoch };
        let deadline = Instant::now() + patience;
        loop {
            match attempt(&path, &holder) {
                Ok(Some(file)) => return Ok(Self { path, holder, file }),
                Ok(None) if Instant::now() < deadline => clock::sleep(LOOK_AGAIN).await,
                Ok(None) => return Err(held(dir, &path)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the lock of a folder that was wiped and made again.
    pub(crate) fn renew(&mut self, dir: &StateDir) -> Result<(), String> {
        let now = std::fs::metadata(&self.path).map(|found| (found.dev(), found.ino())).ok();
        let held_file = self.file.metadata().map(|found| (found.dev(), found.ino())).ok();
        if now.is_some() && now == held_file {
            return Ok(());
        }
        self.file = attempt(&self.path, &self.holder)?.ok_or_else(|| held(dir, &self.path))?;
        Ok(())
    }
}

fn attempt(path: &Path, holder: &Holder) -> Result<Option<File>, String> {
    let name = |error: io::Error| format!("cannot lock {}: {error}", path.display());
    let mut file = atomic::open_private(path).map_err(name)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(name(error.into())),
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(name)?;
    if let Ok(before) = serde_json::from_str::<Holder>(&text)
        && before.run_id == holder.run_id
        && before.epoch > holder.epoch
    {
        return Err(format!(
            "this backend is older (epoch {}) than the one that served run {} last (epoch {}); it must end",
            holder.epoch, before.run_id, before.epoch
        ));
    }
    file.set_len(0).map_err(name)?;
    file.rewind().map_err(name)?;
    let line = serde_json::to_string(holder).map_err(|error| name(error.into()))?;
    writeln!(file, "{line}").map_err(name)?;
    Ok(Some(file))
}

fn held(dir: &StateDir, path: &Path) -> String {
    let holder =
        std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str::<Holder>(&text).ok());
    let who = holder.map_or_else(
        || "another helper".to_owned(),
        |holder| format!("the helper {} of run {}", holder.pid, holder.run_id),
    );
    format!(
        "the state folder {} is held by {who}; look at it with `miyabi status`, or choose another folder with --state-dir",
        dir.root().display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRIEF: Duration = Duration::from_millis(50);

    fn hello(run_id: &str, epoch: u32) -> Hello {
        Hello {
            version: 1,
            run_id: run_id.to_owned(),
            epoch,
            link: 1,
            owner: String::new(),
            host: None,
            elsewhere: Vec::new(),
            silent_seconds: None,
            lease_seconds: None,
            state_dir: String::new(),
            session: String::new(),
            window_options: Vec::new(),
            monitor: Vec::new(),
            windows: Vec::new(),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_holder_is_named_and_an_older_backend_refused() {
        let base = tempfile::tempdir().expect("folder");
        let dir = StateDir::open(&base.path().join("state")).expect("made");
        let first = FolderLock::take(&dir, &hello("r1", 2), BRIEF).await.expect("free");
        let refused = FolderLock::take(&dir, &hello("r2", 1), BRIEF).await.err().expect("held");
        assert!(refused.contains("r1") && refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        let old = FolderLock::take(&dir, &hello("r1", 1), BRIEF).await.err().expect("older");
        assert!(old.contains("epoch 1"), "{old}");
        let mut next = FolderLock::take(&dir, &hello("r1", 3), BRIEF).await.expect("newer");
        std::fs::remove_dir_all(dir.root()).expect("wiped");
        StateDir::open(dir.root()).expect("made again");
        next.renew(&dir).expect("taken again");
        assert!(FolderLock::take(&dir, &hello("r1", 4), BRIEF).await.is_err());
    }
}
